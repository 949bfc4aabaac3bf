/*
 * Which bucket a latency goes into, and which latency a bucket stands for: by
 * shifts alone, so that counting does not disturb what is measured.
 */
#include "histogram.h"

/* Values below 2^FINE have a bucket each. Above, the highest FINE + 1 bits
 * of a value name its bucket, and the place of the highest bit its row. */
static unsigned bucket(uint64_t ns)
{
	unsigned high;

	if (ns < 1u << HISTOGRAM_FINE)
		return (unsigned)ns;
	high = 63 - (unsigned)__builtin_clzll(ns);
	return ((high - HISTOGRAM_FINE) << HISTOGRAM_FINE) +
	       (unsigned)(ns >> (high - HISTOGRAM_FINE));
}

/* The middle of a bucket. */
static uint64_t value(unsigned index)
{
	unsigned row = index >> HISTOGRAM_FINE;
	uint64_t low;

	if (row < 2)
		return index;
	low = (uint64_t)(index - ((row - 1) << HISTOGRAM_FINE)) << (row - 1);
	return low + ((1ull << (row - 1)) >> 1);
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	h->counts[bucket(ns)]++;
	h->total++;
	if (ns > h->max)
		h->max = ns;
}

uint64_t histogram_quantile(const struct histogram *h, double share)
{
	double wanted = share * (double)h->total;
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
		seen += h->counts[i];
		if (seen && (double)seen >= wanted)
			return value(i) < h->max ? value(i) : h->max;
	}
	return 0;
}
