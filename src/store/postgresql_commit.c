/*
 * Commits: a batch is one transaction, of up to five statements that go out
 * and come back in one piece; and one for each session that the limit of its
 * user may be against, as two of one batch would not see each other. What one
 * record demands in vain is an answer and no error, so no record's fate is
 * another's; should the database refuse the transaction for one of them, each
 * is tried alone.
 */
#include "store/postgresql_link.h"

#include "base/clock.h"

/* ---- parameters --------------------------------------------------------- */

static size_t count_of(const struct kri_postgresql_batch *batch,
		       enum kri_operation operation)
{
	size_t n = 0;

	for (size_t i = 0; i < batch->n; i++)
		n += batch->records[i]->operation == operation;
	return n;
}

/* The records of that operation, one after another. */
#define EACH(batch, op, record)                                                \
	for (size_t i_ = 0; i_ < (batch)->n; i_++)                             \
		if (((record) = (batch)->records[i_])->operation == (op))

static struct kri_text id_of(const struct kri_record *record)
{
	return kri_text(record->id, KRI_ID_LEN);
}

void kri_postgresql_put_id(struct kri_pg_params *params,
			   const struct kri_record *record)
{
	kri_pg_put_text(params, id_of(record));
}

static void put_ids(struct kri_postgresql_batch *batch, enum kri_operation op)
{
	struct kri_pg_params *params = &batch->link->params;
	const struct kri_record *record;

	kri_pg_put_array(params, KRI_PG_TEXT, count_of(batch, op));
	EACH(batch, op, record)
	kri_pg_put_text(params, id_of(record));
}

/* An element of an array for each record, by `put`. */
static void put_each(struct kri_postgresql_batch *batch, enum kri_operation op,
		     enum kri_pg_type type,
		     void (*put)(struct kri_pg_params *params,
				 const struct kri_record *record))
{
	struct kri_pg_params *params = &batch->link->params;
	const struct kri_record *record;

	kri_pg_put_array(params, type, count_of(batch, op));
	EACH(batch, op, record)
	put(params, record);
}

static void put_auth(struct kri_pg_params *params,
		     const struct kri_record *record)
{
	kri_pg_put_text(params,
			kri_text((const char *)record->auth, KRI_DIGEST_SIZE));
}

static void put_born(struct kri_pg_params *params,
		     const struct kri_record *record)
{
	kri_pg_put_time(params, record->born * 1000);
}

void kri_postgresql_put_ttl(struct kri_pg_params *params,
			    const struct kri_record *record)
{
	kri_pg_put_int(params, record->ttl);
}

static void put_exact(struct kri_pg_params *params,
		      const struct kri_record *record)
{
	if (record->exact)
		kri_pg_put_int(params, record->version);
	else
		kri_pg_put_null(params);
}

static void put_was(struct kri_pg_params *params,
		    const struct kri_record *record)
{
	if (record->renewed)
		kri_pg_put_text(params, kri_text((const char *)record->was,
						 KRI_DIGEST_SIZE));
	else
		kri_pg_put_null(params);
}

static void put_new_auth(struct kri_pg_params *params,
			 const struct kri_record *record)
{
	if (record->renewed)
		put_auth(params, record);
	else
		kri_pg_put_null(params);
}

/* Of a digest to be kept, or to be taken away if it is still of that time. */
void kri_postgresql_put_was_at(struct kri_pg_params *params,
			       const struct kri_record *record)
{
	if (record->renewed || record->outlived)
		kri_pg_put_time(params, record->was_at);
	else
		kri_pg_put_null(params);
}

/* ---- values ------------------------------------------------------------- */

static size_t count_values(const struct kri_postgresql_batch *batch,
			   enum kri_operation op, enum kri_change change)
{
	const struct kri_record *record;
	size_t n = 0;

	EACH(batch, op, record)
	for (size_t i = 0; i < record->n; i++)
		n += record->values[i].change == change;
	return n;
}

/* Their sessions' ids, their keys, and their data if they are set: an array
 * each. */
enum part { IDS, KEYS, DATA };

static void put_part(struct kri_postgresql_batch *batch, enum kri_operation op,
		     enum kri_change change, enum part part)
{
	struct kri_pg_params *params = &batch->link->params;
	const struct kri_record *record;

	kri_pg_put_array(params, part == IDS ? KRI_PG_TEXT : KRI_PG_BYTEA,
			 count_values(batch, op, change));
	EACH(batch, op, record)
	for (size_t i = 0; i < record->n; i++) {
		const struct kri_value *value = &record->values[i];

		if (value->change == change)
			kri_pg_put_text(params, part == IDS    ? id_of(record)
						: part == KEYS ? value->key
							       : value->data);
	}
}

static void put_values(struct kri_postgresql_batch *batch,
		       enum kri_operation op, enum kri_change change)
{
	put_part(batch, op, change, IDS);
	put_part(batch, op, change, KEYS);
	if (change == KRI_CHANGE_SET)
		put_part(batch, op, change, DATA);
}

/* ---- statements --------------------------------------------------------- */

static struct kri_pg_params *begin_params(struct kri_postgresql_batch *batch)
{
	kri_pg_params_clear(&batch->link->params);
	return &batch->link->params;
}

static void send_lock(struct kri_postgresql_batch *batch,
		      struct kri_pg_client *client)
{
	struct kri_pg_params *params = begin_params(batch);

	kri_pg_put_array(params, KRI_PG_TEXT, batch->n);
	for (size_t i = 0; i < batch->n; i++)
		kri_pg_put_text(params, id_of(batch->records[i]));
	kri_pg_send(client, KRI_SQL_LOCK, params);
}

static void send_end(struct kri_postgresql_batch *batch,
		     struct kri_pg_client *client)
{
	struct kri_pg_params *params = begin_params(batch);
	size_t n = count_of(batch, KRI_OP_CREATE) +
		   count_of(batch, KRI_OP_DESTROY);
	const struct kri_record *record;

	kri_pg_put_array(params, KRI_PG_TEXT, n);
	EACH(batch, KRI_OP_CREATE, record)
	kri_pg_put_text(params, id_of(record));
	EACH(batch, KRI_OP_DESTROY, record)
	kri_pg_put_text(params, id_of(record));
	kri_pg_put_array(params, KRI_PG_BOOL, n);
	EACH(batch, KRI_OP_CREATE, record)
	kri_pg_put_bool(params, false);
	EACH(batch, KRI_OP_DESTROY, record)
	kri_pg_put_bool(params, true);
	kri_pg_send(client, KRI_SQL_END, params);
}

static void send_create(struct kri_postgresql_batch *batch,
			struct kri_pg_client *client)
{
	struct kri_pg_params *params = begin_params(batch);

	put_ids(batch, KRI_OP_CREATE);
	put_each(batch, KRI_OP_CREATE, KRI_PG_BYTEA, put_auth);
	put_each(batch, KRI_OP_CREATE, KRI_PG_TIMESTAMPTZ, put_born);
	put_each(batch, KRI_OP_CREATE, KRI_PG_INT8, kri_postgresql_put_ttl);
	kri_pg_put_time(params, batch->now);
	put_values(batch, KRI_OP_CREATE, KRI_CHANGE_SET);
	if (batch->within)
		kri_postgresql_put_room(batch);
	kri_pg_send(client,
		    batch->within ? KRI_SQL_CREATE_WITHIN : KRI_SQL_CREATE,
		    params);
}

static void send_update(struct kri_postgresql_batch *batch,
			struct kri_pg_client *client)
{
	struct kri_pg_params *params = begin_params(batch);

	put_ids(batch, KRI_OP_UPDATE);
	put_each(batch, KRI_OP_UPDATE, KRI_PG_INT8, put_exact);
	put_each(batch, KRI_OP_UPDATE, KRI_PG_BYTEA, put_was);
	put_each(batch, KRI_OP_UPDATE, KRI_PG_BYTEA, put_new_auth);
	put_each(batch, KRI_OP_UPDATE, KRI_PG_TIMESTAMPTZ,
		 kri_postgresql_put_was_at);
	put_each(batch, KRI_OP_UPDATE, KRI_PG_INT8, kri_postgresql_put_ttl);
	kri_pg_put_time(params, batch->now);
	put_values(batch, KRI_OP_UPDATE, KRI_CHANGE_SET);
	put_values(batch, KRI_OP_UPDATE, KRI_CHANGE_REMOVED);
	if (batch->within)
		kri_postgresql_put_room(batch);
	kri_pg_send(client,
		    batch->within ? KRI_SQL_UPDATE_WITHIN : KRI_SQL_UPDATE,
		    params);
}

/* Two statements of one that is limited, one of others. */
static void send_locks(struct kri_postgresql_batch *batch,
		       struct kri_pg_client *client)
{
	if (batch->within)
		kri_postgresql_send_enter(batch, client);
	if (!batch->within || kri_postgresql_refuses(batch->link))
		send_lock(batch, client);
}

static void put(struct kri_pg_job *job, struct kri_pg_client *client)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;
	size_t creates = count_of(batch, KRI_OP_CREATE);
	size_t updates = count_of(batch, KRI_OP_UPDATE);

	send_locks(batch, client);
	if (updates < batch->n)
		send_end(batch, client);
	if (creates)
		send_create(batch, client);
	if (updates)
		send_update(batch, client);
	if (batch->within && !kri_postgresql_refuses(batch->link))
		kri_postgresql_send_limit(batch, client);
}

/* ---- what came of it ---------------------------------------------------- */

static enum kr_err fate_of(int64_t version)
{
	switch (version) {
	case KRI_SQL_GONE:
		return KR_ERR_GONE;
	case KRI_SQL_CONFLICT:
		return KR_ERR_CONFLICT;
	case KRI_SQL_RENEWED:
		return KR_ERR_RENEWED;
	case KRI_SQL_SESSIONS:
		return KR_ERR_SESSIONS;
	default:
		return version > 0 ? KR_OK : KR_ERR_PROTOCOL;
	}
}

static struct kri_record *find(const struct kri_postgresql_batch *batch,
			       struct kri_text id)
{
	for (size_t i = 0; i < batch->n; i++)
		if (kri_text_equal(id_of(batch->records[i]), id))
			return batch->records[i];
	return NULL;
}

/* Rows of an id and a version. Records that have none get `otherwise`. */
static void read_versions(struct kri_postgresql_batch *batch,
			  enum kri_operation op, const struct kri_pg_rows *rows,
			  enum kr_err otherwise)
{
	struct kri_record *record;
	int64_t version;

	EACH(batch, op, record)
	record->err = otherwise;
	for (size_t i = 0; i < kri_pg_rows_count(rows); i++) {
		record = find(batch, kri_pg_field(rows, i, 0));
		if (!record || !kri_pg_field_int(rows, i, 1, &version))
			continue;
		record->err = fate_of(version);
		if (!record->err)
			record->version = version;
	}
}

static void read_all(struct kri_postgresql_batch *batch)
{
	struct kri_pg_rows **rows = batch->job.rows + (batch->within ? 2 : 1);
	size_t updates = count_of(batch, KRI_OP_UPDATE);

	for (size_t i = 0; i < batch->n; i++)
		batch->records[i]->err = KR_OK;
	if (updates < batch->n)
		rows++;
	if (count_of(batch, KRI_OP_CREATE))
		read_versions(batch, KRI_OP_CREATE, *rows++, KR_ERR_CONFLICT);
	if (updates)
		read_versions(batch, KRI_OP_UPDATE, *rows, KR_ERR_PROTOCOL);
}

static void submit(struct kri_postgresql_batch *batch);

/* ---- a batch in parts ---------------------------------------------------- */

/* Who waits for the whole is told after the last part. */
static void part_done(void *arg)
{
	struct kri_postgresql_batch *whole = arg;

	if (!--whole->n)
		kri_postgresql_batch_done(whole);
}

static void submit_part(struct kri_postgresql_batch *whole,
			struct kri_record **records, size_t n)
{
	struct kri_postgresql_batch *part =
		kri_postgresql_batch_take(whole->link, n);

	for (size_t i = 0; i < n && !part; i++)
		records[i]->err = KR_ERR_MEMORY;
	if (!part)
		return;
	memcpy(part->records, records, n * sizeof(struct kri_record *));
	part->n = n;
	part->now = whole->now;
	part->done = part_done;
	part->arg = whole;
	whole->n++;
	submit(part);
}

/* The first `together` in one part, the others each alone. */
static void submit_parts(struct kri_postgresql_batch *whole, size_t together)
{
	size_t n = whole->n;

	whole->n = 1; /* until all are on their way */
	if (together)
		submit_part(whole, whole->records, together);
	for (size_t i = together; i < n; i++)
		submit_part(whole, &whole->records[i], 1);
	part_done(whole);
}

/* Those that are limited go behind the others. Returns how many these are. */
static size_t put_limited_last(struct kri_postgresql_batch *batch)
{
	size_t free = 0;

	for (size_t i = 0; i < batch->n; i++) {
		struct kri_record *record = batch->records[i];

		if (kri_postgresql_is_limited(batch->link, record))
			continue;
		batch->records[i] = batch->records[free];
		batch->records[free++] = record;
	}
	return free;
}

static void committed(struct kri_pg_job *job)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;

	if (job->undone && job->err != KR_ERR_DENIED && batch->n > 1) {
		submit_parts(batch, 0); /* maybe for one of them */
		return;
	}
	for (size_t i = 0; i < batch->n; i++)
		batch->records[i]->err = job->err;
	if (!job->err)
		read_all(batch);
	kri_postgresql_batch_done(batch);
}

/* An update done twice would be counted twice. A creation finds itself, and
 * an end nothing. */
static void submit(struct kri_postgresql_batch *batch)
{
	batch->within =
		batch->n == 1 &&
		kri_postgresql_is_limited(batch->link, batch->records[0]);
	batch->job.put = put;
	batch->job.done = committed;
	batch->job.repeatable = !count_of(batch, KRI_OP_UPDATE);
	kri_postgresql_batch_submit(batch);
}

/* ---- the operation ------------------------------------------------------ */

static size_t count_touches(struct kri_record **records, size_t n)
{
	size_t touches = 0;

	for (size_t i = 0; i < n; i++)
		touches += records[i]->operation == KRI_OP_TOUCH;
	return touches;
}

void kri_postgresql_commit(struct kri_link *base, struct kri_record **records,
			   size_t n, kri_store_done *done, void *arg)
{
	struct kri_postgresql_link *link = (struct kri_postgresql_link *)base;
	size_t touches = count_touches(records, n);
	struct kri_postgresql_batch *batch = NULL;
	size_t together;

	if (touches < n)
		batch = kri_postgresql_batch_take(link, n - touches);
	for (size_t i = 0; i < n; i++) {
		bool is_touch = records[i]->operation == KRI_OP_TOUCH;

		records[i]->err = is_touch ? KR_OK : KR_ERR_MEMORY;
		if (!is_touch && batch)
			batch->records[batch->n++] = records[i];
	}
	if (touches)
		kri_postgresql_touch(link, records, n, touches);
	kri_postgresql_sweep_at_times(link);
	if (!batch) {
		done(arg);
		return;
	}
	batch->now = kri_clock_epoch_ms();
	batch->done = done;
	batch->arg = arg;
	together = put_limited_last(batch);
	if (together < batch->n && batch->n > 1)
		submit_parts(batch, together);
	else
		submit(batch);
}
