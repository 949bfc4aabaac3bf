/*
 * Reaching: comes to a connection with a server that is known by several
 * addresses, or by Sentinels who know its address: each is tried in turn,
 * from the one that worked last, with a share of the time, as one that hangs
 * must not use up that of the others.
 */
#ifndef KRI_REDIS_REACH_H
#define KRI_REDIS_REACH_H

#include <stdatomic.h>

#include "redis/dial.h"

/* What is to be reached; borrowed. */
struct kri_goal {
	const struct kri_address *addresses; /* n of them, of it ... */
	size_t n;
	atomic_size_t *first; /* where to begin */
	const struct kri_dial *dial;
	const char *service; /* ... or of the Sentinels, if not NULL */
	const struct kri_dial *sentinel_dial;
	int64_t timeout; /* ms for all of it */
};

struct kri_reach;

/* Calls back later, never at once. NULL without memory. */
struct kri_reach *kri_reach_start(const struct kri_goal *goal,
				  kri_dialled *done, void *arg);
void kri_reach_cancel(struct kri_reach **reach);

/* What a Sentinel answered (sentinel.c), the address as copies.
 * KR_ERR_UNAVAILABLE, KR_ERR_PROTOCOL ... with what is wrong in `why`. */
enum kr_err kri_sentinel_read(const struct kri_reply *reply,
			      const char *service, struct kri_address *address,
			      struct kri_buffer *why) KR_MUST_CHECK;

/* Whether the answer to ROLE is a primary's. */
enum kr_err kri_sentinel_check_role(const struct kri_reply *reply,
				    struct kri_buffer *why) KR_MUST_CHECK;

#endif
