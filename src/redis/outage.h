/*
 * Outages: which servers are away, as far as the log is concerned. Every
 * loop finds out for itself; the first to find it says so, and the first to
 * find the server back.
 */
#ifndef KRI_REDIS_OUTAGE_H
#define KRI_REDIS_OUTAGE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct kri_outage;

struct kri_outages {
	pthread_mutex_t lock;
	struct kri_outage *first;
};

void kri_outages_init(struct kri_outages *outages);
void kri_outages_free(struct kri_outages *outages);

/* The server of that name is away: logs it, if that is news. `node` tells
 * that it is one of a cluster. */
void kri_outage_begin(struct kri_outages *outages, const char *name,
		      const char *why, bool node);

/* It is back. */
void kri_outage_end(struct kri_outages *outages, const char *name);

/* kri_clock_ms() since when the first of those that are away is; 0: none. */
int64_t kri_outages_since(struct kri_outages *outages);

#endif
