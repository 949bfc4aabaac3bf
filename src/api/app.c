/*
 * The app: routes, and from a configuration to a running server.
 */
#include "api/app.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "fcgi/cgi.h"
#include "fcgi/listener.h"
#include "fcgi/server.h"
#include "store/store.h"

#define LAST_WORDS 1000 /* ms for what is left of the log */

/* Of a run that is over. */
struct outcome {
	struct kri_buffer why; /* it failed, in one line */
	bool left;             /* threads are still at work */
};

enum kr_err kr_app_open(struct kr_app **app)
{
	struct kr_app *made;
	enum kr_err err;

	if (!app)
		return KR_ERR_ARGUMENT;
	made = calloc(1, sizeof(*made));
	if (!made)
		return KR_ERR_MEMORY;
	err = kri_config_init(&made->config);
	made->handle.options = &made->config;
	if (err)
		free(made);
	else
		*app = made;
	return err;
}

void kr_app_close(struct kr_app **app)
{
	if (!app || !*app)
		return;
	kri_config_free(&(*app)->config);
	kri_buffer_free(&(*app)->handle.why);
	kri_router_free(&(*app)->router);
	kri_origins_free(&(*app)->origins);
	free(*app);
	*app = NULL;
}

struct kr_config *kr_app_config(struct kr_app *app)
{
	return app ? &app->handle : NULL;
}

enum kr_err kr_map(struct kr_app *app, unsigned methods, const char *path,
		   kr_handler *handler, unsigned flags)
{
	return kr_map_with(app, methods, path, handler, flags, NULL);
}

enum kr_err kr_map_with(struct kr_app *app, unsigned methods, const char *path,
			kr_handler *handler, unsigned flags, void *user)
{
	struct kri_route route = {
		.path = (char *)path, /* copied */
		.methods = methods,
		.flags = flags,
		.handler = handler,
		.user = user,
	};

	if (!app || !path)
		return KR_ERR_ARGUMENT;
	return kri_router_add(&app->router, &route);
}

enum kr_err kr_allow_redirect(struct kr_app *app, const char *origin)
{
	if (!app || !origin)
		return KR_ERR_ARGUMENT;
	return kri_origins_add(&app->origins, origin);
}

static struct kri_cookie cookie_of(const struct kri_config *config)
{
	static const char *const same_site[] = {
		[KRI_SAME_SITE_STRICT] = "Strict",
		[KRI_SAME_SITE_LAX] = "Lax",
		[KRI_SAME_SITE_NONE] = "None",
	};

	return (struct kri_cookie){
		.name = kri_text_of(config->cookie_name),
		.domain = kri_text_of(config->cookie_domain),
		.path = kri_text_of(config->cookie_path),
		.same_site = kri_text_of(same_site[config->cookie_same_site]),
		.max_age = (config->cookie_max_age + 999) / 1000,
		.http_only = config->cookie_http_only != 0,
	};
}

static enum kr_err check(struct kr_app *app, const struct kri_cookie *cookie,
			 struct kri_buffer *why)
{
	bool secure = app->config.cookie_secure == KRI_SECURE_ALWAYS;
	enum kr_err err = kri_config_check(&app->config, why);

	if (!err)
		err = kri_listener_check(&app->config, why);
	if (!err)
		err = kri_config_resolve(&app->config, why);
	return err ? err : kri_cookie_check(cookie, secure, why);
}

static enum kr_err serve(struct kr_app *app, const struct kri_cookie *cookie,
			 struct kri_store *store, struct outcome *outcome)
{
	struct kri_site site = {
		.config = &app->config,
		.router = &app->router,
		.cookie = *cookie,
		.origins = &app->origins,
	};

	if (kri_cgi_is())
		return kri_cgi_run(&site, store, &outcome->why);
	return kri_server_run(&site, store, &outcome->left, &outcome->why);
}

/* Says what went wrong; returns the exit status. */
static int conclude(enum kr_err err, const struct outcome *outcome)
{
	const struct kri_buffer *why = &outcome->why;
	int status = err == KR_ERR_CONFIG ? 2 : err != KR_OK;

	if (err)
		kri_log(KRI_LOG_ERROR, NULL, "%s",
			why->len ? why->data : kr_strerror(err));
	kri_log_stop(LAST_WORDS);
	/* Threads still run on what would be freed on the way out. */
	if (outcome->left)
		_exit(status);
	return status;
}

int kri_app_run(struct kr_app *app, bool test)
{
	struct kri_cookie cookie = cookie_of(&app->config);
	struct outcome outcome = {.why = KRI_BUFFER_EMPTY};
	struct kri_store *store = NULL;
	enum kr_err err;
	int status;

	kri_log_setup((enum kri_log_level)app->config.log_level,
		      (enum kri_log_format)app->config.log_format);
	err = check(app, &cookie, &outcome.why);
	if (!err)
		err = kri_store_open(&app->config, &store, &outcome.why);
	if (!err && !test)
		err = serve(app, &cookie, store, &outcome);
	status = conclude(err, &outcome);
	if (store)
		store->ops->close(&store);
	kri_buffer_free(&outcome.why);
	return status;
}
