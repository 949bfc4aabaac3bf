/*
 * The store in Redis: a hash a session, see redis_wire.h.
 */
#ifndef KRI_STORE_REDIS_H
#define KRI_STORE_REDIS_H

#include "config/config.h"
#include "store/store.h"

/* Does not connect. KR_ERR_CONFIG with one line in `why`, KR_ERR_MEMORY. */
enum kr_err kri_redis_store_open(const struct kri_config *config,
				 struct kri_store **store,
				 struct kri_buffer *why) KR_MUST_CHECK;

#endif
