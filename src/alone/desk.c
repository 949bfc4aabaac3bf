/*
 * The last that was given back is taken first: the more of them are never
 * used, the fewer connections are.
 */
#include "alone/desk.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/uv.h"

#define STALE 100 /* ms that what is half done may lie there */

/* May wait for the system's resolver, whose asking cannot be called back. */
static void close_desk(struct kri_desk *desk)
{
	if (desk->link)
		desk->link->store->ops->detach(&desk->link);
	uv_run(&desk->loop, UV_RUN_DEFAULT);
	uv_loop_close(&desk->loop);
	free(desk);
}

static enum kr_err make(struct kri_desk **desk)
{
	struct kri_desk *made = calloc(1, sizeof(*made));
	enum kr_err err;

	if (!made)
		return KR_ERR_MEMORY;
	err = kri_err_of_uv(uv_loop_init(&made->loop));
	if (err)
		free(made);
	else
		*desk = made;
	return err;
}

static struct kri_desk *take_idle(struct kr_store *store)
{
	struct kri_desk *idle;

	pthread_mutex_lock(&store->lock);
	idle = store->idle;
	if (idle)
		store->idle = idle->next;
	pthread_mutex_unlock(&store->lock);
	return idle;
}

/* The clocks of a connection that was being made have stood still since: all
 * its time would be over at once, and the server be blamed for it. The loop
 * stays, as a name that is being looked up comes back to it. */
static void drop_half_done(struct kri_desk *desk)
{
	if (desk->link && desk->late_at &&
	    kri_clock_ms() - desk->late_at > STALE)
		desk->link->store->ops->detach(&desk->link);
	desk->late_at = 0;
}

enum kr_err kri_desk_take(struct kr_store *store, struct kri_desk **desk)
{
	struct kri_desk *taken = take_idle(store);
	enum kr_err err = taken ? KR_OK : make(&taken);

	if (err)
		return err;
	drop_half_done(taken);
	/* What came meanwhile: the end of a connection, replies to touches. */
	uv_run(&taken->loop, UV_RUN_NOWAIT);
	if (!taken->link)
		err = store->store->ops->attach(store->store, &taken->loop,
						&taken->link);
	if (err)
		kri_desk_give(store, taken, false);
	else
		*desk = taken;
	return err;
}

/* A touch too: nobody would send the text of its script to a server that has
 * forgotten it, and a program that ends would take it along. */
void kri_desk_wait(struct kri_desk *desk, const bool *busy)
{
	const struct kri_store_ops *ops = desk->link->store->ops;

	ops->flush(desk->link);
	while (*busy || (ops->busy && ops->busy(desk->link))) {
		uv_run(&desk->loop, UV_RUN_ONCE);
		ops->flush(desk->link);
	}
}

void kri_desk_give(struct kr_store *store, struct kri_desk *desk, bool late)
{
	desk->late_at = late ? kri_clock_ms() : 0;
	pthread_mutex_lock(&store->lock);
	desk->next = store->idle;
	store->idle = desk;
	pthread_mutex_unlock(&store->lock);
}

void kri_desks_close(struct kr_store *store)
{
	struct kri_desk *desk;

	while ((desk = store->idle)) {
		store->idle = desk->next;
		close_desk(desk);
	}
}
