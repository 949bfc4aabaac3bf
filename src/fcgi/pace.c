#include "fcgi/pace.h"

#define PARTS 16      /* of the means */
#define SLOW_US 1000  /* a batch takes: more wait meanwhile than should */
#define QUICK_US 500  /* nobody minds having waited for one */
#define CALM_TIMES 64 /* batches until it is believed */

/* The mean moves by a sixteenth of what the new value differs. */
static void move(int64_t *mean, int64_t value)
{
	*mean += value - *mean / PARTS;
}

enum kri_pace_verdict kri_pace_note(struct kri_pace *pace, size_t n, size_t cap,
				    int64_t us)
{
	move(&pace->requests, (int64_t)n);
	move(&pace->us, us);
	/* A full batch has left somebody waiting. */
	if (n >= cap || pace->us > SLOW_US * PARTS) {
		pace->calm = 0;
		return KRI_PACE_FALLS_BEHIND;
	}
	if (pace->requests * 4 > (int64_t)cap * PARTS ||
	    pace->us > QUICK_US * PARTS) {
		pace->calm = 0;
		return KRI_PACE_KEEPS;
	}
	if (++pace->calm < CALM_TIMES)
		return KRI_PACE_KEEPS;
	pace->calm = 0;
	return KRI_PACE_IS_IDLE;
}
