/*
 * A program on the public header that shows what the header offers, one route
 * for each thing, so that tests/api.bats can see it through a front server.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "krsession.h"

static int64_t number_of(struct kr_context *c, const char *name)
{
	const char *text = kr_input(c, name);

	return text ? strtoll(text, NULL, 10) : 0;
}

static const char *text_of(struct kr_context *c, const char *name)
{
	const char *text = kr_input(c, name);

	return text ? text : "";
}

static enum kr_err say(struct kr_context *c, const char *text)
{
	return kr_text(c, 200, text ? text : "-");
}

/* ---- the request ------------------------------------------------------ */

static enum kr_err hello(struct kr_context *c)
{
	return say(c, "Hello, Session World!");
}

static enum kr_err method(struct kr_context *c)
{
	return say(c, kr_request_method(c));
}

/* The path, what the star stood for, and what the route was given. */
static enum kr_err files(struct kr_context *c)
{
	kr_json_string(c, "path", kr_request_path(c));
	kr_json_string(c, "rest", kr_request_rest(c));
	kr_json_string(c, "route", kr_route_user(c));
	return kr_json_end(c, 200);
}

static enum kr_err asked(struct kr_context *c)
{
	const char *name = text_of(c, "name");
	const char *param = kr_request_param(c, name);
	const char *header = kr_header_in(c, name);
	const char *cookie = kr_cookie_in(c, name);

	kr_json_string(c, "param", param ? param : "-");
	kr_json_string(c, "header", header ? header : "-");
	kr_json_string(c, "cookie", cookie ? cookie : "-");
	kr_json_string(c, "address", kr_client_address(c));
	return kr_json_end(c, 200);
}

static enum kr_err values(struct kr_context *c)
{
	const char *value;

	kr_json_array(c, NULL);
	for (size_t i = 0; (value = kr_input_at(c, "a", i)); i++)
		kr_json_string(c, NULL, value);
	return kr_json_end(c, 200);
}

/* Sends the body back as it came. */
static enum kr_err echo(struct kr_context *c)
{
	const void *bytes;
	size_t size;
	enum kr_err err = kr_body(c, &bytes, &size);

	return err ? err
		   : kr_send(c, 200, "application/octet-stream", bytes, size);
}

/* Adds up the numbers of {"numbers":[...],"name":"..."}. */
static enum kr_err sum(struct kr_context *c)
{
	const struct kr_json *json, *numbers;
	const char *name = "nobody";
	double each, all = 0;
	enum kr_err err = kr_body_json(c, &json);

	if (err)
		return err;
	numbers = kr_json_member(json, "numbers");
	for (size_t i = 0; i < kr_json_count(numbers) && !err; i++) {
		err = kr_json_get_double(kr_json_item(numbers, i), &each);
		all += err ? 0 : each;
	}
	if (err)
		return kr_json_error(c, 422, "'numbers' are to be numbers");
	err = kr_json_get_string(kr_json_member(json, "name"), &name);
	if (err && err != KR_ERR_NOT_FOUND)
		return kr_json_error(c, 422, "'name' is to be text");
	kr_json_string(c, "name", name);
	kr_json_double(c, "sum", all);
	return kr_json_end(c, 200);
}

/* ---- the response ----------------------------------------------------- */

static enum kr_err page(struct kr_context *c)
{
	return kr_html(c, 200, "<!DOCTYPE html><title>A page</title>");
}

static enum kr_err status(struct kr_context *c)
{
	return kr_status(c, (int)number_of(c, "status"));
}

static enum kr_err go(struct kr_context *c)
{
	enum kr_err err = kr_redirect(c, 303, text_of(c, "to"));

	return err == KR_ERR_ARGUMENT ? kr_redirect(c, 303, "/hello") : err;
}

static enum kr_err cookie(struct kr_context *c)
{
	enum kr_err err = kr_cookie(c, text_of(c, "name"), text_of(c, "value"),
				    number_of(c, "age"));

	return err ? err : say(c, "set");
}

static enum kr_err tree(struct kr_context *c)
{
	kr_json_null(c, "nothing");
	kr_json_bool(c, "yes", true);
	kr_json_array(c, "list");
	kr_json_int(c, NULL, 1);
	kr_json_double(c, NULL, 0.5);
	kr_json_raw(c, NULL, "{\"raw\":[]}");
	kr_json_close(c);
	kr_json_object(c, "inner");
	kr_json_string(c, "text", "a/b");
	kr_json_close(c);
	return kr_json_end(c, 201);
}

static enum kr_err note(struct kr_context *c)
{
	kr_log(c, KR_LOG_WARNING, "a note about %s", text_of(c, "what"));
	kr_log(NULL, KR_LOG_INFO, "a note about nobody");
	return say(c, "noted");
}

/* ---- the session ------------------------------------------------------ */

static enum kr_err set(struct kr_context *c)
{
	enum kr_err err = kr_session_set_string(
		kr_session(c), text_of(c, "key"), text_of(c, "value"));

	return err ? err : say(c, "set");
}

static enum kr_err take(struct kr_context *c)
{
	const char *value = NULL;
	enum kr_err err =
		kr_session_take(kr_session(c), text_of(c, "key"), &value);

	return err && err != KR_ERR_NOT_FOUND ? err : say(c, value);
}

static enum kr_err add_value(void *arg, const char *key, const void *value,
			     size_t size)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)size, (const char *)value);
	kr_json_string(arg, key, text);
	return KR_OK;
}

static enum kr_err each(struct kr_context *c)
{
	enum kr_err err = kr_session_each(kr_session(c), add_value, c);

	return err ? err : kr_json_end(c, 200);
}

static enum kr_err me(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	const char *user = kr_session_user(session);
	const char *id = kr_session_id(session);
	int64_t within = number_of(c, "within");

	kr_json_string(c, "user", user ? user : "-");
	kr_json_string(c, "id", id ? id : "-");
	kr_json_bool(c, "new", kr_session_is_new(session));
	kr_json_bool(c, "old", kr_session_age(session) > 100);
	kr_json_bool(c, "login", kr_session_login_age(session) >= 0);
	kr_json_bool(c, "fresh", kr_session_is_authenticated(session, within));
	return kr_json_end(c, 200);
}

static enum kr_err login(struct kr_context *c)
{
	enum kr_err err = kr_session_login(kr_session(c), text_of(c, "user"));
	int64_t remember = number_of(c, "remember");

	if (!err && remember)
		err = kr_session_set_idle_timeout(kr_session(c), remember);
	return err ? err : say(c, "logged in");
}

static enum kr_err remember(struct kr_context *c)
{
	enum kr_err err = kr_session_set_idle_timeout(kr_session(c),
						      number_of(c, "seconds"));

	return err ? err : say(c, "remembered");
}

static enum kr_err logout(struct kr_context *c)
{
	enum kr_err err = kr_session_logout(kr_session(c));

	return err ? err : say(c, "logged out");
}

static enum kr_err clear(struct kr_context *c)
{
	enum kr_err err = kr_session_clear(kr_session(c));

	return err ? err : say(c, "cleared");
}

/* Ends the session and begins another. */
static enum kr_err restart(struct kr_context *c)
{
	enum kr_err err = kr_session_destroy(kr_session(c));

	return err ? err : set(c);
}

/* ---- the routes ------------------------------------------------------- */

static const struct {
	unsigned methods;
	const char *path;
	kr_handler *handler;
	unsigned flags;
} routes[] = {
	{KR_GET, "/hello", hello, 0},
	{KR_GET | KR_PUT | KR_PATCH | KR_DELETE, "/method", method, 0},
	{KR_GET, "/asked", asked, 0},
	{KR_GET | KR_POST, "/values", values, 0},
	{KR_POST | KR_PUT, "/echo", echo, KR_BODY | KR_CROSS_SITE},
	{KR_POST, "/slow/echo", echo, KR_BODY | KR_BLOCKING},
	{KR_POST, "/sum", sum, KR_BODY},
	{KR_POST, "/form", values, 0},
	{KR_GET, "/page", page, 0},
	{KR_GET, "/status", status, 0},
	{KR_GET, "/go", go, 0},
	{KR_GET, "/cookie", cookie, 0},
	{KR_GET, "/tree", tree, 0},
	{KR_GET, "/note", note, KR_SESSION},
	{KR_GET, "/set", set, KR_SESSION},
	{KR_GET, "/take", take, KR_SESSION | KR_ATOMIC},
	{KR_GET, "/each", each, KR_SESSION},
	{KR_GET, "/me", me, KR_SESSION},
	{KR_GET, "/login", login, KR_SESSION},
	{KR_GET, "/remember", remember, KR_SESSION},
	{KR_GET, "/logout", logout, KR_SESSION},
	{KR_GET, "/clear", clear, KR_SESSION},
	{KR_GET, "/restart", restart, KR_SESSION},
	{KR_GET, "/atomic/restart", restart, KR_SESSION | KR_ATOMIC},
	{KR_POST, "/change", set, KR_SESSION},
	{KR_POST, "/open/change", set, KR_SESSION | KR_CROSS_SITE},
};

static enum kr_err map_files(struct kr_app *app)
{
	enum kr_err err = kr_map_with(app, KR_GET, "/files/*", files, 0, "all");

	if (!err)
		err = kr_map_with(app, KR_GET, "/files/deep/*", files, 0,
				  "deep");
	if (!err)
		err = kr_map_with(app, KR_GET, "/files/one", files, 0, "one");
	return err;
}

static enum kr_err map_all(struct kr_app *app)
{
	enum kr_err err = map_files(app);

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes) && !err; i++)
		err = kr_map(app, routes[i].methods, routes[i].path,
			     routes[i].handler, routes[i].flags);
	if (!err)
		err = kr_allow_redirect(app, "https://login.example.com");
	if (!err)
		err = kr_config_set(kr_app_config(app),
				    "session.absolute_timeout=1000h");
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
		fprintf(stderr, "api_app: %s\n", kr_strerror(err));
	else
		status = kr_app_main(app, argc, argv);
	kr_app_close(&app);
	if (status >= 3) /* threads are still at work */
		_exit(status == 4 ? 0 : status);
	return status;
}
