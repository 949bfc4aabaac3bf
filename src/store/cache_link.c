/*
 * Links of the cache, and the ends that wait for the lease there. All waits are
 * equally long but for what is learnt of others' leases, so each goes behind
 * the last; one that could be over sooner is not.
 */
#include "store/cache_link.h"

#include <stdlib.h>

#include "base/clock.h"

/* ---- life -------------------------------------------------------------- */

static void free_op(struct kri_cache_op *op)
{
	free(op->records);
	free(op->stamps);
	free(op);
}

static void release(struct kri_cache_link *link)
{
	struct kri_cache_op *op;

	if (--link->users)
		return;
	while ((op = link->idle)) {
		link->idle = op->next;
		free_op(op);
	}
	free(link);
}

static void on_closed(uv_handle_t *timer)
{
	release(timer->data);
}

enum kr_err kri_cache_attach(struct kri_store *base, struct uv_loop_s *loop,
			     struct kri_link **out)
{
	struct kri_cache *cache = (struct kri_cache *)base;
	struct kri_cache_link *link = calloc(1, sizeof(*link));
	enum kr_err err;

	if (!link)
		return KR_ERR_MEMORY;
	if (base->guest) /* else others attach at the same time */
		cache->inner->guest = true;
	err = cache->inner->ops->attach(cache->inner, loop, &link->inner);
	if (err) {
		free(link);
		return err;
	}
	link->base.store = base;
	link->last = &link->first;
	link->users = 1;
	uv_timer_init(loop, &link->timer);
	link->timer.data = link;
	*out = &link->base;
	return KR_OK;
}

/* What is ended may be told of only when the lease is over, and nobody will
 * wait for that any more. */
static void fail(struct kri_cache_op *op)
{
	for (size_t i = 0; i < op->n; i++)
		if (op->records[i])
			op->records[i]->err = KR_ERR_UNAVAILABLE;
	if (op->query)
		op->query->err = KR_ERR_UNAVAILABLE;
	kri_cache_op_finish(op);
}

static struct kri_cache_op *take_first(struct kri_cache_link *link)
{
	struct kri_cache_op *op = link->first;

	link->first = op->next;
	if (!link->first)
		link->last = &link->first;
	return op;
}

void kri_cache_detach(struct kri_link **base)
{
	struct kri_cache_link *link = (struct kri_cache_link *)*base;

	if (!link)
		return;
	*base = NULL;
	link->closing = true;
	link->inner->store->ops->detach(&link->inner);
	while (link->first)
		fail(take_first(link));
	uv_close((uv_handle_t *)&link->timer, on_closed);
}

/* ---- what is under way ------------------------------------------------- */

static bool reserve(struct kri_cache_op *op, size_t n)
{
	if (n <= op->cap)
		return true;
	free(op->records);
	free(op->stamps);
	op->records = malloc(n * sizeof(struct kri_record *));
	op->stamps = malloc(n * sizeof(*op->stamps));
	op->cap = op->records && op->stamps ? n : 0;
	return op->cap != 0;
}

struct kri_cache_op *kri_cache_op_take(struct kri_cache_link *link, size_t n,
				       kri_store_done *done, void *arg)
{
	struct kri_cache_op *op = link->idle;

	if (link->closing)
		return NULL;
	if (op)
		link->idle = op->next;
	else
		op = calloc(1, sizeof(*op));
	if (!op)
		return NULL;
	if (!reserve(op, n)) {
		free_op(op);
		return NULL;
	}
	op->link = link;
	op->n = 0;
	op->query = NULL;
	op->ends = false;
	op->done = done;
	op->arg = arg;
	link->users++;
	return op;
}

void kri_cache_op_finish(struct kri_cache_op *op)
{
	struct kri_cache_link *link = op->link;
	kri_store_done *done = op->done;
	void *arg = op->arg;

	op->next = link->idle;
	link->idle = op;
	done(arg);
	release(link);
}

/* ---- ends that wait ---------------------------------------------------- */

static void on_time(uv_timer_t *timer);

/* The timer counts from a moment that the loop may have noted before the store
 * answered, and its clock stands still while the machine sleeps: so it is asked
 * again when it rings. */
static void set_timer(struct kri_cache_link *link)
{
	int64_t left = link->first->due - kri_clock_boot_us();

	uv_update_time(link->timer.loop);
	uv_timer_start(&link->timer, on_time,
		       left > 0 ? (uint64_t)left / 1000 + 1 : 0, 0);
}

static void on_time(uv_timer_t *timer)
{
	struct kri_cache_link *link = timer->data;

	link->users++;
	while (link->first && link->first->due <= kri_clock_boot_us())
		kri_cache_op_finish(take_first(link));
	if (link->first && !link->closing)
		set_timer(link);
	release(link);
}

void kri_cache_op_wait(struct kri_cache_op *op)
{
	struct kri_cache_link *link = op->link;

	if (link->closing) {
		fail(op);
		return;
	}
	op->due = kri_keeper_end_of_wait(kri_cache_of(&link->base)->keeper);
	op->next = NULL;
	*link->last = op;
	link->last = &op->next;
	if (link->first == op)
		set_timer(link);
}
