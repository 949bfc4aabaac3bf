/*
 * Owns what is common to answers: whether they are pages or JSON, where they
 * send clients, and what is said in place of the library's errors.
 */
#include "guard/guard.h"

#include <string.h>
#include <strings.h>

#include "guard/audit.h"
#include "guard/html.h"

/* ---- how it asks ------------------------------------------------------ */

static bool accepts(struct kr_context *c, const char *type)
{
	const char *accept = kr_header_in(c, "Accept");

	return accept && strcasestr(accept, type);
}

bool guard_is_page(struct kr_context *c)
{
	const char *mode = kr_header_in(c, "Sec-Fetch-Mode");

	if (mode && *mode)
		return !strcmp(mode, "navigate");
	return accepts(c, "text/html");
}

bool guard_is_json(struct kr_context *c)
{
	return accepts(c, "application/json") && !accepts(c, "text/html");
}

/* What follows "https://" or "http://" is the host that the client names as
 * ours; "null" is a page without one. */
static bool is_own_origin(struct kr_context *c, const char *origin)
{
	const char *host = kr_header_in(c, "Host");
	const char *named = strstr(origin, "://");

	return host && named && !strcasecmp(named + 3, host);
}

/*
 * Browsers say since 2023 (Safari 16.4) whether a form comes from this very
 * origin; a neighbour below the same domain is another's. Older ones name the
 * origin of whatever they send by POST.
 */
bool guard_is_own_form(struct kr_context *c)
{
	const char *site = kr_header_in(c, "Sec-Fetch-Site");
	const char *origin = kr_header_in(c, "Origin");

	if (site && *site)
		return !strcmp(site, "same-origin") || !strcmp(site, "none");
	return !origin || is_own_origin(c, origin);
}

enum kr_err guard_form_who(struct kr_context *c, struct guard_who *who)
{
	return guard_is_own_form(c) ? guard_who(c, who) : KR_ERR_CROSS_SITE;
}

const char *guard_wanted(struct kr_context *c)
{
	return guard_aim_of(&guard_of(c)->options, kr_input(c, "rd"));
}

/* ---- what it gets ----------------------------------------------------- */

/* A scheme that browsers do not know, so that they ask for no password
 * themselves (RFC 9110 section 11.6.1 wants one). */
enum kr_err guard_refuse(struct kr_context *c, const char *why)
{
	enum kr_err err = kr_json_error(c, 401, why);

	return err ? err : kr_header(c, "WWW-Authenticate", "Session");
}

enum kr_err guard_lead_on(struct kr_context *c, const char *user)
{
	if (!guard_is_json(c))
		return kr_redirect(c, 303, guard_wanted(c));
	kr_json_string(c, "user", user);
	kr_json_string(c, "rd", guard_wanted(c));
	return kr_json_end(c, 200);
}

enum kr_err guard_send_to(struct kr_context *c, int status, const char *page,
			  const char *aim)
{
	const struct guard_options *options = &guard_of(c)->options;
	struct guard_html target = {0};
	enum kr_err err = KR_ERR_MEMORY;

	guard_html_put(&target, options->url);
	guard_html_put(&target, options->path);
	guard_html_put(&target, page);
	if (aim && strcmp(aim, options->home) != 0) {
		guard_html_put(&target, "?rd=");
		guard_html_escape(&target, aim);
	}
	if (!target.failed)
		err = kr_redirect(c, status, target.data);
	guard_html_free(&target);
	return err;
}

enum kr_err guard_style(struct kr_context *c)
{
	return guard_page_style(c);
}

enum kr_err guard_icon(struct kr_context *c)
{
	return guard_page_icon(c);
}

/* ---- errors ----------------------------------------------------------- */

static const char *sentence_of(enum kr_err err, int status)
{
	switch (status) {
	case 403:
		return err == KR_ERR_SESSIONS
			       ? "You are signed in on too many devices. Sign "
				 "out on one of them first."
			       : "This came from another site, and nothing was "
				 "changed. Please start again from here.";
	case 404:
		return "The address may have a typing error.";
	case 409:
		return "Another window was faster. Please try again.";
	case 503:
		return "The service cannot remember who you are at the "
		       "moment. Please try again soon.";
	default:
		return status < 500 ? "Your browser sent something that is "
				      "not understood."
				    : "Something is broken here.";
	}
}

/* A login that was said to be one, and came to nothing. */
static bool is_login(struct kr_context *c)
{
	const char *page = strrchr(kr_request_path(c), '/');

	return page && !strcmp(page, "/login") &&
	       !strcmp(kr_request_method(c), "POST");
}

enum kr_err guard_error(struct kr_context *c, void *user, enum kr_err err,
			int status, const char *text)
{
	const struct guard *guard = user;
	const struct guard_error_page page = {.text = sentence_of(err, status)};

	(void)text;
	if (kr_route_user(c) && is_login(c) && err != KR_ERR_CROSS_SITE)
		guard_audit(c, KR_LOG_WARNING, "failure", kr_input(c, "user"),
			    err == KR_ERR_SESSIONS ? "reason=sessions"
						   : "reason=store");
	if (!guard_is_page(c) || guard_is_json(c))
		return KR_OK;
	return guard_page_error(c, status, &guard->site, &page);
}
