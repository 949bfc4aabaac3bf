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

#define KRI_SQLITE_BITE 256 /* sessions that one sweep removes, at most */

/* Removes some sessions that have ended, in one transaction; *removed says how
 * many. If not `patient`, it is left to the process that has the file. */
enum kr_err kri_sqlite_sweep(struct kri_sqlite_file *file, bool patient,
			     size_t *removed) KR_MUST_CHECK;

#endif
