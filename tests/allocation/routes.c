/*
 * Handlers pass on every error, as a program does, and keep nothing outside of
 * the request.
 */
#include "routes.h"

#include <string.h>

static enum kr_err paint(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	const char *color = kr_input(c, "color");
	enum kr_err err;

	if (!color)
		return kr_json_error(c, 400, "no color");
	err = kr_session_set_string(session, "color", color);
	if (!err)
		err = kr_session_set_bytes(session, "bytes", "\0\1\2", 3);
	kr_log(c, KR_LOG_INFO, "painted %s", color);
	kr_json_string(c, "color", color);
	return err ? err : kr_json_end(c, 200);
}

static enum kr_err count(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	int32_t n = 0;
	enum kr_err err = kr_session_get_int32(session, "count", &n);

	if (err && err != KR_ERR_NOT_FOUND)
		return err;
	err = kr_session_set_int32(session, "count", n + 1);
	kr_json_int(c, "count", n + 1);
	return err ? err : kr_json_end(c, 200);
}

/* Who does not know the session says so: a client that proved it once would
 * be told a lie. */
static enum kr_err look(struct kr_context *c)
{
	const char *color = "none";
	enum kr_err err = kr_session_get_string(kr_session(c), "color", &color);

	if (err && err != KR_ERR_NOT_FOUND)
		return err;
	kr_json_string(c, "color", color);
	kr_json_object(c, "more");
	kr_json_array(c, "numbers");
	kr_json_double(c, NULL, 1.5);
	kr_json_null(c, NULL);
	kr_json_close(c);
	kr_json_raw(c, "raw", "{\"a\":[true,false]}");
	kr_json_close(c);
	return kr_json_end(c, 200);
}

static enum kr_err note(struct kr_context *c)
{
	const struct kr_json *json = NULL;
	const char *text = NULL;
	enum kr_err err = kr_body_json(c, &json);

	if (!err)
		err = kr_json_get_string(kr_json_member(json, "note"), &text);
	if (!err)
		err = kr_session_set_string(kr_session(c), "note", text);
	if (err)
		return err;
	kr_json_string(c, "note", text);
	return kr_json_end(c, 200);
}

static enum kr_err login(struct kr_context *c)
{
	enum kr_err err = kr_session_login(kr_session(c), "max");

	if (!err)
		err = kr_cookie(c, "theme", "dark", 60);
	if (!err)
		err = kr_header(c, "X-Login", "max");
	if (!err)
		err = kr_session_set_idle_timeout(kr_session(c), 3600);
	if (!err)
		err = kr_session_set_label(kr_session(c), "a browser");
	return err ? err : kr_redirect(c, 303, "https://login.example.com/");
}

static enum kr_err large(struct kr_context *c)
{
	static char page[40000];

	memset(page, 'x', sizeof(page) - 1);
	return kr_html(c, 200, page);
}

static enum kr_err logout(struct kr_context *c)
{
	enum kr_err err = kr_session_logout(kr_session(c));

	return err ? err : kr_text(c, 200, "bye");
}

/* A user's page of devices, and a limit of tries. */
static enum kr_err put(void *arg, const struct kr_user_session *session)
{
	kr_json_string(arg, NULL, session->label);
	return KR_OK;
}

static enum kr_err devices(struct kr_context *c)
{
	struct kr_store *store = kr_context_store(c);
	int64_t tries = 0;
	enum kr_err err = kr_counter_add(store, "tries", 1, 60, &tries);

	kr_json_array(c, "labels");
	if (!err)
		err = kr_user_sessions(store, "max", put, c);
	kr_json_close(c);
	return err ? err : kr_json_end(c, 200);
}

enum kr_err routes_map(struct kr_app *app)
{
	static const struct {
		unsigned methods;
		const char *path;
		kr_handler *handler;
		unsigned flags;
	} routes[] = {
		{KR_POST, "/paint", paint, KR_SESSION},
		{KR_GET, "/count", count, KR_SESSION | KR_ATOMIC},
		{KR_GET, "/look", look, KR_SESSION},
		{KR_GET, "/slow/*", look, KR_SESSION | KR_BLOCKING},
		{KR_GET, "/devices", devices, KR_SESSION | KR_BLOCKING},
		{KR_PUT, "/note", note, KR_SESSION | KR_BODY},
		{KR_POST, "/login", login, KR_SESSION},
		{KR_GET, "/large", large, 0},
		{KR_POST, "/logout", logout, KR_SESSION},
	};
	enum kr_err err = kr_allow_redirect(app, "https://login.example.com");

	for (size_t i = 0; !err && i < sizeof(routes) / sizeof(*routes); i++)
		err = kr_map(app, routes[i].methods, routes[i].path,
			     routes[i].handler, routes[i].flags);
	return err;
}
