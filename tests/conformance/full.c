/*
 * A store that is full refuses what would need room, and says so.
 *
 * Whoever runs the suite on a server makes it full and gives it room again:
 * the environment's CONFORMANCE_FILL and CONFORMANCE_EMPTY are the commands.
 * Without them the store is filled with sessions to its least limit.
 */
#include "trial.h"

static char big[60 << 10];

/* Whether one more session of that size fits. */
static enum kr_err fits(struct trial *trial, unsigned i, size_t size)
{
	struct kri_record *record = record_of(trial, i);
	enum kr_err err;

	if (size)
		set(record, "v", kri_text(big, size));
	err = commit(trial, record, KRI_OP_CREATE);
	kri_arena_reset(&trial->arena);
	return err;
}

static void run_command(const char *command)
{
	assert_int_equal(system(command), 0);
}

/* Numbers from 100 on are for this. */
static void fill(struct trial *trial)
{
	static const size_t sizes[] = {sizeof(big), 4000, 300, 0};
	const char *command = getenv("CONFORMANCE_FILL");
	unsigned i = 100;

	if (command) {
		run_command(command);
		return;
	}
	for (size_t at = 0; at < sizeof(sizes) / sizeof(*sizes); at++) {
		enum kr_err err;

		while (!(err = fits(trial, i, sizes[at])))
			assert_in_range(++i, 100, 100000);
		assert_int_equal(err, KR_ERR_FULL);
	}
}

static void make_room(struct trial *trial)
{
	const char *command = getenv("CONFORMANCE_EMPTY");

	if (command)
		run_command(command);
	else
		assert_int_equal(
			commit(trial, record_of(trial, 100), KRI_OP_DESTROY),
			KR_OK);
}

static void a_full_store_refuses_and_works_again(void **state)
{
	struct trial trial;
	struct kri_record *record;

	(void)state;
	trial_open(&trial, trial_is("sqlite") ? "store.file_limit=1MiB"
					      : "store.memory_limit=1MiB");
	created(&trial, 1);
	created(&trial, 2);
	fill(&trial);
	assert_int_equal(commit(&trial, record_of(&trial, 3), KRI_OP_CREATE),
			 KR_ERR_FULL);
	record = record_of(&trial, 1);
	set(record, "a", KRI_TEXT("1"));
	set(record, "v", kri_text(big, sizeof(big)));
	assert_int_equal(commit(&trial, record, KRI_OP_UPDATE), KR_ERR_FULL);
	record->exact = true;
	record->version = 1;
	record->ttl = 0;
	assert_int_equal(commit(&trial, record, KRI_OP_UPDATE), KR_ERR_FULL);
	record = stored(&trial, 1);
	assert_int_equal(record->n, 0);
	assert_int_equal(record->version, 1);
	assert_null(stored(&trial, 3));
	record->ttl = 10 * LONG;
	assert_int_equal(commit(&trial, record, KRI_OP_TOUCH), KR_OK);
	assert_prolonged(&trial, 1);
	assert_int_equal(commit(&trial, record_of(&trial, 2), KRI_OP_DESTROY),
			 KR_OK);
	make_room(&trial);
	created(&trial, 3);
	record = record_of(&trial, 1);
	set(record, "a", KRI_TEXT("1"));
	assert_int_equal(commit(&trial, record, KRI_OP_UPDATE), KR_OK);
	assert_value(stored(&trial, 1), "a", KRI_TEXT("1"));
	trial_close(&trial);
}

int run_full(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_store_refuses_and_works_again),
	};

	return cmocka_run_group_tests_name("full", tests, NULL, NULL);
}
