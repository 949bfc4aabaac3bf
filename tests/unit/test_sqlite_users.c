/*
 * Users and counters in SQLite, as far as that is more than the contract of
 * tests/conformance: how a file of version 1 gets what it lacks, who goes on
 * with it, what is found by an index, and the sweep of counters.
 */
#include "../conformance/users.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/sqlite_schema.h"

static char folder[] = "/tmp/krsession-sqlite-users-XXXXXX";
static char path[sizeof(folder) + 16], option[sizeof(path) + 16];

/* ---- another process' look --------------------------------------------- */

static sqlite3 *other;

static void run_sql(const char *sql)
{
	if (sqlite3_exec(other, sql, NULL, NULL, NULL))
		fail_msg("%s: %s", sql, sqlite3_errmsg(other));
}

static sqlite3_stmt *prepared(const char *sql)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(other, sql, -1, &statement, NULL))
		fail_msg("%s: %s", sql, sqlite3_errmsg(other));
	return statement;
}

static int64_t ask_sql(const char *sql)
{
	sqlite3_stmt *statement = prepared(sql);
	int64_t number;

	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return number;
}

static void remove_files(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char name[sizeof(path) + 8];

	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

static int setup(void **state)
{
	(void)state;
	remove_files();
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	sqlite3_busy_timeout(other, 10000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sqlite3_close(other);
	remove_files();
	return 0;
}

/* ---- version 1 ---------------------------------------------------------- */

/* As krsession 0.1 made it. */
static const char version_1[] = "PRAGMA journal_mode = WAL;"
				"CREATE TABLE sessions ("
				"  id TEXT NOT NULL PRIMARY KEY,"
				"  auth BLOB NOT NULL,"
				"  was BLOB,"
				"  was_at INTEGER NOT NULL DEFAULT 0,"
				"  born INTEGER NOT NULL,"
				"  version INTEGER NOT NULL,"
				"  seen INTEGER NOT NULL,"
				"  ends INTEGER NOT NULL"
				") WITHOUT ROWID;"
				"CREATE INDEX sessions_ends ON sessions (ends);"
				"CREATE TABLE session_values ("
				"  id TEXT NOT NULL,"
				"  key TEXT NOT NULL,"
				"  data BLOB NOT NULL,"
				"  PRIMARY KEY (id, key)"
				") WITHOUT ROWID;"
				"PRAGMA application_id = 1802662771;"
				"PRAGMA user_version = 1";

/* A session of that user as a program of version 1 would write it. */
static void plant(struct trial *trial, unsigned i, const char *user)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
		 "BEGIN;"
		 "INSERT INTO sessions (id, auth, born, version, seen, ends)"
		 "  VALUES ('%s', zeroblob(32), 1700000000, 1, 1, %lld);"
		 "INSERT INTO session_values VALUES ('%s', '@user', x'%s');"
		 "COMMIT",
		 record_of(trial, i)->id,
		 (long long)(kri_clock_epoch_ms() + LONG),
		 record_of(trial, i)->id, user);
	run_sql(sql);
}

#define HEX_MAX "6d6178" /* in digits */
#define HEX_EVE "657665"

/* With records to name them by, before there is a store. */
static void make_version_1(void)
{
	struct trial names;

	kri_arena_init(&names.arena, 4096, 1 << 20);
	run_sql(version_1);
	plant(&names, 1, HEX_MAX);
	plant(&names, 2, HEX_EVE);
	plant(&names, 3, HEX_MAX);
	kri_arena_free(&names.arena);
}

static int64_t additions(void)
{
	return ask_sql("SELECT count(*) FROM sqlite_master WHERE name IN"
		       " ('session_values_user', 'counters',"
		       "  'counters_ends')");
}

static enum kr_err count_up(struct trial *trial, const char *name, int64_t add,
			    int64_t ttl, int64_t *value)
{
	struct kri_counter counter = {
		.name = kri_text_of(name), .add = add, .ttl = ttl};
	bool flag = false;

	trial->store->ops->count_up(trial->link, &counter, trial_done, &flag);
	trial_await(trial, &flag);
	*value = counter.value;
	return counter.err;
}

static void sessions_of_version_1_live_on_and_are_found(void **state)
{
	struct trial trial;
	int64_t value;

	(void)state;
	make_version_1();
	assert_int_equal(additions(), 0);
	trial_open(&trial, NULL);
	assert_int_equal(additions(), 3);
	assert_int_equal(ask_sql("PRAGMA user_version"), 1);
	assert_value(stored(&trial, 1), "@user", KRI_TEXT(USER));
	assert_int_equal(count_of(&trial, USER), 2);
	assert_true(has(&trial, USER, 3));
	assert_int_equal(end_others(&trial, USER, 3), 1);
	assert_null(stored(&trial, 1));
	assert_non_null(stored(&trial, 2));
	assert_non_null(stored(&trial, 3));
	assert_int_equal(count_up(&trial, "n", 2, LONG, &value), KR_OK);
	assert_int_equal(value, 2);
	trial_close(&trial);
	trial_open(&trial, NULL);
	assert_int_equal(count_all(&trial), 2);
	trial_close(&trial);
}

/* It has the file open since before, and its statements; and what it looks at
 * when it opens it anew is as it was. */
static void a_program_of_version_1_goes_on_beside(void **state)
{
	sqlite3_stmt *renew, *read;
	struct trial trial;

	(void)state;
	make_version_1();
	renew = prepared("INSERT INTO session_values (id, key, data)"
			 " VALUES (?1, '@user', x'" HEX_MAX "')"
			 " ON CONFLICT (id, key) DO UPDATE"
			 "  SET data = excluded.data");
	read = prepared("SELECT count(*) FROM sessions s JOIN session_values v"
			" ON v.id = s.id");
	assert_int_equal(sqlite3_step(read), SQLITE_ROW);
	sqlite3_reset(read);
	trial_open(&trial, NULL);
	assert_int_equal(count_of(&trial, "eve"), 1);
	sqlite3_bind_text(renew, 1, record_of(&trial, 2)->id, -1,
			  SQLITE_STATIC);
	assert_int_equal(sqlite3_step(renew), SQLITE_DONE);
	assert_int_equal(sqlite3_step(read), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(read, 0), 3);
	sqlite3_finalize(renew);
	sqlite3_finalize(read);
	assert_int_equal(count_of(&trial, "eve"), 0);
	assert_true(has(&trial, USER, 2));
	plant(&trial, 4, HEX_MAX);
	assert_int_equal(count_of(&trial, USER), 4);
	assert_int_equal(end_all(&trial, USER), 4);
	assert_int_equal(ask_sql("SELECT count(*) FROM session_values"), 0);
	assert_int_equal(ask_sql("PRAGMA user_version"), 1);
	trial_close(&trial);
}

static void open_guest(struct trial *guest)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	assert_int_equal(kri_config_init(&guest->config), KR_OK);
	assert_int_equal(
		kri_config_assign(&guest->config, "store.kind=sqlite", &why),
		KR_OK);
	assert_int_equal(kri_config_assign(&guest->config, option, &why),
			 KR_OK);
	assert_int_equal(kri_store_open(&guest->config, &guest->store, &why),
			 KR_OK);
	guest->store->guest = true;
	trial_attach(guest, guest->store);
	kri_buffer_free(&why);
}

static void a_guest_adds_nothing_and_does_without(void **state)
{
	struct trial guest;
	size_t removed = 1;
	int64_t value;

	(void)state;
	make_version_1();
	open_guest(&guest);
	assert_int_equal(count_of(&guest, USER), 2);
	assert_int_equal(end_one(&guest, USER, 1), 1);
	assert_int_equal(count_of(&guest, USER), 1);
	assert_int_equal(count_up(&guest, "n", 1, LONG, &value),
			 KR_ERR_UNAVAILABLE);
	assert_int_equal(count_up(&guest, "n", 0, LONG, &value),
			 KR_ERR_UNAVAILABLE);
	assert_int_equal(guest.store->ops->sweep(guest.store, &removed), KR_OK);
	assert_int_equal(removed, 0);
	assert_int_equal(additions(), 0);
	trial_close(&guest);
}

/* ---- the index ---------------------------------------------------------- */

static bool plan_has(const char *sql, const char *words)
{
	char explain[1024];
	sqlite3_stmt *plan;
	bool found = false;

	snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", sql);
	plan = prepared(explain);
	while (sqlite3_step(plan) == SQLITE_ROW)
		found |= strstr((const char *)sqlite3_column_text(plan, 3),
				words) != NULL;
	sqlite3_finalize(plan);
	return found;
}

static void what_is_of_a_user_is_found_by_an_index(void **state)
{
	static const enum kri_sqlite_statement all[] = {
		KRI_SQLITE_USER_LIST,       KRI_SQLITE_USER_COUNT,
		KRI_SQLITE_USER_LIMIT,      KRI_SQLITE_USER_END,
		KRI_SQLITE_USER_END_VALUES,
	};
	struct trial trial;

	(void)state;
	trial_open(&trial, NULL);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const char *sql = kri_sqlite_sql[all[i]];

		assert_true(plan_has(sql, "INDEX session_values_user (data=?"));
		assert_false(plan_has(sql, "SCAN v"));
		assert_false(plan_has(sql, "SCAN s"));
	}
	assert_false(plan_has(kri_sqlite_sql[KRI_SQLITE_SWEEP_COUNTERS],
			      "SCAN counters"));
	trial_close(&trial);
}

/* ---- the limit ---------------------------------------------------------- */

/* Whichever stands first: a session that is ended, and its successor. */
static void what_ends_in_a_batch_makes_room_for_what_begins(void **state)
{
	struct trial limited;

	(void)state;
	trial_open_with(&limited, "session.max_per_user=1",
			"session.max_per_user_rule=refuse");
	logged_in(&limited, 1, USER);
	for (unsigned i = 1; i < 3; i++) {
		struct kri_record *records[2];

		records[i % 2] = login_of(&limited, i + 1, USER);
		records[i % 2]->operation = KRI_OP_CREATE;
		records[(i + 1) % 2] = record_of(&limited, i);
		records[(i + 1) % 2]->operation = KRI_OP_DESTROY;
		commit_all(&limited, records, 2);
		assert_int_equal(records[0]->err, KR_OK);
		assert_int_equal(records[1]->err, KR_OK);
		assert_true(has(&limited, USER, i + 1));
		assert_int_equal(count_of(&limited, USER), 1);
	}
	trial_close(&limited);
}

/* ---- counters ----------------------------------------------------------- */

#define MANY 600 /* more than two bites */

static void counters_that_have_ended_are_swept(void **state)
{
	struct trial trial;
	size_t removed = 1;
	int64_t value;

	(void)state;
	trial_open(&trial, NULL);
	run_sql("WITH RECURSIVE n (i) AS"
		" (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 600)"
		" INSERT INTO counters SELECT 'c' || i, i, i FROM n");
	assert_int_equal(ask_sql("SELECT count(*) FROM counters"), MANY);
	assert_int_equal(count_up(&trial, "lives", 3, LONG, &value), KR_OK);
	assert_int_equal(trial.store->ops->sweep(trial.store, &removed), KR_OK);
	assert_int_equal(removed, 0); /* sessions */
	assert_int_equal(ask_sql("SELECT count(*) FROM counters"), 1);
	assert_int_equal(count_up(&trial, "lives", 0, LONG, &value), KR_OK);
	assert_int_equal(value, 3);
	trial_close(&trial);
}

static void a_counter_past_all_bounds_stays_there(void **state)
{
	struct trial trial;
	int64_t value;

	(void)state;
	trial_open(&trial, NULL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			count_up(&trial, "n", INT64_MAX - 5, LONG, &value),
			KR_OK);
		assert_int_equal(value, i ? INT64_MAX : INT64_MAX - 5);
	}
	assert_int_equal(ask_sql("SELECT count(*) FROM counters"
				 " WHERE typeof(value) = 'integer'"),
			 1);
	trial_close(&trial);
}

#define SQLITE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int run(void)
{
	const struct CMUnitTest tests[] = {
		SQLITE_TEST(sessions_of_version_1_live_on_and_are_found),
		SQLITE_TEST(a_program_of_version_1_goes_on_beside),
		SQLITE_TEST(a_guest_adds_nothing_and_does_without),
		SQLITE_TEST(what_is_of_a_user_is_found_by_an_index),
		SQLITE_TEST(what_ends_in_a_batch_makes_room_for_what_begins),
		SQLITE_TEST(counters_that_have_ended_are_swept),
		SQLITE_TEST(a_counter_past_all_bounds_stays_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	const char *options[] = {"store.kind=sqlite", option, NULL};
	int failed;

	kri_log_setup(KRI_LOG_WARNING, KRI_LOG_TEXT);
	umask(077);
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/sessions", folder);
	snprintf(option, sizeof(option), "store.path=%s", path);
	trial_options = options;
	failed = run();
	rmdir(folder);
	return !!failed;
}
