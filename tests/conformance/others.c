/*
 * What others may have put where our sessions are. Nobody else writes into the
 * store in memory, so there it is not tried.
 */
#include "trial.h"

static void keys_that_are_no_ids_are_not_listed(void **state)
{
	static const char *const others[] = {
		"conformance+++++++++++", /* not base64url */
		"AAAAAAAAAAAAAAAAAAAAAB", /* unused bits are set */
		"*_____________________",
	};
	const char **ids;

	created(*state, 1);
	for (size_t i = 0; i < 3; i++) {
		struct kri_record *record = record_of(*state, 0);

		memcpy(record->id, others[i], KRI_ID_LEN);
		record->ttl = 5000;
		assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	}
	assert_int_equal(list_all(*state, &ids), 1);
	for (size_t i = 0; i < 3; i++) {
		struct kri_record *record = record_of(*state, 0);

		memcpy(record->id, others[i], KRI_ID_LEN);
		assert_int_equal(commit(*state, record, KRI_OP_DESTROY), KR_OK);
	}
}

/* A session as others with larger limits may have. */
static void a_giant_fails_alone(void **state)
{
	struct kri_record *records[2] = {record_of(*state, 1)};
	static char big[60 << 10];
	struct trial small;

	for (const char *key = "abcd"; *key; key++)
		set(records[0], key, kri_text(big, sizeof(big)));
	assert_int_equal(commit(*state, records[0], KRI_OP_CREATE), KR_OK);
	created(*state, 2);
	trial_open(&small, "session.max_size=1KiB");
	for (int round = 0; round < 3; round++) {
		records[0] = record_of(&small, 1);
		records[1] = record_of(&small, 2);
		load_all(&small, records, 2);
		assert_int_equal(records[0]->err, KR_ERR_PROTOCOL);
		assert_int_equal(records[1]->err, KR_OK);
	}
	trial_close(&small);
	assert_non_null(stored(*state, 1));
}

int run_others(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_that_are_no_ids_are_not_listed),
		TEST(a_giant_fails_alone),
	};

	if (trial_is("memory"))
		return 0;
	return cmocka_run_group_tests_name("others", tests, NULL, NULL);
}
