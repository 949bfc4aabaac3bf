/*
 * Owns the login: its page, and what becomes of a name and a password.
 */
#include <string.h>

#include "guard/audit.h"
#include "guard/proof.h"

static int64_t remember_days(const struct guard_options *options)
{
	return (options->remember + 86399) / 86400;
}

enum kr_err guard_login_get(struct kr_context *c)
{
	const struct guard *guard = guard_of(c);
	struct guard_login_page page = {
		.rd = guard_wanted(c),
		.remember = remember_days(&guard->options),
	};
	struct guard_welcome_page welcome = {.rd = page.rd};
	struct guard_who who;
	enum kr_err err = guard_who(c, &who);

	if (err)
		return err;
	welcome.user = who.user;
	if (who.user)
		return guard_page_welcome(c, 200, &guard->site, &welcome);
	if (kr_input(c, "out"))
		page.notice = "You have signed out.";
	return guard_page_login(c, 200, &guard->site, &page);
}

static enum kr_err refuse(struct kr_context *c, const char *user,
			  const struct guard_judged *judged)
{
	const struct guard *guard = guard_of(c);
	const struct guard_login_page page = {
		.rd = guard_wanted(c),
		.user = user,
		.error = judged->error,
		.wait = judged->wait,
		.remember = remember_days(&guard->options),
	};
	bool done = false;
	enum kr_err err = guard_prove_refuse(c, judged, &done);

	if (err || done)
		return err;
	return guard_page_login(c, judged->status, &guard->site, &page);
}

static enum kr_err set_remember(struct kr_context *c)
{
	int64_t remember = guard_of(c)->options.remember;
	const char *wanted = kr_input(c, "remember");

	if (!remember || !wanted || strcmp(wanted, "1") != 0)
		remember = 0;
	return kr_session_set_idle_timeout(kr_session(c), remember);
}

static enum kr_err admit(struct kr_context *c, const char *user,
			 const struct guard_judged *judged)
{
	enum kr_err err = guard_enter(c, user, judged->mark);

	if (!err)
		err = set_remember(c);
	if (!err)
		err = guard_lead_on(c, user);
	if (!err)
		err = guard_throttle_know(c, user, &judged->try);
	if (!err)
		guard_audit(c, KR_LOG_INFO, "login", user, "");
	return err;
}

enum kr_err guard_login_post(struct kr_context *c)
{
	const char *user = kr_input(c, "user");
	struct guard_judged judged;
	enum kr_err err;

	if (!guard_is_own_form(c))
		return KR_ERR_CROSS_SITE;
	if (!user)
		user = "";
	err = guard_prove(c, user, &judged);
	if (err)
		return err;
	return judged.right ? admit(c, user, &judged)
			    : refuse(c, user, &judged);
}
