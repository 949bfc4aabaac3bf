/*
 * How often a password may be wrong. Failures are counted in the store, for all
 * processes, over windows of guard.tries_window: of a user from one address, of
 * an address, and of a user from everywhere. The last would let anybody lock
 * out anybody; so a browser on which the user has signed in before, which has a
 * cookie that says so, has a count of its own in place of all three (OWASP,
 * "Slow Down Online Guessing Attacks with Device Cookies").
 *
 * What runs at the same moment is not counted yet: as many tries as handlers
 * run at once can go past a limit.
 */
#ifndef GUARD_THROTTLE_H
#define GUARD_THROTTLE_H

#include "guard/guard.h"

#define GUARD_COUNTER_SIZE 64
#define GUARD_COUNTERS 3

/* A login that is being tried: what it counts for. */
struct guard_try {
	struct kr_store *store;
	int64_t window; /* seconds */
	int64_t wait;   /* until the next window */
	bool known;     /* the user has signed in on this device before */
	struct {
		char name[GUARD_COUNTER_SIZE];
		int64_t limit;
	} counters[GUARD_COUNTERS];
	size_t n;
};

/*
 * Looks whether it may be tried: `*wait` is 0, or the seconds after which it
 * may. Errors are the store's. Blocks.
 */
enum kr_err guard_throttle_look(struct kr_context *c, const char *user,
				struct guard_try *try,
				int64_t *wait) KR_MUST_CHECK;

/* It has failed. */
enum kr_err guard_throttle_count(const struct guard_try *try) KR_MUST_CHECK;

/* It has succeeded: the device becomes a known one, unless it is. */
enum kr_err guard_throttle_know(struct kr_context *c, const char *user,
				const struct guard_try *try) KR_MUST_CHECK;

#define GUARD_NET_SIZE 48

/* The address, or of IPv6 the network /64; what is none as it is, cut off. */
void guard_net_of(const char *address, char out[GUARD_NET_SIZE]);

#endif
