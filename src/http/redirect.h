/*
 * Where clients may be sent: paths of this site, and origins that the program
 * has named.
 */
#ifndef KRI_HTTP_REDIRECT_H
#define KRI_HTTP_REDIRECT_H

#include "base/text.h"

/* All zero is none. Filled at start-up, only read afterwards. */
struct kri_origins {
	char **names;
	size_t n;
};

/* Copies it. KR_ERR_ARGUMENT if it is not http:// or https:// with a host, and
 * a port if any; KR_ERR_MEMORY. */
enum kr_err kri_origins_add(struct kri_origins *origins,
			    const char *origin) KR_MUST_CHECK;
void kri_origins_free(struct kri_origins *origins);

/* Whether the location is a path of this site or a URL of one of these, which
 * may be NULL. */
bool kri_location_is_safe(const struct kri_origins *origins,
			  const char *location);

#endif
