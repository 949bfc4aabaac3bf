/*
 * A worker's pace: whether those that take requests keep up with them. One
 * worker that finds several requests at once serves them with fewer system
 * calls than two that find one each; so another joins only when one falls
 * behind, and goes again when there is little to do.
 */
#ifndef KRI_FCGI_PACE_H
#define KRI_FCGI_PACE_H

#include <stddef.h>
#include <stdint.h>

enum kri_pace_verdict {
	KRI_PACE_KEEPS,
	KRI_PACE_FALLS_BEHIND, /* another should help */
	KRI_PACE_IS_IDLE,      /* the others can do without it */
};

/* All zero at first. Running means, in sixteenths. */
struct kri_pace {
	int64_t requests; /* a batch */
	int64_t us;       /* a batch */
	int calm;         /* batches in a row with little to do */
};

/* Notes a batch of n requests, of at most `cap`, that took so long without
 * what the store took. */
enum kri_pace_verdict kri_pace_note(struct kri_pace *pace, size_t n, size_t cap,
				    int64_t us);

#endif
