/*
 * Records to rows. What links gave meanwhile is one transaction, which waits
 * for the disk once; each record in it has its own fate.
 */
#include "store/sqlite_ops.h"

#include "base/clock.h"

/* What became of the record, as against: the file failed. */
static bool is_fate(enum kr_err err)
{
	return !err || err == KR_ERR_GONE || err == KR_ERR_CONFLICT ||
	       err == KR_ERR_RENEWED || err == KR_ERR_SESSIONS;
}

static struct kri_text id_of(const struct kri_record *record)
{
	return kri_text(record->id, KRI_ID_LEN);
}

static struct kri_text digest(const unsigned char bytes[KRI_DIGEST_SIZE])
{
	return kri_text((const char *)bytes, KRI_DIGEST_SIZE);
}

/* ---- values ----------------------------------------------------------- */

static enum kr_err write_value(struct kri_sqlite_file *file,
			       const struct kri_record *record,
			       const struct kri_value *value)
{
	enum kri_sqlite_statement which = value->change == KRI_CHANGE_SET
						  ? KRI_SQLITE_SET
						  : KRI_SQLITE_REMOVE;

	kri_sqlite_bind_text(file, which, 1, id_of(record));
	kri_sqlite_bind_text(file, which, 2, value->key);
	if (value->change == KRI_CHANGE_SET)
		kri_sqlite_bind_bytes(file, which, 3, value->data);
	return kri_sqlite_run(file, which);
}

static enum kr_err write_values(struct kri_sqlite_file *file,
				const struct kri_record *record)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < record->n && !err; i++)
		if (record->values[i].change != KRI_CHANGE_KEPT)
			err = write_value(file, record, &record->values[i]);
	return err;
}

/* ---- one record ------------------------------------------------------- */

struct task {
	struct kri_sqlite_file *file;
	const struct kri_record *record;
	int64_t given;    /* when the store got it: its time begins then */
	int64_t now;      /* as of which its session lives or has ended */
	int64_t *version; /* that is stored */
};

/* The row as it is now, or *row is NULL. Columns: auth, version, lives. */
static enum kr_err look(const struct task *task, sqlite3_stmt **row)
{
	kri_sqlite_bind_text(task->file, KRI_SQLITE_LOOK, 1,
			     id_of(task->record));
	kri_sqlite_bind_int(task->file, KRI_SQLITE_LOOK, 2, task->now);
	return kri_sqlite_row(task->file, KRI_SQLITE_LOOK, row);
}

static bool has_digest(sqlite3_stmt *row,
		       const unsigned char bytes[KRI_DIGEST_SIZE])
{
	const void *found = sqlite3_column_blob(row, 0);

	return found && sqlite3_column_bytes(row, 0) == KRI_DIGEST_SIZE &&
	       !memcmp(found, bytes, KRI_DIGEST_SIZE);
}

static enum kr_err destroy(const struct task *task)
{
	struct kri_text id = id_of(task->record);
	enum kr_err err;

	kri_sqlite_bind_text(task->file, KRI_SQLITE_END_VALUES, 1, id);
	err = kri_sqlite_run(task->file, KRI_SQLITE_END_VALUES);
	if (err)
		return err;
	kri_sqlite_bind_text(task->file, KRI_SQLITE_END, 1, id);
	return kri_sqlite_run(task->file, KRI_SQLITE_END);
}

static enum kr_err insert(const struct task *task)
{
	const struct kri_record *record = task->record;
	struct kri_sqlite_file *file = task->file;
	int64_t ends = task->given + record->ttl;
	enum kr_err err;

	kri_sqlite_bind_text(file, KRI_SQLITE_CREATE, 1, id_of(record));
	kri_sqlite_bind_bytes(file, KRI_SQLITE_CREATE, 2, digest(record->auth));
	kri_sqlite_bind_int(file, KRI_SQLITE_CREATE, 3, record->born);
	kri_sqlite_bind_int(file, KRI_SQLITE_CREATE, 4, task->given);
	kri_sqlite_bind_int(file, KRI_SQLITE_CREATE, 5, ends);
	err = kri_sqlite_run(file, KRI_SQLITE_CREATE);
	if (err)
		return err;
	if (!sqlite3_changes(file->db))
		return KR_ERR_CONFLICT;
	*task->version = 1;
	return write_values(file, record);
}

/* One of that id is there: the same, if it was created twice; or it has ended
 * and was not swept yet, and then it makes place. */
static enum kr_err create_again(const struct task *task)
{
	sqlite3_stmt *row;
	bool same, lives;
	enum kr_err err = look(task, &row);

	if (err || !row)
		return err ? err : KR_ERR_CONFLICT;
	same = has_digest(row, task->record->auth);
	*task->version = sqlite3_column_int64(row, 1);
	lives = sqlite3_column_int(row, 2) != 0;
	kri_sqlite_end_rows(task->file, KRI_SQLITE_LOOK);
	if (lives)
		return same ? KR_OK : KR_ERR_CONFLICT;
	err = destroy(task);
	return err ? err : insert(task);
}

static enum kr_err create(const struct task *task)
{
	enum kr_err err = insert(task);

	return err == KR_ERR_CONFLICT ? create_again(task) : err;
}

static void bind_demands(const struct task *task,
			 enum kri_sqlite_statement which)
{
	const struct kri_record *record = task->record;
	struct kri_sqlite_file *file = task->file;

	kri_sqlite_bind_text(file, which, 1, id_of(record));
	kri_sqlite_bind_int(file, which, 2, task->now);
	for (int parameter = 3; parameter <= 6; parameter++)
		kri_sqlite_bind_null(file, which, parameter);
	if (record->exact)
		kri_sqlite_bind_int(file, which, 3, record->version);
	if (record->renewed || record->outlived)
		kri_sqlite_bind_int(file, which, 6, record->was_at);
	if (!record->renewed)
		return;
	kri_sqlite_bind_bytes(file, which, 4, digest(record->was));
	kri_sqlite_bind_bytes(file, which, 5, digest(record->auth));
}

/* Why the update found no row. Nobody else writes meanwhile. */
static enum kr_err find_reason(const struct task *task)
{
	const struct kri_record *record = task->record;
	sqlite3_stmt *row;
	enum kr_err err = look(task, &row);

	if (err || !row)
		return err ? err : KR_ERR_GONE;
	if (!sqlite3_column_int(row, 2))
		err = KR_ERR_GONE;
	else if (record->exact &&
		 sqlite3_column_int64(row, 1) != record->version)
		err = KR_ERR_CONFLICT;
	else
		err = KR_ERR_RENEWED;
	kri_sqlite_end_rows(task->file, KRI_SQLITE_LOOK);
	return err;
}

static enum kr_err update(const struct task *task)
{
	int64_t ttl = task->record->ttl;
	enum kri_sqlite_statement which =
		ttl ? KRI_SQLITE_UPDATE_AND_TOUCH : KRI_SQLITE_UPDATE;
	sqlite3_stmt *row;
	enum kr_err err;

	bind_demands(task, which);
	if (ttl) {
		kri_sqlite_bind_int(task->file, which, 7, task->given);
		kri_sqlite_bind_int(task->file, which, 8, task->given + ttl);
	}
	err = kri_sqlite_row(task->file, which, &row);
	if (err || !row)
		return err ? err : find_reason(task);
	*task->version = sqlite3_column_int64(row, 0);
	kri_sqlite_end_rows(task->file, which);
	return write_values(task->file, task->record);
}

static enum kr_err touch(const struct task *task)
{
	struct kri_sqlite_file *file = task->file;
	const struct kri_record *record = task->record;
	int64_t ends = task->given + record->ttl;

	kri_sqlite_bind_text(file, KRI_SQLITE_TOUCH, 1, id_of(record));
	kri_sqlite_bind_int(file, KRI_SQLITE_TOUCH, 2, task->now);
	kri_sqlite_bind_int(file, KRI_SQLITE_TOUCH, 3, task->given);
	kri_sqlite_bind_int(file, KRI_SQLITE_TOUCH, 4, ends);
	if (record->outlived)
		kri_sqlite_bind_int(file, KRI_SQLITE_TOUCH, 5, record->was_at);
	else
		kri_sqlite_bind_null(file, KRI_SQLITE_TOUCH, 5);
	return kri_sqlite_run(file, KRI_SQLITE_TOUCH);
}

static enum kr_err write_record(const struct task *task)
{
	switch (task->record->operation) {
	case KRI_OP_CREATE:
		return create(task);
	case KRI_OP_UPDATE:
		return update(task);
	case KRI_OP_TOUCH:
		return touch(task);
	case KRI_OP_DESTROY:
		return destroy(task);
	default:
		return KR_OK;
	}
}

/* Only who has been written costs others their place. */
static enum kr_err enter(const struct task *task)
{
	enum kr_err err =
		kri_sqlite_user_refuse(task->file, task->record, task->now);

	if (!err)
		err = write_record(task);
	if (!err)
		err = kri_sqlite_user_limit(task->file, task->record,
					    task->now);
	return err;
}

static enum kr_err carry_out(struct kri_sqlite_file *file,
			     struct kri_sqlite_job *job, size_t i)
{
	struct task task = {
		.file = file,
		.record = &job->copies[i],
		.given = job->now,
		.now = kri_clock_epoch_ms(),
		.version = &job->versions[i],
	};

	return task.record->entering ? enter(&task) : write_record(&task);
}

/* What is not about records; KR_OK if it is. */
static enum kr_err carry_out_other(struct kri_sqlite_file *file,
				   struct kri_sqlite_job *job)
{
	if (job->query)
		return job->asked.err = kri_sqlite_end_user(file, &job->asked);
	if (job->counter)
		return job->counted.err = kri_sqlite_count(file, &job->counted);
	return KR_OK;
}

/* ---- transactions ----------------------------------------------------- */

enum kr_err kri_sqlite_begin(struct kri_sqlite_file *file, int64_t spare,
			     bool patient)
{
	enum kr_err err =
		kri_sqlite_limit(file, file->config->file_limit + spare);

	return err ? err : kri_sqlite_begin_write(file, patient);
}

enum kr_err kri_sqlite_end(struct kri_sqlite_file *file, enum kr_err err)
{
	if (!err)
		return kri_sqlite_commit(file);
	kri_sqlite_rollback(file);
	return err;
}

/* Those that end sessions, or the others. */
static enum kr_err write_records(struct kri_sqlite_file *file,
				 struct kri_sqlite_job *job, bool ends)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < job->n && is_fate(err); i++)
		if ((job->copies[i].operation == KRI_OP_DESTROY) == ends)
			err = job->copies[i].err = carry_out(file, job, i);
	return is_fate(err) ? KR_OK : err;
}

/* What ends makes room, in the limit of a user too: a session that is ended
 * and its successor may be of one job. */
static enum kr_err write_job(struct kri_sqlite_file *file,
			     struct kri_sqlite_job *job)
{
	enum kr_err err = KR_OK;

	if (atomic_load(&job->given_up))
		return KR_OK;
	err = carry_out_other(file, job);
	if (!err)
		err = write_records(file, job, true);
	return err ? err : write_records(file, job, false);
}

static enum kr_err write_together(struct kri_sqlite_file *file,
				  struct kri_sqlite_job *jobs)
{
	enum kr_err err = kri_sqlite_begin(file, 0, true);

	if (err)
		return err;
	for (struct kri_sqlite_job *job = jobs; job && !err; job = job->next)
		err = write_job(file, job);
	return kri_sqlite_end(file, err);
}

static bool is_small(const struct kri_record *record)
{
	if (record->operation == KRI_OP_CREATE)
		return false;
	for (size_t i = 0; i < record->n; i++)
		if (record->values[i].change == KRI_CHANGE_SET)
			return false;
	return true;
}

static enum kr_err write_alone(struct kri_sqlite_file *file,
			       struct kri_sqlite_job *job, size_t i)
{
	int64_t spare = is_small(&job->copies[i]) ? KRI_SQLITE_SPARE : 0;
	enum kr_err err = kri_sqlite_begin(file, spare, true), fate = KR_OK;

	if (err)
		return err;
	fate = carry_out(file, job, i);
	err = kri_sqlite_end(file, is_fate(fate) ? KR_OK : fate);
	return err ? err : fate;
}

/* Ending needs no room that lasts; counting may. */
static void write_other_alone(struct kri_sqlite_file *file,
			      struct kri_sqlite_job *job)
{
	enum kr_err err;

	if (!job->query && !job->counter)
		return;
	err = kri_sqlite_begin(file, job->query ? KRI_SQLITE_SPARE : 0, true);
	if (!err)
		err = kri_sqlite_end(file, carry_out_other(file, job));
	if (err)
		kri_sqlite_job_fail_copies(job, err);
}

static void write_one_by_one(struct kri_sqlite_file *file,
			     struct kri_sqlite_job *jobs)
{
	for (struct kri_sqlite_job *job = jobs; job; job = job->next) {
		if (!atomic_load(&job->given_up))
			write_other_alone(file, job);
		for (size_t i = 0; i < job->n && !atomic_load(&job->given_up);
		     i++)
			job->copies[i].err = write_alone(file, job, i);
	}
}

/* What has ended makes some; and where the disk is full, the log of writes has
 * room once it has been copied into the file. */
static void make_room(struct kri_sqlite_file *file)
{
	struct kri_sqlite_bite bite;

	kri_sqlite_checkpoint(file);
	(void)!kri_sqlite_sweep(file, true, &bite);
}

/* A record that is too large, or meets a page that is damaged, must not cost
 * the others theirs. */
void kri_sqlite_write(struct kri_sqlite_file *file, struct kri_sqlite_job *jobs)
{
	enum kr_err err = write_together(file, jobs);

	if (err == KR_ERR_FULL)
		make_room(file);
	if (err == KR_ERR_FULL || err == KR_ERR_PROTOCOL)
		write_one_by_one(file, jobs);
	else if (err)
		for (; jobs; jobs = jobs->next)
			kri_sqlite_job_fail_copies(jobs, err);
}
