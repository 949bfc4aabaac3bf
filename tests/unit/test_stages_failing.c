/*
 * The stages when something goes wrong: a store that fails, and others who
 * write meanwhile. Nobody may be told that something is stored which is not.
 */
#include "stages_trial.h"

/* ---- others write meanwhile ------------------------------------------- */

static void an_atomic_handler_runs_again_after_a_conflict(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.intruders = 2;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_int_equal(t->runs, 3);
	assert_int_equal(t->store.loads, 3);
	assert_answer(t, 0, 200, "{\"counter\":3}");
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "counter"),
			    "3");
}

static void an_answer_has_nothing_of_the_runs_before(void **state)
{
	struct trial *t = *state;
	const char *first;

	keep(t, ID_A, "purple");
	t->store.intruders = 1;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	first = strstr(answer(t, 0), "X-Run");
	assert_non_null(first);
	assert_null(strstr(first + 1, "X-Run"));
	assert_null(strstr(answer(t, 0), "{\"counter\":1}"));
}

static void conflicts_without_end_are_503_when_the_time_is_up(void **state)
{
	struct trial *t = *state;
	int64_t begin = kri_clock_us();

	keep(t, ID_A, "purple");
	t->config.io_timeout = 60;
	t->store.intruders = 1000000;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_true(kri_clock_us() - begin >= 60000);
	assert_in_range(t->runs, 3, 60);
	assert_answer(t, 0, 503, "\r\nRetry-After: 1\r\n");
}

static void many_conflicts_are_no_reason_to_give_up(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.intruders = 12;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_int_equal(t->runs, 13);
	assert_answer(t, 0, 200, "{\"counter\":13}");
}

/* The second run is at once; then others have to get out of the way. */
static void only_the_first_conflict_is_followed_by_a_run_at_once(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.at_once = true;
	t->store.intruders = 100;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	assert_int_equal(t->runs, 2);
	assert_int_equal(t->sent, 0);
	t->store.intruders = 0;
	run(t);
	assert_answer(t, 0, 200, "{\"counter\":3}");
}

static void all_atomic_handlers_of_a_session_run_again_together(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.intruders = 1;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "counter"),
			    "4");
	assert_answer(t, 0, 200, "{\"counter\":2}");
	assert_answer(t, 2, 200, "{\"counter\":4}");
	assert_int_equal(t->store.loaded, 1);
}

static void other_sessions_are_answered_after_the_first_commit(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	keep(t, ID_B, "green");
	t->store.intruders = 3;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_B), "QUERY_STRING=color=red");
	run(t);
	assert_answer(t, 1, 200, "Painted");
	assert_int_equal(t->place[1], 1);
	assert_int_equal(t->runs, 5);
}

static void another_handler_need_not_mind_other_writers(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.intruders = 1;
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	run(t);
	assert_int_equal(t->runs, 1);
	assert_answer(t, 0, 200, "Painted");
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "counter"),
			    "1");
}

/* ---- others end the session meanwhile --------------------------------- */

static void a_session_that_ends_meanwhile_is_answered_503(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.intruders = 1;
	t->store.ends = true;
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	run(t);
	assert_answer(t, 0, 503, "ended");
	assert_no_cookie(t, 0);
	assert_int_equal(fake_count(&t->store), 0);
}

/* The second commit finds that the session has ended. */
static enum kr_err count_and_end(struct kr_context *c)
{
	enum kr_err err = counter(c);

	trial->store.ends = trial->runs == 2;
	return err;
}

/* The first commit is a conflict; then the session ends, and the second load
 * finds none. */
static enum kr_err count_and_lose(struct kr_context *c)
{
	enum kr_err err = counter(c);

	fake_find(&trial->store, ID_A)->version++;
	return err;
}

static void lose_before_load(struct kri_link *link, struct kri_record **records,
			     size_t n, kri_store_done *done, void *arg)
{
	struct trial *t = trial;

	if (t->store.commits)
		*fake_find(&t->store, ID_A) = (struct fake_session){0};
	fake_load(link, records, n, done, arg);
}

static void a_session_that_ends_before_it_runs_again_is_answered_503(
	void **state)
{
	struct trial *t = *state;
	static struct kri_store_ops ops;

	ops = *t->store.base.ops;
	ops.load = lose_before_load;
	t->store.base.ops = &ops;
	assert_int_equal(map(&t->router, "/lose", count_and_lose,
			     KR_SESSION | KR_ATOMIC),
			 KR_OK);
	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/lose", COOKIE(ID_A));
	run(t);
	assert_int_equal(t->runs, 1);
	assert_answer(t, 0, 503, "ended");
	assert_no_cookie(t, 0);
	assert_int_equal(fake_count(&t->store), 0);
}

static void a_session_that_ends_in_a_later_run_is_answered_503(void **state)
{
	struct trial *t = *state;

	assert_int_equal(
		map(&t->router, "/end", count_and_end, KR_SESSION | KR_ATOMIC),
		KR_OK);
	keep(t, ID_A, "purple");
	t->store.intruders = 2;
	ask(t, "PATH_INFO=/end", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 503, "Retry-After");
	assert_no_cookie(t, 0);
	assert_int_equal(fake_count(&t->store), 0);
}

/* ---- a store that fails ----------------------------------------------- */

static void without_a_load_no_handler_of_a_session_runs(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.load_err = KR_ERR_UNAVAILABLE;
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask(t, "PATH_INFO=/hello", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 503, "\r\nRetry-After: 1\r\n");
	assert_answer(t, 1, 200, "Hello");
	assert_int_equal(t->runs, 1);
}

static void a_load_that_fails_is_not_the_others_concern(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	keep(t, ID_B, "green");
	t->store.load_err = KR_ERR_PROTOCOL;
	t->store.load_err_id = ID_A;
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask(t, "PATH_INFO=/look", COOKIE(ID_B));
	ask(t, "PATH_INFO=/look", COOKIE(ID_A) "; sid=" ID_B SECRET);
	run(t);
	assert_answer(t, 0, 503, "Session store unavailable");
	assert_answer(t, 1, 200, "green");
	assert_answer(t, 2, 200, "green");
}

/* It may be the session: with a new one, the client would lose it. */
static void a_load_that_fails_makes_no_new_session(void **state)
{
	struct trial *t = *state;

	t->store.load_err = KR_ERR_TIMEOUT;
	t->store.load_err_id = ID_A;
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A) "; sid=" ID_B SECRET,
	     "QUERY_STRING=color=red");
	run(t);
	assert_answer(t, 0, 503, "Session store unavailable");
	assert_no_cookie(t, 0);
	assert_int_equal(fake_count(&t->store), 0);
}

static void what_was_not_stored_is_answered_503(void **state)
{
	static const enum kr_err errs[] = {KR_ERR_UNAVAILABLE, KR_ERR_TIMEOUT,
					   KR_ERR_FULL,        KR_ERR_DENIED,
					   KR_ERR_PROTOCOL,    KR_ERR_MEMORY};
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	for (size_t i = 0; i < sizeof(errs) / sizeof(*errs); i++) {
		forget_answers(t);
		t->store.commit_err = errs[i];
		ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
		ask(t, "PATH_INFO=/login", COOKIE(ID_A));
		ask(t, "PATH_INFO=/login", NULL);
		run(t);
		for (int j = 0; j < 3; j++) {
			assert_answer(t, j, 503, "\r\nRetry-After: 1\r\n");
			assert_no_cookie(t, j);
		}
		assert_int_equal(t->runs, 3);
	}
}

static void a_logout_that_was_not_stored_is_answered_503(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.commit_err = KR_ERR_UNAVAILABLE;
	ask(t, "PATH_INFO=/logout", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 503, "Session store unavailable");
	assert_no_cookie(t, 0);
}

static void who_has_read_what_was_not_stored_is_answered_503(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.commit_err = KR_ERR_UNAVAILABLE;
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 503, "Session store unavailable");
	assert_answer(t, 1, 503, "Session store unavailable");
}

static void who_has_read_what_is_stored_is_answered(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	keep(t, ID_B, "green");
	t->store.commit_err = KR_ERR_UNAVAILABLE;
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	ask(t, "PATH_INFO=/look", COOKIE(ID_B));
	run(t);
	assert_answer(t, 0, 200, "purple");
	assert_answer(t, 1, 503, "Session store unavailable");
	assert_answer(t, 2, 200, "green");
}

/* The session lives on, and its user believes that it does not. */
static void a_second_logout_fails_with_the_first(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.commit_err = KR_ERR_UNAVAILABLE;
	ask(t, "PATH_INFO=/logout", COOKIE(ID_A));
	ask(t, "PATH_INFO=/logout", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 503, "Session store unavailable");
	assert_answer(t, 1, 503, "Session store unavailable");
	assert_no_cookie(t, 1);
}

static void who_has_seen_a_logout_that_was_not_stored_is_answered_503(
	void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.commit_err = KR_ERR_UNAVAILABLE;
	ask(t, "PATH_INFO=/logout", COOKIE(ID_A));
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_answer(t, 1, 503, "Session store unavailable");
}

static void an_end_by_age_that_fails_is_tried_again_next_time(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple")->born = 1;
	t->store.commit_err = KR_ERR_UNAVAILABLE;
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "none");
	forget_answers(t);
	t->store.commit_err = KR_OK;
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "none");
	assert_int_equal(fake_count(&t->store), 0);
}

static void after_a_failure_the_next_batch_is_good_again(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.commit_err = KR_ERR_UNAVAILABLE;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	forget_answers(t);
	t->store.commit_err = KR_OK;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "{\"counter\":1}");
}

/* ---- past the cap ----------------------------------------------------- */

/* The next batch has room for no record. */
static void limit_batches(struct trial *t)
{
	ask(t, "PATH_INFO=/look", NULL);
	run(t);
	forget_answers(t);
	assert_non_null(t->stages.spare);
	assert_null(t->stages.spare->next);
	t->stages.spare->arena.limit = 64;
}

static void a_batch_past_its_memory_is_answered_503(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	limit_batches(t);
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask(t, "PATH_INFO=/look", NULL);
	run(t);
	assert_answer(t, 0, 503, "Out of memory");
	assert_answer(t, 1, 200, "none");
	assert_int_equal(t->store.loads, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_atomic_handler_runs_again_after_a_conflict),
		TEST(an_answer_has_nothing_of_the_runs_before),
		TEST(conflicts_without_end_are_503_when_the_time_is_up),
		TEST(many_conflicts_are_no_reason_to_give_up),
		TEST(only_the_first_conflict_is_followed_by_a_run_at_once),
		TEST(all_atomic_handlers_of_a_session_run_again_together),
		TEST(other_sessions_are_answered_after_the_first_commit),
		TEST(another_handler_need_not_mind_other_writers),
		TEST(a_session_that_ends_meanwhile_is_answered_503),
		TEST(a_session_that_ends_before_it_runs_again_is_answered_503),
		TEST(a_session_that_ends_in_a_later_run_is_answered_503),
		TEST(without_a_load_no_handler_of_a_session_runs),
		TEST(a_load_that_fails_is_not_the_others_concern),
		TEST(a_load_that_fails_makes_no_new_session),
		TEST(what_was_not_stored_is_answered_503),
		TEST(a_logout_that_was_not_stored_is_answered_503),
		TEST(who_has_read_what_was_not_stored_is_answered_503),
		TEST(who_has_read_what_is_stored_is_answered),
		TEST(a_second_logout_fails_with_the_first),
		TEST(who_has_seen_a_logout_that_was_not_stored_is_answered_503),
		TEST(an_end_by_age_that_fails_is_tried_again_next_time),
		TEST(after_a_failure_the_next_batch_is_good_again),
		TEST(a_batch_past_its_memory_is_answered_503),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
