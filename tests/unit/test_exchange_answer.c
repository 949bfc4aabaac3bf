/*
 * The answer of an exchange: its headers, its cookie, and that nothing is
 * left of it for the next.
 */
#include "exchange_trial.h"
#include "proof.h"

static enum kr_err hello(struct kr_context *c)
{
	return kr_text(c, 200, "Hello");
}

/* Changes the session. */
static enum kr_err change(struct kr_context *c)
{
	enum kr_err err =
		kr_session_set_string(kr_session(c), "color", "green");

	return err ? err : kr_text(c, 200, "Changed");
}

static enum kr_err login(struct kr_context *c)
{
	enum kr_err err = kr_session_renew(kr_session(c));

	if (!err)
		err = kr_session_set_string(kr_session(c), "user", "max");
	return err ? err : kr_text(c, 200, "Welcome");
}

static enum kr_err logout(struct kr_context *c)
{
	enum kr_err err = kr_session_destroy(kr_session(c));

	return err ? err : kr_text(c, 200, "Bye");
}

static int setup(void **state)
{
	static const struct trial_route routes[] = {
		{"/hello", hello, KR_GET, 0},
		{"/read", hello, KR_GET, KR_SESSION},
		{"/change", change, KR_GET | KR_POST, KR_SESSION},
		{"/login", login, KR_GET, KR_SESSION},
		{"/logout", logout, KR_GET, KR_SESSION},
		{0},
	};

	return trial_open(state, routes);
}

/* ---- the answer's headers --------------------------------------------- */

static void answers_of_a_session_are_not_to_be_cached(void **state)
{
	struct trial *t = *state;

	get(t, "PATH_INFO=/read");
	handle(t);
	assert_says(t, "\r\nCache-Control: no-store\r\n");
	assert_says(t, "\r\nVary: Cookie\r\n");
}

static void answers_without_a_session_may_be_cached(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/hello", COOKIE_A);
	handle(t);
	assert_never_says(t, "Cache-Control");
	assert_never_says(t, "Set-Cookie");
}

static void errors_of_a_session_are_not_to_be_cached(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/read", "QUERY_STRING=%");
	assert_says(t, "\r\nCache-Control: no-store\r\n");
}

static void head_is_answered_without_a_body(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_OK, "REQUEST_METHOD=HEAD", "PATH_INFO=/hello");
	handle(t);
	assert_never_says(t, "Hello");
	assert_non_null(strstr(t->out.data, "\r\nContent-Length: 5\r\n"));
}

static void a_session_that_was_made_comes_with_its_cookie(void **state)
{
	struct trial *t = *state;
	const char *cookie;
	struct kri_token token;

	get(t, "PATH_INFO=/change");
	handle(t);
	kri_exchange_settle(&t->c);
	cookie = strstr(render(t), "\r\nSet-Cookie: sid=");
	assert_non_null(cookie);
	assert_int_equal(
		kri_token_parse(kri_text(cookie + 18, KRI_TOKEN_LEN), &token),
		KR_OK);
	assert_string_equal(token.id, kr_session_id(kr_session(&t->c)));
	assert_true(proves(&token, t->c.visit.session.record->auth));
	assert_non_null(strstr(cookie, "; HttpOnly"));
}

static void a_session_that_was_not_stored_has_no_cookie(void **state)
{
	struct trial *t = *state;

	get(t, "PATH_INFO=/change");
	handle(t);
	t->c.visit.session.record->err = KR_ERR_UNAVAILABLE;
	kri_exchange_settle(&t->c);
	assert_answer(t, 503);
	assert_never_says(t, "Set-Cookie");
}

static void a_renewed_session_keeps_its_id_in_the_cookie(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/login");
	handle(t);
	kri_exchange_settle(&t->c);
	assert_says(t, "\r\nSet-Cookie: sid=" ID_A);
	assert_never_says(t, SECRET);
}

static void an_unchanged_session_sends_no_cookie(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/read");
	handle(t);
	assert_never_says(t, "Set-Cookie");
}

static void an_ended_session_expires_its_cookie(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/logout");
	handle(t);
	kri_exchange_settle(&t->c);
	assert_says(t, "\r\nSet-Cookie: sid=;");
	assert_says(t, "Max-Age=0");
}

static void who_has_no_cookie_gets_none_expired(void **state)
{
	struct trial *t = *state;

	get(t, "PATH_INFO=/logout");
	handle(t);
	assert_answer(t, 200);
	assert_never_says(t, "Set-Cookie");
}

static void a_cookie_is_secure_as_it_is_configured(void **state)
{
	static const struct {
		enum kri_cookie_secure secure;
		const char *param;
		bool expected;
	} cases[] = {
		{KRI_SECURE_ALWAYS, "HTTPS=", true},
		{KRI_SECURE_NEVER, "HTTPS=on", false},
		{KRI_SECURE_SAME_AS_REQUEST, "HTTPS=on", true},
		{KRI_SECURE_SAME_AS_REQUEST, "HTTPS=", false},
		{KRI_SECURE_SAME_AS_REQUEST, "HTTP_X_FORWARDED_PROTO=https",
		 false},
	};
	struct trial *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		t->config.cookie_secure = cases[i].secure;
		get_with(t, "PATH_INFO=/change", cases[i].param);
		handle(t);
		kri_exchange_settle(&t->c);
		assert_int_equal(strstr(render(t), "; Secure") != NULL,
				 cases[i].expected);
		kri_exchange_end(&t->c);
	}
}

/* ---- the end ---------------------------------------------------------- */

static void nothing_of_an_exchange_is_left_for_the_next(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/login");
	handle(t);
	kri_exchange_settle(&t->c);
	render(t);
	kri_exchange_end(&t->c);
	get(t, "PATH_INFO=/read");
	handle(t);
	assert_answer(t, 200);
	assert_null(kr_session_id(kr_session(&t->c)));
	assert_never_says(t, "Set-Cookie");
	assert_never_says(t, "Welcome");
}

static void the_secrets_of_an_exchange_are_wiped(void **state)
{
	static const unsigned char zeros[KRI_SECRET_SIZE];
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/read", "HTTP_COOKIE=sid=" ID_A OTHER);
	assert_memory_not_equal(t->c.visit.candidates[0].token.secret, zeros,
				sizeof(zeros));
	kri_exchange_end(&t->c);
	assert_memory_equal(t->c.visit.candidates[0].token.secret, zeros,
			    sizeof(zeros));
	get(t, "PATH_INFO=/change");
	handle(t);
	kri_exchange_settle(&t->c);
	kri_exchange_end(&t->c);
	assert_memory_equal(t->c.visit.session.token.secret, zeros,
			    sizeof(zeros));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, trial_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_of_a_session_are_not_to_be_cached),
		TEST(answers_without_a_session_may_be_cached),
		TEST(errors_of_a_session_are_not_to_be_cached),
		TEST(head_is_answered_without_a_body),
		TEST(a_session_that_was_made_comes_with_its_cookie),
		TEST(a_session_that_was_not_stored_has_no_cookie),
		TEST(a_renewed_session_keeps_its_id_in_the_cookie),
		TEST(an_unchanged_session_sends_no_cookie),
		TEST(an_ended_session_expires_its_cookie),
		TEST(who_has_no_cookie_gets_none_expired),
		TEST(a_cookie_is_secure_as_it_is_configured),
		TEST(nothing_of_an_exchange_is_left_for_the_next),
		TEST(the_secrets_of_an_exchange_are_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
