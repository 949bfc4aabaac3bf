/*
 * Makes, prints, parses and digests tokens. What is not exactly the spelling
 * of one is refused before it costs the store a call.
 */
#include "session/token.h"

#include "base/crypto.h"
#include "base/encoding.h"

_Static_assert(KRI_BASE64URL_LEN(KRI_ID_SIZE) == KRI_ID_LEN, "id");
_Static_assert(KRI_BASE64URL_LEN(KRI_SECRET_SIZE) == KRI_SECRET_LEN, "secret");

/* Decoded only to know that it is the one spelling of some id. */
bool kri_token_is_id(struct kri_text text)
{
	unsigned char id[KRI_ID_SIZE];

	return text.len == KRI_ID_LEN &&
	       !kri_base64url_decode(text, id, sizeof(id));
}

enum kr_err kri_token_parse(struct kri_text value, struct kri_token *token)
{
	enum kr_err err;

	if (value.len != KRI_TOKEN_LEN ||
	    !kri_token_is_id(kri_text(value.data, KRI_ID_LEN)))
		return KR_ERR_INPUT;
	err = kri_base64url_decode(
		kri_text(value.data + KRI_ID_LEN, KRI_SECRET_LEN),
		token->secret, sizeof(token->secret));
	if (err)
		return err;
	memcpy(token->id, value.data, KRI_ID_LEN);
	token->id[KRI_ID_LEN] = '\0';
	return KR_OK;
}

enum kr_err kri_token_make(struct kri_token *token)
{
	unsigned char random[KRI_ID_SIZE + KRI_SECRET_SIZE];
	enum kr_err err = kri_random(random, sizeof(random));

	if (err)
		return err;
	kri_base64url_encode(random, KRI_ID_SIZE, token->id);
	token->id[KRI_ID_LEN] = '\0';
	memcpy(token->secret, random + KRI_ID_SIZE, KRI_SECRET_SIZE);
	kri_wipe(random, sizeof(random));
	return KR_OK;
}

enum kr_err kri_token_renew(struct kri_token *token, const char *id)
{
	enum kr_err err = kri_random(token->secret, sizeof(token->secret));

	if (!err)
		memcpy(token->id, id, KRI_ID_LEN + 1);
	return err;
}

enum kr_err kri_token_digest(const struct kri_token *token,
			     unsigned char out[KRI_DIGEST_SIZE])
{
	return kri_sha256(
		kri_text((const char *)token->secret, sizeof(token->secret)),
		out);
}

void kri_token_print(const struct kri_token *token, char out[KRI_TOKEN_LEN + 1])
{
	memcpy(out, token->id, KRI_ID_LEN);
	kri_base64url_encode(token->secret, sizeof(token->secret),
			     out + KRI_ID_LEN);
	out[KRI_TOKEN_LEN] = '\0';
}
