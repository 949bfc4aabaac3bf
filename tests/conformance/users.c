/*
 * The sessions of a user: the list, and the ends of one, of others, of all.
 */
#include "users.h"

#include <unistd.h>

/* ---- the list --------------------------------------------------------- */

static void a_user_nobody_knows_has_no_sessions(void **state)
{
	assert_int_equal(count_of(*state, USER), 0);
	assert_int_equal(end_all(*state, USER), 0);
	assert_int_equal(end_others(*state, USER, 1), 0);
	assert_int_equal(end_one(*state, USER, 1), 0);
}

static void the_sessions_of_a_user_are_listed(void **state)
{
	logged_in(*state, 1, USER);
	logged_in(*state, 2, "eve");
	logged_in(*state, 3, USER);
	created(*state, 4);
	assert_int_equal(count_of(*state, USER), 2);
	assert_true(has(*state, USER, 1));
	assert_true(has(*state, USER, 3));
	assert_int_equal(count_of(*state, "eve"), 1);
	assert_true(has(*state, "eve", 2));
	assert_int_equal(count_of(*state, "ma"), 0);
	assert_int_equal(count_all(*state), 4);
}

static void a_name_may_be_any_text(void **state)
{
	static const char *const names[] = {
		"{max}",
		"max}{",
		"\xc3\xa4\xe2\x82\xac",
		"a b'c\"d\\e%s*?[x]",
		"@ended",
		":",
		"NULL",
	};
	char longest[257] = {0};

	memset(longest, 'u', 256);
	for (unsigned i = 0; i < 7; i++)
		logged_in(*state, i, names[i]);
	logged_in(*state, 7, longest);
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(count_of(*state, names[i]), 1);
		assert_true(has(*state, names[i], i));
		assert_int_equal(end_all(*state, names[i]), 1);
	}
	assert_int_equal(count_of(*state, longest), 1);
	assert_int_equal(end_all(*state, longest), 1);
	assert_int_equal(count_all(*state), 0);
}

static void a_session_that_is_there_can_be_logged_in_to(void **state)
{
	created(*state, 1);
	assert_int_equal(log_in_again(*state, 1, USER), KR_OK);
	assert_true(has(*state, USER, 1));
	assert_value(stored(*state, 1), "@user", KRI_TEXT(USER));
	assert_int_equal(log_in_again(*state, 2, USER), KR_ERR_GONE);
	assert_int_equal(count_of(*state, USER), 1);
}

static void who_has_logged_out_is_not_listed(void **state)
{
	logged_in(*state, 1, USER);
	logged_in(*state, 2, USER);
	log_out(*state, 1, USER);
	assert_int_equal(count_of(*state, USER), 1);
	assert_true(has(*state, USER, 2));
}

static void a_touched_session_stays_listed(void **state)
{
	struct kri_record *record = login_of(*state, 1, USER);

	record->ttl = 400;
	assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	record = stored(*state, 1);
	record->ttl = 10 * LONG;
	record->user = KRI_TEXT(USER);
	assert_int_equal(commit(*state, record, KRI_OP_TOUCH), KR_OK);
	assert_prolonged(*state, 1);
	usleep(500000);
	logged_in(*state, 2, USER);
	assert_int_equal(count_of(*state, USER), 2);
	assert_true(has(*state, USER, 1));
}

#define MANY 1500

static void a_user_may_have_very_many(void **state)
{
	static struct kri_record *records[MANY];

	for (unsigned i = 0; i < MANY; i++) {
		records[i] = login_of(*state, i, USER);
		records[i]->operation = KRI_OP_CREATE;
	}
	commit_all(*state, records, MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(records[i]->err, KR_OK);
	logged_in(*state, MANY, "eve");
	assert_int_equal(count_of(*state, USER), MANY);
	assert_int_equal(end_others(*state, USER, 7), MANY - 1);
	assert_true(has(*state, USER, 7));
	assert_int_equal(count_all(*state), 2);
}

/* ---- ends ------------------------------------------------------------- */

static void one_session_is_ended(void **state)
{
	logged_in(*state, 1, USER);
	logged_in(*state, 2, USER);
	assert_int_equal(end_one(*state, USER, 1), 1);
	assert_null(stored(*state, 1));
	assert_non_null(stored(*state, 2));
	assert_int_equal(count_of(*state, USER), 1);
	assert_int_equal(end_one(*state, USER, 1), 0);
}

static void what_is_anothers_is_not_ended(void **state)
{
	logged_in(*state, 1, USER);
	logged_in(*state, 2, "eve");
	created(*state, 3);
	assert_int_equal(end_one(*state, "eve", 1), 0);
	assert_int_equal(end_one(*state, USER, 3), 0);
	assert_int_equal(end_one(*state, "maximilian", 1), 0);
	assert_non_null(stored(*state, 1));
	assert_non_null(stored(*state, 2));
	assert_non_null(stored(*state, 3));
}

static void all_are_ended(void **state)
{
	for (unsigned i = 1; i < 4; i++)
		logged_in(*state, i, USER);
	logged_in(*state, 4, "eve");
	assert_int_equal(end_all(*state, USER), 3);
	for (unsigned i = 1; i < 4; i++)
		assert_null(stored(*state, i));
	assert_non_null(stored(*state, 4));
	assert_int_equal(count_of(*state, USER), 0);
	assert_int_equal(count_all(*state), 1);
	assert_int_equal(end_all(*state, USER), 0);
}

static void all_others_are_ended(void **state)
{
	for (unsigned i = 1; i < 4; i++)
		logged_in(*state, i, USER);
	assert_int_equal(end_others(*state, USER, 2), 2);
	assert_null(stored(*state, 1));
	assert_non_null(stored(*state, 2));
	assert_null(stored(*state, 3));
	assert_int_equal(end_others(*state, USER, 2), 0);
	assert_non_null(stored(*state, 2));
	assert_int_equal(count_of(*state, USER), 1);
	logged_in(*state, 4, USER);
	assert_int_equal(end_others(*state, USER, 4), 1);
	assert_null(stored(*state, 2));
	assert_non_null(stored(*state, 4));
}

static void the_one_that_is_kept_need_not_exist(void **state)
{
	logged_in(*state, 1, USER);
	assert_int_equal(end_others(*state, USER, 9), 1);
	assert_null(stored(*state, 1));
}

static void a_login_after_the_end_of_all_lives(void **state)
{
	for (unsigned i = 1; i < 6; i++) {
		logged_in(*state, i, USER);
		assert_non_null(stored(*state, i));
		assert_int_equal(end_all(*state, USER), 1);
		assert_null(stored(*state, i));
	}
	logged_in(*state, 1, USER);
	assert_non_null(stored(*state, 1));
	assert_int_equal(count_of(*state, USER), 1);
}

static void a_session_that_changed_user_is_the_new_ones(void **state)
{
	logged_in(*state, 1, USER);
	assert_int_equal(log_in_again(*state, 1, "eve"), KR_OK);
	assert_int_equal(count_of(*state, USER), 0);
	assert_true(has(*state, "eve", 1));
	assert_int_equal(end_one(*state, USER, 1), 0);
	assert_int_equal(end_all(*state, USER), 0);
	assert_non_null(stored(*state, 1));
	assert_int_equal(end_all(*state, "eve"), 1);
	assert_null(stored(*state, 1));
}

/* A change that has loaded the session must not bring it back. */
static void what_was_under_way_stays_ended(void **state)
{
	struct kri_record *record;

	logged_in(*state, 1, USER);
	record = stored(*state, 1);
	assert_int_equal(end_all(*state, USER), 1);
	set(record, "n", KRI_TEXT("1"));
	record->user = KRI_TEXT(USER);
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_ERR_GONE);
	record->ttl = LONG;
	assert_int_equal(commit(*state, record, KRI_OP_TOUCH), KR_OK);
	assert_null(stored(*state, 1));
	assert_int_equal(count_of(*state, USER), 0);
}

static void another_link_sees_the_end_at_once(void **state)
{
	struct trial *trial = *state, other;

	trial_attach(&other, trial->store);
	for (unsigned i = 0; i < 20; i++) {
		logged_in(trial, i, USER);
		logged_in(trial, 100 + i, USER);
		assert_non_null(stored(&other, i));
		if (i % 2) {
			assert_int_equal(end_all(trial, USER), 2);
			assert_null(stored(&other, 100 + i));
		} else {
			assert_int_equal(end_others(trial, USER, 100 + i), 1);
			assert_non_null(stored(&other, 100 + i));
			assert_int_equal(end_one(trial, USER, 100 + i), 1);
			assert_null(stored(&other, 100 + i));
		}
		assert_null(stored(&other, i));
	}
	trial_detach(&other);
}

int run_users(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_user_nobody_knows_has_no_sessions),
		TEST(the_sessions_of_a_user_are_listed),
		TEST(a_name_may_be_any_text),
		TEST(a_session_that_is_there_can_be_logged_in_to),
		TEST(who_has_logged_out_is_not_listed),
		TEST(a_touched_session_stays_listed),
		TEST(a_user_may_have_very_many),
		TEST(one_session_is_ended),
		TEST(what_is_anothers_is_not_ended),
		TEST(all_are_ended),
		TEST(all_others_are_ended),
		TEST(the_one_that_is_kept_need_not_exist),
		TEST(a_login_after_the_end_of_all_lives),
		TEST(a_session_that_changed_user_is_the_new_ones),
		TEST(what_was_under_way_stays_ended),
		TEST(another_link_sees_the_end_at_once),
		TEST(all_are_ended_while_others_log_in),
	};

	if (!has_users())
		return 0;
	return cmocka_run_group_tests_name("users", tests, NULL, NULL);
}
