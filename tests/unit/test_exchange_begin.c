/*
 * The beginning of an exchange: what is answered at once, and what comes next
 * for the others. No handler is run here.
 */
#include "exchange_trial.h"

#define FORM "CONTENT_TYPE=application/x-www-form-urlencoded"

/* For all routes. */
static enum kr_err hello(struct kr_context *c)
{
	return kr_text(c, 200, "Hello");
}

static int setup(void **state)
{
	static const struct trial_route routes[] = {
		{"/hello", hello, KR_GET, 0},
		{"/form", hello, KR_POST, KR_SESSION},
		{"/read", hello, KR_GET | KR_POST, KR_SESSION},
		{"/slow", hello, KR_GET | KR_POST, KR_SESSION | KR_BLOCKING},
		{0},
	};

	return trial_open(state, routes);
}

/* ---- what is answered at once ----------------------------------------- */

static void an_unknown_path_is_answered_404(void **state)
{
	struct trial *t = *state;

	get(t, "PATH_INFO=/nowhere");
	assert_answer(t, 404);
	assert_says(t, "\r\n\r\n{\"error\":\"Not found\"}");
}

static void another_method_is_answered_405_with_those_allowed(void **state)
{
	struct trial *t = *state;

	get(t, "PATH_INFO=/form");
	assert_answer(t, 405);
	assert_says(t, "\r\nAllow: POST\r\n");
	kri_exchange_end(&t->c);
	BEGIN(t, KR_OK, "REQUEST_METHOD=DELETE", "PATH_INFO=/read");
	assert_answer(t, 405);
	assert_says(t, "\r\nAllow: GET, HEAD, POST\r\n");
}

static void a_request_without_a_method_is_answered_405(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_OK, "PATH_INFO=/hello");
	assert_answer(t, 405);
}

static void a_body_that_is_too_long_is_answered_413(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_ERR_LIMIT, "REQUEST_METHOD=POST", "PATH_INFO=/form", FORM);
	assert_answer(t, 413);
	assert_says(t, "8192 bytes");
}

static void a_body_that_is_no_form_is_answered_415(void **state)
{
	struct trial *t = *state;

	post(t, "PATH_INFO=/form", "CONTENT_TYPE=application/json", "{}");
	assert_answer(t, 415);
}

static void a_body_of_no_type_is_answered_415(void **state)
{
	struct trial *t = *state;

	post(t, "PATH_INFO=/form", "X=", "a=1");
	assert_answer(t, 415);
}

static void a_body_that_broke_off_is_answered_400(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_ERR_PROTOCOL, "REQUEST_METHOD=POST", "PATH_INFO=/form",
	      FORM);
	assert_answer(t, 400);
}

static void a_body_without_memory_is_answered_503(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_ERR_MEMORY, "REQUEST_METHOD=POST", "PATH_INFO=/form", FORM);
	assert_answer(t, 503);
}

static void parameters_that_cannot_be_decoded_are_answered_400(void **state)
{
	static const char *const queries[] = {
		"QUERY_STRING=a=%",   "QUERY_STRING=a=%4",
		"QUERY_STRING=%zz=1", "QUERY_STRING=a=%00",
		"QUERY_STRING=a=%ff", "QUERY_STRING=a=\xc3\x28"};
	struct trial *t = *state;

	for (size_t i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
		get_with(t, "PATH_INFO=/read", queries[i]);
		assert_answer(t, 400);
		kri_exchange_end(&t->c);
	}
}

static void a_form_that_cannot_be_decoded_is_answered_400(void **state)
{
	struct trial *t = *state;

	post(t, "PATH_INFO=/form", FORM, "a=%zz");
	assert_answer(t, 400);
}

/* ---- the length of the body ------------------------------------------- */

static void post_length(struct trial *t, const char *length, const char *body)
{
	kri_buffer_string(&t->c.body, body);
	BEGIN(t, KR_OK, "REQUEST_METHOD=POST", "PATH_INFO=/form", FORM, length);
}

static void a_body_as_long_as_it_says_is_handled_next(void **state)
{
	struct trial *t = *state;

	post_length(t, "CONTENT_LENGTH=3", "a=1");
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
}

/* It came in chunks. */
static void a_body_that_says_no_length_is_handled_next(void **state)
{
	struct trial *t = *state;

	post_length(t, "CONTENT_LENGTH=", "a=1");
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
}

static void a_length_that_is_not_the_bodys_is_answered_400(void **state)
{
	static const char *const lengths[] = {
		"CONTENT_LENGTH=0", "CONTENT_LENGTH=2", "CONTENT_LENGTH=4",
		"CONTENT_LENGTH=999", "CONTENT_LENGTH=9223372036854775807"};
	struct trial *t = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		post_length(t, lengths[i], "a=1");
		assert_answer(t, 400);
		assert_says(t, "Content-Length");
		kri_exchange_end(&t->c);
	}
}

static void a_length_that_is_no_number_is_answered_400(void **state)
{
	static const char *const lengths[] = {
		"CONTENT_LENGTH=-1",  "CONTENT_LENGTH=-2",
		"CONTENT_LENGTH=abc", "CONTENT_LENGTH=3x",
		"CONTENT_LENGTH=+3",  "CONTENT_LENGTH=9223372036854775808"};
	struct trial *t = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		post_length(t, lengths[i], "a=1");
		assert_answer(t, 400);
		kri_exchange_end(&t->c);
		post_length(t, lengths[i], "");
		assert_answer(t, 400);
		kri_exchange_end(&t->c);
	}
}

/* Its length is right: it is longer than we take. */
static void a_body_that_is_too_long_is_413_whatever_it_says(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_ERR_LIMIT, "REQUEST_METHOD=POST", "PATH_INFO=/form", FORM,
	      "CONTENT_LENGTH=9000");
	assert_answer(t, 413);
}

/* ---- what comes next -------------------------------------------------- */

static void a_route_without_a_session_is_handled_next(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/hello", COOKIE_A);
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
	assert_int_equal(t->c.visit.n, 0);
}

static void a_request_without_a_cookie_is_handled_next(void **state)
{
	struct trial *t = *state;

	get(t, "PATH_INFO=/read");
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
}

static void a_form_is_handled_next(void **state)
{
	struct trial *t = *state;

	post(t, "PATH_INFO=/form", FORM ";charset=utf-8", "key=a+b%21");
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
	assert_string_equal(kr_input(&t->c, "key"), "a b!");
}

static void a_post_without_a_body_needs_no_type(void **state)
{
	struct trial *t = *state;

	post(t, "PATH_INFO=/form", "CONTENT_LENGTH=0", "");
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
}

static void a_cookie_that_may_be_ours_is_loaded_next(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/read",
		 "HTTP_COOKIE=a=1; sid=" ID_A SECRET "; b=2");
	assert_int_equal(t->c.phase, KRI_TO_LOAD);
	assert_int_equal(t->c.visit.n, 1);
	assert_string_equal(t->c.visit.candidates[0].token.id, ID_A);
}

static void a_cookie_that_cannot_be_ours_is_not_loaded(void **state)
{
	static const char *const cookies[] = {
		"HTTP_COOKIE=sid=",
		"HTTP_COOKIE=sid=" ID_A,
		"HTTP_COOKIE=sid=" ID_A SECRET "A",
		"HTTP_COOKIE=sid=*AAAAAAAAAAAAAAAAAAAAA" SECRET,
		"HTTP_COOKIE=SID=" ID_A SECRET,
		"HTTP_COOKIE=sid=AAAAAAAAAAAAAAAAAAAAAB" SECRET};
	struct trial *t = *state;

	for (size_t i = 0; i < sizeof(cookies) / sizeof(*cookies); i++) {
		get_with(t, "PATH_INFO=/read", cookies[i]);
		assert_int_equal(t->c.phase, KRI_TO_HANDLE);
		assert_int_equal(t->c.visit.n, 0);
		kri_exchange_end(&t->c);
	}
}

static void several_cookies_are_all_candidates(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_OK, "REQUEST_METHOD=GET", "PATH_INFO=/read",
	      "HTTP_COOKIE=sid=nonsense; sid=" ID_A SECRET,
	      "HTTP_COOKIE=sid=" ID_B SECRET);
	assert_int_equal(t->c.visit.n, 2);
	assert_string_equal(t->c.visit.candidates[0].token.id, ID_A);
	assert_string_equal(t->c.visit.candidates[1].token.id, ID_B);
}

static void no_more_than_four_cookies_are_tried(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/read",
		 "HTTP_COOKIE=sid=" ID_A SECRET ";sid=" ID_A SECRET
		 ";sid=" ID_A SECRET ";sid=" ID_A SECRET ";sid=" ID_B SECRET
		 ";sid=" ID_B SECRET);
	assert_int_equal(t->c.visit.n, KRI_CANDIDATES);
	assert_string_equal(t->c.visit.candidates[3].token.id, ID_A);
}

static void a_blocking_handler_is_handled_next_too(void **state)
{
	struct trial *t = *state;

	get(t, "PATH_INFO=/slow");
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
	kri_exchange_end(&t->c);
	get_with(t, "PATH_INFO=/slow", COOKIE_A);
	assert_int_equal(t->c.phase, KRI_TO_LOAD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, trial_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unknown_path_is_answered_404),
		TEST(another_method_is_answered_405_with_those_allowed),
		TEST(a_request_without_a_method_is_answered_405),
		TEST(a_body_that_is_too_long_is_answered_413),
		TEST(a_body_that_is_no_form_is_answered_415),
		TEST(a_body_of_no_type_is_answered_415),
		TEST(a_body_that_broke_off_is_answered_400),
		TEST(a_body_without_memory_is_answered_503),
		TEST(parameters_that_cannot_be_decoded_are_answered_400),
		TEST(a_form_that_cannot_be_decoded_is_answered_400),
		TEST(a_body_as_long_as_it_says_is_handled_next),
		TEST(a_body_that_says_no_length_is_handled_next),
		TEST(a_length_that_is_not_the_bodys_is_answered_400),
		TEST(a_length_that_is_no_number_is_answered_400),
		TEST(a_body_that_is_too_long_is_413_whatever_it_says),
		TEST(a_route_without_a_session_is_handled_next),
		TEST(a_request_without_a_cookie_is_handled_next),
		TEST(a_form_is_handled_next),
		TEST(a_post_without_a_body_needs_no_type),
		TEST(a_cookie_that_may_be_ours_is_loaded_next),
		TEST(a_cookie_that_cannot_be_ours_is_not_loaded),
		TEST(several_cookies_are_all_candidates),
		TEST(no_more_than_four_cookies_are_tried),
		TEST(a_blocking_handler_is_handled_next_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
