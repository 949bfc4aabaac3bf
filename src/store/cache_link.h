/*
 * What the files of the cache share: the store, its links, and what is under
 * way on them.
 */
#ifndef KRI_STORE_CACHE_LINK_H
#define KRI_STORE_CACHE_LINK_H

#include <stdatomic.h>
#include <uv.h>

#include "store/cache_keeper.h"

struct kri_cache {
	struct kri_store base;
	struct kri_store *inner;
	const struct kri_config *config;
	struct kri_copies *copies;
	struct kri_keeper *keeper;
	atomic_uint loads; /* up to those that begin the keeper */
};

struct kri_cache_op;

/* One loop's. */
struct kri_cache_link {
	struct kri_link base;
	struct kri_link *inner;     /* NULL: it has been detached */
	uv_timer_t timer;           /* for the first that waits */
	struct kri_cache_op *first; /* ends that wait, by their time */
	struct kri_cache_op **last;
	struct kri_cache_op *idle; /* unused */
	size_t users;              /* ops under way, and the timer */
	bool closing;
};

/* A load, a commit or an end of users' sessions, from our caller to the inner
 * store and back. */
struct kri_cache_op {
	struct kri_cache_link *link;
	struct kri_record **records;   /* n of them, in room for cap */
	struct kri_copy_stamp *stamps; /* of each */
	size_t n, cap;
	struct kri_user_query *query; /* of an end of users' sessions */
	bool ends;                    /* it waits when it is done */
	int64_t due;                  /* kri_clock_boot_us() */
	kri_store_done *done;
	void *arg;
	struct kri_cache_op *next; /* that waits, or is unused */
};

static inline struct kri_cache *kri_cache_of(const struct kri_link *link)
{
	return (struct kri_cache *)link->store;
}

/* Room for n records; NULL without memory, and on a link that ends. Its caller
 * is told by _finish. */
struct kri_cache_op *kri_cache_op_take(struct kri_cache_link *link, size_t n,
				       kri_store_done *done, void *arg);

/* It is over: its caller is told. */
void kri_cache_op_finish(struct kri_cache_op *op);

/* The same, once everybody's lease has run out. */
void kri_cache_op_wait(struct kri_cache_op *op);

/* Links and their waits (cache_link.c), as store.h has them. */
enum kr_err kri_cache_attach(struct kri_store *store, struct uv_loop_s *loop,
			     struct kri_link **link) KR_MUST_CHECK;
void kri_cache_detach(struct kri_link **link);

#endif
