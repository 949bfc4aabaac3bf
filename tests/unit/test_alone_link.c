/*
 * krsession.h: the session layer alone, on a loop of the program's.
 */
#include "alone_trial.h"

#include <unistd.h>
#include <uv.h>

struct trial {
	struct kr_store *store;
	uv_loop_t loop;
	struct kr_link *link;
};

/* What a call was told. */
struct end {
	int times;
	enum kr_err err;
	struct kr_session *session;
};

static int setup_loop(void **state)
{
	struct trial *trial = calloc(1, sizeof(*trial));

	trial->store = open_store(NULL);
	*state = trial;
	return uv_loop_init(&trial->loop) ||
	       kr_store_attach(trial->store, &trial->loop, &trial->link);
}

/* The file of a store in SQLite, in a folder of its own. */
static char folder[] = "/tmp/kr-link-XXXXXX";
#define RANDOM_AT (sizeof(folder) - sizeof("XXXXXX"))

static int setup_sqlite_loop(void **state)
{
	char path[128];
	const char *const options[] = {"store.kind=sqlite", path, NULL};
	struct trial *trial = calloc(1, sizeof(*trial));

	memcpy(folder + RANDOM_AT, "XXXXXX", 6);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "store.path=%s/s", folder);
	trial->store = open_store(options);
	*state = trial;
	return uv_loop_init(&trial->loop) ||
	       kr_store_attach(trial->store, &trial->loop, &trial->link);
}

static int teardown_loop(void **state)
{
	struct trial *trial = *state;
	int busy;

	kr_store_detach(&trial->link);
	uv_run(&trial->loop, UV_RUN_DEFAULT);
	busy = uv_loop_close(&trial->loop);
	kr_store_close(&trial->store);
	free(trial);
	return busy;
}

static int teardown_sqlite_loop(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	int busy = teardown_loop(state);
	char path[128];

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		snprintf(path, sizeof(path), "%s/s%s", folder, ends[i]);
		unlink(path);
	}
	return busy | rmdir(folder);
}

static void done(void *arg, enum kr_err err, struct kr_session *session)
{
	struct end *end = arg;

	end->times++;
	end->err = err;
	end->session = session;
}

/* None is told before the loop has run. */
static enum kr_err await(struct trial *trial, struct end *end)
{
	assert_int_equal(end->times, 0);
	while (!end->times && uv_loop_alive(&trial->loop))
		uv_run(&trial->loop, UV_RUN_ONCE);
	assert_int_equal(end->times, 1);
	return end->err;
}

static struct kr_session *open_on(struct trial *trial,
				  const struct client *client, unsigned flags)
{
	const char *cookies[] = {client->cookie, NULL};
	struct end end = {0};

	assert_int_equal(
		kr_session_open_on(trial->link, cookies, flags, done, &end),
		KR_OK);
	assert_int_equal(await(trial, &end), KR_OK);
	assert_non_null(end.session);
	return end.session;
}

static enum kr_err commit_on(struct trial *trial, struct kr_session *session)
{
	struct end end = {0};

	assert_int_equal(kr_session_commit_on(session, done, &end), KR_OK);
	assert_int_equal(kr_session_set_int32(session, "n", 1),
			 trial->link ? KR_ERR_ARGUMENT : KR_OK);
	await(trial, &end);
	assert_ptr_equal(end.session, session);
	return end.err;
}

static enum kr_err reload_on(struct trial *trial, struct kr_session *session)
{
	struct end end = {0};

	assert_int_equal(kr_session_reload_on(session, done, &end), KR_OK);
	await(trial, &end);
	return end.err;
}

static void a_session_is_begun_and_changed(void **state)
{
	struct trial *trial = *state;
	struct client client = {""};
	struct kr_session *session = open_on(trial, &client, 0);

	set(session, "color", "red");
	assert_int_equal(commit_on(trial, session), KR_OK);
	take_cookie(&client, session);
	set(session, "color", "blue");
	assert_int_equal(commit_on(trial, session), KR_OK);
	kr_session_close(&session);
	session = open_on(trial, &client, 0);
	assert_value(session, "color", "blue");
	assert_int_equal(commit_on(trial, session), KR_OK);
	kr_session_close(&session);
	/* The store is one for all ways to it. */
	assert_stored(trial->store, &client, "color", "blue");
}

static void a_conflict_is_loaded_again(void **state)
{
	struct trial *trial = *state;
	struct kr_session *session, *other;
	struct client client;

	begin_session(trial->store, &client);
	session = open_on(trial, &client, KR_ATOMIC);
	other = open_session(trial->store, &client);
	set(other, "color", "green");
	commit(&client, other);
	kr_session_close(&other);
	set(session, "color", "blue");
	assert_int_equal(commit_on(trial, session), KR_ERR_CONFLICT);
	assert_int_equal(reload_on(trial, session), KR_OK);
	assert_value(session, "color", "green");
	set(session, "color", "blue");
	assert_int_equal(commit_on(trial, session), KR_OK);
	kr_session_close(&session);
	assert_stored(trial->store, &client, "color", "blue");
}

static void close_it(void *arg, enum kr_err err, struct kr_session *session)
{
	done(arg, err, NULL);
	kr_session_close(&session);
}

static void who_is_told_may_close(void **state)
{
	struct trial *trial = *state;
	struct client client;
	const char *cookies[] = {client.cookie, NULL};
	struct end end = {0};

	begin_session(trial->store, &client);
	assert_int_equal(
		kr_session_open_on(trial->link, cookies, 0, close_it, &end),
		KR_OK);
	assert_int_equal(await(trial, &end), KR_OK);
}

static void one_under_way_may_be_closed(void **state)
{
	struct trial *trial = *state;
	struct client client = {""};
	struct kr_session *session = open_on(trial, &client, 0);
	struct end end = {0};

	set(session, "color", "red");
	assert_int_equal(kr_session_commit_on(session, done, &end), KR_OK);
	kr_session_close(&session);
	uv_run(&trial->loop, UV_RUN_DEFAULT);
	assert_int_equal(end.times, 0);
}

static void what_a_detached_link_had_under_way_is_told_of(void **state)
{
	static const char *const options[] = {
		"store.kind=redis", "redis.endpoint=unix:///nowhere.sock",
		NULL};
	struct kr_store *store = open_store(options);
	struct trial *trial = *state;
	const char *cookies[] = {
		"sid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAA",
		NULL};
	struct kr_link *link = NULL;
	struct kr_session *session;
	struct end begun = {0}, end = {0};

	assert_int_equal(kr_store_attach(store, &trial->loop, &link), KR_OK);
	assert_int_equal(kr_session_open_on(link, NULL, 0, done, &begun),
			 KR_OK);
	assert_int_equal(await(trial, &begun), KR_OK);
	session = begun.session;
	assert_int_equal(kr_session_open_on(link, cookies, 0, done, &end),
			 KR_OK);
	kr_store_detach(&link);
	assert_null(link);
	assert_int_equal(await(trial, &end), KR_ERR_UNAVAILABLE);
	assert_null(end.session);
	set(session, "color", "red");
	assert_int_equal(kr_session_commit_on(session, done, &end),
			 KR_ERR_ARGUMENT);
	uv_run(&trial->loop, UV_RUN_DEFAULT);
	kr_session_close(&session);
	kr_store_close(&store);
}

static void wrong_calls_are_refused(void **state)
{
	struct trial *trial = *state;
	struct client client = {""};
	struct kr_session *session = open_on(trial, &client, 0), *own;
	struct kr_link *link = NULL;
	struct end end = {0};

	assert_int_equal(kr_store_attach(NULL, &trial->loop, &link),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_store_attach(trial->store, NULL, &link),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_store_attach(trial->store, &trial->loop, NULL),
			 KR_ERR_ARGUMENT);
	kr_store_detach(&link);
	kr_store_detach(NULL);
	assert_int_equal(kr_session_open_on(NULL, NULL, 0, done, &end),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_open_on(trial->link, NULL, 0, NULL, &end),
			 KR_ERR_ARGUMENT);
	assert_int_equal(
		kr_session_open_on(trial->link, NULL, KR_BODY, done, &end),
		KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_commit_on(NULL, done, &end),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_reload_on(NULL, done, &end),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_commit_on(session, NULL, &end),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_reload_on(session, NULL, &end),
			 KR_ERR_ARGUMENT);
	/* Those that block and those that do not keep to themselves. */
	assert_int_equal(kr_session_commit(session), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_reload(session), KR_ERR_ARGUMENT);
	own = open_session(trial->store, &client);
	assert_int_equal(kr_session_commit_on(own, done, &end),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_reload_on(own, done, &end),
			 KR_ERR_ARGUMENT);
	kr_session_close(&own);
	assert_int_equal(kr_session_commit_on(session, done, &end), KR_OK);
	assert_int_equal(kr_session_commit_on(session, done, &end),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_reload_on(session, done, &end),
			 KR_ERR_ARGUMENT);
	assert_int_equal(await(trial, &end), KR_OK);
	kr_session_close(&session);
}

#define TRY(test)                                                              \
	cmocka_unit_test_setup_teardown(test, setup_loop, teardown_loop)

/* Its threads are given jobs by a flush alone. */
#define TRY_SQLITE(test)                                                       \
	cmocka_unit_test_setup_teardown(test, setup_sqlite_loop,               \
					teardown_sqlite_loop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRY(a_session_is_begun_and_changed),
		TRY(a_conflict_is_loaded_again),
		TRY(who_is_told_may_close),
		TRY(one_under_way_may_be_closed),
		TRY(what_a_detached_link_had_under_way_is_told_of),
		TRY(wrong_calls_are_refused),
		TRY_SQLITE(a_session_is_begun_and_changed),
		TRY_SQLITE(a_conflict_is_loaded_again),
		TRY_SQLITE(who_is_told_may_close),
		TRY_SQLITE(one_under_way_may_be_closed),
		TRY_SQLITE(wrong_calls_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
