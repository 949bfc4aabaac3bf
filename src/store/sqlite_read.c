/*
 * Rows to records. Trusts nothing: each column's type is checked, and what
 * lies under our name must be one of our sessions.
 */
#include "store/sqlite_ops.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/log.h"

#define STEP 512 /* ids of a step of the listing */

/* The columns of KRI_SQLITE_LOAD. */
enum { AUTH, WAS, WAS_AT, BORN, VERSION, SEEN, ENDS, KEY, DATA };

static enum kr_err complain(const char *id, const char *words)
{
	struct kri_log_ids ids = {.session = id};
	static _Atomic int64_t next;

	if (kri_log_is_due(&next))
		kri_log(KRI_LOG_ERROR, &ids, "sqlite: %s", words);
	return KR_ERR_PROTOCOL;
}

static struct kri_text bytes_of(sqlite3_stmt *row, int column)
{
	const void *data = sqlite3_column_blob(row, column);

	return kri_text(data, (size_t)sqlite3_column_bytes(row, column));
}

static bool read_digest(sqlite3_stmt *row, int column,
			unsigned char out[KRI_DIGEST_SIZE])
{
	struct kri_text bytes = bytes_of(row, column);

	if (!bytes.data || bytes.len != KRI_DIGEST_SIZE)
		return false;
	memcpy(out, bytes.data, KRI_DIGEST_SIZE);
	return true;
}

static enum kr_err read_session(sqlite3_stmt *row, struct kri_record *copy,
				int64_t now)
{
	bool whole = read_digest(row, AUTH, copy->auth);

	if (sqlite3_column_type(row, WAS) != SQLITE_NULL)
		whole &= read_digest(row, WAS, copy->was);
	copy->was_at = sqlite3_column_int64(row, WAS_AT);
	copy->born = sqlite3_column_int64(row, BORN);
	copy->version = sqlite3_column_int64(row, VERSION);
	copy->seen = sqlite3_column_int64(row, SEEN);
	copy->left = sqlite3_column_int64(row, ENDS) - now;
	if (!whole || copy->born <= 0 || copy->version <= 0)
		return complain(copy->id, "not a session");
	return KR_OK;
}

/* Bounds what a session of larger limits can make us hold. The limits may have
 * been higher when it was written: so twice what they are. */
static bool is_giant(const struct kri_sqlite_file *file,
		     const struct kri_record *copy, size_t size)
{
	return size > 2 * (size_t)file->config->max_size ||
	       copy->n > 2 * (size_t)file->config->max_values;
}

static enum kr_err read_value(sqlite3_stmt *row, struct kri_record *copy)
{
	struct kri_text key = bytes_of(row, KEY), data = bytes_of(row, DATA);
	struct kri_value *to;

	if (copy->n == copy->cap &&
	    kri_record_reserve(copy, copy->n ? copy->n : 4))
		return KR_ERR_MEMORY;
	to = &copy->values[copy->n];
	*to = (struct kri_value){
		.key = kri_arena_dup(copy->arena, key),
		.data = kri_arena_dup(copy->arena, data),
	};
	if (!to->key.data || !to->data.data)
		return KR_ERR_MEMORY;
	copy->n++;
	return KR_OK;
}

/* From the first row on, to the last. */
static enum kr_err read_rows(struct kri_sqlite_file *file, sqlite3_stmt *row,
			     struct kri_record *copy, int64_t now)
{
	enum kr_err err = read_session(row, copy, now);
	size_t size = 0;

	while (!err && row && sqlite3_column_type(row, KEY) != SQLITE_NULL) {
		size += bytes_of(row, KEY).len + bytes_of(row, DATA).len;
		if (is_giant(file, copy, size))
			err = complain(copy->id,
				       "larger than a session may be");
		else
			err = read_value(row, copy);
		if (!err)
			err = kri_sqlite_row(file, KRI_SQLITE_LOAD, &row);
	}
	return err;
}

static enum kr_err load(struct kri_sqlite_file *file, struct kri_record *copy)
{
	int64_t now = kri_clock_epoch_ms();
	sqlite3_stmt *row;
	enum kr_err err;

	kri_sqlite_bind_text(file, KRI_SQLITE_LOAD, 1,
			     kri_text(copy->id, KRI_ID_LEN));
	kri_sqlite_bind_int(file, KRI_SQLITE_LOAD, 2, now);
	err = kri_sqlite_row(file, KRI_SQLITE_LOAD, &row);
	if (err)
		return err;
	if (!row)
		return KR_ERR_NOT_FOUND;
	err = read_rows(file, row, copy, now);
	kri_sqlite_end_rows(file, KRI_SQLITE_LOAD);
	return err;
}

/* ---- the listing ------------------------------------------------------ */

/* What is no id of ours was put there by somebody else. */
static bool is_id(struct kri_text id)
{
	unsigned char bytes[KRI_ID_SIZE];

	return !kri_base64url_decode(id, bytes, sizeof(bytes));
}

static enum kr_err take_id(struct kri_listing *walk, struct kri_text id)
{
	struct kri_text copy = kri_arena_dup(walk->arena, id);

	if (!copy.data)
		return KR_ERR_MEMORY;
	walk->ids[walk->n++] = copy.data;
	return KR_OK;
}

static enum kr_err list_rows(struct kri_sqlite_file *file,
			     struct kri_listing *walk)
{
	sqlite3_stmt *row;
	size_t rows = 0;
	enum kr_err err = kri_sqlite_row(file, KRI_SQLITE_LIST, &row);

	while (!err && row) {
		struct kri_text id = bytes_of(row, 0);

		rows++;
		if (is_id(id))
			err = take_id(walk, id);
		snprintf(walk->last, sizeof(walk->last), "%.*s", (int)id.len,
			 id.data ? id.data : "");
		if (!err)
			err = kri_sqlite_row(file, KRI_SQLITE_LIST, &row);
	}
	kri_sqlite_end_rows(file, KRI_SQLITE_LIST);
	walk->end = rows < STEP;
	return err;
}

static enum kr_err list(struct kri_sqlite_file *file, struct kri_listing *walk)
{
	char last[KRI_ID_LEN + 1];

	walk->n = 0;
	walk->ids = kri_arena_alloc(walk->arena, STEP * sizeof(*walk->ids));
	if (!walk->ids)
		return KR_ERR_MEMORY;
	memcpy(last, walk->last, sizeof(last));
	kri_sqlite_bind_text(file, KRI_SQLITE_LIST, 1, kri_text_of(last));
	kri_sqlite_bind_int(file, KRI_SQLITE_LIST, 2, kri_clock_epoch_ms());
	kri_sqlite_bind_int(file, KRI_SQLITE_LIST, 3, STEP);
	return list_rows(file, walk);
}

/* ---- a job ------------------------------------------------------------ */

/* An error of one record leaves the others as they are; but where the file
 * cannot be read, it fails for each of them. */
static void read_in_transaction(struct kri_sqlite_file *file,
				struct kri_sqlite_job *job)
{
	if (job->listing)
		job->walk.err = list(file, &job->walk);
	if (job->query)
		job->asked.err = kri_sqlite_list_user(file, &job->asked);
	if (job->counter)
		job->counted.err = kri_sqlite_count(file, &job->counted);
	for (size_t i = 0; i < job->n; i++)
		job->copies[i].err = load(file, &job->copies[i]);
}

void kri_sqlite_read(struct kri_sqlite_file *file, struct kri_sqlite_job *job)
{
	enum kr_err err;

	if (job->examination) {
		kri_sqlite_examine_file(file, job);
		return;
	}
	err = kri_sqlite_begin_read(file);
	if (err) {
		kri_sqlite_job_fail_copies(job, err);
		return;
	}
	read_in_transaction(file, job);
	/* It has written nothing, so that nothing depends on its end. */
	(void)!kri_sqlite_commit(file);
}
