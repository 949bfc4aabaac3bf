/*
 * What a batch and the pools of a loop are made of, for stages.c, which has
 * the order in which it all happens.
 */
#ifndef KRI_FCGI_BATCH_H
#define KRI_FCGI_BATCH_H

#include "fcgi/stages.h"

/* An empty batch; NULL without memory. */
struct kri_batch *kri_batch_open(struct kri_stages *stages);

/* Its exchanges have left it. */
void kri_batch_close(struct kri_batch *batch);

/* Adds the exchange, and to what is to be loaded the records of its
 * candidates: exchanges of one session share one. False without memory. */
bool kri_batch_add(struct kri_batch *batch, struct kr_context *c);

/* Puts what is to be committed into batch->commits, and behind it what takes
 * longer, as it ends sessions. */
void kri_batch_collect(struct kri_batch *batch);

/* Whether its one handler may block. */
bool kri_batch_is_blocking(const struct kri_batch *batch);

/* What the process' pool has to do. Any thread. */
struct kri_pool_load {
	int busy;   /* handlers that run */
	int queued; /* and that wait for a thread */
};
struct kri_pool_load kri_batch_pool(void);

/* Runs that handler on the pool, and then `handled` on the loop. */
void kri_batch_work(struct kri_batch *batch,
		    void (*handled)(struct kri_batch *batch));

#endif
