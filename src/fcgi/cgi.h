/*
 * Plain CGI (RFC 3875): one exchange from the environment and standard
 * input to standard output, through the same stages.
 */
#ifndef KRI_FCGI_CGI_H
#define KRI_FCGI_CGI_H

#include "base/buffer.h"
#include "fcgi/exchange.h"
#include "store/store.h"

/* Whether this process was started as a CGI program. */
bool kri_cgi_is(void);

/* Serves the one request. KR_ERR_MEMORY, or KR_ERR_SYSTEM if the answer
 * could not be written; one line in `why`. */
enum kr_err kri_cgi_run(const struct kri_site *site, struct kri_store *store,
			struct kri_buffer *why) KR_MUST_CHECK;

#endif
