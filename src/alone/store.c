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
	bool secure = store->own.cookie_secure == KRI_SECURE_ALWAYS;
	enum kr_err err = kri_config_check(&store->own, why);

	if (!err)
		err = kri_config_resolve(&store->own, why);
	if (!err)
		err = kri_cookie_check(&store->cookie, secure, why);
	return err;
}

static enum kr_err open_store(struct kr_store *store, struct kri_buffer *why)
{
	enum kr_err err = check(store, why);

	if (!err)
		err = kri_store_open(&store->own, &store->store, why);
	return err ? err : kri_store_check(store->store, why);
}

static struct kr_store *make(void)
{
	struct kr_store *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	made->pid = getpid();
	pthread_mutex_init(&made->lock, NULL);
	return made;
}

static void unmake(struct kr_store *store)
{
	pthread_mutex_destroy(&store->lock);
	free(store);
}

enum kr_err kri_alone_store_open(const struct kri_config *config,
				 struct kr_store **store,
				 struct kri_buffer *why)
{
	struct kr_store *made = make();
	struct kri_hush hush;
	enum kr_err err;

	if (!made)
		return KR_ERR_MEMORY;
	err = kri_config_copy(config, &made->own);
	if (err) {
		unmake(made);
		return err;
	}
	made->config = &made->own;
	made->cookie = kri_cookie_of(&made->own);
	kri_hush_begin(&hush);
	err = open_store(made, why);
	kri_hush_end(&hush);
	if (err)
		kri_alone_store_close(&made);
	else
		*store = made;
	return err;
}

enum kr_err kri_alone_store_lend(const struct kri_config *config,
				 struct kri_store *lent,
				 struct kr_store **store)
{
	struct kr_store *made = make();

	if (!made)
		return KR_ERR_MEMORY;
	made->config = config;
	made->cookie = kri_cookie_of(config);
	made->store = lent;
	made->lent = true;
	*store = made;
	return KR_OK;
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
	if (closed->store && !closed->lent)
		closed->store->ops->close(&closed->store);
	kri_hush_end(&hush);
	if (!closed->lent)
		kri_config_free(&closed->own);
	unmake(closed);
}
