/*
 * Owns what makes an app the guard: its options, its routes, and what has to be
 * read before it serves.
 */
#include <stdio.h>

#include "guard/guard.h"

static const struct {
	unsigned methods;
	const char *path; /* behind guard.path */
	kr_handler *handler;
	unsigned flags;
} routes[] = {
	{KR_GET | KR_POST | KR_PUT | KR_PATCH | KR_DELETE, "/check",
	 guard_check, KR_SESSION | KR_CROSS_SITE | KR_NO_COOKIE},
	{KR_GET | KR_POST | KR_PUT | KR_PATCH | KR_DELETE, "/challenge",
	 guard_challenge, KR_SESSION | KR_CROSS_SITE | KR_BODY},
	{KR_GET, "/login", guard_login_get, KR_SESSION},
	{KR_POST, "/login", guard_login_post, KR_SESSION | KR_BLOCKING},
	{KR_GET, "/step-up", guard_step_up_get, KR_SESSION},
	{KR_POST, "/step-up", guard_step_up_post, KR_SESSION | KR_BLOCKING},
	{KR_GET, "/logout", guard_logout_get, KR_SESSION},
	{KR_POST, "/logout", guard_logout_post, KR_SESSION},
	{KR_GET, "/sessions", guard_sessions_get, KR_SESSION | KR_BLOCKING},
	{KR_POST, "/sessions", guard_sessions_post, KR_SESSION | KR_BLOCKING},
	{KR_GET, "/denied", guard_denied, KR_SESSION},
	{KR_GET, "/style.css", guard_style, 0},
	{KR_GET, "/icon.svg", guard_icon, 0},
};

static enum kr_err map_all(struct kr_app *app, struct guard *guard)
{
	enum kr_err err = kr_map_authorizer(app, guard_authorize,
					    KR_SESSION | KR_NO_COOKIE, guard);
	char path[128];

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes) && !err; i++) {
		snprintf(path, sizeof(path), "%s%s", guard->options.path,
			 routes[i].path);
		err = kr_map_with(app, routes[i].methods, path,
				  routes[i].handler, routes[i].flags, guard);
	}
	return err;
}

static enum kr_err allow(void *arg, const char *origin)
{
	struct kr_app *app = arg;
	enum kr_err err = kr_allow_redirect(app, origin);

	if (err != KR_ERR_ARGUMENT)
		return err;
	return kr_config_refuse(kr_app_config(app),
				"guard.url, guard.allow_hosts: %s is no origin "
				"such as https://app.example.com",
				origin);
}

static enum kr_err allow_all(struct kr_app *app, struct guard *guard)
{
	enum kr_err err =
		guard_options_origins(guard->options.allow_hosts, allow, app);

	if (!err && *guard->options.url)
		err = allow(app, guard->options.url);
	return err;
}

static enum kr_err open_directory(struct kr_config *config, struct guard *guard)
{
	char why[GUARD_WHY_MAX] = "";

	guard->directory = guard_directory_open(guard->options.password_file,
						guard->options.group_file, why);
	return guard->directory ? KR_OK : kr_config_refuse(config, "%s", why);
}

/* The device's cookie has the session's name, so that its prefix is kept. */
static enum kr_err name_device(struct kr_config *config, struct guard *guard)
{
	const char *name = "";
	enum kr_err err = kr_config_text(config, "cookie.name", &name);

	snprintf(guard->device_cookie, sizeof(guard->device_cookie),
		 "%s-device", name);
	return err;
}

static enum kr_err prepare(struct kr_app *app, void *user)
{
	struct kr_config *config = kr_app_config(app);
	struct guard *guard = user;
	enum kr_err err = guard_options_read(config, &guard->options);

	if (err)
		return err;
	guard->site = (struct guard_site){
		.path = guard->options.path,
		.title = guard->options.title,
		.home = guard->options.home,
	};
	err = name_device(config, guard);
	if (!err)
		err = open_directory(config, guard);
	if (!err)
		err = allow_all(app, guard);
	return err ? err : map_all(app, guard);
}

enum kr_err guard_set_up(struct kr_app *app, struct guard *guard)
{
	enum kr_err err = guard_options_declare(kr_app_config(app));

	if (!err)
		err = kr_app_prepare(app, prepare, guard);
	return err ? err : kr_app_on_error(app, guard_error, guard);
}
