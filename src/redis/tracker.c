/*
 * Questions are asked in one piece, and their answers read in that order: first
 * who the server is, then for each beat a SET and, in a cluster, what the node
 * thinks of it.
 *
 * In BCAST mode Redis gathers what has changed, and tells it before it sleeps:
 * so the answer to a SET may come before the news of an earlier change, but the
 * news of that SET does not. A beat is over when both have come, and all that
 * was told together with the second has been passed on.
 */
#include "redis/tracker.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "base/clock.h"
#include "redis/command.h"
#include "redis/info.h"

#define REPLY_ROOM ((size_t)8 << 20) /* CLUSTER SLOTS of a large one */
#define PUSH_ROOM ((size_t)16 << 20) /* some hundred thousand keys at once */
#define QUESTIONS_MAX 4

enum question { HELLO, TRACKING, INFO, CLUSTER, SLOTS, BEAT };

struct kri_tracker {
	struct kri_tracker_options with;
	const struct kri_tracker_owner *owner;
	void *arg;

	struct kri_reach *reach; /* under way, or NULL */
	struct kri_wire *wire;   /* open, or NULL */
	bool closed;
	uv_timer_t timer; /* ends the wait for answers */
	bool late;        /* it has, and what came is still unread */

	enum question line[QUESTIONS_MAX]; /* asked; n of them, in order */
	size_t n;
	struct kri_arena replies, pushed;
	struct kri_sink pushes;

	uint64_t server;
	int64_t epoch; /* of the cluster; -1: not known yet */
	bool ready;

	bool beating;
	bool told;             /* the news of the beat's key has come */
	bool vague;            /* or it may have, among what had no room */
	bool proven;           /* a beat has come to its end */
	int64_t since;         /* kri_clock_boot_us() */
	struct kri_buffer key; /* of the beat */
};

/* ---- the end ------------------------------------------------------------ */

static void free_tracker(uv_handle_t *timer)
{
	struct kri_tracker *tracker = timer->data;

	kri_arena_free(&tracker->replies);
	kri_arena_free(&tracker->pushed);
	kri_buffer_free(&tracker->key);
	free(tracker);
}

void kri_tracker_close(struct kri_tracker **tracker)
{
	struct kri_tracker *closed = *tracker;

	*tracker = NULL;
	if (!closed)
		return;
	closed->closed = true;
	kri_reach_cancel(&closed->reach);
	kri_wire_close(&closed->wire);
	uv_close((uv_handle_t *)&closed->timer, free_tracker);
}

static void lose(struct kri_tracker *tracker, const char *why, bool hopeless)
{
	const struct kri_tracker_owner *owner = tracker->owner;
	void *arg = tracker->arg;
	char said[280];

	snprintf(said, sizeof(said), "%s", why);
	kri_tracker_close(&tracker);
	owner->lost(arg, said, hopeless);
}

/* Says what it was an answer to, too. */
static void lose_over(struct kri_tracker *tracker, const char *what,
		      const struct kri_reply *reply, bool hopeless)
{
	char why[280];

	snprintf(why, sizeof(why), "%s: %.200s", what,
		 reply->type == KRI_REPLY_ERROR ||
				 reply->type == KRI_REPLY_STATUS
			 ? reply->text.data
			 : "wrong type of reply");
	lose(tracker, why, hopeless);
}

/* ---- waiting ------------------------------------------------------------ */

static void on_time(uv_timer_t *timer);

static void await(struct kri_tracker *tracker)
{
	tracker->late = false;
	uv_timer_start(&tracker->timer, on_time,
		       (uint64_t)tracker->with.timeout, 0);
}

/* When the loop was held up, what has come is read before the second time. */
static void on_time(uv_timer_t *timer)
{
	struct kri_tracker *tracker = timer->data;

	if (!tracker->late) {
		tracker->late = true;
		uv_timer_start(timer, on_time, 1, 0);
	} else if (tracker->n || tracker->vague || tracker->proven) {
		lose(tracker, "no answer in time", false);
	} else {
		lose(tracker,
		     "CLIENT TRACKING tells nothing of what is written "
		     "(is there a proxy in between?)",
		     true);
	}
}

/* ---- questions ---------------------------------------------------------- */

/* To be followed by a flush. */
static enum kr_err ask(struct kri_tracker *tracker, enum question question,
		       const char *const *words)
{
	struct kri_wire *wire = tracker->wire;
	enum kr_err err;

	wire->held = true;
	err = kri_wire_ask(wire, words);
	wire->held = false;
	if (!tracker->n)
		kri_sink_set(&wire->sink, &tracker->replies, REPLY_ROOM);
	tracker->line[tracker->n++] = question;
	return err;
}

static enum kr_err ask_cluster(struct kri_tracker *tracker)
{
	const char *const info[] = {"CLUSTER", "INFO", NULL};

	return tracker->with.node ? ask(tracker, CLUSTER, info) : KR_OK;
}

static void send_off(struct kri_tracker *tracker, enum kr_err err)
{
	if (err) {
		lose(tracker, kr_strerror(err), false);
		return;
	}
	await(tracker);
	kri_wire_flush(tracker->wire);
}

/* What is behind the prefix may hold any byte but NUL, as options do. */
static void introduce(struct kri_tracker *tracker)
{
	const char *const hello[] = {"HELLO", "3", NULL};
	const char *const tracking[] = {
		"CLIENT", "TRACKING", "ON",
		"BCAST",  "PREFIX",   tracker->with.beats.prefix.data,
		NULL};
	const char *const info[] = {"INFO", "server", NULL};
	enum kr_err err = ask(tracker, HELLO, hello);

	if (!err)
		err = ask(tracker, TRACKING, tracking);
	if (!err)
		err = ask(tracker, INFO, info);
	if (!err)
		err = ask_cluster(tracker);
	send_off(tracker, err);
}

void kri_tracker_beat(struct kri_tracker *tracker)
{
	char count[KRI_INT_SIZE + 1], life[KRI_INT_SIZE + 1];
	const char *set[] = {"SET", NULL, count, "PX", life, NULL};
	enum kr_err err;

	if (tracker->beating || !tracker->ready)
		return;
	tracker->beating = true;
	tracker->told = tracker->vague = false;
	kri_beats_next(&tracker->with.beats, &tracker->key);
	snprintf(count, sizeof(count), "%llu",
		 (unsigned long long)tracker->with.beats.count);
	snprintf(life, sizeof(life), "%lld",
		 (long long)tracker->with.beats.lease);
	set[1] = tracker->key.data;
	tracker->since = kri_clock_boot_us();
	err = tracker->key.failed ? KR_ERR_MEMORY : ask(tracker, BEAT, set);
	if (!err)
		err = ask_cluster(tracker);
	send_off(tracker, err);
}

/* Both have come, and nothing else is awaited. */
static void end_beat(struct kri_tracker *tracker)
{
	if (!tracker->beating || !tracker->told || tracker->n)
		return;
	uv_timer_stop(&tracker->timer);
	tracker->beating = false;
	tracker->proven = true;
	tracker->owner->beaten(tracker->arg, tracker->since);
}

/* ---- answers ------------------------------------------------------------ */

/* Whether a command of the introduction was refused for good. */
static bool is_final(const struct kri_reply *reply)
{
	return kri_reply_check(reply) != KR_ERR_UNAVAILABLE;
}

static bool take_info(struct kri_tracker *tracker,
		      const struct kri_reply *reply)
{
	const char *const slots[] = {"CLUSTER", "SLOTS", NULL};
	bool cluster;

	if (reply->type == KRI_REPLY_STRING)
		tracker->server = kri_info_server(reply->text);
	if (!tracker->server) {
		lose_over(tracker, "INFO server tells no run_id", reply,
			  is_final(reply));
		return false;
	}
	cluster = kri_info_is_cluster(reply->text);
	if (cluster == tracker->with.node)
		return true;
	if (!cluster)
		lose(tracker, "it is of no cluster any more", false);
	else
		send_off(tracker, ask(tracker, SLOTS, slots));
	return false;
}

static bool take_cluster(struct kri_tracker *tracker,
			 const struct kri_reply *reply)
{
	struct kri_text said = reply->text;
	int64_t epoch;

	if (reply->type != KRI_REPLY_STRING ||
	    kri_text_to_int(kri_info_value(said, "cluster_current_epoch"), 0,
			    INT64_MAX, &epoch)) {
		lose_over(tracker, "CLUSTER INFO", reply, is_final(reply));
		return false;
	}
	if (!kri_info_says(said, "cluster_state", "ok")) {
		lose(tracker, "the cluster's state is not ok", false);
		return false;
	}
	if (tracker->epoch >= 0 && epoch != tracker->epoch) {
		lose(tracker, "the cluster has changed", false);
		return false;
	}
	tracker->epoch = epoch;
	return true;
}

static bool expect_ok(struct kri_tracker *tracker,
		      const struct kri_reply *reply, const char *what,
		      bool hopeless)
{
	if (reply->type == KRI_REPLY_STATUS &&
	    kri_text_equal(reply->text, KRI_TEXT("OK")))
		return true;
	lose_over(tracker, what, reply, hopeless);
	return false;
}

/* Whether it is as it should be; else the tracker is gone, or does something
 * else. */
static bool take(struct kri_tracker *tracker, enum question question,
		 const struct kri_reply *reply)
{
	switch (question) {
	case HELLO:
		if (reply->type == KRI_REPLY_ARRAY)
			return true;
		lose_over(tracker, "HELLO 3", reply, is_final(reply));
		return false;
	case TRACKING:
		return expect_ok(tracker, reply, "CLIENT TRACKING",
				 is_final(reply));
	case INFO:
		return take_info(tracker, reply);
	case CLUSTER:
		return take_cluster(tracker, reply);
	case SLOTS:
		uv_timer_stop(&tracker->timer);
		tracker->owner->map(tracker->arg, reply);
		return false;
	default:
		return expect_ok(tracker, reply, "SET",
				 kri_reply_is_forbidden(reply));
	}
}

static enum question next_in_line(struct kri_tracker *tracker)
{
	enum question first = tracker->line[0];

	tracker->n--;
	for (size_t i = 0; i < tracker->n; i++)
		tracker->line[i] = tracker->line[i + 1];
	return first;
}

static void on_reply(void *arg, const struct kri_reply *reply)
{
	struct kri_tracker *tracker = arg;
	const char *why;

	if (kri_sink_check(&tracker->wire->sink, &why)) {
		lose(tracker, why, false);
		return;
	}
	if (!take(tracker, next_in_line(tracker), reply))
		return;
	kri_arena_reset(&tracker->replies);
	kri_sink_set(&tracker->wire->sink,
		     tracker->n ? &tracker->replies : NULL, REPLY_ROOM);
	if (tracker->ready) {
		end_beat(tracker);
	} else if (!tracker->n) {
		uv_timer_stop(&tracker->timer);
		tracker->ready = true;
		tracker->owner->ready(tracker->arg);
	}
}

/* ---- news --------------------------------------------------------------- */

/* The loss of what is not a key of ours would be none; it cannot be. */
static void take_key(struct kri_tracker *tracker, struct kri_text key)
{
	struct kri_text prefix = tracker->with.beats.prefix;
	struct kri_text rest;
	int64_t lease;

	if (!kri_text_starts(key, prefix))
		return;
	rest = kri_text(key.data + prefix.len, key.len - prefix.len);
	if (tracker->beating &&
	    kri_text_equal(key, kri_buffer_text(&tracker->key)))
		tracker->told = true;
	else if (kri_beat_read(rest, &lease))
		tracker->owner->heard(tracker->arg, lease);
	else
		tracker->owner->changed(tracker->arg, rest);
}

/* ["invalidate", [key, ...]], or NIL for all of them. */
static bool is_news(const struct kri_reply *push)
{
	const struct kri_reply *keys;

	if (push->type != KRI_REPLY_ARRAY || push->n != 2 ||
	    push->elements[0]->type != KRI_REPLY_STRING ||
	    !kri_text_equal(push->elements[0]->text, KRI_TEXT("invalidate")))
		return false;
	keys = push->elements[1];
	for (size_t i = 0; i < keys->n; i++)
		if (keys->elements[i]->type != KRI_REPLY_STRING)
			return false;
	return keys->type == KRI_REPLY_NIL || keys->type == KRI_REPLY_ARRAY;
}

/* It is freed by the loop only, whatever its owner does meanwhile. */
static void take_news(struct kri_tracker *tracker, const struct kri_reply *keys)
{
	if (keys->type == KRI_REPLY_NIL)
		tracker->owner->changed(tracker->arg, kri_text(NULL, 0));
	for (size_t i = 0; i < keys->n && !tracker->closed; i++)
		take_key(tracker, keys->elements[i]->text);
}

static void on_push(void *arg, const struct kri_reply *push)
{
	struct kri_tracker *tracker = arg;

	if (tracker->pushes.over) {
		tracker->vague = true;
		tracker->owner->changed(tracker->arg, kri_text(NULL, 0));
	} else if (is_news(push)) {
		take_news(tracker, push->elements[1]);
	} else {
		lose(tracker, "news that make no sense", false);
		return;
	}
	if (tracker->closed)
		return;
	kri_arena_reset(&tracker->pushed);
	kri_sink_set(&tracker->pushes, &tracker->pushed, PUSH_ROOM);
	end_beat(tracker);
}

/* ---- its beginning ------------------------------------------------------ */

static void on_gone(void *arg, enum kr_err err, const char *why)
{
	struct kri_tracker *tracker = arg;

	(void)err;
	tracker->wire = NULL;
	lose(tracker, why, false);
}

static const struct kri_wire_owner tracking = {
	.reply = on_reply,
	.gone = on_gone,
	.push = on_push,
};

static void on_reached(void *arg, struct kri_wire *wire, enum kr_err err,
		       const char *why)
{
	struct kri_tracker *tracker = arg;

	tracker->reach = NULL;
	if (err) {
		lose(tracker, why, false);
		return;
	}
	tracker->wire = wire;
	kri_wire_own(wire, &tracking, tracker);
	kri_sink_set(&tracker->pushes, &tracker->pushed, PUSH_ROOM);
	kri_wire_take_pushes(wire, &tracker->pushes);
	introduce(tracker);
}

struct kri_tracker *kri_tracker_open(const struct kri_tracker_options *options,
				     const struct kri_tracker_owner *owner,
				     void *arg)
{
	struct kri_tracker *tracker = calloc(1, sizeof(*tracker));

	if (!tracker)
		return NULL;
	tracker->with = *options;
	tracker->owner = owner;
	tracker->arg = arg;
	tracker->epoch = -1;
	kri_arena_init(&tracker->replies, 4096, 2 * REPLY_ROOM);
	kri_arena_init(&tracker->pushed, 4096, 2 * PUSH_ROOM);
	uv_timer_init(options->goal.dial->loop, &tracker->timer);
	tracker->timer.data = tracker;
	tracker->reach = kri_reach_start(&options->goal, on_reached, tracker);
	if (!tracker->reach)
		kri_tracker_close(&tracker);
	return tracker;
}

uint64_t kri_tracker_server(const struct kri_tracker *tracker)
{
	return tracker->server;
}
