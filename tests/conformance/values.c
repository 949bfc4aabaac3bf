/*
 * What a value may be, and how many there may be.
 */
#include "trial.h"

static void a_value_may_hold_any_byte(void **state)
{
	struct kri_record *record = record_of(*state, 1);
	char all[256];

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	set(record, "all", kri_text(all, sizeof(all)));
	set(record, "lines", KRI_TEXT("\0\r\n$3\r\n\r\n"));
	set(record, "a key with spaces\r\n*", KRI_TEXT("x"));
	assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	record = stored(*state, 1);
	assert_int_equal(record->n, 3);
	assert_value(record, "all", kri_text(all, sizeof(all)));
	assert_value(record, "lines", KRI_TEXT("\0\r\n$3\r\n\r\n"));
	assert_value(record, "a key with spaces\r\n*", KRI_TEXT("x"));
}

static void a_value_may_be_empty(void **state)
{
	struct kri_record *record = record_of(*state, 1);

	set(record, "created", KRI_TEXT(""));
	assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	record = record_of(*state, 1);
	set(record, "updated", kri_text(NULL, 0));
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
	record = stored(*state, 1);
	assert_int_equal(record->n, 2);
	assert_value(record, "created", KRI_TEXT(""));
	assert_value(record, "updated", KRI_TEXT(""));
}

static void loaded_values_end_with_a_nul(void **state)
{
	struct kri_record *record = record_of(*state, 1);

	set(record, "user", KRI_TEXT("max"));
	assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	record = stored(*state, 1);
	assert_string_equal(record->values[0].key.data, "user");
	assert_string_equal(record->values[0].data.data, "max");
}

static const char *key_of(struct trial *trial, unsigned i)
{
	char *key = kri_arena_alloc(&trial->arena, 16);

	snprintf(key, 16, "key%u", i);
	return key;
}

#define VALUES 128

static void a_session_may_have_as_many_values_as_the_limit(void **state)
{
	struct kri_record *record = record_of(*state, 1);

	for (unsigned i = 0; i < VALUES; i++)
		set(record, key_of(*state, i), kri_text_of(key_of(*state, i)));
	assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	record = stored(*state, 1);
	assert_int_equal(record->n, VALUES);
	for (unsigned i = 0; i < VALUES; i++)
		assert_value(record, key_of(*state, i),
			     kri_text_of(key_of(*state, i)));
	record = record_of(*state, 1);
	for (unsigned i = 0; i < VALUES; i++)
		take_away(record, key_of(*state, i));
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
	assert_int_equal(stored(*state, 1)->n, 0);
}

#define BIG (64 << 10)

static void a_session_may_be_as_large_as_the_limit(void **state)
{
	struct kri_record *record = record_of(*state, 1);
	char *big = malloc(BIG);

	assert_non_null(big);
	for (size_t i = 0; i < BIG; i++)
		big[i] = (char)(i * 7);
	for (unsigned i = 0; i < 4; i++)
		set(record, key_of(*state, i), kri_text(big, BIG - 128));
	assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	record = stored(*state, 1);
	assert_int_equal(record->n, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_value(record, key_of(*state, i),
			     kri_text(big, BIG - 128));
	free(big);
}

static void a_session_past_the_arenas_cap_fails_alone(void **state)
{
	struct kri_record *record = record_of(*state, 1), *records[2];
	struct kri_arena small;

	set(record, "user", KRI_TEXT("max"));
	assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	created(*state, 2);
	kri_arena_init(&small, 64, 64);
	records[0] = record_of(*state, 1);
	records[1] = record_of(*state, 2);
	records[0]->arena = &small;
	load_all(*state, records, 2);
	kri_arena_free(&small);
	assert_int_equal(records[0]->err, KR_ERR_MEMORY);
	assert_int_equal(records[1]->err, KR_OK);
}

int run_values(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_value_may_hold_any_byte),
		TEST(a_value_may_be_empty),
		TEST(loaded_values_end_with_a_nul),
		TEST(a_session_may_have_as_many_values_as_the_limit),
		TEST(a_session_may_be_as_large_as_the_limit),
		TEST(a_session_past_the_arenas_cap_fails_alone),
	};

	return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
