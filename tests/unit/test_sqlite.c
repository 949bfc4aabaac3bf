/*
 * The store in SQLite, as far as it does more than the contract of
 * tests/conformance: what is one transaction, who is told what when the file
 * cannot be had, what is done after a link has ended, and the sweep.
 */
#include "../conformance/trial.h"

#include <sqlite3.h>
#include <unistd.h>

#define PATIENCE 100 /* ms, session.io_timeout where it has to pass */

static char folder[] = "/tmp/krsession-sqlite-XXXXXX";
static char path[sizeof(folder) + 16], option[sizeof(path) + 16];

/* ---- another process' look --------------------------------------------- */

static sqlite3 *other;

static void run_sql(const char *sql)
{
	assert_int_equal(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int64_t ask_sql(const char *sql)
{
	sqlite3_stmt *statement;
	int64_t number;

	assert_int_equal(sqlite3_prepare_v2(other, sql, -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return number;
}

/* Transactions in the log of writes, as long as that was never begun anew:
 * the last page of each names the size of the file behind it.
 * (sqlite.org/fileformat.html, section 4) */
static size_t count_transactions(void)
{
	unsigned char page[24 + 4096];
	char name[sizeof(path) + 8];
	size_t n = 0;
	FILE *log;

	snprintf(name, sizeof(name), "%s-wal", path);
	log = fopen(name, "r");
	assert_non_null(log);
	assert_int_equal(fread(page, 32, 1, log), 1);
	while (fread(page, sizeof(page), 1, log) == 1)
		n += (page[4] | page[5] | page[6] | page[7]) != 0;
	fclose(log);
	return n;
}

static int setup(void **state)
{
	const int flags = SQLITE_OPEN_READWRITE;

	trial_setup(state);
	assert_int_equal(sqlite3_open_v2(path, &other, flags, NULL), SQLITE_OK);
	sqlite3_busy_timeout(other, 10000);
	return 0;
}

static int teardown(void **state)
{
	sqlite3_close(other);
	return trial_teardown(state);
}

/* ---- transactions ------------------------------------------------------ */

static void count(void *arg)
{
	++*(unsigned *)arg;
}

static void await_count(struct trial *trial, const unsigned *done, unsigned n)
{
	while (*done < n)
		uv_run(&trial->loop, UV_RUN_ONCE);
}

static void give(struct trial *trial, struct kri_record **record, unsigned i,
		 unsigned *done)
{
	*record = record_of(trial, i);
	(*record)->operation = KRI_OP_CREATE;
	trial->store->ops->commit(trial->link, record, 1, count, done);
	trial->store->ops->flush(trial->link);
}

static void what_comes_while_the_writer_waits_is_one_transaction(void **state)
{
	struct trial *trial = *state;
	struct kri_record *records[20];
	size_t before = count_transactions();
	unsigned done = 0;

	run_sql("BEGIN IMMEDIATE");
	for (unsigned i = 0; i < 20; i++)
		give(trial, &records[i], i, &done);
	run_sql("COMMIT");
	await_count(trial, &done, 20);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(records[i]->err, KR_OK);
	/* The writer may have taken the first before the others came. */
	assert_in_range(count_transactions() - before, 1, 2);
}

static void touches_of_a_moment_are_one_transaction(void **state)
{
	struct trial *trial = *state;
	size_t before;

	for (unsigned i = 0; i < 20; i++)
		created(trial, i);
	before = count_transactions();
	for (unsigned i = 0; i < 20; i++) {
		struct kri_record *record = record_of(trial, i);

		record->ttl = 10 * LONG;
		assert_int_equal(commit(trial, record, KRI_OP_TOUCH), KR_OK);
	}
	for (unsigned i = 0; i < 20; i++)
		assert_prolonged(trial, i);
	assert_in_range(count_transactions() - before, 1, 5);
}

static void a_load_is_no_transaction_in_the_log(void **state)
{
	size_t before;

	created(*state, 1);
	before = count_transactions();
	assert_non_null(stored(*state, 1));
	assert_null(stored(*state, 2));
	assert_int_equal(count_transactions(), before);
}

/* ---- when the file cannot be had --------------------------------------- */

static void who_waits_for_a_lock_is_told_after_io_timeout(void **state)
{
	int64_t begin = kri_clock_ms();
	struct trial hasty;

	(void)state;
	trial_open(&hasty, "session.io_timeout=100ms");
	run_sql("BEGIN IMMEDIATE");
	assert_int_equal(commit(&hasty, record_of(&hasty, 1), KRI_OP_CREATE),
			 KR_ERR_TIMEOUT);
	assert_in_range(kri_clock_ms() - begin, PATIENCE, 10000);
	assert_null(stored(&hasty, 1));
	run_sql("COMMIT");
	created(&hasty, 1);
	trial_close(&hasty);
}

/* Given up by the loop while they waited behind another: none is done later. */
static void what_was_given_up_in_the_queue_is_not_done(void **state)
{
	struct kri_record *records[10];
	unsigned done = 0;
	struct trial hasty;

	(void)state;
	trial_open(&hasty, "session.io_timeout=100ms");
	run_sql("BEGIN IMMEDIATE");
	for (unsigned i = 0; i < 10; i++)
		give(&hasty, &records[i], i, &done);
	await_count(&hasty, &done, 10);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(records[i]->err, KR_ERR_TIMEOUT);
	run_sql("COMMIT");
	created(&hasty, 10);
	assert_int_equal(count_all(&hasty), 1);
	trial_close(&hasty);
}

static void a_file_that_was_deleted_is_made_anew(void **state)
{
	created(*state, 1);
	unlink(path);
	assert_null(stored(*state, 1));
	created(*state, 2);
	assert_int_equal(count_all(*state), 1);
	assert_int_equal(access(path, F_OK), 0);
}

/* ---- after a link ------------------------------------------------------ */

static void a_touch_given_before_the_end_is_done(void **state)
{
	struct trial last;
	struct kri_record *record;

	created(*state, 1);
	trial_open(&last, NULL);
	record = record_of(&last, 1);
	record->ttl = 10 * LONG;
	record->operation = KRI_OP_TOUCH;
	commit_all(&last, &record, 1);
	trial_close(&last);
	assert_in_range(left_of(*state, 1), LONG + 1, 10 * LONG);
}

/* ---- the sweep --------------------------------------------------------- */

#define MANY 600 /* more than two bites */

static void the_sweep_removes_all_that_ended_and_nothing_else(void **state)
{
	struct trial *trial = *state;
	static struct kri_record *records[MANY];
	size_t removed = 0;

	for (unsigned i = 0; i < MANY; i++) {
		records[i] = record_of(trial, i);
		records[i]->operation = KRI_OP_CREATE;
		records[i]->ttl = i < MANY - 1 ? 1 : LONG;
		set(records[i], "k", KRI_TEXT("v"));
	}
	commit_all(trial, records, MANY);
	while (count_all(trial) > 1)
		kri_arena_reset(&trial->arena);
	assert_int_equal(trial->store->ops->sweep(trial->store, &removed), 0);
	assert_in_range(removed, 1, MANY - 1);
	assert_int_equal(ask_sql("SELECT count(*) FROM sessions"), 1);
	assert_int_equal(ask_sql("SELECT count(*) FROM session_values"), 1);
	assert_int_equal(trial->store->ops->sweep(trial->store, &removed), 0);
	assert_int_equal(removed, 0);
	assert_value(stored(trial, MANY - 1), "k", KRI_TEXT("v"));
}

#define SQLITE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int run(void)
{
	const struct CMUnitTest tests[] = {
		SQLITE_TEST(
			what_comes_while_the_writer_waits_is_one_transaction),
		SQLITE_TEST(touches_of_a_moment_are_one_transaction),
		SQLITE_TEST(a_load_is_no_transaction_in_the_log),
		SQLITE_TEST(who_waits_for_a_lock_is_told_after_io_timeout),
		SQLITE_TEST(what_was_given_up_in_the_queue_is_not_done),
		SQLITE_TEST(a_touch_given_before_the_end_is_done),
		SQLITE_TEST(the_sweep_removes_all_that_ended_and_nothing_else),
		SQLITE_TEST(a_file_that_was_deleted_is_made_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

static void remove_files(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char name[sizeof(path) + 8];

	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
	rmdir(folder);
}

int main(void)
{
	const char *options[] = {"store.kind=sqlite", option, NULL};
	int failed;

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/sessions", folder);
	snprintf(option, sizeof(option), "store.path=%s", path);
	trial_options = options;
	failed = run();
	remove_files();
	return !!failed;
}
