/*
 * Owns the logout: a page that asks, so that no link can do it, and what its
 * form does.
 */
#include "guard/audit.h"
#include "guard/guard.h"

/* Where to go after it, if somebody has said so: who has not sees that it
 * happened. */
static const char *aim_of(struct kr_context *c)
{
	const char *wanted = kr_input(c, "rd");

	return wanted && guard_aim_of(&guard_of(c)->options, wanted) == wanted
		       ? wanted
		       : NULL;
}

enum kr_err guard_logout_get(struct kr_context *c)
{
	struct guard_logout_page page = {.rd = aim_of(c)};
	struct guard_who who;
	enum kr_err err = guard_who(c, &who);

	if (err)
		return err;
	page.user = who.user;
	return guard_page_logout(c, 200, &guard_of(c)->site, &page);
}

static enum kr_err answer(struct kr_context *c)
{
	const char *aim = aim_of(c);

	if (guard_is_json(c)) {
		kr_json_string(c, "message", "Signed out");
		return kr_json_end(c, 200);
	}
	if (aim)
		return kr_redirect(c, 303, aim);
	return guard_send_to(c, 303, "/login?out=1", NULL);
}

enum kr_err guard_logout_post(struct kr_context *c)
{
	struct guard_who who;
	enum kr_err err = guard_form_who(c, &who);

	if (err)
		return err;
	if (who.user) {
		guard_audit(c, KR_LOG_INFO, "logout", who.user, "");
		err = kr_session_logout(kr_session(c));
	}
	return err ? err : answer(c);
}
