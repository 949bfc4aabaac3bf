/*
 * Cryptography: SHA-256 against its published examples, also from many
 * threads at once; random bytes; comparison and wiping.
 */
#include "base/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <limits.h>
#include <pthread.h>
#include <cmocka.h>

#define THREADS 8
#define ROUNDS 500

static void hex(const unsigned char *bytes, char out[2 * KRI_SHA256_SIZE + 1])
{
	size_t i;

	for (i = 0; i < KRI_SHA256_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void assert_digest(struct kri_text text, const char *expected)
{
	unsigned char digest[KRI_SHA256_SIZE];
	char shown[2 * KRI_SHA256_SIZE + 1];

	assert_int_equal(kri_sha256(text, digest), KR_OK);
	hex(digest, shown);
	assert_string_equal(shown, expected);
}

/* The examples of FIPS 180-2, appendix B. */
static void hashes_as_the_standard_does(void **state)
{
	(void)state;
	assert_digest(KRI_TEXT("abc"), "ba7816bf8f01cfea414140de5dae2223"
				       "b00361a396177a9cb410ff61f20015ad");
	assert_digest(KRI_TEXT("abcdbcdecdefdefgefghfghighijhijk"
			       "ijkljklmklmnlmnomnopnopq"),
		      "248d6a61d20638b8e5c026930c3e6039"
		      "a33ce45964ff2167f6ecedd419db06c1");
}

static void hashes_the_empty_text(void **state)
{
	static const char expected[] = "e3b0c44298fc1c149afbf4c8996fb924"
				       "27ae41e4649b934ca495991b7852b855";

	(void)state;
	assert_digest(kri_text(NULL, 0), expected);
	assert_digest(KRI_TEXT(""), expected);
}

static void *hash_often(void *differed)
{
	unsigned char first[KRI_SHA256_SIZE], next[KRI_SHA256_SIZE];
	int i;

	if (kri_sha256(KRI_TEXT("abc"), first))
		return differed;
	for (i = 0; i < ROUNDS; i++)
		if (kri_sha256(KRI_TEXT("abc"), next) ||
		    memcmp(first, next, sizeof(next)) != 0)
			return differed;
	return NULL;
}

static void hashes_alike_on_many_threads(void **state)
{
	pthread_t threads[THREADS];
	char differed;
	void *result;
	int i;

	(void)state;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_often,
						&differed),
				 0);
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
}

static void gives_other_random_bytes_each_time(void **state)
{
	unsigned char first[32] = {0}, second[32] = {0};

	(void)state;
	assert_int_equal(kri_random(first, sizeof(first)), KR_OK);
	assert_int_equal(kri_random(second, sizeof(second)), KR_OK);
	assert_memory_not_equal(first, second, sizeof(first));
}

static void writes_random_bytes_where_it_may_and_nowhere_else(void **state)
{
	unsigned char bytes[34] = {0};

	(void)state;
	assert_int_equal(kri_random(bytes + 1, 32), KR_OK);
	assert_int_equal(bytes[0], 0);
	assert_int_equal(bytes[33], 0);
	assert_int_equal(kri_random(bytes, 0), KR_OK);
	assert_int_equal(bytes[0], 0);
}

static void refuses_more_random_bytes_than_openssl_can_count(void **state)
{
	unsigned char byte = 0;

	(void)state;
	assert_int_equal(kri_random(&byte, (size_t)INT_MAX + 1), KR_ERR_SYSTEM);
}

static void finds_equal_secrets_equal(void **state)
{
	(void)state;
	assert_true(kri_equal_secret("abcd", "abcd", 4));
	assert_true(kri_equal_secret("abcd", "abce", 3));
	assert_true(kri_equal_secret("", "", 0));
}

static void finds_a_difference_in_every_byte(void **state)
{
	unsigned char a[32] = {0}, b[32] = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(b); i++) {
		b[i] = 0x80;
		assert_false(kri_equal_secret(a, b, sizeof(a)));
		b[i] = 0;
	}
}

static void wipes_what_it_is_given_and_no_more(void **state)
{
	char memory[] = "xsecretx";

	(void)state;
	kri_wipe(memory + 1, 6);
	assert_memory_equal(memory, "x\0\0\0\0\0\0x", 8);
	kri_wipe(memory, 0);
	assert_int_equal(memory[0], 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_as_the_standard_does),
		cmocka_unit_test(hashes_the_empty_text),
		cmocka_unit_test(hashes_alike_on_many_threads),
		cmocka_unit_test(gives_other_random_bytes_each_time),
		cmocka_unit_test(
			writes_random_bytes_where_it_may_and_nowhere_else),
		cmocka_unit_test(
			refuses_more_random_bytes_than_openssl_can_count),
		cmocka_unit_test(finds_equal_secrets_equal),
		cmocka_unit_test(finds_a_difference_in_every_byte),
		cmocka_unit_test(wipes_what_it_is_given_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
