/*
 * How many sessions a user may have.
 */
#include "users.h"

#include <pthread.h>
#include <unistd.h>

/* ---- the limit -------------------------------------------------------- */

/* A store besides, of two sessions a user. */
static void open_limited(struct trial *limited, const char *rule)
{
	char option[64];

	snprintf(option, sizeof(option), "session.max_per_user_rule=%s", rule);
	trial_open_with(limited, "session.max_per_user=2", option);
	remove_all(limited);
	end_all(limited, USER);
}

static void the_limit_refuses(void **state)
{
	struct trial limited;

	(void)state;
	open_limited(&limited, "refuse");
	logged_in(&limited, 1, USER);
	logged_in(&limited, 2, USER);
	assert_int_equal(try_login(&limited, 3, USER), KR_ERR_SESSIONS);
	assert_null(stored(&limited, 3));
	created(&limited, 4);
	assert_int_equal(log_in_again(&limited, 4, USER), KR_ERR_SESSIONS);
	assert_no_value(stored(&limited, 4), "@user");
	assert_int_equal(stored(&limited, 4)->version, 1);
	assert_int_equal(count_of(&limited, USER), 2);
	logged_in(&limited, 5, "eve");
	assert_int_equal(log_in_again(&limited, 1, USER), KR_OK);
	log_out(&limited, 1, USER);
	logged_in(&limited, 6, USER);
	assert_int_equal(try_login(&limited, 7, USER), KR_ERR_SESSIONS);
	assert_int_equal(end_all(&limited, USER), 2);
	logged_in(&limited, 8, USER);
	trial_close(&limited);
}

static enum kr_err login_for(struct trial *trial, unsigned i, int64_t ttl)
{
	struct kri_record *record = login_of(trial, i, USER);

	record->ttl = ttl;
	return commit(trial, record, KRI_OP_CREATE);
}

static void the_limit_ends_those_that_would_end_first(void **state)
{
	struct trial limited;

	(void)state;
	open_limited(&limited, "end_oldest");
	assert_int_equal(login_for(&limited, 1, 3 * LONG), KR_OK);
	assert_int_equal(login_for(&limited, 2, 2 * LONG), KR_OK);
	assert_int_equal(login_for(&limited, 3, LONG), KR_OK);
	assert_non_null(stored(&limited, 1));
	assert_null(stored(&limited, 2));
	assert_non_null(stored(&limited, 3));
	assert_int_equal(log_in_again(&limited, 1, USER), KR_OK);
	assert_non_null(stored(&limited, 3));
	logged_in(&limited, 4, "eve");
	assert_int_equal(count_of(&limited, USER), 2);
	assert_int_equal(login_for(&limited, 5, LONG), KR_OK);
	assert_non_null(stored(&limited, 5));
	assert_int_equal(count_of(&limited, USER), 2);
	assert_non_null(stored(&limited, 4));
	trial_close(&limited);
}

static void ghosts_take_no_place(void **state)
{
	static const char *const rules[] = {"refuse", "end_oldest"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct trial limited;

		open_limited(&limited, rules[i]);
		assert_int_equal(login_for(&limited, 1, LONG), KR_OK);
		assert_int_equal(login_for(&limited, 2, 2 * LONG), KR_OK);
		make_ghost(&limited, 2);
		assert_int_equal(login_for(&limited, 3, LONG), KR_OK);
		assert_non_null(stored(&limited, 1));
		assert_int_equal(log_in_again(&limited, 3, "eve"), KR_OK);
		assert_int_equal(login_for(&limited, 4, LONG), KR_OK);
		assert_non_null(stored(&limited, 1));
		assert_non_null(stored(&limited, 3));
		assert_int_equal(count_of(&limited, USER), 2);
		trial_close(&limited);
	}
}

static void what_has_run_out_takes_no_place(void **state)
{
	struct trial limited;

	(void)state;
	open_limited(&limited, "refuse");
	assert_int_equal(login_for(&limited, 1, 100), KR_OK);
	assert_int_equal(login_for(&limited, 2, 100), KR_OK);
	usleep(200000);
	assert_int_equal(login_for(&limited, 3, LONG), KR_OK);
	assert_int_equal(login_for(&limited, 4, LONG), KR_OK);
	assert_int_equal(login_for(&limited, 5, LONG), KR_ERR_SESSIONS);
	trial_close(&limited);
}

/* One commit of a session of its own kind each. */
static void logins_of_one_batch_keep_to_the_limit(void **state)
{
	static const char *const rules[] = {"refuse", "end_oldest"};

	(void)state;
	for (size_t rule = 0; rule < 2; rule++) {
		struct trial limited;
		struct kri_record *records[8];
		size_t entered = 0;

		open_limited(&limited, rules[rule]);
		for (unsigned i = 0; i < 8; i++) {
			records[i] = i == 6 ? record_of(&limited, i)
					    : login_of(&limited, i, USER);
			records[i]->operation = KRI_OP_CREATE;
		}
		commit_all(&limited, records, 8);
		for (unsigned i = 0; i < 8; i++) {
			entered += i != 6 && records[i]->err == KR_OK;
			assert_true(records[i]->err == KR_OK ||
				    records[i]->err == KR_ERR_SESSIONS);
			if (records[i]->err)
				assert_null(stored(&limited, i));
		}
		assert_int_equal(records[6]->err, KR_OK);
		if (!rule)
			assert_int_equal(entered, 2);
		assert_int_equal(count_of(&limited, USER), 2);
		assert_int_equal(count_all(&limited), 3);
		trial_close(&limited);
	}
}

#define ROUNDS 40

struct visitor {
	struct kri_store *store;
	pthread_barrier_t *barrier;
	unsigned number;
	unsigned entered, failed;
};

static void *log_in_often(void *arg)
{
	struct visitor *visitor = arg;
	struct trial trial;

	trial_attach(&trial, visitor->store);
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned own = 1000 + 2 * i + visitor->number;
		enum kr_err err;

		pthread_barrier_wait(visitor->barrier);
		err = try_login(&trial, own, USER);
		visitor->entered += err == KR_OK;
		visitor->failed += err && err != KR_ERR_SESSIONS;
		kri_arena_reset(&trial.arena);
	}
	trial_detach(&trial);
	return NULL;
}

/* Whatever comes of each, no more than two are there, and two can be. */
static void two_at_once_never_pass_the_limit(void **state)
{
	static const char *const rules[] = {"refuse", "end_oldest"};

	(void)state;
	for (size_t rule = 0; rule < 2; rule++) {
		struct visitor visitors[2];
		struct trial limited;
		pthread_barrier_t barrier;
		pthread_t threads[2];

		open_limited(&limited, rules[rule]);
		logged_in(&limited, 1, USER);
		pthread_barrier_init(&barrier, NULL, 2);
		for (unsigned i = 0; i < 2; i++) {
			visitors[i] = (struct visitor){.store = limited.store,
						       .barrier = &barrier,
						       .number = i};
			assert_int_equal(pthread_create(&threads[i], NULL,
							log_in_often,
							&visitors[i]),
					 0);
		}
		for (unsigned i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		pthread_barrier_destroy(&barrier);
		assert_int_equal(visitors[0].failed + visitors[1].failed, 0);
		assert_true(visitors[0].entered + visitors[1].entered > 0);
		assert_int_equal(count_of(&limited, USER), 2);
		assert_int_equal(count_all(&limited), 2);
		trial_close(&limited);
	}
}

int run_limit(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_limit_refuses),
		TEST(the_limit_ends_those_that_would_end_first),
		TEST(ghosts_take_no_place),
		TEST(what_has_run_out_takes_no_place),
		TEST(logins_of_one_batch_keep_to_the_limit),
		TEST(two_at_once_never_pass_the_limit),
	};

	if (!has_users())
		return 0;
	return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
