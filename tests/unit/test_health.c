/*
 * Health: how long nobody tries after a failure, and that then one tries for
 * all. Instead of waiting for the back-off, tests move its end into the past.
 */
#include "redis/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"

#define THREADS 8

static int setup(void **state)
{
	static struct kri_health health;

	kri_health_init(&health);
	*state = &health;
	return 0;
}

static int teardown(void **state)
{
	kri_health_free(*state);
	return 0;
}

/* As if the back-off were over. */
static void pass_time(struct kri_health *health)
{
	health->retry_at = kri_clock_ms();
}

/* Fails once more, and compares the back-off that this leads to. */
static void assert_backoff(struct kri_health *health, int delay)
{
	int64_t before = kri_clock_ms(), after;

	kri_health_bad(health);
	after = kri_clock_ms();
	assert_int_equal(health->delay, delay);
	assert_true(health->retry_at >= before + delay / 2);
	assert_true(health->retry_at <= after + delay);
}

static void it_is_good_at_first(void **state)
{
	struct kri_health *health = *state;

	assert_false(kri_health_is_bad(health));
	assert_true(kri_health_may_try(health));
	assert_true(kri_health_may_try(health));
}

static void that_it_is_still_good_is_no_news(void **state)
{
	assert_false(kri_health_good(*state));
}

static void the_first_failure_is_news(void **state)
{
	struct kri_health *health = *state;

	assert_true(kri_health_bad(health));
	assert_true(kri_health_is_bad(health));
	assert_false(kri_health_bad(health));
}

static void nobody_tries_during_the_back_off(void **state)
{
	struct kri_health *health = *state;

	kri_health_bad(health);
	assert_false(kri_health_may_try(health));
	assert_false(kri_health_may_try(health));
}

static void one_tries_for_all_when_it_is_over(void **state)
{
	struct kri_health *health = *state;

	kri_health_bad(health);
	pass_time(health);
	assert_true(kri_health_may_try(health));
	assert_false(kri_health_may_try(health));
	assert_false(kri_health_may_try(health));
}

static void the_back_off_ends_by_itself(void **state)
{
	struct kri_health *health = *state;
	int64_t begin = kri_clock_ms();

	kri_health_bad(health);
	while (!kri_health_may_try(health))
		assert_true(kri_clock_ms() < begin + 10000);
	assert_true(kri_clock_ms() >= begin + KRI_BACKOFF_MIN / 2);
}

static void a_success_lets_all_try_again(void **state)
{
	struct kri_health *health = *state;

	kri_health_bad(health);
	pass_time(health);
	assert_true(kri_health_may_try(health));
	assert_true(kri_health_good(health));
	assert_false(kri_health_is_bad(health));
	assert_true(kri_health_may_try(health));
	assert_true(kri_health_may_try(health));
}

static void a_success_is_news_once(void **state)
{
	struct kri_health *health = *state;

	kri_health_bad(health);
	assert_true(kri_health_good(health));
	assert_false(kri_health_good(health));
}

static void a_try_that_fails_begins_the_next_back_off(void **state)
{
	struct kri_health *health = *state;

	kri_health_bad(health);
	pass_time(health);
	assert_true(kri_health_may_try(health));
	assert_false(kri_health_bad(health));
	assert_false(kri_health_may_try(health));
	pass_time(health);
	assert_true(kri_health_may_try(health));
}

static void the_back_off_doubles_up_to_its_greatest(void **state)
{
	struct kri_health *health = *state;
	int delay = KRI_BACKOFF_MIN;

	for (int i = 0; i < 40; i++) {
		assert_backoff(health, delay);
		pass_time(health);
		delay = delay * 2 < KRI_BACKOFF_MAX ? delay * 2
						    : KRI_BACKOFF_MAX;
	}
}

static void failures_during_the_back_off_do_not_lengthen_it(void **state)
{
	struct kri_health *health = *state;
	int64_t retry_at;

	kri_health_bad(health);
	/* Far enough away for this machine to be slow. */
	health->retry_at = retry_at = kri_clock_ms() + 60000;
	for (int i = 0; i < 100; i++)
		kri_health_bad(health);
	assert_int_equal(health->delay, KRI_BACKOFF_MIN);
	assert_int_equal(health->retry_at, retry_at);
}

static void after_a_success_the_back_off_is_short_again(void **state)
{
	struct kri_health *health = *state;

	for (int i = 0; i < 5; i++) {
		kri_health_bad(health);
		pass_time(health);
	}
	kri_health_good(health);
	assert_backoff(health, KRI_BACKOFF_MIN);
}

/* Many processes must not come back all at once. */
static void back_offs_differ(void **state)
{
	struct kri_health *health = *state;
	int64_t least = INT64_MAX, most = 0;

	for (int i = 0; i < 6; i++) {
		kri_health_bad(health);
		pass_time(health);
	}
	for (int i = 0; i < 200; i++) {
		int64_t wait;

		pass_time(health);
		kri_health_bad(health);
		wait = health->retry_at - kri_clock_ms();
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
	}
	assert_true(most - least > KRI_BACKOFF_MAX / 4);
}

struct crowd {
	struct kri_health *health;
	pthread_barrier_t start;
	atomic_int may;
	atomic_int news;
};

static void *ask(void *arg)
{
	struct crowd *crowd = arg;

	pthread_barrier_wait(&crowd->start);
	crowd->may += kri_health_may_try(crowd->health);
	return NULL;
}

static void *break_down(void *arg)
{
	struct crowd *crowd = arg;

	pthread_barrier_wait(&crowd->start);
	crowd->news += kri_health_bad(crowd->health);
	return NULL;
}

/* Fails and recovers as it comes, for the thread sanitizer to watch. */
static void *live(void *arg)
{
	struct crowd *crowd = arg;

	pthread_barrier_wait(&crowd->start);
	for (int i = 0; i < 1000; i++) {
		if (!kri_health_may_try(crowd->health))
			kri_health_good(crowd->health);
		else if (i % 3)
			kri_health_good(crowd->health);
		else
			kri_health_bad(crowd->health);
	}
	return NULL;
}

static void run_all(struct crowd *crowd, void *(*run)(void *))
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&crowd->start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run, crowd),
				 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&crowd->start);
}

static void of_many_threads_one_may_try(void **state)
{
	struct crowd crowd = {.health = *state};

	kri_health_bad(crowd.health);
	pass_time(crowd.health);
	run_all(&crowd, ask);
	assert_int_equal(crowd.may, 1);
}

static void of_many_threads_one_has_the_news(void **state)
{
	struct crowd crowd = {.health = *state};

	run_all(&crowd, break_down);
	assert_int_equal(crowd.news, 1);
	assert_int_equal(crowd.health->delay, KRI_BACKOFF_MIN);
}

static void many_threads_may_use_it_at_once(void **state)
{
	struct crowd crowd = {.health = *state};

	run_all(&crowd, live);
	kri_health_good(crowd.health);
	assert_true(kri_health_may_try(crowd.health));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_good_at_first),
		TEST(that_it_is_still_good_is_no_news),
		TEST(the_first_failure_is_news),
		TEST(nobody_tries_during_the_back_off),
		TEST(one_tries_for_all_when_it_is_over),
		TEST(the_back_off_ends_by_itself),
		TEST(a_success_lets_all_try_again),
		TEST(a_success_is_news_once),
		TEST(a_try_that_fails_begins_the_next_back_off),
		TEST(the_back_off_doubles_up_to_its_greatest),
		TEST(failures_during_the_back_off_do_not_lengthen_it),
		TEST(after_a_success_the_back_off_is_short_again),
		TEST(back_offs_differ),
		TEST(of_many_threads_one_may_try),
		TEST(of_many_threads_one_has_the_news),
		TEST(many_threads_may_use_it_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
