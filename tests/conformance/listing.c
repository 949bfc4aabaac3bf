/*
 * Walks over all sessions, and counting them.
 */
#include "trial.h"

#include <unistd.h>

#define MANY 1000

static void an_empty_store_lists_nothing(void **state)
{
	const char **ids;

	assert_int_equal(list_all(*state, &ids), 0);
	assert_int_equal(count_all(*state), 0);
}

static void one_session_is_listed(void **state)
{
	const char **ids;

	created(*state, 1);
	assert_int_equal(list_all(*state, &ids), 1);
	assert_string_equal(ids[0], record_of(*state, 1)->id);
	assert_int_equal(count_all(*state), 1);
}

static void create_many(struct trial *trial, unsigned n)
{
	static struct kri_record *records[MANY];

	for (unsigned i = 0; i < n; i++) {
		records[i] = record_of(trial, i);
		records[i]->operation = KRI_OP_CREATE;
	}
	commit_all(trial, records, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(records[i]->err, KR_OK);
}

static void a_thousand_sessions_are_all_listed(void **state)
{
	const char **ids;
	struct kri_record *record = record_of(*state, 0);

	create_many(*state, MANY);
	assert_int_equal(list_all(*state, &ids), MANY);
	for (size_t i = 0; i < MANY; i++) {
		memcpy(record->id, ids[i], KRI_ID_LEN);
		assert_int_equal(load(*state, record), KR_OK);
	}
	assert_in_range(count_all(*state), MANY, MANY + MANY / 10);
}

/* Those that are there all the while are listed, whatever else happens. */
static void sessions_that_come_and_go_meanwhile_hide_none(void **state)
{
	struct trial *trial = *state;
	struct kri_listing listing = {.arena = &trial->arena};
	bool seen[MANY / 2] = {0};
	unsigned done = 0, i;

	create_many(trial, MANY / 2);
	for (i = MANY; !listing.end; i++) {
		struct kri_record *record;
		bool flag = false;

		trial->store->ops->list(trial->link, &listing, trial_done,
					&flag);
		trial_await(trial, &flag);
		assert_int_equal(listing.err, KR_OK);
		for (size_t at = 0; at < listing.n; at++)
			for (unsigned k = 0; k < MANY / 2; k++) {
				record = record_of(trial, k);
				seen[k] |= !strcmp(record->id, listing.ids[at]);
			}
		for (unsigned k = 0; k < 50; k++)
			created(trial, 50 * i + k);
	}
	for (unsigned k = 0; k < MANY / 2; k++)
		done += seen[k];
	assert_int_equal(done, MANY / 2);
}

static void what_has_ended_is_not_listed(void **state)
{
	const char **ids;

	created(*state, 1);
	created(*state, 2);
	assert_int_equal(commit(*state, record_of(*state, 1), KRI_OP_DESTROY),
			 KR_OK);
	assert_int_equal(list_all(*state, &ids), 1);
	assert_string_equal(ids[0], record_of(*state, 2)->id);
}

/* ---- what others keep beside us --------------------------------------- */

#define INSTANCES 7

/* Each name, taken for a pattern, would find keys of others. The prefix of
 * all is what the test's user may use. Of SQLite, each is a file, of
 * PostgreSQL a schema. */
static void open_instance(struct trial *trial, const struct trial *beside,
			  size_t i)
{
	static const char *const names[INSTANCES] = {
		"redis.instance_name=KestrunSession_",
		"redis.instance_name=KestrunSession_*",
		"redis.instance_name=KestrunSession_a",
		"redis.instance_name=KestrunSession_[ab]",
		"redis.instance_name=KestrunSession_?",
		"redis.instance_name=KestrunSession_\\a",
		"redis.instance_name=KestrunSession_[^x",
	};
	char own[1100];

	if (trial_is("postgresql"))
		snprintf(own, sizeof(own), "postgresql.schema=instance_%zu", i);
	else
		snprintf(own, sizeof(own), "store.path=%s.%zu",
			 beside->config.store_path, i);
	trial_open(trial, trial_is("sqlite") || trial_is("postgresql")
				  ? own
				  : names[i]);
	remove_all(trial);
}

static void close_instance(struct trial *trial)
{
	char path[1100];

	snprintf(path, sizeof(path), "%s", trial->config.store_path);
	remove_all(trial);
	trial_close(trial);
	if (trial_is("sqlite"))
		unlink(path);
}

static void instances_see_only_their_own(void **state)
{
	struct trial trials[INSTANCES];
	const char **ids;

	for (size_t i = 0; i < INSTANCES; i++) {
		open_instance(&trials[i], *state, i);
		created(&trials[i], (unsigned)i);
	}
	for (size_t i = 0; i < INSTANCES; i++) {
		assert_int_equal(list_all(&trials[i], &ids), 1);
		assert_string_equal(ids[0],
				    record_of(&trials[i], (unsigned)i)->id);
		assert_int_equal(count_all(&trials[i]), 1);
	}
	for (size_t i = 0; i < INSTANCES; i++)
		close_instance(&trials[i]);
}

int run_listing(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_store_lists_nothing),
		TEST(one_session_is_listed),
		TEST(a_thousand_sessions_are_all_listed),
		TEST(sessions_that_come_and_go_meanwhile_hide_none),
		TEST(what_has_ended_is_not_listed),
		TEST(instances_see_only_their_own),
	};

	return cmocka_run_group_tests_name("listing", tests, NULL, NULL);
}
