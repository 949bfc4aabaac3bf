/*
 * TLS to Redis: chain and host name are verified, always both. The only user
 * of hiredis_ssl and, with tls_files.c, of OpenSSL's libssl.
 */
#ifndef KRI_REDIS_TLS_H
#define KRI_REDIS_TLS_H

#include <stdbool.h>

#include "base/buffer.h"

struct redisContext;
struct ssl_st;
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
 * Begins TLS on a connected context whose socket does not block. `host` is
 * the name (or IP address) that the certificate must be for. *ssl belongs to
 * the context. KR_ERR_UNAVAILABLE with what is wrong in `why`.
 */
enum kr_err kri_tls_begin(const struct kri_tls *tls,
			  struct redisContext *context, const char *host,
			  struct ssl_st **ssl,
			  struct kri_buffer *why) KR_MUST_CHECK;

enum kri_tls_want {
	KRI_TLS_DONE,  /* the handshake is over */
	KRI_TLS_READ,  /* go on when the socket can be read */
	KRI_TLS_WRITE, /* go on when the socket can be written */
};

/* Goes on with the handshake. KR_ERR_UNAVAILABLE with what is wrong in
 * `why`. */
enum kr_err kri_tls_step(struct ssl_st *ssl, const char *host,
			 enum kri_tls_want *want,
			 struct kri_buffer *why) KR_MUST_CHECK;

/* What OpenSSL has against the connection of this thread that has just
 * failed, such as "tlsv13 alert certificate required"; NULL if nothing. */
const char *kri_tls_reason(void);

#endif
