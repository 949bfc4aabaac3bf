/*
 * What front servers ask: may this request go on, and whose is it? Nothing here
 * believes a parameter whose name begins with HTTP_, which is the client's, but
 * the cookie and how the client wants its answer.
 */
#include "guard/guard.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "guard/require.h"

/* ---- the front server's words ----------------------------------------- */

static enum guard_verdict judge(struct kr_context *c,
				const struct guard_who *who)
{
	const char *require = kr_request_param(c, "KR_REQUIRE");
	enum guard_verdict verdict = guard_judge(require, who);

	if (verdict == GUARD_UNCLEAR)
		kr_log(c, KR_LOG_ERROR,
		       "KR_REQUIRE=%s is not understood: nobody gets in",
		       require);
	return verdict;
}

/* Where the client wanted to go. A request that changes something cannot be
 * made again by going there. */
static const char *aim_of(struct kr_context *c, const char *uri)
{
	const char *method = kr_request_param(c, "KR_METHOD");

	if (!method || !*method)
		method = kr_request_method(c);
	if (*method && strcmp(method, "GET") != 0 &&
	    strcmp(method, "HEAD") != 0)
		uri = NULL;
	return guard_aim_of(&guard_of(c)->options, uri);
}

/* ---- identity --------------------------------------------------------- */

/* All of them, always: a name that is not set here could come from the client.
 * Those of an authorizer are variables' names. */
static enum kr_err identify(struct kr_context *c, const struct guard_who *who,
			    const char *const names[4])
{
	char login[24] = "";
	const char *const values[4] = {
		who->user ? who->user : "",
		who->user ? who->groups : "",
		who->user ? who->session : "",
		login,
	};
	enum kr_err err = KR_OK;

	if (who->user)
		snprintf(login, sizeof(login), "%" PRId64, who->login);
	for (size_t i = 0; i < 4 && !err; i++)
		err = kr_header(c, names[i], values[i]);
	return err;
}

static const char *const header_names[4] = {"X-Session-User",
					    "X-Session-Groups", "X-Session-Id",
					    "X-Session-Login"};
static const char *const variable_names[4] = {
	"Variable-X_SESSION_USER", "Variable-X_SESSION_GROUPS",
	"Variable-X_SESSION_ID", "Variable-X_SESSION_LOGIN"};

/* ---- the answers ------------------------------------------------------ */

static enum kr_err say_why(struct kr_context *c, const char *why)
{
	return kr_header(c, "X-Session-Why", why);
}

static enum kr_err refuse_check(struct kr_context *c,
				enum guard_verdict verdict)
{
	enum kr_err err;

	if (verdict == GUARD_NOBODY || verdict == GUARD_STALE) {
		bool stale = verdict == GUARD_STALE;

		err = guard_refuse(c, stale ? "Password wanted again"
					    : "Not signed in");
		return err ? err : say_why(c, stale ? "stale" : "nobody");
	}
	err = kr_json_error(c, 403, "Not allowed");
	if (err)
		return err;
	return say_why(c, verdict == GUARD_DENIED ? "denied" : "unclear");
}

enum kr_err guard_check(struct kr_context *c)
{
	struct guard_who who;
	enum guard_verdict verdict;
	enum kr_err err = guard_who(c, &who);

	if (err)
		return err;
	verdict = judge(c, &who);
	if (verdict != GUARD_PASS)
		return refuse_check(c, verdict);
	err = kr_status(c, 204);
	return err ? err : identify(c, &who, header_names);
}

static enum kr_err deny(struct kr_context *c, const struct guard_who *who,
			const char *uri)
{
	const struct guard_denied_page page = {.user = who->user, .uri = uri};

	if (!guard_is_page(c))
		return kr_json_error(c, 403, "Not allowed");
	return guard_page_denied(c, 403, &guard_of(c)->site, &page);
}

/* Who is not let through is told what to do. Who would be is sent to the login
 * nevertheless, which says who it is: a front server that asks for one thing in
 * its check and another here would send it round in a circle else. */
static enum kr_err challenge(struct kr_context *c, const struct guard_who *who,
			     enum guard_verdict verdict, const char *uri)
{
	if (verdict == GUARD_DENIED || verdict == GUARD_UNCLEAR)
		return deny(c, who, uri);
	if (!guard_is_page(c))
		return guard_refuse(c, verdict == GUARD_STALE
					       ? "Password wanted again"
					       : "Not signed in");
	return guard_send_to(c, 302,
			     verdict == GUARD_STALE ? "/step-up" : "/login",
			     aim_of(c, uri));
}

enum kr_err guard_challenge(struct kr_context *c)
{
	struct guard_who who;
	enum kr_err err = guard_who(c, &who);

	if (err)
		return err;
	return challenge(c, &who, judge(c, &who),
			 kr_request_param(c, "KR_URI"));
}

/* REQUEST_URI is the front server's here: the request itself is judged. */
static const char *uri_of_judged(struct kr_context *c)
{
	const char *uri = kr_request_param(c, "KR_URI");

	return uri && *uri ? uri : kr_request_param(c, "REQUEST_URI");
}

enum kr_err guard_authorize(struct kr_context *c)
{
	struct guard_who who;
	enum guard_verdict verdict;
	enum kr_err err = guard_who(c, &who);

	if (err)
		return err;
	verdict = judge(c, &who);
	if (verdict != GUARD_PASS)
		return challenge(c, &who, verdict, uri_of_judged(c));
	err = kr_status(c, 200);
	if (!err)
		err = identify(c, &who, variable_names);
	return err ? err
		   : kr_header(c, "Variable-REMOTE_USER",
			       who.user ? who.user : "");
}

enum kr_err guard_denied(struct kr_context *c)
{
	struct guard_who who;
	enum kr_err err = guard_who(c, &who);

	return err ? err : deny(c, &who, kr_request_param(c, "KR_URI"));
}
