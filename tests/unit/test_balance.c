/*
 * The balance: when a loop joins, when one goes, and what moves; then whole
 * runs, which have to settle and stay so.
 */
#include "fcgi/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LOOPS 4
#define CONNECTIONS 2000
#define LONG 400 /* judgements: more than any run needs to settle */

/* ---- one judgement ---------------------------------------------------- */

static void a_loop_that_keeps_up_is_alone(void **state)
{
	const struct kri_share shares[LOOPS] = {{0.7, 0, 100, 0}};
	struct kri_move move;
	int active = 1;

	(void)state;
	assert_false(kri_balance(shares, LOOPS, &active, &move));
	assert_int_equal(active, 1);
}

static void one_that_finds_half_a_batch_at_once_falls_behind_sooner(
	void **state)
{
	const struct kri_share deep[LOOPS] = {{0.6, 0.9, 100, 0}};
	const struct kri_share idle[LOOPS] = {{0.4, 0.9, 100, 0}};
	struct kri_move move;
	int active = 1;

	(void)state;
	assert_false(kri_balance(idle, LOOPS, &active, &move));
	assert_int_equal(active, 1);
	assert_true(kri_balance(deep, LOOPS, &active, &move));
	assert_int_equal(active, 2);
}

static void when_one_falls_behind_another_gets_half_of_its_work(void **state)
{
	const struct kri_share shares[LOOPS] = {{0.9, 0, 100, 0}};
	struct kri_move move;
	int active = 1;

	(void)state;
	assert_true(kri_balance(shares, LOOPS, &active, &move));
	assert_int_equal(active, 2);
	assert_int_equal(move.from, 0);
	assert_int_equal(move.to, 1);
	assert_int_equal(move.n, 50);
}

static void there_are_no_more_loops_than_there_are(void **state)
{
	const struct kri_share shares[2] = {{1, 0, 100, 0}, {1, 0, 100, 0}};
	struct kri_move move;
	int active = 2;

	(void)state;
	assert_false(kri_balance(shares, 2, &active, &move));
	assert_int_equal(active, 2);
}

/* Another begins with what is new. */
static void one_connection_cannot_be_split(void **state)
{
	const struct kri_share shares[LOOPS] = {{1, 0, 1, 0}};
	struct kri_move move;
	int active = 1;

	(void)state;
	assert_false(kri_balance(shares, LOOPS, &active, &move));
	assert_int_equal(active, 2);
}

static void with_little_to_do_the_last_gives_all_it_has(void **state)
{
	const struct kri_share shares[LOOPS] = {
		{0.3, 0, 40, 0}, {0.2, 0, 30, 0}, {0.2, 0, 20, 0}};
	struct kri_move move;
	int active = 3;

	(void)state;
	assert_true(kri_balance(shares, LOOPS, &active, &move));
	assert_int_equal(active, 2);
	assert_int_equal(move.from, 2);
	assert_int_equal(move.to, 1);
	assert_int_equal(move.n, 20);
}

static void the_last_loop_stays(void **state)
{
	const struct kri_share shares[LOOPS] = {{0, 0, 0, 0}};
	struct kri_move move;
	int active = 1;

	(void)state;
	assert_false(kri_balance(shares, LOOPS, &active, &move));
	assert_int_equal(active, 1);
}

/* Two that are at work for 40 % are one for 80 %, which would call for the
 * second at once. */
static void a_loop_goes_only_when_the_others_keep_up_without_it(void **state)
{
	const struct kri_share shares[LOOPS] = {{0.4, 0, 40, 0},
						{0.4, 0, 40, 0}};
	struct kri_move move;
	int active = 2;

	(void)state;
	assert_false(kri_balance(shares, LOOPS, &active, &move));
	assert_int_equal(active, 2);
}

static void uneven_loads_are_evened_out(void **state)
{
	const struct kri_share shares[LOOPS] = {
		{0.3, 0, 10, 0}, {0.7, 0, 70, 0}, {0.5, 0, 50, 0}};
	struct kri_move move;
	int active = 3;

	(void)state;
	assert_true(kri_balance(shares, LOOPS, &active, &move));
	assert_int_equal(active, 3);
	assert_int_equal(move.from, 1);
	assert_int_equal(move.to, 0);
	assert_int_equal(move.n, 20);
}

static void a_small_difference_is_not_worth_a_move(void **state)
{
	const struct kri_share shares[LOOPS] = {{0.6, 0, 10, 0},
						{0.4, 0, 500, 0}};
	struct kri_move move;
	int active = 2;

	(void)state;
	assert_false(kri_balance(shares, LOOPS, &active, &move));
}

static void what_is_left_on_a_loop_that_has_gone_is_fetched(void **state)
{
	const struct kri_share shares[LOOPS] = {
		{0.6, 0, 10, 0}, {0.5, 0, 10, 0}, {0, 0, 0, 0}, {0.1, 0, 3, 0}};
	struct kri_move move;
	int active = 2;

	(void)state;
	assert_true(kri_balance(shares, LOOPS, &active, &move));
	assert_int_equal(active, 2);
	assert_int_equal(move.from, 3);
	assert_int_equal(move.to, 1);
	assert_int_equal(move.n, 3);
}

/* A heavy connection that is alone on its loop cannot go anywhere. */
static void a_difference_that_cannot_be_mended_does_not_keep_them_there(
	void **state)
{
	const struct kri_share shares[LOOPS] = {
		{0.7, 0, 1, 0}, {0.3, 0, 10, 0}, {0.1, 0, 3, 0}};
	struct kri_move move;
	int active = 2;

	(void)state;
	assert_true(kri_balance(shares, LOOPS, &active, &move));
	assert_int_equal(move.from, 2);
	assert_int_equal(move.n, 3);
}

/* One loop that is behind beside one that has nothing to do. */
static void before_a_loop_joins_the_others_take_what_they_can(void **state)
{
	const struct kri_share shares[LOOPS] = {{0.8, 0, 80, 0},
						{0.1, 0, 10, 0}};
	struct kri_move move;
	int active = 2;

	(void)state;
	assert_true(kri_balance(shares, LOOPS, &active, &move));
	assert_int_equal(active, 2);
	assert_int_equal(move.from, 0);
	assert_int_equal(move.to, 1);
}

static void a_new_connection_goes_to_who_has_least_to_do(void **state)
{
	const struct kri_share shares[LOOPS] = {
		{0.5, 0, 1, 0}, {0.2, 0, 90, 0}, {0.3, 0, 3, 0}, {0, 0, 0, 0}};

	(void)state;
	assert_int_equal(kri_balance_least(shares, 3), 1);
	assert_int_equal(kri_balance_least(shares, 4), 3);
}

static void of_two_that_are_as_busy_the_one_with_fewer_connections(void **state)
{
	const struct kri_share shares[LOOPS] = {
		{0, 0, 4, 0}, {0, 0, 3, 0}, {0, 0, 5, 0}};

	(void)state;
	assert_int_equal(kri_balance_least(shares, 3), 1);
}

/* What the last judgement said of the others is old by then. */
static void the_next_connection_goes_to_another(void **state)
{
	const struct kri_share shares[LOOPS] = {{0.1, 1, .given = 2},
						{0.9, 1, .given = 1},
						{0.3, 1, .given = 1}};

	(void)state;
	assert_int_equal(kri_balance_least(shares, 3), 2);
}

/* ---- whole runs ------------------------------------------------------- */

/* Connections with the work that each makes, and which loop has it. */
struct run {
	int active;
	size_t n; /* connections */
	double work[CONNECTIONS];
	int at[CONNECTIONS];
	struct kri_share shares[LOOPS];
	int moves, changes; /* of connections; of how many loops are active */
	unsigned random;
};

/* A number from 0 up to 1. */
static double chance(struct run *run)
{
	run->random = run->random * 1103515245u + 12345u;
	return (run->random >> 8) % 65536 / 65536.0;
}

/* Measured for a quarter of a second, and so not quite exact. */
static void measure(struct run *run)
{
	for (int i = 0; i < LOOPS; i++)
		run->shares[i] = (struct kri_share){0};
	for (size_t i = 0; i < run->n; i++) {
		struct kri_share *share = &run->shares[run->at[i]];

		share->busy += run->work[i];
		share->connections++;
	}
	for (int i = 0; i < LOOPS; i++) {
		struct kri_share *share = &run->shares[i];

		share->busy *= 0.95 + chance(run) / 10;
		if (share->busy > 1)
			share->busy = 1;
	}
}

/* The connection of that loop with least work. */
static size_t lightest(const struct run *run, int loop)
{
	size_t found = run->n;

	for (size_t i = 0; i < run->n; i++)
		if (run->at[i] == loop &&
		    (found == run->n || run->work[i] < run->work[found]))
			found = i;
	return found;
}

/* Those go first that have been idle for longest. */
static void carry_out(struct run *run, const struct kri_move *move)
{
	run->moves++;
	assert_int_not_equal(move->from, move->to);
	assert_in_range(move->to, 0, run->active - 1);
	for (size_t i = 0; i < move->n; i++) {
		size_t one = lightest(run, move->from);

		assert_int_not_equal(one, run->n);
		run->at[one] = move->to;
	}
}

static void judge(struct run *run)
{
	struct kri_move move;
	int before = run->active;

	measure(run);
	if (kri_balance(run->shares, LOOPS, &run->active, &move))
		carry_out(run, &move);
	assert_in_range(run->active, 1, LOOPS);
	run->changes += run->active != before;
}

static void judge_for_long(struct run *run)
{
	for (int i = 0; i < LONG; i++)
		judge(run);
	run->moves = run->changes = 0;
}

/* Once settled, nothing changes for as long again. */
static void assert_settles(struct run *run)
{
	judge_for_long(run);
	for (int i = 0; i < LONG; i++)
		judge(run);
	assert_int_equal(run->changes, 0);
	assert_in_range(run->moves, 0, LONG / 20);
}

/* That many connections, which make so much work together. */
static void begin(struct run *run, size_t n, double work)
{
	*run = (struct run){.active = 1, .n = n};
	for (size_t i = 0; i < n; i++)
		run->work[i] = work / (double)n;
}

static double most_of(const struct run *run)
{
	double most = 0;

	for (int i = 0; i < run->active; i++)
		if (run->shares[i].busy > most)
			most = run->shares[i].busy;
	return most;
}

static void every_load_settles(void **state)
{
	static struct run run;

	(void)state;
	for (int tenths = 1; tenths <= 45; tenths++) {
		begin(&run, 64, tenths / 10.0);
		assert_settles(&run);
	}
}

static void a_load_that_one_can_carry_is_carried_by_one(void **state)
{
	static struct run run;

	(void)state;
	begin(&run, 64, 0.6);
	assert_settles(&run);
	assert_int_equal(run.active, 1);
}

static void a_load_for_two_is_spread_over_at_least_two(void **state)
{
	static struct run run;

	(void)state;
	begin(&run, 64, 1.3);
	assert_settles(&run);
	assert_in_range(run.active, 2, 3);
	assert_true(most_of(&run) < 0.95);
}

static void a_load_for_all_is_spread_over_all(void **state)
{
	static struct run run;

	(void)state;
	begin(&run, 64, 3.6);
	assert_settles(&run);
	assert_int_equal(run.active, LOOPS);
}

static void when_the_load_goes_one_is_left_with_all(void **state)
{
	static struct run run;

	(void)state;
	begin(&run, 64, 3);
	judge_for_long(&run);
	for (size_t i = 0; i < run.n; i++)
		run.work[i] = 0.001;
	assert_settles(&run);
	assert_int_equal(run.active, 1);
	assert_int_equal(run.shares[0].connections, 64);
}

/* One client keeps its loop at work for 80 %, and nobody can help it. */
static void one_heavy_connection_does_not_make_loops_come_and_go(void **state)
{
	static struct run run;

	(void)state;
	for (size_t n = 1; n < 32; n += 6) {
		begin(&run, n, 0.05);
		run.work[0] = 0.8;
		assert_settles(&run);
		begin(&run, n, 0.05);
		run.work[n - 1] = 0.8;
		assert_settles(&run);
	}
}

static void two_heavy_connections_come_to_different_loops(void **state)
{
	static struct run run;

	(void)state;
	begin(&run, 2, 1.4);
	assert_settles(&run);
	assert_int_not_equal(run.at[0], run.at[1]);
}

/* Kept connections of a front server, most of them idle: those that go first
 * bring nothing along. */
static void two_thousand_idle_connections_do_not_keep_the_work_together(
	void **state)
{
	static struct run run;

	(void)state;
	begin(&run, CONNECTIONS, 0);
	for (size_t i = CONNECTIONS - 32; i < CONNECTIONS; i++)
		run.work[i] = 1.3 / 32;
	assert_settles(&run);
	assert_true(most_of(&run) < 0.95);
}

/* ---- connections of one request --------------------------------------- */

/* A front server that keeps none: each request is a new connection, given as
 * the server does it. For how much of `work` there is time. */
static double serve(struct run *run, double work)
{
	double given[LOOPS] = {0}, served = 0;

	for (int i = 0; i < 1000; i++) {
		int to = kri_balance_least(run->shares, run->active);

		run->shares[to].given++;
		given[to] += work / 1000;
	}
	for (int i = 0; i < LOOPS; i++) {
		struct kri_share *share = &run->shares[i];

		*share = (struct kri_share){
			.busy = given[i] < 1 ? given[i] : 1,
			.connections = (size_t)(given[i] * 10),
		};
		served += share->busy;
	}
	return served;
}

static void connections_of_one_request_keep_both_loops_at_work(void **state)
{
	static struct run run;
	struct kri_move move;
	double served = 0;

	(void)state;
	begin(&run, 0, 0);
	for (int i = 0; i < LONG; i++) {
		double now = serve(&run, 1.6);

		if (i >= LONG / 2)
			served += now;
		(void)kri_balance(run.shares, 2, &run.active, &move);
	}
	assert_int_equal(run.active, 2);
	assert_true(served > 1.5 * LONG / 2);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_loop_that_keeps_up_is_alone),
		TEST(one_that_finds_half_a_batch_at_once_falls_behind_sooner),
		TEST(when_one_falls_behind_another_gets_half_of_its_work),
		TEST(there_are_no_more_loops_than_there_are),
		TEST(one_connection_cannot_be_split),
		TEST(with_little_to_do_the_last_gives_all_it_has),
		TEST(the_last_loop_stays),
		TEST(a_loop_goes_only_when_the_others_keep_up_without_it),
		TEST(uneven_loads_are_evened_out),
		TEST(a_small_difference_is_not_worth_a_move),
		TEST(what_is_left_on_a_loop_that_has_gone_is_fetched),
		TEST(a_difference_that_cannot_be_mended_does_not_keep_them_there),
		TEST(before_a_loop_joins_the_others_take_what_they_can),
		TEST(a_new_connection_goes_to_who_has_least_to_do),
		TEST(of_two_that_are_as_busy_the_one_with_fewer_connections),
		TEST(the_next_connection_goes_to_another),
		TEST(every_load_settles),
		TEST(a_load_that_one_can_carry_is_carried_by_one),
		TEST(a_load_for_two_is_spread_over_at_least_two),
		TEST(a_load_for_all_is_spread_over_all),
		TEST(when_the_load_goes_one_is_left_with_all),
		TEST(one_heavy_connection_does_not_make_loops_come_and_go),
		TEST(two_heavy_connections_come_to_different_loops),
		TEST(two_thousand_idle_connections_do_not_keep_the_work_together),
		TEST(connections_of_one_request_keep_both_loops_at_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
