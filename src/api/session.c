/*
 * The session's functions of krsession.h: checks what a caller can get
 * wrong, then hands over.
 */
#include "session/session.h"

#include "base/clock.h"
#include "fcgi/exchange.h"

struct kr_session *kr_session(struct kr_context *c)
{
	if (!c || !c->route || !(c->route->flags & KR_SESSION) || c->failing)
		return NULL;
	return &c->visit.session;
}

static enum kr_err get(const struct kr_session *session, const char *key,
		       struct kri_text *value)
{
	if (!session || !key)
		return KR_ERR_ARGUMENT;
	return kri_session_get(session, kri_text_of(key), value);
}

enum kr_err kr_session_get_int32(struct kr_session *session, const char *key,
				 int32_t *value)
{
	struct kri_text text;
	int64_t number;
	enum kr_err err = value ? get(session, key, &text) : KR_ERR_ARGUMENT;

	if (!err)
		err = kri_text_to_int(text, INT32_MIN, INT32_MAX, &number);
	if (!err)
		*value = (int32_t)number;
	return err;
}

enum kr_err kr_session_get_string(struct kr_session *session, const char *key,
				  const char **value)
{
	struct kri_text text;
	enum kr_err err = value ? get(session, key, &text) : KR_ERR_ARGUMENT;

	if (err)
		return err;
	if (memchr(text.data, '\0', text.len) || !kri_text_is_utf8(text))
		return KR_ERR_TYPE;
	*value = text.data;
	return KR_OK;
}

enum kr_err kr_session_get_bytes(struct kr_session *session, const char *key,
				 const void **value, size_t *size)
{
	struct kri_text text;
	enum kr_err err =
		value && size ? get(session, key, &text) : KR_ERR_ARGUMENT;

	if (err)
		return err;
	*value = text.data;
	*size = text.len;
	return KR_OK;
}

/* ---- changing --------------------------------------------------------- */

/* Why no change is made. */
static enum kr_err refusal(const struct kr_session *session)
{
	return session ? session->refusal : KR_ERR_ARGUMENT;
}

enum kr_err kr_session_set_bytes(struct kr_session *session, const char *key,
				 const void *value, size_t size)
{
	enum kr_err err = refusal(session);

	if (!key || (!value && size))
		return KR_ERR_ARGUMENT;
	return err ? err
		   : kri_session_set(session, kri_text_of(key),
				     kri_text(value, size));
}

enum kr_err kr_session_set_int32(struct kr_session *session, const char *key,
				 int32_t value)
{
	char room[KRI_INT_SIZE];
	struct kri_text digits = kri_text_of_int(value, room);

	return kr_session_set_bytes(session, key, digits.data, digits.len);
}

enum kr_err kr_session_set_string(struct kr_session *session, const char *key,
				  const char *value)
{
	if (!value)
		return KR_ERR_ARGUMENT;
	return kr_session_set_bytes(session, key, value, strlen(value));
}

enum kr_err kr_session_remove(struct kr_session *session, const char *key)
{
	enum kr_err err = key ? refusal(session) : KR_ERR_ARGUMENT;

	return err ? err : kri_session_remove(session, kri_text_of(key));
}

enum kr_err kr_session_take(struct kr_session *session, const char *key,
			    const char **value)
{
	const char *found = NULL;
	enum kr_err err = refusal(session);

	if (!err)
		err = value ? kr_session_get_string(session, key, &found)
			    : KR_ERR_ARGUMENT;
	if (!err)
		err = kr_session_remove(session, key);
	if (!err)
		*value = found;
	return err;
}

enum kr_err kr_session_clear(struct kr_session *session)
{
	enum kr_err err = refusal(session);

	if (!err)
		kri_session_clear(session);
	return err;
}

enum kr_err kr_session_renew(struct kr_session *session)
{
	enum kr_err err = refusal(session);

	return err ? err : kri_session_renew(session);
}

enum kr_err kr_session_destroy(struct kr_session *session)
{
	enum kr_err err = refusal(session);

	if (!err)
		kri_session_destroy(session);
	return err;
}

enum kr_err kr_session_set_idle_timeout(struct kr_session *session,
					int64_t seconds)
{
	enum kr_err err = refusal(session);

	if (seconds < 0 || seconds > KRI_IDLE_MAX)
		return KR_ERR_ARGUMENT;
	return err ? err : kri_session_set_idle(session, seconds);
}

/* ---- each ------------------------------------------------------------- */

struct walk {
	kr_session_each_fn *each;
	void *arg;
};

/* No function of ours takes a key that has a NUL, so none gives one. */
static enum kr_err show(void *arg, const struct kri_value *value)
{
	struct walk *walk = arg;

	if (memchr(value->key.data, '\0', value->key.len))
		return KR_OK;
	return walk->each(walk->arg, value->key.data, value->data.data,
			  value->data.len);
}

enum kr_err kr_session_each(struct kr_session *session,
			    kr_session_each_fn *each, void *arg)
{
	struct walk walk = {.each = each, .arg = arg};
	enum kr_err kept, err;

	if (!session || !each)
		return KR_ERR_ARGUMENT;
	kept = session->refusal;
	session->refusal = KR_ERR_ARGUMENT;
	err = kri_session_each(session, show, &walk);
	session->refusal = kept;
	return err;
}

/* ---- about it --------------------------------------------------------- */

const char *kr_session_id(struct kr_session *session)
{
	return session ? kri_session_id(session) : NULL;
}

bool kr_session_is_new(struct kr_session *session)
{
	return session && !session->record;
}

/* Clocks that disagree do not make it younger than new. */
int64_t kr_session_age(struct kr_session *session)
{
	int64_t ms = session && session->record
			     ? kri_session_age(session->record)
			     : 0;

	return ms > 0 ? ms / 1000 : 0;
}

/* ---- the login -------------------------------------------------------- */

enum kr_err kr_session_login(struct kr_session *session, const char *user)
{
	enum kr_err err = user ? refusal(session) : KR_ERR_ARGUMENT;

	return err ? err : kri_session_login(session, kri_text_of(user));
}

enum kr_err kr_session_logout(struct kr_session *session)
{
	return kr_session_destroy(session);
}

enum kr_err kr_session_set_label(struct kr_session *session, const char *label)
{
	enum kr_err err = label ? refusal(session) : KR_ERR_ARGUMENT;

	return err ? err : kri_session_set_label(session, kri_text_of(label));
}

const char *kr_session_user(struct kr_session *session)
{
	return session ? kri_session_user(session) : NULL;
}

int64_t kr_session_login_age(struct kr_session *session)
{
	int64_t at = session ? kri_session_login_at(session) : -1;
	int64_t age = kri_clock_epoch() - at;

	if (at < 0)
		return -1;
	return age > 0 ? age : 0;
}

bool kr_session_is_authenticated(struct kr_session *session, int64_t within)
{
	int64_t age = kr_session_login_age(session);

	return age >= 0 && within >= 0 && (!within || age <= within);
}
