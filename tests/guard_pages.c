/*
 * Shows each page of the guard in the states that are hard to bring about, with
 * texts as nobody should send them: what guard_browser.bats looks at. /PAGE is
 * a page at its simplest, /PAGE?hostile=1 one with all that a page can say.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "guard/page.h"
#include "krsession.h"

#define EVIL                                                                   \
	"\"><script>document.title='taken over'</script>"                      \
	"<img src=x onerror=alert(1)>'&amp;&lt;\xE2\x80\xAEtxt.exe"
#define LONG                                                                   \
	"aVeryLongNameWithoutASpaceThatDoesNotFitIntoAnyPhone"                 \
	"AndGoesOnAndOnAndOnUntilItHasToBeBrokenSomewhere"

static const struct guard_site site = {
	.path = "/auth",
	.title = "Example & Sons",
	.home = "/",
};

static const struct guard_site hostile_site = {
	.path = "/auth",
	.title = LONG EVIL,
	.home = "/" EVIL,
};

static bool hostile(struct kr_context *c)
{
	return kr_input(c, "hostile");
}

static const struct guard_site *site_of(struct kr_context *c)
{
	return hostile(c) ? &hostile_site : &site;
}

static const char *user_of(struct kr_context *c)
{
	return hostile(c) ? LONG EVIL : "max";
}

static enum kr_err login(struct kr_context *c)
{
	const struct guard_login_page plain = {.rd = "/"};
	const struct guard_login_page full = {
		.rd = "https://other.example:8443/" EVIL,
		.user = LONG EVIL,
		.error = "Too many tries." EVIL,
		.wait = 61,
		.remember = 30,
		.notice = "You have signed out." EVIL,
	};

	return guard_page_login(c, hostile(c) ? 429 : 200, site_of(c),
				hostile(c) ? &full : &plain);
}

static enum kr_err welcome(struct kr_context *c)
{
	const struct guard_welcome_page page = {
		.user = user_of(c),
		.rd = hostile(c) ? "/" EVIL : "/",
	};

	return guard_page_welcome(c, 200, site_of(c), &page);
}

static enum kr_err step_up(struct kr_context *c)
{
	const struct guard_step_up_page page = {
		.rd = hostile(c) ? "/" EVIL : "/",
		.user = user_of(c),
		.error = hostile(c) ? "That password is wrong." EVIL : NULL,
		.wait = hostile(c) ? 7200 : 0,
	};

	return guard_page_step_up(c, 200, site_of(c), &page);
}

static enum kr_err logout(struct kr_context *c)
{
	const struct guard_logout_page page = {
		.user = kr_input(c, "nobody") ? NULL : user_of(c),
		.rd = hostile(c) ? "/" EVIL : "/",
	};

	return guard_page_logout(c, 200, site_of(c), &page);
}

static enum kr_err sessions(struct kr_context *c)
{
	enum { most = 40 };
	struct guard_session_row rows[most];
	int64_t now = time(NULL);
	struct guard_sessions_page page = {
		.user = user_of(c),
		.rows = rows,
		.n = hostile(c) ? most : 3,
		.more = hostile(c) ? 1000 : 0,
		.now = now,
		.fresh = !kr_input(c, "stale"),
		.error = hostile(c) ? "That did not work." EVIL : NULL,
		.notice = hostile(c) ? "One session was ended." EVIL : NULL,
	};
	static const char *const labels[] = {"Firefox on Linux",
					     "Safari on iPhone",
					     "Chrome on Windows"};

	for (int i = 0; i < most; i++)
		rows[i] = (struct guard_session_row){
			.id = "BBBBBBBBBBBBBBBBBBBBBA",
			.label = !hostile(c) ? labels[i % 3]
				 : i % 3     ? LONG EVIL
					     : "",
			.created = now - i * i * 40000 - 5,
			.login = now - i * i * 39000 - 5,
			.seen = now - i * 700,
			.ends = now + 1200 + i * 90000,
			.current = i == 0,
		};
	return guard_page_sessions(c, 200, site_of(c), &page);
}

static enum kr_err denied(struct kr_context *c)
{
	const struct guard_denied_page page = {
		.user = user_of(c),
		.uri = hostile(c) ? "/" LONG LONG LONG LONG EVIL
				  : "/reports/2026?view=all",
	};

	return guard_page_denied(c, 403, site_of(c), &page);
}

static enum kr_err error(struct kr_context *c)
{
	const struct guard_error_page page = {
		.text = hostile(c) ? LONG LONG EVIL
				   : "Session store unavailable",
	};
	const char *status = kr_input(c, "status");

	return guard_page_error(c, status ? 500 + status[0] - '0' : 503,
				site_of(c), &page);
}

static enum kr_err style(struct kr_context *c)
{
	return guard_page_style(c);
}

static enum kr_err icon(struct kr_context *c)
{
	return guard_page_icon(c);
}

static const struct {
	const char *path;
	kr_handler *handler;
} routes[] = {
	{"/auth/login", login},	      {"/auth/welcome", welcome},
	{"/auth/step-up", step_up},   {"/auth/logout", logout},
	{"/auth/sessions", sessions}, {"/auth/denied", denied},
	{"/auth/error", error},	      {"/auth/style.css", style},
	{"/auth/icon.svg", icon},
};

static enum kr_err map_all(struct kr_app *app)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes) && !err; i++)
		err = kr_map(app, KR_GET, routes[i].path, routes[i].handler, 0);
	return err;
}

int main(int argc, char **argv)
{
	struct kr_app *app = NULL;
	int status = 1;

	if (!kr_app_open(&app) && !map_all(app))
		status = kr_app_main(app, argc, argv);
	kr_app_close(&app);
	return status;
}
