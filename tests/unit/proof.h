/*
 * Whether a token's secret is what a digest was made of, for tests of what is
 * stored and sent: session/visit.c alone decides it for a client.
 */
#ifndef KRI_TESTS_PROOF_H
#define KRI_TESTS_PROOF_H

#include "base/crypto.h"
#include "session/token.h"

static inline bool proves(const struct kri_token *token,
			  const unsigned char digest[KRI_DIGEST_SIZE])
{
	unsigned char own[KRI_DIGEST_SIZE];

	return !kri_token_digest(token, own) &&
	       kri_equal_secret(own, digest, KRI_DIGEST_SIZE);
}

#endif
