#include "fcgi/turns.h"

#include <errno.h>

#include "base/clock.h"
#include "store/store.h"

#define PATIENCE 5 /* ms to wait before saying so: two round trips are due */

void kri_turns_init(struct kri_turns *turns)
{
	for (unsigned i = 0; i < KRI_TURNS; i++)
		atomic_init(&turns->holders[i], NULL);
	atomic_init(&turns->waiting, 0);
	pthread_mutex_init(&turns->lock, NULL);
	kri_clock_cond_init(&turns->given);
}

void kri_turns_free(struct kri_turns *turns)
{
	pthread_cond_destroy(&turns->given);
	pthread_mutex_destroy(&turns->lock);
}

/* FNV-1a: the ids are random, any hash will do. */
unsigned kri_turns_of(const char *id)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < KRI_ID_LEN; i++)
		hash = (hash ^ (unsigned char)id[i]) * 16777619u;
	return hash % KRI_TURNS;
}

bool kri_turns_try(struct kri_turns *turns, unsigned turn, const void *holder)
{
	const void *nobody = NULL;

	return atomic_compare_exchange_strong(&turns->holders[turn], &nobody,
					      holder) ||
	       nobody == holder;
}

/* With the lock held: waits for a turn to be given; false at the time. */
static bool await(struct kri_turns *turns, unsigned turn, const void *holder,
		  int64_t until)
{
	struct timespec time = kri_clock_timespec(until);

	while (!kri_turns_try(turns, turn, holder))
		if (pthread_cond_timedwait(&turns->given, &turns->lock,
					   &time) == ETIMEDOUT)
			return kri_turns_try(turns, turn, holder);
	return true;
}

bool kri_turns_take(struct kri_turns *turns, unsigned turn, const void *holder,
		    const struct kri_wait *wait, int64_t ms)
{
	int64_t now = kri_clock_ms();
	bool taken;

	pthread_mutex_lock(&turns->lock);
	atomic_fetch_add(&turns->waiting, 1);
	taken = await(turns, turn, holder, now + PATIENCE);
	if (!taken) {
		pthread_mutex_unlock(&turns->lock);
		if (!wait->begin(wait->arg) && ms > KRI_WAIT_ALONE)
			ms = KRI_WAIT_ALONE;
		pthread_mutex_lock(&turns->lock);
		taken = await(turns, turn, holder, now + ms);
		wait->end(wait->arg);
	}
	atomic_fetch_sub(&turns->waiting, 1);
	pthread_mutex_unlock(&turns->lock);
	return taken;
}

/* Who waits counts itself before it looks, and we give before we look
 * whether anybody waits: one of the two sees the other. */
void kri_turns_give(struct kri_turns *turns, unsigned turn)
{
	atomic_store(&turns->holders[turn], NULL);
	if (!atomic_load(&turns->waiting))
		return;
	pthread_mutex_lock(&turns->lock);
	pthread_cond_broadcast(&turns->given);
	pthread_mutex_unlock(&turns->lock);
}
