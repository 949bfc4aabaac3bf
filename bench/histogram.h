/*
 * A latency histogram: counts of nanoseconds in buckets that grow with what
 * they hold, so that every value is known to within 1 %.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_FINE 7 /* 2^7 buckets for each power of two */
#define HISTOGRAM_SIZE ((64 - HISTOGRAM_FINE + 1) << HISTOGRAM_FINE)

struct histogram {
	uint64_t counts[HISTOGRAM_SIZE];
	uint64_t total;
	uint64_t max; /* ns */
};

void histogram_add(struct histogram *h, uint64_t ns);

/* The value in ns that `share` (0 to 1) of all do not exceed; 0 if empty. */
uint64_t histogram_quantile(const struct histogram *h, double share);

#endif
