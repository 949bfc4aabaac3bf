/*
 * Owns what the guard needs of cryptography beside crypt(3): SHA-256, random
 * bytes, and comparing without telling where two texts differ.
 */
#include "guard/digest.h"

#include <stddef.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

static void put_hex(const unsigned char *bytes, size_t n, char *out)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = hex[bytes[i] >> 4];
		*out++ = hex[bytes[i] & 15];
	}
	*out = '\0';
}

/* With their NULs, so that no text runs into the other. */
bool guard_digest(const char *a, const char *b, char out[GUARD_DIGEST_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
		    EVP_DigestUpdate(context, a, strlen(a) + 1) &&
		    EVP_DigestUpdate(context, b, strlen(b) + 1) &&
		    EVP_DigestFinal_ex(context, digest, NULL);

	EVP_MD_CTX_free(context);
	if (done)
		put_hex(digest, GUARD_DIGEST_SIZE / 2, out);
	return done;
}

bool guard_token(char out[GUARD_TOKEN_SIZE])
{
	unsigned char bytes[GUARD_TOKEN_SIZE / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return false;
	put_hex(bytes, sizeof(bytes), out);
	return true;
}

bool guard_is_equal(const char *a, const char *b)
{
	size_t len = strlen(a);

	return len == strlen(b) && !CRYPTO_memcmp(a, b, len);
}
