/*
 * Turns: who has one, who waits for one, and that none is lost between
 * threads.
 */
#include "fcgi/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"

#define LONG 30000 /* ms, which no test may really take */
#define THREADS 6
#define ROUNDS 2000

struct fixture {
	struct kri_turns turns;
	struct kri_wait wait;
	int begun, ended;
	bool gives;   /* turn 1 is given back when somebody waits */
	int counter;  /* whoever has turn 1 counts */
	int refusals; /* of threads that waited */
	pthread_t threads[THREADS];
	pthread_mutex_t lock; /* of the refusals */
};

static bool begin(void *arg)
{
	struct fixture *f = arg;

	f->begun++;
	if (f->gives)
		kri_turns_give(&f->turns, 1);
	return true;
}

static void end(void *arg)
{
	((struct fixture *)arg)->ended++;
}

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){.lock = PTHREAD_MUTEX_INITIALIZER};
	f.wait = (struct kri_wait){begin, end, &f};
	kri_turns_init(&f.turns);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	kri_turns_free(&((struct fixture *)*state)->turns);
	return 0;
}

/* Two holders. */
static const char one[] = "one", two[] = "two";

static void a_turn_that_nobody_has_is_taken_at_once(void **state)
{
	struct fixture *f = *state;

	assert_true(kri_turns_try(&f->turns, 1, one));
	assert_true(kri_turns_take(&f->turns, 2, one, &f->wait, LONG));
	assert_int_equal(f->begun, 0);
}

static void who_has_a_turn_has_it_when_asking_again(void **state)
{
	struct fixture *f = *state;

	assert_true(kri_turns_try(&f->turns, 1, one));
	assert_true(kri_turns_try(&f->turns, 1, one));
	assert_true(kri_turns_take(&f->turns, 1, one, &f->wait, 0));
}

static void a_turn_is_one_holders(void **state)
{
	struct fixture *f = *state;

	assert_true(kri_turns_try(&f->turns, 1, one));
	assert_false(kri_turns_try(&f->turns, 1, two));
	assert_true(kri_turns_try(&f->turns, 1, one));
}

static void turns_have_nothing_to_do_with_each_other(void **state)
{
	struct fixture *f = *state;

	assert_true(kri_turns_try(&f->turns, 0, one));
	assert_true(kri_turns_try(&f->turns, 1, two));
	assert_true(kri_turns_try(&f->turns, KRI_TURNS - 1, two));
	kri_turns_give(&f->turns, 1);
	assert_false(kri_turns_try(&f->turns, 0, two));
}

static void a_turn_given_up_can_be_taken(void **state)
{
	struct fixture *f = *state;

	assert_true(kri_turns_try(&f->turns, 1, one));
	kri_turns_give(&f->turns, 1);
	assert_true(kri_turns_try(&f->turns, 1, two));
	assert_false(kri_turns_try(&f->turns, 1, one));
}

static void an_id_has_always_the_same_turn(void **state)
{
	(void)state;
	assert_int_equal(kri_turns_of("AAAAAAAAAAAAAAAAAAAAAA"),
			 kri_turns_of("AAAAAAAAAAAAAAAAAAAAAA"));
	assert_in_range(kri_turns_of("zzzzzzzzzzzzzzzzzzzzzw"), 0,
			KRI_TURNS - 1);
}

static void ids_that_differ_mostly_have_different_turns(void **state)
{
	char id[] = "AAAAAAAAAAAAAAAAAAAAAA";
	static unsigned char seen[KRI_TURNS];
	int different = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		unsigned turn;

		id[0] = (char)('A' + i % 26);
		id[20] = (char)('A' + i / 26 % 26);
		id[10] = (char)('A' + i / 676);
		turn = kri_turns_of(id);
		different += !seen[turn];
		seen[turn] = 1;
	}
	assert_true(different > 800);
}

static void who_waits_says_so_and_gets_the_turn_when_it_is_given(void **state)
{
	struct fixture *f = *state;

	f->gives = true;
	assert_true(kri_turns_try(&f->turns, 1, one));
	assert_true(kri_turns_take(&f->turns, 1, two, &f->wait, LONG));
	assert_false(kri_turns_try(&f->turns, 1, one));
	assert_int_equal(f->begun, 1);
	assert_int_equal(f->ended, 1);
}

static void who_waits_gives_up_in_time(void **state)
{
	struct fixture *f = *state;
	int64_t start = kri_clock_ms();

	assert_true(kri_turns_try(&f->turns, 1, one));
	assert_false(kri_turns_take(&f->turns, 1, two, &f->wait, 30));
	assert_true(kri_clock_ms() - start >= 30);
	assert_int_equal(f->begun, 1);
	assert_int_equal(f->ended, 1);
	assert_true(kri_turns_try(&f->turns, 1, one));
}

static void after_giving_up_nobody_is_counted_as_waiting(void **state)
{
	struct fixture *f = *state;

	assert_true(kri_turns_try(&f->turns, 1, one));
	assert_false(kri_turns_take(&f->turns, 1, two, &f->wait, 0));
	assert_int_equal(f->turns.waiting, 0);
}

/* Counts with the turn as its only lock. */
static void *count(void *arg)
{
	struct fixture *f = arg;
	int own = 0;

	for (int i = 0; i < ROUNDS; i++) {
		/* Half of them by luck, as the load stage does. */
		if (!(i % 2 && kri_turns_try(&f->turns, 1, &own)) &&
		    !kri_turns_take(&f->turns, 1, &own, &kri_wait_alone,
				    LONG)) {
			pthread_mutex_lock(&f->lock);
			f->refusals++;
			pthread_mutex_unlock(&f->lock);
			continue;
		}
		f->counter++;
		kri_turns_give(&f->turns, 1);
	}
	return NULL;
}

static void of_many_threads_one_has_the_turn_and_none_waits_in_vain(
	void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&f->threads[i], NULL, count, f),
				 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(f->threads[i], NULL);
	assert_int_equal(f->refusals, 0);
	assert_int_equal(f->counter, THREADS * ROUNDS);
	assert_int_equal(f->turns.waiting, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_turn_that_nobody_has_is_taken_at_once),
		TEST(who_has_a_turn_has_it_when_asking_again),
		TEST(a_turn_is_one_holders),
		TEST(turns_have_nothing_to_do_with_each_other),
		TEST(a_turn_given_up_can_be_taken),
		TEST(an_id_has_always_the_same_turn),
		TEST(ids_that_differ_mostly_have_different_turns),
		TEST(who_waits_says_so_and_gets_the_turn_when_it_is_given),
		TEST(who_waits_gives_up_in_time),
		TEST(after_giving_up_nobody_is_counted_as_waiting),
		TEST(of_many_threads_one_has_the_turn_and_none_waits_in_vain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
