/*
 * Counters that all processes share: what they count to, and when they end.
 */
#include "users.h"

#include <pthread.h>
#include <unistd.h>

#define ROUNDS 40

static enum kr_err count_up(struct trial *trial, struct kri_counter *counter,
			    int64_t add)
{
	bool flag = false;

	counter->add = add;
	counter->value = counter->left = -1;
	trial->store->ops->count_up(trial->link, counter, trial_done, &flag);
	trial_await(trial, &flag);
	return counter->err;
}

static struct kri_counter counter_of(struct trial *trial, const char *what,
				     int64_t ttl)
{
	static unsigned number;
	char name[96];

	/* Nothing takes a counter away before its end. */
	snprintf(name, sizeof(name), "%s %d %u", what, (int)getpid(), number++);
	return (struct kri_counter){
		.name = kri_arena_dup(&trial->arena, kri_text_of(name)),
		.ttl = ttl,
		.err = KR_ERR_ARGUMENT,
	};
}

static void a_counter_counts(void **state)
{
	struct kri_counter counter = counter_of(*state, "a {b} \xc3\xa4", 5000);
	struct kri_counter other = counter_of(*state, "a {b}", 5000);

	assert_int_equal(count_up(*state, &counter, 0), KR_OK);
	assert_int_equal(counter.value, 0);
	assert_int_equal(counter.left, 0);
	assert_int_equal(count_up(*state, &counter, 1), KR_OK);
	assert_int_equal(counter.value, 1);
	assert_in_range(counter.left, 1, 5000);
	assert_int_equal(count_up(*state, &counter, 1000000), KR_OK);
	assert_int_equal(counter.value, 1000001);
	assert_int_equal(count_up(*state, &counter, 0), KR_OK);
	assert_int_equal(counter.value, 1000001);
	assert_in_range(counter.left, 1, 5000);
	assert_int_equal(count_up(*state, &other, 0), KR_OK);
	assert_int_equal(other.value, 0);
	assert_int_equal(count_all(*state), 0);
}

/* The end is that of the first addition, whatever comes later. */
static void a_counter_ends(void **state)
{
	struct kri_counter counter = counter_of(*state, "ends", 300);
	int64_t began = kri_clock_ms();

	assert_int_equal(count_up(*state, &counter, 2), KR_OK);
	counter.ttl = 60000;
	assert_int_equal(count_up(*state, &counter, 1), KR_OK);
	if (kri_clock_ms() - began < 250)
		assert_int_equal(counter.value, 3);
	while (kri_clock_ms() < began + 350)
		usleep(10000);
	assert_int_equal(count_up(*state, &counter, 0), KR_OK);
	assert_int_equal(counter.value, 0);
	assert_int_equal(count_up(*state, &counter, 5), KR_OK);
	assert_int_equal(counter.value, 5);
	assert_in_range(counter.left, 50000, 60000);
}

struct counting {
	struct kri_store *store;
	struct kri_text name;
	unsigned failed;
};

static void *count_often(void *arg)
{
	struct counting *counting = arg;
	struct trial trial;

	trial_attach(&trial, counting->store);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct kri_counter counter = {.name = counting->name,
					      .ttl = 60000};

		counting->failed += count_up(&trial, &counter, 1) != KR_OK;
	}
	trial_detach(&trial);
	return NULL;
}

static void two_at_once_count_exactly(void **state)
{
	struct trial *trial = *state;
	struct kri_counter counter = counter_of(trial, "two", 60000);
	struct counting counting = {trial->store, counter.name, 0}, other;
	pthread_t thread;

	other = counting;
	assert_int_equal(pthread_create(&thread, NULL, count_often, &other), 0);
	count_often(&counting);
	pthread_join(thread, NULL);
	assert_int_equal(counting.failed + other.failed, 0);
	assert_int_equal(count_up(trial, &counter, 0), KR_OK);
	assert_int_equal(counter.value, 2 * ROUNDS);
}

int run_counters(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_counter_counts),
		TEST(a_counter_ends),
		TEST(two_at_once_count_exactly),
	};

	if (!has_users())
		return 0;
	return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
