/*
 * Who has logged in, and when: values of ours in the session.
 */
#include "session/session.h"

#include "base/clock.h"

/* Others may read it in a log or a list. */
static bool is_name(struct kri_text user)
{
	return user.len && user.len <= KRI_USER_MAX && kri_text_is_utf8(user) &&
	       !kri_text_has_control(user);
}

enum kr_err kri_session_login(struct kr_session *session, struct kri_text user)
{
	char room[KRI_INT_SIZE];
	struct kri_text now = kri_text_of_int(kri_clock_epoch(), room);
	enum kr_err err = is_name(user) ? KR_OK : KR_ERR_INPUT;

	if (!err)
		err = kri_session_renew(session);
	if (!err)
		err = kri_session_set_own(session, KRI_KEY_USER, user);
	return err ? err : kri_session_set_own(session, KRI_KEY_LOGIN, now);
}

/* Another may have put anything there. */
const char *kri_session_user(const struct kr_session *session)
{
	struct kri_text user;

	if (kri_session_get_own(session, KRI_KEY_USER, &user) || !is_name(user))
		return NULL;
	return user.data;
}

int64_t kri_session_login_at(const struct kr_session *session)
{
	struct kri_text text;
	int64_t at;

	if (!kri_session_user(session) ||
	    kri_session_get_own(session, KRI_KEY_LOGIN, &text) ||
	    kri_text_to_int(text, 0, INT64_MAX, &at))
		return -1;
	return at;
}
