/*
 * The stages and lines: KR_ATOMIC requests whose session is in flight wait and
 * go together, and nobody is forgotten there.
 */
#include "stages_trial.h"

static void an_atomic_request_waits_for_the_batch_of_its_session(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	assert_int_equal(t->store.loads, 1);
	answer_oldest(t);
	assert_int_equal(t->store.loads, 1);
	answer_oldest(t);
	assert_answer(t, 0, 200, "{\"counter\":1}");
	assert_int_equal(t->store.loads, 2);
	run(t);
	assert_answer(t, 1, 200, "{\"counter\":2}");
	assert_int_equal(t->runs, 2);
}

static void those_who_waited_go_together(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	for (int i = 0; i < BATCH; i++) {
		ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
		turn(t);
	}
	run(t);
	assert_answer(t, BATCH - 1, 200, "{\"counter\":8}");
	assert_int_equal(t->store.loads, 2);
	assert_int_equal(t->store.commits, 2);
	assert_int_equal(t->runs, BATCH);
}

static void more_than_a_batch_that_waited_go_one_after_the_other(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	for (int i = 0; i < 3 * BATCH; i++) {
		ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
		turn(t);
	}
	run(t);
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "counter"),
			    "24");
	assert_int_equal(t->runs, 3 * BATCH);
}

static void other_sessions_do_not_wait(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	keep(t, ID_B, "green");
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	ask(t, "PATH_INFO=/counter", COOKIE(ID_B));
	ask(t, "PATH_INFO=/counter", NULL);
	turn(t);
	assert_int_equal(t->store.waiting, 3);
	run(t);
}

static void who_only_reads_or_writes_does_not_wait(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	turn(t);
	assert_int_equal(t->store.loads, 2);
	run(t);
	assert_answer(t, 2, 200, "Painted");
}

/* A batch that is over may be the next one's memory: it is not the batch
 * that the session was in. */
static void who_runs_again_keeps_its_turn(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.at_once = true;
	t->store.intruders = 2;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	assert_int_equal(t->sent, 0);
	t->store.at_once = false;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	assert_int_equal(t->store.waiting, 0);
	run(t);
	assert_answer(t, 0, 200, "{\"counter\":3}");
	assert_answer(t, 1, 200, "{\"counter\":4}");
	assert_int_equal(t->runs, 4);
}

static void whatever_goes_wrong_the_next_one_has_its_turn(void **state)
{
	static const enum kr_err errs[] = {KR_ERR_UNAVAILABLE, KR_ERR_FULL,
					   KR_ERR_GONE};
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	for (size_t i = 0; i < sizeof(errs) / sizeof(*errs); i++) {
		forget_answers(t);
		t->store.commit_err = errs[i];
		ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
		turn(t);
		ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
		run(t);
		assert_answer(t, 0, 503, "Retry-After");
		assert_answer(t, 1, 503, "Retry-After");
	}
	forget_answers(t);
	t->store.load_err = KR_ERR_UNAVAILABLE;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_answer(t, 1, 503, "Retry-After");
}

static void who_has_waited_for_too_long_is_answered_503(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	t->config.io_timeout = 0;
	run(t);
	assert_answer(t, 0, 200, "{\"counter\":1}");
	assert_answer(t, 1, 503, "Retry-After");
	assert_int_equal(t->runs, 1);
}

/* The connection breaks when it is written to, at the end of the turn. */
static void who_gets_its_turn_by_a_broken_flush_is_not_forgotten(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	t->store.breaks = 1;
	turn(t);
	assert_answer(t, 0, 503, "Retry-After");
	assert_int_equal(t->store.waiting, 1);
	run(t);
	assert_answer(t, 1, 200, "{\"counter\":1}");
}

/* The line is that of its first cookie, the session is the second's. */
static void who_stands_in_the_line_of_another_cookie_is_answered(void **state)
{
	struct trial *t = *state;

	keep(t, ID_B, "green");
	t->store.intruders = 1;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A) "; sid=" ID_B SECRET);
	turn(t);
	ask(t, "PATH_INFO=/counter", COOKIE(ID_B));
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "counter");
	assert_answer(t, 1, 200, "counter");
	assert_answer(t, 2, 200, "{\"counter\":1}");
	assert_string_equal(fake_get(fake_find(&t->store, ID_B), "counter"),
			    "3");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_atomic_request_waits_for_the_batch_of_its_session),
		TEST(those_who_waited_go_together),
		TEST(more_than_a_batch_that_waited_go_one_after_the_other),
		TEST(other_sessions_do_not_wait),
		TEST(who_only_reads_or_writes_does_not_wait),
		TEST(who_runs_again_keeps_its_turn),
		TEST(whatever_goes_wrong_the_next_one_has_its_turn),
		TEST(who_has_waited_for_too_long_is_answered_503),
		TEST(who_gets_its_turn_by_a_broken_flush_is_not_forgotten),
		TEST(who_stands_in_the_line_of_another_cookie_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
