/*
 * It begins with one tracker, of whatever server the endpoint leads to. If that
 * is a cluster's, its slot map says whose trackers take its place. All of them
 * are needed, so the first that is lost takes the others along.
 */
#include "redis/watch.h"

#include <stdlib.h>

#include "base/crypto.h"
#include "redis/inside.h"
#include "redis/slots.h"
#include "redis/tracker.h"

#define HOPELESS_PAUSE 60000 /* ms */

/* A tracker in its place. */
struct post {
	struct kri_watch *watch;
	struct kri_tracker *tracker;
	bool ready, beaten;
	int64_t since; /* of its last beat */
};

struct kri_watch {
	struct kri_topology *topology;
	struct kri_beats beats; /* a pattern for the trackers' */
	const struct kri_watch_owner *owner;
	void *arg;

	struct kri_dial dial, sentinel_dial;
	struct kri_lookups lookups;
	uv_timer_t timer; /* of a pause */
	int delay;        /* ms of the last one; 0: all was well */

	struct kri_slots *slots;   /* of a cluster, or NULL */
	struct kri_address *seeds; /* where to begin in a cluster */
	atomic_size_t seed;
	struct kri_goal goal; /* of the last beginning */
	size_t at; /* topology->address when that led to the tracker */

	struct post *posts; /* n of them */
	size_t n;
	bool begun;   /* posts are manned, or will be after the pause */
	bool asked;   /* and not yet answered */
	bool assured; /* has been, since it was lost last */
};

/* ---- posts -------------------------------------------------------------- */

static void drop_posts(struct kri_watch *watch)
{
	for (size_t i = 0; i < watch->n; i++)
		kri_tracker_close(&watch->posts[i].tracker);
	free(watch->posts);
	watch->posts = NULL;
	watch->n = 0;
}

static bool all_ready(const struct kri_watch *watch)
{
	for (size_t i = 0; i < watch->n; i++)
		if (!watch->posts[i].ready)
			return false;
	return watch->n > 0;
}

/* A beat that fails at once takes all posts away. */
static void beat(struct kri_watch *watch)
{
	for (size_t i = 0; i < watch->n; i++)
		watch->posts[i].beaten = false;
	for (size_t i = 0; i < watch->n; i++)
		kri_tracker_beat(watch->posts[i].tracker);
}

static void begin(struct kri_watch *watch);

static void on_pause_over(uv_timer_t *timer)
{
	begin(timer->data);
}

/* ---- loss --------------------------------------------------------------- */

static int pause_of(struct kri_watch *watch, bool hopeless)
{
	unsigned random = 0;
	int delay = watch->delay ? watch->delay * 2 : KRI_BACKOFF_MIN;

	watch->delay = delay < KRI_BACKOFF_MAX ? delay : KRI_BACKOFF_MAX;
	if (hopeless)
		return HOPELESS_PAUSE;
	if (kri_random(&random, sizeof(random)))
		return watch->delay;
	return watch->delay / 2 +
	       (int)(random % (unsigned)(watch->delay / 2 + 1));
}

static void lose(struct kri_watch *watch, const char *why, bool hopeless)
{
	bool news = watch->asked || watch->assured;

	drop_posts(watch);
	watch->asked = watch->assured = false;
	uv_timer_start(&watch->timer, on_pause_over,
		       (uint64_t)pause_of(watch, hopeless), 0);
	if (news)
		watch->owner->lost(watch->arg, why, hopeless);
}

/* A replica takes no writes; another of the addresses may. It goes on to that
 * one unless somebody else has. */
static void turn_away(struct kri_watch *watch, const char *why)
{
	struct kri_topology *topology = watch->topology;
	size_t at = watch->at;

	if (topology->endpoint.service || topology->endpoint.n == 1 ||
	    watch->slots || !strstr(why, "READONLY "))
		return;
	atomic_compare_exchange_strong(&topology->address, &at, at + 1);
}

/* ---- what trackers say -------------------------------------------------- */

static void on_ready(void *arg)
{
	struct post *post = arg;
	struct kri_watch *watch = post->watch;

	post->ready = true;
	watch->at = atomic_load(&watch->topology->address);
	if (watch->asked && all_ready(watch))
		beat(watch);
}

static void on_changed(void *arg, struct kri_text rest)
{
	struct post *post = arg;

	post->watch->owner->changed(post->watch->arg, rest);
}

static void on_heard(void *arg, int64_t lease)
{
	struct post *post = arg;

	post->watch->owner->heard(post->watch->arg, lease);
}

static void on_beaten(void *arg, int64_t since)
{
	struct post *post = arg;
	struct kri_watch *watch = post->watch;

	post->beaten = true;
	post->since = since;
	for (size_t i = 0; i < watch->n; i++) {
		if (!watch->posts[i].beaten)
			return;
		if (watch->posts[i].since < since)
			since = watch->posts[i].since;
	}
	watch->asked = false;
	watch->assured = true;
	watch->delay = 0;
	watch->owner->assured(watch->arg, since);
}

static void on_lost(void *arg, const char *why, bool hopeless)
{
	struct post *post = arg;
	struct kri_watch *watch = post->watch;

	post->tracker = NULL;
	turn_away(watch, why);
	lose(watch, why, hopeless);
}

static void on_map(void *arg, const struct kri_reply *reply);

static const struct kri_tracker_owner tracker_owner = {
	.ready = on_ready,
	.map = on_map,
	.changed = on_changed,
	.heard = on_heard,
	.beaten = on_beaten,
	.lost = on_lost,
};

/* ---- who stands where --------------------------------------------------- */

static bool make_posts(struct kri_watch *watch, size_t n)
{
	watch->posts = calloc(n, sizeof(*watch->posts));
	watch->n = watch->posts ? n : 0;
	for (size_t i = 0; i < watch->n; i++)
		watch->posts[i].watch = watch;
	return watch->posts != NULL;
}

static bool man(struct post *post, const struct kri_goal *goal,
		const struct kri_beats *beats, bool node)
{
	struct kri_tracker_options options = {
		.goal = *goal,
		.beats = *beats,
		.timeout = post->watch->topology->endpoint.io_timeout,
		.node = node,
	};

	post->tracker = kri_tracker_open(&options, &tracker_owner, post);
	return post->tracker != NULL;
}

/* The endpoint's servers first, then a cluster's nodes that are known. */
static size_t gather_seeds(struct kri_watch *watch)
{
	const struct kri_endpoint *endpoint = &watch->topology->endpoint;
	size_t n = endpoint->n + watch->slots->n;
	struct kri_address *seeds = realloc(watch->seeds, n * sizeof(*seeds));

	if (!seeds)
		return 0;
	watch->seeds = seeds;
	memcpy(seeds, endpoint->addresses, endpoint->n * sizeof(*seeds));
	for (size_t i = 0; i < watch->slots->n; i++)
		seeds[endpoint->n + i] = watch->slots->nodes[i]->address;
	return n;
}

static struct kri_goal goal_of(struct kri_watch *watch)
{
	const struct kri_endpoint *endpoint = &watch->topology->endpoint;
	struct kri_goal goal = {
		.addresses = endpoint->addresses,
		.n = endpoint->n,
		.first = &watch->topology->address,
		.dial = &watch->dial,
		.service = endpoint->service,
		.sentinel_dial = &watch->sentinel_dial,
		.timeout = endpoint->connect_timeout,
	};

	if (watch->slots && !endpoint->service) {
		goal.n = gather_seeds(watch);
		goal.addresses = watch->seeds;
		goal.first = &watch->seed;
	}
	return goal;
}

static void begin(struct kri_watch *watch)
{
	watch->begun = true;
	watch->goal = goal_of(watch);
	if (!watch->goal.n || !make_posts(watch, 1) ||
	    !man(watch->posts, &watch->goal, &watch->beats, false))
		lose(watch, "out of memory", false);
}

/* ---- a cluster ---------------------------------------------------------- */

/* The node that the map is from, for entries that leave the host out. */
static const struct kri_node *find_asked(struct kri_watch *watch)
{
	const struct kri_goal *goal = &watch->goal;
	const struct kri_address *address =
		&goal->addresses[atomic_load(goal->first) % goal->n];

	return kri_slots_node(watch->slots,
			      address->host ? address->host : "localhost",
			      address->port);
}

static enum kr_err load_map(struct kri_watch *watch,
			    const struct kri_reply *reply)
{
	const struct kri_node *asked;
	bool changed;

	if (!watch->slots)
		watch->slots = calloc(1, sizeof(*watch->slots));
	if (!watch->slots)
		return KR_ERR_MEMORY;
	asked = find_asked(watch);
	if (!asked)
		return KR_ERR_MEMORY;
	return kri_slots_load(watch->slots, reply, asked, &changed);
}

/* False without memory. */
static bool man_node(struct post *post, struct kri_node *node)
{
	struct kri_watch *watch = post->watch;
	struct kri_beats beats = watch->beats;
	struct kri_goal goal = {
		.addresses = &node->address,
		.n = 1,
		.first = &node->first,
		.dial = &watch->dial,
		.timeout = watch->topology->endpoint.connect_timeout,
	};

	if (kri_beats_aim(&beats, watch->slots, node))
		return man(post, &goal, &beats, true);
	watch->n--; /* none of our keys can be there */
	return true;
}

static bool man_nodes(struct kri_watch *watch)
{
	struct kri_node *node;
	size_t n = 0;

	while (kri_slots_place(watch->slots, n))
		n++;
	if (!n || !make_posts(watch, n))
		return false;
	for (size_t i = 0, at = 0; i < n; i++) {
		node = kri_slots_place(watch->slots, i);
		if (!man_node(&watch->posts[at], node))
			return false;
		if (watch->posts[at].tracker)
			at++;
	}
	return watch->n > 0;
}

static void on_map(void *arg, const struct kri_reply *reply)
{
	struct post *post = arg;
	struct kri_watch *watch = post->watch;
	enum kr_err err = load_map(watch, reply);

	drop_posts(watch);
	if (err)
		lose(watch,
		     err == KR_ERR_MEMORY ? "out of memory"
					  : "the answer to CLUSTER SLOTS is no "
					    "slot map",
		     false);
	else if (!man_nodes(watch))
		lose(watch, "out of memory", false);
}

/* ---- its life ----------------------------------------------------------- */

enum kr_err kri_watch_open(struct kri_topology *topology,
			   struct uv_loop_s *loop, struct kri_text prefix,
			   int64_t lease, const struct kri_watch_owner *owner,
			   void *arg, struct kri_watch **watch)
{
	struct kri_watch *made = calloc(1, sizeof(*made));
	enum kr_err err;

	if (!made)
		return KR_ERR_MEMORY;
	err = kri_beats_init(&made->beats, prefix, lease);
	if (err) {
		free(made);
		return err;
	}
	made->topology = topology;
	made->owner = owner;
	made->arg = arg;
	made->dial = topology->dial;
	made->sentinel_dial = topology->sentinel_dial;
	made->dial.identify = false; /* a tracker asks for itself */
	made->dial.loop = made->sentinel_dial.loop = loop;
	made->dial.lookups = made->sentinel_dial.lookups = &made->lookups;
	uv_timer_init(loop, &made->timer);
	made->timer.data = made;
	*watch = made;
	return KR_OK;
}

static void free_watch(uv_handle_t *timer)
{
	struct kri_watch *watch = timer->data;

	if (watch->slots)
		kri_slots_free(watch->slots);
	free(watch->slots);
	free(watch->seeds);
	free(watch);
}

void kri_watch_ask(struct kri_watch *watch)
{
	if (watch->asked)
		return;
	watch->asked = true;
	if (!watch->begun)
		begin(watch);
	else if (all_ready(watch))
		beat(watch);
}

bool kri_watch_has(const struct kri_watch *watch, uint64_t server)
{
	if (!watch->assured || !server)
		return false;
	for (size_t i = 0; i < watch->n; i++)
		if (kri_tracker_server(watch->posts[i].tracker) == server)
			return true;
	return false;
}

size_t kri_watch_count(const struct kri_watch *watch)
{
	return watch->assured ? watch->n : 0;
}

void kri_watch_close(struct kri_watch **watch)
{
	struct kri_watch *closed = *watch;

	*watch = NULL;
	if (!closed)
		return;
	drop_posts(closed);
	kri_lookups_close(&closed->lookups);
	uv_close((uv_handle_t *)&closed->timer, free_watch);
}
