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

/* What a sweep has removed. */
struct kri_postgresql_bite {
	int64_t sessions; /* less than 0 if it failed */
	bool more;        /* of them, or of counters: there may be */
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
	bool within; /* a commit of one record, in the limit of its user */
	struct kri_postgresql_bite swept;
	struct kri_postgresql_bite *bite; /* where a sweep leaves it, or NULL */
	struct kri_user_query *query;
	struct kri_counter *counter;
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

/* Parameters of one record, for commits and touches. (postgresql_commit.c) */
void kri_postgresql_put_id(struct kri_pg_params *params,
			   const struct kri_record *record);
void kri_postgresql_put_ttl(struct kri_pg_params *params,
			    const struct kri_record *record);
/* Of a digest to be kept, or to be taken away if it is still of that time. */
void kri_postgresql_put_was_at(struct kri_pg_params *params,
			       const struct kri_record *record);

/* The touches among n records, so many. (postgresql_touch.c) */
void kri_postgresql_touch(struct kri_postgresql_link *link,
			  struct kri_record **records, size_t n,
			  size_t touches);

void kri_postgresql_list(struct kri_link *base, struct kri_listing *listing,
			 kri_store_done *done, void *arg);

/* (postgresql_examine.c) */
void kri_postgresql_examine(struct kri_link *base,
			    struct kri_examination *examination,
			    kri_store_done *done, void *arg);

/*
 * Users and counters (postgresql_user.c). Of a commit: whether the limit may be
 * against the record; whether it refuses, or others make room; and what is sent
 * for the only record of a batch then: before all else, among the parameters
 * of its own statement, and after it.
 */
bool kri_postgresql_is_limited(const struct kri_postgresql_link *link,
			       const struct kri_record *record);
bool kri_postgresql_refuses(const struct kri_postgresql_link *link);
void kri_postgresql_send_enter(struct kri_postgresql_batch *batch,
			       struct kri_pg_client *client);
void kri_postgresql_put_room(struct kri_postgresql_batch *batch);
void kri_postgresql_send_limit(struct kri_postgresql_batch *batch,
			       struct kri_pg_client *client);
void kri_postgresql_user_list(struct kri_link *base,
			      struct kri_user_query *query,
			      kri_store_done *done, void *arg);
void kri_postgresql_user_end(struct kri_link *base,
			     struct kri_user_query *query, kri_store_done *done,
			     void *arg);
void kri_postgresql_count_up(struct kri_link *base, struct kri_counter *counter,
			     kri_store_done *done, void *arg);

/* Removes some that have ended: those of the quarters of an hour before, or
 * all; and counters. `bite` may be NULL. */
void kri_postgresql_sweep(struct kri_postgresql_link *link, bool all,
			  struct kri_postgresql_bite *bite,
			  kri_store_done *done, void *arg);

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
#define KRI_SQL_ENTER "kr_enter"
#define KRI_SQL_LOCK_USER "kr_lock_user"
#define KRI_SQL_CREATE_WITHIN "kr_create_within"
#define KRI_SQL_UPDATE_WITHIN "kr_update_within"
#define KRI_SQL_LIMIT "kr_limit"
#define KRI_SQL_LIST_USER "kr_list_user"
#define KRI_SQL_END_USER "kr_end_user"
#define KRI_SQL_COUNT "kr_count"
#define KRI_SQL_COUNTED "kr_counted"
#define KRI_SQL_SWEEP_COUNTERS "kr_sweep_counters"

/* What an update has come to, in place of its version. */
#define KRI_SQL_GONE (-1)
#define KRI_SQL_CONFLICT (-2)
#define KRI_SQL_RENEWED (-3)
#define KRI_SQL_SESSIONS (-4)

#define KRI_SQL_VERSION 2 /* of the tables */
#define KRI_SQL_LEAST 1   /* that a program has to know, to use them */

extern const struct kri_pg_statement kri_postgresql_statements[];
extern const size_t kri_postgresql_statement_count;
extern const char kri_postgresql_tables[];
extern const char kri_postgresql_additions[];
extern const char kri_postgresql_whole[];

#endif
