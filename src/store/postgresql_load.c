/*
 * Loads, and looks: a batch is one execution of one statement, which writes
 * nothing. Trusts nothing that is stored.
 */
#include "store/postgresql_link.h"

/* As the statement has them. */
enum column {
	NUMBER,
	AUTH,
	WAS,
	WAS_AT,
	BORN,
	VERSION,
	SEEN,
	COUNT,
	KEYS,
	DATA,
	LEFT
};

/* Twice what a session at all limits takes: the limits may have been higher
 * when it was written. */
static int64_t room_of(const struct kri_postgresql_link *link)
{
	const struct kri_postgresql_store *store =
		(const struct kri_postgresql_store *)link->base.store;

	return 2 * store->config->max_size;
}

static void put(struct kri_pg_job *job, struct kri_pg_client *client)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;
	struct kri_pg_params *params = &batch->link->params;

	kri_pg_params_clear(params);
	kri_pg_put_array(params, KRI_PG_TEXT, batch->n);
	for (size_t i = 0; i < batch->n; i++)
		kri_pg_put_text(params,
				kri_text(batch->records[i]->id, KRI_ID_LEN));
	kri_pg_put_int(params, room_of(batch->link));
	kri_pg_send(client, batch->peek ? KRI_SQL_PEEK : KRI_SQL_LOAD, params);
}

/* ---- what came ---------------------------------------------------------- */

static bool read_digest(const struct kri_pg_rows *rows, size_t row,
			size_t column, unsigned char out[KRI_DIGEST_SIZE])
{
	struct kri_text field = kri_pg_field(rows, row, column);

	if (field.len != KRI_DIGEST_SIZE)
		return false;
	memcpy(out, field.data, KRI_DIGEST_SIZE);
	return true;
}

static bool read_own(const struct kri_pg_rows *rows, size_t row,
		     struct kri_record *record)
{
	bool renewed = kri_pg_field(rows, row, WAS).data;

	if (!kri_pg_field_time(rows, row, BORN, &record->born) ||
	    !kri_pg_field_time(rows, row, SEEN, &record->seen) ||
	    !kri_pg_field_int(rows, row, VERSION, &record->version) ||
	    !read_digest(rows, row, AUTH, record->auth))
		return false;
	record->born /= 1000;
	return !renewed ||
	       (read_digest(rows, row, WAS, record->was) &&
		kri_pg_field_time(rows, row, WAS_AT, &record->was_at));
}

static enum kr_err add_value(struct kri_record *record, struct kri_text key,
			     struct kri_text data)
{
	struct kri_value value = {
		.key = kri_arena_dup(record->arena, key),
		.data = kri_arena_dup(record->arena, data),
	};

	if (!value.key.data || !value.data.data)
		return KR_ERR_MEMORY;
	record->values[record->n++] = value;
	return KR_OK;
}

static enum kr_err read_values(const struct kri_pg_rows *rows, size_t row,
			       struct kri_record *record)
{
	struct kri_pg_array keys, data;
	struct kri_text key, value;
	enum kr_err err = KR_OK;
	int64_t n;

	if (!kri_pg_field_int(rows, row, COUNT, &n) ||
	    !kri_pg_field_array(rows, row, KEYS, KRI_PG_BYTEA, &keys) ||
	    !kri_pg_field_array(rows, row, DATA, KRI_PG_BYTEA, &data) ||
	    keys.left != (size_t)n || data.left != (size_t)n)
		return KR_ERR_PROTOCOL; /* too large, if not worse */
	if (n)
		err = kri_record_reserve(record, (size_t)n);
	while (!err && keys.left) {
		if (!kri_pg_array_next(&keys, &key) ||
		    !kri_pg_array_next(&data, &value))
			return KR_ERR_PROTOCOL;
		err = add_value(record, key, value);
	}
	return err;
}

static enum kr_err read_record(const struct kri_pg_rows *rows, size_t row,
			       struct kri_record *record, bool peek)
{
	enum kr_err err = KR_ERR_PROTOCOL;

	if (read_own(rows, row, record) && record->version > 0 &&
	    (!peek || kri_pg_field_int(rows, row, LEFT, &record->left)))
		err = read_values(rows, row, record);
	if (err == KR_ERR_PROTOCOL)
		kri_postgresql_complain(record->id,
					"load: the row is none of ours, or "
					"larger than twice session.max_size");
	if (err)
		kri_record_clear(record);
	return err;
}

static void read_all(struct kri_postgresql_batch *batch)
{
	const struct kri_pg_rows *rows = batch->job.rows[0];
	size_t n = kri_pg_rows_count(rows);

	for (size_t row = 0; row < n; row++) {
		struct kri_record *record;
		int64_t i;

		if (!kri_pg_field_int(rows, row, NUMBER, &i) || i < 1 ||
		    (size_t)i > batch->n)
			continue;
		record = batch->records[i - 1];
		record->err = read_record(rows, row, record, batch->peek);
	}
}

static void loaded(struct kri_pg_job *job)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;

	for (size_t i = 0; i < batch->n; i++) {
		kri_record_clear(batch->records[i]);
		batch->records[i]->err = job->err ? job->err : KR_ERR_NOT_FOUND;
	}
	if (!job->err)
		read_all(batch);
	kri_postgresql_batch_done(batch);
}

/* ---- the operations ----------------------------------------------------- */

static void begin(struct kri_link *base, struct kri_record **records, size_t n,
		  bool peek, kri_store_done *done, void *arg)
{
	struct kri_postgresql_link *link = (struct kri_postgresql_link *)base;
	struct kri_postgresql_batch *batch =
		n ? kri_postgresql_batch_take(link, n) : NULL;

	for (size_t i = 0; i < n && !batch; i++)
		records[i]->err = KR_ERR_MEMORY;
	if (!batch) {
		done(arg);
		return;
	}
	memcpy(batch->records, records, n * sizeof(struct kri_record *));
	batch->n = n;
	batch->peek = peek;
	batch->done = done;
	batch->arg = arg;
	batch->job.put = put;
	batch->job.done = loaded;
	batch->job.repeatable = true;
	kri_postgresql_batch_submit(batch);
}

void kri_postgresql_load(struct kri_link *base, struct kri_record **records,
			 size_t n, kri_store_done *done, void *arg)
{
	begin(base, records, n, false, done, arg);
}

void kri_postgresql_peek(struct kri_link *base, struct kri_record **records,
			 size_t n, kri_store_done *done, void *arg)
{
	begin(base, records, n, true, done, arg);
}
