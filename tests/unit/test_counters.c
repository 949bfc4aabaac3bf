/*
 * The counters: buckets, blocks of threads and their sum, and the cells of
 * routes when there are more kinds of answers than room.
 */
#include "base/counters.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ROUNDS 100000

static struct kri_counters *sum_of_all(void)
{
	struct kri_counters *sum =
		aligned_alloc(_Alignof(struct kri_counters), sizeof(*sum));

	assert_non_null(sum);
	memset(sum, 0, sizeof(*sum));
	assert_int_equal(kri_counters_sum(sum), KR_OK);
	return sum;
}

static void drop(struct kri_counters *sum)
{
	kri_counters_free_sum(sum);
	free(sum);
}

static uint64_t sum_of(enum kri_metric metric)
{
	struct kri_counters *sum = sum_of_all();
	uint64_t n = sum->n[metric];

	drop(sum);
	return n;
}

static uint64_t count_of(const struct kri_counters *sum, size_t route,
			 uint32_t key)
{
	uint64_t n = 0;

	for (size_t i = 0; i < KRI_CELLS; i++)
		if (sum->routes[route].cells[i].key == key)
			n += sum->routes[route].cells[i].n;
	return n;
}

static void answer(size_t route, unsigned method, unsigned status)
{
	const struct kri_answered answered = {
		.route = route,
		.method = method,
		.status = status,
	};

	kri_count_request(&answered);
}

/* ---- buckets ---------------------------------------------------------- */

static size_t time_bucket(int64_t us)
{
	return kri_bucket_of(us, KRI_TIME_SHIFT, KRI_TIME_BUCKETS);
}

static void a_value_that_is_a_bound_lies_below_it(void **state)
{
	(void)state;
	for (size_t i = 0; i + 1 < KRI_TIME_BUCKETS; i++) {
		int64_t bound = (int64_t)1 << (i + KRI_TIME_SHIFT);

		assert_int_equal(time_bucket(bound), i);
		assert_int_equal(time_bucket(bound + 1), i + 1);
		assert_int_equal(time_bucket(bound - 1),
				 bound / 2 >= bound - 1 && i ? i - 1 : i);
	}
}

static void what_is_below_and_above_all_bounds_has_a_bucket_too(void **state)
{
	(void)state;
	assert_int_equal(time_bucket(INT64_MIN), 0);
	assert_int_equal(time_bucket(-1), 0);
	assert_int_equal(time_bucket(0), 0);
	assert_int_equal(time_bucket(1), 0);
	assert_int_equal(time_bucket(INT64_MAX), KRI_TIME_BUCKETS - 1);
	assert_int_equal(kri_bucket_of(1, 0, KRI_BATCH_BUCKETS), 0);
	assert_int_equal(kri_bucket_of(2, 0, KRI_BATCH_BUCKETS), 1);
	assert_int_equal(kri_bucket_of(3, 0, KRI_BATCH_BUCKETS), 2);
	assert_int_equal(kri_bucket_of(256, 0, KRI_BATCH_BUCKETS), 8);
	assert_int_equal(kri_bucket_of(257, 0, KRI_BATCH_BUCKETS), 9);
}

static void the_sum_of_times_is_exact_and_none_is_negative(void **state)
{
	struct kri_answered answered = {
		.us = 100,
		.stages = {[KRI_STAGE_LOAD] = 23, [KRI_STAGE_COMMIT] = -5},
		.went = 1u << KRI_STAGE_LOAD | 1u << KRI_STAGE_COMMIT,
	};
	struct kri_counters *own = NULL, *sum;

	(void)state;
	assert_int_equal(kri_counters_open(1, &own), KR_OK);
	kri_counters_adopt(own);
	kri_count_request(&answered);
	kri_count_request(&answered);
	kri_counters_adopt(NULL);
	kri_count_request(&answered); /* nobody's */
	sum = sum_of_all();
	assert_int_equal(sum->histograms[KRI_HISTOGRAM_REQUEST].sum, 200);
	assert_int_equal(sum->histograms[KRI_HISTOGRAM_REQUEST].buckets[3], 2);
	assert_int_equal(sum->histograms[KRI_STAGE_LOAD].sum, 46);
	assert_int_equal(sum->histograms[KRI_STAGE_LOAD].buckets[1], 2);
	assert_int_equal(sum->histograms[KRI_STAGE_COMMIT].sum, 0);
	assert_int_equal(sum->histograms[KRI_STAGE_COMMIT].buckets[0], 2);
	assert_int_equal(sum->histograms[KRI_STAGE_ACCEPT].buckets[0], 0);
	drop(sum);
	kri_counters_close(&own);
}

/* ---- blocks ----------------------------------------------------------- */

static void *count_alone(void *arg)
{
	struct kri_counters *own = NULL;

	assert_int_equal(kri_counters_open(2, &own), KR_OK);
	kri_counters_adopt(own);
	for (int i = 0; i < ROUNDS; i++) {
		kri_count(KRI_METRIC_CREATED);
		kri_count_error(KR_ERR_TIMEOUT);
		answer(1, 0, 200);
	}
	kri_counters_adopt(NULL);
	if (arg)
		*(struct kri_counters **)arg = own;
	else
		kri_counters_close(&own);
	return NULL;
}

static void *count_with_others(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		kri_count(KRI_METRIC_CREATED);
	return arg;
}

static void no_count_is_lost_between_threads(void **state)
{
	uint64_t before = sum_of(KRI_METRIC_CREATED);
	struct kri_counters *kept[2] = {NULL}, *sum;
	pthread_t threads[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL,
				       i < 4 ? count_alone : count_with_others,
				       i < 2 ? &kept[i] : NULL),
			0);
	for (int i = 0; i < 100; i++) /* a sum may be asked at any time */
		(void)sum_of(KRI_METRIC_CREATED);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(sum_of(KRI_METRIC_CREATED) - before, 6 * ROUNDS);
	sum = sum_of_all();
	assert_true(sum->errors[KR_ERR_TIMEOUT] >= 4 * ROUNDS);
	/* Two threads that ended have taken their routes with them. */
	assert_int_equal(count_of(sum, 1, 200), 2 * ROUNDS);
	drop(sum);
	kri_counters_close(&kept[0]);
	kri_counters_close(&kept[1]);
	assert_int_equal(sum_of(KRI_METRIC_CREATED) - before, 6 * ROUNDS);
}

static void an_error_that_is_none_is_not_counted(void **state)
{
	struct kri_counters *before = sum_of_all(), *after;

	(void)state;
	kri_count_error((enum kr_err)KRI_ERRORS);
	kri_count_error((enum kr_err) - 1);
	kri_count_error((enum kr_err)100000);
	after = sum_of_all();
	for (size_t i = 0; i < KRI_ERRORS; i++)
		assert_int_equal(before->errors[i], after->errors[i]);
	drop(before);
	drop(after);
}

/* ---- routes ----------------------------------------------------------- */

static void routes_are_told_apart_by_method_and_status(void **state)
{
	struct kri_counters *own = NULL, *sum;

	(void)state;
	assert_int_equal(kri_counters_open(3, &own), KR_OK);
	kri_counters_adopt(own);
	answer(0, 0, 404);
	answer(2, 0, 200);
	answer(2, 1, 200);
	answer(2, 1, 200);
	answer(3, 0, 200); /* there is no such route */
	kri_counters_adopt(NULL);
	answer(2, 0, 200); /* and no block */
	sum = sum_of_all();
	assert_int_equal(sum->routes_n, 3);
	assert_int_equal(count_of(sum, 0, 404), 1);
	assert_int_equal(count_of(sum, 1, 200), 0);
	assert_int_equal(count_of(sum, 2, 200), 1);
	assert_int_equal(count_of(sum, 2, 1 << 16 | 200), 2);
	drop(sum);
	kri_counters_close(&own);
}

static void more_answers_than_cells_are_counted_together(void **state)
{
	struct kri_counters *own = NULL, *sum;
	uint64_t all = 0;

	(void)state;
	assert_int_equal(kri_counters_open(1, &own), KR_OK);
	kri_counters_adopt(own);
	for (unsigned round = 0; round < 2; round++)
		for (unsigned status = 200; status < 600; status++)
			answer(0, 0, status);
	kri_counters_adopt(NULL);
	sum = sum_of_all();
	for (size_t i = 0; i < KRI_CELLS; i++)
		all += sum->routes[0].cells[i].n;
	assert_int_equal(all, 800);
	assert_int_equal(count_of(sum, 0, KRI_CELL_OTHER),
			 800 - 2 * (KRI_CELLS - 1));
	drop(sum);
	kri_counters_close(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_that_is_a_bound_lies_below_it),
		cmocka_unit_test(
			what_is_below_and_above_all_bounds_has_a_bucket_too),
		cmocka_unit_test(
			the_sum_of_times_is_exact_and_none_is_negative),
		cmocka_unit_test(no_count_is_lost_between_threads),
		cmocka_unit_test(an_error_that_is_none_is_not_counted),
		cmocka_unit_test(routes_are_told_apart_by_method_and_status),
		cmocka_unit_test(more_answers_than_cells_are_counted_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
