/*
 * One exchange: which record is taken, and what its handler can do.
 */
#include "exchange_trial.h"

static enum kr_err hello(struct kr_context *c)
{
	return kr_text(c, 200, "Hello");
}

/* Changes the session, and answers as it is told. */
static enum kr_err change(struct kr_context *c)
{
	const char *end = kr_query(c, "end");
	enum kr_err err = kr_session_set_string(c, "color", "green");

	if (!err)
		err = kr_text(c, 200, "Changed");
	return end ? (enum kr_err)atoi(end) : err;
}

static enum kr_err logout(struct kr_context *c)
{
	enum kr_err err = kr_session_destroy(c);

	return err ? err : kr_text(c, 200, "Bye");
}

static enum kr_err say_nothing(struct kr_context *c)
{
	(void)c;
	return KR_OK;
}

static int setup(void **state)
{
	static const struct trial_route routes[] = {
		{"/read", hello, KR_GET, KR_SESSION},
		{"/change", change, KR_GET | KR_POST, KR_SESSION},
		{"/logout", logout, KR_GET, KR_SESSION},
		{"/nothing", say_nothing, KR_GET, 0},
		{0},
	};

	return trial_open(state, routes);
}

/* ---- which record is taken -------------------------------------------- */

static void the_record_that_the_secret_proves_is_taken(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/read");
	assert_string_equal(kr_session_id(&t->c), ID_A);
}

static void a_record_of_another_secret_is_not_taken(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/read", COOKIE_A);
	load(t, OTHER);
	kri_exchange_adopt(&t->c);
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
	assert_null(kr_session_id(&t->c));
	assert_int_equal(t->record.operation, KRI_OP_NONE);
}

static void a_record_that_is_not_there_is_no_session(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/read", COOKIE_A);
	load(t, SECRET);
	t->record.err = KR_ERR_NOT_FOUND;
	kri_exchange_adopt(&t->c);
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
	assert_null(kr_session_id(&t->c));
}

/* Whether there is a session is not known: do not say that there is none. */
static void a_record_that_could_not_be_loaded_is_answered_503(void **state)
{
	static const enum kr_err errs[] = {KR_ERR_UNAVAILABLE, KR_ERR_TIMEOUT,
					   KR_ERR_DENIED, KR_ERR_PROTOCOL,
					   KR_ERR_MEMORY};
	struct trial *t = *state;

	for (size_t i = 0; i < sizeof(errs) / sizeof(*errs); i++) {
		get_with(t, "PATH_INFO=/read", COOKIE_A);
		load(t, SECRET);
		t->record.err = errs[i];
		kri_exchange_adopt(&t->c);
		assert_answer(t, 503);
		assert_says(t, "\r\nRetry-After: 1\r\n");
		kri_exchange_end(&t->c);
	}
}

static void a_record_past_its_absolute_timeout_is_to_be_ended(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/read", COOKIE_A);
	load(t, SECRET);
	t->record.born = 1;
	kri_exchange_adopt(&t->c);
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
	assert_null(kr_session_id(&t->c));
	assert_int_equal(t->record.operation, KRI_OP_DESTROY);
}

/* Nobody but its owner may end it. */
static void an_old_record_of_another_secret_is_left_alone(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/read", COOKIE_A);
	load(t, OTHER);
	t->record.born = 1;
	kri_exchange_adopt(&t->c);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
}

/* ---- the handler ------------------------------------------------------ */

static void a_handler_that_changes_nothing_is_answered_next(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/read");
	kri_exchange_handle(&t->c);
	assert_answer(t, 200);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
}

static void a_handler_that_changes_something_is_committed_next(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/change");
	kri_exchange_handle(&t->c);
	assert_int_equal(t->c.phase, KRI_TO_COMMIT);
	assert_int_equal(t->record.operation, KRI_OP_UPDATE);
	kri_exchange_settle(&t->c);
	assert_answer(t, 200);
}

static void a_handler_that_fails_has_changed_nothing(void **state)
{
	static const struct {
		const char *query;
		int status;
	} cases[] = {
		{"QUERY_STRING=end=5", 400},  /* KR_ERR_INPUT */
		{"QUERY_STRING=end=8", 400},  /* KR_ERR_RESERVED */
		{"QUERY_STRING=end=9", 413},  /* KR_ERR_LIMIT */
		{"QUERY_STRING=end=2", 503},  /* KR_ERR_MEMORY */
		{"QUERY_STRING=end=1", 500},  /* KR_ERR_ARGUMENT */
		{"QUERY_STRING=end=7", 500},  /* KR_ERR_TYPE */
		{"QUERY_STRING=end=99", 500}, /* no error of ours */
	};
	struct trial *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		BEGIN(t, KR_OK, "REQUEST_METHOD=GET", "PATH_INFO=/change",
		      COOKIE_A, cases[i].query);
		adopt(t);
		kri_exchange_handle(&t->c);
		assert_answer(t, cases[i].status);
		assert_int_equal(t->record.operation, KRI_OP_NONE);
		assert_int_equal(t->record.n, 0);
		assert_never_says(t, "Changed");
		assert_never_says(t, "Set-Cookie");
		kri_exchange_end(&t->c);
	}
}

static void a_handler_that_does_not_answer_is_answered_500(void **state)
{
	struct trial *t = *state;

	get(t, "PATH_INFO=/nothing");
	kri_exchange_handle(&t->c);
	assert_answer(t, 500);
}

static void a_cross_site_request_cannot_change_anything(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_OK, "REQUEST_METHOD=POST", "PATH_INFO=/change", COOKIE_A,
	      CROSS_SITE);
	adopt(t);
	kri_exchange_handle(&t->c);
	assert_answer(t, 403);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
	assert_never_says(t, "Changed");
}

static void a_cross_site_request_cannot_log_out(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_OK, "REQUEST_METHOD=GET", "PATH_INFO=/logout", COOKIE_A,
	      CROSS_SITE);
	adopt(t);
	kri_exchange_handle(&t->c);
	assert_answer(t, 403);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
	assert_never_says(t, "Set-Cookie");
}

static void a_cross_site_request_makes_no_session(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/change", CROSS_SITE);
	kri_exchange_handle(&t->c);
	assert_answer(t, 403);
	assert_never_says(t, "Set-Cookie");
}

static void a_cross_site_request_may_read(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/read", CROSS_SITE);
	kri_exchange_handle(&t->c);
	assert_answer(t, 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, trial_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_record_that_the_secret_proves_is_taken),
		TEST(a_record_of_another_secret_is_not_taken),
		TEST(a_record_that_is_not_there_is_no_session),
		TEST(a_record_that_could_not_be_loaded_is_answered_503),
		TEST(a_record_past_its_absolute_timeout_is_to_be_ended),
		TEST(an_old_record_of_another_secret_is_left_alone),
		TEST(a_handler_that_changes_nothing_is_answered_next),
		TEST(a_handler_that_changes_something_is_committed_next),
		TEST(a_handler_that_fails_has_changed_nothing),
		TEST(a_handler_that_does_not_answer_is_answered_500),
		TEST(a_cross_site_request_cannot_change_anything),
		TEST(a_cross_site_request_cannot_log_out),
		TEST(a_cross_site_request_makes_no_session),
		TEST(a_cross_site_request_may_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
