/*
 * What the files of the guard share: its state, who a request's session is, and
 * what every answer of it needs.
 */
#ifndef GUARD_GUARD_H
#define GUARD_GUARD_H

#include "guard/aim.h"
#include "guard/directory.h"
#include "guard/options.h"
#include "guard/page.h"

struct guard {
	struct guard_options options;
	struct guard_site site;
	struct guard_directory *directory;
	char device_cookie[300]; /* the name of what marks a known device */
};

/* Makes the app the guard: its options, and its routes once they are known.
 * `guard` lives as long as the app, and its directory is to be closed after. */
enum kr_err guard_set_up(struct kr_app *app, struct guard *guard) KR_MUST_CHECK;

/* The guard of a request's route. */
struct guard *guard_of(struct kr_context *c);

/* ---- who it is (who.c) ------------------------------------------------ */

struct guard_who {
	const char *user; /* NULL: nobody */
	const char *groups;
	const char *session;
	int64_t login; /* seconds since the epoch */
	int64_t age;   /* seconds since the login */
	struct guard_entry entry;
};

/*
 * Who the session is of. One whose user is not in the file of passwords any
 * more, or has another password there than at the login, is ended, and
 * nobody's. KR_OK, or why it could not be ended.
 */
enum kr_err guard_who(struct kr_context *c,
		      struct guard_who *who) KR_MUST_CHECK;

/* Makes the session the user's: a new secret, the mark of its password, the
 * text by which it is listed. Another user's is ended first. */
enum kr_err guard_enter(struct kr_context *c, const char *user,
			const char *mark) KR_MUST_CHECK;

/* ---- how it wants its answer (client.c) ------------------------------- */

/* Whether a person looks at a page that is being loaded: Sec-Fetch-Mode says
 * so, or else Accept does. */
bool guard_is_page(struct kr_context *c);

/* Whether it asks for JSON in Accept, and not for HTML. */
bool guard_is_json(struct kr_context *c);

/* Whether a form was sent by a page of this site, or by no browser; else it is
 * answered 403. */
bool guard_is_own_form(struct kr_context *c);

/* As guard_who(), of who sent a form; KR_ERR_CROSS_SITE if it is not of this
 * site. */
enum kr_err guard_form_who(struct kr_context *c,
			   struct guard_who *who) KR_MUST_CHECK;

/* Where the client wanted to go, as "rd" says if that is sound. */
const char *guard_wanted(struct kr_context *c);

/* There, or that place and the user in JSON. */
enum kr_err guard_lead_on(struct kr_context *c, const char *user) KR_MUST_CHECK;

/* 401 in JSON, with what HTTP wants beside it. */
enum kr_err guard_refuse(struct kr_context *c, const char *why) KR_MUST_CHECK;

/* Sends it to one of the guard's pages, to come back to `aim`. */
enum kr_err guard_send_to(struct kr_context *c, int status, const char *page,
			  const char *aim) KR_MUST_CHECK;

/* ---- routes ----------------------------------------------------------- */

kr_handler guard_check, guard_authorize, guard_challenge;     /* check.c */
kr_handler guard_login_get, guard_login_post;                 /* login.c */
kr_handler guard_step_up_get, guard_step_up_post;             /* step_up.c */
kr_handler guard_logout_get, guard_logout_post, guard_denied; /* logout.c */
kr_handler guard_sessions_get, guard_sessions_post;           /* sessions.c */
kr_handler guard_style, guard_icon;                           /* client.c */
kr_error_handler guard_error;                                 /* client.c */

#endif
