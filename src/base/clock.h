/*
 * Clocks: a steady one for intervals and deadlines, and the calendar's.
 */
#ifndef KRI_BASE_CLOCK_H
#define KRI_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* Microseconds and milliseconds of a clock that never goes back. */
int64_t kri_clock_us(void);
int64_t kri_clock_ms(void);

/* Microseconds of a clock that never goes back, and goes on while the machine
 * sleeps (CLOCK_BOOTTIME): for promises made to others. */
int64_t kri_clock_boot_us(void);

/* A kri_clock_ms() as waits with CLOCK_MONOTONIC want it. */
struct timespec kri_clock_timespec(int64_t ms);

/* A condition whose timed waits go by that clock. */
void kri_clock_cond_init(pthread_cond_t *cond);

/* Seconds and milliseconds since 1970-01-01 UTC. */
int64_t kri_clock_epoch(void);
int64_t kri_clock_epoch_ms(void);

#endif
