/*
 * Counters in memory: names with a number and an end. Those that have ended are
 * removed as they are met, and a few of them with each count.
 */
#ifndef KRI_STORE_MEMORY_COUNTER_H
#define KRI_STORE_MEMORY_COUNTER_H

#include <pthread.h>

#include "store/memory_session.h"

struct kri_memory_entry;

struct kri_memory_counters {
	pthread_mutex_t lock;
	struct kri_memory_entry **buckets;
	size_t size; /* of them: 0 at first, then a power of two */
	size_t n;    /* counters */
	size_t hand; /* the bucket that is to be looked at next */
	uint64_t seed;
	struct kri_memory_room *room;
};

/* KR_ERR_SYSTEM without random bytes: clients may choose names. */
enum kr_err kri_memory_counters_init(struct kri_memory_counters *counters,
				     struct kri_memory_room *room)
	KR_MUST_CHECK;

void kri_memory_counters_free(struct kri_memory_counters *counters);

/* As count_up of store/store.h; `now` is kri_clock_ms(). KR_ERR_FULL,
 * KR_ERR_MEMORY. */
enum kr_err kri_memory_counters_add(struct kri_memory_counters *counters,
				    struct kri_counter *counter,
				    int64_t now) KR_MUST_CHECK;

/* Removes all that have ended; returns how many. */
size_t kri_memory_counters_sweep(struct kri_memory_counters *counters,
				 int64_t now);

#endif
