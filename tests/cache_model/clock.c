/*
 * The calendar's clock of one process, moved at will: the functions that read
 * it, in place of the C library's, for this program and the libraries that it
 * uses. Other clocks are passed on as they are.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "model.h"

static _Atomic int64_t at_ease;
static _Atomic int64_t *_Atomic off_ms = &at_ease;

void clock_follow(_Atomic int64_t *ms)
{
	off_ms = ms;
}

static void move(struct timespec *at)
{
	int64_t ms = *off_ms;

	at->tv_sec += ms / 1000;
	at->tv_nsec += ms % 1000 * 1000000;
	if (at->tv_nsec < 0) {
		at->tv_nsec += 1000000000;
		at->tv_sec--;
	} else if (at->tv_nsec >= 1000000000) {
		at->tv_nsec -= 1000000000;
		at->tv_sec++;
	}
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
	int status = (int)syscall(SYS_clock_gettime, clock, at);

	if (!status &&
	    (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		move(at);
	return status;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now))
		return -1;
	at->tv_sec = now.tv_sec;
	at->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *at)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_REALTIME, &now);
	if (at)
		*at = now.tv_sec;
	return now.tv_sec;
}
