/*
 * What is done on the file, by whichever thread has its connection: reading
 * and writing records, and sweeping. Knows nothing of threads and loops.
 */
#ifndef KRI_STORE_SQLITE_OPS_H
#define KRI_STORE_SQLITE_OPS_H

#include "store/sqlite_file.h"
#include "store/sqlite_job.h"

/* A job that does not write: its copies or its walk are filled in, each with
 * its error, as of one moment. */
void kri_sqlite_read(struct kri_sqlite_file *file, struct kri_sqlite_job *job);

/* Jobs that write, as a list by `next`: one transaction for all of them, or
 * if there is no room for it one a record. Their copies have their errors and
 * versions then. */
void kri_sqlite_write(struct kri_sqlite_file *file,
		      struct kri_sqlite_job *jobs);

/* What an operator is to know of the file. (sqlite_examine.c) */
void kri_sqlite_examine_file(struct kri_sqlite_file *file,
			     struct kri_sqlite_job *job);

/* Bytes beyond store.file_limit for what makes room, or needs hardly any: a
 * full store must let sessions live on and end. */
#define KRI_SQLITE_SPARE (256 << 10)

/* Begins a transaction that writes, in the file's limit and so much more; see
 * kri_sqlite_begin_write(). */
enum kr_err kri_sqlite_begin(struct kri_sqlite_file *file, int64_t spare,
			     bool patient) KR_MUST_CHECK;

/* Ends it: unless it has that error, which it returns. */
enum kr_err kri_sqlite_end(struct kri_sqlite_file *file,
			   enum kr_err err) KR_MUST_CHECK;

/* ---- the sweep (sqlite_sweep.c) --------------------------------------- */

/* What a sweep has removed: sessions, and whether there may be more of them, or
 * of counters. */
struct kri_sqlite_bite {
	size_t sessions;
	bool more;
};

/* Removes some sessions and counters that have ended, in one transaction. If
 * not `patient`, it is left to the process that has the file. */
enum kr_err kri_sqlite_sweep(struct kri_sqlite_file *file, bool patient,
			     struct kri_sqlite_bite *bite) KR_MUST_CHECK;

/* ---- users and counters (sqlite_user.c) ------------------------------- */

/* Within the transaction that enters the session. Before it is written, by the
 * rule to refuse: KR_ERR_SESSIONS if there is no room. After it, by the other:
 * ends those that are too many. */
enum kr_err kri_sqlite_user_refuse(struct kri_sqlite_file *file,
				   const struct kri_record *record,
				   int64_t now) KR_MUST_CHECK;
enum kr_err kri_sqlite_user_limit(struct kri_sqlite_file *file,
				  const struct kri_record *record,
				  int64_t now) KR_MUST_CHECK;

/* The operations, in a transaction of the caller's. */
enum kr_err kri_sqlite_list_user(struct kri_sqlite_file *file,
				 struct kri_user_query *query) KR_MUST_CHECK;
enum kr_err kri_sqlite_end_user(struct kri_sqlite_file *file,
				struct kri_user_query *query) KR_MUST_CHECK;
enum kr_err kri_sqlite_count(struct kri_sqlite_file *file,
			     struct kri_counter *counter) KR_MUST_CHECK;

#endif
