/*
 * Checks and resolves the options as a start of krsessiond would. Only the
 * process that opened the store may use and close it: a child of fork() has
 * neither the store's threads nor connections of its own.
 */
#include "alone/store.h"

#include <stdlib.h>
#include <unistd.h>

#include "alone/desk.h"
#include "alone/hush.h"

bool kri_alone_store_is_ours(const struct kr_store *store)
{
	return store->pid == getpid();
}

static enum kr_err check(struct kr_store *store, struct kri_buffer *why)
{
	bool secure = store->config.cookie_secure == KRI_SECURE_ALWAYS;
	enum kr_err err = kri_config_check(&store->config, why);

	if (!err)
		err = kri_config_resolve(&store->config, why);
	if (!err)
		err = kri_cookie_check(&store->cookie, secure, why);
	return err;
}

static enum kr_err open_store(struct kr_store *store, struct kri_buffer *why)
{
	enum kr_err err = check(store, why);

	if (!err)
		err = kri_store_open(&store->config, &store->store, why);
	return err ? err : kri_store_check(store->store, why);
}

enum kr_err kri_alone_store_open(const struct kri_config *config,
				 struct kr_store **store,
				 struct kri_buffer *why)
{
	struct kr_store *made = calloc(1, sizeof(*made));
	struct kri_hush hush;
	enum kr_err err;

	if (!made)
		return KR_ERR_MEMORY;
	err = kri_config_copy(config, &made->config);
	if (err) {
		free(made);
		return err;
	}
	made->cookie = kri_cookie_of(&made->config);
	made->pid = getpid();
	pthread_mutex_init(&made->lock, NULL);
	kri_hush_begin(&hush);
	err = open_store(made, why);
	kri_hush_end(&hush);
	if (err)
		kri_alone_store_close(&made);
	else
		*store = made;
	return err;
}

void kri_alone_store_close(struct kr_store **store)
{
	struct kr_store *closed = *store;
	struct kri_hush hush;

	*store = NULL;
	if (!closed || !kri_alone_store_is_ours(closed))
		return;
	kri_hush_begin(&hush);
	kri_desks_close(closed);
	if (closed->store)
		closed->store->ops->close(&closed->store);
	kri_hush_end(&hush);
	pthread_mutex_destroy(&closed->lock);
	kri_config_free(&closed->config);
	free(closed);
}
