/*
 * Who has logged in, when, and what the session is called beside the user's
 * others: values of ours in the session.
 */
#include "session/session.h"

#include "base/clock.h"

/* Others may read them in a log or a list. */
static bool is_line(struct kri_text text, size_t most)
{
	return text.len <= most && kri_text_is_utf8(text) &&
	       !kri_text_has_control(text);
}

bool kri_session_is_name(struct kri_text user)
{
	return user.len && is_line(user, KRI_USER_MAX);
}

enum kr_err kri_session_login(struct kr_session *session, struct kri_text user)
{
	char room[KRI_INT_SIZE];
	struct kri_text now = kri_text_of_int(kri_clock_epoch(), room);
	enum kr_err err = kri_session_is_name(user) ? KR_OK : KR_ERR_INPUT;

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

	if (kri_session_get_own(session, KRI_KEY_USER, &user) ||
	    !kri_session_is_name(user))
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

enum kr_err kri_session_set_label(struct kr_session *session,
				  struct kri_text label)
{
	return is_line(label, KRI_LABEL_MAX)
		       ? kri_session_set_own(session, KRI_KEY_LABEL, label)
		       : KR_ERR_INPUT;
}

/* ---- of a record ------------------------------------------------------ */

static struct kri_text line_of(const struct kri_record *record,
			       struct kri_text key, size_t most)
{
	const struct kri_value *value = kri_record_find(record, key);

	return value && is_line(value->data, most) ? value->data : KRI_TEXT("");
}

struct kri_text kri_session_user_of(const struct kri_record *record)
{
	return line_of(record, KRI_KEY_USER, KRI_USER_MAX);
}

struct kri_text kri_session_label_of(const struct kri_record *record)
{
	return line_of(record, KRI_KEY_LABEL, KRI_LABEL_MAX);
}

int64_t kri_session_login_of(const struct kri_record *record)
{
	const struct kri_value *value = kri_record_find(record, KRI_KEY_LOGIN);
	int64_t at = 0;

	if (!value || kri_text_to_int(value->data, 0, INT64_MAX, &at))
		return 0;
	return at;
}
