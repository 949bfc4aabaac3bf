/*
 * A shard: the sessions whose ids hash alike, in a table under one lock, so
 * that loops seldom meet. Whoever calls holds the lock. Sessions that have
 * ended are never found, and are removed as they are met.
 */
#ifndef KRI_STORE_MEMORY_SHARD_H
#define KRI_STORE_MEMORY_SHARD_H

#include <pthread.h>

#include "store/memory_session.h"

struct kri_memory_shard {
	pthread_mutex_t lock;
	struct kri_memory_session **buckets;
	size_t size; /* of them: 0 at first, then a power of two */
	size_t n;    /* sessions */
	size_t hand; /* the bucket that is to be looked at next */
	struct kri_memory_room *room;
};

void kri_memory_shard_init(struct kri_memory_shard *shard,
			   struct kri_memory_room *room);

/* Ends all of it; the lock too. */
void kri_memory_shard_free(struct kri_memory_shard *shard);

/* The session, which lives as long as the lock is held, or NULL. `now` is
 * kri_clock_ms() here and below. */
struct kri_memory_session *kri_memory_shard_find(struct kri_memory_shard *shard,
						 const char *id, int64_t now);

/* Takes a session whose id is not there. KR_ERR_MEMORY, and it takes none. */
enum kr_err kri_memory_shard_add(struct kri_memory_shard *shard,
				 struct kri_memory_session *session)
	KR_MUST_CHECK;

void kri_memory_shard_remove(struct kri_memory_shard *shard, const char *id);

/* Looks for sessions that have ended in the next `buckets` buckets, at most
 * all, and removes them; returns how many. */
size_t kri_memory_shard_sweep(struct kri_memory_shard *shard, size_t buckets,
			      int64_t now);

/* A step of the listing, from bucket listing->cursor on; the cursor is 0 again
 * after the shard's last. As the table only grows, and to twice its size, no
 * session is passed over. KR_ERR_MEMORY. */
enum kr_err kri_memory_shard_list(const struct kri_memory_shard *shard,
				  struct kri_listing *listing,
				  int64_t now) KR_MUST_CHECK;

#endif
