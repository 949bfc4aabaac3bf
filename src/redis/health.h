/*
 * Health: what all workers know together of an endpoint. After a failure
 * nobody tries it until the back-off is over, and then one worker tries for
 * all: the others answer at once that the store is away.
 */
#ifndef KRI_REDIS_HEALTH_H
#define KRI_REDIS_HEALTH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define KRI_BACKOFF_MIN 100  /* ms */
#define KRI_BACKOFF_MAX 2000 /* ms */

struct kri_health {
	pthread_mutex_t lock;
	int64_t retry_at; /* kri_clock_ms() from which a try is allowed */
	atomic_int delay; /* ms of the running back-off; 0: healthy */
	bool trying;      /* a worker is at it */
	int64_t since;    /* kri_clock_ms() of the first failure */
};

void kri_health_init(struct kri_health *health);
void kri_health_free(struct kri_health *health);

/* Whether the caller may try now. After true it owes good() or bad(). */
bool kri_health_may_try(struct kri_health *health);

/* It works. Returns the ms that it had not, or 0 if that is no news. */
int64_t kri_health_good(struct kri_health *health);

/* It does not: begins or lengthens the back-off. Returns whether that is
 * news. */
bool kri_health_bad(struct kri_health *health);

/* The ms until somebody may try again. */
int64_t kri_health_left(struct kri_health *health);

static inline bool kri_health_is_bad(const struct kri_health *health)
{
	return atomic_load_explicit(&health->delay, memory_order_relaxed);
}

#endif
