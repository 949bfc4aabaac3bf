/*
 * Owns the words for certificates and keys that are of no use. Where OpenSSL
 * says "no start line" or "unsupported", an operator wants to know which
 * option named which file, and what should be in it.
 */
#include "redis/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#include "base/file.h"

#define FILE_MAX (16L << 20) /* bytes; the system's CAs take 0.2 MB */

/* A file as an option names it. */
struct named {
	const char *key;
	const char *file;
	const char *lacks; /* what OpenSSL did not find in it */
};

static bool is_given(const char *text)
{
	return text && *text;
}

static enum kr_err refuse(struct kri_buffer *why, const struct named *named,
			  const char *what)
{
	kri_buffer_printf(why, "%s = %s: cannot be used: %s", named->key,
			  named->file, what);
	ERR_clear_error();
	return KR_ERR_CONFIG;
}

static enum kr_err check(const struct named *named, struct kri_buffer *why)
{
	const char *wrong = kri_file_check(named->file, FILE_MAX);

	ERR_clear_error();
	return wrong ? refuse(why, named, wrong) : KR_OK;
}

/* Whether OpenSSL found nothing of the kind in the file. Of a key it says
 * "unsupported" then, by the part that decodes them. */
static bool is_empty(unsigned long code)
{
	int why = ERR_GET_REASON(code);

	switch (ERR_GET_LIB(code)) {
	case ERR_LIB_PEM:
		return why == PEM_R_NO_START_LINE;
	case ERR_LIB_X509:
		return why == X509_R_NO_CERTIFICATE_OR_CRL_FOUND;
	default:
		return why == ERR_R_UNSUPPORTED;
	}
}

/* In OpenSSL's first word on it: the later ones say who passed that on. */
static enum kr_err explain(struct kri_buffer *why, const struct named *named)
{
	unsigned long code = ERR_peek_error();
	const char *text = ERR_reason_error_string(code);

	if (is_empty(code))
		text = named->lacks;
	return refuse(why, named, text ? text : "unknown error");
}

/* ---- authorities ------------------------------------------------------- */

static enum kr_err load_authorities(SSL_CTX *context, const char *file,
				    struct kri_buffer *why)
{
	struct named named = {"redis.tls_ca_file", file,
			      "it holds no certificate in PEM form"};
	enum kr_err err;

	if (!is_given(file)) {
		named.file = "system";
		return SSL_CTX_set_default_verify_paths(context)
			       ? KR_OK
			       : explain(why, &named);
	}
	err = check(&named, why);
	if (!err && !SSL_CTX_load_verify_locations(context, file, NULL))
		err = explain(why, &named);
	return err;
}

/* ---- our certificate --------------------------------------------------- */

/* Redis would refuse it, and TLS 1.3 would not even say why. One that is not
 * valid yet is left to Redis: our clock may be the one that is wrong, as it
 * is early after a boot. */
static enum kr_err check_date(SSL_CTX *context, const struct named *named,
			      struct kri_buffer *why)
{
	const X509 *own = SSL_CTX_get0_certificate(context);
	const ASN1_TIME *end = X509_get0_notAfter(own);
	char what[64] = "it has expired";
	struct tm tm;

	if (X509_cmp_current_time(end) >= 0)
		return KR_OK;
	if (ASN1_TIME_to_tm(end, &tm))
		strftime(what, sizeof(what),
			 "it has expired at %Y-%m-%dT%H:%M:%SZ", &tm);
	return refuse(why, named, what);
}

static enum kr_err load_certificate(SSL_CTX *context, const char *file,
				    struct kri_buffer *why)
{
	const struct named named = {"redis.tls_cert_file", file,
				    "it holds no certificate in PEM form"};
	enum kr_err err = check(&named, why);

	if (err)
		return err;
	if (SSL_CTX_use_certificate_chain_file(context, file) != 1)
		return explain(why, &named);
	return check_date(context, &named, why);
}

/* ---- its key ----------------------------------------------------------- */

/* OpenSSL would ask for a passphrase at the terminal, and wait. */
static int refuse_passphrase(char *out, int size, int writing, void *asked)
{
	(void)out;
	(void)size;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

static bool is_mismatch(void)
{
	unsigned long code = ERR_peek_error();

	return ERR_GET_LIB(code) == ERR_LIB_X509 &&
	       ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH;
}

static enum kr_err load_key(SSL_CTX *context, const char *file,
			    struct kri_buffer *why)
{
	const struct named named = {"redis.tls_key_file", file,
				    "it holds no key in PEM form"};
	enum kr_err err = check(&named, why);
	bool asked = false;
	int loaded;

	if (err)
		return err;
	SSL_CTX_set_default_passwd_cb(context, refuse_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(context, &asked);
	loaded = SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM);
	SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
	if (loaded == 1)
		return KR_OK;
	if (asked)
		return refuse(why, &named,
			      "it needs a passphrase, and nobody is there to "
			      "give it; take one without");
	if (is_mismatch())
		return refuse(why, &named,
			      "it is not the key of redis.tls_cert_file");
	return explain(why, &named);
}

enum kr_err kri_tls_load(SSL_CTX *context,
			 const struct kri_tls_options *options,
			 struct kri_buffer *why)
{
	enum kr_err err = load_authorities(context, options->ca_file, why);

	if (err ||
	    (!is_given(options->cert_file) && !is_given(options->key_file)))
		return err;
	if (!is_given(options->cert_file) || !is_given(options->key_file)) {
		kri_buffer_string(why, "redis.tls_cert_file and "
				       "redis.tls_key_file go together");
		return KR_ERR_CONFIG;
	}
	err = load_certificate(context, options->cert_file, why);
	return err ? err : load_key(context, options->key_file, why);
}
