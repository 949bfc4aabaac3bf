/*
 * The gate when all hurry: many threads that leave their seats again and
 * again, as workers do with a slow store.
 */
#include "fcgi/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define THREADS 64     /* that the test has room for */
#define ROUNDS 5000    /* after which the gate is shut */
#define PATIENCE 60000 /* ms */

struct crowd {
	struct kri_gate gate;
	pthread_t threads[THREADS];
	atomic_int spawned;
	atomic_int spawned_open; /* before the gate was shut */
	atomic_int seated;
	atomic_int too_many; /* times that more sat than there are seats */
	atomic_int rounds;
};

/* Gives the seat away; returns whether it is still the caller's. */
static bool leave(struct crowd *crowd)
{
	bool kept;

	crowd->seated--;
	kept = !kri_gate_leave(&crowd->gate);
	crowd->seated += kept;
	return kept;
}

static void *hurry(void *arg)
{
	struct crowd *crowd = arg;

	while (kri_gate_enter(&crowd->gate)) {
		bool seated = true;

		crowd->too_many += ++crowd->seated > crowd->gate.least;
		while (seated && crowd->rounds < ROUNDS) {
			if (++crowd->rounds == ROUNDS) {
				crowd->spawned_open = crowd->spawned;
				kri_gate_shut(&crowd->gate);
			}
			seated = leave(crowd);
		}
		crowd->seated -= seated;
		if (seated)
			break;
	}
	kri_gate_exit(&crowd->gate);
	return NULL;
}

static bool spawn(void *arg)
{
	struct crowd *crowd = arg;

	if (crowd->spawned == THREADS ||
	    pthread_create(&crowd->threads[crowd->spawned], NULL, hurry, crowd))
		return false;
	crowd->spawned++;
	return true;
}

static void pass(struct crowd *crowd, int least, int most)
{
	*crowd = (struct crowd){0};
	kri_gate_init(&crowd->gate, least, most, spawn, crowd);
	assert_true(kri_gate_open(&crowd->gate));
	assert_true(kri_gate_drain(&crowd->gate, PATIENCE));
	for (int i = 0; i < crowd->spawned; i++)
		pthread_join(crowd->threads[i], NULL);
	kri_gate_free(&crowd->gate);
}

static void there_are_never_more_threads_seated_than_seats(void **state)
{
	static struct crowd crowd;

	(void)state;
	pass(&crowd, 3, 12);
	assert_int_equal(crowd.too_many, 0);
	assert_int_equal(crowd.seated, 0);
}

static void there_are_never_more_threads_than_may_be(void **state)
{
	static struct crowd crowd;

	(void)state;
	pass(&crowd, 2, 4);
	assert_in_range(crowd.spawned_open, 2, 4);
}

static void without_spares_all_take_turns(void **state)
{
	static struct crowd crowd;

	(void)state;
	pass(&crowd, 4, 4);
	assert_int_equal(crowd.too_many, 0);
	assert_int_equal(crowd.spawned, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			there_are_never_more_threads_seated_than_seats),
		cmocka_unit_test(there_are_never_more_threads_than_may_be),
		cmocka_unit_test(without_spares_all_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
