/*
 * krsessiond: the routes of the tutorial "Sessions with Redis", and a page to
 * try them on, written on krsession.h alone, as any program would be.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "krsession.h"
#include "www/asset.h"

/* Whether the text is missing or only white space. */
static bool is_blank(const char *text)
{
	while (text && isspace((unsigned char)*text))
		text++;
	return !text || !*text;
}

static enum kr_err bad_request(struct kr_context *c, const char *error,
			       const char *example)
{
	kr_json_string(c, "error", error);
	kr_json_string(c, "example", example);
	return kr_json_end(c, 400);
}

static enum kr_err hello(struct kr_context *c)
{
	return kr_text(c, 200, "Hello, Session World!");
}

static enum kr_err counter(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	int32_t n = 0;
	enum kr_err err = kr_session_get_int32(session, "counter", &n);

	if (err == KR_ERR_TYPE)
		return kr_json_error(c, 409, "'counter' holds no number");
	if (err && err != KR_ERR_NOT_FOUND)
		return err;
	if (n == INT32_MAX)
		return kr_json_error(c, 409, "'counter' is at its maximum");
	err = kr_session_set_int32(session, "counter", n + 1);
	if (err)
		return err;
	kr_json_string(c, "message", "Counter incremented");
	kr_json_int(c, "counter", n + 1);
	return kr_json_end(c, 200);
}

/* Logging in changes what the session may do: the secret that was known
 * before must not open it. */
static enum kr_err login(struct kr_context *c)
{
	const char *user = kr_input(c, "user");
	enum kr_err err;

	if (is_blank(user))
		return bad_request(c, "Missing 'user' query parameter",
				   "/session/login?user=max");
	err = kr_session_login(kr_session(c), user);
	if (err)
		return err;
	kr_json_string(c, "message", "Logged in");
	kr_json_string(c, "user", user);
	return kr_json_end(c, 200);
}

static enum kr_err whoami(struct kr_context *c)
{
	const char *user = kr_session_user(kr_session(c));

	if (!user)
		return kr_json_error(c, 401,
				     "No active session or user not set");
	kr_json_string(c, "user", user);
	return kr_json_end(c, 200);
}

static enum kr_err logout(struct kr_context *c)
{
	enum kr_err err = kr_session_logout(kr_session(c));

	if (err)
		return err;
	kr_json_string(c, "message", "Session cleared");
	return kr_json_end(c, 200);
}

static enum kr_err set(struct kr_context *c)
{
	const char *key = kr_input(c, "key");
	const char *value = kr_input(c, "value");
	enum kr_err err;

	if (is_blank(key) || is_blank(value))
		return bad_request(
			c, "Missing 'key' and/or 'value' query parameter(s)",
			"/session/set?key=color&value=purple");
	if (!strcmp(key, "user"))
		return kr_json_error(c, 403,
				     "Key 'user' is reserved for login");
	err = kr_session_set_string(kr_session(c), key, value);
	if (err)
		return err;
	kr_json_string(c, "message", "Stored in session");
	kr_json_string(c, "key", key);
	kr_json_string(c, "value", value);
	return kr_json_end(c, 200);
}

static enum kr_err get_missing(struct kr_context *c, const char *key)
{
	char text[1200];

	snprintf(text, sizeof(text), "Key '%s' not found in session", key);
	return kr_json_error(c, 404, text);
}

static enum kr_err get(struct kr_context *c)
{
	const char *key = kr_input(c, "key");
	const char *value;
	enum kr_err err;

	if (is_blank(key))
		return bad_request(c, "Missing 'key' query parameter",
				   "/session/get?key=color");
	err = kr_session_get_string(kr_session(c), key, &value);
	if (err == KR_ERR_NOT_FOUND)
		return get_missing(c, key);
	if (err == KR_ERR_TYPE)
		return kr_json_error(c, 409, "The value is not text");
	if (err)
		return err;
	kr_json_string(c, "key", key);
	kr_json_string(c, "value", value);
	return kr_json_end(c, 200);
}

/* The start page and what belongs to it: it needs no session, so it is there
 * when the store is not. */
static enum kr_err page(struct kr_context *c)
{
	enum kr_err err =
		asset_protect(c, "style-src 'self'; script-src 'self'; "
				 "img-src 'self'; connect-src 'self'; "
				 "form-action 'self'");

	return err ? err : asset_send(c, kr_route_user(c));
}

static const struct {
	unsigned methods;
	const char *path;
	kr_handler *handler;
	unsigned flags;
} routes[] = {
	{KR_GET, "/hello", hello, 0},
	{KR_GET | KR_POST, "/session/counter", counter, KR_SESSION | KR_ATOMIC},
	{KR_GET | KR_POST, "/session/login", login, KR_SESSION},
	{KR_GET, "/session/whoami", whoami, KR_SESSION},
	{KR_GET | KR_POST, "/session/logout", logout, KR_SESSION},
	{KR_GET | KR_POST, "/session/set", set, KR_SESSION},
	{KR_GET, "/session/get", get, KR_SESSION},
};

/* Each under its own name, and the page under "/". */
static enum kr_err map_page(struct kr_app *app)
{
	enum kr_err err = KR_OK;

	for (const struct asset *a = start_assets; a->name && !err; a++) {
		char path[64];

		snprintf(path, sizeof(path), "/%s",
			 strcmp(a->name, "start.html") ? a->name : "");
		err = kr_map_with(app, KR_GET, path, page, 0, (void *)a);
	}
	return err;
}

static enum kr_err map_all(struct kr_app *app)
{
	enum kr_err err = map_page(app);

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes) && !err; i++)
		err = kr_map(app, routes[i].methods, routes[i].path,
			     routes[i].handler, routes[i].flags);
	return err;
}

int main(int argc, char **argv)
{
	struct kr_app *app = NULL;
	enum kr_err err = kr_app_open(&app);
	int status = 1;

	if (!err)
		err = map_all(app);
	if (err)
		fprintf(stderr, "krsessiond: %s\n", kr_strerror(err));
	else
		status = kr_app_main(app, argc, argv);
	kr_app_close(&app);
	if (status >= 3) /* threads are still at work */
		_exit(status == 4 ? 0 : status);
	return status;
}
