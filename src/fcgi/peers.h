/*
 * Peers: the connections that front servers have with us. Each is owned by
 * one thread at a time: by the worker that got its event, else by nobody, in
 * the epoll set. What has half a request or has to be closed gently is kept
 * here without holding a thread.
 */
#ifndef KRI_FCGI_PEERS_H
#define KRI_FCGI_PEERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fcgi/gateway.h"

enum kri_peer_place {
	KRI_PEER_OPEN,   /* idle in the epoll set, or being served */
	KRI_PEER_PARKED, /* half a request: looked at again in a moment */
	KRI_PEER_LEAVING /* half-closed, until the peer closes too */
};
#define KRI_PEER_PLACES 3

struct kri_peer {
	int fd;
	_Atomic(enum kri_peer_place) place; /* passes the rest on, see arm() */
	bool in_epoll; /* known to the epoll set, armed or not */
	int64_t since; /* kri_clock_ms() of the first half request, or leave */
	struct kri_peer *prev, *next; /* in the list of its place */
};

struct kri_peers {
	pthread_mutex_t lock;
	struct kri_peer *lists[KRI_PEER_PLACES];
	int epoll;
	int alarm;               /* eventfd: there is something to tend */
	int64_t receive_timeout; /* ms */
	bool draining;           /* keep no connection any more */
};

/* `epoll` and `alarm` are borrowed. */
void kri_peers_init(struct kri_peers *peers, int epoll, int alarm,
		    int64_t receive_timeout);

/* Closes what is left. No other thread may use it. */
void kri_peers_free(struct kri_peers *peers);

/* Takes a connection, owned by the caller; NULL without memory, and then it
 * has been closed. */
struct kri_peer *kri_peers_add(struct kri_peers *peers, int fd);

/* Each of these gives up the caller's ownership. */

/* Waits for its next request, in the epoll set. */
void kri_peers_await(struct kri_peers *peers, struct kri_peer *peer);

/* Waits for the rest of its request. */
void kri_peers_park(struct kri_peers *peers, struct kri_peer *peer);

/* Does what its fate says. */
void kri_peers_release(struct kri_peers *peers, struct kri_peer *peer,
		       enum kri_fate fate);

/* Whether the peer is leaving; the first look of whoever got its event. */
static inline bool kri_peers_is_leaving(const struct kri_peer *peer)
{
	return atomic_load_explicit(&peer->place, memory_order_acquire) ==
	       KRI_PEER_LEAVING;
}

/* A leaving peer has an event: drops what it sent; closes at its end. */
void kri_peers_leave_on(struct kri_peers *peers, struct kri_peer *peer);

/*
 * What time demands: parked peers get another look, those that took too long
 * are closed. For one thread, when the alarm rings or the time comes that it
 * returns, in ms; -1: no time.
 */
int kri_peers_tend(struct kri_peers *peers);

/* From now on no connection is kept. */
void kri_peers_drain(struct kri_peers *peers);
bool kri_peers_is_draining(struct kri_peers *peers);

#endif
