/*
 * With Sentinels a try has two halves: one of them is dialled and asked, and
 * then the primary that it names.
 */
#include "redis/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define REPLY_ROOM (16 << 10) /* ROLE lists the replicas */

struct kri_reach {
	struct kri_goal goal;
	kri_dialled *done;
	void *arg;

	uv_timer_t timer;  /* ends the running try */
	uint64_t deadline; /* uv_now() of the end of it all */
	size_t from;       /* the first address */
	size_t tried;      /* how many of them */
	struct kri_attempt *attempt;
	struct kri_wire *wire; /* what is asked a question */
	struct kri_arena arena;
	struct kri_address primary; /* what a Sentinel named; host is ours */

	enum kr_err err; /* of the last that failed */
	char why[280];
};

/* ---- the end of it ------------------------------------------------------ */

static void free_reach(uv_handle_t *timer)
{
	free(timer->data);
}

/* Leaves the running try. */
static void drop_try(struct kri_reach *reach)
{
	kri_dial_cancel(&reach->attempt);
	kri_wire_close(&reach->wire);
	free(reach->primary.host);
	reach->primary.host = NULL;
}

void kri_reach_cancel(struct kri_reach **reach)
{
	struct kri_reach *ended = *reach;

	*reach = NULL;
	if (!ended)
		return;
	drop_try(ended);
	kri_arena_free(&ended->arena);
	uv_close((uv_handle_t *)&ended->timer, free_reach);
}

static void finish(struct kri_reach *reach, struct kri_wire *wire)
{
	kri_dialled *done = reach->done;
	void *arg = reach->arg;
	enum kr_err err = wire ? KR_OK : reach->err;
	char why[sizeof(reach->why)];

	memcpy(why, reach->why, sizeof(why));
	kri_reach_cancel(&reach);
	done(arg, wire, err, why);
}

static void succeed(struct kri_reach *reach, struct kri_wire *wire)
{
	if (reach->tried > 1)
		atomic_store(reach->goal.first,
			     (reach->from + reach->tried - 1) % reach->goal.n);
	kri_sink_set(&wire->sink, NULL, 0);
	finish(reach, wire);
}

/* ---- one try after the other -------------------------------------------- */

static void on_time(uv_timer_t *timer);
static void on_dialled(void *arg, struct kri_wire *wire, enum kr_err err,
		       const char *why);

static uint64_t left_of(const struct kri_reach *reach)
{
	uint64_t now = uv_now(reach->timer.loop);

	return reach->deadline > now ? reach->deadline - now : 0;
}

/* The attempt ends a moment before the try, as it knows what hangs. */
static void dial(struct kri_reach *reach, const struct kri_dial *with,
		 const struct kri_address *address)
{
	int64_t left = (int64_t)uv_timer_get_due_in(&reach->timer);

	/* A little less: the attempt knows better what it waits for. */
	reach->attempt = kri_dial_start(with, address, left - left / 20 - 1,
					on_dialled, reach);
	if (reach->attempt)
		return;
	reach->err = KR_ERR_MEMORY;
	uv_timer_start(&reach->timer, on_time, 0, 0);
}

static void try_next(struct kri_reach *reach)
{
	const struct kri_goal *goal = &reach->goal;
	size_t at = (reach->from + reach->tried) % goal->n;

	drop_try(reach);
	uv_timer_start(&reach->timer, on_time,
		       left_of(reach) / (goal->n - reach->tried) + 1, 0);
	reach->tried++;
	dial(reach, goal->service ? goal->sentinel_dial : goal->dial,
	     &goal->addresses[at]);
}

/* What befell a Sentinel is told as such. */
static void fail_try(struct kri_reach *reach, enum kr_err err, const char *why)
{
	bool sentinel = reach->goal.service && !reach->primary.host;

	reach->err = err;
	snprintf(reach->why, sizeof(reach->why), "%s%s",
		 sentinel ? "Sentinel: " : "", why);
	drop_try(reach);
	if (reach->tried < reach->goal.n)
		try_next(reach);
	else
		finish(reach, NULL);
}

static void on_time(uv_timer_t *timer)
{
	struct kri_reach *reach = timer->data;

	if (reach->err == KR_ERR_MEMORY)
		finish(reach, NULL);
	else
		fail_try(reach, KR_ERR_TIMEOUT, "no answer in time");
}

/* ---- questions ---------------------------------------------------------- */

/* The primary's address is that of the attempt to come. */
static void on_address(struct kri_reach *reach, const struct kri_reply *reply)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	struct kri_address primary = {0};
	enum kr_err err =
		kri_sentinel_read(reply, reach->goal.service, &primary, &why);

	if (err) {
		fail_try(reach, err, why.len ? why.data : kr_strerror(err));
	} else {
		drop_try(reach);
		reach->primary = primary;
		dial(reach, reach->goal.dial, &reach->primary);
	}
	kri_buffer_free(&why);
}

static void on_role(struct kri_reach *reach, const struct kri_reply *reply)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	enum kr_err err = kri_sentinel_check_role(reply, &why);
	struct kri_wire *wire = reach->wire;

	if (err) {
		fail_try(reach, err, why.len ? why.data : kr_strerror(err));
	} else {
		reach->wire = NULL;
		succeed(reach, wire);
	}
	kri_buffer_free(&why);
}

static void on_reply(void *arg, const struct kri_reply *reply)
{
	struct kri_reach *reach = arg;
	const char *why;
	enum kr_err err = kri_sink_check(&reach->wire->sink, &why);

	if (err)
		fail_try(reach, err, why);
	else if (reach->primary.host)
		on_role(reach, reply);
	else
		on_address(reach, reply);
}

static void on_gone(void *arg, enum kr_err err, const char *why)
{
	struct kri_reach *reach = arg;

	reach->wire = NULL;
	fail_try(reach, err, why);
}

static const struct kri_wire_owner asker = {.reply = on_reply, .gone = on_gone};

static void ask(struct kri_reach *reach, struct kri_wire *wire)
{
	const char *const name[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME",
				    reach->goal.service, NULL};
	const char *const role[] = {"ROLE", NULL};

	reach->wire = wire;
	kri_wire_own(wire, &asker, reach);
	kri_arena_reset(&reach->arena);
	kri_sink_set(&wire->sink, &reach->arena, REPLY_ROOM);
	if (kri_wire_ask(wire, reach->primary.host ? role : name))
		fail_try(reach, KR_ERR_MEMORY, "out of memory");
}

static void on_dialled(void *arg, struct kri_wire *wire, enum kr_err err,
		       const char *why)
{
	struct kri_reach *reach = arg;

	reach->attempt = NULL;
	if (err)
		fail_try(reach, err, why);
	else if (reach->goal.service)
		ask(reach, wire);
	else
		succeed(reach, wire);
}

struct kri_reach *kri_reach_start(const struct kri_goal *goal,
				  kri_dialled *done, void *arg)
{
	struct kri_reach *reach = calloc(1, sizeof(*reach));
	struct uv_loop_s *loop = goal->dial->loop;

	if (!reach)
		return NULL;
	reach->goal = *goal;
	reach->done = done;
	reach->arg = arg;
	reach->from = atomic_load(goal->first);
	kri_arena_init(&reach->arena, 1024, 2 * REPLY_ROOM);
	uv_update_time(loop);
	reach->deadline = uv_now(loop) + (uint64_t)goal->timeout;
	uv_timer_init(loop, &reach->timer);
	reach->timer.data = reach;
	try_next(reach);
	return reach;
}
