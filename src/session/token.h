/*
 * The token: what the cookie's value says. 22 characters name a session, 43
 * prove it; both are base64url (RFC 4648) of random bytes. The store learns
 * only a digest of the proof, so nothing in it opens a session.
 */
#ifndef KRI_SESSION_TOKEN_H
#define KRI_SESSION_TOKEN_H

#include "base/text.h"
#include "store/store.h"

#define KRI_SECRET_SIZE 32 /* random bytes of a secret */
#define KRI_SECRET_LEN 43  /* characters of a secret */
#define KRI_TOKEN_LEN (KRI_ID_LEN + KRI_SECRET_LEN)

struct kri_token {
	char id[KRI_ID_LEN + 1]; /* empty: no token */
	unsigned char secret[KRI_SECRET_SIZE];
};

/* Whether the text is spelt as a session's id. */
bool kri_token_is_id(struct kri_text text);

/* Reads a cookie's value. KR_ERR_INPUT for another length or alphabet. */
enum kr_err kri_token_parse(struct kri_text value,
			    struct kri_token *token) KR_MUST_CHECK;

/* A new id with a new secret. KR_ERR_SYSTEM without random bytes. */
enum kr_err kri_token_make(struct kri_token *token) KR_MUST_CHECK;

/* A new secret for an old id. */
enum kr_err kri_token_renew(struct kri_token *token,
			    const char *id) KR_MUST_CHECK;

/* What the store keeps of the secret: its SHA-256. */
enum kr_err kri_token_digest(const struct kri_token *token,
			     unsigned char out[KRI_DIGEST_SIZE]) KR_MUST_CHECK;

/* The cookie's value, with a NUL. */
void kri_token_print(const struct kri_token *token,
		     char out[KRI_TOKEN_LEN + 1]);

#endif
