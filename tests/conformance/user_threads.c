/*
 * The end of all of a user's sessions while others log in and change what they
 * have: whoever was logged in before is out, and nobody comes back.
 */
#include "users.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define THREADS 8
#define ROUNDS 30    /* ends */
#define PER_ROUND 10 /* logins of one thread, at most: they are all looked at */
#define MOST 100000  /* logins of one thread */

struct guest {
	struct kri_store *store;
	pthread_t id;
	unsigned number;
	atomic_bool *over;
	atomic_uint quota;  /* logins that it may have made */
	atomic_uint logins; /* that have been acknowledged */
	unsigned wrong;     /* what no assertion may stop a thread for */
};

static unsigned session_of(const struct guest *guest, unsigned login)
{
	return 1000 + guest->number * MOST + login;
}

/* Whether it goes on, once it may. */
static bool may_log_in(const struct guest *guest, unsigned login)
{
	while (login >= atomic_load(&guest->quota) &&
	       !atomic_load(guest->over))
		usleep(200);
	return !atomic_load(guest->over);
}

/* Logs in, and then changes what may have been ended meanwhile. */
static void *come_and_go(void *arg)
{
	struct guest *guest = arg;
	struct trial trial;

	trial_attach(&trial, guest->store);
	for (unsigned i = 0; may_log_in(guest, i); i++) {
		struct kri_record *record;
		enum kr_err err;

		guest->wrong +=
			try_login(&trial, session_of(guest, i), USER) != KR_OK;
		atomic_store(&guest->logins, i + 1);
		record = record_of(&trial, session_of(guest, i));
		set(record, "n", KRI_TEXT("1"));
		record->user = KRI_TEXT(USER);
		err = commit(&trial, record, KRI_OP_UPDATE);
		guest->wrong += err != KR_OK && err != KR_ERR_GONE;
		record->ttl = LONG;
		commit(&trial, record, KRI_OP_TOUCH);
		kri_arena_reset(&trial.arena);
	}
	trial_detach(&trial);
	return NULL;
}

static void start(struct guest *guest, struct trial *trial, unsigned number,
		  atomic_bool *over)
{
	guest->store = trial->store;
	guest->number = number;
	guest->over = over;
	guest->wrong = 0;
	atomic_init(&guest->quota, 0);
	atomic_init(&guest->logins, 0);
	assert_int_equal(pthread_create(&guest->id, NULL, come_and_go, guest),
			 0);
}

/* All that were acknowledged before the end, from the last time on. */
static unsigned count_late(struct trial *trial, const struct guest *guest,
			   unsigned from, unsigned to)
{
	unsigned late = 0;

	for (unsigned i = from; i < to; i++)
		late += stored(trial, session_of(guest, i)) != NULL;
	return late;
}

static unsigned sum_of(const struct guest guests[THREADS])
{
	unsigned sum = 0;

	for (unsigned i = 0; i < THREADS; i++)
		sum += atomic_load(&guests[i].logins);
	return sum;
}

static void await_logins(const struct guest guests[THREADS], unsigned n)
{
	int64_t deadline = kri_clock_ms() + 10000;

	while (sum_of(guests) < n) {
		assert_true(kri_clock_ms() < deadline);
		usleep(500);
	}
}

static void end_often(struct trial *trial, struct guest guests[THREADS])
{
	unsigned seen[THREADS] = {0}, late = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned before[THREADS];

		for (unsigned i = 0; i < THREADS; i++)
			atomic_store(&guests[i].quota, PER_ROUND * (round + 1));
		await_logins(guests, THREADS * (round + 1));
		for (unsigned i = 0; i < THREADS; i++)
			before[i] = atomic_load(&guests[i].logins);
		end_all(trial, USER);
		for (unsigned i = 0; i < THREADS; i++) {
			late += count_late(trial, &guests[i], seen[i],
					   before[i]);
			seen[i] = before[i];
		}
		kri_arena_reset(&trial->arena);
	}
	assert_int_equal(late, 0);
}

void all_are_ended_while_others_log_in(void **state)
{
	struct guest guests[THREADS];
	atomic_bool over = false;
	unsigned logins = 0, wrong = 0;

	logged_in(*state, 1, "eve");
	for (unsigned i = 0; i < THREADS; i++)
		start(&guests[i], *state, i, &over);
	end_often(*state, guests);
	atomic_store(&over, true);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(guests[i].id, NULL);
		logins += atomic_load(&guests[i].logins);
		wrong += guests[i].wrong;
	}
	assert_int_equal(wrong, 0);
	end_all(*state, USER);
	assert_int_equal(count_of(*state, USER), 0);
	assert_int_equal(count_all(*state), 1);
	print_message("%u logins\n", logins);
}
