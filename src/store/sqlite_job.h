/*
 * A job: what a link asks of the file at once. Threads never see the caller's
 * records, only copies in the job's own memory: so a caller that waits no
 * longer is told so at once, whatever the disk is doing, and the records of
 * one arena may be loaded by several threads.
 */
#ifndef KRI_STORE_SQLITE_JOB_H
#define KRI_STORE_SQLITE_JOB_H

#include <stdatomic.h>

#include "store/store.h"

struct kri_sqlite_link;

enum kri_sqlite_state {
	KRI_SQLITE_NEW,     /* the link's alone */
	KRI_SQLITE_QUEUED,  /* for the next thread that is free */
	KRI_SQLITE_RUNNING, /* a thread has it */
	KRI_SQLITE_FINISHED /* the link may have its results */
};

/* What an examination has found, until the loop tells it. */
struct kri_sqlite_finding {
	enum kri_finding finding;
	const char *text, *mend;
	struct kri_sqlite_finding *next;
};

struct kri_sqlite_job {
	/* The loop's, from the beginning to the end: */
	struct kri_record **records; /* n; NULL: a touch, not waited for */
	struct kri_listing *listing; /* or NULL */
	struct kri_examination *examination; /* or NULL */
	struct kri_user_query *query;        /* or NULL */
	struct kri_counter *counter;         /* or NULL */
	kri_store_done *done;                /* NULL: nobody waits */
	void *arg;
	int64_t deadline;             /* kri_clock_ms() */
	struct kri_sqlite_job *later; /* given after it; or the next idle one */

	/* Under the lock of the store: */
	struct kri_sqlite_link *link; /* NULL: who runs it frees it */
	enum kri_sqlite_state state;
	struct kri_sqlite_job *next; /* in a queue, or taken together */

	/* Whoever gave it was told that it took too long: what has not begun
	 * by now is not to be done. */
	atomic_bool given_up;

	/* Of whoever has it, by its state: */
	bool writes;
	bool patient; /* only touches: may wait for company */
	int64_t now;  /* epoch ms, when it was given */
	size_t n;
	struct kri_record *copies;
	int64_t *versions;           /* that commits have stored */
	struct kri_listing walk;     /* the listing's copy */
	struct kri_user_query asked; /* the query's */
	struct kri_counter counted;  /* the counter's */
	struct kri_sqlite_finding *findings, **last_finding; /* in order */
	struct kri_arena arena; /* all that is copied, and found */
};

/* An empty job, or NULL. */
struct kri_sqlite_job *kri_sqlite_job_make(void);
void kri_sqlite_job_free(struct kri_sqlite_job *job);

/* Empties it for the next use. */
void kri_sqlite_job_reset(struct kri_sqlite_job *job);

/* Each takes what is asked of it. KR_ERR_MEMORY. */
enum kr_err kri_sqlite_job_load(struct kri_sqlite_job *job,
				struct kri_record **records,
				size_t n) KR_MUST_CHECK;
enum kr_err kri_sqlite_job_commit(struct kri_sqlite_job *job,
				  struct kri_record **records,
				  size_t n) KR_MUST_CHECK;
void kri_sqlite_job_list(struct kri_sqlite_job *job,
			 struct kri_listing *listing);

void kri_sqlite_job_examine(struct kri_sqlite_job *job,
			    struct kri_examination *examination);

enum kr_err kri_sqlite_job_query(struct kri_sqlite_job *job,
				 struct kri_user_query *query,
				 bool writes) KR_MUST_CHECK;
enum kr_err kri_sqlite_job_count(struct kri_sqlite_job *job,
				 struct kri_counter *counter) KR_MUST_CHECK;

/* One more finding; `text` is copied, `mend` is a constant or NULL. */
void kri_sqlite_job_find(struct kri_sqlite_job *job, enum kri_finding finding,
			 const struct kri_buffer *text, const char *mend);

/* Gives the results to the caller's records, listing, query or counter. */
void kri_sqlite_job_deliver(struct kri_sqlite_job *job);

/* All of it has that error: for the caller, and for the copies. */
void kri_sqlite_job_fail(struct kri_sqlite_job *job, enum kr_err err);
void kri_sqlite_job_fail_copies(struct kri_sqlite_job *job, enum kr_err err);

#endif
