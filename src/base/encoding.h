/*
 * Encodings of bytes as text: base64url (RFC 4648 section 5, unpadded) and
 * percent-encoding (RFC 3986, and + for a space as HTML forms have it).
 */
#ifndef KRI_BASE_ENCODING_H
#define KRI_BASE_ENCODING_H

#include "base/text.h"

/* Characters that `bytes` bytes take in unpadded base64url. */
#define KRI_BASE64URL_LEN(bytes) (((bytes)*4 + 2) / 3)

/* Writes KRI_BASE64URL_LEN(size) characters to `out`, and no NUL. */
void kri_base64url_encode(const unsigned char *bytes, size_t size, char *out);

/*
 * Reads exactly `size` bytes from a text of KRI_BASE64URL_LEN(size)
 * characters. KR_ERR_INPUT for another length, another alphabet, or unused
 * bits that are not zero: each value has one spelling. What stands in `bytes`
 * after an error means nothing.
 */
enum kr_err kri_base64url_decode(struct kri_text text, unsigned char *bytes,
				 size_t size) KR_MUST_CHECK;

/*
 * Decodes into `out`, which has room for text.len bytes and may be text.data
 * itself, and sets *len. Writes no NUL, and may well decode to one.
 * KR_ERR_INPUT for a % without two hex digits.
 */
enum kr_err kri_percent_decode(struct kri_text text, bool plus_is_space,
			       char *out, size_t *len) KR_MUST_CHECK;

#endif
