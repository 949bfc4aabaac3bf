/*
 * A tracker: one connection to one primary that tells of every change of a key
 * with a prefix (RESP3, CLIENT TRACKING in BCAST mode), and finds out by beats
 * up to when all has been told. It lives until the first thing that is not as
 * it should be; who has it makes another one then.
 * (redis.io/docs/latest/develop/reference/client-side-caching)
 */
#ifndef KRI_REDIS_TRACKER_H
#define KRI_REDIS_TRACKER_H

#include "redis/beat.h"
#include "redis/reach.h"

struct kri_tracker;

/* What its owner is told, which may close it in all of it. */
struct kri_tracker_owner {
	/* It tracks: beats may be asked for. */
	void (*ready)(void *arg);
	/* It is one of a cluster, which nobody knew: the answer to CLUSTER
	 * SLOTS. Nothing more comes. */
	void (*map)(void *arg, const struct kri_reply *reply);
	/* The key <prefix><rest> has changed; no data: maybe all have. */
	void (*changed)(void *arg, struct kri_text rest);
	/* Another's beat has come, with that lease in ms. */
	void (*heard)(void *arg, int64_t lease);
	/* All that had changed by `since`, a kri_clock_boot_us(), was told. */
	void (*beaten)(void *arg, int64_t since);
	/* It is gone, as if it had been closed. `hopeless`: it will not do
	 * better the next time. */
	void (*lost)(void *arg, const char *why, bool hopeless);
};

struct kri_tracker_options {
	struct kri_goal goal;   /* copied; what it points to is borrowed */
	struct kri_beats beats; /* copied; the prefix is borrowed */
	int64_t timeout;        /* ms that an answer may take */
	bool node;              /* of a cluster that is known */
};

/* Calls back later, never at once. NULL without memory. */
struct kri_tracker *kri_tracker_open(const struct kri_tracker_options *options,
				     const struct kri_tracker_owner *owner,
				     void *arg);
void kri_tracker_close(struct kri_tracker **tracker);

/* One at a time, when it is ready; `beaten` or `lost` follows, maybe before
 * this returns. */
void kri_tracker_beat(struct kri_tracker *tracker);

/* Which server it is connected with, when it is ready. */
uint64_t kri_tracker_server(const struct kri_tracker *tracker);

#endif
