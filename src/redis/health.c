/*
 * Exponential back-off with full jitter above half the delay, so that many
 * processes do not come back to a server all at once.
 */
#include "redis/health.h"

#include "base/clock.h"
#include "base/crypto.h"

void kri_health_init(struct kri_health *health)
{
	*health = (struct kri_health){0};
	pthread_mutex_init(&health->lock, NULL);
}

void kri_health_free(struct kri_health *health)
{
	pthread_mutex_destroy(&health->lock);
}

bool kri_health_may_try(struct kri_health *health)
{
	bool may = true;

	/* The common case takes no lock. */
	if (!kri_health_is_bad(health))
		return true;
	pthread_mutex_lock(&health->lock);
	if (health->delay) {
		may = !health->trying && kri_clock_ms() >= health->retry_at;
		if (may)
			health->trying = true;
	}
	pthread_mutex_unlock(&health->lock);
	return may;
}

int64_t kri_health_good(struct kri_health *health)
{
	int64_t away = 0;

	if (!kri_health_is_bad(health))
		return 0;
	pthread_mutex_lock(&health->lock);
	if (health->delay)
		away = kri_clock_ms() - health->since + 1;
	health->delay = 0;
	health->trying = false;
	pthread_mutex_unlock(&health->lock);
	return away;
}

/* Between half of `delay` and the whole of it. */
static int jitter(int delay)
{
	unsigned random = 0;

	if (kri_random(&random, sizeof(random)))
		return delay;
	return delay / 2 + (int)(random % (unsigned)(delay / 2 + 1));
}

bool kri_health_bad(struct kri_health *health)
{
	int64_t now = kri_clock_ms();
	bool news;

	pthread_mutex_lock(&health->lock);
	news = !health->delay;
	if (news)
		health->since = now;
	health->trying = false;
	/* Many may fail at once; they lengthen it once. */
	if (news || now >= health->retry_at) {
		health->delay = news ? KRI_BACKOFF_MIN : health->delay * 2;
		if (health->delay > KRI_BACKOFF_MAX)
			health->delay = KRI_BACKOFF_MAX;
		health->retry_at = now + jitter(health->delay);
	}
	pthread_mutex_unlock(&health->lock);
	return news;
}

int64_t kri_health_left(struct kri_health *health)
{
	int64_t left = 0;

	pthread_mutex_lock(&health->lock);
	if (health->delay)
		left = health->retry_at - kri_clock_ms();
	pthread_mutex_unlock(&health->lock);
	return left > 0 ? left : 0;
}
