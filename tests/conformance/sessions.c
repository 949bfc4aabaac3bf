/*
 * The life of a session, and what two writers make of it.
 */
#include "trial.h"

static void what_was_never_created_is_not_found(void **state)
{
	assert_int_equal(load(*state, record_of(*state, 1)), KR_ERR_NOT_FOUND);
	assert_int_equal(peek(*state, record_of(*state, 1)), KR_ERR_NOT_FOUND);
}

static void a_session_is_loaded_as_it_was_created(void **state)
{
	struct kri_record *record = record_of(*state, 1);
	int64_t now = kri_clock_epoch_ms();

	memset(record->auth, 'x', KRI_DIGEST_SIZE);
	set(record, "user", KRI_TEXT("max"));
	set(record, "color", KRI_TEXT("purple"));
	assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	assert_int_equal(record->version, 1);
	record = record_of(*state, 1);
	assert_int_equal(load(*state, record), KR_OK);
	assert_int_equal(record->n, 2);
	assert_value(record, "user", KRI_TEXT("max"));
	assert_value(record, "color", KRI_TEXT("purple"));
	for (size_t i = 0; i < KRI_DIGEST_SIZE; i++)
		assert_int_equal(record->auth[i], 'x');
	assert_int_equal(record->born, 1700000000);
	assert_int_equal(record->version, 1);
	assert_int_equal(record->was_at, 0);
	assert_in_range(record->seen, now, now + LONG);
}

static void a_load_leaves_nothing_of_what_the_record_held(void **state)
{
	struct kri_record *record;

	created(*state, 1);
	record = record_of(*state, 1);
	set(record, "old", KRI_TEXT("1"));
	record->was_at = record->version = 77;
	assert_int_equal(load(*state, record), KR_OK);
	assert_int_equal(record->n, 0);
	assert_int_equal(record->version, 1);
	assert_int_equal(record->was_at, 0);
}

static void a_created_one_leaves_out_what_was_removed_again(void **state)
{
	struct kri_record *record = record_of(*state, 1);

	take_away(record, "color");
	set(record, "user", KRI_TEXT("max"));
	assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	record = stored(*state, 1);
	assert_int_equal(record->n, 1);
	assert_value(record, "user", KRI_TEXT("max"));
}

static void creating_one_that_exists_replaces_nothing(void **state)
{
	struct kri_record *record = record_of(*state, 1);

	set(record, "user", KRI_TEXT("max"));
	assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	record = record_of(*state, 1);
	memset(record->auth, 'z', KRI_DIGEST_SIZE);
	record->ttl = 10 * LONG;
	set(record, "user", KRI_TEXT("eve"));
	set(record, "more", KRI_TEXT("1"));
	assert_int_equal(commit(*state, record, KRI_OP_CREATE),
			 KR_ERR_CONFLICT);
	record = stored(*state, 1);
	assert_int_equal(record->n, 1);
	assert_value(record, "user", KRI_TEXT("max"));
	assert_int_equal(record->auth[0], AUTH);
	assert_int_equal(record->version, 1);
	assert_in_range(left_of(*state, 1), 1, LONG);
}

static void creating_it_twice_is_the_same_session(void **state)
{
	created(*state, 1);
	created(*state, 1);
	assert_int_equal(stored(*state, 1)->version, 1);
}

static void an_update_sets_and_removes(void **state)
{
	struct kri_record *record = record_of(*state, 1);

	set(record, "kept", KRI_TEXT("1"));
	set(record, "changed", KRI_TEXT("2"));
	set(record, "gone", KRI_TEXT("3"));
	assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	record = record_of(*state, 1);
	record->ttl = 0;
	set(record, "changed", KRI_TEXT("a longer one than it was"));
	take_away(record, "gone");
	take_away(record, "never there");
	set(record, "new", KRI_TEXT("4"));
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
	assert_int_equal(record->version, 2);
	record = stored(*state, 1);
	assert_int_equal(record->n, 3);
	assert_value(record, "kept", KRI_TEXT("1"));
	assert_value(record, "changed", KRI_TEXT("a longer one than it was"));
	assert_value(record, "new", KRI_TEXT("4"));
	assert_int_equal(record->version, 2);
	assert_int_equal(record->auth[0], AUTH);
}

static void an_update_without_a_change_counts_too(void **state)
{
	created(*state, 1);
	assert_int_equal(commit(*state, record_of(*state, 1), KRI_OP_UPDATE),
			 KR_OK);
	assert_int_equal(stored(*state, 1)->version, 2);
}

static void two_writers_of_different_keys_both_keep_their_change(void **state)
{
	struct kri_record *one, *two;

	created(*state, 1);
	one = stored(*state, 1);
	two = stored(*state, 1);
	set(one, "one", KRI_TEXT("1"));
	set(two, "two", KRI_TEXT("2"));
	assert_int_equal(commit(*state, one, KRI_OP_UPDATE), KR_OK);
	assert_int_equal(commit(*state, two, KRI_OP_UPDATE), KR_OK);
	one = stored(*state, 1);
	assert_value(one, "one", KRI_TEXT("1"));
	assert_value(one, "two", KRI_TEXT("2"));
	assert_int_equal(one->version, 3);
}

static void an_exact_update_wants_the_version_it_was_made_from(void **state)
{
	struct kri_record *one, *two;

	created(*state, 1);
	one = stored(*state, 1);
	two = stored(*state, 1);
	one->exact = two->exact = true;
	set(one, "n", KRI_TEXT("1"));
	set(two, "n", KRI_TEXT("2"));
	two->ttl = 10 * LONG;
	assert_int_equal(commit(*state, one, KRI_OP_UPDATE), KR_OK);
	assert_int_equal(one->version, 2);
	assert_int_equal(commit(*state, two, KRI_OP_UPDATE), KR_ERR_CONFLICT);
	two = stored(*state, 1);
	assert_value(two, "n", KRI_TEXT("1"));
	assert_in_range(left_of(*state, 1), 1, LONG);
	two->exact = true;
	set(two, "n", KRI_TEXT("3"));
	assert_int_equal(commit(*state, two, KRI_OP_UPDATE), KR_OK);
	assert_value(stored(*state, 1), "n", KRI_TEXT("3"));
}

/* A store may have a shorter way for what prolongs nothing. */
static void an_exact_update_that_prolongs_nothing_is_no_other(void **state)
{
	struct kri_record *one, *two;

	created(*state, 1);
	one = stored(*state, 1);
	two = stored(*state, 1);
	one->exact = two->exact = true;
	one->ttl = two->ttl = 0;
	set(one, "n", KRI_TEXT("1"));
	set(one, "m", KRI_TEXT(""));
	set(two, "n", KRI_TEXT("2"));
	assert_int_equal(commit(*state, one, KRI_OP_UPDATE), KR_OK);
	assert_int_equal(one->version, 2);
	assert_int_equal(commit(*state, two, KRI_OP_UPDATE), KR_ERR_CONFLICT);
	two = stored(*state, 1);
	assert_int_equal(two->version, 2);
	assert_value(two, "n", KRI_TEXT("1"));
	assert_value(two, "m", KRI_TEXT(""));
	two->exact = true;
	two->ttl = 0;
	assert_int_equal(commit(*state, two, KRI_OP_UPDATE), KR_OK);
	assert_int_equal(two->version, 3);
	assert_int_equal(stored(*state, 1)->version, 3);
	assert_in_range(left_of(*state, 1), 1, LONG);
}

static void an_update_of_what_has_ended_writes_nothing(void **state)
{
	struct kri_record *record;

	created(*state, 1);
	record = stored(*state, 1);
	assert_int_equal(commit(*state, record_of(*state, 1), KRI_OP_DESTROY),
			 KR_OK);
	set(record, "user", KRI_TEXT("max"));
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_ERR_GONE);
	record->exact = true;
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_ERR_GONE);
	record->ttl = 0;
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_ERR_GONE);
	record->ttl = LONG;
	assert_int_equal(commit(*state, record, KRI_OP_TOUCH), KR_OK);
	assert_null(stored(*state, 1));
	assert_int_equal(count_all(*state), 0);
}

static void ending_what_has_ended_is_good(void **state)
{
	assert_int_equal(commit(*state, record_of(*state, 1), KRI_OP_DESTROY),
			 KR_OK);
}

static void an_id_that_ended_can_be_created_anew(void **state)
{
	struct kri_record *record = record_of(*state, 1);

	set(record, "old", KRI_TEXT("1"));
	assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	assert_int_equal(commit(*state, record_of(*state, 1), KRI_OP_DESTROY),
			 KR_OK);
	created(*state, 1);
	record = stored(*state, 1);
	assert_int_equal(record->n, 0);
	assert_int_equal(record->version, 1);
}

int run_sessions(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_never_created_is_not_found),
		TEST(a_session_is_loaded_as_it_was_created),
		TEST(a_load_leaves_nothing_of_what_the_record_held),
		TEST(a_created_one_leaves_out_what_was_removed_again),
		TEST(creating_one_that_exists_replaces_nothing),
		TEST(creating_it_twice_is_the_same_session),
		TEST(an_update_sets_and_removes),
		TEST(an_update_without_a_change_counts_too),
		TEST(two_writers_of_different_keys_both_keep_their_change),
		TEST(an_exact_update_wants_the_version_it_was_made_from),
		TEST(an_exact_update_that_prolongs_nothing_is_no_other),
		TEST(an_update_of_what_has_ended_writes_nothing),
		TEST(ending_what_has_ended_is_good),
		TEST(an_id_that_ended_can_be_created_anew),
	};

	return cmocka_run_group_tests_name("sessions", tests, NULL, NULL);
}
