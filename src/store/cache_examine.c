/*
 * What an operator is told of the cache: whether the store tells of changes, as
 * the keeper of a program would find out.
 */
#include "store/cache_link.h"

#include <stdlib.h>

#define CANNOT "session.cache does nothing: "

struct look {
	struct kri_follower follower; /* first: it is handed back as that */
	struct kri_cache_link *link;
	struct kri_examination *examination;
	struct kri_following *following;
	uv_timer_t over; /* ends it, behind what called us */
	bool told;
	kri_store_done *done;
	void *arg;
};

/* ---- the end ----------------------------------------------------------- */

static void free_look(uv_handle_t *timer)
{
	free(timer->data);
}

static void finish(struct look *look)
{
	kri_store_done *done = look->done;
	void *arg = look->arg;

	uv_close((uv_handle_t *)&look->over, free_look);
	done(arg);
}

static void on_over(uv_timer_t *timer)
{
	struct look *look = timer->data;

	look->link->inner->store->ops->unfollow(&look->following);
	finish(look);
}

static void tell(struct look *look, enum kri_finding finding, const char *text,
		 const char *mend)
{
	const struct kri_examination *examination = look->examination;

	if (look->told)
		return;
	look->told = true;
	examination->tell(examination->arg, finding, text, mend);
	uv_timer_start(&look->over, on_over, 0, 0);
}

/* ---- what is told of --------------------------------------------------- */

static void changed(struct kri_follower *follower, const char *id)
{
	(void)follower;
	(void)id;
}

static void users_changed(struct kri_follower *follower)
{
	(void)follower;
}

static void assured(struct kri_follower *follower, int64_t since)
{
	(void)since;
	tell((struct look *)(void *)follower, KRI_FINDING_GOOD,
	     "tells of changes, so that session.cache works", NULL);
}

static void lost(struct kri_follower *follower, const char *why, bool hopeless)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;

	kri_buffer_string(&text, CANNOT);
	kri_buffer_string(&text, why);
	tell((struct look *)(void *)follower, KRI_FINDING_WARNING,
	     text.failed ? CANNOT "out of memory" : text.data,
	     hopeless ? "see docs/cache.md for what the server and its user "
			"need"
		      : NULL);
	kri_buffer_free(&text);
}

/* ---- the beginning ----------------------------------------------------- */

static void follow(struct look *look)
{
	struct kri_cache_link *link = look->link;
	const struct kri_store_ops *ops = link->inner->store->ops;
	enum kr_err err;

	look->follower = (struct kri_follower){
		.changed = changed,
		.users_changed = users_changed,
		.assured = assured,
		.lost = lost,
	};
	err = ops->follow(link->inner->store, link->timer.loop, &look->follower,
			  link->base.store->lease, &look->following);
	if (err)
		finish(look);
	else
		ops->ask(look->following);
}

static void examined(void *arg)
{
	struct look *look = arg;

	if (look->link->inner)
		follow(look);
	else
		finish(look);
}

void kri_cache_examine(struct kri_link *base,
		       struct kri_examination *examination,
		       kri_store_done *done, void *arg)
{
	struct kri_cache_link *link = (struct kri_cache_link *)base;
	const struct kri_store_ops *ops = link->inner->store->ops;
	struct look *look = calloc(1, sizeof(*look));

	if (!look) {
		examination->tell(examination->arg, KRI_FINDING_UNKNOWN,
				  CANNOT "out of memory", NULL);
		done(arg);
		return;
	}
	look->link = link;
	look->examination = examination;
	look->done = done;
	look->arg = arg;
	uv_timer_init(link->timer.loop, &look->over);
	look->over.data = look;
	if (ops->examine)
		ops->examine(link->inner, examination, examined, look);
	else
		examined(look);
}
