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
	bool starting;   /* nothing serves yet: outages go into `fault` */
	char fault[400]; /* the last of the start, or "" */
};

/* What an outage means to those who wait. */
enum kri_outage_kind {
	KRI_OUTAGE_SERVER, /* nobody serves sessions */
	KRI_OUTAGE_NODE,   /* one of a cluster's */
	KRI_OUTAGE_DENIED  /* it is there, and does not take us */
};

void kri_outages_init(struct kri_outages *outages);
void kri_outages_free(struct kri_outages *outages);

/* The server of that name is away: logs it, if that is news. */
void kri_outage_begin(struct kri_outages *outages, const char *name,
		      const char *why, enum kri_outage_kind kind);

/* It is back. */
void kri_outage_end(struct kri_outages *outages, const char *name);

/* kri_clock_ms() since when the first of those that are away is; 0: none. */
int64_t kri_outages_since(struct kri_outages *outages);

#endif
