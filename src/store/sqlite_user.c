/*
 * The sessions of a user, found by the index on the value @user, the limit of
 * them, and counters. All within a transaction of the caller's: as SQLite has
 * one writer, what was counted there is still so when it is written.
 */
#include "store/sqlite_ops.h"

#include "base/clock.h"
#include "store/sqlite_schema.h"

/* The parameters that all statements about a user begin with. */
static void bind_user(struct kri_sqlite_file *file,
		      enum kri_sqlite_statement which, struct kri_text user,
		      int64_t now)
{
	kri_sqlite_bind_bytes(file, which, 1, user);
	kri_sqlite_bind_int(file, which, 2, now);
}

static void bind_id(struct kri_sqlite_file *file,
		    enum kri_sqlite_statement which, int parameter,
		    const char *id)
{
	if (id)
		kri_sqlite_bind_text(file, which, parameter, kri_text_of(id));
	else
		kri_sqlite_bind_null(file, which, parameter);
}

/* Ends sessions by a statement about a user, whose parameters are bound; their
 * values go by another. */
static enum kr_err end_by(struct kri_sqlite_file *file,
			  enum kri_sqlite_statement which, struct kri_text user,
			  int64_t *ended)
{
	enum kr_err err = kri_sqlite_run(file, which);

	*ended = err ? 0 : sqlite3_changes(file->db);
	if (!*ended)
		return err;
	kri_sqlite_bind_bytes(file, KRI_SQLITE_USER_END_VALUES, 1, user);
	return kri_sqlite_run(file, KRI_SQLITE_USER_END_VALUES);
}

/* ---- the limit -------------------------------------------------------- */

enum kr_err kri_sqlite_user_refuse(struct kri_sqlite_file *file,
				   const struct kri_record *record, int64_t now)
{
	const struct kri_config *config = file->config;
	sqlite3_stmt *row;
	int64_t n = 0;
	enum kr_err err;

	if (!config->max_per_user ||
	    config->max_per_user_rule != KRI_USER_REFUSE)
		return KR_OK;
	bind_user(file, KRI_SQLITE_USER_COUNT, record->user, now);
	bind_id(file, KRI_SQLITE_USER_COUNT, 3, record->id);
	err = kri_sqlite_row(file, KRI_SQLITE_USER_COUNT, &row);
	if (err || !row)
		return err;
	n = sqlite3_column_int64(row, 0);
	kri_sqlite_end_rows(file, KRI_SQLITE_USER_COUNT);
	return n < config->max_per_user ? KR_OK : KR_ERR_SESSIONS;
}

enum kr_err kri_sqlite_user_limit(struct kri_sqlite_file *file,
				  const struct kri_record *record, int64_t now)
{
	const struct kri_config *config = file->config;
	int64_t ended;

	if (!config->max_per_user ||
	    config->max_per_user_rule == KRI_USER_REFUSE)
		return KR_OK;
	bind_user(file, KRI_SQLITE_USER_LIMIT, record->user, now);
	bind_id(file, KRI_SQLITE_USER_LIMIT, 3, record->id);
	kri_sqlite_bind_int(file, KRI_SQLITE_USER_LIMIT, 4,
			    config->max_per_user - 1);
	return end_by(file, KRI_SQLITE_USER_LIMIT, record->user, &ended);
}

/* ---- the operations --------------------------------------------------- */

/* Twice as many each time there is no room. */
static enum kr_err add_id(struct kri_user_query *query, struct kri_text id)
{
	bool full = !(query->n & (query->n - 1));
	const char **ids = query->ids;

	if (full)
		ids = kri_arena_alloc(query->arena,
				      (query->n ? 2 * query->n : 1) *
					      sizeof(*ids));
	id = kri_arena_dup(query->arena, id);
	if (!ids || !id.data)
		return KR_ERR_MEMORY;
	if (full && query->n)
		memcpy(ids, query->ids, query->n * sizeof(*ids));
	query->ids = ids;
	query->ids[query->n++] = id.data;
	return KR_OK;
}

static enum kr_err take_id(struct kri_user_query *query, sqlite3_stmt *row)
{
	const char *id = (const char *)sqlite3_column_text(row, 0);

	if (!id || sqlite3_column_bytes(row, 0) != KRI_ID_LEN)
		return KR_OK; /* none of ours */
	return add_id(query, kri_text(id, KRI_ID_LEN));
}

enum kr_err kri_sqlite_list_user(struct kri_sqlite_file *file,
				 struct kri_user_query *query)
{
	sqlite3_stmt *row;
	enum kr_err err;

	query->n = 0;
	bind_user(file, KRI_SQLITE_USER_LIST, query->user,
		  kri_clock_epoch_ms());
	err = kri_sqlite_row(file, KRI_SQLITE_USER_LIST, &row);
	while (!err && row) {
		err = take_id(query, row);
		if (!err)
			err = kri_sqlite_row(file, KRI_SQLITE_USER_LIST, &row);
	}
	kri_sqlite_end_rows(file, KRI_SQLITE_USER_LIST);
	return err;
}

enum kr_err kri_sqlite_end_user(struct kri_sqlite_file *file,
				struct kri_user_query *query)
{
	bind_user(file, KRI_SQLITE_USER_END, query->user, kri_clock_epoch_ms());
	bind_id(file, KRI_SQLITE_USER_END, 3, query->keep);
	bind_id(file, KRI_SQLITE_USER_END, 4, query->only);
	return end_by(file, KRI_SQLITE_USER_END, query->user, &query->ended);
}

static enum kri_sqlite_statement bind_counter(struct kri_sqlite_file *file,
					      const struct kri_counter *counter,
					      int64_t now)
{
	enum kri_sqlite_statement which =
		counter->add ? KRI_SQLITE_COUNT : KRI_SQLITE_COUNTED;

	kri_sqlite_bind_bytes(file, which, 1, counter->name);
	if (!counter->add) {
		kri_sqlite_bind_int(file, which, 2, now);
		return which;
	}
	kri_sqlite_bind_int(file, which, 2, counter->add);
	kri_sqlite_bind_int(file, which, 3, now + counter->ttl);
	kri_sqlite_bind_int(file, which, 4, now);
	return which;
}

enum kr_err kri_sqlite_count(struct kri_sqlite_file *file,
			     struct kri_counter *counter)
{
	int64_t now = kri_clock_epoch_ms();
	enum kri_sqlite_statement which;
	sqlite3_stmt *row;
	enum kr_err err;

	counter->value = counter->left = 0;
	if (!kri_sqlite_has(file, KRI_SQLITE_COUNT))
		return kri_sqlite_refuse(file, KR_ERR_UNAVAILABLE,
					 "has no table of counters yet");
	which = bind_counter(file, counter, now);
	err = kri_sqlite_row(file, which, &row);
	if (err || !row)
		return err;
	counter->value = sqlite3_column_int64(row, 0);
	counter->left = sqlite3_column_int64(row, 1) - now;
	kri_sqlite_end_rows(file, which);
	return KR_OK;
}
