/*
 * Sessions: what one request reads and changes, and when one is made.
 */
#include "session_trial.h"

#include "proof.h"

static int setup(void **state)
{
	return set_up(state, 16, 256);
}

static void apply(struct kr_session *session)
{
	assert_int_equal(kri_session_apply(session, false), KR_OK);
}

/* A value of the record, by what is to become of it. */
static void assert_record(const struct kri_record *record, const char *key,
			  enum kri_change change, const char *data)
{
	size_t found = 0;

	for (size_t i = 0; i < record->n; i++) {
		const struct kri_value *value = &record->values[i];

		if (!kri_text_equal(value->key, kri_text_of(key)))
			continue;
		found++;
		assert_int_equal(value->change, change);
		if (change != KRI_CHANGE_REMOVED)
			assert_true(
				kri_text_equal(value->data, kri_text_of(data)));
	}
	assert_int_equal(found, 1);
}

/* ---- reading ---------------------------------------------------------- */

static void without_a_session_there_is_nothing(void **state)
{
	struct fixture *f = *state;

	assert_value(&f->session, "color", NOTHING);
	assert_null(kri_session_id(&f->session));
	assert_false(kri_session_is_changed(&f->session));
}

static void what_was_loaded_can_be_read(void **state)
{
	struct kr_session *session = adopted(*state);

	assert_value(session, "color", "purple");
	assert_value(session, "n", "7");
	assert_value(session, "colo", NOTHING);
	assert_value(session, "Color", NOTHING);
	assert_string_equal(kri_session_id(session), ID);
}

static void reading_changes_nothing(void **state)
{
	struct kr_session *session = adopted(*state);

	assert_value(session, "color", "purple");
	assert_false(kri_session_is_changed(session));
	assert_int_equal(kri_session_cookie(session), KRI_COOKIE_KEEP);
}

static void reserved_keys_are_refused_everywhere(void **state)
{
	static const char *const keys[] = {"", "@", "@auth", "@x"};
	struct kr_session *session = adopted(*state);
	struct kri_text value;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		struct kri_text key = kri_text_of(keys[i]);

		assert_int_equal(kri_session_get(session, key, &value),
				 KR_ERR_RESERVED);
		assert_int_equal(set(session, keys[i], "x"), KR_ERR_RESERVED);
		assert_int_equal(take(session, keys[i]), KR_ERR_RESERVED);
	}
	assert_false(kri_session_is_changed(session));
}

/* ---- changing --------------------------------------------------------- */

static void what_was_set_can_be_read(void **state)
{
	struct kr_session *session = adopted(*state);

	assert_set(session, "color", "green");
	assert_set(session, "new", "");
	assert_set(session, "new", "x");
	assert_value(session, "color", "green");
	assert_value(session, "new", "x");
	assert_value(session, "n", "7");
	assert_true(kri_session_is_changed(session));
}

static void keys_and_values_may_hold_any_bytes(void **state)
{
	struct kr_session *session = adopted(*state);
	struct kri_text value;

	assert_int_equal(kri_session_set(session, KRI_TEXT("a\0b"),
					 KRI_TEXT("\0\xff\r\n")),
			 KR_OK);
	assert_value(session, "a", NOTHING);
	assert_int_equal(kri_session_get(session, KRI_TEXT("a\0b"), &value),
			 KR_OK);
	assert_true(kri_text_equal(value, KRI_TEXT("\0\xff\r\n")));
}

static void what_was_set_does_not_depend_on_the_callers_memory(void **state)
{
	struct kr_session *session = adopted(*state);
	char key[] = "k", value[] = "v";

	assert_set(session, key, value);
	key[0] = value[0] = 'x';
	assert_value(session, "k", "v");
	assert_value(session, "x", NOTHING);
}

static void what_was_removed_cannot_be_read(void **state)
{
	struct kr_session *session = adopted(*state);

	assert_set(session, "new", "x");
	assert_int_equal(take(session, "new"), KR_OK);
	assert_int_equal(take(session, "color"), KR_OK);
	assert_value(session, "new", NOTHING);
	assert_value(session, "color", NOTHING);
	assert_value(session, "n", "7");
}

static void removing_what_is_not_there_changes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(take(&f->session, "color"), KR_OK);
	assert_int_equal(take(adopted(f), "other"), KR_OK);
	assert_false(kri_session_is_changed(&f->session));
}

static void what_was_removed_can_be_set_again(void **state)
{
	struct kr_session *session = adopted(*state);

	assert_int_equal(take(session, "color"), KR_OK);
	assert_set(session, "color", "red");
	assert_value(session, "color", "red");
}

static void clearing_takes_all_values_and_keeps_the_session(void **state)
{
	struct kr_session *session = adopted(*state);

	assert_set(session, "new", "x");
	kri_session_clear(session);
	assert_value(session, "color", NOTHING);
	assert_value(session, "n", NOTHING);
	assert_value(session, "new", NOTHING);
	assert_string_equal(kri_session_id(session), ID);
	assert_true(kri_session_is_changed(session));
	assert_set(session, "n", "8");
	assert_value(session, "n", "8");
}

static void clearing_nothing_changes_nothing(void **state)
{
	struct fixture *f = *state;

	kri_session_clear(&f->session);
	assert_false(kri_session_is_changed(&f->session));
}

static void a_session_that_was_destroyed_has_nothing(void **state)
{
	struct kr_session *session = adopted(*state);

	assert_set(session, "new", "x");
	kri_session_destroy(session);
	assert_value(session, "color", NOTHING);
	assert_value(session, "new", NOTHING);
	assert_null(kri_session_id(session));
	assert_true(kri_session_is_changed(session));
}

static void what_is_set_after_a_destroy_is_another_sessions(void **state)
{
	struct kr_session *session = adopted(*state);

	kri_session_destroy(session);
	assert_int_equal(kri_session_renew(session), KR_OK);
	assert_null(kri_session_id(session));
	assert_set(session, "new", "x");
	assert_value(session, "new", "x");
	assert_value(session, "color", NOTHING);
	assert_non_null(kri_session_id(session));
	assert_string_not_equal(kri_session_id(session), ID);
	assert_true(kri_session_is_changed(session));
}

static void destroying_nothing_expires_the_cookie_only(void **state)
{
	struct fixture *f = *state;

	kri_session_destroy(&f->session);
	assert_false(kri_session_is_changed(&f->session));
	assert_int_equal(kri_session_cookie(&f->session), KRI_COOKIE_EXPIRE);
}

static void destroying_what_was_just_made_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	assert_set(&f->session, "a", "1");
	kri_session_destroy(&f->session);
	assert_false(kri_session_is_changed(&f->session));
	assert_null(kri_session_id(&f->session));
}

/* ---- a session that is made here -------------------------------------- */

static void the_first_value_makes_a_session(void **state)
{
	struct fixture *f = *state;
	struct kr_session *session = &f->session;

	assert_set(session, "a", "1");
	assert_true(kri_session_is_changed(session));
	assert_int_equal(strlen(kri_session_id(session)), KRI_ID_LEN);
	assert_string_not_equal(kri_session_id(session), ID);
}

static void a_made_session_is_created_with_all_its_values(void **state)
{
	struct fixture *f = *state;
	struct kri_record *record;

	assert_set(&f->session, "a", "1");
	assert_set(&f->session, "b", "2");
	apply(&f->session);
	record = f->session.record;
	assert_int_equal(record->operation, KRI_OP_CREATE);
	assert_string_equal(record->id, f->session.token.id);
	assert_in_range(kri_clock_epoch() - record->born, 0, 60);
	assert_int_equal(record->ttl, LIFE);
	assert_false(record->exact);
	assert_false(record->renewed);
	assert_int_equal(record->n, 2);
	assert_record(record, "a", KRI_CHANGE_SET, "1");
	assert_record(record, "b", KRI_CHANGE_SET, "2");
}

static void a_made_session_is_proven_by_its_token(void **state)
{
	struct fixture *f = *state;

	assert_set(&f->session, "a", "1");
	apply(&f->session);
	assert_true(proves(&f->session.token, f->session.record->auth));
	assert_int_equal(kri_session_cookie(&f->session), KRI_COOKIE_SET);
}

static void a_session_of_nothing_but_removals_is_not_made(void **state)
{
	struct fixture *f = *state;

	assert_set(&f->session, "a", "1");
	assert_int_equal(take(&f->session, "a"), KR_OK);
	assert_false(kri_session_is_changed(&f->session));
	assert_int_equal(kri_session_cookie(&f->session), KRI_COOKIE_KEEP);
}

static void renewing_nothing_does_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kri_session_renew(&f->session), KR_OK);
	assert_false(kri_session_is_changed(&f->session));
	assert_null(kri_session_id(&f->session));
	assert_int_equal(kri_session_cookie(&f->session), KRI_COOKIE_KEEP);
}

static void a_session_is_made_no_longer_than_the_absolute_timeout(void **state)
{
	struct fixture *f = *state;

	f->config.absolute_timeout = 5000;
	assert_set(&f->session, "a", "1");
	apply(&f->session);
	assert_in_range(f->session.record->ttl, 1, 5000);
}

static void without_memory_no_session_is_made(void **state)
{
	struct fixture *f = *state;

	assert_set(&f->session, "a", "1");
	f->arena.limit = f->arena.given;
	assert_int_equal(kri_session_apply(&f->session, false), KR_ERR_MEMORY);
	assert_null(f->session.record);
	assert_int_equal(kri_session_cookie(&f->session), KRI_COOKIE_KEEP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_session_there_is_nothing),
		TEST(what_was_loaded_can_be_read),
		TEST(reading_changes_nothing),
		TEST(reserved_keys_are_refused_everywhere),
		TEST(what_was_set_can_be_read),
		TEST(keys_and_values_may_hold_any_bytes),
		TEST(what_was_set_does_not_depend_on_the_callers_memory),
		TEST(what_was_removed_cannot_be_read),
		TEST(removing_what_is_not_there_changes_nothing),
		TEST(what_was_removed_can_be_set_again),
		TEST(clearing_takes_all_values_and_keeps_the_session),
		TEST(clearing_nothing_changes_nothing),
		TEST(a_session_that_was_destroyed_has_nothing),
		TEST(what_is_set_after_a_destroy_is_another_sessions),
		TEST(destroying_nothing_expires_the_cookie_only),
		TEST(destroying_what_was_just_made_leaves_nothing),
		TEST(the_first_value_makes_a_session),
		TEST(a_made_session_is_created_with_all_its_values),
		TEST(a_made_session_is_proven_by_its_token),
		TEST(a_session_of_nothing_but_removals_is_not_made),
		TEST(renewing_nothing_does_nothing),
		TEST(a_session_is_made_no_longer_than_the_absolute_timeout),
		TEST(without_memory_no_session_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
