/*
 * The kinds of stores. Nothing above here names one.
 */
#include "store/memory.h"
#include "store/redis.h"

enum kr_err kri_store_open(const struct kri_config *config,
			   struct kri_store **store, struct kri_buffer *why)
{
	switch ((enum kri_store_kind)config->store_kind) {
	case KRI_STORE_MEMORY:
		return kri_memory_store_open(config, store);
	case KRI_STORE_REDIS:
		return kri_redis_store_open(config, store, why);
	}
	return KR_ERR_CONFIG;
}

enum kr_err kri_store_check(struct kri_store *store, struct kri_buffer *why)
{
	enum kr_err err = store->ops->check(store);

	if (err)
		kri_buffer_printf(why,
				  "%s; not started, as "
				  "redis.abort_on_connect_fail is on",
				  store->fault ? store->fault
					       : kr_strerror(err));
	return err;
}

int64_t kri_store_away(struct kri_store *store)
{
	return store->ops->away ? store->ops->away(store) : 0;
}
