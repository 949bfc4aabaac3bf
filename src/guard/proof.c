/*
 * Owns the order: first whether one may try, which costs little, then the
 * password, which costs much.
 */
#include "guard/proof.h"

#include <inttypes.h>
#include <stdio.h>

#include "guard/audit.h"
#include "guard/password.h"

static void throttled(struct kr_context *c, const char *user,
		      struct guard_judged *judged)
{
	judged->status = 429;
	judged->error = "There were too many wrong passwords.";
	guard_audit(c, KR_LOG_WARNING, "throttled", user, "");
}

static void away(struct kr_context *c, const char *user,
		 struct guard_judged *judged)
{
	judged->status = 503;
	judged->error = "Passwords cannot be checked at the moment. Please "
			"try again soon.";
	guard_audit(c, KR_LOG_WARNING, "failure", user, "reason=away");
}

static enum kr_err wrong(struct kr_context *c, const char *user,
			 struct guard_judged *judged)
{
	judged->status = 401;
	judged->error = "The name or the password is wrong.";
	guard_audit(c, KR_LOG_WARNING, "failure", user, "reason=password");
	return guard_throttle_count(&judged->try);
}

enum kr_err guard_prove(struct kr_context *c, const char *user,
			struct guard_judged *judged)
{
	struct guard *guard = guard_of(c);
	const char *password = kr_input(c, "password");
	enum kr_err err;

	*judged = (struct guard_judged){0};
	err = guard_throttle_look(c, user, &judged->try, &judged->wait);
	if (err)
		return err;
	if (judged->wait) {
		throttled(c, user, judged);
		return KR_OK;
	}
	switch (guard_password_try(&guard->options, guard->directory, user,
				   password ? password : "", judged->mark)) {
	case GUARD_PROOF_RIGHT:
		judged->right = true;
		return KR_OK;
	case GUARD_PROOF_AWAY:
		away(c, user, judged);
		return KR_OK;
	default:
		return wrong(c, user, judged);
	}
}

enum kr_err guard_prove_refuse(struct kr_context *c,
			       const struct guard_judged *judged, bool *done)
{
	char seconds[24];
	enum kr_err err = KR_OK;

	snprintf(seconds, sizeof(seconds), "%" PRId64, judged->wait);
	if (judged->status == 429)
		err = kr_header(c, "Retry-After", seconds);
	if (!err && judged->status == 401)
		err = kr_header(c, "WWW-Authenticate", "Session");
	*done = guard_is_json(c);
	if (err || !*done)
		return err;
	kr_json_string(c, "error", judged->error);
	if (judged->wait)
		kr_json_int(c, "retry_after", judged->wait);
	return kr_json_end(c, judged->status);
}
