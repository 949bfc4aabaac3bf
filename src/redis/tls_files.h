/*
 * What TLS reads at the start: the authorities that we trust, and our own
 * certificate with its key.
 */
#ifndef KRI_REDIS_TLS_FILES_H
#define KRI_REDIS_TLS_FILES_H

#include "redis/tls.h"

struct ssl_ctx_st;

/* KR_ERR_CONFIG with one line in `why`: option, file, what is wrong. */
enum kr_err kri_tls_load(struct ssl_ctx_st *context,
			 const struct kri_tls_options *options,
			 struct kri_buffer *why) KR_MUST_CHECK;

#endif
