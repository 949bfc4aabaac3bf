/*
 * Tokens: what a cookie's value must look like, and that only the secret
 * proves a session.
 */
#include "session/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proof.h"

/* 16 and 32 bytes of zeros. */
#define ZERO_ID "AAAAAAAAAAAAAAAAAAAAAA"
#define ZERO_SECRET "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static struct kri_token made(void)
{
	struct kri_token token;

	assert_int_equal(kri_token_make(&token), KR_OK);
	return token;
}

static void assert_same(const struct kri_token *a, const struct kri_token *b)
{
	assert_string_equal(a->id, b->id);
	assert_memory_equal(a->secret, b->secret, KRI_SECRET_SIZE);
}

/* Refused, and no session is named by what is left of it. */
static void assert_refused(struct kri_text value)
{
	struct kri_token token = {0};

	assert_int_equal(kri_token_parse(value, &token), KR_ERR_INPUT);
	assert_string_equal(token.id, "");
}

/* A good value with one character replaced. */
static void assert_refused_with(size_t at, char character)
{
	char value[] = ZERO_ID ZERO_SECRET;

	value[at] = character;
	assert_refused(kri_text(value, KRI_TOKEN_LEN));
}

static void a_value_has_65_characters(void **state)
{
	(void)state;
	assert_int_equal(KRI_TOKEN_LEN, 65);
	assert_int_equal(strlen(ZERO_ID ZERO_SECRET), KRI_TOKEN_LEN);
}

static void what_was_printed_is_read_again(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct kri_token token = made(), read = {0};
		char value[KRI_TOKEN_LEN + 1];

		kri_token_print(&token, value);
		assert_int_equal(strlen(value), KRI_TOKEN_LEN);
		assert_int_equal(kri_token_parse(kri_text_of(value), &read),
				 KR_OK);
		assert_same(&read, &token);
	}
}

static void a_value_is_id_and_secret(void **state)
{
	static const unsigned char zeros[KRI_SECRET_SIZE];
	struct kri_token token = {.secret = {1}};

	(void)state;
	assert_int_equal(kri_token_parse(KRI_TEXT(ZERO_ID ZERO_SECRET), &token),
			 KR_OK);
	assert_string_equal(token.id, ZERO_ID);
	assert_memory_equal(token.secret, zeros, sizeof(zeros));
}

static void a_value_is_known_by_its_length(void **state)
{
	char value[2 * KRI_TOKEN_LEN];

	(void)state;
	memset(value, 'A', sizeof(value));
	for (size_t len = 0; len <= sizeof(value); len++)
		if (len != KRI_TOKEN_LEN)
			assert_refused(kri_text(value, len));
	assert_refused(kri_text(NULL, 0));
}

static void a_value_has_only_the_characters_of_base64url(void **state)
{
	static const char others[] = "+/=. %;\"\\\n\x7f\x80\xff";

	(void)state;
	for (size_t i = 0; i < sizeof(others); i++) {
		assert_refused_with(0, others[i]);
		assert_refused_with(KRI_ID_LEN - 1, others[i]);
		assert_refused_with(KRI_ID_LEN, others[i]);
		assert_refused_with(KRI_TOKEN_LEN - 1, others[i]);
	}
}

/* Else one session would have several names, or a secret several spellings. */
static void unused_bits_must_be_zero(void **state)
{
	(void)state;
	assert_refused_with(KRI_ID_LEN - 1, 'B');
	assert_refused_with(KRI_TOKEN_LEN - 1, 'B');
}

static void every_token_is_another(void **state)
{
	struct kri_token a = made(), b = made();

	(void)state;
	assert_string_not_equal(a.id, b.id);
	assert_memory_not_equal(a.secret, b.secret, KRI_SECRET_SIZE);
}

static void a_made_id_has_its_full_length(void **state)
{
	struct kri_token token = made();

	(void)state;
	assert_int_equal(strlen(token.id), KRI_ID_LEN);
}

static void a_renewed_token_keeps_its_id_and_no_more(void **state)
{
	struct kri_token old = made(), new = {0};

	(void)state;
	assert_int_equal(kri_token_renew(&new, old.id), KR_OK);
	assert_string_equal(new.id, old.id);
	assert_memory_not_equal(new.secret, old.secret, KRI_SECRET_SIZE);
}

static void a_token_may_be_renewed_in_place(void **state)
{
	struct kri_token token = made(), old = token;

	(void)state;
	assert_int_equal(kri_token_renew(&token, old.id), KR_OK);
	assert_int_equal(kri_token_renew(&token, old.id), KR_OK);
	assert_string_equal(token.id, old.id);
	assert_memory_not_equal(token.secret, old.secret, KRI_SECRET_SIZE);
}

/* echo -n with 32 NULs, sha256sum */
static void a_digest_is_the_sha256_of_the_secret(void **state)
{
	static const unsigned char expected[KRI_DIGEST_SIZE] = {
		0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62, 0xbd, 0x77,
		0x6c, 0x8f, 0xc1, 0x8b, 0x8e, 0x9f, 0x8e, 0x20,
		0x08, 0x97, 0x14, 0x85, 0x6e, 0xe2, 0x33, 0xb3,
		0x90, 0x2a, 0x59, 0x1d, 0x0d, 0x5f, 0x29, 0x25};
	struct kri_token token = {.id = ZERO_ID};
	unsigned char digest[KRI_DIGEST_SIZE];

	(void)state;
	assert_int_equal(kri_token_digest(&token, digest), KR_OK);
	assert_memory_equal(digest, expected, sizeof(expected));
}

static void the_secret_proves_the_session(void **state)
{
	struct kri_token token = made();
	unsigned char digest[KRI_DIGEST_SIZE];

	(void)state;
	assert_int_equal(kri_token_digest(&token, digest), KR_OK);
	assert_true(proves(&token, digest));
}

static void a_secret_that_differs_in_one_bit_proves_nothing(void **state)
{
	struct kri_token token = made();
	unsigned char digest[KRI_DIGEST_SIZE];

	(void)state;
	assert_int_equal(kri_token_digest(&token, digest), KR_OK);
	for (int bit = 0; bit < 8 * KRI_SECRET_SIZE; bit++) {
		struct kri_token other = token;

		other.secret[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(proves(&other, digest));
	}
}

/* Whoever has read the store has the digest. */
static void the_digest_itself_proves_nothing(void **state)
{
	struct kri_token token = made();
	unsigned char digest[KRI_DIGEST_SIZE];

	(void)state;
	assert_int_equal(kri_token_digest(&token, digest), KR_OK);
	memcpy(token.secret, digest, sizeof(digest));
	assert_false(proves(&token, digest));
}

static void the_old_secret_proves_nothing_after_a_renewal(void **state)
{
	struct kri_token old = made(), new;
	unsigned char digest[KRI_DIGEST_SIZE];

	(void)state;
	assert_int_equal(kri_token_renew(&new, old.id), KR_OK);
	assert_int_equal(kri_token_digest(&new, digest), KR_OK);
	assert_true(proves(&new, digest));
	assert_false(proves(&old, digest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_has_65_characters),
		cmocka_unit_test(what_was_printed_is_read_again),
		cmocka_unit_test(a_value_is_id_and_secret),
		cmocka_unit_test(a_value_is_known_by_its_length),
		cmocka_unit_test(a_value_has_only_the_characters_of_base64url),
		cmocka_unit_test(unused_bits_must_be_zero),
		cmocka_unit_test(every_token_is_another),
		cmocka_unit_test(a_made_id_has_its_full_length),
		cmocka_unit_test(a_renewed_token_keeps_its_id_and_no_more),
		cmocka_unit_test(a_token_may_be_renewed_in_place),
		cmocka_unit_test(a_digest_is_the_sha256_of_the_secret),
		cmocka_unit_test(the_secret_proves_the_session),
		cmocka_unit_test(
			a_secret_that_differs_in_one_bit_proves_nothing),
		cmocka_unit_test(the_digest_itself_proves_nothing),
		cmocka_unit_test(the_old_secret_proves_nothing_after_a_renewal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
