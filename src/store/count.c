/*
 * Counting all sessions of any store: a walk to the end.
 */
#include "store/store.h"

#include <stdlib.h>

#define CHUNK (64 << 10)
#define LIMIT ((size_t)64 << 20) /* of one step's ids */

struct count {
	struct kri_link *link;
	struct kri_listing listing;
	struct kri_arena arena;
	int64_t n;
	kri_count_done *done;
	void *arg;
	bool walking; /* walk() is on the stack */
	bool ready;   /* a step was done before its call returned */
};

static void end(struct count *count)
{
	kri_count_done *done = count->done;
	void *arg = count->arg;
	enum kr_err err = count->listing.err;
	int64_t n = count->n;

	kri_arena_free(&count->arena);
	free(count);
	done(arg, err, n);
}

static void walk(struct count *count);

static void step_done(void *arg)
{
	struct count *count = arg;

	count->n += (int64_t)count->listing.n;
	count->ready = true;
	if (!count->walking)
		walk(count);
}

/* In a loop: a store that is done at once must not nest a call a step. */
static void walk(struct count *count)
{
	const struct kri_store_ops *ops = count->link->store->ops;

	count->walking = true;
	while (count->ready && !count->listing.end && !count->listing.err) {
		count->ready = false;
		kri_arena_reset(&count->arena);
		ops->list(count->link, &count->listing, step_done, count);
	}
	count->walking = false;
	if (count->ready)
		end(count);
	else
		ops->flush(count->link);
}

enum kr_err kri_store_count(struct kri_link *link, kri_count_done *done,
			    void *arg)
{
	struct count *count = calloc(1, sizeof(*count));

	if (!count)
		return KR_ERR_MEMORY;
	*count = (struct count){
		.link = link,
		.listing = {.arena = &count->arena},
		.done = done,
		.arg = arg,
		.ready = true,
	};
	kri_arena_init(&count->arena, CHUNK, LIMIT);
	walk(count);
	return KR_OK;
}
