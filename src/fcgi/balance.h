/*
 * The balance: which loops take requests, and when connections move from one
 * to another. One loop that finds ten requests a turn costs less than two that
 * find five, so another joins only when one falls behind.
 *
 * Judged a few times a second by the main thread, away from the requests.
 */
#ifndef KRI_FCGI_BALANCE_H
#define KRI_FCGI_BALANCE_H

#include <stdbool.h>
#include <stddef.h>

/* What a loop did since the last judgement. */
struct kri_share {
	double busy;  /* part of the time that it was at work, 0 to 1 */
	double depth; /* requests that it found at once, of those it may */
	size_t connections;
	size_t given; /* connections, by the main thread */
};

struct kri_move {
	int from, to; /* loops */
	size_t n;     /* connections */
};

/*
 * Judges the loops 0 to *active - 1, which take new connections; there are
 * `all` of them. May add one or take one away. Whether connections are to be
 * moved.
 */
bool kri_balance(const struct kri_share *shares, int all, int *active,
		 struct kri_move *move);

/* The loop that the next connection goes to: each gets its share of those that
 * come between two judgements, as they may bring one request each. */
int kri_balance_least(const struct kri_share *shares, int active);

#endif
