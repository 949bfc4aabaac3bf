/*
 * The stages: what a batch costs the store, what its exchanges see of each
 * other, and in which order they are answered.
 */
#include "stages_trial.h"

/* ---- what it costs ---------------------------------------------------- */

static void requests_without_sessions_cost_the_store_nothing(void **state)
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

static void all_changes_of_a_load_are_committed_at_once(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	keep(t, ID_B, "green");
	keep(t, ID_C, "white");
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_C), "QUERY_STRING=color=blue");
	ask(t, "PATH_INFO=/look", COOKIE(ID_B));
	run(t);
	assert_int_equal(t->store.commits, 1);
	assert_int_equal(t->store.committed, 2);
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "color"),
			    "red");
	assert_string_equal(fake_get(fake_find(&t->store, ID_C), "color"),
			    "blue");
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
	turn(t);
	assert_int_equal(t->sent, 2);
	assert_false(is_answered(t, 0));
	run(t);
	assert_answer(t, 0, 200, "purple");
}

static void who_needs_a_commit_only_does_not_wait_for_loads(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask2(t, "PATH_INFO=/paint", "QUERY_STRING=color=blue", NULL);
	turn(t);
	assert_int_equal(t->store.loads, 1);
	assert_int_equal(t->store.commits, 1);
	fake_answer(&t->store,
		    t->store.calls[0].carry_out == fake_carry_out_load);
	assert_answer(t, 1, 200, "Painted");
	assert_false(is_answered(t, 0));
	run(t);
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
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	run(t);
	assert_answer(t, 0, 200, "none");
	assert_answer(t, 1, 409, "send it again");
	assert_no_cookie(t, 0);
	assert_no_cookie(t, 1);
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
	assert_int_equal(session_of(t, 0)->ttl,
			 t->config.idle_timeout + t->config.idle_timeout / 16);
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

/* ---- several batches in flight ---------------------------------------- */

static void a_batch_does_not_wait_for_the_one_before(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	keep(t, ID_B, "green");
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	turn(t);
	ask(t, "PATH_INFO=/look", COOKIE(ID_B));
	turn(t);
	assert_int_equal(t->store.waiting, 2);
	fake_answer(&t->store, 1);
	assert_answer(t, 1, 200, "green");
	assert_false(is_answered(t, 0));
	fake_answer(&t->store, 0);
	assert_answer(t, 0, 200, "purple");
}

static void many_batches_are_in_flight_at_once(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	for (int i = 0; i < FAKE_CALLS; i++) {
		ask(t, "PATH_INFO=/look", COOKIE(ID_A));
		turn(t);
	}
	assert_int_equal(t->store.waiting, FAKE_CALLS);
	while (t->store.waiting)
		fake_answer(&t->store, t->store.waiting - 1);
	for (int i = 0; i < FAKE_CALLS; i++)
		assert_int_equal(t->place[i], FAKE_CALLS - i);
}

static void one_session_in_two_batches_is_changed_by_both(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	turn(t);
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	assert_int_equal(t->store.loads, 2);
	run(t);
	assert_answer(t, 0, 200, "Painted");
	assert_answer(t, 1, 200, "{\"counter\":1}");
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "color"),
			    "red");
}

static void what_a_batch_may_hold_is_limited(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	for (int i = 0; i < 2 * BATCH + 3; i++)
		ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	turn(t);
	assert_int_equal(t->store.loads, 3);
	assert_int_equal(t->stages.batches, 3);
	run(t);
	for (int i = 0; i < 2 * BATCH + 3; i++)
		assert_answer(t, i, 200, "purple");
}

static void all_that_a_turn_asks_for_is_flushed_once(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	for (int i = 0; i < 2 * BATCH; i++)
		ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	turn(t);
	assert_int_equal(t->store.flushes, 1);
	run(t);
}

static void four_cookies_of_every_request_fit_into_a_batch(void **state)
{
	static char cookies[BATCH][512];
	struct trial *t = *state;

	for (int i = 0; i < BATCH; i++) {
		char *text = cookies[i];

		text += sprintf(text, "HTTP_COOKIE=");
		for (int j = 0; j < KRI_CANDIDATES; j++)
			text += sprintf(text, "sid=%c%cAAAAAAAAAAAAAAAAAAAA%s;",
					'A' + i, 'a' + j, SECRET);
		ask2(t, "PATH_INFO=/paint", cookies[i],
		     "QUERY_STRING=color=red");
	}
	turn(t);
	assert_int_equal(t->store.loaded, BATCH * KRI_CANDIDATES);
	run(t);
	assert_int_equal(fake_count(&t->store), BATCH);
}

static void a_store_that_answers_at_once_is_served_too(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.at_once = true;
	for (int i = 0; i < 2 * BATCH; i++)
		ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	assert_int_equal(t->sent, 2 * BATCH);
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "counter"),
			    "16");
}

/* ---- touches ---------------------------------------------------------- */

static void a_touch_is_not_waited_for(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple")->seen = 0;
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	turn(t);
	answer_oldest(t);
	assert_answer(t, 0, 200, "purple");
	assert_int_equal(t->store.touches, 1);
	assert_int_equal(t->store.waiting, 0);
	assert_int_equal(t->stages.under_way, 0);
}

static void a_touch_rides_with_the_changes_of_others(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple")->seen = 0;
	keep(t, ID_B, "green");
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_B), "QUERY_STRING=color=red");
	turn(t);
	answer_oldest(t);
	assert_answer(t, 0, 200, "purple");
	assert_int_equal(t->store.commits, 1);
	assert_int_equal(t->store.committed, 2);
	run(t);
	assert_int_equal(t->store.touches, 1);
}

static void two_readers_touch_their_session_once(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple")->seen = 0;
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_int_equal(t->store.touches, 1);
}

static void a_change_is_the_touch(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple")->seen = 0;
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	run(t);
	assert_int_equal(t->store.touches, 0);
	assert_int_equal(fake_find(&t->store, ID_A)->ttl,
			 t->config.idle_timeout + t->config.idle_timeout / 16);
}

static void who_knows_only_the_id_touches_nothing(void **state)
{
	struct trial *t = *state;
	struct fake_session *kept = keep(t, ID_A, "purple");

	set_auth(kept, OTHER);
	kept->seen = 0;
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_int_equal(t->store.touches, 0);
	assert_int_equal(t->store.commits, 0);
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

/* How many of each there are that are not in use. */
static size_t count_batches(const struct trial *t)
{
	size_t n = 0;

	for (const struct kri_batch *b = t->stages.spare; b; b = b->next)
		n++;
	return n;
}

static size_t count_exchanges(const struct trial *t)
{
	size_t n = 0;

	for (const struct kr_context *c = t->stages.unused; c; c = c->next)
		n++;
	return n;
}

static void a_warm_loop_makes_neither_batches_nor_exchanges(void **state)
{
	struct trial *t = *state;
	size_t batches = 0, exchanges = 0;

	keep(t, ID_A, "purple");
	for (int i = 0; i < 30; i++) {
		forget_answers(t);
		for (int j = 0; j < BATCH + 3; j++)
			ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
		ask(t, "PATH_INFO=/look", NULL);
		turn(t);
		ask(t, "PATH_INFO=/look", COOKIE(ID_A));
		run(t);
		if (!i) {
			batches = count_batches(t);
			exchanges = count_exchanges(t);
		}
		assert_int_equal(count_batches(t), batches);
		assert_int_equal(count_exchanges(t), exchanges);
	}
	assert_in_range(batches, 1, 4);
	assert_int_equal(exchanges, BATCH + 4);
}

static void a_turn_that_has_enough_says_so(void **state)
{
	struct trial *t = *state;

	t->stages.cap = 1;
	for (int i = 0; i < 8; i++) {
		assert_false(kri_stages_is_full(&t->stages));
		ask(t, "PATH_INFO=/look", NULL);
	}
	assert_true(kri_stages_is_full(&t->stages));
	run(t);
	assert_false(kri_stages_is_full(&t->stages));
}

static void of_very_many_exchanges_some_are_kept(void **state)
{
	struct trial *t = *state;
	struct kr_context *taken[1000];

	for (size_t i = 0; i < 1000; i++) {
		taken[i] = kri_stages_take(&t->stages);
		assert_non_null(taken[i]);
	}
	for (size_t i = 0; i < 1000; i++)
		kri_stages_drop(&t->stages, taken[i]);
	assert_int_equal(t->stages.under_way, 0);
	assert_int_equal(count_exchanges(t), 512);
}

/* The last request of a program may leave it behind. */
static void an_end_by_age_may_outlive_its_request(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple")->born = 1;
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	turn(t);
	answer_oldest(t);
	assert_answer(t, 0, 200, "none");
	assert_int_equal(t->stages.under_way, 0);
	assert_int_equal(t->store.waiting, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_without_sessions_cost_the_store_nothing),
		TEST(an_empty_batch_does_nothing),
		TEST(all_sessions_of_a_batch_are_loaded_at_once),
		TEST(reading_commits_nothing),
		TEST(all_changes_of_a_load_are_committed_at_once),
		TEST(who_needs_no_store_is_answered_before_the_load),
		TEST(who_needs_a_commit_only_does_not_wait_for_loads),
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
		TEST(a_batch_does_not_wait_for_the_one_before),
		TEST(many_batches_are_in_flight_at_once),
		TEST(one_session_in_two_batches_is_changed_by_both),
		TEST(what_a_batch_may_hold_is_limited),
		TEST(all_that_a_turn_asks_for_is_flushed_once),
		TEST(four_cookies_of_every_request_fit_into_a_batch),
		TEST(a_store_that_answers_at_once_is_served_too),
		TEST(a_touch_is_not_waited_for),
		TEST(a_touch_rides_with_the_changes_of_others),
		TEST(two_readers_touch_their_session_once),
		TEST(a_change_is_the_touch),
		TEST(who_knows_only_the_id_touches_nothing),
		TEST(nothing_of_a_batch_is_left_for_the_next),
		TEST(a_warm_loop_makes_neither_batches_nor_exchanges),
		TEST(a_turn_that_has_enough_says_so),
		TEST(of_very_many_exchanges_some_are_kept),
		TEST(an_end_by_age_may_outlive_its_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
