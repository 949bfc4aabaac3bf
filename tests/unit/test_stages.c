/*
 * The stages: what a batch costs the store, what its exchanges see of each
 * other, and in which order they are answered.
 */
#include "stages_trial.h"

/* ---- what it costs ---------------------------------------------------- */

static void a_batch_without_sessions_costs_the_store_nothing(void **state)
{
	struct trial *t = *state;

	ask(t, "PATH_INFO=/hello", COOKIE(ID_A));
	ask(t, "PATH_INFO=/look", NULL);
	ask(t, "PATH_INFO=/look", "HTTP_COOKIE=sid=nonsense");
	ask(t, "PATH_INFO=/nowhere", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "Hello");
	assert_answer(t, 1, 200, "none");
	assert_answer(t, 2, 200, "none");
	assert_answer(t, 3, 404, "Not found");
	assert_int_equal(t->store.loads, 0);
	assert_int_equal(t->store.commits, 0);
}

static void an_empty_batch_does_nothing(void **state)
{
	struct trial *t = *state;

	run(t);
	assert_int_equal(t->sent, 0);
	assert_int_equal(t->store.loads, 0);
}

static void all_sessions_of_a_batch_are_loaded_at_once(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	keep(t, ID_B, "green");
	keep(t, ID_C, "red");
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask(t, "PATH_INFO=/look", COOKIE(ID_B));
	ask(t, "PATH_INFO=/look", COOKIE(ID_C));
	run(t);
	assert_int_equal(t->store.loads, 1);
	assert_int_equal(t->store.loaded, 3);
	assert_answer(t, 0, 200, "purple");
	assert_answer(t, 1, 200, "green");
	assert_answer(t, 2, 200, "red");
}

static void reading_commits_nothing(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_int_equal(t->store.commits, 0);
	assert_no_cookie(t, 0);
}

static void all_changes_of_a_batch_are_committed_at_once(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	keep(t, ID_B, "green");
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	ask2(t, "PATH_INFO=/paint", "QUERY_STRING=color=blue", NULL);
	ask(t, "PATH_INFO=/look", COOKIE(ID_B));
	run(t);
	assert_int_equal(t->store.commits, 1);
	assert_int_equal(t->store.committed, 2);
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "color"),
			    "red");
	assert_string_equal(fake_get(session_of(t, 1), "color"), "blue");
	assert_string_equal(fake_get(fake_find(&t->store, ID_B), "color"),
			    "green");
}

static void who_needs_no_store_is_answered_before_the_load(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask(t, "PATH_INFO=/hello", NULL);
	ask(t, "PATH_INFO=/look", NULL);
	run(t);
	assert_int_equal(t->place[0], 3);
}

static void who_only_reads_is_answered_in_the_order_of_asking(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	for (int i = 0; i < BATCH; i++)
		ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	for (int i = 0; i < BATCH; i++)
		assert_int_equal(t->place[i], i + 1);
}

/* ---- one session, several exchanges ----------------------------------- */

static void exchanges_of_one_session_share_its_record(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_int_equal(t->store.loads, 1);
	assert_int_equal(t->store.loaded, 1);
	assert_int_equal(t->store.commits, 1);
	assert_int_equal(t->store.committed, 1);
	assert_answer(t, 0, 200, "{\"counter\":1}");
	assert_answer(t, 1, 200, "{\"counter\":2}");
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "counter"),
			    "2");
}

static void an_exchange_sees_what_those_before_it_have_changed(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "purple");
	assert_answer(t, 2, 200, "red");
}

static void after_a_logout_there_is_no_session(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/logout", COOKIE(ID_A));
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "Set-Cookie: sid=;");
	assert_answer(t, 1, 200, "none");
	assert_int_equal(fake_count(&t->store), 0);
}

static void after_a_logout_a_change_makes_another_session(void **state)
{
	struct trial *t = *state;
	struct fake_session *made;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/logout", COOKIE(ID_A));
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	run(t);
	assert_answer(t, 0, 200, "Bye");
	assert_answer(t, 1, 200, "Painted");
	assert_int_equal(t->store.commits, 1);
	assert_null(fake_find(&t->store, ID_A));
	made = session_of(t, 1);
	assert_non_null(made);
	assert_string_equal(fake_get(made, "color"), "red");
	assert_int_equal(fake_count(&t->store), 1);
}

static void a_logout_after_a_change_ends_the_session(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	ask(t, "PATH_INFO=/logout", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "Painted");
	assert_answer(t, 1, 200, "Bye");
	assert_int_equal(fake_count(&t->store), 0);
}

static void two_logouts_are_both_good(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/logout", COOKIE(ID_A));
	ask(t, "PATH_INFO=/logout", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "Set-Cookie: sid=;");
	assert_answer(t, 1, 200, "Set-Cookie: sid=;");
	assert_int_equal(fake_count(&t->store), 0);
}

static void a_login_replaces_the_secret_in_place(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/login", COOKIE(ID_A));
	run(t);
	assert_ptr_equal(session_of(t, 0), fake_find(&t->store, ID_A));
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "color"),
			    "purple");
	forget_answers(t);
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "none");
}

static void a_handler_that_fails_leaves_the_changes_of_the_others(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	ask(t, "PATH_INFO=/stumble", COOKIE(ID_A));
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "{\"counter\":1}");
	assert_answer(t, 1, 413, "limit");
	assert_answer(t, 2, 200, "purple");
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "color"),
			    "purple");
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "counter"),
			    "1");
}

static void a_handler_that_fails_alone_commits_nothing(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/stumble", COOKIE(ID_A));
	ask(t, "PATH_INFO=/stumble", NULL);
	run(t);
	assert_answer(t, 0, 413, "limit");
	assert_answer(t, 1, 413, "limit");
	assert_no_cookie(t, 1);
	assert_int_equal(t->store.commits, 0);
}

static void a_cross_site_request_commits_nothing(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask2(t, "PATH_INFO=/counter", COOKIE(ID_A), CROSS_SITE);
	ask2(t, "PATH_INFO=/logout", COOKIE(ID_A), CROSS_SITE);
	ask2(t, "PATH_INFO=/look", COOKIE(ID_A), CROSS_SITE);
	run(t);
	assert_answer(t, 0, 403, "Cross-site");
	assert_answer(t, 1, 403, "Cross-site");
	assert_answer(t, 2, 200, "purple");
	assert_int_equal(t->store.commits, 0);
}

/* ---- which session ---------------------------------------------------- */

static void a_new_session_has_a_name_that_no_client_chose(void **state)
{
	struct trial *t = *state;

	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	run(t);
	assert_answer(t, 0, 200, "Painted");
	assert_null(fake_find(&t->store, ID_A));
	assert_non_null(session_of(t, 0));
	assert_int_equal(session_of(t, 0)->ttl, t->config.idle_timeout);
}

static void who_has_the_wrong_secret_gets_another_session(void **state)
{
	struct trial *t = *state;
	struct fake_session *kept = keep(t, ID_A, "purple");

	set_auth(kept, OTHER);
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	ask(t, "PATH_INFO=/logout", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "none");
	assert_non_null(session_of(t, 1));
	assert_ptr_not_equal(session_of(t, 1), kept);
	assert_string_equal(kept->id, ID_A);
	assert_string_equal(fake_get(kept, "color"), "purple");
}

static void the_first_cookie_that_is_proven_counts(void **state)
{
	struct trial *t = *state;

	set_auth(keep(t, ID_A, "purple"), OTHER);
	keep(t, ID_C, "red");
	ask(t, "PATH_INFO=/look",
	    COOKIE(ID_A) "; sid=" ID_B SECRET "; sid=" ID_C SECRET);
	run(t);
	assert_answer(t, 0, 200, "red");
	assert_int_equal(t->store.loads, 1);
	assert_int_equal(t->store.loaded, 3);
}

/* Somebody plants a cookie of his own before that of his victim: it does not
 * keep the victim's from being tried. */
static void the_same_id_with_several_secrets_is_loaded_once(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/look",
	    "HTTP_COOKIE=sid=" ID_A OTHER "; sid=" ID_A SECRET);
	run(t);
	assert_answer(t, 0, 200, "purple");
	assert_int_equal(t->store.loaded, 1);
}

static void a_session_past_its_absolute_timeout_is_ended(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple")->born = 1;
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "none");
	assert_int_equal(fake_count(&t->store), 0);
}

static void past_its_absolute_timeout_a_change_makes_another(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple")->born = 1;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "{\"counter\":1}");
	assert_answer(t, 1, 200, "none");
	assert_null(fake_find(&t->store, ID_A));
	assert_null(fake_get(session_of(t, 0), "color"));
}

static void a_session_too_old_gives_way_to_the_next_cookie(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple")->born = 1;
	keep(t, ID_B, "green");
	ask(t, "PATH_INFO=/look", COOKIE(ID_A) "; sid=" ID_B SECRET);
	run(t);
	assert_answer(t, 0, 200, "green");
	assert_null(fake_find(&t->store, ID_A));
	assert_non_null(fake_find(&t->store, ID_B));
}

/* ---- what takes long -------------------------------------------------- */

static void blocking_handlers_run_when_the_others_are_answered(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/slow", COOKIE(ID_A));
	ask(t, "PATH_INFO=/slow", NULL);
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	run(t);
	assert_int_equal(t->place[2], 1);
	assert_answer(t, 0, 200, "red");
	assert_answer(t, 1, 200, "none");
}

static void whoever_blocks_says_so(void **state)
{
	struct trial *t = *state;

	ask(t, "PATH_INFO=/look", NULL);
	run(t);
	assert_int_equal(t->begun, 0);
	forget_answers(t);
	ask(t, "PATH_INFO=/slow", NULL);
	ask(t, "PATH_INFO=/slow", NULL);
	run(t);
	assert_int_equal(t->begun, 2);
	assert_int_equal(t->ended, 2);
}

static void slow_requests_are_received_when_the_others_are_answered(
	void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	prepare(t, "PATH_INFO=/look", COOKIE(ID_A), NULL)->phase =
		KRI_TO_RECEIVE;
	prepare(t, "PATH_INFO=/slow", COOKIE(ID_A), NULL)->phase =
		KRI_TO_RECEIVE;
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	run(t);
	assert_int_equal(t->place[2], 1);
	assert_answer(t, 0, 200, "red");
	assert_answer(t, 1, 200, "red");
	assert_int_equal(t->begun, 3);
	assert_int_equal(t->ended, 3);
}

/* ---- one batch after the other ---------------------------------------- */

static void nothing_of_a_batch_is_left_for_the_next(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	for (int i = 0; i < 20; i++) {
		forget_answers(t);
		ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
		ask(t, "PATH_INFO=/login", NULL);
		ask(t, "PATH_INFO=/look", NULL);
		run(t);
		assert_answer(t, 0, 200, "counter");
		assert_non_null(session_of(t, 1));
		*session_of(t, 1) = (struct fake_session){0};
		assert_answer(t, 2, 200, "none");
		assert_no_cookie(t, 2);
	}
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "counter"),
			    "20");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_batch_without_sessions_costs_the_store_nothing),
		TEST(an_empty_batch_does_nothing),
		TEST(all_sessions_of_a_batch_are_loaded_at_once),
		TEST(reading_commits_nothing),
		TEST(all_changes_of_a_batch_are_committed_at_once),
		TEST(who_needs_no_store_is_answered_before_the_load),
		TEST(who_only_reads_is_answered_in_the_order_of_asking),
		TEST(exchanges_of_one_session_share_its_record),
		TEST(an_exchange_sees_what_those_before_it_have_changed),
		TEST(after_a_logout_there_is_no_session),
		TEST(after_a_logout_a_change_makes_another_session),
		TEST(a_logout_after_a_change_ends_the_session),
		TEST(two_logouts_are_both_good),
		TEST(a_login_replaces_the_secret_in_place),
		TEST(a_handler_that_fails_leaves_the_changes_of_the_others),
		TEST(a_handler_that_fails_alone_commits_nothing),
		TEST(a_cross_site_request_commits_nothing),
		TEST(a_new_session_has_a_name_that_no_client_chose),
		TEST(who_has_the_wrong_secret_gets_another_session),
		TEST(the_first_cookie_that_is_proven_counts),
		TEST(the_same_id_with_several_secrets_is_loaded_once),
		TEST(a_session_past_its_absolute_timeout_is_ended),
		TEST(past_its_absolute_timeout_a_change_makes_another),
		TEST(a_session_too_old_gives_way_to_the_next_cookie),
		TEST(blocking_handlers_run_when_the_others_are_answered),
		TEST(whoever_blocks_says_so),
		TEST(slow_requests_are_received_when_the_others_are_answered),
		TEST(nothing_of_a_batch_is_left_for_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
