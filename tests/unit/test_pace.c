/*
 * When a worker says that it falls behind, or has little to do.
 */
#include "fcgi/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define CAP 32
#define LONG 1000 /* batches after which a verdict has come, if ever */

/* Whether so many equal batches, which take so long at the store, lead to
 * that verdict. */
static bool leads_to_at(struct kri_pace *pace, enum kri_pace_verdict wanted,
			int times, size_t n, int64_t us, int64_t store_us)
{
	bool found = false;

	for (int i = 0; i < times; i++)
		found |= kri_pace_note(pace, n, CAP, us, store_us) == wanted;
	return found;
}

static bool leads_to(struct kri_pace *pace, enum kri_pace_verdict wanted,
		     int times, size_t n, int64_t us)
{
	return leads_to_at(pace, wanted, times, n, us, 0);
}

static void small_quick_batches_are_little_to_do(void **state)
{
	struct kri_pace pace = {0};

	(void)state;
	assert_false(leads_to(&pace, KRI_PACE_FALLS_BEHIND, LONG, 3, 50));
	assert_true(leads_to(&pace, KRI_PACE_IS_IDLE, LONG, 3, 50));
}

static void a_few_of_them_say_nothing_yet(void **state)
{
	struct kri_pace pace = {0};

	(void)state;
	assert_false(leads_to(&pace, KRI_PACE_IS_IDLE, 63, 1, 10));
	assert_true(leads_to(&pace, KRI_PACE_IS_IDLE, 1, 1, 10));
	assert_false(leads_to(&pace, KRI_PACE_IS_IDLE, 63, 1, 10));
}

static void middling_batches_change_nothing(void **state)
{
	struct kri_pace pace = {0};

	(void)state;
	assert_false(leads_to(&pace, KRI_PACE_IS_IDLE, 63, 12, 200));
	assert_false(leads_to(&pace, KRI_PACE_IS_IDLE, LONG, 12, 200));
	assert_false(leads_to(&pace, KRI_PACE_FALLS_BEHIND, LONG, 12, 200));
}

static void full_batches_on_and_on_are_too_many(void **state)
{
	struct kri_pace pace = {0};

	(void)state;
	assert_true(leads_to(&pace, KRI_PACE_FALLS_BEHIND, 16, CAP, 200));
}

static void one_full_batch_is_a_burst(void **state)
{
	struct kri_pace pace = {0};

	(void)state;
	leads_to(&pace, KRI_PACE_KEEPS, LONG, 4, 40);
	assert_false(leads_to(&pace, KRI_PACE_FALLS_BEHIND, 1, CAP, 400));
	assert_false(leads_to(&pace, KRI_PACE_FALLS_BEHIND, LONG, 4, 40));
}

static void slow_batches_fall_behind_however_small(void **state)
{
	struct kri_pace pace = {0};

	(void)state;
	assert_true(leads_to(&pace, KRI_PACE_FALLS_BEHIND, LONG, 1, 1500));
	assert_false(leads_to(&pace, KRI_PACE_IS_IDLE, LONG, 1, 1500));
}

static void one_slow_batch_was_held_up(void **state)
{
	struct kri_pace pace = {0};

	(void)state;
	leads_to(&pace, KRI_PACE_KEEPS, LONG, 4, 40);
	assert_false(leads_to(&pace, KRI_PACE_FALLS_BEHIND, 1, 4, 10000));
}

static void batches_of_one_at_most_are_never_little_to_do(void **state)
{
	struct kri_pace pace = {0};
	bool behind = false;

	(void)state;
	for (int i = 0; i < LONG; i++) {
		enum kri_pace_verdict said = kri_pace_note(&pace, 1, 1, 10, 0);

		assert_int_not_equal(said, KRI_PACE_IS_IDLE);
		behind |= said == KRI_PACE_FALLS_BEHIND;
	}
	assert_true(behind);
}

static void while_the_store_is_far_others_are_to_help(void **state)
{
	struct kri_pace pace = {0};

	(void)state;
	assert_false(leads_to_at(&pace, KRI_PACE_IS_IDLE, 63, 1, 10, 400));
	assert_false(leads_to_at(&pace, KRI_PACE_IS_IDLE, LONG, 1, 10, 400));
	assert_true(leads_to_at(&pace, KRI_PACE_FALLS_BEHIND, 1, 1, 10, 400));
	assert_true(leads_to_at(&pace, KRI_PACE_IS_IDLE, LONG, 1, 10, 100));
}

static void a_store_that_is_quick_now_and_then_is_near(void **state)
{
	struct kri_pace pace = {0};
	bool behind = false;

	(void)state;
	for (int i = 0; i < 20; i++) {
		behind |= leads_to_at(&pace, KRI_PACE_FALLS_BEHIND, 63, 1, 10,
				      900);
		behind |= leads_to_at(&pace, KRI_PACE_FALLS_BEHIND, 1, 1, 10,
				      100);
	}
	assert_false(behind);
}

static void who_does_not_ask_the_store_cannot_find_it_far(void **state)
{
	struct kri_pace pace = {0};

	(void)state;
	leads_to_at(&pace, KRI_PACE_KEEPS, 2 * LONG, 1, 10, 400);
	assert_true(leads_to(&pace, KRI_PACE_IS_IDLE, LONG, 1, 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_quick_batches_are_little_to_do),
		cmocka_unit_test(a_few_of_them_say_nothing_yet),
		cmocka_unit_test(middling_batches_change_nothing),
		cmocka_unit_test(full_batches_on_and_on_are_too_many),
		cmocka_unit_test(one_full_batch_is_a_burst),
		cmocka_unit_test(slow_batches_fall_behind_however_small),
		cmocka_unit_test(one_slow_batch_was_held_up),
		cmocka_unit_test(while_the_store_is_far_others_are_to_help),
		cmocka_unit_test(a_store_that_is_quick_now_and_then_is_near),
		cmocka_unit_test(who_does_not_ask_the_store_cannot_find_it_far),
		cmocka_unit_test(batches_of_one_at_most_are_never_little_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
