/*
 * Cookies (RFC 6265bis): finds ours among the client's, and writes the one
 * we send. Knows nothing of what a value means.
 */
#ifndef KRI_HTTP_COOKIE_H
#define KRI_HTTP_COOKIE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/text.h"

/* How the cookie is to be set; texts are borrowed. */
struct kri_cookie {
	struct kri_text name;
	struct kri_text domain; /* empty: not sent */
	struct kri_text path;
	struct kri_text same_site; /* Strict, Lax, None; empty: not sent */
	int64_t max_age;           /* seconds; 0: not sent */
	bool http_only;
};

struct kri_config;

/* As section [cookie] says; its texts are borrowed. (http/cookie_options.c) */
struct kri_cookie kri_cookie_of(const struct kri_config *config);

/* Whether cookies are sent with Secure to a client that came so. */
bool kri_cookie_is_secure(const struct kri_config *config, bool https);

/*
 * Collects the values of cookies called `name` from one Cookie header into
 * `values`, of which `n` are filled and `most` are allowed. Returns the new
 * n. Quotes around a value are dropped. Names compare byte for byte.
 */
size_t kri_cookie_find(struct kri_text header, struct kri_text name,
		       struct kri_text *values, size_t n, size_t most);

/* Whether all of it are characters that a value may have (RFC 6265 section
 * 4.1.1, cookie-octet). */
bool kri_cookie_value_is_sound(struct kri_text value);

/* Appends the text of a Set-Cookie header that sets `value`. */
void kri_cookie_set(const struct kri_cookie *cookie, bool secure,
		    struct kri_text value, struct kri_buffer *out);

/* Appends one that makes the client forget it: Max-Age=0 and an old date. */
void kri_cookie_expire(const struct kri_cookie *cookie, bool secure,
		       struct kri_buffer *out);

/*
 * Whether name, attributes and prefix rules fit together: the name is a
 * token (RFC 9110), __Host- needs Secure, path / and no domain, __Secure-
 * needs Secure, SameSite=None needs Secure, the path begins with '/', domain
 * and path hold no control character or ';', max_age is not negative.
 * `secure` tells whether it is always sent with Secure. KR_ERR_CONFIG, with
 * one line in `why` that says which rule.
 */
enum kr_err kri_cookie_check(const struct kri_cookie *cookie, bool secure,
			     struct kri_buffer *why) KR_MUST_CHECK;

#endif
