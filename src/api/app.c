/*
 * The app: routes, and from a configuration to a running server.
 */
#include "api/app.h"

#include <signal.h>
#include <stdlib.h>

#include "alone/store.h"
#include "api/rehearsal.h"
#include "base/log.h"
#include "fcgi/cgi.h"
#include "fcgi/listener.h"
#include "fcgi/observers.h"
#include "fcgi/server.h"
#include "fcgi/vigil.h"
#include "store/store.h"

#define LAST_WORDS 1000 /* ms for what is left of the log */

/* Exit statuses of a process whose threads are still at work: see krsession.h,
 * kr_app_main(). */
#define LEFT_HANDLERS 3
#define LEFT_OTHERS 4

/* Of a run that is over. */
struct outcome {
	struct kri_buffer why; /* it failed, in one line */
	struct kri_server_end end;
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
	struct kr_app *old = app ? *app : NULL;

	if (!old)
		return;
	*app = NULL;
	if (old->left)
		return;
	kri_rehearsal_close(&old->rehearsal);
	kri_monitor_close(&old->monitor);
	kri_config_free(&old->config);
	kri_buffer_free(&old->handle.why);
	kri_router_free(&old->router);
	kri_origins_free(&old->origins);
	free(old);
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

enum kr_err kr_map_authorizer(struct kr_app *app, kr_handler *handler,
			      unsigned flags, void *user)
{
	static const unsigned known =
		KR_SESSION | KR_ATOMIC | KR_BLOCKING | KR_NO_COOKIE;

	if (!app || !handler || app->authorizer.handler || flags & ~known ||
	    (flags & KR_ATOMIC && !(flags & KR_SESSION)))
		return KR_ERR_ARGUMENT;
	app->authorizer = (struct kri_route){
		.path = "(authorizer)",
		.number = KRI_ROUTE_AUTHORIZER,
		.flags = flags | KR_CROSS_SITE,
		.handler = handler,
		.user = user,
	};
	return KR_OK;
}

enum kr_err kr_app_on_error(struct kr_app *app, kr_error_handler *handler,
			    void *user)
{
	if (!app || !handler)
		return KR_ERR_ARGUMENT;
	app->on_error = handler;
	app->on_error_user = user;
	return KR_OK;
}

enum kr_err kr_app_prepare(struct kr_app *app, kr_prepare *prepare, void *user)
{
	if (!app || !prepare)
		return KR_ERR_ARGUMENT;
	app->prepare = prepare;
	app->prepare_user = user;
	return KR_OK;
}

enum kr_err kri_app_prepare(struct kr_app *app, struct kri_buffer *why)
{
	kr_prepare *prepare = app->prepare;
	enum kr_err err;

	app->prepare = NULL;
	if (!prepare)
		return KR_OK;
	kri_buffer_clear(&app->handle.why);
	err = prepare(app, app->prepare_user);
	if (err && why != &app->handle.why)
		kri_buffer_append(why, kri_buffer_text(&app->handle.why));
	return err;
}

struct kri_site kri_app_site(struct kr_app *app)
{
	return (struct kri_site){
		.router = &app->router,
		.authorizer = app->authorizer.handler ? &app->authorizer : NULL,
		.on_error = app->on_error,
		.on_error_user = app->on_error_user,
		.origins = &app->origins,
		.bodies = &app->bodies,
	};
}

enum kr_err kr_allow_redirect(struct kr_app *app, const char *origin)
{
	if (!app || !origin)
		return KR_ERR_ARGUMENT;
	return kri_origins_add(&app->origins, origin);
}

static enum kr_err check(struct kr_app *app, const struct kri_cookie *cookie,
			 const struct kri_handover *handover,
			 struct kri_buffer *why)
{
	bool secure = app->config.cookie_secure == KRI_SECURE_ALWAYS;
	enum kr_err err = kri_config_check(&app->config, why);

	if (!err)
		err = kri_listener_check(&app->config, why);
	if (!err)
		err = kri_observers_check(&app->config, why);
	if (!err)
		err = kri_handover_check(handover, &app->config, why);
	if (!err)
		err = kri_config_resolve(&app->config, why);
	return err ? err : kri_cookie_check(cookie, secure, why);
}

static enum kr_err serve(struct kr_app *app, const struct kri_cookie *cookie,
			 struct kri_store *store, struct kri_handover *handover,
			 struct outcome *outcome)
{
	enum kr_err err =
		kri_alone_store_lend(&app->config, store, &app->blocking);

	if (err)
		return err;
	app->site = kri_app_site(app);
	app->site.config = &app->config;
	app->site.cookie = *cookie;
	app->site.store = app->blocking;
	app->bodies.limit = (size_t)app->config.body_memory;
	if (kri_cgi_is())
		return kri_cgi_run(&app->site, store, &outcome->why);
	err = kri_monitor_open(&app->monitor, &app->config, &app->router,
			       &app->bodies);
	app->site.monitor = &app->monitor;
	return err ? err
		   : kri_server_run(&app->site, store, handover, &outcome->end,
				    &outcome->why);
}

/* Where a reload went wrong it is the other process that can say what follows
 * from it. */
static void complain(enum kr_err err, const struct kri_handover *handover,
		     const struct kri_buffer *why)
{
	const char *text = why->len ? why->data : kr_strerror(err);

	if (!kri_handover_refuse(handover, text))
		kri_log(KRI_LOG_ERROR, NULL, "%s", text);
}

/* Whether a stand-in serves in our place, and only waits for us to. */
static bool is_awaited(const struct kri_handover *handover)
{
	return handover->role == KRI_ROLE_SUCCESSOR && !handover->settled;
}

static int status_of(enum kr_err err)
{
	return err == KR_ERR_CONFIG ? 2 : err != KR_OK;
}

int kri_app_refuse(enum kr_err err, struct kri_handover *handover,
		   struct kri_buffer *why)
{
	if (!why->len)
		kri_buffer_string(why, kr_strerror(err));
	if (!is_awaited(handover))
		complain(err, handover, why);
	else if (kri_vigil_keep(handover, why))
		return 0;
	return status_of(err);
}

/* The program is executed anew, or the reason for which it is not is told. */
static int go_on(enum kr_err err, struct kri_handover *handover,
		 struct outcome *outcome)
{
	struct kri_buffer *why = &outcome->why;

	if (err)
		complain(err, handover, why);
	kri_log_stop(LAST_WORDS);
	kri_buffer_clear(why);
	return kri_vigil_keep(handover, why) ? 0 : 1;
}

/* Says what went wrong; returns the exit status. */
static int conclude(enum kr_err err, struct kri_handover *handover,
		    struct outcome *outcome)
{
	int status = 0;

	if (outcome->end.again)
		status = go_on(err, handover, outcome);
	else if (err)
		status = kri_app_refuse(err, handover, &outcome->why);
	kri_log_stop(LAST_WORDS);
	if (!outcome->end.left)
		return status;
	return err || outcome->end.again ? LEFT_HANDLERS : LEFT_OTHERS;
}

int kri_app_run(struct kr_app *app, struct kri_handover *handover, bool test)
{
	struct kri_cookie cookie = kri_cookie_of(&app->config);
	struct outcome outcome = {.why = KRI_BUFFER_EMPTY};
	struct kri_store *store = NULL;
	enum kr_err err;
	int status;

	/* hiredis writes without MSG_NOSIGNAL, and libfcgi, which ignores it
	 * too, is not there yet when the store is asked at the start. */
	signal(SIGPIPE, SIG_IGN);
	kri_log_setup((enum kri_log_level)app->config.log_level,
		      (enum kri_log_format)app->config.log_format);
	err = check(app, &cookie, handover, &outcome.why);
	if (!err)
		err = kri_app_prepare(app, &outcome.why);
	if (!err)
		err = kri_store_open(&app->config, &store, &outcome.why);
	if (!err && !test)
		err = serve(app, &cookie, store, handover, &outcome);
	status = conclude(err, handover, &outcome);
	app->left = outcome.end.left;
	if (!app->left)
		kri_alone_store_close(&app->blocking);
	if (store && !app->left)
		store->ops->close(&store);
	kri_buffer_free(&outcome.why);
	return status;
}
