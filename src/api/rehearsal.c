/*
 * Made by the first browser of an app, from its options as they are then,
 * and checked like those of a start; kept by the app until its end. Whatever
 * store.kind says, sessions are in memory, where no copies of them are kept.
 */
#include "api/rehearsal.h"

#include <stdlib.h>

#include "alone/store.h"
#include "api/app.h"

void kri_rehearsal_close(struct kri_rehearsal **rehearsal)
{
	struct kri_rehearsal *closed = *rehearsal;

	*rehearsal = NULL;
	if (!closed)
		return;
	kri_alone_store_close(&closed->site.store);
	if (closed->store)
		closed->store->ops->close(&closed->store);
	kri_config_free(&closed->config);
	free(closed);
}

static enum kr_err check(const struct kri_rehearsal *made,
			 struct kri_buffer *why)
{
	enum kr_err err = kri_config_check(&made->config, why);

	if (err)
		return err;
	return kri_cookie_check(&made->site.cookie,
				kri_cookie_is_secure(&made->config, true), why);
}

static enum kr_err make(struct kr_app *app, struct kri_rehearsal *made,
			struct kri_buffer *why)
{
	enum kr_err err = kri_app_prepare(app, why);

	if (!err)
		err = kri_config_copy(&app->config, &made->config);
	if (err)
		return err;
	made->config.store_kind = KRI_STORE_MEMORY;
	made->config.cache = 0;
	made->site = kri_app_site(app);
	made->site.config = &made->config;
	made->site.cookie = kri_cookie_of(&made->config);
	app->bodies.limit = (size_t)made->config.body_memory;
	err = check(made, why);
	if (!err)
		err = kri_store_open(&made->config, &made->store, why);
	return err ? err
		   : kri_alone_store_lend(&made->config, made->store,
					  &made->site.store);
}

enum kr_err kri_rehearsal_of(struct kr_app *app,
			     struct kri_rehearsal **rehearsal,
			     struct kri_buffer *why)
{
	struct kri_rehearsal *made;
	enum kr_err err = KR_OK;

	if (!app->rehearsal) {
		made = calloc(1, sizeof(*made));
		err = made ? make(app, made, why) : KR_ERR_MEMORY;
		if (err && made)
			kri_rehearsal_close(&made);
		app->rehearsal = made;
	}
	if (!err)
		*rehearsal = app->rehearsal;
	return err;
}
