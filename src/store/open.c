/*
 * The kinds of stores. Nothing above here names one.
 */
#include "base/log.h"
#include "store/cache.h"
#include "store/memory.h"
#include "store/postgresql.h"
#include "store/redis.h"
#include "store/sqlite.h"

static enum kr_err open_kind(const struct kri_config *config,
			     struct kri_store **store, struct kri_buffer *why)
{
	switch ((enum kri_store_kind)config->store_kind) {
	case KRI_STORE_MEMORY:
		return kri_memory_store_open(config, store);
	case KRI_STORE_REDIS:
		return kri_redis_store_open(config, store, why);
	case KRI_STORE_SQLITE:
		return kri_sqlite_store_open(config, store, why);
	case KRI_STORE_POSTGRESQL:
#if HAVE_POSTGRESQL
		return kri_postgresql_store_open(config, store, why);
#else
		kri_buffer_string(why, "store.kind = postgresql: this program "
				       "was built without it");
		return KR_ERR_CONFIG;
#endif
	}
	return KR_ERR_CONFIG;
}

enum kr_err kri_store_open(const struct kri_config *config,
			   struct kri_store **store, struct kri_buffer *why)
{
	struct kri_store *kind = NULL;
	enum kr_err err = open_kind(config, &kind, why);

	if (!err && config->cache)
		return kri_cache_open(config, kind, store);
	if (!err)
		*store = kind;
	return err;
}

enum kr_err kri_store_check(struct kri_store *store, struct kri_buffer *why)
{
	return store->ops->check(store, why);
}

int64_t kri_store_away(struct kri_store *store)
{
	return store->ops->away ? store->ops->away(store) : 0;
}

void kri_store_describe(struct kri_store *store)
{
	struct kri_buffer line = KRI_BUFFER_EMPTY;

	if (!store->ops->describe)
		return;
	store->ops->describe(store, &line);
	if (line.len)
		kri_log(KRI_LOG_INFO, NULL, "%s", line.data);
	kri_buffer_free(&line);
}
