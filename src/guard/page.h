/*
 * The pages of the guard: each function fills the answer of a request with
 * HTML made of what its struct says. They know neither sessions nor passwords,
 * and decide nothing.
 *
 * Texts are borrowed, UTF-8, and come as they are: the pages escape them. NULL
 * and "" are the same, no text. Addresses are below `path`: a form of a page is
 * sent to the address that the page itself has.
 */
#ifndef GUARD_PAGE_H
#define GUARD_PAGE_H

#include "krsession.h"

/* What all pages have. */
struct guard_site {
	const char *path;  /* guard.path, such as "/auth", without "/" behind */
	const char *title; /* guard.title: what one signs in to */
	const char *home;  /* guard.home: where to go without another aim */
};

/* GET and POST <path>/login. Fields: user, password, rd (hidden), and
 * remember ("1") if that is offered. */
struct guard_login_page {
	const char *rd;    /* where to go then: safe to be a link */
	const char *user;  /* what had been typed in */
	const char *error; /* a sentence, such as "Wrong name or password." */
	int64_t wait;      /* seconds until one may try again; 0: now */
	int64_t remember;  /* days that "remember me" lasts; 0: not offered */
	const char *notice; /* a sentence that is good news, or none */
};
enum kr_err guard_page_login(struct kr_context *c, int status,
			     const struct guard_site *site,
			     const struct guard_login_page *page) KR_MUST_CHECK;

/* GET <path>/login of who is signed in already: says who it is and offers to
 * go on to rd, the list of sessions and to sign out. */
struct guard_welcome_page {
	const char *user;
	const char *rd;
};
enum kr_err
guard_page_welcome(struct kr_context *c, int status,
		   const struct guard_site *site,
		   const struct guard_welcome_page *page) KR_MUST_CHECK;

/* GET and POST <path>/step-up: the password once more. Fields: password, rd. */
struct guard_step_up_page {
	const char *rd;
	const char *user;
	const char *error;
	int64_t wait;
};
enum kr_err
guard_page_step_up(struct kr_context *c, int status,
		   const struct guard_site *site,
		   const struct guard_step_up_page *page) KR_MUST_CHECK;

/* GET and POST <path>/logout: asks; its form has no fields but rd. */
struct guard_logout_page {
	const char *user; /* "": nobody is signed in, nothing to ask */
	const char *rd;
};
enum kr_err
guard_page_logout(struct kr_context *c, int status,
		  const struct guard_site *site,
		  const struct guard_logout_page *page) KR_MUST_CHECK;

/*
 * GET and POST <path>/sessions. A form for each session but the current one,
 * with action ("end") and id, and one with action ("others"), if `fresh`; else
 * the form of <path>/step-up in their place, with the way back to here as rd.
 */
struct guard_session_row {
	const char *id;
	const char *label;      /* "Firefox on Linux" */
	int64_t created, login; /* seconds since the epoch */
	int64_t seen, ends;
	bool current;
};
struct guard_sessions_page {
	const char *user;
	const struct guard_session_row *rows; /* the current one first */
	size_t n;
	size_t more;  /* further ones that are not shown */
	int64_t now;  /* seconds since the epoch */
	bool fresh;   /* the password need not be typed in again */
	const char *error;
	int64_t wait; /* seconds until a password may be tried again */
	const char *notice; /* "Two sessions were ended." */
};
enum kr_err
guard_page_sessions(struct kr_context *c, int status,
		    const struct guard_site *site,
		    const struct guard_sessions_page *page) KR_MUST_CHECK;

/* Answered 403: who is signed in may not go there. */
struct guard_denied_page {
	const char *user;
	const char *uri; /* where that was, or none */
};
enum kr_err
guard_page_denied(struct kr_context *c, int status,
		  const struct guard_site *site,
		  const struct guard_denied_page *page) KR_MUST_CHECK;

/* In place of an error's JSON, for people; the store may be away. */
struct guard_error_page {
	const char *text; /* a sentence */
};
enum kr_err guard_page_error(struct kr_context *c, int status,
			     const struct guard_site *site,
			     const struct guard_error_page *page) KR_MUST_CHECK;

/* GET <path>/style.css and <path>/icon.svg, which every page asks for. */
enum kr_err guard_page_style(struct kr_context *c) KR_MUST_CHECK;
enum kr_err guard_page_icon(struct kr_context *c) KR_MUST_CHECK;

#endif
