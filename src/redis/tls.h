/*
 * TLS to Redis: chain and host name are verified, always both. The only user
 * of OpenSSL's libssl and of hiredis_ssl.
 */
#ifndef KRI_REDIS_TLS_H
#define KRI_REDIS_TLS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "redis/deadline.h"

struct redisContext;
struct kri_tls;

struct kri_tls_options {
	const char *ca_file;   /* NULL or "": the system's */
	const char *cert_file; /* of a client certificate, or NULL or "" */
	const char *key_file;  /* its key */
	int minimum;           /* 12 or 13: the least protocol version */
	bool verify;           /* false: any certificate will do */
};

/* Reads the files. KR_ERR_CONFIG with one line in `why`, KR_ERR_MEMORY. */
enum kr_err kri_tls_open(const struct kri_tls_options *options,
			 struct kri_tls **tls,
			 struct kri_buffer *why) KR_MUST_CHECK;
void kri_tls_close(struct kri_tls **tls);

/*
 * Shakes hands on a connected context whose socket does not block. `host` is
 * the name (or IP address) that the certificate must be for.
 * KR_ERR_TIMEOUT; KR_ERR_UNAVAILABLE with what is wrong in `why`.
 */
enum kr_err kri_tls_start(const struct kri_tls *tls,
			  struct redisContext *context, const char *host,
			  struct kri_deadline *deadline,
			  struct kri_buffer *why) KR_MUST_CHECK;

/* What OpenSSL has against the connection of this thread that has just
 * failed, such as "tlsv13 alert certificate required"; NULL if nothing. */
const char *kri_tls_reason(void);

#endif
