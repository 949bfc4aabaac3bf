/*
 * The insides of the store in SQLite that its files share: threads that have
 * the connections, and a loop's link, which gives them jobs.
 *
 * The threads are our own, not of libuv's pool: blocking handlers sleep there,
 * and a pool full of them would keep every session from being loaded, those
 * of the handlers' own requests too.
 */
#ifndef KRI_STORE_SQLITE_STORE_H
#define KRI_STORE_SQLITE_STORE_H

#include <pthread.h>
#include <uv.h>

#include "store/sqlite_file.h"
#include "store/sqlite_job.h"

/* Readers: while one waits for a slow disk, the other serves what lies in the
 * system's memory. SQLite has one writer. */
#define KRI_SQLITE_READERS 2
#define KRI_SQLITE_THREADS (1 + KRI_SQLITE_READERS)

/* Jobs that wait for a thread, in order. */
struct kri_sqlite_queue {
	struct kri_sqlite_job *first, **last;
	size_t hasty; /* of them, those that are not patient */
	pthread_cond_t filled;
};

struct kri_sqlite_thread {
	struct kri_sqlite_store *store;
	struct kri_sqlite_file file; /* its connection */
	pthread_t id;
};

struct kri_sqlite_store {
	struct kri_store base;
	const struct kri_config *config;

	/* Whoever uses a connection holds this for reading; who opens one, or
	 * closes those to a file that has moved, for writing: SQLite would
	 * take what another connection of the same process has in use for
	 * left over. */
	pthread_rwlock_t use;
	/* The writer, the readers; and the last is no thread, but has the
	 * connection of the operation that sweeps. */
	struct kri_sqlite_thread threads[KRI_SQLITE_THREADS + 1];

	pthread_mutex_t lock; /* of all below, and of jobs */
	struct kri_sqlite_queue reads, writes;
	int started; /* threads */
	bool closing;

	pthread_mutex_t sweeping; /* the operation; one at a time */
};

/* A loop's. All but what jobs say is its loop's alone. */
struct kri_sqlite_link {
	struct kri_link base;
	uv_async_t wake;   /* a job has finished */
	uv_timer_t expiry; /* the oldest job has waited for too long */
	struct kri_sqlite_job *given; /* not flushed yet */
	struct kri_sqlite_job **given_last;
	struct kri_sqlite_job *first; /* flushed, in order */
	struct kri_sqlite_job **last;
	struct kri_sqlite_job *idle; /* the pool */
	int handles;                 /* that are not closed yet */
};

/* ---- threads (sqlite_threads.c) --------------------------------------- */

/* Starts them, once. KR_ERR_SYSTEM. */
enum kr_err kri_sqlite_start(struct kri_sqlite_store *store) KR_MUST_CHECK;

/* Lets them do what is queued, and ends them. */
void kri_sqlite_stop(struct kri_sqlite_store *store);

/* Queues jobs, a list by `next`; they run in this order, each lane by itself.
 */
void kri_sqlite_queue(struct kri_sqlite_store *store,
		      struct kri_sqlite_job *jobs);

/* Opens a connection that is not open yet. What is wrong goes into `why`, or
 * with NULL into the log. */
enum kr_err kri_sqlite_open(struct kri_sqlite_store *store,
			    struct kri_sqlite_file *file,
			    struct kri_buffer *why) KR_MUST_CHECK;

/* To use a connection: opens it if need be, and anew if the file was deleted
 * or replaced. Unless it fails, leave must follow. */
enum kr_err kri_sqlite_enter(struct kri_sqlite_store *store,
			     struct kri_sqlite_file *file) KR_MUST_CHECK;
void kri_sqlite_leave(struct kri_sqlite_store *store);

/* ---- links (sqlite_link.c) -------------------------------------------- */

enum kr_err kri_sqlite_attach(struct kri_store *base, struct uv_loop_s *loop,
			      struct kri_link **out);
void kri_sqlite_detach(struct kri_link **base);
void kri_sqlite_load(struct kri_link *base, struct kri_record **records,
		     size_t n, kri_store_done *done, void *arg);
void kri_sqlite_commit_records(struct kri_link *base,
			       struct kri_record **records, size_t n,
			       kri_store_done *done, void *arg);
void kri_sqlite_list(struct kri_link *base, struct kri_listing *listing,
		     kri_store_done *done, void *arg);
void kri_sqlite_examine(struct kri_link *base,
			struct kri_examination *examination,
			kri_store_done *done, void *arg);
void kri_sqlite_user_list(struct kri_link *base, struct kri_user_query *query,
			  kri_store_done *done, void *arg);
void kri_sqlite_user_end(struct kri_link *base, struct kri_user_query *query,
			 kri_store_done *done, void *arg);
void kri_sqlite_count_up(struct kri_link *base, struct kri_counter *counter,
			 kri_store_done *done, void *arg);
void kri_sqlite_flush(struct kri_link *base);

#endif
