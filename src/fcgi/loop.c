/*
 * What the loop's callbacks have gathered in a turn is walked before it waits
 * again: then all that was readable is known, and what the store is to do
 * goes out in one write.
 */
#include "fcgi/loop.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/uv.h"
#include "session/token.h"

#define PROBE_CHUNK 1024

/* ---- the inbox -------------------------------------------------------- */

static bool has_room(struct kri_inbox *inbox, size_t n)
{
	size_t cap = inbox->cap ? inbox->cap : 64;
	int *fds;

	while (cap < inbox->n + n)
		cap *= 2;
	if (cap == inbox->cap)
		return true;
	fds = realloc(inbox->fds, cap * sizeof(*fds));
	if (!fds)
		return false;
	inbox->fds = fds;
	inbox->cap = cap;
	return true;
}

/* Not to one that drains: it may end without looking into its inbox again. */
static bool put(struct kri_loop *loop, const int *fds, size_t n)
{
	struct kri_inbox *inbox = &loop->inbox;
	bool taken;

	pthread_mutex_lock(&inbox->lock);
	taken = !inbox->drain && has_room(inbox, n);
	if (taken) {
		memcpy(inbox->fds + inbox->n, fds, n * sizeof(*fds));
		inbox->n += n;
	}
	pthread_mutex_unlock(&inbox->lock);
	if (taken)
		uv_async_send(&loop->wake);
	return taken;
}

void kri_loop_give(struct kri_loop *loop, const int *fds, size_t n)
{
	bool taken = put(loop, fds, n);

	for (size_t i = 0; !taken && i < n; i++)
		close(fds[i]);
}

size_t kri_loop_take_back(struct kri_loop *loop, int *fds, size_t most)
{
	struct kri_inbox *inbox = &loop->inbox;
	size_t n;

	pthread_mutex_lock(&inbox->lock);
	n = inbox->n < most ? inbox->n : most;
	inbox->n -= n;
	if (n)
		memcpy(fds, inbox->fds + inbox->n, n * sizeof(*fds));
	pthread_mutex_unlock(&inbox->lock);
	return n;
}

void kri_loop_shed(struct kri_loop *loop, struct kri_loop *heir, size_t n)
{
	pthread_mutex_lock(&loop->inbox.lock);
	loop->inbox.heir = heir;
	loop->inbox.shed = n;
	pthread_mutex_unlock(&loop->inbox.lock);
	uv_async_send(&loop->wake);
}

void kri_loop_drain(struct kri_loop *loop)
{
	kri_loop_hand_over(loop, NULL, NULL);
}

void kri_loop_hand_over(struct kri_loop *loop, kri_peers_hand *hand, void *arg)
{
	pthread_mutex_lock(&loop->inbox.lock);
	loop->inbox.drain = true;
	loop->inbox.hand = hand;
	loop->inbox.hand_arg = arg;
	pthread_mutex_unlock(&loop->inbox.lock);
	uv_async_send(&loop->wake);
}

static void give_to_heir(void *arg, int fd)
{
	struct kri_loop *loop = arg;

	if (!put(loop->heir, &fd, 1))
		kri_peers_add(&loop->peers, fd);
}

static bool is_ending(const struct kri_loop *loop)
{
	return loop->peers.draining || loop->peers.hand;
}

/* KR_ERR_NOT_FOUND is the store's word on a session that is not there. */
static void probed(void *arg)
{
	struct kri_loop *loop = arg;
	struct kri_probe *probe = &loop->probe;
	enum kr_err err = probe->record.err;

	kri_stages_wake(&loop->stages);
	probe->under_way = false;
	loop->stages.under_way--;
	kri_arena_reset(&probe->arena);
	atomic_store(&probe->err, err == KR_ERR_NOT_FOUND ? KR_OK : (int)err);
	atomic_store(&probe->begun, probe->since);
}

static void probe(struct kri_loop *loop)
{
	struct kri_probe *probe = &loop->probe;
	struct kri_link *link = loop->stages.link;
	struct kri_token token;

	if (probe->under_way)
		return;
	probe->since = kri_clock_us();
	probe->record = (struct kri_record){.arena = &probe->arena};
	probe->records[0] = &probe->record;
	probe->record.err = kri_token_make(&token);
	probe->under_way = true;
	loop->stages.under_way++;
	if (probe->record.err) {
		probed(loop);
		return;
	}
	memcpy(probe->record.id, token.id, sizeof(token.id));
	link->store->ops->load(link, probe->records, 1, probed, loop);
}

void kri_loop_probe(struct kri_loop *loop)
{
	pthread_mutex_lock(&loop->inbox.lock);
	loop->inbox.probe = true;
	pthread_mutex_unlock(&loop->inbox.lock);
	uv_async_send(&loop->wake);
}

/* Empties the inbox first, so that nobody waits for its lock. */
static void read_inbox(uv_async_t *wake)
{
	struct kri_loop *loop = wake->data;
	struct kri_inbox *inbox = &loop->inbox, got;

	kri_stages_wake(&loop->stages);
	pthread_mutex_lock(&inbox->lock);
	got = *inbox;
	inbox->fds = NULL;
	inbox->n = inbox->cap = inbox->shed = 0;
	inbox->heir = NULL;
	inbox->probe = false;
	pthread_mutex_unlock(&inbox->lock);
	for (size_t i = 0; i < got.n; i++)
		kri_peers_add(&loop->peers, got.fds[i]);
	free(got.fds);
	if (got.probe && !got.drain)
		probe(loop);
	if (got.drain && !is_ending(loop)) {
		if (got.hand)
			kri_peers_hand_over(&loop->peers, got.hand,
					    got.hand_arg);
		else
			kri_peers_drain(&loop->peers);
	} else if (got.heir && !got.drain) {
		loop->heir = got.heir;
		kri_peers_shed(&loop->peers, got.shed);
	}
}

/* ---- turns ------------------------------------------------------------ */

static void set(atomic_llong *value, int64_t to)
{
	atomic_store_explicit(value, to, memory_order_relaxed);
}

static int64_t get(const atomic_llong *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

int64_t kri_loop_turn(const struct kri_loop *loop)
{
	int64_t begin = get(&loop->stages.turn_at);

	return begin ? kri_clock_us() - begin : 0;
}

int64_t kri_loop_busy(const struct kri_loop *loop)
{
	return get(&loop->busy_us) + kri_loop_turn(loop);
}

static void close_all(struct kri_loop *loop)
{
	loop->closing = true;
	kri_peers_close(&loop->peers);
	kri_stages_close(&loop->stages);
	uv_close((uv_handle_t *)&loop->prepare, NULL);
	uv_close((uv_handle_t *)&loop->wake, NULL);
}

/* Whether it drains and there is nothing left to do for anybody. */
static bool is_done(const struct kri_loop *loop)
{
	return is_ending(loop) && !loop->stages.under_way &&
	       !kri_peers_count(&loop->peers);
}

static void end_turn(uv_prepare_t *prepare)
{
	struct kri_loop *loop = prepare->data;

	kri_stages_turn(&loop->stages);
	if (is_done(loop)) {
		atomic_store(&loop->answered, true);
		close_all(loop);
	}
	set(&loop->connections, (int64_t)kri_peers_count(&loop->peers));
	set(&loop->requests, loop->stages.requests);
	set(&loop->batches, loop->stages.batches);
	set(&loop->busy_us, kri_loop_busy(loop));
	set(&loop->stages.turn_at, 0);
}

/* ---- life ------------------------------------------------------------- */

enum kr_err kri_loop_open(struct kri_loop *loop, const struct kri_site *site,
			  struct kri_store *store)
{
	enum kr_err err = kri_err_of_uv(uv_loop_init(&loop->uv));

	if (err)
		return err;
	err = kri_err_of_uv(uv_async_init(&loop->uv, &loop->wake, read_inbox));
	if (err) {
		uv_loop_close(&loop->uv);
		return err;
	}
	uv_prepare_init(&loop->uv, &loop->prepare);
	loop->prepare.data = loop->wake.data = loop;
	pthread_mutex_init(&loop->inbox.lock, NULL);
	err = kri_stages_open(&loop->stages, site, store, &loop->uv);
	if (!err)
		err = kri_peers_open(&loop->peers, &loop->uv, &loop->stages);
	/* libuv calls that first which was started last: what the store does
	 * before the wait has to see all of the turn, or it writes twice. */
	uv_prepare_start(&loop->prepare, end_turn);
	kri_arena_init(&loop->probe.arena, PROBE_CHUNK, SIZE_MAX);
	if (!err)
		err = kri_counters_open(KRI_ROUTE_FIRST + site->router->n,
					&loop->counters);
	loop->peers.give = give_to_heir;
	loop->peers.arg = loop;
	if (err)
		kri_loop_close(loop);
	return err;
}

/*
 * Woken by the front server's first request of many, a loop would push the
 * front server aside, serve that one, and be woken again for the next. In the
 * batch class it waits until the processor is free, or its turn has come, and
 * finds more of them; on an idle processor that is at once. Another class that
 * the operator has chosen (chrt(1)) is left alone.
 */
static void be_patient(void)
{
	struct sched_param none = {0};

	if (sched_getscheduler(0) == SCHED_OTHER)
		sched_setscheduler(0, SCHED_BATCH, &none);
}

void *kri_loop_run(void *arg)
{
	struct kri_loop *loop = arg;

	be_patient();
	kri_counters_adopt(loop->counters);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	loop->ended(loop->arg);
	return NULL;
}

void kri_loop_close(struct kri_loop *loop)
{
	if (!loop->closing)
		close_all(loop);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	uv_loop_close(&loop->uv);
	for (size_t i = 0; i < loop->inbox.n; i++)
		close(loop->inbox.fds[i]);
	free(loop->inbox.fds);
	kri_peers_free(&loop->peers);
	kri_stages_free(&loop->stages);
	kri_arena_free(&loop->probe.arena);
	kri_counters_close(&loop->counters);
	pthread_mutex_destroy(&loop->inbox.lock);
}
