/*
 * The store in Redis: a hash a session, see redis_wire.h.
 */
#ifndef KRI_STORE_REDIS_H
#define KRI_STORE_REDIS_H

#include "store/store.h"

/* As kri_store_open(). */
enum kr_err kri_redis_store_open(const struct kri_config *config,
				 struct kri_store **store,
				 struct kri_buffer *why) KR_MUST_CHECK;

#endif
