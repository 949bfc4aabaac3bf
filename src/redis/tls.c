/*
 * Makes the TLS context from the options, once, and a connection's TLS from
 * that. hiredis checks the chain alone, so the host's name is set here before
 * the handshake.
 */
#include "redis/tls.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "redis/tls_files.h"

struct kri_tls {
	SSL_CTX *context;
	bool verify;
};

/* OpenSSL's first word on it; the later ones only say which of its parts
 * passed that on. */
static const char *reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_error());

	return text ? text : "unknown error";
}

static enum kr_err fill(SSL_CTX *context, const struct kri_tls_options *options,
			struct kri_buffer *why)
{
	enum kr_err err = kri_tls_load(context, options, why);

	SSL_CTX_set_min_proto_version(context, options->minimum == 13
						       ? TLS1_3_VERSION
						       : TLS1_2_VERSION);
	SSL_CTX_set_verify(context,
			   options->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
			   NULL);
	return err;
}

enum kr_err kri_tls_open(const struct kri_tls_options *options,
			 struct kri_tls **tls, struct kri_buffer *why)
{
	struct kri_tls *made = calloc(1, sizeof(*made));
	enum kr_err err = KR_ERR_MEMORY;

	if (!made)
		return err;
	made->verify = options->verify;
	made->context = SSL_CTX_new(TLS_client_method());
	if (made->context)
		err = fill(made->context, options, why);
	if (err)
		kri_tls_close(&made);
	else
		*tls = made;
	return err;
}

void kri_tls_close(struct kri_tls **tls)
{
	if (!*tls)
		return;
	SSL_CTX_free((*tls)->context);
	free(*tls);
	*tls = NULL;
}

static bool is_ip(const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, address) == 1 ||
	       inet_pton(AF_INET6, host, address) == 1;
}

/* What the certificate must be for, and which one we ask for (SNI, RFC 6066:
 * names only). */
static bool set_host(SSL *ssl, const char *host)
{
	if (is_ip(host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
	return SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
}

/* Why a handshake failed: what is wrong with the certificate, if that is it. */
static enum kr_err explain(SSL *ssl, const char *host, struct kri_buffer *why)
{
	long verdict = SSL_get_verify_result(ssl);

	if (verdict != X509_V_OK)
		kri_buffer_printf(why, "TLS: certificate of %s: %s", host,
				  X509_verify_cert_error_string(verdict));
	else if (ERR_peek_last_error())
		kri_buffer_printf(why, "TLS: %s", reason());
	else
		kri_buffer_string(why, "TLS: the server closed the connection "
				       "during the handshake; does it speak "
				       "TLS on this port?");
	ERR_clear_error();
	return KR_ERR_UNAVAILABLE;
}

enum kr_err kri_tls_step(struct ssl_st *ssl, const char *host,
			 enum kri_tls_want *want, struct kri_buffer *why)
{
	int result = SSL_do_handshake(ssl);

	*want = KRI_TLS_DONE;
	if (result == 1)
		return KR_OK;
	switch (SSL_get_error(ssl, result)) {
	case SSL_ERROR_WANT_READ:
		*want = KRI_TLS_READ;
		return KR_OK;
	case SSL_ERROR_WANT_WRITE:
		*want = KRI_TLS_WRITE;
		return KR_OK;
	default:
		return explain(ssl, host, why);
	}
}

/* hiredis begins the handshake and owns the SSL from there on, if it takes
 * it; not blocking, it leaves the rest of it to us. */
enum kr_err kri_tls_begin(const struct kri_tls *tls,
			  struct redisContext *context, const char *host,
			  struct ssl_st **ssl, struct kri_buffer *why)
{
	SSL *made = SSL_new(tls->context);
	enum kr_err err;

	if (!made || (tls->verify && !set_host(made, host))) {
		SSL_free(made);
		return KR_ERR_MEMORY;
	}
	if (!tls->verify && !is_ip(host))
		SSL_set_tlsext_host_name(made, host);
	ERR_clear_error();
	if (redisInitiateSSL(context, made) != REDIS_OK) {
		err = explain(made, host, why);
		SSL_free(made);
		return err;
	}
	*ssl = made;
	return KR_OK;
}

const char *kri_tls_reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return text;
}
