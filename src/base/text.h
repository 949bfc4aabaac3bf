/*
 * Text: a borrowed run of bytes, and what can be asked of it. Knows nothing
 * of where the bytes come from or who owns them.
 */
#ifndef KRI_BASE_TEXT_H
#define KRI_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "krsession.h"

struct kri_text {
	const char *data; /* not necessarily NUL-terminated */
	size_t len;
};

/* A text over a string literal. */
#define KRI_TEXT(literal) ((struct kri_text){"" literal, sizeof(literal) - 1})

static inline struct kri_text kri_text(const char *data, size_t len)
{
	return (struct kri_text){data, len};
}

/* A text over a NUL-terminated string; NULL gives the empty text. */
static inline struct kri_text kri_text_of(const char *string)
{
	return kri_text(string, string ? strlen(string) : 0);
}

static inline bool kri_text_equal(struct kri_text a, struct kri_text b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.data, b.data, a.len));
}

bool kri_text_starts(struct kri_text text, struct kri_text prefix);

/* ASCII case only, as HTTP wants it. */
bool kri_text_equal_nocase(struct kri_text a, struct kri_text b);

/* Without the white space (space, \t, \r, \n, \v, \f) at both ends. */
struct kri_text kri_text_trim(struct kri_text text);

/* A token of RFC 9110 section 5.6.2: header and cookie names are. */
bool kri_text_is_token(struct kri_text text);

/* Holds a byte below 0x20, or DEL. */
bool kri_text_has_control(struct kri_text text);

/* Well-formed UTF-8 by RFC 3629: no surrogates, no overlong forms. */
bool kri_text_is_utf8(struct kri_text text);

/*
 * Cuts `text` at the first `mark`: returns what stands before it and leaves
 * in *text what stands after. Without a mark, returns all and leaves *text
 * with data NULL.
 */
struct kri_text kri_text_cut(struct kri_text *text, char mark);

/*
 * A decimal number, with an optional minus and nothing else around it:
 * "007", "-0", "+1" and " 1" are no numbers. KR_ERR_TYPE if it is none or
 * outside min..max.
 */
enum kr_err kri_text_to_int(struct kri_text text, int64_t min, int64_t max,
			    int64_t *out) KR_MUST_CHECK;

#define KRI_INT_SIZE 20 /* characters of INT64_MIN */

/* The same the other way: the text lies in `room`. */
struct kri_text kri_text_of_int(int64_t number, char room[KRI_INT_SIZE]);

#endif
