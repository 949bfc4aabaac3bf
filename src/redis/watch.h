/*
 * A watch: the trackers of all primaries, one or a cluster's. It makes them
 * anew after whatever befalls one of them. Lives on one loop.
 */
#ifndef KRI_REDIS_WATCH_H
#define KRI_REDIS_WATCH_H

#include "base/text.h"

struct uv_loop_s;
struct kri_topology;
struct kri_watch;

/* What its owner is told, who may ask and close in all of it. */
struct kri_watch_owner {
	/* The key <prefix><rest> has changed; no data: maybe all have. */
	void (*changed)(void *arg, struct kri_text rest);
	/* Another has a watch with that prefix, and that lease in ms. */
	void (*heard)(void *arg, int64_t lease);
	/* All that had changed by `since`, a kri_clock_boot_us(), was told. */
	void (*assured)(void *arg, int64_t since);
	/* Changes go untold until it is assured again. `hopeless`: what is
	 * there cannot tell them, and is asked again in a minute only. */
	void (*lost)(void *arg, const char *why, bool hopeless);
};

/* Does not connect before it is asked for the first time. Prefix and topology
 * are borrowed. KR_ERR_MEMORY, KR_ERR_SYSTEM. */
enum kr_err kri_watch_open(struct kri_topology *topology,
			   struct uv_loop_s *loop, struct kri_text prefix,
			   int64_t lease, const struct kri_watch_owner *owner,
			   void *arg, struct kri_watch **watch) KR_MUST_CHECK;

/* `assured` or `lost` follows, maybe before this returns; does nothing while
 * that is still to come. */
void kri_watch_ask(struct kri_watch *watch);

/* Whether that server's changes are told: it is one of the primaries, and all
 * has been assured. */
bool kri_watch_has(const struct kri_watch *watch, uint64_t server);

/* How many primaries that is; 0: it is not known. */
size_t kri_watch_count(const struct kri_watch *watch);

void kri_watch_close(struct kri_watch **watch);

#endif
