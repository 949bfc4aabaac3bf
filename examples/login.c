/*
 * A site with a login: a form, a message for the next page, redirects, and
 * HTML into which nothing gets unescaped.
 *
 *     cc -o login login.c $(pkg-config --cflags --libs krsession) -lcrypt
 *
 * The cross-site rule. A browser says "Sec-Fetch-Site: cross-site" when a page
 * of another site made it send a request. The routes with KR_POST are answered
 * 403 then, before their handlers run: another site can neither log a visitor
 * in nor out. That is why a form and what it is sent to are two routes: a link
 * from elsewhere to the form works.
 */
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <krsession.h>

/* ---- pages ---- */

/* Writes text so that it is text in HTML, in attributes too. All that did not
 * stand in this file goes through here. */
static void put_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

/*
 * The message that the page before has left is shown once. Taking it away
 * changes the session, which a request from another site may not: it waits for
 * the next page then.
 */
static enum kr_err put_message(FILE *out, struct kr_context *c)
{
	const char *message;
	enum kr_err err = kr_session_take(kr_session(c), "message", &message);

	if (err == KR_ERR_NOT_FOUND || err == KR_ERR_CROSS_SITE)
		return KR_OK;
	if (err)
		return err;
	fputs("<p class=message>", out);
	put_text(out, message);
	fputs("</p>\n", out);
	return KR_OK;
}

/* A page: what it is called, the message, and what `put_body` writes. */
static enum kr_err send_page(struct kr_context *c, const char *title,
			     void (*put_body)(FILE *, struct kr_context *))
{
	char *html = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&html, &size);
	enum kr_err err;

	if (!out)
		return KR_ERR_MEMORY;
	fprintf(out, "<!doctype html>\n<title>%s</title>\n<h1>%s</h1>\n", title,
		title);
	err = put_message(out, c);
	put_body(out, c);
	if (fclose(out) && !err)
		err = KR_ERR_MEMORY;
	if (!err)
		err = kr_html(c, 200, html);
	free(html);
	return err;
}

/* ---- the start and the account ---- */

static void put_start(FILE *out, struct kr_context *c)
{
	const char *user = kr_session_user(kr_session(c));

	if (!user) {
		fputs("<p><a href=/account>Your account</a></p>\n", out);
		return;
	}
	fputs("<p>You are ", out);
	put_text(out, user);
	fputs(".</p>\n<form method=post action=/logout>"
	      "<button>Leave</button></form>\n",
	      out);
}

static enum kr_err start(struct kr_context *c)
{
	return send_page(c, "Start", put_start);
}

static void put_account(FILE *out, struct kr_context *c)
{
	fprintf(out, "<p>Your session began %lld seconds ago.</p>\n",
		(long long)kr_session_age(kr_session(c)));
	put_start(out, c);
}

/* For those who have logged in within the last hour. */
static enum kr_err account(struct kr_context *c)
{
	if (!kr_session_is_authenticated(kr_session(c), 3600))
		return kr_redirect(c, 303, "/login?next=/account");
	return send_page(c, "Account", put_account);
}

/* ---- login ---- */

static void put_login(FILE *out, struct kr_context *c)
{
	const char *next = kr_input(c, "next");

	fputs("<form method=post action=/login>\n"
	      "<input type=hidden name=next value=\"",
	      out);
	put_text(out, next ? next : "/");
	fputs("\">\n"
	      "<label>Name <input name=user></label>\n"
	      "<label>Password <input name=password type=password></label>\n"
	      "<button>Log in</button>\n</form>\n",
	      out);
}

static enum kr_err login_form(struct kr_context *c)
{
	return send_page(c, "Log in", put_login);
}

/* The password is "open sesame"; a program would have its users elsewhere. */
static const char known_user[] = "max";
static const char known_hash[] =
	"$y$j9T$krsessionexample$dDWtCp.4aweDm4lnrtofV70FXBQ0HaPfDPdQ84PMRs5";

/* Takes as long for a name that nobody has. */
static bool is_right(const char *user, const char *password)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *hash = data ? crypt_r(password, known_hash, data) : NULL;
	bool right =
		hash && !strcmp(hash, known_hash) && !strcmp(user, known_user);

	free(data);
	return right;
}

/* Sends to the page that the visitor wanted. The form could have come with
 * any: one of another site kr_redirect() refuses. */
static enum kr_err go_on(struct kr_context *c)
{
	const char *next = kr_input(c, "next");
	enum kr_err err = KR_ERR_ARGUMENT;

	if (next)
		err = kr_redirect(c, 303, next);
	return err == KR_ERR_ARGUMENT ? kr_redirect(c, 303, "/") : err;
}

static enum kr_err login(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	const char *user = kr_input(c, "user");
	const char *password = kr_input(c, "password");
	enum kr_err err;

	if (!user || !password || !is_right(user, password)) {
		err = kr_session_set_string(session, "message",
					    "That was not right.");
		return err ? err : kr_redirect(c, 303, "/login");
	}
	err = kr_session_login(session, user);
	if (!err)
		err = kr_session_set_string(session, "message", "Welcome!");
	return err ? err : go_on(c);
}

/* The message is in a new session; the old one has ended. */
static enum kr_err logout(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	enum kr_err err = kr_session_logout(session);

	if (!err)
		err = kr_session_set_string(session, "message", "Good-bye!");
	return err ? err : kr_redirect(c, 303, "/");
}

/* ---- the program ---- */

static enum kr_err map_all(struct kr_app *app)
{
	enum kr_err err = kr_map(app, KR_GET, "/", start, KR_SESSION);

	if (!err)
		err = kr_map(app, KR_GET, "/account", account, KR_SESSION);
	if (!err)
		err = kr_map(app, KR_GET, "/login", login_form, KR_SESSION);
	/* Hashing takes long on purpose: other requests must not wait. */
	if (!err)
		err = kr_map(app, KR_POST, "/login", login,
			     KR_SESSION | KR_BLOCKING);
	if (!err)
		err = kr_map(app, KR_POST, "/logout", logout, KR_SESSION);
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
		fprintf(stderr, "login: %s\n", kr_strerror(err));
	kr_app_close(&app);
	return status;
}
