/*
 * The cryptography there is: random bytes, SHA-256, constant-time comparison
 * and wiping. The only user of OpenSSL's libcrypto.
 */
#ifndef KRI_BASE_CRYPTO_H
#define KRI_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

#define KRI_SHA256_SIZE 32

/* Random bytes fit for secrets. KR_ERR_SYSTEM if there are none. */
enum kr_err kri_random(void *out, size_t size) KR_MUST_CHECK;

/* SHA-256 (FIPS 180-4). KR_ERR_MEMORY. */
enum kr_err kri_sha256(struct kri_text text,
		       unsigned char out[KRI_SHA256_SIZE]) KR_MUST_CHECK;

/* SHA-1 in hex with a NUL: Redis' name for a script, nothing to rely on. */
enum kr_err kri_sha1_hex(struct kri_text text, char out[41]) KR_MUST_CHECK;

/* Takes the same time wherever the two differ. */
bool kri_equal_secret(const void *a, const void *b, size_t size);

/* Overwrites memory; the compiler cannot take it out. */
void kri_wipe(void *memory, size_t size);

#endif
