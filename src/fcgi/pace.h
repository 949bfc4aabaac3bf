/*
 * A worker's pace: whether those that take requests keep up with them. One
 * worker that finds several requests at once serves them with fewer system
 * calls than two that find one each; so another joins only when one falls
 * behind, and goes again when there is little to do.
 */
#ifndef KRI_FCGI_PACE_H
#define KRI_FCGI_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kri_pace_verdict {
	KRI_PACE_KEEPS,
	KRI_PACE_FALLS_BEHIND, /* another should help */
	KRI_PACE_IS_IDLE,      /* the others can do without it */
};

/* All zero at first. */
struct kri_pace {
	int64_t requests; /* a batch: running mean, in sixteenths */
	int64_t us;       /* a batch: the same */
	int calm;         /* batches in a row with little to do */
	int seen;         /* batches of the round at hand */
	int64_t least_us; /* at the store in this round; 0: not asked yet */
	bool far;         /* the store was, in the round before */
};

/* Notes a batch of n requests, of at most `cap`, that took `us`, and besides
 * `store_us` at the store (0: which it did not ask). */
enum kri_pace_verdict kri_pace_note(struct kri_pace *pace, size_t n, size_t cap,
				    int64_t us, int64_t store_us);

#endif
