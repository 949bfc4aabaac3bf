/*
 * krsession.h: the session layer alone, blocking. What it does on Redis is in
 * tests/alone.bats.
 */
#include "alone_trial.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <sys/wait.h>

/* ---- the store -------------------------------------------------------- */

static void a_store_is_opened_and_closed(void **state)
{
	struct kr_config *config = NULL;
	struct kr_store *store = NULL;

	(void)state;
	assert_int_equal(kr_config_open(&config), KR_OK);
	assert_int_equal(kr_store_open(NULL, &store), KR_ERR_ARGUMENT);
	assert_int_equal(kr_store_open(config, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_config_set(config, "session.idle_timeout=48h"),
			 KR_OK);
	assert_int_equal(kr_store_open(config, &store), KR_ERR_CONFIG);
	assert_non_null(strstr(kr_config_why(config), "session.idle_timeout"));
	assert_int_equal(kr_config_set(config, "session.idle_timeout=20m"),
			 KR_OK);
	assert_int_equal(kr_config_set(config, "cookie.name=__Host-a"), KR_OK);
	assert_int_equal(kr_config_set(config, "cookie.path=/a"), KR_OK);
	assert_int_equal(kr_store_open(config, &store), KR_ERR_CONFIG);
	assert_null(store);
	kr_config_close(&config);
	kr_store_close(&store);
	kr_store_close(NULL);
}

static void a_store_that_must_be_there_is_asked(void **state)
{
	struct kr_config *config = NULL;
	struct kr_store *store = NULL;

	(void)state;
	assert_int_equal(kr_config_open(&config), KR_OK);
	assert_int_equal(
		kr_config_set(config, "redis.endpoint=unix:///nowhere.sock"),
		KR_OK);
	assert_int_equal(
		kr_config_set(config, "redis.abort_on_connect_fail=yes"),
		KR_OK);
	assert_int_equal(kr_store_open(config, &store), KR_ERR_UNAVAILABLE);
	assert_string_not_equal(kr_config_why(config), "");
	kr_config_close(&config);
}

/* What the thread does with SIGPIPE, and whether it blocks it. */
static bool takes_sigpipe(void)
{
	struct sigaction action;
	sigset_t blocked;

	sigaction(SIGPIPE, NULL, &action);
	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	return action.sa_handler == SIG_DFL && !sigismember(&blocked, SIGPIPE);
}

static void signals_stay_the_programs(void **state)
{
	static const char *const options[] = {
		"store.kind=redis", "redis.endpoint=unix:///nowhere.sock",
		NULL};
	const char *cookies[] = {
		"sid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAA",
		NULL};
	struct kr_session *session = NULL;
	struct kr_store *store;

	(void)state;
	assert_true(takes_sigpipe());
	store = open_store(options);
	assert_true(takes_sigpipe());
	assert_int_equal(kr_session_open(store, cookies, 0, &session),
			 KR_ERR_UNAVAILABLE);
	assert_true(takes_sigpipe());
	kr_store_close(&store);
	assert_true(takes_sigpipe());
}

static void a_store_that_is_away_is_an_error_at_once(void **state)
{
	static const char *const options[] = {
		"store.kind=redis", "redis.endpoint=unix:///nowhere.sock",
		NULL};
	struct kr_store *store = open_store(options);
	struct kr_session *session = NULL;
	const char *cookies[] = {
		"sid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAA",
		NULL};
	struct client client = {""};

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(kr_session_open(store, cookies, 0, &session),
				 KR_ERR_UNAVAILABLE);
	assert_null(session);
	session = open_session(store, &client);
	set(session, "color", "red");
	for (int i = 0; i < 2; i++)
		assert_int_equal(kr_session_commit(session),
				 KR_ERR_UNAVAILABLE);
	assert_int_equal(kr_session_set_int32(session, "n", 1),
			 KR_ERR_UNAVAILABLE);
	assert_int_equal(kr_session_reload(session), KR_OK);
	assert_no_value(session, "color");
	assert_int_equal(kr_session_set_int32(session, "n", 1), KR_OK);
	kr_session_close(&session);
	kr_store_close(&store);
}

/* ---- sessions --------------------------------------------------------- */

static void a_value_begins_a_session(void **state)
{
	struct kr_session *session;
	struct client client = {""};
	const char *text = NULL;

	session = open_session(*state, &client);
	assert_true(kr_session_is_new(session));
	assert_null(kr_session_id(session));
	assert_int_equal(kr_session_commit(session), KR_OK);
	assert_int_equal(kr_session_cookie(session, true, &text), KR_OK);
	assert_string_equal(text, "");
	set(session, "color", "red");
	assert_int_equal(kr_session_cookie(session, true, &text), KR_OK);
	assert_string_equal(text, "");
	commit(&client, session);
	assert_memory_equal(client.cookie, "sid=", 4);
	assert_memory_equal(client.cookie + 4, kr_session_id(session), 22);
	assert_false(kr_session_is_new(session));
	assert_value(session, "color", "red");
	kr_session_close(&session);
	assert_null(session);
	assert_stored(*state, &client, "color", "red");
}

static void no_cookies_are_a_visitor(void **state)
{
	struct kr_session *session = NULL;

	assert_int_equal(kr_session_open(*state, NULL, 0, &session), KR_OK);
	assert_no_value(session, "color");
	kr_session_close(&session);
	kr_session_close(&session);
	kr_session_close(NULL);
}

static void several_headers_are_read(void **state)
{
	struct client client;
	const char *cookies[] = {"a=b; sid=short", client.cookie, NULL};
	struct kr_session *session = NULL;

	begin_session(*state, &client);
	assert_int_equal(kr_session_open(*state, cookies, 0, &session), KR_OK);
	assert_value(session, "color", "red");
	kr_session_close(&session);
}

/* An attacker may have put cookies before the client's own. */
static void the_proven_one_of_four_is_taken(void **state)
{
	struct client client, other;
	struct kr_session *session = NULL;
	char first[JAR], forged[JAR];
	const char *cookies[] = {first, forged, client.cookie, NULL};

	begin_session(*state, &other);
	begin_session(*state, &client);
	strcpy(first, other.cookie);
	first[4] = first[4] == 'A' ? 'B' : 'A'; /* names none */
	strcpy(forged, client.cookie);
	forged[40] = forged[40] == 'A' ? 'B' : 'A'; /* proves none */
	assert_int_equal(kr_session_open(*state, cookies, 0, &session), KR_OK);
	assert_value(session, "color", "red");
	set(session, "color", "blue");
	assert_int_equal(kr_session_commit(session), KR_OK);
	kr_session_close(&session);
	assert_stored(*state, &client, "color", "blue");
	assert_stored(*state, &other, "color", "red");
}

static void what_is_not_committed_is_dropped(void **state)
{
	struct kr_session *session;
	struct client client;

	begin_session(*state, &client);
	session = open_session(*state, &client);
	set(session, "color", "blue");
	kr_session_close(&session);
	assert_stored(*state, &client, "color", "red");
	session = open_session(*state, &client);
	set(session, "color", "blue");
	assert_int_equal(kr_session_reload(session), KR_OK);
	assert_value(session, "color", "red");
	assert_int_equal(kr_session_commit(session), KR_OK);
	kr_session_close(&session);
	assert_stored(*state, &client, "color", "red");
}

/* ---- commit after commit ---------------------------------------------- */

static void a_session_goes_on_after_a_commit(void **state)
{
	struct kr_session *session, *other;
	struct client client = {""};

	session = open_session(*state, &client);
	set(session, "a", "1");
	set(session, "b", "1");
	commit(&client, session);
	set(session, "a", "2");
	assert_int_equal(kr_session_remove(session, "b"), KR_OK);
	commit(&client, session);
	assert_value(session, "a", "2");
	assert_no_value(session, "b");
	/* Only what is new is written: what another has done stays. */
	other = open_session(*state, &client);
	set(other, "a", "3");
	assert_int_equal(kr_session_commit(other), KR_OK);
	kr_session_close(&other);
	set(session, "c", "1");
	commit(&client, session);
	kr_session_close(&session);
	assert_stored(*state, &client, "a", "3");
	assert_stored(*state, &client, "b", NULL);
	assert_stored(*state, &client, "c", "1");
}

static void a_login_after_a_commit_renews_once(void **state)
{
	struct client client = {""}, old;
	struct kr_session *session = open_session(*state, &client);

	set(session, "a", "1");
	commit(&client, session);
	old = client;
	assert_int_equal(kr_session_login(session, "max"), KR_OK);
	commit(&client, session);
	assert_string_not_equal(client.cookie, old.cookie);
	old = client;
	set(session, "b", "1");
	commit(&client, session);
	assert_string_equal(client.cookie, old.cookie);
	assert_int_equal(kr_session_renew(session), KR_OK);
	commit(&client, session);
	assert_string_not_equal(client.cookie, old.cookie);
	assert_string_equal(kr_session_user(session), "max");
	assert_int_equal(kr_session_reload(session), KR_OK);
	assert_string_equal(kr_session_user(session), "max");
	kr_session_close(&session);
	assert_stored(*state, &client, "b", "1");
	assert_stored(*state, &old, "b", NULL);
}

/* Who asks only at the end learns of it too. */
static void the_cookie_is_kept_over_commits(void **state)
{
	struct client client = {""};
	struct kr_session *session = open_session(*state, &client);

	set(session, "a", "1");
	assert_int_equal(kr_session_commit(session), KR_OK);
	set(session, "a", "2");
	assert_int_equal(kr_session_commit(session), KR_OK);
	assert_int_equal(kr_session_commit(session), KR_OK);
	take_cookie(&client, session);
	kr_session_close(&session);
	assert_stored(*state, &client, "a", "2");
}

static void the_end_of_a_session_is_committed(void **state)
{
	struct client client, old;
	struct kr_session *session;
	const char *text = NULL;

	begin_session(*state, &client);
	old = client;
	session = open_session(*state, &client);
	assert_int_equal(kr_session_logout(session), KR_OK);
	commit(&client, session);
	assert_string_equal(client.cookie, "");
	assert_null(kr_session_id(session));
	assert_stored(*state, &old, "color", NULL);
	assert_int_equal(kr_session_reload(session), KR_OK);
	/* What is set now begins another. */
	set(session, "color", "blue");
	commit(&client, session);
	assert_stored(*state, &client, "color", "blue");
	/* Ended and begun in one. */
	old = client;
	assert_int_equal(kr_session_destroy(session), KR_OK);
	set(session, "color", "green");
	commit(&client, session);
	assert_string_not_equal(client.cookie, old.cookie);
	assert_stored(*state, &client, "color", "green");
	assert_stored(*state, &old, "color", NULL);
	set(session, "size", "1");
	assert_int_equal(kr_session_clear(session), KR_OK);
	set(session, "shape", "round");
	commit(&client, session);
	assert_int_equal(kr_session_cookie(session, true, &text), KR_OK);
	kr_session_close(&session);
	assert_stored(*state, &client, "color", NULL);
	assert_stored(*state, &client, "size", NULL);
	assert_stored(*state, &client, "shape", "round");
}

static void remember_me_sends_the_cookie_again(void **state)
{
	struct client client, old;
	struct kr_session *session;
	const char *text = NULL;

	begin_session(*state, &client);
	old = client;
	session = open_session(*state, &client);
	assert_int_equal(kr_session_set_idle_timeout(session, 86400), KR_OK);
	assert_int_equal(kr_session_commit(session), KR_OK);
	assert_int_equal(kr_session_cookie(session, true, &text), KR_OK);
	assert_non_null(strstr(text, "Max-Age="));
	take_cookie(&client, session);
	assert_string_equal(client.cookie, old.cookie);
	kr_session_close(&session);
}

static void secure_goes_by_how_the_client_came(void **state)
{
	static const char *const options[] = {"cookie.secure=same_as_request",
					      NULL};
	struct kr_store *store = open_store(options);
	struct client client = {""};
	struct kr_session *session = open_session(store, &client);
	const char *text = NULL;

	(void)state;
	set(session, "a", "1");
	assert_int_equal(kr_session_commit(session), KR_OK);
	assert_int_equal(kr_session_cookie(session, true, &text), KR_OK);
	assert_non_null(strstr(text, "; Secure"));
	assert_int_equal(kr_session_cookie(session, false, &text), KR_OK);
	assert_null(strstr(text, "; Secure"));
	kr_session_close(&session);
	kr_store_close(&store);
}

/* ---- others ----------------------------------------------------------- */

static void a_conflict_is_done_once_more(void **state)
{
	struct kr_session *session, *other;
	struct client client;

	begin_session(*state, &client);
	session = open_flags(*state, &client, KR_ATOMIC);
	other = open_session(*state, &client);
	set(other, "color", "green");
	assert_int_equal(kr_session_commit(other), KR_OK);
	set(session, "color", "blue");
	assert_int_equal(kr_session_commit(session), KR_ERR_CONFLICT);
	assert_int_equal(kr_session_commit(session), KR_ERR_CONFLICT);
	assert_int_equal(kr_session_clear(session), KR_ERR_CONFLICT);
	assert_int_equal(kr_session_reload(session), KR_OK);
	assert_value(session, "color", "green");
	set(session, "color", "blue");
	assert_int_equal(kr_session_commit(session), KR_OK);
	/* And again, as it is as stored now. */
	set(session, "color", "black");
	assert_int_equal(kr_session_commit(session), KR_OK);
	kr_session_close(&session);
	kr_session_close(&other);
	assert_stored(*state, &client, "color", "black");
}

static void a_session_that_ended_stays_so(void **state)
{
	struct kr_session *session, *other;
	struct client client;

	begin_session(*state, &client);
	session = open_session(*state, &client);
	other = open_session(*state, &client);
	assert_int_equal(kr_session_destroy(other), KR_OK);
	assert_int_equal(kr_session_commit(other), KR_OK);
	kr_session_close(&other);
	set(session, "color", "blue");
	assert_int_equal(kr_session_commit(session), KR_ERR_GONE);
	assert_int_equal(kr_session_reload(session), KR_ERR_GONE);
	assert_int_equal(kr_session_commit(session), KR_ERR_GONE);
	kr_session_close(&session);
	assert_stored(*state, &client, "color", NULL);
}

static void of_two_logins_one_wins(void **state)
{
	struct kr_session *session, *other;
	struct client client, winner;
	const char *text = NULL;

	begin_session(*state, &client);
	winner = client;
	session = open_session(*state, &client);
	other = open_session(*state, &client);
	assert_int_equal(kr_session_login(other, "eve"), KR_OK);
	commit(&winner, other);
	kr_session_close(&other);
	assert_int_equal(kr_session_login(session, "max"), KR_OK);
	assert_int_equal(kr_session_commit(session), KR_ERR_RENEWED);
	assert_int_equal(kr_session_cookie(session, true, &text), KR_OK);
	assert_string_equal(text, "");
	/* The other begins a session of its own, but nothing else does. */
	assert_int_equal(kr_session_reload(session), KR_OK);
	assert_no_value(session, "color");
	set(session, "color", "blue");
	assert_int_equal(kr_session_commit(session), KR_ERR_RENEWED);
	assert_int_equal(kr_session_reload(session), KR_OK);
	assert_int_equal(kr_session_login(session, "max"), KR_OK);
	commit(&client, session);
	set(session, "color", "white");
	commit(&client, session);
	kr_session_close(&session);
	assert_stored(*state, &client, "color", "white");
	assert_stored(*state, &winner, "color", "red");
}

static void a_replaced_secret_changes_nothing(void **state)
{
	struct kr_session *session;
	struct client client, old;
	const char *text = NULL;

	begin_session(*state, &client);
	old = client;
	session = open_session(*state, &client);
	assert_int_equal(kr_session_renew(session), KR_OK);
	commit(&client, session);
	kr_session_close(&session);
	session = open_session(*state, &old);
	assert_no_value(session, "color");
	assert_int_equal(kr_session_login(session, "max"), KR_OK);
	assert_int_equal(kr_session_commit(session), KR_ERR_RENEWED);
	assert_int_equal(kr_session_reload(session), KR_OK);
	assert_int_equal(kr_session_login(session, "max"), KR_OK);
	assert_int_equal(kr_session_commit(session), KR_ERR_RENEWED);
	assert_int_equal(kr_session_cookie(session, true, &text), KR_OK);
	assert_string_equal(text, "");
	kr_session_close(&session);
	assert_stored(*state, &client, "color", "red");
}

/* ---- wrong calls ------------------------------------------------------ */

static void wrong_calls_are_refused(void **state)
{
	struct kr_session *session = NULL;
	const char *text = NULL;

	assert_int_equal(kr_session_open(NULL, NULL, 0, &session),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_open(*state, NULL, 0, NULL),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_open(*state, NULL, KR_SESSION, &session),
			 KR_ERR_ARGUMENT);
	assert_null(session);
	assert_int_equal(kr_session_commit(NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_reload(NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_cookie(NULL, true, &text), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_open(*state, NULL, 0, &session), KR_OK);
	assert_int_equal(kr_session_cookie(session, true, NULL),
			 KR_ERR_ARGUMENT);
	kr_session_close(&session);
}

/* For waitpid: what the child found, as a bit each. */
static int look_from_a_child(struct kr_store *store, struct kr_session *session)
{
	struct kr_session *another = NULL;
	const char *text;
	int found = 0;

	found |= kr_session_open(store, NULL, 0, &another) != KR_ERR_ARGUMENT;
	found |= (kr_session_commit(session) != KR_ERR_ARGUMENT) << 1;
	found |= (kr_session_reload(session) != KR_ERR_ARGUMENT) << 2;
	found |= (kr_session_cookie(session, 1, &text) != KR_ERR_ARGUMENT) << 3;
	kr_session_close(&session);
	kr_store_close(&store);
	found |= (session || store) << 4;
	return found;
}

static void a_store_does_not_go_over_a_fork(void **state)
{
	struct kr_session *session;
	struct client client;
	int status = 0;
	pid_t child;

	begin_session(*state, &client);
	session = open_session(*state, &client);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(look_from_a_child(*state, session));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	set(session, "color", "blue");
	assert_int_equal(kr_session_commit(session), KR_OK);
	kr_session_close(&session);
	assert_stored(*state, &client, "color", "blue");
}

/* ---- handlers' sessions ----------------------------------------------- */

static enum kr_err meddle(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	const char *text;

	assert_int_equal(kr_session_commit(session), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_reload(session), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_cookie(session, true, &text),
			 KR_ERR_ARGUMENT);
	kr_session_close(&session);
	assert_non_null(session);
	return kr_status(c, 204);
}

static void a_handlers_session_is_not_ours(void **state)
{
	struct kr_app *app = NULL;
	struct kr_test *test = NULL;

	(void)state;
	assert_int_equal(kr_app_open(&app), KR_OK);
	assert_int_equal(kr_map(app, KR_GET, "/", meddle, KR_SESSION), KR_OK);
	assert_int_equal(kr_test_open(app, &test), KR_OK);
	assert_int_equal(kr_test_request(test, "GET", "/"), KR_OK);
	assert_int_equal(kr_test_status(test), 204);
	kr_test_close(&test);
	kr_app_close(&app);
}

#define TRY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_is_opened_and_closed),
		cmocka_unit_test(a_store_that_must_be_there_is_asked),
		cmocka_unit_test(signals_stay_the_programs),
		cmocka_unit_test(a_store_that_is_away_is_an_error_at_once),
		TRY(a_value_begins_a_session),
		TRY(no_cookies_are_a_visitor),
		TRY(several_headers_are_read),
		TRY(the_proven_one_of_four_is_taken),
		TRY(what_is_not_committed_is_dropped),
		TRY(a_session_goes_on_after_a_commit),
		TRY(a_login_after_a_commit_renews_once),
		TRY(the_cookie_is_kept_over_commits),
		TRY(the_end_of_a_session_is_committed),
		TRY(remember_me_sends_the_cookie_again),
		cmocka_unit_test(secure_goes_by_how_the_client_came),
		TRY(a_conflict_is_done_once_more),
		TRY(a_session_that_ended_stays_so),
		TRY(of_two_logins_one_wins),
		TRY(a_replaced_secret_changes_nothing),
		TRY(wrong_calls_are_refused),
		TRY(a_store_does_not_go_over_a_fork),
		cmocka_unit_test(a_handlers_session_is_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
