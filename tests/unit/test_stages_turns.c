/*
 * The stages and turns: an exchange that writes what it computed from what
 * it read waits while another worker carries one of the same session. Here
 * the test is that other worker.
 */
#include "stages_trial.h"

#include "fcgi/turns.h"

static struct kri_turns turns;
static const char stranger[] = "stranger";

static int setup_turns(void **state)
{
	if (setup(state))
		return -1;
	kri_turns_init(&turns);
	trial->site.turns = &turns;
	return 0;
}

static int teardown_turns(void **state)
{
	kri_turns_free(&turns);
	return teardown(state);
}

/* The other worker takes the turn of a session. */
static void hold(const char *id)
{
	assert_true(kri_turns_try(&turns, kri_turns_of(id), stranger));
}

static void let_go(const char *id)
{
	kri_turns_give(&turns, kri_turns_of(id));
}

static void let_go_of_a(struct trial *t)
{
	(void)t;
	let_go(ID_A);
}

/* Fails unless nobody has the turn. */
static void assert_free(const char *id)
{
	hold(id);
	let_go(id);
}

static void a_turn_is_given_back_when_all_is_done(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_answer(t, 1, 200, "{\"counter\":2}");
	assert_free(ID_A);
}

static void a_turn_is_given_back_whatever_goes_wrong(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.intruders = 100;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	ask(t, "PATH_INFO=/counter", COOKIE(ID_B));
	run(t);
	assert_answer(t, 0, 503, "Retry-After");
	assert_free(ID_A);
	assert_free(ID_B);
	forget_answers(t);
	t->store.load_err = KR_ERR_UNAVAILABLE;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 503, "Retry-After");
	assert_free(ID_A);
	forget_answers(t);
	t->batch.arena.limit = 64;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 503, "Out of memory");
	assert_free(ID_A);
}

static void who_waits_for_a_turn_holds_nobody_up(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	keep(t, ID_B, "green");
	hold(ID_A);
	t->on_wait = let_go_of_a;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	ask(t, "PATH_INFO=/counter", COOKIE(ID_B));
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	run(t);
	assert_int_equal(t->place[0], 4);
	assert_answer(t, 0, 200, "{\"counter\":1}");
	assert_answer(t, 1, 200, "{\"counter\":1}");
	assert_answer(t, 2, 200, "purple");
	assert_answer(t, 3, 200, "Painted");
	assert_free(ID_A);
	assert_free(ID_B);
}

static void those_who_wait_for_a_turn_share_it(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	hold(ID_A);
	t->on_wait = let_go_of_a;
	for (int i = 0; i < 4; i++)
		ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_answer(t, 3, 200, "{\"counter\":4}");
	assert_int_equal(t->store.loads, 1);
	assert_int_equal(t->store.commits, 1);
	assert_int_equal(t->begun, 1);
	assert_int_equal(t->ended, 1);
}

static void a_turn_that_does_not_come_is_answered_503(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	keep(t, ID_B, "green");
	hold(ID_A);
	t->config.io_timeout = 20;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	ask(t, "PATH_INFO=/counter", COOKIE(ID_B));
	run(t);
	assert_answer(t, 0, 503, "Retry-After");
	assert_answer(t, 1, 200, "{\"counter\":1}");
	assert_int_equal(t->runs, 1);
	let_go(ID_A);
	assert_free(ID_A);
}

static void who_writes_without_reading_needs_no_turn(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	hold(ID_A);
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	ask(t, "PATH_INFO=/logout", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "Painted");
	assert_answer(t, 1, 200, "Bye");
	assert_int_equal(t->begun, 0);
	let_go(ID_A);
}

static void who_runs_again_keeps_the_turn(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.intruders = 3;
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	run(t);
	assert_answer(t, 0, 200, "{\"counter\":4}");
	assert_int_equal(t->begun, 0);
	assert_free(ID_A);
}

/* First the one wait, then the other. */
static void let_go_of_a_then_b(struct trial *t)
{
	if (t->begun == 2)
		let_go(ID_A);
	if (t->begun == 3)
		let_go(ID_B);
}

/*
 * It waits for the turn of the first cookie, and its session turns out to be
 * the second's. Run again, it is the other turn that it has to wait for.
 */
static void who_waits_twice_is_answered_too(void **state)
{
	struct trial *t = *state;

	keep(t, ID_B, "green");
	hold(ID_A);
	hold(ID_B);
	t->on_wait = let_go_of_a_then_b;
	t->store.intruders = 1;
	t->config.io_timeout = 1000;
	prepare(t, "PATH_INFO=/counter", COOKIE(ID_A) "; sid=" ID_B SECRET,
		NULL)
		->phase = KRI_TO_RECEIVE;
	run(t);
	assert_int_equal(t->sent, 1);
	assert_answer(t, 0, 200, "{\"counter\":2}");
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, setup_turns, teardown_turns)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_turn_is_given_back_when_all_is_done),
		TEST(a_turn_is_given_back_whatever_goes_wrong),
		TEST(who_waits_for_a_turn_holds_nobody_up),
		TEST(those_who_wait_for_a_turn_share_it),
		TEST(a_turn_that_does_not_come_is_answered_503),
		TEST(who_writes_without_reading_needs_no_turn),
		TEST(who_runs_again_keeps_the_turn),
		TEST(who_waits_twice_is_answered_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
