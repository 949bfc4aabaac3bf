/*
 * The cookies of a test's browser (RFC 6265 section 5): there is one site, so
 * domains do not count, and it is reached by HTTPS alone, so Secure does not.
 */
#ifndef KRI_API_TEST_JAR_H
#define KRI_API_TEST_JAR_H

#include "base/buffer.h"

struct kri_jar_cookie;

/* All zero is an empty one. */
struct kri_jar {
	struct kri_jar_cookie *first; /* those of longer paths first */
};

/* Takes what a Set-Cookie header says in the answer to a request for `path`;
 * what is no cookie is left. KR_ERR_MEMORY. */
enum kr_err kri_jar_take(struct kri_jar *jar, struct kri_text header,
			 struct kri_text path) KR_MUST_CHECK;

/* Appends the text of the Cookie header of a request for `path`, or nothing. */
void kri_jar_print(struct kri_jar *jar, struct kri_text path,
		   struct kri_buffer *out);

void kri_jar_free(struct kri_jar *jar);

#endif
