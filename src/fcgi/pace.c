#include "fcgi/pace.h"

#define PARTS 16      /* of the means */
#define SLOW_US 1000  /* a batch takes: more wait meanwhile than should */
#define QUICK_US 500  /* nobody minds having waited for one */
#define CALM_TIMES 64 /* batches until it is believed */
#define FAR_US 300    /* at the store, even when that is quick */
#define ROUND 64      /* batches over which that is judged */

/* The mean moves by a sixteenth of what the new value differs. */
static void move(int64_t *mean, int64_t value)
{
	*mean += value - *mean / PARTS;
}

/*
 * While one waits for a store that is far, but not so far that it leaves its
 * seat, another may as well be at work. The least of many tells far from busy.
 */
static void measure_store(struct kri_pace *pace, int64_t us)
{
	if (us && (!pace->least_us || us < pace->least_us))
		pace->least_us = us;
	if (++pace->seen < ROUND)
		return;
	pace->far = pace->least_us > FAR_US;
	pace->seen = 0;
	pace->least_us = 0;
}

/* One full batch may be a burst; half-full ones on and on leave others
 * waiting. */
static bool falls_behind(const struct kri_pace *pace, int64_t cap)
{
	return pace->far || pace->requests * 2 > cap * PARTS ||
	       pace->us > SLOW_US * PARTS;
}

static bool is_calm(const struct kri_pace *pace, int64_t cap)
{
	return !pace->far && pace->requests * 4 <= cap * PARTS &&
	       pace->us <= QUICK_US * PARTS;
}

enum kri_pace_verdict kri_pace_note(struct kri_pace *pace, size_t n, size_t cap,
				    int64_t us, int64_t store_us)
{
	move(&pace->requests, (int64_t)n);
	move(&pace->us, us);
	measure_store(pace, store_us);
	pace->calm = is_calm(pace, (int64_t)cap) ? pace->calm + 1 : 0;
	if (falls_behind(pace, (int64_t)cap))
		return KRI_PACE_FALLS_BEHIND;
	if (pace->calm < CALM_TIMES)
		return KRI_PACE_KEEPS;
	pace->calm = 0;
	return KRI_PACE_IS_IDLE;
}
