#include "fcgi/peers.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define PARK_TICK 10       /* ms between looks at half requests */
#define LEAVE_TICK 250     /* ms between looks at leaving peers */
#define LEAVE_TIMEOUT 2000 /* ms that a leaving peer may take */

void kri_peers_init(struct kri_peers *peers, int epoll, int alarm,
		    int64_t receive_timeout)
{
	*peers = (struct kri_peers){
		.epoll = epoll,
		.alarm = alarm,
		.receive_timeout = receive_timeout,
	};
	pthread_mutex_init(&peers->lock, NULL);
}

/* The three below: with the lock held. */

static void link_peer(struct kri_peers *peers, struct kri_peer *peer,
		      enum kri_peer_place place)
{
	struct kri_peer **head = &peers->lists[place];

	peer->place = place;
	peer->prev = NULL;
	peer->next = *head;
	if (*head)
		(*head)->prev = peer;
	*head = peer;
}

static void unlink_peer(struct kri_peers *peers, struct kri_peer *peer)
{
	if (peer->prev)
		peer->prev->next = peer->next;
	else
		peers->lists[peer->place] = peer->next;
	if (peer->next)
		peer->next->prev = peer->prev;
}

/* Closing takes the descriptor out of the epoll set too. */
static void discard(struct kri_peers *peers, struct kri_peer *peer)
{
	unlink_peer(peers, peer);
	if (peer->fd >= 0)
		close(peer->fd);
	free(peer);
}

static void close_peer(struct kri_peers *peers, struct kri_peer *peer)
{
	pthread_mutex_lock(&peers->lock);
	discard(peers, peer);
	pthread_mutex_unlock(&peers->lock);
}

void kri_peers_free(struct kri_peers *peers)
{
	for (int place = 0; place < KRI_PEER_PLACES; place++)
		while (peers->lists[place])
			discard(peers, peers->lists[place]);
	pthread_mutex_destroy(&peers->lock);
}

struct kri_peer *kri_peers_add(struct kri_peers *peers, int fd)
{
	struct kri_peer *peer = calloc(1, sizeof(*peer));

	if (!peer) {
		close(fd);
		return NULL;
	}
	peer->fd = fd;
	pthread_mutex_lock(&peers->lock);
	link_peer(peers, peer, KRI_PEER_OPEN);
	pthread_mutex_unlock(&peers->lock);
	return peer;
}

/* Into the epoll set, for one event. Once armed the peer is no longer ours:
 * another thread may have it before this returns. The kernel orders that; the
 * store says so to the compiler, and to who checks for races. */
static bool arm(struct kri_peers *peers, struct kri_peer *peer)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
		.data.ptr = peer,
	};
	int how = peer->in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	peer->in_epoll = true;
	atomic_store_explicit(&peer->place, peer->place, memory_order_release);
	return !epoll_ctl(peers->epoll, how, peer->fd, &event);
}

static void arm_or_close(struct kri_peers *peers, struct kri_peer *peer)
{
	if (arm(peers, peer))
		return;
	kri_log(KRI_LOG_ERROR, NULL,
		"a connection had to be closed: epoll takes no more");
	close_peer(peers, peer);
}

bool kri_peers_is_draining(struct kri_peers *peers)
{
	return __atomic_load_n(&peers->draining, __ATOMIC_ACQUIRE);
}

void kri_peers_drain(struct kri_peers *peers)
{
	__atomic_store_n(&peers->draining, true, __ATOMIC_RELEASE);
}

void kri_peers_await(struct kri_peers *peers, struct kri_peer *peer)
{
	peer->since = 0;
	arm_or_close(peers, peer);
}

/* Puts the peer where _tend will see it, and rings if nobody was there. */
static void move(struct kri_peers *peers, struct kri_peer *peer,
		 enum kri_peer_place place)
{
	pthread_mutex_lock(&peers->lock);
	bool first = !peers->lists[place];
	unlink_peer(peers, peer);
	link_peer(peers, peer, place);
	pthread_mutex_unlock(&peers->lock);
	if (first)
		eventfd_write(peers->alarm, 1);
}

void kri_peers_park(struct kri_peers *peers, struct kri_peer *peer)
{
	if (!peer->since)
		peer->since = kri_clock_ms();
	move(peers, peer, KRI_PEER_PARKED);
}

/*
 * Half-closed, so that the peer reads our answer and its end; closing while
 * it still sends would make its kernel throw the answer away.
 */
static void leave(struct kri_peers *peers, struct kri_peer *peer)
{
	peer->since = kri_clock_ms();
	if (shutdown(peer->fd, SHUT_WR)) {
		close_peer(peers, peer);
		return;
	}
	move(peers, peer, KRI_PEER_LEAVING);
	arm_or_close(peers, peer);
}

void kri_peers_leave_on(struct kri_peers *peers, struct kri_peer *peer)
{
	char trash[4096];
	ssize_t n;

	do
		n = recv(peer->fd, trash, sizeof(trash), MSG_DONTWAIT);
	while (n == (ssize_t)sizeof(trash));
	if (n > 0)
		arm_or_close(peers, peer);
	else
		close_peer(peers, peer);
}

void kri_peers_release(struct kri_peers *peers, struct kri_peer *peer,
		       enum kri_fate fate)
{
	switch (fate) {
	case KRI_FATE_KEEP:
		if (kri_peers_is_draining(peers))
			close_peer(peers, peer);
		else
			kri_peers_await(peers, peer);
		return;
	case KRI_FATE_LINGER:
		leave(peers, peer);
		return;
	case KRI_FATE_GONE:
		peer->fd = -1;
		/* fall through */
	case KRI_FATE_CLOSE:
		close_peer(peers, peer);
		return;
	}
}

/* Nobody but us owns a parked peer; a new look is an event like another. */
static void tend_parked(struct kri_peers *peers, int64_t now)
{
	struct kri_peer *peer = peers->lists[KRI_PEER_PARKED];

	while (peer) {
		struct kri_peer *next = peer->next;

		if (now - peer->since >= peers->receive_timeout) {
			kri_log(KRI_LOG_WARNING, NULL,
				"the front server sent half a request and "
				"no more in %lld ms: connection closed",
				(long long)peers->receive_timeout);
			discard(peers, peer);
		} else {
			unlink_peer(peers, peer);
			link_peer(peers, peer, KRI_PEER_OPEN);
			if (!arm(peers, peer))
				discard(peers, peer);
		}
		peer = next;
	}
}

/* A leaving peer may be in a worker's hands. It is not taken from there:
 * its socket is shut, which is an event, and the worker closes it. */
static void tend_leaving(struct kri_peers *peers, int64_t now)
{
	struct kri_peer *peer = peers->lists[KRI_PEER_LEAVING];

	for (; peer; peer = peer->next)
		if (now - peer->since >= LEAVE_TIMEOUT)
			shutdown(peer->fd, SHUT_RDWR);
}

int kri_peers_tend(struct kri_peers *peers)
{
	int64_t now = kri_clock_ms();
	bool parked, leaving;

	pthread_mutex_lock(&peers->lock);
	parked = peers->lists[KRI_PEER_PARKED] != NULL;
	tend_parked(peers, now);
	tend_leaving(peers, now);
	leaving = peers->lists[KRI_PEER_LEAVING] != NULL;
	pthread_mutex_unlock(&peers->lock);
	if (parked)
		return PARK_TICK;
	return leaving ? LEAVE_TICK : -1;
}
