/*
 * "Where you are logged in": a user sees the sessions of the account on all
 * devices, and ends one, or all but this one. Both want a login of the last
 * five minutes: who finds an open browser must not lock its owner out.
 *
 *     cc -o devices devices.c $(pkg-config --cflags --libs krsession)
 *
 * With -o session.max_per_user=N a user has so many at most: a further login
 * ends the one that would end first, or with max_per_user_rule=refuse it is
 * answered 403.
 *
 * What asks the store about other sessions than the request's own blocks, so
 * those routes have KR_BLOCKING.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <krsession.h>

#define FRESH 300 /* seconds that a login counts as a recent one */

/* ---- pages ---- */

/* Writes text so that it is text in HTML, in attributes too. */
static void put_text(FILE *out, const char *text)
{
	for (; *text; text++)
		if (strchr("&<>\"'", *text))
			fprintf(out, "&#%d;", *text);
		else
			fputc(*text, out);
}

static enum kr_err send_page(struct kr_context *c, FILE *out, char **html,
			     enum kr_err err)
{
	if (fclose(out) && !err)
		err = KR_ERR_MEMORY;
	if (!err)
		err = kr_html(c, 200, *html);
	free(*html);
	return err;
}

/* ---- login ---- */

/* Enough to tell a phone from a desktop. What the browser says goes no further
 * than this: the label is made of words of ours. */
static const char *find_word(const char *agent, const char *const *words)
{
	for (; *words; words++)
		if (strstr(agent, *words))
			return *words;
	return "unknown";
}

static enum kr_err set_label(struct kr_context *c)
{
	static const char *const browsers[] = {"Firefox", "Edg",  "Chrome",
					       "Safari",  "curl", NULL};
	static const char *const systems[] = {"Android", "iPhone",   "iPad",
					      "Windows", "Mac OS X", "Linux",
					      NULL};
	const char *agent = kr_header_in(c, "User-Agent");
	char label[64];

	if (!agent)
		agent = "";
	snprintf(label, sizeof(label), "%s on %s", find_word(agent, browsers),
		 find_word(agent, systems));
	return kr_session_set_label(kr_session(c), label);
}

static enum kr_err login_form(struct kr_context *c)
{
	return kr_html(c, 200,
		       "<!doctype html>\n<title>Log in</title>\n"
		       "<form method=post action=/login>\n"
		       "<label>Name <input name=user></label>\n"
		       "<label>Password <input name=password type=password>"
		       "</label>\n<button>Log in</button>\n</form>\n");
}

/* Everybody's password is "open sesame" here; login.c shows how it is done. A
 * session of another user ends: its values are not this one's. */
static enum kr_err login(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	const char *user = kr_input(c, "user");
	const char *password = kr_input(c, "password");
	const char *was = kr_session_user(session);
	enum kr_err err = KR_OK;

	if (!user || !password || strcmp(password, "open sesame") != 0)
		return kr_redirect(c, 303, "/login");
	if (was && strcmp(was, user) != 0)
		err = kr_session_destroy(session);
	if (!err)
		err = kr_session_login(session, user);
	if (!err)
		err = set_label(c);
	return err ? err : kr_redirect(c, 303, "/devices");
}

static enum kr_err logout(struct kr_context *c)
{
	enum kr_err err = kr_session_logout(kr_session(c));

	return err ? err : kr_redirect(c, 303, "/login");
}

/* ---- the list ---- */

struct list {
	FILE *out;
	const char *own; /* the id of the request's session */
	int n;
};

static void put_time(FILE *out, int64_t seconds)
{
	time_t moment = (time_t)seconds;
	struct tm utc;
	char text[32] = "";

	if (gmtime_r(&moment, &utc))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &utc);
	fprintf(out, "<td>%s</td>", text);
}

/* The function that the store's list is shown to, session by session. */
static enum kr_err put_session(void *arg, const struct kr_user_session *session)
{
	struct list *list = arg;
	FILE *out = list->out;

	list->n++;
	fputs("<tr><td>", out);
	put_text(out, *session->label ? session->label : "unknown");
	fputs("</td>", out);
	put_time(out, session->login);
	put_time(out, session->seen);
	if (!strcmp(session->id, list->own))
		fputs("<td>this device</td></tr>\n", out);
	else
		fprintf(out,
			"<td><form method=post action=/devices/end>"
			"<button name=id value=\"%s\">End</button></form>"
			"</td></tr>\n",
			session->id);
	return KR_OK;
}

static enum kr_err devices(struct kr_context *c)
{
	const char *user = kr_session_user(kr_session(c));
	struct list list = {.own = kr_session_id(kr_session(c))};
	char *html = NULL;
	size_t size = 0;
	enum kr_err err;

	if (!user)
		return kr_redirect(c, 303, "/login");
	list.out = open_memstream(&html, &size);
	if (!list.out)
		return KR_ERR_MEMORY;
	fputs("<!doctype html>\n<title>Devices</title>\n<h1>Where ", list.out);
	put_text(list.out, user);
	fputs(" is logged in</h1>\n<table>\n"
	      "<tr><th>Device<th>Login<th>Last seen<th></tr>\n",
	      list.out);
	err = kr_user_sessions(kr_context_store(c), user, put_session, &list);
	fprintf(list.out,
		"</table>\n<p>%d in all</p>\n"
		"<form method=post action=/devices/others>"
		"<button>End all others</button></form>\n"
		"<form method=post action=/logout><button>Leave</button>"
		"</form>\n",
		list.n);
	return send_page(c, list.out, &html, err);
}

/* ---- ending ---- */

/* Whether the request may end sessions; else it is answered. */
static bool may_end(struct kr_context *c, enum kr_err *err)
{
	if (kr_session_is_authenticated(kr_session(c), FRESH))
		return true;
	*err = kr_redirect(c, 303, "/login");
	return false;
}

/* One that has ended meanwhile, or is not the user's, is not there: the next
 * page shows it. */
static enum kr_err end_one(struct kr_context *c)
{
	const char *id = kr_input(c, "id");
	enum kr_err err = KR_OK;

	if (!may_end(c, &err))
		return err;
	if (id)
		err = kr_user_end(kr_context_store(c),
				  kr_session_user(kr_session(c)), id);
	if (err && err != KR_ERR_NOT_FOUND)
		return err;
	return kr_redirect(c, 303, "/devices");
}

static enum kr_err end_others(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	int64_t ended = 0;
	enum kr_err err = KR_OK;

	if (!may_end(c, &err))
		return err;
	err = kr_user_end_others(kr_context_store(c), kr_session_user(session),
				 kr_session_id(session), &ended);
	if (err)
		return err;
	kr_log(c, KR_LOG_INFO, "%lld other sessions of the user were ended",
	       (long long)ended);
	return kr_redirect(c, 303, "/devices");
}

/* ---- the program ---- */

static enum kr_err map_all(struct kr_app *app)
{
	const unsigned blocking = KR_SESSION | KR_BLOCKING;
	enum kr_err err = kr_map(app, KR_GET, "/login", login_form, 0);

	if (!err)
		err = kr_map(app, KR_POST, "/login", login, KR_SESSION);
	if (!err)
		err = kr_map(app, KR_POST, "/logout", logout, KR_SESSION);
	if (!err)
		err = kr_map(app, KR_GET, "/devices", devices, blocking);
	if (!err)
		err = kr_map(app, KR_POST, "/devices/end", end_one, blocking);
	if (!err)
		err = kr_map(app, KR_POST, "/devices/others", end_others,
			     blocking);
	return err;
}

int main(int argc, char **argv)
{
	struct kr_app *app = NULL;
	enum kr_err err = kr_app_open(&app);
	int status = 1;

	if (!err)
		err = map_all(app);
	if (!err)
		status = kr_app_main(app, argc, argv);
	else
		fprintf(stderr, "devices: %s\n", kr_strerror(err));
	kr_app_close(&app);
	return status;
}
