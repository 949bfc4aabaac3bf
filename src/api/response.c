/*
 * The response's functions of krsession.h, without those that build JSON.
 */
#include "fcgi/exchange.h"

static enum kr_err send(struct kr_context *c, int status, const char *type,
			const char *text)
{
	if (!c || !text)
		return KR_ERR_ARGUMENT;
	return kri_response_send(&c->response, status, type, kri_text_of(text));
}

enum kr_err kr_send(struct kr_context *c, int status, const char *type,
		    const void *bytes, size_t size)
{
	if (!c || !type || (!bytes && size))
		return KR_ERR_ARGUMENT;
	return kri_response_send(&c->response, status, type,
				 kri_text(bytes, size));
}

enum kr_err kr_text(struct kr_context *c, int status, const char *text)
{
	return send(c, status, KRI_TYPE_TEXT, text);
}

enum kr_err kr_html(struct kr_context *c, int status, const char *html)
{
	return send(c, status, KRI_TYPE_HTML, html);
}

enum kr_err kr_status(struct kr_context *c, int status)
{
	return send(c, status, NULL, "");
}

enum kr_err kr_redirect(struct kr_context *c, int status, const char *location)
{
	if (!c || !location ||
	    !kri_location_is_safe(c->site->origins, location))
		return KR_ERR_ARGUMENT;
	return kri_response_redirect(&c->response, status, location);
}

enum kr_err kr_header(struct kr_context *c, const char *name, const char *value)
{
	if (!c || !name || !value)
		return KR_ERR_ARGUMENT;
	return kri_response_header(&c->response, kri_text_of(name),
				   kri_text_of(value));
}

/* ---- cookies ---------------------------------------------------------- */

static enum kr_err check_cookie(const struct kr_context *c,
				const struct kri_cookie *cookie,
				const char *value)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	enum kr_err err;

	if (!kri_cookie_value_is_sound(kri_text_of(value)))
		return KR_ERR_ARGUMENT;
	if (kri_text_equal(cookie->name, c->site->cookie.name))
		return KR_ERR_RESERVED;
	err = kri_cookie_check(cookie, kri_exchange_is_secure(c), &why);
	kri_buffer_free(&why);
	return err ? KR_ERR_ARGUMENT : KR_OK;
}

static enum kr_err add_cookie(struct kr_context *c,
			      const struct kri_cookie *cookie,
			      const char *value, bool expire)
{
	bool secure = kri_exchange_is_secure(c);
	struct kri_buffer text = KRI_BUFFER_EMPTY;
	enum kr_err err = KR_ERR_MEMORY;

	if (expire)
		kri_cookie_expire(cookie, secure, &text);
	else
		kri_cookie_set(cookie, secure, kri_text_of(value), &text);
	if (!text.failed)
		err = kri_response_header(&c->response, KRI_TEXT("Set-Cookie"),
					  kri_buffer_text(&text));
	kri_buffer_free(&text);
	return err;
}

enum kr_err kr_cookie(struct kr_context *c, const char *name, const char *value,
		      int64_t max_age)
{
	struct kri_cookie cookie;
	enum kr_err err;

	if (!c || !name || !value)
		return KR_ERR_ARGUMENT;
	cookie = c->site->cookie;
	cookie.name = kri_text_of(name);
	cookie.max_age = max_age > 0 ? max_age : 0;
	err = check_cookie(c, &cookie, value);
	return err ? err : add_cookie(c, &cookie, value, max_age < 0);
}
