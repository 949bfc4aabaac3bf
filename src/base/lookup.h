/*
 * Look-ups: a host's addresses, asked of the resolver by a thread of its own.
 * On libuv's pool there may be handlers that wait for just this look-up. A
 * resolver may take half a minute, and its asking cannot be called back: so at
 * most one look-up of a host is out at a time, whoever asks meanwhile waits for
 * that one, and who has no more time leaves.
 */
#ifndef KRI_BASE_LOOKUP_H
#define KRI_BASE_LOOKUP_H

#include "krsession.h"

struct addrinfo;
struct uv_loop_s;
struct kri_lookup;

struct kri_lookups {
	struct kri_lookup *first;
};

/* Somebody who waits; a member of what waits. */
struct kri_waiter {
	/* `found` is lent; `why` tells why it is NULL. */
	void (*found)(struct kri_waiter *waiter, const struct addrinfo *found,
		      const char *why);

	struct kri_lookup *lookup; /* NULL: does not wait */
	struct kri_waiter *next;
};

/* KR_ERR_MEMORY; KR_ERR_SYSTEM if no thread can be made. */
enum kr_err kri_lookup_start(struct kri_lookups *lookups,
			     struct uv_loop_s *loop, const char *host,
			     struct kri_waiter *waiter) KR_MUST_CHECK;

/* No more of it; also if it does not wait. */
void kri_lookup_leave(struct kri_waiter *waiter);

/* Nobody waits any more: those that are out free themselves when they are
 * back. */
void kri_lookups_close(struct kri_lookups *lookups);

#endif
