/*
 * Owns the password's being asked again of who has signed in: a place that
 * wants a fresh proof sends it here.
 */
#include "guard/audit.h"
#include "guard/proof.h"

static enum kr_err show(struct kr_context *c, int status,
			const struct guard_who *who,
			const struct guard_judged *judged)
{
	const struct guard_step_up_page page = {
		.rd = guard_wanted(c),
		.user = who->user,
		.error = judged ? judged->error : NULL,
		.wait = judged ? judged->wait : 0,
	};

	return guard_page_step_up(c, status, &guard_of(c)->site, &page);
}

enum kr_err guard_step_up_get(struct kr_context *c)
{
	struct guard_who who;
	enum kr_err err = guard_who(c, &who);

	if (err)
		return err;
	if (!who.user)
		return guard_send_to(c, 303, "/login", guard_wanted(c));
	return show(c, 200, &who, NULL);
}

static enum kr_err refuse(struct kr_context *c, const struct guard_who *who,
			  const struct guard_judged *judged)
{
	bool done = false;
	enum kr_err err = guard_prove_refuse(c, judged, &done);

	if (err || done)
		return err;
	return show(c, judged->status, who, judged);
}

static enum kr_err renew(struct kr_context *c, const struct guard_who *who,
			 const struct guard_judged *judged)
{
	enum kr_err err = guard_enter(c, who->user, judged->mark);

	if (!err)
		err = guard_throttle_know(c, who->user, &judged->try);
	if (err)
		return err;
	guard_audit(c, KR_LOG_INFO, "step-up", who->user, "");
	return guard_lead_on(c, who->user);
}

enum kr_err guard_step_up_post(struct kr_context *c)
{
	struct guard_who who;
	struct guard_judged judged;
	enum kr_err err = guard_form_who(c, &who);

	if (err)
		return err;
	if (!who.user && guard_is_json(c))
		return guard_refuse(c, "Not signed in");
	if (!who.user)
		return guard_send_to(c, 303, "/login", guard_wanted(c));
	err = guard_prove(c, who.user, &judged);
	if (err)
		return err;
	return judged.right ? renew(c, &who, &judged)
			    : refuse(c, &who, &judged);
}
