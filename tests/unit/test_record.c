/*
 * Records: how their ids are hashed.
 */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/crypto.h"
#include "base/encoding.h"

#define IDS 16384

/* The most that fall into one of 64 by six bits of the hash, from `shift` on;
 * 256 are its share. */
static int fullest(char ids[IDS][KRI_ID_LEN + 1], unsigned shift)
{
	int n[64] = {0}, most = 0;

	for (size_t i = 0; i < IDS; i++)
		n[kri_id_hash(ids[i]) >> shift & 63]++;
	for (size_t i = 0; i < 64; i++)
		most = n[i] > most ? n[i] : most;
	return most;
}

static void assert_spread(char ids[IDS][KRI_ID_LEN + 1])
{
	for (unsigned shift = 0; shift <= 58; shift += 2)
		assert_in_range(fullest(ids, shift), 256, 400);
}

static void random_ids_are_spread(void **state)
{
	static char ids[IDS][KRI_ID_LEN + 1];
	unsigned char bytes[KRI_ID_SIZE];

	(void)state;
	for (size_t i = 0; i < IDS; i++) {
		assert_int_equal(kri_random(bytes, sizeof(bytes)), KR_OK);
		kri_base64url_encode(bytes, sizeof(bytes), ids[i]);
	}
	assert_spread(ids);
}

static void ids_that_differ_in_a_few_bytes_are_spread(void **state)
{
	static char ids[IDS][KRI_ID_LEN + 1];
	unsigned char bytes[KRI_ID_SIZE] = {0};

	(void)state;
	for (size_t at = 0; at < KRI_ID_SIZE; at += 2) {
		for (size_t i = 0; i < IDS; i++) {
			bytes[at] = (unsigned char)i;
			bytes[at + 1] = (unsigned char)(i >> 8);
			kri_base64url_encode(bytes, sizeof(bytes), ids[i]);
		}
		bytes[at] = bytes[at + 1] = 0;
		assert_spread(ids);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_ids_are_spread),
		cmocka_unit_test(ids_that_differ_in_a_few_bytes_are_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
