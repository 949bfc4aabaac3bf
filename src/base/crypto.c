/*
 * Owns every call into OpenSSL's libcrypto and turns its failures into
 * kr_err. Knows nothing of tokens or sessions.
 */
#include "base/crypto.h"

#include <limits.h>
#include <pthread.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

/* What OpenSSL noted in this thread is taken away: a TLS connection of the same
 * thread would take it for its own (SSL_get_error(3)). */
static enum kr_err fail(enum kr_err err)
{
	ERR_clear_error();
	return err;
}

enum kr_err kri_random(void *out, size_t size)
{
	if (size > INT_MAX || RAND_bytes(out, (int)size) != 1)
		return fail(KR_ERR_SYSTEM);
	return KR_OK;
}

/* Looking an algorithm up by name, and making a context for it, take OpenSSL
 * 3 longer than hashing a secret does: the one is done once, and the other
 * once a thread. */
static EVP_MD *sha256;
static pthread_key_t sha256_contexts;
static bool has_sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void free_context(void *context)
{
	EVP_MD_CTX_free(context);
}

static void fetch_sha256(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	has_sha256 =
		sha256 && !pthread_key_create(&sha256_contexts, free_context);
}

/* This thread's, or NULL without memory. */
static EVP_MD_CTX *sha256_context(void)
{
	EVP_MD_CTX *context;

	pthread_once(&sha256_once, fetch_sha256);
	if (!has_sha256)
		return NULL;
	context = pthread_getspecific(sha256_contexts);
	if (context)
		return context;
	context = EVP_MD_CTX_new();
	if (context && !pthread_setspecific(sha256_contexts, context))
		return context;
	EVP_MD_CTX_free(context);
	return NULL;
}

enum kr_err kri_sha256(struct kri_text text, unsigned char out[KRI_SHA256_SIZE])
{
	unsigned char digest[KRI_SHA256_SIZE];
	EVP_MD_CTX *context = sha256_context();

	if (!context || !EVP_DigestInit_ex2(context, sha256, NULL) ||
	    !EVP_DigestUpdate(context, text.data, text.len) ||
	    !EVP_DigestFinal_ex(context, digest, NULL))
		return fail(KR_ERR_MEMORY);
	memcpy(out, digest, sizeof(digest));
	return KR_OK;
}

enum kr_err kri_sha1_hex(struct kri_text text, char out[41])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[20];

	if (!EVP_Digest(text.data, text.len, digest, NULL, EVP_sha1(), NULL))
		return fail(KR_ERR_MEMORY);
	for (size_t i = 0; i < sizeof(digest); i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[40] = '\0';
	return KR_OK;
}

bool kri_equal_secret(const void *a, const void *b, size_t size)
{
	return !CRYPTO_memcmp(a, b, size);
}

void kri_wipe(void *memory, size_t size)
{
	OPENSSL_cleanse(memory, size);
}
