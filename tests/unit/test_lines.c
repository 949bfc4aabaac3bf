/*
 * Lines: whose turn it is, who waits, and that nobody waits for ever.
 */
#include "fcgi/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define EXCHANGES 400

struct trial {
	struct kri_lines lines;
	struct kr_context c[EXCHANGES];
};

/* Batches; only where they are counts. */
static struct kri_batch *const one = (struct kri_batch *)16;
static struct kri_batch *const two = (struct kri_batch *)32;

/* All exchanges are of one session. */
static int setup(void **state)
{
	struct trial *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	for (size_t i = 0; i < EXCHANGES; i++)
		strcpy(t->c[i].visit.candidates[0].token.id,
		       "AAAAAAAAAAAAAAAAAAAAAA");
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct trial *t = *state;

	kri_lines_free(&t->lines);
	free(t);
	return 0;
}

/* Exchange `i` is of another session than those of another number. */
static void name(struct trial *t, size_t i, unsigned number)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789-_";
	char *id = t->c[i].visit.candidates[0].token.id;

	id[0] = digits[number % 64];
	id[1] = digits[number / 64 % 64];
}

static bool enter(struct trial *t, size_t i, const struct kri_batch *batch)
{
	bool turn = false;

	assert_int_equal(kri_lines_enter(&t->lines, &t->c[i], batch, &turn),
			 KR_OK);
	return turn;
}

/* How many waited, in the order of arrival from exchange `first` on. */
static size_t leave(struct trial *t, size_t i, size_t first)
{
	const struct kr_context *c = kri_lines_leave(&t->lines, &t->c[i]);
	size_t n = 0;

	for (; c; c = c->next)
		assert_ptr_equal(c, &t->c[first + n++]);
	return n;
}

static void the_first_of_a_session_has_its_turn(void **state)
{
	struct trial *t = *state;

	assert_true(enter(t, 0, one));
	assert_non_null(t->c[0].line);
	assert_int_equal(leave(t, 0, 0), 0);
	assert_null(t->c[0].line);
}

static void those_of_one_batch_have_it_together(void **state)
{
	struct trial *t = *state;

	assert_true(enter(t, 0, one));
	assert_true(enter(t, 1, one));
	assert_ptr_equal(t->c[0].line, t->c[1].line);
	assert_int_equal(leave(t, 0, 0), 0);
	assert_int_equal(leave(t, 1, 0), 0);
}

static void one_of_another_batch_waits(void **state)
{
	struct trial *t = *state;

	assert_true(enter(t, 0, one));
	assert_false(enter(t, 1, two));
	assert_null(t->c[1].line);
	assert_int_equal(leave(t, 0, 1), 1);
}

static void who_waited_waits_for_all_of_the_batch(void **state)
{
	struct trial *t = *state;

	assert_true(enter(t, 0, one));
	assert_true(enter(t, 1, one));
	assert_false(enter(t, 2, two));
	assert_int_equal(leave(t, 0, 2), 0);
	assert_int_equal(leave(t, 1, 2), 1);
}

static void those_who_waited_come_in_the_order_of_arrival(void **state)
{
	struct trial *t = *state;

	assert_true(enter(t, 0, one));
	for (size_t i = 1; i < 10; i++)
		assert_false(enter(t, i, two));
	assert_int_equal(leave(t, 0, 1), 9);
}

static void those_who_waited_may_go_together(void **state)
{
	struct trial *t = *state;

	assert_true(enter(t, 0, one));
	assert_false(enter(t, 1, two));
	assert_false(enter(t, 2, two));
	assert_int_equal(leave(t, 0, 1), 2);
	assert_true(enter(t, 1, two));
	assert_true(enter(t, 2, two));
	assert_false(enter(t, 3, one));
	assert_int_equal(leave(t, 2, 3), 0);
	assert_int_equal(leave(t, 1, 3), 1);
}

static void who_comes_when_all_have_left_has_its_turn(void **state)
{
	struct trial *t = *state;

	assert_true(enter(t, 0, one));
	assert_int_equal(leave(t, 0, 0), 0);
	assert_true(enter(t, 1, two));
	assert_int_equal(leave(t, 1, 0), 0);
}

static void who_is_in_no_line_leaves_none(void **state)
{
	struct trial *t = *state;

	assert_null(kri_lines_leave(&t->lines, &t->c[0]));
	assert_true(enter(t, 0, one));
	assert_false(enter(t, 1, two));
	assert_null(kri_lines_leave(&t->lines, &t->c[2]));
	assert_int_equal(leave(t, 0, 1), 1);
}

static void sessions_do_not_wait_for_each_other(void **state)
{
	struct trial *t = *state;

	for (size_t i = 0; i < EXCHANGES; i++) {
		name(t, i, (unsigned)i);
		assert_true(enter(t, i, one));
	}
	for (size_t i = 0; i < EXCHANGES; i++)
		assert_int_equal(leave(t, i, 0), 0);
}

/* There are fewer lists than sessions, so some share one: each leaves in an
 * order of its own, and finds its own line. */
static void sessions_of_one_list_are_told_apart(void **state)
{
	struct trial *t = *state;
	const size_t half = EXCHANGES / 2;

	for (size_t i = 0; i < half; i++) {
		name(t, i, (unsigned)i * 21);
		name(t, half + i, (unsigned)i * 21);
		assert_true(enter(t, i, one));
	}
	for (size_t i = 0; i < half; i++)
		assert_false(enter(t, half + i, two));
	for (size_t i = 1; i < half; i += 2)
		assert_int_equal(leave(t, i, half + i), 1);
	for (size_t i = 0; i < half; i += 2)
		assert_int_equal(leave(t, i, half + i), 1);
}

/* A client chooses what its cookie says, and so in which list it comes. */
static void ids_that_differ_only_at_the_end_are_told_apart(void **state)
{
	struct trial *t = *state;

	t->c[1].visit.candidates[0].token.id[KRI_ID_LEN - 1] = 'g';
	assert_true(enter(t, 0, one));
	assert_true(enter(t, 1, two));
	assert_ptr_not_equal(t->c[0].line, t->c[1].line);
	assert_int_equal(leave(t, 0, 0), 0);
	assert_int_equal(leave(t, 1, 0), 0);
}

static void a_line_that_is_empty_is_used_again(void **state)
{
	struct trial *t = *state;
	const struct kri_line *line;

	assert_true(enter(t, 0, one));
	line = t->c[0].line;
	assert_int_equal(leave(t, 0, 0), 0);
	name(t, 1, 7);
	assert_true(enter(t, 1, two));
	assert_ptr_equal(t->c[1].line, line);
	assert_int_equal(leave(t, 1, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_of_a_session_has_its_turn),
		TEST(those_of_one_batch_have_it_together),
		TEST(one_of_another_batch_waits),
		TEST(who_waited_waits_for_all_of_the_batch),
		TEST(those_who_waited_come_in_the_order_of_arrival),
		TEST(those_who_waited_may_go_together),
		TEST(who_comes_when_all_have_left_has_its_turn),
		TEST(who_is_in_no_line_leaves_none),
		TEST(sessions_do_not_wait_for_each_other),
		TEST(sessions_of_one_list_are_told_apart),
		TEST(ids_that_differ_only_at_the_end_are_told_apart),
		TEST(a_line_that_is_empty_is_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
