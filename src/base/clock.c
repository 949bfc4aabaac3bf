/*
 * Owns the calls that read the kernel's clocks. Both clocks are always there
 * on Linux, so reading them cannot fail. Knows nothing of who waits for what.
 */
#include "base/clock.h"

#include <time.h>

static int64_t read_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t kri_clock_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t kri_clock_boot_us(void)
{
	return read_us(CLOCK_BOOTTIME);
}

int64_t kri_clock_ms(void)
{
	return kri_clock_us() / 1000;
}

int64_t kri_clock_epoch(void)
{
	return kri_clock_epoch_ms() / 1000;
}

int64_t kri_clock_epoch_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct timespec kri_clock_timespec(int64_t ms)
{
	return (struct timespec){
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000,
	};
}

void kri_clock_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}
