/*
 * A connection is polled only when it has to wait: one that brings a request,
 * is answered and closed in the same turn never meets the poll.
 */
#include "fcgi/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define LEAVE_TIMEOUT 2000 /* ms that a leaving peer may take */
#define DRAIN_GRACE 1000   /* ms for that and for half a request, draining */
#define TICK_MOST 250      /* ms between looks at the clock */

/* ---- states ----------------------------------------------------------- */

static void unlink_peer(struct kri_peer *peer)
{
	struct kri_peer_list *list = &peer->peers->lists[peer->state];

	*(peer->prev ? &peer->prev->next : &list->first) = peer->next;
	*(peer->next ? &peer->next->prev : &list->last) = peer->prev;
	list->n--;
}

/* Behind the others, so that a list is in the order of `since`. */
static void link_peer(struct kri_peer *peer, enum kri_peer_state state)
{
	struct kri_peer_list *list = &peer->peers->lists[state];

	peer->state = state;
	peer->next = NULL;
	peer->prev = list->last;
	*(list->last ? &list->last->next : &list->first) = peer;
	list->last = peer;
	list->n++;
}

static bool has_end(enum kri_peer_state state)
{
	return state == KRI_PEER_PARTIAL || state == KRI_PEER_WRITING ||
	       state == KRI_PEER_LEAVING;
}

static void start_ticking(struct kri_peers *peers);

static void become(struct kri_peer *peer, enum kri_peer_state state)
{
	if (peer->state == state)
		return;
	unlink_peer(peer);
	link_peer(peer, state);
	if (!has_end(state))
		return;
	peer->since = kri_clock_ms();
	start_ticking(peer->peers);
}

static void free_peer(uv_handle_t *handle)
{
	free(handle->data);
}

/* Stops watching and forgets; the descriptor is left open. */
static void forget(struct kri_peer *peer)
{
	unlink_peer(peer);
	kri_intake_free(&peer->intake);
	kri_buffer_free(&peer->rest);
	if (peer->watched)
		uv_close((uv_handle_t *)&peer->poll, free_peer);
	else
		free(peer);
}

static void close_peer(struct kri_peer *peer)
{
	int fd = peer->fd;

	forget(peer);
	close(fd);
}

/* ---- watching --------------------------------------------------------- */

static void look(struct kri_peer *peer);
static void write_rest(struct kri_peer *peer);
static void read_to_the_end(struct kri_peer *peer);

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct kri_peer *peer = poll->data;

	(void)events;
	kri_stages_wake(peer->peers->stages);
	if (status < 0) {
		/* Nothing can be waited for any more; a busy one is closed
		 * when its answer cannot be written. */
		uv_poll_stop(poll);
		peer->muted = true;
		if (peer->state != KRI_PEER_BUSY)
			close_peer(peer);
		return;
	}
	switch (peer->state) {
	case KRI_PEER_BUSY:
		/* It would be said again and again until the answer is out. */
		uv_poll_stop(poll);
		peer->muted = true;
		return;
	case KRI_PEER_WRITING:
		write_rest(peer);
		return;
	case KRI_PEER_LEAVING:
		read_to_the_end(peer);
		return;
	default:
		/* If there are too many, the next turn hears of it again. */
		if (!kri_stages_is_full(peer->peers->stages))
			look(peer);
	}
}

/* From now on `events` tell of themselves. False if they cannot. */
static bool watch(struct kri_peer *peer, int events)
{
	if (!peer->watched) {
		if (uv_poll_init(peer->peers->loop, &peer->poll, peer->fd))
			return false;
		peer->poll.data = peer;
		peer->watched = true;
	}
	peer->muted = false;
	return !uv_poll_start(&peer->poll, events, on_event);
}

static void watch_or_close(struct kri_peer *peer, int events)
{
	static _Atomic int64_t next;

	if (watch(peer, events))
		return;
	if (kri_log_is_due(&next))
		kri_log(KRI_LOG_ERROR, NULL,
			"a connection had to be closed: epoll takes no more");
	close_peer(peer);
}

/* ---- the end of a connection ------------------------------------------ */

/*
 * Half-closed, so that the peer reads our answer and its end; closing while
 * it still sends would make its kernel throw the answer away.
 */
static void leave(struct kri_peer *peer)
{
	if (shutdown(peer->fd, SHUT_WR)) {
		close_peer(peer);
		return;
	}
	become(peer, KRI_PEER_LEAVING);
	if (!peer->watched || peer->muted)
		watch_or_close(peer, UV_READABLE);
}

static void read_to_the_end(struct kri_peer *peer)
{
	char trash[4096];
	ssize_t n = recv(peer->fd, trash, sizeof(trash), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_peer(peer);
}

/*
 * Draining, the next request must not come while we close: on a Unix socket
 * the front server can send no more from here on, and knows that what it
 * wanted to send was not taken. TCP has no such thing.
 */
static void stop_sender(struct kri_peer *peer)
{
	int domain = AF_UNSPEC;
	socklen_t size = sizeof(domain);

	if (!getsockopt(peer->fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) &&
	    domain == AF_UNIX)
		shutdown(peer->fd, SHUT_RD);
}

/* ---- receiving -------------------------------------------------------- */

static void refuse(struct kri_peer *peer, const char *why)
{
	static _Atomic int64_t next;

	if (kri_log_is_due(&next))
		kri_log(KRI_LOG_WARNING, NULL,
			"something that is not FastCGI came in (%s): "
			"connection closed",
			why);
	close_peer(peer);
}

static struct kr_context *take(struct kri_stages *stages)
{
	struct kr_context *c = kri_stages_take(stages);

	if (c && !c->gateway && kri_gateway_open(&c->gateway)) {
		kri_stages_drop(stages, c);
		return NULL;
	}
	return c;
}

static void receive(struct kri_peer *peer)
{
	struct kri_peers *peers = peer->peers;
	struct kr_context *c = take(peers->stages);
	enum kr_err err, body_err = KR_OK;

	if (!c) {
		close_peer(peer);
		return;
	}
	err = kri_intake_receive(&peer->intake, peers->window, peer->fd,
				 c->gateway, KRI_REQUEST_BODY_MAX, &c->body,
				 &body_err);
	if (err) {
		if (err == KR_ERR_SYSTEM)
			peer->fd = -1; /* libfcgi has closed it */
		kri_buffer_clear(&c->body);
		kri_stages_drop(peers->stages, c);
		refuse(peer, "libfcgi does not take it");
		return;
	}
	become(peer, KRI_PEER_BUSY);
	peer->served = true;
	c->peer = peer;
	kri_exchange_begin(c, kri_gateway_params(c->gateway), body_err);
	kri_stages_add(peers->stages, c);
}

/* When draining, who has been served is asked to go. Who has come without a
 * request has just connected: it is about to be sent. */
static void await(struct kri_peer *peer, enum kri_peer_state state)
{
	if (peer->peers->draining && state == KRI_PEER_IDLE) {
		if (peer->served) {
			leave(peer);
			return;
		}
		state = KRI_PEER_PARTIAL;
	}
	become(peer, state);
	if (!peer->watched || peer->muted)
		watch_or_close(peer, UV_READABLE);
}

static void look(struct kri_peer *peer)
{
	const char *why = "";

	switch (kri_intake_look(&peer->intake, peer->peers->window, peer->fd,
				&why)) {
	case KRI_LOOK_WHOLE:
		receive(peer);
		return;
	case KRI_LOOK_PARTIAL:
		await(peer, KRI_PEER_PARTIAL);
		return;
	case KRI_LOOK_NOTHING:
		await(peer, KRI_PEER_IDLE);
		return;
	case KRI_LOOK_ENDED:
		close_peer(peer);
		return;
	case KRI_LOOK_LINGER:
		leave(peer);
		return;
	case KRI_LOOK_BAD:
		refuse(peer, why);
		return;
	}
}

/* ---- answering -------------------------------------------------------- */

static void give_away(struct kri_peer *peer)
{
	struct kri_peers *peers = peer->peers;
	int fd = peer->fd;

	forget(peer);
	peers->shed--;
	peers->give(peers->arg, fd);
}

/* What becomes of a connection whose answer is out. One that keeps bytes of
 * a next request is looked at again; of what lies in the socket the poll
 * will tell. */
static void release(struct kri_peer *peer, enum kri_fate fate)
{
	switch (fate) {
	case KRI_FATE_KEEP:
		if (peer->intake.gathered)
			look(peer);
		else if (peer->peers->shed)
			give_away(peer);
		else if (peer->muted)
			look(peer);
		else
			await(peer, KRI_PEER_IDLE);
		return;
	case KRI_FATE_LINGER:
		leave(peer);
		return;
	case KRI_FATE_CLOSE:
		close_peer(peer);
		return;
	}
}

static void write_rest(struct kri_peer *peer)
{
	struct kri_buffer *rest = &peer->rest;
	ssize_t n = send(peer->fd, rest->data, rest->len,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		close_peer(peer);
		return;
	}
	memmove(rest->data, rest->data + n, rest->len - (size_t)n);
	rest->len -= (size_t)n;
	if (rest->len)
		return;
	kri_buffer_free(rest);
	/* Watched for writing until now. */
	uv_poll_stop(&peer->poll);
	peer->muted = true;
	release(peer, peer->fate);
}

static void send_answer(void *arg, struct kr_context *c, struct kri_text answer)
{
	struct kri_peers *peers = arg;
	struct kri_peer *peer = c->peer;
	enum kri_fate fate;

	if (peers->draining)
		stop_sender(peer);
	fate = kri_gateway_send(c->gateway, peers->window, answer, &peer->rest);
	if (!peer->rest.len) {
		release(peer, fate);
		return;
	}
	peer->fate = fate;
	become(peer, KRI_PEER_WRITING);
	watch_or_close(peer, UV_WRITABLE);
}

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
		close_peer(peer);
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

static void start_ticking(struct kri_peers *peers)
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

void kri_peers_add(struct kri_peers *peers, int fd)
{
	struct kri_peer *peer = calloc(1, sizeof(*peer));

	if (!peer) {
		close(fd);
		return;
	}
	peer->peers = peers;
	peer->fd = fd;
	link_peer(peer, KRI_PEER_IDLE);
	if (kri_stages_is_full(peers->stages))
		await(peer, KRI_PEER_IDLE);
	else
		look(peer);
}

void kri_peers_shed(struct kri_peers *peers, size_t n)
{
	struct kri_peer *peer = peers->lists[KRI_PEER_IDLE].first, *next;

	peers->shed = n;
	for (; peer && peers->shed; peer = next) {
		next = peer->next;
		if (!peer->intake.gathered)
			give_away(peer);
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
		look(peer);
	}
	peers->draining = true;
	for (peer = peers->lists[KRI_PEER_IDLE].first; peer; peer = next) {
		next = peer->next;
		if (peer->served)
			stop_sender(peer);
		look(peer);
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
	stages->send = send_answer;
	stages->arg = peers;
	return kri_window_open(&peers->window);
}

void kri_peers_close(struct kri_peers *peers)
{
	if (!peers->loop)
		return;
	for (int state = 0; state < KRI_PEER_STATES; state++)
		while (peers->lists[state].first)
			close_peer(peers->lists[state].first);
	uv_close((uv_handle_t *)&peers->timer, NULL);
}

void kri_peers_free(struct kri_peers *peers)
{
	kri_window_close(&peers->window);
}
