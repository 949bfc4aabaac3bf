/*
 * The stages and renewal: logins that meet, in a batch and out of it, and
 * requests that race one. Nobody gets a cookie that opens nothing, and no
 * cookie takes away the one that a login has given.
 */
#include "stages_trial.h"

/* Two sessions in the store, each opened by the cookie of its answer. */
static void assert_two_sessions(struct trial *t)
{
	assert_answer(t, 0, 200, "Welcome");
	assert_answer(t, 1, 200, "Welcome");
	assert_non_null(session_of(t, 0));
	assert_non_null(session_of(t, 1));
	assert_ptr_not_equal(session_of(t, 0), session_of(t, 1));
	assert_int_equal(fake_count(&t->store), 2);
	assert_string_equal(fake_get(session_of(t, 0), "user"), "max");
	assert_string_equal(fake_get(session_of(t, 1), "user"), "max");
}

static void two_logins_of_a_batch_get_a_session_each(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/login", COOKIE(ID_A));
	ask(t, "PATH_INFO=/login", COOKIE(ID_A));
	run(t);
	assert_two_sessions(t);
	assert_string_equal(fake_get(session_of(t, 0), "color"), "purple");
	assert_null(fake_get(session_of(t, 1), "color"));
}

static void two_logins_of_two_batches_get_a_session_each(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/login", COOKIE(ID_A));
	turn(t);
	ask(t, "PATH_INFO=/login", COOKIE(ID_A));
	turn(t);
	answer_oldest(t);
	answer_oldest(t);
	assert_int_equal(t->store.commits, 2);
	run(t);
	assert_two_sessions(t);
}

/* What read the old secret before the login was stored stands on nothing. */
static void who_loaded_before_a_login_and_commits_after_is_told(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/login", COOKIE(ID_A));
	turn(t);
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	run(t);
	assert_answer(t, 0, 200, "Welcome");
	assert_answer(t, 1, 409, "send it again");
	assert_no_cookie(t, 1);
	assert_null(fake_get(fake_find(&t->store, ID_A), "counter"));
}

static void who_races_a_login_in_its_batch_gets_no_cookie(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/login", COOKIE(ID_A));
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	ask(t, "PATH_INFO=/logout", COOKIE(ID_A));
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_answer(t, 1, 200, "none");
	assert_answer(t, 2, 409, "send it again");
	assert_answer(t, 3, 409, "send it again");
	assert_answer(t, 4, 409, "send it again");
	for (int i = 1; i < 5; i++)
		assert_no_cookie(t, i);
	assert_ptr_equal(session_of(t, 0), fake_find(&t->store, ID_A));
	assert_int_equal(fake_count(&t->store), 1);
}

static void who_came_before_the_login_keeps_its_change(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	ask(t, "PATH_INFO=/login", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "Painted");
	assert_string_equal(fake_get(session_of(t, 1), "color"), "red");
}

/* Another program's login comes in between. */
static void renew_in_store(struct trial *t)
{
	struct fake_session *session = fake_find(&t->store, ID_A);

	if (!session)
		fail();
	memcpy(session->was, session->auth, KRI_DIGEST_SIZE);
	session->was_at = kri_clock_epoch_ms();
	set_auth(session, OTHER);
	session->version++;
}

static void a_login_that_lost_to_another_program_begins_anew(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/login", COOKIE(ID_A));
	turn(t);
	answer_oldest(t);
	renew_in_store(t);
	run(t);
	assert_answer(t, 0, 200, "Welcome");
	assert_non_null(session_of(t, 0));
	assert_ptr_not_equal(session_of(t, 0), fake_find(&t->store, ID_A));
	assert_null(fake_get(fake_find(&t->store, ID_A), "user"));
	assert_int_equal(t->store.loads, 1);
}

static void all_that_stood_on_a_lost_login_run_again(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	ask(t, "PATH_INFO=/login", COOKIE(ID_A));
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	turn(t);
	answer_oldest(t);
	renew_in_store(t);
	run(t);
	assert_answer(t, 0, 409, "send it again");
	assert_answer(t, 1, 200, "Welcome");
	assert_answer(t, 2, 200, "none");
	assert_no_cookie(t, 0);
	assert_no_cookie(t, 2);
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "color"),
			    "purple");
}

static void a_login_that_was_not_stored_changes_nothing(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.commit_err = KR_ERR_UNAVAILABLE;
	ask(t, "PATH_INFO=/login", COOKIE(ID_A));
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 503, "unavailable");
	assert_answer(t, 1, 503, "unavailable");
	forget_answers(t);
	t->store.commit_err = KR_OK;
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "purple");
}

static void a_login_and_a_counter_that_conflict_are_both_sorted_out(
	void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.intruders = 1;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	ask(t, "PATH_INFO=/login", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "{\"counter\":2}");
	assert_answer(t, 1, 200, "Welcome");
	assert_ptr_equal(session_of(t, 1), fake_find(&t->store, ID_A));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_logins_of_a_batch_get_a_session_each),
		TEST(two_logins_of_two_batches_get_a_session_each),
		TEST(who_loaded_before_a_login_and_commits_after_is_told),
		TEST(who_races_a_login_in_its_batch_gets_no_cookie),
		TEST(who_came_before_the_login_keeps_its_change),
		TEST(a_login_that_lost_to_another_program_begins_anew),
		TEST(all_that_stood_on_a_lost_login_run_again),
		TEST(a_login_that_was_not_stored_changes_nothing),
		TEST(a_login_and_a_counter_that_conflict_are_both_sorted_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
