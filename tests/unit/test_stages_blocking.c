/*
 * The stages and KR_BLOCKING: such a handler runs on the pool, and its loop
 * goes on.
 */
#include "stages_trial.h"

/* Lets one handler through, and runs the loop until it has been answered. */
static void let_through(struct trial *t)
{
	int before = t->sent;

	sem_post(&t->gate);
	while (t->sent == before) {
		uv_run(&t->loop, UV_RUN_ONCE);
		turn(t);
		if (t->store.waiting)
			answer_oldest(t);
	}
}

static void a_blocking_handler_runs_on_another_thread(void **state)
{
	struct trial *t = *state;

	ask(t, "PATH_INFO=/slow", NULL);
	turn(t);
	assert_false(is_answered(t, 0));
	let_through(t);
	assert_answer(t, 0, 200, "none");
	assert_true(t->elsewhere);
}

static void others_are_answered_meanwhile(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/slow", COOKIE(ID_A));
	ask(t, "PATH_INFO=/hello", NULL);
	ask(t, "PATH_INFO=/look", COOKIE(ID_A));
	turn(t);
	answer_oldest(t);
	answer_oldest(t);
	assert_answer(t, 1, 200, "Hello");
	assert_answer(t, 2, 200, "purple");
	ask2(t, "PATH_INFO=/paint", COOKIE(ID_A), "QUERY_STRING=color=red");
	turn(t);
	answer_oldest(t);
	answer_oldest(t);
	assert_answer(t, 3, 200, "Painted");
	assert_false(is_answered(t, 0));
	let_through(t);
	assert_answer(t, 0, 200, "purple");
}

static void several_run_side_by_side(void **state)
{
	struct trial *t = *state;

	for (int i = 0; i < 3; i++)
		ask(t, "PATH_INFO=/slow/hello", NULL);
	turn(t);
	assert_int_equal(t->sent, 0);
	for (int i = 0; i < 3; i++)
		let_through(t);
	assert_int_equal(t->sent, 3);
}

static void its_changes_are_committed(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/slow/counter", COOKIE(ID_A));
	turn(t);
	answer_oldest(t);
	let_through(t);
	assert_answer(t, 0, 200, "{\"counter\":1}");
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "counter"),
			    "1");
}

static void after_a_conflict_it_runs_again(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	t->store.intruders = 1;
	ask(t, "PATH_INFO=/slow/counter", COOKIE(ID_A));
	turn(t);
	sem_post(&t->gate);
	answer_oldest(t);
	let_through(t);
	assert_answer(t, 0, 200, "{\"counter\":2}");
	assert_int_equal(t->runs, 2);
}

static void what_could_not_be_loaded_blocks_nothing(void **state)
{
	struct trial *t = *state;

	t->store.load_err = KR_ERR_UNAVAILABLE;
	ask(t, "PATH_INFO=/slow", COOKIE(ID_A));
	turn(t);
	answer_oldest(t);
	assert_answer(t, 0, 503, "Retry-After");
}

static void an_atomic_one_of_its_session_waits_for_it(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/slow/counter", COOKIE(ID_A));
	turn(t);
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	answer_oldest(t);
	assert_int_equal(t->store.waiting, 0);
	let_through(t);
	run(t);
	assert_answer(t, 1, 200, "{\"counter\":2}");
	assert_int_equal(t->runs, 2);
}

/* An id is no secret: who knows only that must not hold up its owner. */
static void who_has_proven_nothing_keeps_nobody_waiting(void **state)
{
	struct trial *t = *state;

	keep(t, ID_A, "purple");
	ask(t, "PATH_INFO=/slow/counter", "HTTP_COOKIE=sid=" ID_A OTHER);
	turn(t);
	ask(t, "PATH_INFO=/counter", COOKIE(ID_A));
	turn(t);
	while (t->store.waiting)
		answer_oldest(t);
	assert_answer(t, 1, 200, "{\"counter\":1}");
	assert_false(is_answered(t, 0));
	let_through(t);
	assert_string_equal(fake_get(fake_find(&t->store, ID_A), "counter"),
			    "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_blocking_handler_runs_on_another_thread),
		TEST(others_are_answered_meanwhile),
		TEST(several_run_side_by_side),
		TEST(its_changes_are_committed),
		TEST(after_a_conflict_it_runs_again),
		TEST(what_could_not_be_loaded_blocks_nothing),
		TEST(an_atomic_one_of_its_session_waits_for_it),
		TEST(who_has_proven_nothing_keeps_nobody_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
