/*
 * What has ended is removed, sessions and counters, some at a time: a sweep of
 * all of it would hold up the writes of others.
 */
#include "store/sqlite_ops.h"

#include "base/clock.h"
#include "store/sqlite_schema.h"

#define BITE 256 /* of each kind that one sweep removes, at most */

static enum kr_err has_ended(struct kri_sqlite_file *file,
			     enum kri_sqlite_statement which, int64_t now,
			     bool *ended)
{
	sqlite3_stmt *row;
	enum kr_err err;

	*ended = false;
	if (!kri_sqlite_has(file, which))
		return KR_OK;
	kri_sqlite_bind_int(file, which, 1, now);
	err = kri_sqlite_row(file, which, &row);
	*ended = row != NULL;
	if (row)
		kri_sqlite_end_rows(file, which);
	return err;
}

static enum kr_err remove_some(struct kri_sqlite_file *file,
			       enum kri_sqlite_statement which, int64_t now,
			       size_t *removed)
{
	enum kr_err err;

	kri_sqlite_bind_int(file, which, 1, now);
	kri_sqlite_bind_int(file, which, 2, BITE);
	err = kri_sqlite_run(file, which);
	*removed = err ? 0 : (size_t)sqlite3_changes(file->db);
	return err;
}

/* Within a transaction the first two choose the same sessions. */
static enum kr_err remove_ended(struct kri_sqlite_file *file, int64_t now,
				struct kri_sqlite_bite *bite)
{
	size_t values, counters = 0;
	enum kr_err err =
		remove_some(file, KRI_SQLITE_SWEEP_VALUES, now, &values);

	if (!err)
		err = remove_some(file, KRI_SQLITE_SWEEP, now, &bite->sessions);
	if (!err && kri_sqlite_has(file, KRI_SQLITE_SWEEP_COUNTERS))
		err = remove_some(file, KRI_SQLITE_SWEEP_COUNTERS, now,
				  &counters);
	bite->more = bite->sessions == BITE || counters == BITE;
	return err;
}

enum kr_err kri_sqlite_sweep(struct kri_sqlite_file *file, bool patient,
			     struct kri_sqlite_bite *bite)
{
	int64_t now = kri_clock_epoch_ms();
	bool sessions = false, counters = false;
	enum kr_err err = has_ended(file, KRI_SQLITE_ENDED, now, &sessions);

	*bite = (struct kri_sqlite_bite){0};
	if (!err)
		err = has_ended(file, KRI_SQLITE_COUNTERS_ENDED, now,
				&counters);
	if (err || (!sessions && !counters))
		return err;
	err = kri_sqlite_begin(file, KRI_SQLITE_SPARE, patient);
	if (err)
		return err;
	err = kri_sqlite_end(file, remove_ended(file, now, bite));
	if (err)
		*bite = (struct kri_sqlite_bite){0};
	return err;
}
