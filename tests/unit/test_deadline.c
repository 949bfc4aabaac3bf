/*
 * Deadlines: waiting on a pipe until it is ready or the time is over, and
 * who is told of it.
 */
#include "redis/deadline.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"

#define LONG 30000 /* ms, which no test may really take */
#define SLACK 5000 /* ms that a busy machine may be late */

struct fixture {
	int in, out; /* the pipe's ends, to read and to write */
	struct kri_wait wait;
	struct kri_deadline deadline;
	bool substitute; /* whether somebody takes our place */
	bool fills;      /* the pipe becomes ready when waiting begins */
	int begun, ended;
};

static bool begin(void *arg)
{
	struct fixture *f = arg;

	f->begun++;
	if (f->fills && write(f->out, "x", 1) != 1)
		return false;
	return f->substitute;
}

static void end(void *arg)
{
	((struct fixture *)arg)->ended++;
}

static int setup(void **state)
{
	static struct fixture f;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	f = (struct fixture){
		.in = ends[0],
		.out = ends[1],
		.wait = {begin, end, &f},
		.substitute = true,
	};
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->in);
	close(f->out);
	return 0;
}

static enum kr_err await(struct fixture *f)
{
	return kri_deadline_poll(&f->deadline, f->in, POLLIN);
}

static void make_ready(struct fixture *f)
{
	assert_int_equal(write(f->out, "x", 1), 1);
}

static void what_is_ready_is_not_waited_for(void **state)
{
	struct fixture *f = *state;

	make_ready(f);
	kri_deadline_start(&f->deadline, &f->wait, LONG);
	assert_int_equal(await(f), KR_OK);
	kri_deadline_end(&f->deadline);
	assert_int_equal(f->begun, 0);
	assert_int_equal(f->ended, 0);
}

static void what_is_ready_counts_even_past_the_deadline(void **state)
{
	struct fixture *f = *state;

	make_ready(f);
	kri_deadline_start(&f->deadline, &f->wait, 0);
	assert_int_equal(await(f), KR_OK);
	f->deadline.at = 0;
	assert_int_equal(await(f), KR_OK);
}

static void each_direction_can_be_waited_for(void **state)
{
	struct fixture *f = *state;

	kri_deadline_start(&f->deadline, &f->wait, LONG);
	assert_int_equal(kri_deadline_poll(&f->deadline, f->out, POLLOUT),
			 KR_OK);
	assert_int_equal(f->begun, 0);
}

static void a_wait_ends_at_the_deadline(void **state)
{
	struct fixture *f = *state;
	int64_t start = kri_clock_ms();

	kri_deadline_start(&f->deadline, &f->wait, 30);
	assert_int_equal(await(f), KR_ERR_TIMEOUT);
	assert_in_range(kri_clock_ms() - start, 30, 30 + SLACK);
	kri_deadline_end(&f->deadline);
	assert_int_equal(f->begun, 1);
	assert_int_equal(f->ended, 1);
}

static void a_deadline_may_be_over_at_once(void **state)
{
	struct fixture *f = *state;

	kri_deadline_start(&f->deadline, &f->wait, 0);
	assert_int_equal(await(f), KR_ERR_TIMEOUT);
	assert_int_equal(await(f), KR_ERR_TIMEOUT);
}

static void whoever_waits_says_so_first(void **state)
{
	struct fixture *f = *state;

	f->fills = true;
	kri_deadline_start(&f->deadline, &f->wait, LONG);
	assert_int_equal(await(f), KR_OK);
	assert_int_equal(f->begun, 1);
	assert_int_equal(f->ended, 0);
	kri_deadline_end(&f->deadline);
	assert_int_equal(f->ended, 1);
}

static void it_is_said_once_for_several_waits(void **state)
{
	struct fixture *f = *state;

	kri_deadline_start(&f->deadline, &f->wait, 20);
	kri_deadline_wait(&f->deadline);
	kri_deadline_wait(&f->deadline);
	assert_int_equal(await(f), KR_ERR_TIMEOUT);
	assert_int_equal(await(f), KR_ERR_TIMEOUT);
	assert_int_equal(f->begun, 1);
	kri_deadline_end(&f->deadline);
	kri_deadline_end(&f->deadline);
	assert_int_equal(f->ended, 1);
}

static void after_its_end_the_next_wait_is_said_again(void **state)
{
	struct fixture *f = *state;

	kri_deadline_start(&f->deadline, &f->wait, LONG);
	kri_deadline_wait(&f->deadline);
	kri_deadline_end(&f->deadline);
	kri_deadline_wait(&f->deadline);
	kri_deadline_end(&f->deadline);
	assert_int_equal(f->begun, 2);
	assert_int_equal(f->ended, 2);
}

static void without_a_substitute_patience_is_short(void **state)
{
	struct fixture *f = *state;
	int64_t start = kri_clock_ms();

	f->substitute = false;
	kri_deadline_start(&f->deadline, &f->wait, LONG);
	assert_int_equal(await(f), KR_ERR_TIMEOUT);
	assert_in_range(kri_clock_ms() - start, KRI_WAIT_ALONE,
			KRI_WAIT_ALONE + SLACK);
	kri_deadline_end(&f->deadline);
	assert_int_equal(f->ended, 1);
}

static void without_a_substitute_no_deadline_gets_later(void **state)
{
	struct fixture *f = *state;
	int64_t at;

	f->substitute = false;
	kri_deadline_start(&f->deadline, &f->wait, 5);
	at = f->deadline.at;
	kri_deadline_wait(&f->deadline);
	assert_int_equal(f->deadline.at, at);
}

static void a_substitute_leaves_the_deadline_as_it_was(void **state)
{
	struct fixture *f = *state;
	int64_t at;

	kri_deadline_start(&f->deadline, &f->wait, LONG);
	at = f->deadline.at;
	kri_deadline_wait(&f->deadline);
	assert_int_equal(f->deadline.at, at);
}

static void who_is_alone_waits_as_long_as_it_may(void **state)
{
	struct fixture *f = *state;
	int64_t start = kri_clock_ms();

	kri_deadline_start(&f->deadline, &kri_wait_alone, 2 * KRI_WAIT_ALONE);
	assert_int_equal(await(f), KR_ERR_TIMEOUT);
	assert_true(kri_clock_ms() - start >= 2 * KRI_WAIT_ALONE);
	kri_deadline_end(&f->deadline);
}

/* The read that follows will tell what is the matter. */
static void a_peer_that_is_gone_is_no_reason_to_wait(void **state)
{
	struct fixture *f = *state;

	close(f->out);
	f->out = -1;
	kri_deadline_start(&f->deadline, &f->wait, LONG);
	assert_int_equal(await(f), KR_OK);
	assert_int_equal(f->begun, 0);
}

static void hear(int number)
{
	(void)number;
}

static void signals_do_not_end_a_wait(void **state)
{
	struct fixture *f = *state;
	struct sigaction before, action = {.sa_handler = hear};
	struct itimerval often = {{0, 5000}, {0, 5000}}, never = {0};
	int64_t start = kri_clock_ms();

	assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	kri_deadline_start(&f->deadline, &f->wait, 60);
	assert_int_equal(await(f), KR_ERR_TIMEOUT);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	assert_true(kri_clock_ms() - start >= 60);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_ready_is_not_waited_for),
		TEST(what_is_ready_counts_even_past_the_deadline),
		TEST(each_direction_can_be_waited_for),
		TEST(a_wait_ends_at_the_deadline),
		TEST(a_deadline_may_be_over_at_once),
		TEST(whoever_waits_says_so_first),
		TEST(it_is_said_once_for_several_waits),
		TEST(after_its_end_the_next_wait_is_said_again),
		TEST(without_a_substitute_patience_is_short),
		TEST(without_a_substitute_no_deadline_gets_later),
		TEST(a_substitute_leaves_the_deadline_as_it_was),
		TEST(who_is_alone_waits_as_long_as_it_may),
		TEST(a_peer_that_is_gone_is_no_reason_to_wait),
		TEST(signals_do_not_end_a_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
