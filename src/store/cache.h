/*
 * A store around a store, by the same contract: sessions that were loaded a
 * moment ago are served from memory, under a lease (store/cache_keeper.h).
 */
#ifndef KRI_STORE_CACHE_H
#define KRI_STORE_CACHE_H

#include "store/store.h"

/*
 * Around `inner`, which can be followed, and is closed with the cache: here, if
 * it cannot be made. Options: session.cache, _cache_size, _idle_timeout,
 * _max_per_user. KR_ERR_MEMORY.
 */
enum kr_err kri_cache_open(const struct kri_config *config,
			   struct kri_store *inner,
			   struct kri_store **store) KR_MUST_CHECK;

#endif
