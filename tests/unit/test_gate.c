/*
 * The gate, with real threads that do what the test tells them.
 */
#include "fcgi/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define GUESTS 64      /* threads that a test may have */
#define PATIENCE 10000 /* ms after which a condition will not come true */

/* ---- a clock that can be turned back ---------------------------------- */

static atomic_int turned_back; /* seconds */

/*
 * Stands in for the C library's. The gate reckons from it until when to wait,
 * and the kernel goes by the real one: turned back, waits are shorter.
 */
int clock_gettime(clockid_t clock, struct timespec *at)
{
	long result = syscall(SYS_clock_gettime, clock, at);

	at->tv_sec -= turned_back;
	return (int)result;
}

/* ---- the threads ------------------------------------------------------ */

struct hall {
	struct kri_gate gate;
	pthread_t guests[GUESTS];
	int spawned; /* under the gate's lock */
	int most_spawned;
	/* Under the lock: */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int seated; /* guests in a seat */
	int away;   /* guests that have left theirs */
	int kept;   /* times that a guest had to keep its seat */
	int ended;
	/* Orders, each for one guest: */
	int leave;  /* leave your seat */
	int narrow; /* give it up, if you may */
	int come;   /* come back to the gate */
	int go;     /* end, from your seat */
};

static void await_order(struct hall *hall, const int *order)
{
	while (!*order)
		pthread_cond_wait(&hall->changed, &hall->lock);
}

static void await_any_order(struct hall *hall)
{
	while (!hall->leave && !hall->narrow && !hall->go)
		pthread_cond_wait(&hall->changed, &hall->lock);
}

/* With the lock held: true if the guest has given its seat away. */
static bool leave_seat(struct hall *hall)
{
	bool taken;

	hall->leave--;
	hall->seated--;
	pthread_mutex_unlock(&hall->lock);
	taken = kri_gate_leave(&hall->gate);
	pthread_mutex_lock(&hall->lock);
	hall->away += taken;
	hall->kept += !taken;
	hall->seated += !taken;
	pthread_cond_broadcast(&hall->changed);
	return taken;
}

/* With the lock held: true if the guest has no seat any more. */
static bool give_up_seat(struct hall *hall)
{
	bool gone;

	hall->narrow--;
	gone = kri_gate_narrow(&hall->gate);
	hall->kept += !gone;
	hall->seated -= gone;
	pthread_cond_broadcast(&hall->changed);
	return gone;
}

/* With the lock held: away until told to come back. */
static void be_away(struct hall *hall)
{
	await_order(hall, &hall->come);
	hall->come--;
	hall->away--;
}

/* With the lock held: sits until told otherwise; returns whether it will come
 * again. */
static bool obey(struct hall *hall)
{
	for (;;) {
		await_any_order(hall);
		if (hall->leave && leave_seat(hall)) {
			be_away(hall);
			return true;
		}
		if (hall->narrow && give_up_seat(hall))
			return true;
		if (hall->go) {
			hall->go--;
			hall->seated--;
			return false;
		}
	}
}

static bool sit(struct hall *hall)
{
	bool again;

	pthread_mutex_lock(&hall->lock);
	hall->seated++;
	pthread_cond_broadcast(&hall->changed);
	again = obey(hall);
	pthread_cond_broadcast(&hall->changed);
	pthread_mutex_unlock(&hall->lock);
	return again;
}

static void *be_guest(void *arg)
{
	struct hall *hall = arg;

	while (kri_gate_enter(&hall->gate) && sit(hall))
		;
	pthread_mutex_lock(&hall->lock);
	hall->ended++;
	pthread_cond_broadcast(&hall->changed);
	pthread_mutex_unlock(&hall->lock);
	kri_gate_exit(&hall->gate);
	return NULL;
}

static bool spawn(void *arg)
{
	struct hall *hall = arg;

	if (hall->spawned == hall->most_spawned ||
	    pthread_create(&hall->guests[hall->spawned], NULL, be_guest, hall))
		return false;
	hall->spawned++;
	return true;
}

/* ---- what tests say --------------------------------------------------- */

static struct hall *open_hall(void **state, int least, int most)
{
	struct hall *hall = *state;

	kri_gate_init(&hall->gate, least, most, spawn, hall);
	assert_true(kri_gate_open(&hall->gate));
	return hall;
}

static void tell(struct hall *hall, int *order)
{
	pthread_mutex_lock(&hall->lock);
	++*order;
	pthread_cond_broadcast(&hall->changed);
	pthread_mutex_unlock(&hall->lock);
}

/* Waits until a count of the hall is `value`. */
static void await_count(struct hall *hall, const int *count, int value)
{
	struct timespec until;
	int late = 0, is;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE / 1000 + turned_back;
	pthread_mutex_lock(&hall->lock);
	while (*count != value && !late)
		late = pthread_cond_timedwait(&hall->changed, &hall->lock,
					      &until);
	is = *count == value;
	pthread_mutex_unlock(&hall->lock);
	assert_true(is);
}

static int read_locked(pthread_mutex_t *lock, const int *number)
{
	int value;

	pthread_mutex_lock(lock);
	value = *number;
	pthread_mutex_unlock(lock);
	return value;
}

static int count(struct hall *hall, const int *which)
{
	return read_locked(&hall->lock, which);
}

static int at_gate(struct hall *hall, const int *which)
{
	return read_locked(&hall->gate.lock, which);
}

/* Waits until so many threads stand at the gate. */
static void await_idle(struct hall *hall, int idle)
{
	for (int i = 0; at_gate(hall, &hall->gate.idle) != idle; i++) {
		assert_true(i < PATIENCE);
		usleep(1000);
	}
}

/* One guest leaves its seat, and another takes it. */
static void let_leave(struct hall *hall)
{
	int away = count(hall, &hall->away);
	int seated = count(hall, &hall->seated);

	tell(hall, &hall->leave);
	await_count(hall, &hall->away, away + 1);
	await_count(hall, &hall->seated, seated);
}

static void assert_keeps_seat(struct hall *hall)
{
	int kept = count(hall, &hall->kept);

	tell(hall, &hall->leave);
	await_count(hall, &hall->kept, kept + 1);
}

static int setup(void **state)
{
	static struct hall hall;

	hall = (struct hall){
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.most_spawned = GUESTS,
	};
	*state = &hall;
	return 0;
}

/* Sends all home, wherever they are. */
static int teardown(void **state)
{
	struct hall *hall = *state;

	turned_back = 0;
	kri_gate_shut(&hall->gate);
	pthread_mutex_lock(&hall->lock);
	hall->leave = hall->narrow = 0;
	hall->go = hall->come = GUESTS;
	pthread_cond_broadcast(&hall->changed);
	pthread_mutex_unlock(&hall->lock);
	for (int i = 0; i < hall->spawned; i++)
		pthread_join(hall->guests[i], NULL);
	kri_gate_free(&hall->gate);
	return 0;
}

/* ---- seats ------------------------------------------------------------ */

static void there_are_as_many_threads_as_seats_at_first(void **state)
{
	struct hall *hall = open_hall(state, 3, 8);

	await_count(hall, &hall->seated, 3);
	assert_int_equal(hall->spawned, 3);
}

static void it_does_not_open_if_a_thread_cannot_be_had(void **state)
{
	struct hall *hall = *state;

	hall->most_spawned = 1;
	kri_gate_init(&hall->gate, 3, 8, spawn, hall);
	assert_false(kri_gate_open(&hall->gate));
	await_count(hall, &hall->seated, 1);
	assert_int_equal(hall->spawned, 1);
}

static void a_seat_that_is_left_is_taken_by_a_spare(void **state)
{
	struct hall *hall = open_hall(state, 1, 2);

	await_count(hall, &hall->seated, 1);
	let_leave(hall);
	assert_int_equal(hall->spawned, 2);
}

static void who_comes_back_waits_while_the_seat_is_taken(void **state)
{
	struct hall *hall = open_hall(state, 1, 2);

	await_count(hall, &hall->seated, 1);
	let_leave(hall);
	tell(hall, &hall->come);
	await_idle(hall, 1);
	assert_int_equal(count(hall, &hall->seated), 1);
}

static void who_waits_takes_the_next_seat_that_is_left(void **state)
{
	struct hall *hall = open_hall(state, 1, 3);

	await_count(hall, &hall->seated, 1);
	let_leave(hall);
	tell(hall, &hall->come);
	await_idle(hall, 1);
	let_leave(hall);
	assert_int_equal(hall->spawned, 2);
	assert_int_equal(at_gate(hall, &hall->gate.idle), 0);
}

static void a_seat_is_kept_when_there_are_threads_enough(void **state)
{
	struct hall *hall = open_hall(state, 1, 3);

	await_count(hall, &hall->seated, 1);
	let_leave(hall);
	let_leave(hall);
	assert_keeps_seat(hall);
	assert_int_equal(hall->spawned, 3);
	assert_int_equal(count(hall, &hall->seated), 1);
	assert_int_equal(count(hall, &hall->away), 2);
}

static void a_seat_is_kept_when_no_thread_can_be_had(void **state)
{
	struct hall *hall = open_hall(state, 1, 8);

	await_count(hall, &hall->seated, 1);
	hall->most_spawned = 1;
	assert_keeps_seat(hall);
	hall->most_spawned = GUESTS;
	let_leave(hall);
	assert_int_equal(hall->spawned, 2);
}

/* Two leave, and one who waits is enough for one of them only. */
static void one_who_waits_takes_one_seat(void **state)
{
	struct hall *hall = open_hall(state, 2, 8);

	await_count(hall, &hall->seated, 2);
	let_leave(hall);
	tell(hall, &hall->come);
	await_idle(hall, 1);
	tell(hall, &hall->leave);
	tell(hall, &hall->leave);
	await_count(hall, &hall->away, 2);
	await_count(hall, &hall->seated, 2);
	assert_int_equal(hall->spawned, 4);
}

/* ---- no more seats than work ------------------------------------------ */

/* One guest gives its seat up, and waits. */
static void let_narrow(struct hall *hall)
{
	int seated = count(hall, &hall->seated);
	int idle = at_gate(hall, &hall->gate.idle);

	tell(hall, &hall->narrow);
	await_count(hall, &hall->seated, seated - 1);
	await_idle(hall, idle + 1);
}

static void a_seat_that_is_given_up_stays_empty(void **state)
{
	struct hall *hall = open_hall(state, 3, 8);

	await_count(hall, &hall->seated, 3);
	assert_false(kri_gate_is_narrow(&hall->gate));
	let_narrow(hall);
	let_narrow(hall);
	assert_true(kri_gate_is_narrow(&hall->gate));
	assert_int_equal(count(hall, &hall->seated), 1);
	assert_int_equal(hall->spawned, 3);
}

static void the_last_seat_is_not_given_up(void **state)
{
	struct hall *hall = open_hall(state, 2, 8);

	await_count(hall, &hall->seated, 2);
	let_narrow(hall);
	tell(hall, &hall->narrow);
	await_count(hall, &hall->kept, 1);
	assert_int_equal(count(hall, &hall->seated), 1);
}

static void widening_brings_back_who_waits(void **state)
{
	struct hall *hall = open_hall(state, 2, 8);

	await_count(hall, &hall->seated, 2);
	let_narrow(hall);
	kri_gate_widen(&hall->gate);
	await_count(hall, &hall->seated, 2);
	assert_int_equal(hall->spawned, 2);
}

static void there_are_never_more_seats_than_at_first(void **state)
{
	struct hall *hall = open_hall(state, 2, 8);

	await_count(hall, &hall->seated, 2);
	kri_gate_widen(&hall->gate);
	assert_int_equal(at_gate(hall, &hall->gate.seats), 0);
	let_narrow(hall);
	kri_gate_widen(&hall->gate);
	kri_gate_widen(&hall->gate);
	await_count(hall, &hall->seated, 2);
	assert_int_equal(at_gate(hall, &hall->gate.seats), 0);
	assert_int_equal(hall->spawned, 2);
}

static void who_has_no_seat_takes_one_that_is_left(void **state)
{
	struct hall *hall = open_hall(state, 2, 8);

	await_count(hall, &hall->seated, 2);
	let_narrow(hall);
	let_leave(hall);
	assert_int_equal(hall->spawned, 2);
	assert_int_equal(at_gate(hall, &hall->gate.idle), 0);
}

/* Both are away: a spare is made for the new seat too. */
static void widening_makes_a_spare_if_nobody_waits(void **state)
{
	struct hall *hall = open_hall(state, 2, 8);

	await_count(hall, &hall->seated, 2);
	let_narrow(hall);
	let_leave(hall);
	kri_gate_widen(&hall->gate);
	await_count(hall, &hall->seated, 2);
	assert_int_equal(hall->spawned, 3);
}

static void no_seat_is_added_if_nobody_can_be_had(void **state)
{
	struct hall *hall = open_hall(state, 2, 2);

	await_count(hall, &hall->seated, 2);
	let_narrow(hall);
	let_leave(hall);
	kri_gate_widen(&hall->gate);
	assert_int_equal(at_gate(hall, &hall->gate.seats), 0);
	tell(hall, &hall->come);
	await_idle(hall, 1);
	kri_gate_widen(&hall->gate);
	await_count(hall, &hall->seated, 2);
}

/* ---- where no spares may be ------------------------------------------- */

static void without_spares_a_seat_may_be_left_all_the_same(void **state)
{
	struct hall *hall = open_hall(state, 2, 2);

	await_count(hall, &hall->seated, 2);
	tell(hall, &hall->leave);
	await_count(hall, &hall->away, 1);
	assert_int_equal(count(hall, &hall->seated), 1);
	assert_int_equal(hall->spawned, 2);
}

static void without_spares_the_seat_waits_for_who_left_it(void **state)
{
	struct hall *hall = open_hall(state, 1, 1);

	for (int i = 0; i < 3; i++) {
		await_count(hall, &hall->seated, 1);
		tell(hall, &hall->leave);
		await_count(hall, &hall->away, 1);
		tell(hall, &hall->come);
	}
	await_count(hall, &hall->seated, 1);
	assert_int_equal(hall->spawned, 1);
}

/* ---- spares go -------------------------------------------------------- */

static void a_spare_with_nothing_to_do_goes(void **state)
{
	struct hall *hall = open_hall(state, 1, 2);

	await_count(hall, &hall->seated, 1);
	let_leave(hall);
	turned_back = 9;
	tell(hall, &hall->come);
	await_count(hall, &hall->ended, 1);
	assert_int_equal(at_gate(hall, &hall->gate.threads), 1);
	assert_int_equal(count(hall, &hall->seated), 1);
}

static void a_spare_waits_for_a_while_before_it_goes(void **state)
{
	struct hall *hall = open_hall(state, 1, 2);

	await_count(hall, &hall->seated, 1);
	let_leave(hall);
	tell(hall, &hall->come);
	await_idle(hall, 1);
	usleep(200000); /* long enough to see that it does not go at once */
	assert_int_equal(count(hall, &hall->ended), 0);
	let_leave(hall);
	assert_int_equal(hall->spawned, 2);
}

static void another_spare_comes_after_one_has_gone(void **state)
{
	struct hall *hall = open_hall(state, 1, 2);

	await_count(hall, &hall->seated, 1);
	let_leave(hall);
	turned_back = 9;
	tell(hall, &hall->come);
	await_count(hall, &hall->ended, 1);
	turned_back = 0;
	let_leave(hall);
	assert_int_equal(hall->spawned, 3);
}

/* ---- the end ---------------------------------------------------------- */

static void shutting_sends_away_who_waits(void **state)
{
	struct hall *hall = open_hall(state, 1, 2);

	await_count(hall, &hall->seated, 1);
	let_leave(hall);
	tell(hall, &hall->come);
	await_idle(hall, 1);
	kri_gate_shut(&hall->gate);
	await_count(hall, &hall->ended, 1);
	assert_int_equal(count(hall, &hall->seated), 1);
}

static void nobody_enters_once_it_is_shut(void **state)
{
	struct hall *hall = *state;

	kri_gate_init(&hall->gate, 2, 2, spawn, hall);
	kri_gate_shut(&hall->gate);
	assert_true(kri_gate_open(&hall->gate));
	await_count(hall, &hall->ended, 2);
	assert_int_equal(count(hall, &hall->seated), 0);
}

static void draining_ends_with_the_last_thread(void **state)
{
	struct hall *hall = open_hall(state, 2, 2);

	await_count(hall, &hall->seated, 2);
	kri_gate_shut(&hall->gate);
	tell(hall, &hall->go);
	tell(hall, &hall->go);
	assert_true(kri_gate_drain(&hall->gate, PATIENCE));
	assert_int_equal(count(hall, &hall->ended), 2);
}

static void draining_gives_up_in_time(void **state)
{
	struct hall *hall = open_hall(state, 2, 2);

	await_count(hall, &hall->seated, 2);
	kri_gate_shut(&hall->gate);
	tell(hall, &hall->go);
	assert_false(kri_gate_drain(&hall->gate, 0));
	assert_false(kri_gate_drain(&hall->gate, 30));
	await_count(hall, &hall->ended, 1);
	tell(hall, &hall->go);
	assert_true(kri_gate_drain(&hall->gate, PATIENCE));
}

static void draining_waits_for_those_who_are_away(void **state)
{
	struct hall *hall = open_hall(state, 1, 1);

	await_count(hall, &hall->seated, 1);
	tell(hall, &hall->leave);
	await_count(hall, &hall->away, 1);
	kri_gate_shut(&hall->gate);
	assert_false(kri_gate_drain(&hall->gate, 30));
	tell(hall, &hall->come);
	assert_true(kri_gate_drain(&hall->gate, PATIENCE));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(there_are_as_many_threads_as_seats_at_first),
		TEST(it_does_not_open_if_a_thread_cannot_be_had),
		TEST(a_seat_that_is_left_is_taken_by_a_spare),
		TEST(who_comes_back_waits_while_the_seat_is_taken),
		TEST(who_waits_takes_the_next_seat_that_is_left),
		TEST(a_seat_is_kept_when_there_are_threads_enough),
		TEST(a_seat_is_kept_when_no_thread_can_be_had),
		TEST(one_who_waits_takes_one_seat),
		TEST(a_seat_that_is_given_up_stays_empty),
		TEST(the_last_seat_is_not_given_up),
		TEST(widening_brings_back_who_waits),
		TEST(there_are_never_more_seats_than_at_first),
		TEST(who_has_no_seat_takes_one_that_is_left),
		TEST(widening_makes_a_spare_if_nobody_waits),
		TEST(no_seat_is_added_if_nobody_can_be_had),
		TEST(without_spares_a_seat_may_be_left_all_the_same),
		TEST(without_spares_the_seat_waits_for_who_left_it),
		TEST(a_spare_with_nothing_to_do_goes),
		TEST(a_spare_waits_for_a_while_before_it_goes),
		TEST(another_spare_comes_after_one_has_gone),
		TEST(shutting_sends_away_who_waits),
		TEST(nobody_enters_once_it_is_shut),
		TEST(draining_ends_with_the_last_thread),
		TEST(draining_gives_up_in_time),
		TEST(draining_waits_for_those_who_are_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
