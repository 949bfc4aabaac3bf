/*
 * JSON that came from outside (RFC 8259), as a tree in an arena. json-c takes
 * names twice and has no bound for what a text makes it allocate; so what is
 * read is read here.
 */
#ifndef KRI_HTTP_JSON_H
#define KRI_HTTP_JSON_H

#include "base/arena.h"

#define KRI_JSON_DEPTH 32     /* levels of objects and arrays */
#define KRI_JSON_VALUES 65536 /* of a text, inner ones too */

struct kr_json {
	const char *name; /* of a member of an object, else NULL */
	union {
		bool truth;
		int64_t number;
		double real;      /* not finite: no double holds it */
		const char *text; /* n bytes and a NUL */
		const struct kr_json *items; /* n; members by name */
	};
	uint32_t n;
	enum kr_json_kind kind;
};

/* Bytes of arena that a text of `len` bytes takes at most. */
static inline size_t kri_json_room(size_t len)
{
	size_t most = len / 2 + 1; /* values: a byte each, one between */

	if (most > KRI_JSON_VALUES)
		most = KRI_JSON_VALUES;
	return len + most * (sizeof(struct kr_json) + 16) + 64;
}

/*
 * Reads the text, behind which a NUL must stand. KR_ERR_INPUT for what is no
 * JSON, not UTF-8, past the limits above, has a name twice in one object or NUL
 * in one; KR_ERR_MEMORY past the arena's cap.
 */
enum kr_err kri_json_read(struct kri_text text, struct kri_arena *arena,
			  const struct kr_json **json) KR_MUST_CHECK;

#endif
