/*
 * A connection is polled only when it has to wait: one that brings a request,
 * is answered and closed in the same turn never meets the poll.
 */
#include "fcgi/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"

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

static void become(struct kri_peer *peer, enum kri_peer_state state)
{
	if (peer->state == state)
		return;
	unlink_peer(peer);
	link_peer(peer, state);
	if (!has_end(state))
		return;
	peer->since = kri_clock_ms();
	kri_peers_tick(peer->peers);
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

void kri_peer_close(struct kri_peer *peer)
{
	int fd = peer->fd;

	forget(peer);
	close(fd);
}

/* ---- watching --------------------------------------------------------- */

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
			kri_peer_close(peer);
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
			kri_peer_look(peer);
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
	kri_peer_close(peer);
}

/* ---- the end of a connection ------------------------------------------ */

/*
 * Half-closed, so that the peer reads our answer and its end; closing while
 * it still sends would make its kernel throw the answer away.
 */
static void leave(struct kri_peer *peer)
{
	if (shutdown(peer->fd, SHUT_WR)) {
		kri_peer_close(peer);
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
		kri_peer_close(peer);
}

/*
 * Draining, the next request must not come while we close: on a Unix socket
 * the front server can send no more from here on, and knows that what it
 * wanted to send was not taken. TCP has no such thing.
 */
void kri_peer_stop_sender(struct kri_peer *peer)
{
	int domain = AF_UNSPEC;
	socklen_t size = sizeof(domain);

	if (!getsockopt(peer->fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) &&
	    domain == AF_UNIX)
		shutdown(peer->fd, SHUT_RD);
}

/* ---- another process -------------------------------------------------- */

/* What the front server sends meanwhile waits in the socket for who has it
 * then: nothing is ended, so nothing can be lost under a request. */
bool kri_peer_hand_over(struct kri_peer *peer)
{
	struct kri_peers *peers = peer->peers;

	if (!peers->hand)
		return false;
	if (peers->hand(peers->hand_arg, peer->fd)) {
		kri_peer_close(peer);
		return true;
	}
	peers->hand = NULL;
	peers->draining = true;
	return false;
}

/* ---- receiving -------------------------------------------------------- */

static void refuse(struct kri_peer *peer, const char *why)
{
	static _Atomic int64_t next;

	kri_count(KRI_METRIC_REJECTED);
	if (kri_log_is_due(&next))
		kri_log(KRI_LOG_WARNING, NULL,
			"something that is not FastCGI came in (%s): "
			"connection closed",
			why);
	kri_peer_close(peer);
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
	enum kr_err err;

	if (!c) {
		kri_peer_close(peer);
		return;
	}
	err = kri_intake_receive(&peer->intake, peers->window, peer->fd,
				 c->gateway, &c->body);
	if (err) {
		if (err == KR_ERR_SYSTEM)
			peer->fd = -1; /* libfcgi has closed it */
		kri_body_drop(&c->body, c->site->bodies);
		kri_stages_drop(peers->stages, c);
		refuse(peer, "libfcgi does not take it");
		return;
	}
	become(peer, KRI_PEER_BUSY);
	peer->served = true;
	c->peer = peer;
	kri_exchange_begin(c, kri_gateway_params(c->gateway));
	kri_stages_add(peers->stages, c);
}

/* When draining, who has been served is asked to go. Who has come without a
 * request has just connected: it is about to be sent. */
static void await(struct kri_peer *peer, enum kri_peer_state state)
{
	if (state == KRI_PEER_IDLE && kri_peer_hand_over(peer))
		return;
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

void kri_peer_look(struct kri_peer *peer)
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
		kri_peer_close(peer);
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

void kri_peer_give_away(struct kri_peer *peer)
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
			kri_peer_look(peer);
		else if (kri_peer_hand_over(peer))
			return;
		else if (peer->peers->shed)
			kri_peer_give_away(peer);
		else if (peer->muted)
			kri_peer_look(peer);
		else
			await(peer, KRI_PEER_IDLE);
		return;
	case KRI_FATE_LINGER:
		leave(peer);
		return;
	case KRI_FATE_CLOSE:
		kri_peer_close(peer);
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
		kri_peer_close(peer);
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

void kri_peer_answer(void *arg, struct kr_context *c, struct kri_text answer)
{
	struct kri_peers *peers = arg;
	struct kri_peer *peer = c->peer;
	enum kri_fate fate;

	if (peers->draining)
		kri_peer_stop_sender(peer);
	fate = kri_gateway_send(c->gateway, peers->window, answer, &peer->rest);
	if (!peer->rest.len) {
		release(peer, fate);
		return;
	}
	peer->fate = fate;
	become(peer, KRI_PEER_WRITING);
	watch_or_close(peer, UV_WRITABLE);
}

/* ---- the beginning ----------------------------------------------------- */

void kri_peers_add(struct kri_peers *peers, int fd)
{
	struct kri_peer *peer = calloc(1, sizeof(*peer));

	if (!peer) {
		close(fd);
		return;
	}
	peer->peers = peers;
	peer->fd = fd;
	peer->intake.site = peers->stages->site;
	link_peer(peer, KRI_PEER_IDLE);
	if (kri_stages_is_full(peers->stages))
		await(peer, KRI_PEER_IDLE);
	else
		kri_peer_look(peer);
}
