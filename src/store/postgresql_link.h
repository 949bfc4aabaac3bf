/*
 * The insides of the store in PostgreSQL that its files share: a loop's link,
 * and the batches that it has under way.
 */
#ifndef KRI_STORE_POSTGRESQL_LINK_H
#define KRI_STORE_POSTGRESQL_LINK_H

#include "postgresql/client.h"
#include "store/store.h"

struct kri_postgresql_store {
	struct kri_store base;
	const struct kri_config *config;
	struct kri_pg_server *server;
	_Atomic int64_t next_sweep; /* kri_clock_ms() */
};

struct kri_postgresql_link {
	struct kri_link base;
	struct kri_pg_client *client;
	struct kri_pg_params params; /* of the statement that is being sent */
	struct kri_postgresql_batch *idle; /* the pool */
	size_t users; /* batches out of the pool, and who closes the link */
	bool closing;
};

/*
 * One job with what it is about. Batches are taken from the link's pool and
 * go back to it with all their memory.
 */
struct kri_postgresql_batch {
	struct kri_pg_job job; /* the first member */
	struct kri_postgresql_link *link;
	struct kri_record **records; /* n of them */
	size_t n, cap;
	bool peek;                   /* a load that looks at `left` too */
	int64_t now;                 /* ms since the epoch, for `seen` */
	struct kri_pg_params params; /* of a touch, of a sweep */
	struct kri_listing *listing;
	int64_t *removed; /* by a sweep; or NULL */
	struct kri_examination *examination;
	kri_store_done *done;
	void *arg;
	struct kri_postgresql_batch *next; /* in the pool */
};

/* An empty batch with room for n records, or NULL. */
struct kri_postgresql_batch *kri_postgresql_batch_take(
	struct kri_postgresql_link *link, size_t n);

/* Back to the pool. */
void kri_postgresql_batch_give(struct kri_postgresql_batch *batch);

/* Gives it back to the pool, then tells who waits for it. */
void kri_postgresql_batch_done(struct kri_postgresql_batch *batch);

/* On its way; job.done is called once, maybe before this returns. */
void kri_postgresql_batch_submit(struct kri_postgresql_batch *batch);

/* One user less: the last one frees a link that is closing. */
void kri_postgresql_link_release(struct kri_postgresql_link *link);

/* Says what came that must not come; once a second. */
void kri_postgresql_complain(const char *id, const char *what);

/* The operations, see store/store.h. */
void kri_postgresql_load(struct kri_link *base, struct kri_record **records,
			 size_t n, kri_store_done *done, void *arg);
void kri_postgresql_peek(struct kri_link *base, struct kri_record **records,
			 size_t n, kri_store_done *done, void *arg);
void kri_postgresql_commit(struct kri_link *base, struct kri_record **records,
			   size_t n, kri_store_done *done, void *arg);
void kri_postgresql_list(struct kri_link *base, struct kri_listing *listing,
			 kri_store_done *done, void *arg);

/* (postgresql_examine.c) */
void kri_postgresql_examine(struct kri_link *base,
			    struct kri_examination *examination,
			    kri_store_done *done, void *arg);

/* Removes some that have ended: those of the quarters of an hour before, or
 * all. `removed` may be NULL; it is KRI_SWEEP_BITE if there may be more, and
 * less than 0 if it failed. */
#define KRI_SWEEP_BITE 200
void kri_postgresql_sweep(struct kri_postgresql_link *link, bool all,
			  int64_t *removed, kri_store_done *done, void *arg);

/* Begins a sweep if one is due. */
void kri_postgresql_sweep_at_times(struct kri_postgresql_link *link);

/* ---- postgresql_sql.c -------------------------------------------------- */

#define KRI_SQL_LOAD "kr_load"
#define KRI_SQL_PEEK "kr_peek"
#define KRI_SQL_LOCK "kr_lock"
#define KRI_SQL_END "kr_end"
#define KRI_SQL_CREATE "kr_create"
#define KRI_SQL_UPDATE "kr_update"
#define KRI_SQL_TOUCH "kr_touch"
#define KRI_SQL_LIST "kr_list"
#define KRI_SQL_SWEEP "kr_sweep"

/* What an update has come to, in place of its version. */
#define KRI_SQL_GONE (-1)
#define KRI_SQL_CONFLICT (-2)
#define KRI_SQL_RENEWED (-3)

#define KRI_SQL_VERSION 1 /* of the tables */

extern const struct kri_pg_statement kri_postgresql_statements[];
extern const size_t kri_postgresql_statement_count;
extern const char kri_postgresql_tables[];

#endif
