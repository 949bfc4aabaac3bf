/*
 * krsession.h: the browser that tests handlers. That the handlers act as they
 * are served is what its requests go through the stages for.
 */
#include "krsession.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static pthread_t main_thread;

static enum kr_err hello(struct kr_context *c)
{
	return kr_text(c, 200, "Hello");
}

static enum kr_err counter(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	int32_t n = 0;
	enum kr_err err = kr_session_get_int32(session, "n", &n);

	if (!err || err == KR_ERR_NOT_FOUND)
		err = kr_session_set_int32(session, "n", n + 1);
	kr_json_int(c, "n", n + 1);
	return err ? err : kr_json_end(c, 200);
}

/* Says all that it was sent. */
static enum kr_err echo(struct kr_context *c)
{
	const void *bytes = NULL;
	size_t size = 0;
	enum kr_err err = kr_body(c, &bytes, &size);

	kr_json_string(c, "method", kr_request_method(c));
	kr_json_string(c, "rest", kr_request_rest(c));
	kr_json_string(c, "q", kr_input(c, "q"));
	kr_json_string(c, "x", kr_header_in(c, "X-Thing"));
	kr_json_string(c, "type", kr_header_in(c, "Content-Type"));
	kr_json_string(c, "address", kr_client_address(c));
	kr_json_int(c, "size", (int64_t)size);
	return err ? err : kr_json_end(c, 201);
}

static enum kr_err bake(struct kr_context *c)
{
	enum kr_err err = kr_cookie(c, "plain", "1", 0);

	if (!err)
		err = kr_cookie(c, "gone", "", -1);
	if (!err)
		err = kr_header(c, "Set-Cookie", "deep=2; Path=/deep/er");
	if (!err)
		err = kr_header(c, "Set-Cookie",
				"old=3; Expires=Wed, 01 Jan 2020 00:00:00 GMT");
	if (!err)
		err = kr_header(c, "Set-Cookie", "folder=4");
	if (!err)
		err = kr_header(c, "Set-Cookie", "deeper");
	return err ? err : kr_status(c, 204);
}

static enum kr_err taste(struct kr_context *c)
{
	const char *cookies = kr_header_in(c, "Cookie");

	return kr_text(c, 200, cookies ? cookies : "none");
}

static enum kr_err logout(struct kr_context *c)
{
	enum kr_err err = kr_session_logout(kr_session(c));

	return err ? err : kr_redirect(c, 303, "/");
}

static enum kr_err block(struct kr_context *c)
{
	assert_true(pthread_equal(main_thread, pthread_self()));
	return counter(c);
}

static enum kr_err big(struct kr_context *c)
{
	char value[2000] = {0};
	enum kr_err err = kr_session_set_bytes(kr_session(c), "big", value,
					       sizeof(value));

	return err ? err : kr_status(c, 204);
}

struct trial {
	struct kr_app *app;
	struct kr_test *test;
};

static int setup(void **state)
{
	static const struct {
		const char *path;
		kr_handler *handler;
		unsigned methods, flags;
	} routes[] = {
		{"/", hello, KR_GET, 0},
		{"/counter", counter, KR_GET, KR_SESSION | KR_ATOMIC},
		{"/change", counter, KR_POST, KR_SESSION},
		{"/block", block, KR_GET, KR_SESSION | KR_BLOCKING},
		{"/echo/*", echo, KR_GET | KR_PUT | KR_POST, KR_BODY},
		{"/form", echo, KR_POST, 0},
		{"/logout", logout, KR_POST, KR_SESSION},
		{"/a/bake", bake, KR_GET, 0},
		{"/a/taste", taste, KR_GET, 0},
		{"/deep/er/taste", taste, KR_GET, 0},
		{"/deep/erer", taste, KR_GET, 0},
		{"/big", big, KR_GET, KR_SESSION},
	};
	struct trial *trial = calloc(1, sizeof(*trial));
	enum kr_err err = kr_app_open(&trial->app);

	main_thread = pthread_self();
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes) && !err; i++)
		err = kr_map(trial->app, routes[i].methods, routes[i].path,
			     routes[i].handler, routes[i].flags);
	if (!err)
		err = kr_config_set(kr_app_config(trial->app),
				    "session.max_value=1000");
	if (!err)
		err = kr_test_open(trial->app, &trial->test);
	*state = trial;
	return err;
}

static int teardown(void **state)
{
	struct trial *trial = *state;

	kr_test_close(&trial->test);
	kr_app_close(&trial->app);
	free(trial);
	return 0;
}

static void visit(struct kr_test *test, const char *method, const char *target,
		  int status)
{
	assert_int_equal(kr_test_request(test, method, target), KR_OK);
	assert_int_equal(kr_test_status(test), status);
}

static void expect(struct kr_test *test, const char *method, const char *target,
		   int status, const char *answer)
{
	size_t size = 0;

	visit(test, method, target, status);
	assert_string_equal(kr_test_answer(test, &size), answer);
	assert_int_equal(size, strlen(answer));
}

static void an_answer_has_status_headers_and_content(void **state)
{
	struct kr_test *test = ((struct trial *)*state)->test;

	assert_int_equal(kr_test_status(test), 0);
	assert_string_equal(kr_test_answer(test, NULL), "");
	expect(test, "GET", "/", 200, "Hello");
	assert_string_equal(kr_test_header_out(test, "content-type"),
			    "text/plain; charset=utf-8");
	assert_string_equal(kr_test_header_out(test, "Content-Length"), "5");
	assert_null(kr_test_header_out(test, "Set-Cookie"));
	expect(test, "HEAD", "/", 200, "");
	assert_string_equal(kr_test_header_out(test, "Content-Length"), "5");
	expect(test, "GET", "/none", 404, "{\"error\":\"Not found\"}");
	visit(test, "DELETE", "/", 405);
	assert_string_equal(kr_test_header_out(test, "Allow"), "GET, HEAD");
}

static void a_session_lives_from_request_to_request(void **state)
{
	struct kr_test *test = ((struct trial *)*state)->test;

	expect(test, "GET", "/counter", 200, "{\"n\":1}");
	assert_non_null(kr_test_header_out(test, "Set-Cookie"));
	assert_string_equal(kr_test_header_out(test, "Vary"), "Cookie");
	expect(test, "GET", "/counter", 200, "{\"n\":2}");
	assert_null(kr_test_header_out(test, "Set-Cookie"));
	expect(test, "GET", "/block", 200, "{\"n\":3}");
	visit(test, "POST", "/logout", 303);
	assert_string_equal(kr_test_header_out(test, "Location"), "/");
	expect(test, "GET", "/counter", 200, "{\"n\":1}");
}

static void two_browsers_have_sessions_of_their_own(void **state)
{
	struct trial *trial = *state;
	struct kr_test *other = NULL, *thief = NULL;
	const char *cookie;
	char stolen[200];

	expect(trial->test, "GET", "/counter", 200, "{\"n\":1}");
	cookie = kr_test_header_out(trial->test, "Set-Cookie");
	strncpy(stolen, cookie, sizeof(stolen) - 1);
	stolen[strcspn(cookie, ";")] = '\0';
	assert_int_equal(kr_test_open(trial->app, &other), KR_OK);
	assert_int_equal(kr_test_open(trial->app, &thief), KR_OK);
	expect(other, "GET", "/counter", 200, "{\"n\":1}");
	expect(trial->test, "GET", "/counter", 200, "{\"n\":2}");
	/* The sessions are in one store. */
	assert_int_equal(kr_test_header(thief, "Cookie", stolen), KR_OK);
	expect(thief, "GET", "/counter", 200, "{\"n\":3}");
	expect(thief, "GET", "/counter", 200, "{\"n\":1}");
	kr_test_close(&other);
	kr_test_close(&thief);
	expect(trial->test, "GET", "/counter", 200, "{\"n\":4}");
}

/* One client that is at four browsers at once. */
struct racer {
	struct kr_test *test;
	const char *cookie;
	pthread_t thread;
	int bad;
};

static void *race(void *arg)
{
	struct racer *racer = arg;

	for (int i = 0; i < 50; i++) {
		racer->bad |=
			kr_test_header(racer->test, "Cookie", racer->cookie);
		racer->bad |= kr_test_request(racer->test, "GET", "/counter");
		racer->bad |= kr_test_status(racer->test) != 200;
	}
	return NULL;
}

static void browsers_may_be_used_by_several_threads(void **state)
{
	struct trial *trial = *state;
	struct racer racers[4] = {{0}};
	char cookie[200] = "";

	visit(trial->test, "GET", "/counter", 200);
	strncpy(cookie, kr_test_header_out(trial->test, "Set-Cookie"),
		sizeof(cookie) - 1);
	cookie[strcspn(cookie, ";")] = '\0';
	for (int i = 0; i < 4; i++) {
		racers[i].cookie = cookie;
		assert_int_equal(kr_test_open(trial->app, &racers[i].test),
				 KR_OK);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race,
						&racers[i]),
				 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(racers[i].thread, NULL);
		kr_test_close(&racers[i].test);
		assert_int_equal(racers[i].bad, 0);
	}
	expect(trial->test, "GET", "/counter", 200, "{\"n\":202}");
}

static void a_request_has_all_that_it_was_given(void **state)
{
	struct kr_test *test = ((struct trial *)*state)->test;

	assert_int_equal(kr_test_header(test, "X-Thing", "7"), KR_OK);
	assert_int_equal(kr_test_body(test, "image/png", "\0\1\2", 3), KR_OK);
	expect(test, "PUT", "/echo/m%C3%A4x%20y?q=a%26b", 201,
	       "{\"method\":\"PUT\",\"rest\":\"m\xc3\xa4x y\",\"q\":\"a&b\","
	       "\"x\":\"7\",\"type\":\"image/png\",\"address\":\"127.0.0.1\","
	       "\"size\":3}");
	/* Nothing of it is left for the next one. */
	visit(test, "PUT", "/echo/?q=1", 500);
	assert_int_equal(kr_test_header(test, "X-Thing", "8"), KR_OK);
	assert_int_equal(kr_test_body(test, "application/x-www-form-urlencoded",
				      "q=b", 3),
			 KR_OK);
	visit(test, "POST", "/form", 201);
	assert_non_null(strstr(kr_test_answer(test, NULL), "\"q\":\"b\""));
}

static void the_rules_are_those_of_a_server(void **state)
{
	struct kr_test *test = ((struct trial *)*state)->test;
	static char large[9000];

	assert_int_equal(kr_test_header(test, "Sec-Fetch-Site", "cross-site"),
			 KR_OK);
	visit(test, "POST", "/change", 403);
	visit(test, "POST", "/change", 200);
	assert_int_equal(kr_test_header(test, "Sec-Fetch-Site", "cross-site"),
			 KR_OK);
	visit(test, "GET", "/counter", 403);
	memset(large, 'a', sizeof(large));
	assert_int_equal(kr_test_body(test, NULL, large, sizeof(large)), KR_OK);
	visit(test, "POST", "/form", 413);
	assert_int_equal(kr_test_body(test, "text/plain", "a", 1), KR_OK);
	visit(test, "POST", "/form", 415);
	assert_int_equal(kr_test_header(test, "Content-Length", "7"), KR_OK);
	assert_int_equal(kr_test_body(test, NULL, "a=b", 3), KR_OK);
	visit(test, "POST", "/form", 400);
	visit(test, "GET", "/?q=%zz", 400);
	visit(test, "GET", "/echo/../x", 400);
	visit(test, "GET", "/big", 413);
}

static void cookies_are_kept_by_name_and_path(void **state)
{
	struct kr_test *test = ((struct trial *)*state)->test;

	expect(test, "GET", "/a/taste", 200, "none");
	visit(test, "GET", "/a/bake", 204);
	expect(test, "GET", "/a/taste", 200, "folder=4; plain=1");
	expect(test, "GET", "/deep/er/taste", 200, "deep=2; plain=1");
	expect(test, "GET", "/deep/erer", 200, "plain=1");
	visit(test, "GET", "/a/bake", 204);
	assert_int_equal(kr_test_header(test, "Cookie", "own=1"), KR_OK);
	expect(test, "GET", "/a/taste", 200, "own=1");
	expect(test, "GET", "/a/taste", 200, "folder=4; plain=1");
}

static void wrong_calls_are_refused(void **state)
{
	struct trial *trial = *state;
	struct kr_test *test = trial->test, *none = NULL;

	assert_int_equal(kr_test_open(NULL, &none), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_open(trial->app, NULL), KR_ERR_ARGUMENT);
	kr_test_close(&none);
	kr_test_close(NULL);
	assert_int_equal(kr_test_header(test, "X Y", "a"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_header(test, "X", "a\r\nb"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_header(test, NULL, ""), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_header(test, "X", NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_header(NULL, "X", ""), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_body(NULL, NULL, "", 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_body(test, NULL, NULL, 1), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_request(NULL, "GET", "/"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_request(test, NULL, "/"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_request(test, "G ET", "/"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_request(test, "GET", NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_request(test, "GET", "a"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_request(test, "GET", "/%0"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_request(test, "GET", "/%00"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_request(test, "GET", ""), KR_ERR_ARGUMENT);
	assert_int_equal(kr_test_status(test), 0);
	assert_int_equal(kr_test_status(NULL), 0);
	assert_null(kr_test_header_out(NULL, "A"));
	assert_null(kr_test_header_out(test, NULL));
	assert_null(kr_test_answer(NULL, NULL));
}

static void wrong_options_are_found(void **state)
{
	struct kr_app *app = NULL;
	struct kr_test *test = NULL;

	(void)state;
	assert_int_equal(kr_app_open(&app), KR_OK);
	assert_int_equal(
		kr_config_set(kr_app_config(app), "session.idle_timeout=48h"),
		KR_OK);
	assert_int_equal(kr_test_open(app, &test), KR_ERR_CONFIG);
	assert_null(test);
	assert_string_not_equal(kr_config_why(kr_app_config(app)), "");
	assert_int_equal(
		kr_config_set(kr_app_config(app), "session.idle_timeout=1h"),
		KR_OK);
	assert_int_equal(kr_test_open(app, &test), KR_OK);
	visit(test, "GET", "/", 404);
	kr_test_close(&test);
	kr_app_close(&app);
}

static void options_of_a_store_with_a_server_do_not_matter(void **state)
{
	const char *const options[] = {
		"store.kind=redis",
		"redis.endpoint=unix:///nowhere.sock",
		"session.cache=50ms",
	};
	struct kr_app *app = NULL;
	struct kr_test *test = NULL;

	(void)state;
	assert_int_equal(kr_app_open(&app), KR_OK);
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		assert_int_equal(kr_config_set(kr_app_config(app), options[i]),
				 KR_OK);
	assert_int_equal(kr_test_open(app, &test), KR_OK);
	visit(test, "GET", "/", 404);
	kr_test_close(&test);
	kr_app_close(&app);
}

#define TRY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRY(an_answer_has_status_headers_and_content),
		TRY(a_session_lives_from_request_to_request),
		TRY(two_browsers_have_sessions_of_their_own),
		TRY(browsers_may_be_used_by_several_threads),
		TRY(a_request_has_all_that_it_was_given),
		TRY(the_rules_are_those_of_a_server),
		TRY(cookies_are_kept_by_name_and_path),
		TRY(wrong_calls_are_refused),
		cmocka_unit_test(wrong_options_are_found),
		cmocka_unit_test(
			options_of_a_store_with_a_server_do_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
