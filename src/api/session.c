/*
 * The session's functions of krsession.h: checks what a caller can get
 * wrong, then hands over.
 */
#include "session/session.h"

#include "fcgi/exchange.h"

struct kr_session *kr_session(struct kr_context *c)
{
	if (!c || !c->route || !(c->route->flags & KR_SESSION))
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

enum kr_err kr_session_set_bytes(struct kr_session *session, const char *key,
				 const void *value, size_t size)
{
	if (!session || !key || (!value && size))
		return KR_ERR_ARGUMENT;
	return kri_session_set(session, kri_text_of(key),
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
	if (!session || !key)
		return KR_ERR_ARGUMENT;
	return kri_session_remove(session, kri_text_of(key));
}

enum kr_err kr_session_clear(struct kr_session *session)
{
	if (!session)
		return KR_ERR_ARGUMENT;
	kri_session_clear(session);
	return KR_OK;
}

enum kr_err kr_session_renew(struct kr_session *session)
{
	return session ? kri_session_renew(session) : KR_ERR_ARGUMENT;
}

enum kr_err kr_session_destroy(struct kr_session *session)
{
	if (!session)
		return KR_ERR_ARGUMENT;
	kri_session_destroy(session);
	return KR_OK;
}

const char *kr_session_id(struct kr_session *session)
{
	return session ? kri_session_id(session) : NULL;
}
