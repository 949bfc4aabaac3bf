/*
 * How long a session lives, and what prolongs its life.
 */
#include "trial.h"

#define SHORT 150 /* ms */

/* A session that would end soon. */
static void created_short(struct trial *trial, unsigned i)
{
	struct kri_record *record = record_of(trial, i);

	record->ttl = SHORT;
	assert_int_equal(commit(trial, record, KRI_OP_CREATE), KR_OK);
}

/* Looks until it has ended; how long that took, in ms. */
static int64_t wait_for_end(struct trial *trial, unsigned i)
{
	int64_t begin = kri_clock_ms();

	while (stored(trial, i)) {
		kri_arena_reset(&trial->arena);
		assert_in_range(kri_clock_ms() - begin, 0, 10000);
	}
	return kri_clock_ms() - begin;
}

static void a_session_ends_and_looks_do_not_prolong_it(void **state)
{
	int64_t begin = kri_clock_ms();

	created_short(*state, 1);
	wait_for_end(*state, 1);
	assert_in_range(kri_clock_ms() - begin, SHORT - 1, 10000);
	assert_int_equal(left_of(*state, 1), -2);
	assert_int_equal(commit(*state, record_of(*state, 1), KRI_OP_UPDATE),
			 KR_ERR_GONE);
	assert_int_equal(commit(*state, record_of(*state, 1), KRI_OP_TOUCH),
			 KR_OK);
	assert_null(stored(*state, 1));
	assert_int_equal(count_all(*state), 0);
	created(*state, 1);
}

static void a_look_says_what_is_left(void **state)
{
	int64_t first, second;

	created(*state, 1);
	first = left_of(*state, 1);
	assert_in_range(first, 1, LONG);
	assert_non_null(stored(*state, 1));
	second = left_of(*state, 1);
	assert_in_range(second, 1, first);
}

static void a_touch_prolongs_and_is_seen(void **state)
{
	struct kri_record *record;
	int64_t before, deadline = kri_clock_ms() + 10000;

	created(*state, 1);
	record = stored(*state, 1);
	before = record->seen;
	while (kri_clock_epoch_ms() <= before)
		;
	record->ttl = 10 * LONG;
	assert_int_equal(commit(*state, record, KRI_OP_TOUCH), KR_OK);
	while (left_of(*state, 1) <= LONG) /* it is not waited for */
		assert_true(kri_clock_ms() < deadline);
	record = stored(*state, 1);
	assert_true(record->seen > before);
	assert_int_equal(record->version, 1);
}

static void a_touch_may_shorten(void **state)
{
	struct kri_record *record;

	created(*state, 1);
	record = record_of(*state, 1);
	record->ttl = SHORT;
	assert_int_equal(commit(*state, record, KRI_OP_TOUCH), KR_OK);
	wait_for_end(*state, 1);
}

static void an_update_with_a_time_prolongs_and_is_seen(void **state)
{
	struct kri_record *record;
	int64_t before;

	created(*state, 1);
	record = stored(*state, 1);
	before = record->seen;
	while (kri_clock_epoch_ms() <= before)
		;
	record->ttl = 10 * LONG;
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
	assert_in_range(left_of(*state, 1), LONG + 1, 10 * LONG);
	assert_true(stored(*state, 1)->seen > before);
}

static void an_update_without_a_time_leaves_both(void **state)
{
	struct kri_record *record;
	int64_t before;

	created(*state, 1);
	record = stored(*state, 1);
	before = record->seen;
	while (kri_clock_epoch_ms() <= before)
		;
	record->ttl = 0;
	set(record, "n", KRI_TEXT("1"));
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
	assert_in_range(left_of(*state, 1), 1, LONG);
	assert_int_equal(stored(*state, 1)->seen, before);
}

int run_time(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_ends_and_looks_do_not_prolong_it),
		TEST(a_look_says_what_is_left),
		TEST(a_touch_prolongs_and_is_seen),
		TEST(a_touch_may_shorten),
		TEST(an_update_with_a_time_prolongs_and_is_seen),
		TEST(an_update_without_a_time_leaves_both),
	};

	return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
