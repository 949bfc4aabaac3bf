/*
 * krsession.h: the request, its body, and what each function says to a wrong
 * call.
 */
#include "exchange_trial.h"

static enum kr_err hello(struct kr_context *c)
{
	return kr_text(c, 200, "Hello");
}

static int setup(void **state)
{
	static const struct trial_route routes[] = {
		{"/hello", hello, KR_GET | KR_POST, 0},
		{"/body", hello, KR_GET | KR_POST, KR_BODY},
		{"/files/*", hello, KR_GET, 0},
		{NULL, NULL, 0, 0},
	};

	return trial_open(state, routes);
}

#define JSON "CONTENT_TYPE=application/json"
#define FORM "CONTENT_TYPE=application/x-www-form-urlencoded"

/* ---- parameters ------------------------------------------------------- */

static void the_request_is_told(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_OK, "REQUEST_METHOD=HEAD", "PATH_INFO=/files/a/b",
	      "REMOTE_ADDR=2001:db8::1", "HTTP_ACCEPT=text/html",
	      "CONTENT_TYPE=text/plain", "QUERY_STRING=a=1&b=2&a=3");
	assert_string_equal(kr_request_method(&t->c), "HEAD");
	assert_string_equal(kr_request_path(&t->c), "/files/a/b");
	assert_string_equal(kr_request_rest(&t->c), "a/b");
	assert_null(kr_route_user(&t->c));
	assert_string_equal(kr_client_address(&t->c), "2001:db8::1");
	assert_string_equal(kr_request_param(&t->c, "HTTP_ACCEPT"),
			    "text/html");
	assert_string_equal(kr_header_in(&t->c, "aCCept"), "text/html");
	assert_string_equal(kr_header_in(&t->c, "Content-Type"), "text/plain");
	assert_string_equal(kr_input(&t->c, "a"), "1");
	assert_string_equal(kr_input_at(&t->c, "a", 1), "3");
	assert_null(kr_input_at(&t->c, "a", 2));
	assert_null(kr_session(&t->c));
}

static void what_is_not_there_is_null(void **state)
{
	struct trial *t = *state;

	get(t, "PATH_INFO=/hello");
	assert_string_equal(kr_request_rest(&t->c), "");
	assert_string_equal(kr_client_address(&t->c), "");
	assert_null(kr_request_param(&t->c, "HTTP_ACCEPT"));
	assert_null(kr_header_in(&t->c, "Accept"));
	assert_null(kr_header_in(&t->c, "Content-Length"));
	assert_null(kr_header_in(&t->c, ""));
	assert_null(kr_cookie_in(&t->c, "a"));
	assert_null(kr_input(&t->c, "a"));
}

/* "X_A" would be the same parameter as "X-A". */
static void a_header_has_one_name(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_OK, "REQUEST_METHOD=GET", "PATH_INFO=/hello", "HTTP_X_A=1",
	      "HTTP_X_AB=2", "X_A=3");
	assert_string_equal(kr_header_in(&t->c, "X-A"), "1");
	assert_string_equal(kr_header_in(&t->c, "x-ab"), "2");
	assert_null(kr_header_in(&t->c, "X_A"));
	assert_null(kr_header_in(&t->c, "X-A=1"));
	assert_null(kr_header_in(&t->c, "X-"));
}

static void cookies_are_found_but_ours_is_not(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_OK, "REQUEST_METHOD=GET", "PATH_INFO=/hello",
	      "HTTP_COOKIE=a=1; sid=secret; c=\"x\"", "HTTP_COOKIE=b=2; e=");
	assert_string_equal(kr_cookie_in(&t->c, "a"), "1");
	assert_string_equal(kr_cookie_in(&t->c, "b"), "2");
	assert_string_equal(kr_cookie_in(&t->c, "c"), "x");
	assert_string_equal(kr_cookie_in(&t->c, "e"), "");
	assert_null(kr_cookie_in(&t->c, "sid"));
	assert_null(kr_cookie_in(&t->c, "A"));
}

static void wrong_calls_get_nothing(void **state)
{
	struct trial *t = *state;

	get(t, "PATH_INFO=/hello");
	assert_null(kr_request_method(NULL));
	assert_null(kr_request_path(NULL));
	assert_null(kr_request_rest(NULL));
	assert_null(kr_route_user(NULL));
	assert_null(kr_client_address(NULL));
	assert_null(kr_request_param(NULL, "A"));
	assert_null(kr_request_param(&t->c, NULL));
	assert_null(kr_header_in(NULL, "A"));
	assert_null(kr_header_in(&t->c, NULL));
	assert_null(kr_cookie_in(NULL, "a"));
	assert_null(kr_cookie_in(&t->c, NULL));
	assert_null(kr_input(NULL, "a"));
	assert_null(kr_input(&t->c, NULL));
	assert_null(kr_input_at(NULL, "a", 0));
	assert_null(kr_session(NULL));
}

/* ---- the path --------------------------------------------------------- */

static void a_path_that_climbs_is_refused(void **state)
{
	static const char *const paths[] = {
		"PATH_INFO=/files/..", "PATH_INFO=/files/../x",
		"PATH_INFO=/files/.", "PATH_INFO=/files/a/./b"};
	struct trial *t = *state;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		get(t, paths[i]);
		assert_answer(t, 400);
		kri_exchange_end(&t->c);
	}
	get(t, "PATH_INFO=/files//a...b//");
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
	assert_string_equal(kr_request_rest(&t->c), "/a...b//");
}

/* ---- bodies ----------------------------------------------------------- */

static void a_body_is_as_it_came(void **state)
{
	struct trial *t = *state;
	const void *bytes = NULL;
	size_t size = 9;

	post(t, "PATH_INFO=/body", "CONTENT_TYPE=any/thing", "a\x01%zz");
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
	assert_int_equal(kr_body(&t->c, &bytes, &size), KR_OK);
	assert_int_equal(size, 5);
	assert_memory_equal(bytes, "a\x01%zz", 5);
	kri_exchange_end(&t->c);
	get(t, "PATH_INFO=/body");
	assert_int_equal(kr_body(&t->c, &bytes, &size), KR_OK);
	assert_non_null(bytes);
	assert_int_equal(size, 0);
}

static void a_form_is_decoded_on_any_route(void **state)
{
	struct trial *t = *state;

	post(t, "PATH_INFO=/body", FORM, "a=%41");
	assert_string_equal(kr_input(&t->c, "a"), "A");
	kri_exchange_end(&t->c);
	post(t, "PATH_INFO=/body", "CONTENT_TYPE=text/plain", "a=%41");
	assert_null(kr_input(&t->c, "a"));
}

static void a_json_body_is_read_once(void **state)
{
	struct trial *t = *state;
	const struct kr_json *first = NULL, *second = NULL;

	post(t, "PATH_INFO=/body", JSON, "{\"a\":[1]}");
	assert_int_equal(kr_body_json(&t->c, &first), KR_OK);
	assert_int_equal(kr_body_json(&t->c, &second), KR_OK);
	assert_ptr_equal(first, second);
	assert_int_equal(kr_json_count(kr_json_member(first, "a")), 1);
}

static void the_errors_of_json_bodies(void **state)
{
	struct trial *t = *state;
	const struct kr_json *json = NULL;

	post(t, "PATH_INFO=/body", JSON, "{");
	assert_int_equal(kr_body_json(&t->c, &json), KR_ERR_INPUT);
	assert_int_equal(kr_body_json(&t->c, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_body_json(NULL, &json), KR_ERR_ARGUMENT);
	kri_exchange_end(&t->c);
	post(t, "PATH_INFO=/body", JSON, "");
	assert_int_equal(kr_body_json(&t->c, &json), KR_ERR_INPUT);
	kri_exchange_end(&t->c);
	post(t, "PATH_INFO=/body", "CONTENT_TYPE=text/json", "{}");
	assert_int_equal(kr_body_json(&t->c, &json), KR_ERR_MEDIA);
	kri_exchange_end(&t->c);
	post(t, "PATH_INFO=/body", JSON, "[1]");
	t->c.arena.limit = 0;
	assert_int_equal(kr_body_json(&t->c, &json), KR_ERR_MEMORY);
	assert_null(json);
}

static void wrong_calls_for_a_body(void **state)
{
	struct trial *t = *state;
	const void *bytes;
	size_t size;

	get(t, "PATH_INFO=/body");
	assert_int_equal(kr_body(NULL, &bytes, &size), KR_ERR_ARGUMENT);
	assert_int_equal(kr_body(&t->c, NULL, &size), KR_ERR_ARGUMENT);
	assert_int_equal(kr_body(&t->c, &bytes, NULL), KR_ERR_ARGUMENT);
}

static void a_large_body_is_given_back(void **state)
{
	struct trial *t = *state;
	struct kri_body_room room = {.limit = 1 << 20};

	t->site.bodies = &room;
	kri_buffer_grow(&t->c.body.bytes, 100000);
	post(t, "PATH_INFO=/body", "CONTENT_TYPE=any/thing", "abc");
	assert_true(room.used >= 100000);
	assert_int_equal(room.used, t->c.body.bytes.cap);
	kri_exchange_end(&t->c);
	assert_int_equal(room.used, 0);
	assert_int_equal(t->c.body.bytes.cap, 0);
	t->site.bodies = NULL;
}

static void a_body_without_room_is_answered_503(void **state)
{
	struct trial *t = *state;
	struct kri_body_room room = {.limit = 1000};

	t->site.bodies = &room;
	kri_buffer_grow(&t->c.body.bytes, 100000);
	post(t, "PATH_INFO=/body", "CONTENT_TYPE=any/thing", "abc");
	assert_answer(t, 503);
	assert_says(t, "Retry-After: 1");
	kri_exchange_end(&t->c);
	assert_int_equal(room.used, 0);
	t->site.bodies = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, trial_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_request_is_told),
		TEST(what_is_not_there_is_null),
		TEST(a_header_has_one_name),
		TEST(cookies_are_found_but_ours_is_not),
		TEST(wrong_calls_get_nothing),
		TEST(a_path_that_climbs_is_refused),
		TEST(a_body_is_as_it_came),
		TEST(a_form_is_decoded_on_any_route),
		TEST(a_json_body_is_read_once),
		TEST(the_errors_of_json_bodies),
		TEST(wrong_calls_for_a_body),
		TEST(a_large_body_is_given_back),
		TEST(a_body_without_room_is_answered_503),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
