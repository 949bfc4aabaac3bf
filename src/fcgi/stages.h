/*
 * The stages: a worker walks its whole batch through them,
 *
 *     accept -> load -> handle -> commit -> respond
 *
 * so that a batch costs one write and one read to the store in each
 * direction, however many exchanges are in it.
 */
#ifndef KRI_FCGI_STAGES_H
#define KRI_FCGI_STAGES_H

#include "fcgi/exchange.h"
#include "store/store.h"

struct kri_batch {
	struct kr_context *exchanges; /* cap of them, n in use */
	size_t n, cap;
	struct kri_link *link;
	struct kri_arena arena;      /* of the records */
	struct kri_record **records; /* loaded, each session once */
	size_t records_n;
	struct kri_record **commits; /* what the commit stage collects */
	unsigned *turns;             /* that it has: turns_n of them */
	size_t turns_n;
	struct kri_buffer out;
	int64_t store_us; /* that the last run spent at the store */
	const struct kri_wait *wait;
	/* Sends an answer and is done with the exchange's connection. */
	void (*send)(void *arg, struct kr_context *c, struct kri_text answer);
	/* Reads a slow request, leaving the phase that comes next. */
	void (*receive)(void *arg, struct kr_context *c);
	void *arg;
};

/* `wait` is borrowed. The callbacks are the caller's to fill in. */
enum kr_err kri_batch_open(struct kri_batch *batch, const struct kri_site *site,
			   struct kri_store *store, const struct kri_wait *wait,
			   size_t cap) KR_MUST_CHECK;
void kri_batch_close(struct kri_batch *batch);

/* A free exchange of the batch, which has room. */
struct kr_context *kri_batch_add(struct kri_batch *batch);

/* Takes the exchanges from the phase they are in to the end, and empties the
 * batch. */
void kri_batch_run(struct kri_batch *batch);

#endif
