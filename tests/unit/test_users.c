/*
 * krsession.h: the sessions of a user, and counters, without an app. What they
 * are in the stores is in tests/conformance and tests/users.bats.
 */
#include "alone_trial.h"

#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 256

/* Logs the client in to a session of its own. */
static void log_in(struct kr_store *store, struct client *client,
		   const char *user, const char *label)
{
	struct kr_session *session = open_session(store, client);

	assert_int_equal(kr_session_login(session, user), KR_OK);
	if (label)
		assert_int_equal(kr_session_set_label(session, label), KR_OK);
	commit(client, session);
	kr_session_close(&session);
}

/* The user whom the client is, or "". */
static const char *who(struct kr_store *store, const struct client *client,
		       char room[300])
{
	struct kr_session *session = open_session(store, client);
	const char *user = kr_session_user(session);

	snprintf(room, 300, "%s", user ? user : "");
	kr_session_close(&session);
	return room;
}

static void assert_is(struct kr_store *store, const struct client *client,
		      const char *user)
{
	char room[300];

	assert_string_equal(who(store, client, room), user);
}

/* The id is in front in the cookie, behind "sid=". */
static const char *id_of(const struct client *client, char room[23])
{
	snprintf(room, 23, "%.22s", client->cookie + strlen("sid="));
	return room;
}

struct seen {
	size_t n;
	char id[MOST][23], label[MOST][300];
	struct kr_user_session session[MOST];
};

static enum kr_err note(void *arg, const struct kr_user_session *session)
{
	struct seen *seen = arg;

	assert_true(seen->n < MOST);
	snprintf(seen->id[seen->n], sizeof(seen->id[0]), "%s", session->id);
	snprintf(seen->label[seen->n], sizeof(seen->label[0]), "%s",
		 session->label);
	seen->session[seen->n++] = *session;
	return KR_OK;
}

static void list(struct kr_store *store, const char *user, struct seen *seen)
{
	seen->n = 0;
	assert_int_equal(kr_user_sessions(store, user, note, seen), KR_OK);
}

static void assert_count(struct kr_store *store, const char *user, size_t n)
{
	static struct seen seen;

	list(store, user, &seen);
	assert_int_equal(seen.n, n);
}

/* The place of the client's session in the list; it is there once. */
static size_t place_of(const struct seen *seen, const struct client *client)
{
	char id[23];
	size_t place = MOST, times = 0;

	id_of(client, id);
	for (size_t i = 0; i < seen->n; i++) {
		if (strcmp(seen->id[i], id) != 0)
			continue;
		place = i;
		times++;
	}
	assert_int_equal(times, 1);
	return place;
}

/* ---- the list --------------------------------------------------------- */

static void sessions_of_a_user_are_listed(void **state)
{
	struct kr_store *store = *state;
	struct client phone = {""}, laptop = {""}, other = {""}, visitor;
	int64_t now = time(NULL);
	static struct seen seen;
	size_t at;

	log_in(store, &phone, "max", "phone");
	log_in(store, &laptop, "max", NULL);
	log_in(store, &other, "moritz", "phone");
	begin_session(store, &visitor);
	list(store, "max", &seen);
	assert_int_equal(seen.n, 2);
	at = place_of(&seen, &phone);
	assert_string_equal(seen.label[at], "phone");
	assert_string_equal(seen.label[place_of(&seen, &laptop)], "");
	assert_in_range(seen.session[at].created, now - 1, now + 5);
	assert_in_range(seen.session[at].login, now - 1, now + 5);
	assert_in_range(seen.session[at].seen, now - 1, now + 5);
	/* Idle for 20 minutes, and a sixteenth more. */
	assert_in_range(seen.session[at].ends, now + 1270, now + 1280);
	assert_count(store, "nobody", 0);
	assert_count(store, "ma", 0);
	assert_count(store, "max ", 0);
}

static void the_end_is_by_the_sessions_own_timeouts(void **state)
{
	struct kr_store *store = *state;
	struct client client = {""};
	struct kr_session *session = open_session(store, &client);
	int64_t now = time(NULL);
	static struct seen seen;

	assert_int_equal(kr_session_login(session, "max"), KR_OK);
	assert_int_equal(kr_session_set_idle_timeout(session, 1600), KR_OK);
	commit(&client, session);
	list(store, "max", &seen);
	assert_in_range(seen.session[0].ends, now + 1695, now + 1705);
	/* Longer than session.absolute_timeout leaves. */
	assert_int_equal(kr_session_set_idle_timeout(session, 31536000), KR_OK);
	commit(&client, session);
	list(store, "max", &seen);
	assert_in_range(seen.session[0].ends, now + 86395, now + 86405);
	kr_session_close(&session);
}

static void a_session_is_its_last_users(void **state)
{
	struct kr_store *store = *state;
	struct client client = {""};
	struct kr_session *session;

	log_in(store, &client, "max", NULL);
	log_in(store, &client, "max", "again");
	assert_count(store, "max", 1);
	log_in(store, &client, "moritz", NULL);
	assert_count(store, "max", 0);
	assert_count(store, "moritz", 1);
	session = open_session(store, &client);
	assert_int_equal(kr_session_logout(session), KR_OK);
	commit(&client, session);
	kr_session_close(&session);
	assert_count(store, "moritz", 0);
}

static void a_login_that_is_not_committed_is_none(void **state)
{
	struct kr_store *store = *state;
	struct client client = {""};
	struct kr_session *session = open_session(store, &client);

	assert_int_equal(kr_session_login(session, "max"), KR_OK);
	assert_count(store, "max", 0);
	kr_session_close(&session);
	assert_count(store, "max", 0);
}

static enum kr_err refuse(void *arg, const struct kr_user_session *session)
{
	int *left = arg;

	(void)session;
	return (*left)-- ? KR_OK : KR_ERR_TYPE;
}

static void an_error_ends_the_list(void **state)
{
	struct kr_store *store = *state;
	int left = 2;

	for (int i = 0; i < 5; i++) {
		struct client client = {""};

		log_in(store, &client, "max", NULL);
	}
	assert_int_equal(kr_user_sessions(store, "max", refuse, &left),
			 KR_ERR_TYPE);
	assert_int_equal(left, -1);
	assert_count(store, "max", 5);
}

static void a_list_may_be_long(void **state)
{
	struct kr_store *store = *state;
	int64_t ended = 0;
	static struct client clients[150];
	static struct seen seen;

	for (size_t i = 0; i < 150; i++) {
		*clients[i].cookie = '\0';
		log_in(store, &clients[i], "max", "one of many");
	}
	list(store, "max", &seen);
	assert_int_equal(seen.n, 150);
	for (size_t i = 0; i < 150; i++)
		assert_string_equal(seen.label[place_of(&seen, &clients[i])],
				    "one of many");
	assert_int_equal(kr_user_end_all(store, "max", &ended), KR_OK);
	assert_int_equal(ended, 150);
	assert_count(store, "max", 0);
}

/* ---- ending ----------------------------------------------------------- */

static void one_is_ended(void **state)
{
	struct kr_store *store = *state;
	struct client a = {""}, b = {""};
	char id[23];

	log_in(store, &a, "max", NULL);
	log_in(store, &b, "max", NULL);
	assert_int_equal(kr_user_end(store, "max", id_of(&a, id)), KR_OK);
	assert_is(store, &a, "");
	assert_is(store, &b, "max");
	assert_count(store, "max", 1);
	assert_int_equal(kr_user_end(store, "max", id), KR_ERR_NOT_FOUND);
}

static void what_is_not_the_users_is_not_ended(void **state)
{
	static const char *const bad[] = {"",
					  "x",
					  "AAAAAAAAAAAAAAAAAAAAAA",
					  "AAAAAAAAAAAAAAAAAAAAAB",
					  "AAAAAAAAAAAAAAAAAAAAA\n",
					  "AAAAAAAAAAAAAAAAAAAAAAAAA",
					  "*",
					  "@user:max"};
	struct kr_store *store = *state;
	struct client other = {""}, visitor;
	char id[23];

	log_in(store, &other, "moritz", NULL);
	begin_session(store, &visitor);
	assert_int_equal(kr_user_end(store, "max", id_of(&other, id)),
			 KR_ERR_NOT_FOUND);
	assert_int_equal(kr_user_end(store, "max", id_of(&visitor, id)),
			 KR_ERR_NOT_FOUND);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(kr_user_end(store, "moritz", bad[i]),
				 KR_ERR_NOT_FOUND);
	assert_is(store, &other, "moritz");
	assert_stored(store, &visitor, "color", "red");
}

static void all_but_one_are_ended(void **state)
{
	struct kr_store *store = *state;
	struct client a = {""}, b = {""}, c = {""}, other = {""};
	int64_t ended = -1;
	char id[23];

	log_in(store, &a, "max", NULL);
	log_in(store, &b, "max", NULL);
	log_in(store, &c, "max", NULL);
	log_in(store, &other, "moritz", NULL);
	assert_int_equal(
		kr_user_end_others(store, "max", id_of(&b, id), &ended), KR_OK);
	assert_int_equal(ended, 2);
	assert_is(store, &a, "");
	assert_is(store, &b, "max");
	assert_is(store, &c, "");
	assert_is(store, &other, "moritz");
	/* It need be neither the user's nor there at all. */
	assert_int_equal(
		kr_user_end_others(store, "max", id_of(&other, id), &ended),
		KR_OK);
	assert_int_equal(ended, 1);
	assert_is(store, &b, "");
	assert_is(store, &other, "moritz");
	assert_int_equal(kr_user_end_others(store, "moritz", "none", &ended),
			 KR_OK);
	assert_int_equal(ended, 1);
	assert_is(store, &other, "");
}

static void all_are_ended_and_a_login_begins_anew(void **state)
{
	struct kr_store *store = *state;
	struct client a = {""}, b = {""};
	int64_t ended = -1;

	assert_int_equal(kr_user_end_all(store, "max", &ended), KR_OK);
	assert_int_equal(ended, 0);
	log_in(store, &a, "max", NULL);
	log_in(store, &b, "max", NULL);
	assert_int_equal(kr_user_end_all(store, "max", &ended), KR_OK);
	assert_int_equal(ended, 2);
	assert_is(store, &a, "");
	assert_is(store, &b, "");
	log_in(store, &a, "max", NULL);
	assert_is(store, &a, "max");
	assert_count(store, "max", 1);
}

static void what_was_under_way_stores_nothing(void **state)
{
	struct kr_store *store = *state;
	struct client client = {""};
	struct kr_session *session;
	int64_t ended = 0;

	log_in(store, &client, "max", NULL);
	session = open_session(store, &client);
	assert_int_equal(kr_user_end_all(store, "max", &ended), KR_OK);
	set(session, "color", "red");
	assert_int_equal(kr_session_commit(session), KR_ERR_GONE);
	kr_session_close(&session);
	assert_is(store, &client, "");
}

/* ---- the limit -------------------------------------------------------- */

static void the_oldest_makes_room(void **state)
{
	static const char *const options[] = {"session.max_per_user=2", NULL};
	struct kr_store *store = open_store(options);
	struct client a = {""}, b = {""}, c = {""}, other = {""};
	struct timespec pause = {0, 5000000};

	(void)state;
	log_in(store, &other, "moritz", NULL);
	log_in(store, &a, "max", NULL);
	nanosleep(&pause, NULL); /* ends are told apart by ms */
	log_in(store, &b, "max", NULL);
	nanosleep(&pause, NULL);
	log_in(store, &b, "max", "is no other one");
	assert_is(store, &a, "max");
	log_in(store, &c, "max", NULL);
	assert_is(store, &a, "");
	assert_is(store, &b, "max");
	assert_is(store, &c, "max");
	assert_is(store, &other, "moritz");
	assert_count(store, "max", 2);
	kr_store_close(&store);
}

static void a_login_too_many_is_refused(void **state)
{
	static const char *const options[] = {
		"session.max_per_user=1", "session.max_per_user_rule=refuse",
		NULL};
	struct kr_store *store = open_store(options);
	struct client a = {""}, b = {""}, visitor;
	struct kr_session *session;
	const char *cookie = NULL;

	(void)state;
	log_in(store, &a, "max", NULL);
	session = open_session(store, &b);
	assert_int_equal(kr_session_login(session, "max"), KR_OK);
	assert_int_equal(kr_session_commit(session), KR_ERR_SESSIONS);
	assert_int_equal(kr_session_cookie(session, true, &cookie), KR_OK);
	assert_string_equal(cookie, "");
	assert_int_equal(kr_session_set_int32(session, "n", 1),
			 KR_ERR_SESSIONS);
	kr_session_close(&session);
	assert_count(store, "max", 1);
	/* The session that it had stays what it was, under its old secret. */
	begin_session(store, &visitor);
	session = open_session(store, &visitor);
	assert_int_equal(kr_session_login(session, "max"), KR_OK);
	set(session, "color", "blue");
	assert_int_equal(kr_session_commit(session), KR_ERR_SESSIONS);
	kr_session_close(&session);
	assert_stored(store, &visitor, "color", "red");
	assert_is(store, &visitor, "");
	/* Who is in already logs in again. */
	log_in(store, &a, "max", NULL);
	assert_is(store, &a, "max");
	session = open_session(store, &a);
	assert_int_equal(kr_session_logout(session), KR_OK);
	commit(&a, session);
	kr_session_close(&session);
	log_in(store, &b, "max", NULL);
	assert_is(store, &b, "max");
	kr_store_close(&store);
}

/* ---- labels ----------------------------------------------------------- */

static void labels_are_checked(void **state)
{
	struct kr_store *store = *state;
	struct client client = {""};
	struct kr_session *session = open_session(store, &client);
	static struct seen seen;
	char text[258];

	memset(text, 'x', 257);
	text[257] = '\0';
	assert_int_equal(kr_session_set_label(session, text), KR_ERR_INPUT);
	assert_int_equal(kr_session_set_label(session, "a\nb"), KR_ERR_INPUT);
	assert_int_equal(kr_session_set_label(session, "\xff"), KR_ERR_INPUT);
	assert_int_equal(kr_session_set_label(session, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_set_label(NULL, "a"), KR_ERR_ARGUMENT);
	assert_null(kr_session_id(session));
	text[256] = '\0';
	assert_int_equal(kr_session_login(session, "max"), KR_OK);
	assert_int_equal(kr_session_set_label(session, text), KR_OK);
	commit(&client, session);
	list(store, "max", &seen);
	assert_string_equal(seen.label[0], text);
	/* It is none of the values that a clear takes away. */
	assert_int_equal(kr_session_clear(session), KR_OK);
	commit(&client, session);
	list(store, "max", &seen);
	assert_string_equal(seen.label[0], text);
	assert_int_equal(kr_session_set_label(session, ""), KR_OK);
	commit(&client, session);
	list(store, "max", &seen);
	assert_string_equal(seen.label[0], "");
	kr_session_close(&session);
}

static void a_label_begins_a_session(void **state)
{
	struct kr_store *store = *state;
	struct client client = {""};
	struct kr_session *session = open_session(store, &client);

	assert_int_equal(kr_session_set_label(session, "mine"), KR_OK);
	commit(&client, session);
	assert_non_null(kr_session_id(session));
	kr_session_close(&session);
	session = open_session(store, &client);
	assert_false(kr_session_is_new(session));
	assert_no_value(session, "label");
	kr_session_close(&session);
}

/* ---- counters --------------------------------------------------------- */

static int64_t add(struct kr_store *store, const char *name, int64_t n)
{
	int64_t value = -1;

	assert_int_equal(kr_counter_add(store, name, n, 60, &value), KR_OK);
	return value;
}

static void a_counter_counts(void **state)
{
	struct kr_store *store = *state;

	assert_int_equal(add(store, "a", 0), 0);
	assert_int_equal(add(store, "a", 1), 1);
	assert_int_equal(add(store, "a", 1000000), 1000001);
	assert_int_equal(add(store, "a", 0), 1000001);
	assert_int_equal(add(store, "b", 2), 2);
	assert_int_equal(add(store, "login 127.0.0.1 m\xc3\xa4x", 1), 1);
	/* Its name is no user's, no session's. */
	assert_int_equal(add(store, "AAAAAAAAAAAAAAAAAAAAAA", 1), 1);
	assert_count(store, "a", 0);
}

static void a_counter_ends(void **state)
{
	struct kr_store *store = *state;
	struct timespec pause = {0, 20000000};
	int64_t value = 0;

	assert_int_equal(kr_counter_add(store, "brief", 3, 1, &value), KR_OK);
	assert_int_equal(value, 3);
	/* A later addition does not prolong it. */
	assert_int_equal(kr_counter_add(store, "brief", 1, 60, &value), KR_OK);
	assert_int_equal(value, 4);
	for (int i = 0; i < 250 && value; i++) {
		nanosleep(&pause, NULL);
		assert_int_equal(kr_counter_add(store, "brief", 0, 1, &value),
				 KR_OK);
	}
	assert_int_equal(value, 0);
	assert_int_equal(add(store, "brief", 1), 1);
}

static void *add_many(void *store)
{
	for (int i = 0; i < 500; i++)
		if (!add(store, "shared", 1))
			return store;
	return NULL;
}

static void threads_lose_no_addition(void **state)
{
	struct kr_store *store = *state;
	pthread_t threads[4];
	void *bad = NULL;

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, add_many, store), 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
	assert_int_equal(add(store, "shared", 0), 2000);
}

/* ---- wrong calls ------------------------------------------------------ */

static void arguments_are_checked(void **state)
{
	struct kr_store *store = *state;
	int64_t n = 7;
	const enum kr_err errs[] = {
		kr_user_sessions(NULL, "max", note, NULL),
		kr_user_sessions(store, NULL, note, NULL),
		kr_user_sessions(store, "max", NULL, NULL),
		kr_user_end(NULL, "max", "x"),
		kr_user_end(store, NULL, "x"),
		kr_user_end(store, "max", NULL),
		kr_user_end_others(NULL, "max", "x", &n),
		kr_user_end_others(store, NULL, "x", &n),
		kr_user_end_others(store, "max", NULL, &n),
		kr_user_end_others(store, "max", "x", NULL),
		kr_user_end_all(NULL, "max", &n),
		kr_user_end_all(store, NULL, &n),
		kr_user_end_all(store, "max", NULL),
		kr_counter_add(NULL, "a", 1, 1, &n),
		kr_counter_add(store, NULL, 1, 1, &n),
		kr_counter_add(store, "a", 1, 1, NULL),
		kr_counter_add(store, "", 1, 1, &n),
		kr_counter_add(store, "a\n", 1, 1, &n),
		kr_counter_add(store, "\xff", 1, 1, &n),
		kr_counter_add(store, "a", -1, 1, &n),
		kr_counter_add(store, "a", 1000001, 1, &n),
		kr_counter_add(store, "a", 1, 0, &n),
		kr_counter_add(store, "a", 1, -1, &n),
		kr_counter_add(store, "a", 1, 31536001, &n),
		kr_counter_add(store, "a", 1, INT64_MAX, &n),
	};

	for (size_t i = 0; i < sizeof(errs) / sizeof(*errs); i++)
		assert_int_equal(errs[i], KR_ERR_ARGUMENT);
	assert_int_equal(n, 7);
	assert_null(kr_context_store(NULL));
}

static void names_are_checked(void **state)
{
	struct kr_store *store = *state;
	int64_t n = 7;
	char name[258];

	memset(name, 'n', 257);
	name[257] = '\0';
	for (size_t i = 0; i < 4; i++) {
		const char *const names[] = {"", "a\tb", "\xc3", name};
		const char *user = names[i];

		assert_int_equal(kr_user_sessions(store, user, note, NULL),
				 KR_ERR_INPUT);
		assert_int_equal(kr_user_end(store, user, "x"), KR_ERR_INPUT);
		assert_int_equal(kr_user_end_others(store, user, "x", &n),
				 KR_ERR_INPUT);
		assert_int_equal(kr_user_end_all(store, user, &n),
				 KR_ERR_INPUT);
	}
	assert_int_equal(n, 7);
	name[256] = '\0';
	assert_count(store, name, 0);
	name[128] = '\0';
	assert_int_equal(add(store, name, 1), 1);
	name[128] = 'n';
	name[129] = '\0';
	assert_int_equal(kr_counter_add(store, name, 1, 1, &n),
			 KR_ERR_ARGUMENT);
}

static void a_store_is_its_own_process(void **state)
{
	struct kr_store *store = *state;
	int64_t n;
	int status = -1;
	pid_t child = fork();

	if (!child)
		_exit(kr_user_sessions(store, "max", note, NULL) !=
			      KR_ERR_ARGUMENT ||
		      kr_user_end(store, "max", "x") != KR_ERR_ARGUMENT ||
		      kr_user_end_all(store, "max", &n) != KR_ERR_ARGUMENT ||
		      kr_counter_add(store, "a", 1, 1, &n) != KR_ERR_ARGUMENT);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void a_store_that_is_away_is_an_error(void **state)
{
	static const char *const options[] = {
		"store.kind=redis", "redis.endpoint=unix:///nowhere.sock",
		NULL};
	struct kr_store *store = open_store(options);
	int64_t n = 7;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(kr_user_sessions(store, "max", note, NULL),
				 KR_ERR_UNAVAILABLE);
		assert_int_equal(
			kr_user_end(store, "max", "AAAAAAAAAAAAAAAAAAAAAA"),
			KR_ERR_UNAVAILABLE);
		assert_int_equal(kr_user_end_all(store, "max", &n),
				 KR_ERR_UNAVAILABLE);
		assert_int_equal(kr_counter_add(store, "a", 1, 1, &n),
				 KR_ERR_UNAVAILABLE);
	}
	assert_int_equal(n, 7);
	kr_store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sessions_of_a_user_are_listed,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_end_is_by_the_sessions_own_timeouts, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_session_is_its_last_users,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_login_that_is_not_committed_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(an_error_ends_the_list, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_list_may_be_long, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_is_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_not_the_users_is_not_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(all_but_one_are_ended, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			all_are_ended_and_a_login_begins_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_was_under_way_stores_nothing, setup, teardown),
		cmocka_unit_test(the_oldest_makes_room),
		cmocka_unit_test(a_login_too_many_is_refused),
		cmocka_unit_test_setup_teardown(labels_are_checked, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_label_begins_a_session, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_counter_counts, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_counter_ends, setup,
						teardown),
		cmocka_unit_test_setup_teardown(threads_lose_no_addition, setup,
						teardown),
		cmocka_unit_test_setup_teardown(arguments_are_checked, setup,
						teardown),
		cmocka_unit_test_setup_teardown(names_are_checked, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_store_is_its_own_process,
						setup, teardown),
		cmocka_unit_test(a_store_that_is_away_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
