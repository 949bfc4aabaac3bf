/*
 * All of a loop's connections: how long they may take, who goes to another
 * loop, and how they end. What happens on one of them is in peer.c.
 */
#include "fcgi/peer.h"

#include "base/clock.h"
#include "base/log.h"

#define LEAVE_TIMEOUT 2000 /* ms that a leaving peer may take */
#define DRAIN_GRACE 1000   /* ms for that and for half a request, draining */
#define TICK_MOST 250      /* ms between looks at the clock */

/* ---- time ------------------------------------------------------------- */

/* Not one that only connected, and is waited for as the server drains. */
static bool has_begun(const struct kri_peer *peer)
{
	return peer->served || peer->intake.gathered;
}

/* Closes those of the list that have been in it for too long. */
static void expire(struct kri_peers *peers, enum kri_peer_state state,
		   int64_t timeout, const char *what)
{
	int64_t now = kri_clock_ms();
	static _Atomic int64_t next;
	struct kri_peer *peer;

	while ((peer = peers->lists[state].first) &&
	       now - peer->since >= timeout) {
		if (what && has_begun(peer) && kri_log_is_due(&next))
			kri_log(KRI_LOG_WARNING, NULL,
				"the front server %s within %lld ms: "
				"connection closed",
				what, (long long)timeout);
		kri_peer_close(peer);
	}
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* While connections are handed over there is time: another process serves. */
static int64_t partial_limit(const struct kri_peers *peers)
{
	if (peers->draining)
		return least(peers->receive_timeout, DRAIN_GRACE);
	if (peers->hand)
		return least(peers->receive_timeout, peers->hand_timeout);
	return peers->receive_timeout;
}

static int64_t leave_limit(const struct kri_peers *peers)
{
	return peers->draining || peers->hand ? DRAIN_GRACE : LEAVE_TIMEOUT;
}

static void tick(uv_timer_t *timer)
{
	struct kri_peers *peers = timer->data;

	expire(peers, KRI_PEER_PARTIAL, partial_limit(peers),
	       "sent half a request and not the rest of it");
	expire(peers, KRI_PEER_WRITING, peers->receive_timeout,
	       "did not read its answer");
	expire(peers, KRI_PEER_LEAVING, leave_limit(peers), NULL);
	if (peers->lists[KRI_PEER_PARTIAL].n ||
	    peers->lists[KRI_PEER_WRITING].n ||
	    peers->lists[KRI_PEER_LEAVING].n)
		return;
	uv_timer_stop(timer);
	peers->ticking = false;
}

void kri_peers_tick(struct kri_peers *peers)
{
	uint64_t ms = (uint64_t)peers->receive_timeout / 8;

	if (peers->ticking)
		return;
	if (ms > TICK_MOST)
		ms = TICK_MOST;
	uv_timer_start(&peers->timer, tick, ms + 1, ms + 1);
	peers->ticking = true;
}

/* ---- all of them ------------------------------------------------------ */

void kri_peers_shed(struct kri_peers *peers, size_t n)
{
	struct kri_peer *peer = peers->lists[KRI_PEER_IDLE].first, *next;

	peers->shed = n;
	for (; peer && peers->shed; peer = next) {
		next = peer->next;
		if (!peer->intake.gathered)
			kri_peer_give_away(peer);
	}
}

/* What has been sent is answered; of the others, those that have been served
 * are stopped, and looked at again for what came meanwhile. */
void kri_peers_drain(struct kri_peers *peers)
{
	struct kri_peer *peer = peers->lists[KRI_PEER_IDLE].first, *next;

	peers->shed = 0;
	for (; peer; peer = next) {
		next = peer->next;
		kri_peer_look(peer);
	}
	peers->draining = true;
	for (peer = peers->lists[KRI_PEER_IDLE].first; peer; peer = next) {
		next = peer->next;
		if (peer->served)
			kri_peer_stop_sender(peer);
		kri_peer_look(peer);
	}
}

void kri_peers_hand_over(struct kri_peers *peers, kri_peers_hand *hand,
			 void *arg)
{
	struct kri_peer *peer = peers->lists[KRI_PEER_IDLE].first, *next;

	peers->shed = 0;
	peers->hand = hand;
	peers->hand_arg = arg;
	for (; peer && peers->hand; peer = next) {
		next = peer->next;
		if (peer->intake.gathered)
			kri_peer_look(peer);
		else
			(void)kri_peer_hand_over(peer);
	}
	if (!peers->hand)
		kri_peers_drain(peers);
}

size_t kri_peers_count(const struct kri_peers *peers)
{
	size_t n = 0;

	for (int state = 0; state < KRI_PEER_STATES; state++)
		n += peers->lists[state].n;
	return n;
}

enum kr_err kri_peers_open(struct kri_peers *peers, uv_loop_t *loop,
			   struct kri_stages *stages)
{
	*peers = (struct kri_peers){
		.loop = loop,
		.stages = stages,
		.receive_timeout = stages->site->config->receive_timeout,
		.hand_timeout = stages->site->config->drain_timeout / 2,
	};
	uv_timer_init(loop, &peers->timer);
	peers->timer.data = peers;
	stages->send = kri_peer_answer;
	stages->arg = peers;
	return kri_window_open(&peers->window);
}

void kri_peers_close(struct kri_peers *peers)
{
	if (!peers->loop)
		return;
	for (int state = 0; state < KRI_PEER_STATES; state++)
		while (peers->lists[state].first)
			kri_peer_close(peers->lists[state].first);
	uv_close((uv_handle_t *)&peers->timer, NULL);
}

void kri_peers_free(struct kri_peers *peers)
{
	kri_window_close(&peers->window);
}
