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

static int64_t limit(const struct kri_peers *peers, int64_t timeout)
{
	return peers->draining && timeout > DRAIN_GRACE ? DRAIN_GRACE : timeout;
}

static void tick(uv_timer_t *timer)
{
	struct kri_peers *peers = timer->data;

	expire(peers, KRI_PEER_PARTIAL, limit(peers, peers->receive_timeout),
	       "sent half a request and not the rest of it");
	expire(peers, KRI_PEER_WRITING, peers->receive_timeout,
	       "did not read its answer");
	expire(peers, KRI_PEER_LEAVING, limit(peers, LEAVE_TIMEOUT), NULL);
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
