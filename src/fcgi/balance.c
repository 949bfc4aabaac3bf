/*
 * Judges from figures alone: how much of the time each loop was at work, and
 * how full its batches were. Knows neither loops nor connections, so that its
 * rule can be tested on numbers.
 */
#include "fcgi/balance.h"

/* Parts of the time. A loop that works for longer makes requests wait; one
 * that finds many at once does so sooner, as they wait for one another. */
#define BEHIND 0.75
#define BEHIND_DEEP 0.50
#define DEEP 0.50 /* of a full batch */

/* Of all together: what has to be there for one more to be of use, and what
 * sends the last away. The gap keeps a loop from coming and going. */
#define FULL 0.50
#define IDLE 0.40

#define UNEVEN 0.25 /* about what a move is worth */

/* Whether the first has less to do than the second. */
static bool is_less_busy(const struct kri_share *a, const struct kri_share *b)
{
	return a->busy < b->busy ||
	       (a->busy == b->busy && a->connections < b->connections);
}

static int least_busy(const struct kri_share *shares, int active)
{
	int least = 0;

	for (int i = 1; i < active; i++)
		if (is_less_busy(&shares[i], &shares[least]))
			least = i;
	return least;
}

int kri_balance_least(const struct kri_share *shares, int active)
{
	int least = 0;

	for (int i = 1; i < active; i++)
		if (shares[i].given < shares[least].given ||
		    (shares[i].given == shares[least].given &&
		     is_less_busy(&shares[i], &shares[least])))
			least = i;
	return least;
}

static int most(const struct kri_share *shares, int active)
{
	int found = 0;

	for (int i = 1; i < active; i++)
		if (shares[i].busy > shares[found].busy)
			found = i;
	return found;
}

static double sum(const struct kri_share *shares, int active)
{
	double all = 0;

	for (int i = 0; i < active; i++)
		all += shares[i].busy;
	return all;
}

static bool move_some(const struct kri_share *shares, struct kri_move *move,
		      int from, int to)
{
	double gap = shares[from].busy - shares[to].busy;
	double part = shares[from].busy > 0 ? gap / shares[from].busy / 2 : 0;

	*move = (struct kri_move){
		.from = from,
		.to = to,
		.n = (size_t)(part * (double)shares[from].connections),
	};
	return move->n > 0;
}

/* From `from` all that it has, to the one with least to do. */
static bool move_all(const struct kri_share *shares, struct kri_move *move,
		     int from, int active)
{
	*move = (struct kri_move){
		.from = from,
		.to = least_busy(shares, active),
		.n = shares[from].connections,
	};
	return move->n > 0;
}

/* Connections that were at work when their loop was told to rest. */
static bool move_stragglers(const struct kri_share *shares, int all, int active,
			    struct kri_move *move)
{
	for (int i = active; i < all; i++)
		if (shares[i].connections)
			return move_all(shares, move, i, active);
	return false;
}

static bool falls_behind(const struct kri_share *share)
{
	return share->busy > BEHIND ||
	       (share->busy > BEHIND_DEEP && share->depth > DEEP);
}

bool kri_balance(const struct kri_share *shares, int all, int *active,
		 struct kri_move *move)
{
	int busiest = most(shares, *active);
	int least = least_busy(shares, *active);
	double work = sum(shares, *active);

	if (falls_behind(&shares[busiest]) && work > FULL * *active &&
	    *active < all) {
		least = (*active)++;
		return move_some(shares, move, busiest, least);
	}
	if (*active > 1 && work < IDLE * (*active - 1)) {
		int last = --*active;

		return move_all(shares, move, last, *active);
	}
	if (shares[busiest].busy - shares[least].busy > UNEVEN &&
	    move_some(shares, move, busiest, least))
		return true;
	return move_stragglers(shares, all, *active, move);
}
