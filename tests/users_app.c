/*
 * A program on the public header for tests/users.bash: "your sessions" as
 * JSON, and a counter. What asks about a user's sessions is KR_BLOCKING.
 */
#include <stdlib.h>
#include <string.h>

#include "krsession.h"

static int64_t number_of(struct kr_context *c, const char *name)
{
	const char *text = kr_input(c, name);

	return text ? strtoll(text, NULL, 10) : 0;
}

static enum kr_err hello(struct kr_context *c)
{
	return kr_text(c, 200, "Hello, Session World!");
}

/* ---- the request's own session ---------------------------------------- */

static enum kr_err login(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	const char *label = kr_input(c, "label");
	enum kr_err err = kr_session_login(session, kr_input(c, "user"));

	if (!err && label)
		err = kr_session_set_label(session, label);
	return err ? err : kr_text(c, 200, "in");
}

static enum kr_err logout(struct kr_context *c)
{
	enum kr_err err = kr_session_logout(kr_session(c));

	return err ? err : kr_text(c, 200, "out");
}

static enum kr_err whoami(struct kr_context *c)
{
	const char *user = kr_session_user(kr_session(c));

	return kr_text(c, 200, user ? user : "nobody");
}

/* ---- all of a user's --------------------------------------------------- */

static enum kr_err put(void *arg, const struct kr_user_session *session)
{
	struct kr_context *c = arg;
	const char *own = kr_session_id(kr_session(c));

	kr_json_object(c, NULL);
	kr_json_string(c, "id", session->id);
	kr_json_string(c, "label", session->label);
	kr_json_int(c, "created", session->created);
	kr_json_int(c, "login", session->login);
	kr_json_int(c, "seen", session->seen);
	kr_json_int(c, "ends", session->ends);
	kr_json_bool(c, "current", own && !strcmp(own, session->id));
	kr_json_close(c);
	return KR_OK;
}

/* The user of the request's session, or another's by the parameter `of`. */
static const char *user_of(struct kr_context *c)
{
	const char *of = kr_input(c, "of");

	return of ? of : kr_session_user(kr_session(c));
}

static enum kr_err sessions(struct kr_context *c)
{
	const char *user = user_of(c);
	enum kr_err err;

	if (!user)
		return kr_text(c, 401, "nobody");
	kr_json_array(c, NULL);
	err = kr_user_sessions(kr_context_store(c), user, put, c);
	return err ? err : kr_json_end(c, 200);
}

static enum kr_err end(struct kr_context *c)
{
	enum kr_err err =
		kr_user_end(kr_context_store(c), user_of(c), kr_input(c, "id"));

	if (err == KR_ERR_NOT_FOUND)
		return kr_text(c, 404, "not there");
	return err ? err : kr_text(c, 200, "ended");
}

static enum kr_err end_others(struct kr_context *c)
{
	const char *own = kr_session_id(kr_session(c));
	int64_t n = 0;
	enum kr_err err = kr_user_end_others(kr_context_store(c), user_of(c),
					     own ? own : "", &n);

	kr_json_int(c, "ended", n);
	return err ? err : kr_json_end(c, 200);
}

static enum kr_err end_all(struct kr_context *c)
{
	int64_t n = 0;
	enum kr_err err = kr_user_end_all(kr_context_store(c), user_of(c), &n);

	kr_json_int(c, "ended", n);
	return err ? err : kr_json_end(c, 200);
}

/* ---- counters ---------------------------------------------------------- */

static enum kr_err count(struct kr_context *c)
{
	int64_t n = 0;
	enum kr_err err = kr_counter_add(
		kr_context_store(c), kr_input(c, "name"), number_of(c, "add"),
		number_of(c, "seconds"), &n);

	kr_json_int(c, "n", n);
	return err ? err : kr_json_end(c, 200);
}

/* ---- the program ------------------------------------------------------- */

int main(int argc, char **argv)
{
	static const struct {
		const char *path;
		kr_handler *handler;
		unsigned flags;
	} routes[] = {
		{"/hello", hello, 0},
		{"/login", login, KR_SESSION},
		{"/logout", logout, KR_SESSION},
		{"/whoami", whoami, KR_SESSION},
		{"/sessions", sessions, KR_SESSION | KR_BLOCKING},
		{"/end", end, KR_SESSION | KR_BLOCKING},
		{"/end/others", end_others, KR_SESSION | KR_BLOCKING},
		{"/end/all", end_all, KR_SESSION | KR_BLOCKING},
		{"/count", count, KR_BLOCKING},
	};
	struct kr_app *app = NULL;
	enum kr_err err = kr_app_open(&app);
	int status = 1;

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes) && !err; i++)
		err = kr_map(app, KR_GET, routes[i].path, routes[i].handler,
			     routes[i].flags);
	if (!err)
		status = kr_app_main(app, argc, argv);
	kr_app_close(&app);
	return status;
}
