/*
 * Beats: the keys by whose writing a tracker finds out that it is told of what
 * changes. No two are of one name, so that what becomes of an earlier one, its
 * end or its eviction, is never taken for the news of a later one.
 *
 *     <prefix>@beat:<lease in ms>:<16 digits>.<count>
 *     <prefix>@beat:<lease in ms>:{<tag>}<16 digits>.<count>    in a cluster
 */
#ifndef KRI_REDIS_BEAT_H
#define KRI_REDIS_BEAT_H

#include "base/buffer.h"
#include "redis/slots.h"

#define KRI_BEAT_TAG 12

struct kri_beats {
	struct kri_text prefix; /* borrowed */
	int64_t lease;          /* ms */
	uint64_t who;           /* a random number */
	uint64_t count;
	char tag[KRI_BEAT_TAG]; /* "": of any slot */
};

/* KR_ERR_SYSTEM without random bytes. */
enum kr_err kri_beats_init(struct kri_beats *beats, struct kri_text prefix,
			   int64_t lease) KR_MUST_CHECK;

/* Lets the keys be of slots that the node owns. False if no key with that
 * prefix can be: then no session is there either. */
bool kri_beats_aim(struct kri_beats *beats, const struct kri_slots *slots,
		   const struct kri_node *node);

/* The next key. */
void kri_beats_next(struct kri_beats *beats, struct kri_buffer *key);

/* Whether what follows the prefix is anybody's beat, and with what lease. */
bool kri_beat_read(struct kri_text rest, int64_t *lease);

#endif
