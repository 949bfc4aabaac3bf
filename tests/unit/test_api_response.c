/*
 * krsession.h: the response and the log, and what each function says to a wrong
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
		{"/hello", hello, KR_GET, 0},
		{NULL, NULL, 0, 0},
	};
	int failed = trial_open(state, routes);

	if (!failed)
		get(*state, "PATH_INFO=/hello");
	return failed;
}

static struct kr_context *context(void **state)
{
	return &((struct trial *)*state)->c;
}

/* ---- content ---------------------------------------------------------- */

static void the_last_answer_is_sent(void **state)
{
	struct trial *t = *state;

	assert_int_equal(kr_redirect(&t->c, 302, "/a"), KR_OK);
	assert_int_equal(kr_html(&t->c, 200, "<p>"), KR_OK);
	assert_says(t, "Content-Type: text/html; charset=utf-8");
	assert_never_says(t, "Location");
	assert_int_equal(kr_send(&t->c, 201, "a/b", "x\0y", 3), KR_OK);
	assert_says(t, "Content-Type: a/b\r\nContent-Length: 3\r\n\r\nx");
	assert_int_equal(kr_text(&t->c, 404, "t"), KR_OK);
	assert_says(t, "text/plain");
	assert_int_equal(kr_status(&t->c, 200), KR_OK);
	assert_says(t, "Status: 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_never_says(t, "Content-Type");
}

static void the_type_is_copied(void **state)
{
	struct trial *t = *state;
	char type[] = "image/png";

	assert_int_equal(kr_send(&t->c, 200, type, NULL, 0), KR_OK);
	memset(type, 'x', strlen(type));
	assert_says(t, "Content-Type: image/png\r\n");
}

static void wrong_answers_are_refused(void **state)
{
	struct kr_context *c = context(state);

	assert_int_equal(kr_send(NULL, 200, "a/b", "", 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_send(c, 200, NULL, "", 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_send(c, 200, "a/b", NULL, 1), KR_ERR_ARGUMENT);
	assert_int_equal(kr_send(c, 200, "text", "", 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_send(c, 200, "a/b\r\nc: d", "", 0),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_send(c, 199, "a/b", "", 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_text(NULL, 200, ""), KR_ERR_ARGUMENT);
	assert_int_equal(kr_text(c, 200, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_text(c, 600, ""), KR_ERR_ARGUMENT);
	assert_int_equal(kr_html(NULL, 200, ""), KR_ERR_ARGUMENT);
	assert_int_equal(kr_html(c, 200, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_status(NULL, 200), KR_ERR_ARGUMENT);
	assert_int_equal(kr_status(c, 100), KR_ERR_ARGUMENT);
	assert_int_equal(c->response.status, 0);
}

static void redirects_have_a_place_and_a_status(void **state)
{
	struct trial *t = *state;
	static const int statuses[] = {301, 302, 303, 307, 308};

	for (size_t i = 0; i < 5; i++)
		assert_int_equal(kr_redirect(&t->c, statuses[i], "/there?a=b"),
				 KR_OK);
	assert_says(t, "Status: 308 Permanent Redirect\r\n"
		       "Content-Length: 0\r\nLocation: /there?a=b\r\n");
	assert_int_equal(kr_redirect(&t->c, 200, "/"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_redirect(&t->c, 304, "/"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_redirect(&t->c, 303, "//evil"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_redirect(&t->c, 303, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_redirect(NULL, 303, "/"), KR_ERR_ARGUMENT);
	assert_says(t, "Location: /there");
}

static void headers_are_added(void **state)
{
	struct trial *t = *state;

	assert_int_equal(kr_status(&t->c, 200), KR_OK);
	assert_int_equal(kr_header(&t->c, "X-A", "b"), KR_OK);
	assert_int_equal(kr_header(&t->c, "X-A", "b\r\nc: d"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_header(&t->c, "X A", "b"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_header(&t->c, "Content-Type", "b"),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_header(NULL, "X-A", "b"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_header(&t->c, NULL, "b"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_header(&t->c, "X-A", NULL), KR_ERR_ARGUMENT);
	assert_says(t, "\r\nX-A: b\r\n\r\n");
}

/* ---- cookies ---------------------------------------------------------- */

static void cookies_have_our_attributes(void **state)
{
	struct trial *t = *state;

	assert_int_equal(kr_status(&t->c, 200), KR_OK);
	assert_int_equal(kr_cookie(&t->c, "a", "b", 0), KR_OK);
	assert_says(t, "Set-Cookie: a=b; Path=/; Secure; HttpOnly\r\n");
	assert_int_equal(kr_cookie(&t->c, "c", "", 30), KR_OK);
	assert_says(t, "Set-Cookie: c=; Path=/; Max-Age=30; Secure");
	assert_int_equal(kr_cookie(&t->c, "d", "x", -1), KR_OK);
	assert_says(t, "Set-Cookie: d=; Path=/; Max-Age=0; Expires=Thu, 01");
}

static void wrong_cookies_are_refused(void **state)
{
	struct trial *t = *state;
	struct kr_context *c = &t->c;
	static const char *const values[] = {"a;b",  "a b",  "a,b",     "a\"b",
					     "a\\b", "a\nb", "\xc3\xa4"};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_int_equal(kr_cookie(c, "a", values[i], 0),
				 KR_ERR_ARGUMENT);
	assert_int_equal(kr_cookie(c, "", "b", 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_cookie(c, "a=b", "b", 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_cookie(c, NULL, "b", 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_cookie(c, "a", NULL, 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_cookie(NULL, "a", "b", 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_cookie(c, "sid", "b", 0), KR_ERR_RESERVED);
	t->config.cookie_secure = KRI_SECURE_SAME_AS_REQUEST;
	assert_int_equal(kr_cookie(c, "__Host-a", "b", 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_cookie(c, "__Secure-a", "b", 0), KR_ERR_ARGUMENT);
	assert_int_equal(c->response.headers.len, 0);
}

/* ---- JSON ------------------------------------------------------------- */

static void json_of_every_kind_is_sent(void **state)
{
	struct trial *t = *state;
	struct kr_context *c = &t->c;

	kr_json_array(c, NULL);
	kr_json_string(c, NULL, "s");
	kr_json_int(c, NULL, 1);
	kr_json_double(c, NULL, 1.5);
	kr_json_bool(c, NULL, false);
	kr_json_null(c, NULL);
	kr_json_raw(c, NULL, "[true]");
	kr_json_object(c, NULL);
	kr_json_close(c);
	assert_int_equal(kr_json_end(c, 200), KR_OK);
	assert_says(t, "[\"s\",1,1.5,false,null,[true],{}]");
}

static void an_error_starts_afresh(void **state)
{
	struct trial *t = *state;
	struct kr_context *c = &t->c;

	kr_json_string(c, "half", NULL);
	kr_json_object(c, "open");
	assert_int_equal(kr_json_error(c, 404, "None"), KR_OK);
	assert_says(t, "\r\n\r\n{\"error\":\"None\"}");
	assert_int_equal(kr_json_error(c, 404, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_json_error(c, 0, "None"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_json_error(NULL, 404, "None"), KR_ERR_ARGUMENT);
}

static void json_for_nobody_is_nothing(void **state)
{
	(void)state;
	kr_json_array(NULL, "a");
	kr_json_object(NULL, "a");
	kr_json_string(NULL, "a", "b");
	kr_json_int(NULL, "a", 1);
	kr_json_double(NULL, "a", 1);
	kr_json_bool(NULL, "a", true);
	kr_json_null(NULL, "a");
	kr_json_raw(NULL, "a", "1");
	kr_json_close(NULL);
	assert_int_equal(kr_json_end(NULL, 200), KR_ERR_ARGUMENT);
}

/* ---- the log ---------------------------------------------------------- */

/* What is wrong is not logged, and crashes nobody. */
static void log_lines_of_any_level(void **state)
{
	struct kr_context *c = context(state);

	kr_log(c, KR_LOG_INFO, "a line of %d", 1);
	kr_log(NULL, KR_LOG_INFO, "a line of nobody");
	kr_log(c, KR_LOG_DEBUG, "not written");
	kr_log(c, (enum kr_log_level)99, "not written");
	kr_log(c, (enum kr_log_level) - 1, "not written");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, trial_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_last_answer_is_sent),
		TEST(the_type_is_copied),
		TEST(wrong_answers_are_refused),
		TEST(redirects_have_a_place_and_a_status),
		TEST(headers_are_added),
		TEST(cookies_have_our_attributes),
		TEST(wrong_cookies_are_refused),
		TEST(json_of_every_kind_is_sent),
		TEST(an_error_starts_afresh),
		TEST(json_for_nobody_is_nothing),
		TEST(log_lines_of_any_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
