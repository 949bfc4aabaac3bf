/*
 * krsession.h: the sessions of a user in an app's handlers, by browsers that
 * share its store. Served, the same is in tests/users.bats.
 */
#include "krsession.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static enum kr_err login(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	const char *label = kr_input(c, "label");
	enum kr_err err = kr_session_login(session, kr_input(c, "user"));

	if (!err && label)
		err = kr_session_set_label(session, label);
	return err ? err : kr_text(c, 200, "in");
}

static enum kr_err who(struct kr_context *c)
{
	const char *user = kr_session_user(kr_session(c));

	return kr_text(c, 200, user ? user : "nobody");
}

static enum kr_err put(void *arg, const struct kr_user_session *session)
{
	kr_json_string(arg, NULL, session->label);
	return KR_OK;
}

static enum kr_err list(struct kr_context *c)
{
	enum kr_err err;

	kr_json_array(c, "labels");
	err = kr_user_sessions(kr_context_store(c),
			       kr_session_user(kr_session(c)), put, c);
	kr_json_close(c);
	return err ? err : kr_json_end(c, 200);
}

/* Says the number of those that it has ended. */
static enum kr_err end(struct kr_context *c)
{
	struct kr_store *store = kr_context_store(c);
	const char *user = kr_session_user(kr_session(c));
	const char *own = kr_session_id(kr_session(c));
	int64_t n = 0;
	enum kr_err err;

	if (!strcmp(kr_request_rest(c), "others"))
		err = kr_user_end_others(store, user, own, &n);
	else
		err = kr_user_end_all(store, user, &n);
	kr_json_int(c, "ended", n);
	return err ? err : kr_json_end(c, 200);
}

/* A new login, and all that were there before are out. */
static enum kr_err takeover(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	int64_t n = 0;
	enum kr_err err = kr_session_login(session, kr_input(c, "user"));

	if (!err)
		err = kr_user_end_others(kr_context_store(c),
					 kr_session_user(session),
					 kr_session_id(session), &n);
	kr_json_int(c, "ended", n);
	return err ? err : kr_json_end(c, 200);
}

/* Whether it has a store, which it may not close. */
static enum kr_err has_store(struct kr_context *c)
{
	struct kr_store *store = kr_context_store(c), *same = store;
	int64_t n = 0;

	kr_store_close(&same);
	if (!store)
		return kr_text(c, 200, "none");
	return kr_counter_add(store, "n", 1, 60, &n) || same
		       ? kr_text(c, 200, "closed")
		       : kr_text(c, 200, "open");
}

static enum kr_err count(struct kr_context *c)
{
	int64_t n = 0;
	enum kr_err err =
		kr_counter_add(kr_context_store(c), "tries", 1, 60, &n);

	kr_json_int(c, "n", n);
	return err ? err : kr_json_end(c, 200);
}

#define BROWSERS 4

struct trial {
	struct kr_app *app;
	struct kr_test *browsers[BROWSERS];
};

static struct trial *open_trial(const char *const *options)
{
	static const struct {
		const char *path;
		kr_handler *handler;
		unsigned flags;
	} routes[] = {
		{"/login", login, KR_SESSION},
		{"/who", who, KR_SESSION},
		{"/list", list, KR_SESSION | KR_BLOCKING},
		{"/end/*", end, KR_SESSION | KR_BLOCKING},
		{"/takeover", takeover, KR_SESSION | KR_BLOCKING},
		{"/blocking", has_store, KR_BLOCKING},
		{"/plain", has_store, KR_SESSION},
		{"/count", count, KR_BLOCKING},
	};
	struct trial *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	assert_int_equal(kr_app_open(&t->app), KR_OK);
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		assert_int_equal(kr_map(t->app, KR_GET, routes[i].path,
					routes[i].handler, routes[i].flags),
				 KR_OK);
	for (; options && *options; options++)
		assert_int_equal(kr_config_set(kr_app_config(t->app), *options),
				 KR_OK);
	for (size_t i = 0; i < BROWSERS; i++)
		assert_int_equal(kr_test_open(t->app, &t->browsers[i]), KR_OK);
	return t;
}

static void close_trial(struct trial *t)
{
	for (size_t i = 0; i < BROWSERS; i++)
		kr_test_close(&t->browsers[i]);
	kr_app_close(&t->app);
	free(t);
}

static int setup(void **state)
{
	*state = open_trial(NULL);
	return 0;
}

static int teardown(void **state)
{
	close_trial(*state);
	return 0;
}

static void ask(struct trial *t, size_t browser, const char *target)
{
	assert_int_equal(kr_test_request(t->browsers[browser], "GET", target),
			 KR_OK);
}

static void expect(struct trial *t, size_t browser, const char *target,
		   int status, const char *answer)
{
	ask(t, browser, target);
	assert_string_equal(kr_test_answer(t->browsers[browser], NULL), answer);
	assert_int_equal(kr_test_status(t->browsers[browser]), status);
}

/* ---- the sessions ----------------------------------------------------- */

static void one_browser_ends_the_other(void **state)
{
	struct trial *t = *state;

	expect(t, 0, "/login?user=max&label=phone", 200, "in");
	expect(t, 1, "/login?user=max&label=laptop", 200, "in");
	expect(t, 2, "/login?user=moritz&label=desk", 200, "in");
	ask(t, 0, "/list");
	assert_non_null(strstr(kr_test_answer(t->browsers[0], NULL), "phone"));
	assert_non_null(strstr(kr_test_answer(t->browsers[0], NULL), "laptop"));
	assert_null(strstr(kr_test_answer(t->browsers[0], NULL), "desk"));
	expect(t, 0, "/end/others", 200, "{\"ended\":1}");
	expect(t, 1, "/who", 200, "nobody");
	expect(t, 0, "/who", 200, "max");
	expect(t, 2, "/who", 200, "moritz");
	expect(t, 0, "/list", 200, "{\"labels\":[\"phone\"]}");
	expect(t, 0, "/end/all", 200, "{\"ended\":1}");
	expect(t, 0, "/who", 200, "nobody");
}

/* Its login is stored after the others have ended, and is none of them. */
static void a_login_that_ends_the_others_stays(void **state)
{
	struct trial *t = *state;

	expect(t, 0, "/login?user=max", 200, "in");
	expect(t, 1, "/login?user=max", 200, "in");
	expect(t, 2, "/takeover?user=max", 200, "{\"ended\":2}");
	expect(t, 0, "/who", 200, "nobody");
	expect(t, 1, "/who", 200, "nobody");
	expect(t, 2, "/who", 200, "max");
	expect(t, 2, "/takeover?user=max", 200, "{\"ended\":0}");
	expect(t, 2, "/who", 200, "max");
}

static void a_handlers_error_is_an_answer(void **state)
{
	struct trial *t = *state;

	/* Nobody has logged in: there is no name to ask for. */
	expect(t, 0, "/list", 500, "{\"error\":\"Internal error\"}");
	expect(t, 0, "/login?user=%09", 400, "{\"error\":\"Bad request\"}");
}

/* ---- the limit -------------------------------------------------------- */

static void a_login_past_the_limit_is_403_and_stores_nothing(void **state)
{
	static const char *const options[] = {
		"session.max_per_user=2", "session.max_per_user_rule=refuse",
		NULL};
	struct trial *t = open_trial(options);

	(void)state;
	expect(t, 0, "/login?user=max", 200, "in");
	expect(t, 1, "/login?user=max", 200, "in");
	expect(t, 2, "/login?user=max", 403,
	       "{\"error\":\"User has too many sessions\"}");
	assert_null(kr_test_header_out(t->browsers[2], "Set-Cookie"));
	assert_string_equal(kr_test_header_out(t->browsers[2], "Content-Type"),
			    "application/json; charset=utf-8");
	expect(t, 2, "/who", 200, "nobody");
	expect(t, 2, "/login?user=moritz", 200, "in");
	expect(t, 2, "/login?user=max", 403,
	       "{\"error\":\"User has too many sessions\"}");
	assert_null(kr_test_header_out(t->browsers[2], "Set-Cookie"));
	expect(t, 2, "/who", 200, "moritz");
	expect(t, 0, "/list", 200, "{\"labels\":[\"\",\"\"]}");
	expect(t, 0, "/end/others", 200, "{\"ended\":1}");
	expect(t, 3, "/login?user=max", 200, "in");
	close_trial(t);
}

static void a_login_past_the_limit_ends_the_oldest(void **state)
{
	static const char *const options[] = {"session.max_per_user=1", NULL};
	struct trial *t = open_trial(options);

	(void)state;
	expect(t, 0, "/login?user=max", 200, "in");
	expect(t, 1, "/login?user=max", 200, "in");
	expect(t, 0, "/who", 200, "nobody");
	expect(t, 1, "/who", 200, "max");
	close_trial(t);
}

/* ---- the store -------------------------------------------------------- */

static void a_handler_that_blocks_has_the_apps_store(void **state)
{
	struct trial *t = *state;

	expect(t, 0, "/plain", 200, "none");
	expect(t, 0, "/blocking", 200, "open");
	expect(t, 1, "/blocking", 200, "open");
}

struct counting {
	struct trial *t;
	size_t browser;
	pthread_t thread;
};

static void *count_many(void *arg)
{
	struct counting *counting = arg;

	for (int i = 0; i < 100; i++)
		ask(counting->t, counting->browser, "/count");
	return NULL;
}

static void browsers_of_several_threads_share_it(void **state)
{
	struct trial *t = *state;
	struct counting counting[BROWSERS];

	for (size_t i = 0; i < BROWSERS; i++) {
		counting[i] = (struct counting){.t = t, .browser = i};
		assert_int_equal(pthread_create(&counting[i].thread, NULL,
						count_many, &counting[i]),
				 0);
	}
	for (size_t i = 0; i < BROWSERS; i++)
		pthread_join(counting[i].thread, NULL);
	expect(t, 0, "/count", 200, "{\"n\":401}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_browser_ends_the_other,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_login_that_ends_the_others_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(a_handlers_error_is_an_answer,
						setup, teardown),
		cmocka_unit_test(
			a_login_past_the_limit_is_403_and_stores_nothing),
		cmocka_unit_test(a_login_past_the_limit_ends_the_oldest),
		cmocka_unit_test_setup_teardown(
			a_handler_that_blocks_has_the_apps_store, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			browsers_of_several_threads_share_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
