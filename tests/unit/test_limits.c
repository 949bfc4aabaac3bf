/*
 * The limits of a session: on its keys, its values and all of it. Past one,
 * nothing has changed.
 */
#include "session_trial.h"

static int setup(void **state)
{
	return set_up(state, 4, 48);
}

static void keys_past_their_limit_are_refused_everywhere(void **state)
{
	struct kr_session *session = adopted(*state);
	struct kri_text key = KRI_TEXT("123456789"), value;

	assert_int_equal(kri_session_get(session, key, &value), KR_ERR_LIMIT);
	assert_int_equal(kri_session_set(session, key, key), KR_ERR_LIMIT);
	assert_int_equal(kri_session_remove(session, key), KR_ERR_LIMIT);
	assert_false(kri_session_is_changed(session));
	assert_set(session, "12345678", "x");
}

static void a_value_past_its_limit_changes_nothing(void **state)
{
	struct kr_session *session = adopted(*state);

	assert_int_equal(set(session, "color", "12345678901234567"),
			 KR_ERR_LIMIT);
	assert_value(session, "color", "purple");
	assert_false(kri_session_is_changed(session));
	assert_set(session, "color", "1234567890123456");
}

static void one_value_too_many_changes_nothing(void **state)
{
	struct kr_session *session = adopted(*state);

	assert_set(session, "a", "1");
	assert_set(session, "b", "2");
	assert_int_equal(set(session, "c", "3"), KR_ERR_LIMIT);
	assert_value(session, "c", NOTHING);
	assert_set(session, "a", "4");
	assert_set(session, "color", "red");
}

static void a_value_that_was_removed_makes_room_for_another(void **state)
{
	struct kr_session *session = adopted(*state);

	assert_set(session, "a", "1");
	assert_set(session, "b", "2");
	assert_int_equal(take(session, "n"), KR_OK);
	assert_set(session, "c", "3");
	assert_int_equal(set(session, "n", "8"), KR_ERR_LIMIT);
	assert_value(session, "n", NOTHING);
}

static void clearing_makes_room_for_all(void **state)
{
	struct kr_session *session = adopted(*state);

	kri_session_clear(session);
	assert_set(session, "a", "1");
	assert_set(session, "b", "2");
	assert_set(session, "c", "3");
	assert_set(session, "n", "8");
	assert_int_equal(set(session, "e", "5"), KR_ERR_LIMIT);
}

/* Keys count too: color and purple, n and 7 are 13 bytes of 48. */
static void bytes_past_the_sessions_limit_change_nothing(void **state)
{
	struct kr_session *session = adopted(*state);

	assert_set(session, "a", "1234567890123456");
	assert_int_equal(set(session, "bbb", "1234567890123456"), KR_ERR_LIMIT);
	assert_value(session, "bbb", NOTHING);
	assert_set(session, "bb", "1234567890123456");
	assert_int_equal(set(session, "n", "77"), KR_ERR_LIMIT);
	assert_value(session, "n", "7");
	assert_set(session, "color", "purpl");
	assert_set(session, "n", "77");
}

static void a_value_that_is_replaced_does_not_count(void **state)
{
	struct kr_session *session = adopted(*state);

	for (int i = 0; i < 20; i++)
		assert_set(session, "color", "1234567890123456");
	assert_value(session, "color", "1234567890123456");
}

static void a_limit_that_hits_the_first_value_makes_no_session(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set(&f->session, "a", "12345678901234567"),
			 KR_ERR_LIMIT);
	assert_null(kri_session_id(&f->session));
	assert_false(kri_session_is_changed(&f->session));
}

static void an_arena_past_its_cap_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct kr_session *session = adopted(f);

	assert_set(session, "a", "1");
	f->arena.limit = f->arena.given;
	assert_int_equal(set(session, "a", "2"), KR_ERR_MEMORY);
	assert_int_equal(set(session, "b", "2"), KR_ERR_MEMORY);
	assert_value(session, "a", "1");
	assert_value(session, "b", NOTHING);
	assert_value(session, "color", "purple");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_past_their_limit_are_refused_everywhere),
		TEST(a_value_past_its_limit_changes_nothing),
		TEST(one_value_too_many_changes_nothing),
		TEST(a_value_that_was_removed_makes_room_for_another),
		TEST(clearing_makes_room_for_all),
		TEST(bytes_past_the_sessions_limit_change_nothing),
		TEST(a_value_that_is_replaced_does_not_count),
		TEST(a_limit_that_hits_the_first_value_makes_no_session),
		TEST(an_arena_past_its_cap_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
