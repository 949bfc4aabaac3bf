/*
 * Cookies: reads the Cookie header as RFC 6265bis section 5.7.3 has clients
 * write it, and writes Set-Cookie as section 4.1 has servers write it. Pure
 * text; whether a value opens a session is not known here.
 */
#include "http/cookie.h"

static struct kri_text unquote(struct kri_text value)
{
	if (value.len < 2 || value.data[0] != '"' ||
	    value.data[value.len - 1] != '"')
		return value;
	return kri_text(value.data + 1, value.len - 2);
}

size_t kri_cookie_find(struct kri_text header, struct kri_text name,
		       struct kri_text *values, size_t n, size_t most)
{
	while (header.data && n < most) {
		struct kri_text value =
			kri_text_trim(kri_text_cut(&header, ';'));
		struct kri_text its_name = kri_text_cut(&value, '=');

		/* Without a '=' it is a cookie that has no name. */
		if (value.data && kri_text_equal(its_name, name))
			values[n++] = unquote(value);
	}
	return n;
}

bool kri_cookie_value_is_sound(struct kri_text value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];

		if (c <= ' ' || c > '~' || strchr("\",;\\", c))
			return false;
	}
	return true;
}

static void append_attribute(struct kri_buffer *out, const char *label,
			     struct kri_text value)
{
	if (!value.len)
		return;
	kri_buffer_string(out, label);
	kri_buffer_append(out, value);
}

static void append_start(const struct kri_cookie *cookie, struct kri_text value,
			 struct kri_buffer *out)
{
	kri_buffer_append(out, cookie->name);
	kri_buffer_byte(out, '=');
	kri_buffer_append(out, value);
	append_attribute(out, "; Path=", cookie->path);
	append_attribute(out, "; Domain=", cookie->domain);
}

static void append_end(const struct kri_cookie *cookie, bool secure,
		       struct kri_buffer *out)
{
	if (secure)
		kri_buffer_string(out, "; Secure");
	if (cookie->http_only)
		kri_buffer_string(out, "; HttpOnly");
	append_attribute(out, "; SameSite=", cookie->same_site);
}

void kri_cookie_set(const struct kri_cookie *cookie, bool secure,
		    struct kri_text value, struct kri_buffer *out)
{
	append_start(cookie, value, out);
	if (cookie->max_age > 0) {
		kri_buffer_string(out, "; Max-Age=");
		kri_buffer_int(out, cookie->max_age);
	}
	append_end(cookie, secure, out);
}

void kri_cookie_expire(const struct kri_cookie *cookie, bool secure,
		       struct kri_buffer *out)
{
	append_start(cookie, KRI_TEXT(""), out);
	kri_buffer_string(out, "; Max-Age=0"
			       "; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
	append_end(cookie, secure, out);
}

static bool can_be_attribute(struct kri_text value)
{
	return !kri_text_has_control(value) &&
	       !(value.len && memchr(value.data, ';', value.len));
}

static bool same_site_is(const struct kri_cookie *cookie, const char *value)
{
	return kri_text_equal_nocase(cookie->same_site, kri_text_of(value));
}

/* The rule that one attribute by itself breaks, or NULL. */
static const char *broken_attribute(const struct kri_cookie *cookie)
{
	if (!kri_text_is_token(cookie->name))
		return "the name is empty or has a character that a cookie's "
		       "name must not have";
	if (!can_be_attribute(cookie->domain))
		return "the domain has a control character or ';'";
	if (!can_be_attribute(cookie->path))
		return "the path has a control character or ';'";
	if (!kri_text_starts(cookie->path, KRI_TEXT("/")))
		return "the path does not begin with '/'";
	if (cookie->max_age < 0)
		return "the maximum age is negative";
	if (cookie->same_site.len && !same_site_is(cookie, "Strict") &&
	    !same_site_is(cookie, "Lax") && !same_site_is(cookie, "None"))
		return "SameSite is none of Strict, Lax and None";
	return NULL;
}

/* Clients compare prefixes without regard to case (RFC 6265bis section 5.7),
 * so we must too. */
static bool has_prefix(struct kri_text name, struct kri_text prefix)
{
	return name.len >= prefix.len &&
	       kri_text_equal_nocase(kri_text(name.data, prefix.len), prefix);
}

/* The rule that attributes break together, or NULL. */
static const char *broken_combination(const struct kri_cookie *cookie,
				      bool secure)
{
	bool host = has_prefix(cookie->name, KRI_TEXT("__Host-"));
	bool secured = has_prefix(cookie->name, KRI_TEXT("__Secure-"));

	if (host && !secure)
		return "a __Host- name needs Secure on every answer";
	if (host && !kri_text_equal(cookie->path, KRI_TEXT("/")))
		return "a __Host- name needs the path '/'";
	if (host && cookie->domain.len)
		return "a __Host- name must have no domain";
	if (secured && !secure)
		return "a __Secure- name needs Secure on every answer";
	if (same_site_is(cookie, "None") && !secure)
		return "SameSite=None needs Secure on every answer";
	return NULL;
}

enum kr_err kri_cookie_check(const struct kri_cookie *cookie, bool secure,
			     struct kri_buffer *why)
{
	const char *rule = broken_attribute(cookie);

	if (!rule)
		rule = broken_combination(cookie, secure);
	if (!rule)
		return KR_OK;
	kri_buffer_string(why, rule);
	return KR_ERR_CONFIG;
}
