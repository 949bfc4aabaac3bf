/*
 * The insides of the store in Redis that its files share: a loop's link, and
 * the batches that it has under way.
 */
#ifndef KRI_STORE_REDIS_LINK_H
#define KRI_STORE_REDIS_LINK_H

#include "store/redis_wire.h"

struct kri_topology;

struct kri_redis_store {
	struct kri_store base;
	const struct kri_config *config;
	struct kri_topology *topology;
	struct kri_redis_scripts scripts;
};

struct kri_redis_link {
	struct kri_link base;
	struct kri_client *client;
	struct kri_redis_writer writer;
	struct kri_redis_batch *idle; /* the pool */
	size_t users; /* batches out of the pool, and who closes the link */
	size_t load_room;
	bool closing;
};

/*
 * One pipeline with what it is about. Batches are taken from the link's pool
 * and go back to it with all their memory, so that one costs no malloc once
 * there have been as many and as large ones.
 */
struct kri_redis_batch {
	struct kri_redis_link *link;
	struct kri_pipeline pipeline;
	struct kri_record **records; /* one a call; not for touches */
	size_t *keys;                /* where each key begins in the commands */
	size_t cap;                  /* of calls, records and keys */
	struct kri_arena replies;    /* to all but loads */
	void (*settled)(struct kri_redis_batch *batch);
	kri_store_done *done;
	void *arg;
	struct kri_listing *listing;
	struct kri_examination *examination;
	unsigned round;               /* of a listing's probes */
	struct kri_redis_batch *next; /* in the pool */
};

/* An empty batch with room for n calls, or NULL. */
struct kri_redis_batch *kri_redis_batch_take(struct kri_redis_link *link,
					     size_t n);

/* Back to the pool. */
void kri_redis_batch_give(struct kri_redis_batch *batch);

/* One user less: the last one frees a link that is closing. */
void kri_redis_link_release(struct kri_redis_link *link);

/* The next call, all zero but that its replies go into the batch's arena. */
struct kri_call *kri_redis_batch_call(struct kri_redis_batch *batch);

/* A call about that record, borrowed. */
struct kri_call *kri_redis_batch_add(struct kri_redis_batch *batch,
				     struct kri_record *record,
				     kri_redis_put *put);

/* On its way; `settled` is called when all calls have their replies or
 * errors, maybe before this returns. */
void kri_redis_batch_submit(struct kri_redis_batch *batch,
			    void (*settled)(struct kri_redis_batch *batch));

/* Gives it back to the pool, then tells who waits for it. */
void kri_redis_batch_done(struct kri_redis_batch *batch);

/* The operations, see store/store.h. */
void kri_redis_load(struct kri_link *base, struct kri_record **records,
		    size_t n, kri_store_done *done, void *arg);
void kri_redis_peek(struct kri_link *base, struct kri_record **records,
		    size_t n, kri_store_done *done, void *arg);
void kri_redis_commit(struct kri_link *base, struct kri_record **records,
		      size_t n, kri_store_done *done, void *arg);
void kri_redis_list(struct kri_link *base, struct kri_listing *listing,
		    kri_store_done *done, void *arg);
void kri_redis_examine(struct kri_link *base,
		       struct kri_examination *examination,
		       kri_store_done *done, void *arg);

#endif
