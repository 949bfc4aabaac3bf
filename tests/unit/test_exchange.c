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
	const char *end = kr_input(c, "end");
	enum kr_err err =
		kr_session_set_string(kr_session(c), "color", "green");

	if (!err)
		err = kr_text(c, 200, "Changed");
	return end ? (enum kr_err)atoi(end) : err;
}

static enum kr_err logout(struct kr_context *c)
{
	enum kr_err err = kr_session_destroy(kr_session(c));

	return err ? err : kr_text(c, 200, "Bye");
}

static enum kr_err say_nothing(struct kr_context *c)
{
	(void)c;
	return KR_OK;
}

static enum kr_err fill(struct kr_context *c)
{
	static char bytes[64 << 10];
	enum kr_err err =
		kr_session_set_bytes(kr_session(c), "k", bytes, sizeof(bytes));

	return err ? err : kr_text(c, 200, "Filled");
}

static int setup(void **state)
{
	static const struct trial_route routes[] = {
		{"/fill", fill, KR_GET, KR_SESSION | KR_ATOMIC},
		{"/read", hello, KR_GET, KR_SESSION},
		{"/change", change, KR_GET | KR_POST, KR_SESSION},
		{"/open", change, KR_POST, KR_SESSION | KR_CROSS_SITE},
		{"/logout", logout, KR_GET, KR_SESSION},
		{"/nothing", say_nothing, KR_GET, 0},
		{0},
	};

	return trial_open(state, routes);
}

/* The record was proven by SECRET until a moment ago. */
static void supersede(struct trial *t)
{
	unsigned char now[KRI_DIGEST_SIZE];

	memcpy(now, t->record.auth, sizeof(now));
	load(t, SECRET);
	memcpy(t->record.was, t->record.auth, sizeof(now));
	memcpy(t->record.auth, now, sizeof(now));
	t->record.was_at = kri_clock_epoch_ms();
	kri_exchange_adopt(&t->c);
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
}

/* ---- which record is taken -------------------------------------------- */

static void the_record_that_the_secret_proves_is_taken(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/read");
	assert_string_equal(kr_session_id(kr_session(&t->c)), ID_A);
}

static void a_record_of_another_secret_is_not_taken(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/read", COOKIE_A);
	load(t, OTHER);
	kri_exchange_adopt(&t->c);
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
	assert_null(kr_session_id(kr_session(&t->c)));
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
	assert_null(kr_session_id(kr_session(&t->c)));
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
	assert_null(kr_session_id(kr_session(&t->c)));
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

static void a_touch_that_is_due_is_not_waited_for(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/read", COOKIE_A);
	load(t, SECRET);
	t->record.seen = 0;
	kri_exchange_adopt(&t->c);
	handle(t);
	assert_answer(t, 200);
	assert_int_equal(t->record.operation, KRI_OP_TOUCH);
}

/* ---- the handler ------------------------------------------------------ */

static void a_handler_that_changes_nothing_is_answered_next(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/read");
	handle(t);
	assert_answer(t, 200);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
}

static void a_handler_that_changes_something_is_committed_next(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/change");
	handle(t);
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
		{"QUERY_STRING=end=10", 503}, /* KR_ERR_GONE */
		{"QUERY_STRING=end=12", 409}, /* KR_ERR_RENEWED */
		{"QUERY_STRING=end=13", 503}, /* KR_ERR_UNAVAILABLE */
		{"QUERY_STRING=end=15", 503}, /* KR_ERR_FULL */
		{"QUERY_STRING=end=99", 500}, /* no error of ours */
	};
	struct trial *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		BEGIN(t, KR_OK, "REQUEST_METHOD=GET", "PATH_INFO=/change",
		      COOKIE_A, cases[i].query);
		adopt(t);
		handle(t);
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
	handle(t);
	assert_answer(t, 500);
}

/* Its route has a method beside GET: the handler does not run, and nothing is
 * loaded for it. */
static void a_cross_site_request_of_a_changing_route_is_refused(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_OK, "REQUEST_METHOD=POST", "PATH_INFO=/change", COOKIE_A,
	      CROSS_SITE);
	assert_answer(t, 403);
	assert_says(t, "Cross-site requests cannot change state");
	assert_int_equal(t->c.handle_us, 0);
	kri_exchange_end(&t->c);
	get_with(t, "PATH_INFO=/change", CROSS_SITE);
	assert_answer(t, 403);
	assert_never_says(t, "Set-Cookie");
}

static void a_route_may_take_the_cross_site_rule_away(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_OK, "REQUEST_METHOD=POST", "PATH_INFO=/open", COOKIE_A,
	      CROSS_SITE);
	adopt(t);
	handle(t);
	assert_int_equal(t->c.phase, KRI_TO_COMMIT);
}

static void a_cross_site_request_of_a_reading_route_changes_nothing(
	void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_OK, "REQUEST_METHOD=GET", "PATH_INFO=/fill", COOKIE_A,
	      CROSS_SITE);
	adopt(t);
	handle(t);
	assert_answer(t, 403);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
	assert_never_says(t, "Filled");
}

static void a_cross_site_request_cannot_log_out(void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_OK, "REQUEST_METHOD=GET", "PATH_INFO=/logout", COOKIE_A,
	      CROSS_SITE);
	adopt(t);
	handle(t);
	assert_answer(t, 403);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
	assert_never_says(t, "Set-Cookie");
}

static void a_cross_site_request_may_read(void **state)
{
	struct trial *t = *state;

	get_with(t, "PATH_INFO=/read", CROSS_SITE);
	handle(t);
	assert_answer(t, 200);
}

static void a_cross_site_request_that_was_superseded_cannot_log_out(
	void **state)
{
	struct trial *t = *state;

	BEGIN(t, KR_OK, "REQUEST_METHOD=GET", "PATH_INFO=/logout", COOKIE_A,
	      CROSS_SITE);
	load(t, OTHER);
	supersede(t);
	handle(t);
	assert_answer(t, 403);
	assert_never_says(t, "Set-Cookie");
}

/* ---- again ------------------------------------------------------------ */

static void supersede_reader(struct trial *t, const char *path)
{
	get_with(t, path, COOKIE_A);
	load(t, OTHER);
	supersede(t);
	handle(t);
}

static void who_was_superseded_is_told_409_on_a_change(void **state)
{
	struct trial *t = *state;

	supersede_reader(t, "PATH_INFO=/change");
	assert_answer(t, 409);
	assert_says(t, "send it again");
	assert_never_says(t, "Set-Cookie");
	assert_never_says(t, "Changed");
}

static void who_was_superseded_is_told_409_on_a_logout(void **state)
{
	struct trial *t = *state;

	supersede_reader(t, "PATH_INFO=/logout");
	assert_answer(t, 409);
	assert_never_says(t, "Set-Cookie");
}

static void who_was_superseded_may_read_as_nobody(void **state)
{
	struct trial *t = *state;

	supersede_reader(t, "PATH_INFO=/read");
	assert_answer(t, 200);
	assert_never_says(t, "Set-Cookie");
}

/* The handler has run, and its commit ends so. */
static void settle(struct trial *t, enum kr_err err)
{
	assert_int_equal(t->c.phase, KRI_TO_COMMIT);
	t->record.err = err;
	kri_exchange_settle(&t->c);
}

static void after_a_conflict_it_is_loaded_and_handled_again(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/change");
	handle(t);
	settle(t, KR_ERR_CONFLICT);
	assert_int_equal(t->c.phase, KRI_TO_REPEAT);
	assert_int_equal(t->c.response.status, 0);
	assert_int_equal(t->c.tries, 1);
	t->c.phase = KRI_TO_LOAD;
	adopt(t);
	handle(t);
	settle(t, KR_OK);
	assert_answer(t, 200);
}

static void parameters_are_the_same_in_every_run(void **state)
{
	struct trial *t = *state;

	kri_buffer_string(&t->c.body, "b=two");
	BEGIN(t, KR_OK, "REQUEST_METHOD=POST", "PATH_INFO=/change", COOKIE_A,
	      "QUERY_STRING=a=one",
	      "CONTENT_TYPE=application/x-www-form-urlencoded");
	for (int i = 0; i < 3; i++) {
		t->c.phase = KRI_TO_LOAD;
		adopt(t);
		handle(t);
		assert_string_equal(kr_input(&t->c, "a"), "one");
		assert_string_equal(kr_input(&t->c, "b"), "two");
		settle(t, KR_ERR_CONFLICT);
	}
	assert_string_equal(kr_input(&t->c, "b"), "two");
}

/* Each run sets a value of the largest size; of all of them together there
 * would be more than an exchange may hold. */
static void runs_without_end_do_not_run_out_of_memory(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/fill");
	for (int i = 0; i < 500; i++) {
		handle(t);
		settle(t, KR_ERR_CONFLICT);
		assert_int_equal(t->c.phase, KRI_TO_REPEAT);
		t->c.phase = KRI_TO_LOAD;
		adopt(t);
	}
}

static void conflicts_past_the_time_for_the_store_are_answered_503(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/change");
	handle(t);
	t->c.begun -= t->config.io_timeout * 1000;
	settle(t, KR_ERR_CONFLICT);
	assert_answer(t, 503);
	assert_says(t, "\r\nRetry-After: 1\r\n");
	assert_says(t, "too many requests");
}

/* It loses a renewal once, and cannot again. */
static void a_lost_renewal_is_handled_again_at_any_time(void **state)
{
	struct trial *t = *state;

	get_in_session(t, "PATH_INFO=/change");
	handle(t);
	t->c.begun -= t->config.io_timeout * 1000;
	settle(t, KR_ERR_RENEWED);
	assert_int_equal(t->c.phase, KRI_TO_REPEAT);
	t->c.phase = KRI_TO_HANDLE;
	handle(t);
	assert_answer(t, 409);
}

static void a_commit_that_failed_is_its_status(void **state)
{
	static const struct {
		enum kr_err err;
		const char *text;
	} cases[] = {
		{KR_ERR_GONE, "ended"},
		{KR_ERR_FULL, "full"},
		{KR_ERR_UNAVAILABLE, "unavailable"},
		{KR_ERR_TIMEOUT, "unavailable"},
		{KR_ERR_DENIED, "unavailable"},
		{KR_ERR_PROTOCOL, "unavailable"},
		{KR_ERR_MEMORY, "memory"},
	};
	struct trial *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		get_in_session(t, "PATH_INFO=/change");
		handle(t);
		settle(t, cases[i].err);
		assert_answer(t, 503);
		assert_says(t, cases[i].text);
		assert_never_says(t, "Changed");
		kri_exchange_end(&t->c);
	}
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
		TEST(a_touch_that_is_due_is_not_waited_for),
		TEST(a_handler_that_changes_nothing_is_answered_next),
		TEST(a_handler_that_changes_something_is_committed_next),
		TEST(a_handler_that_fails_has_changed_nothing),
		TEST(a_handler_that_does_not_answer_is_answered_500),
		TEST(a_cross_site_request_of_a_changing_route_is_refused),
		TEST(a_route_may_take_the_cross_site_rule_away),
		TEST(a_cross_site_request_of_a_reading_route_changes_nothing),
		TEST(a_cross_site_request_cannot_log_out),
		TEST(a_cross_site_request_may_read),
		TEST(a_cross_site_request_that_was_superseded_cannot_log_out),
		TEST(who_was_superseded_is_told_409_on_a_change),
		TEST(who_was_superseded_is_told_409_on_a_logout),
		TEST(who_was_superseded_may_read_as_nobody),
		TEST(after_a_conflict_it_is_loaded_and_handled_again),
		TEST(parameters_are_the_same_in_every_run),
		TEST(runs_without_end_do_not_run_out_of_memory),
		TEST(conflicts_past_the_time_for_the_store_are_answered_503),
		TEST(a_lost_renewal_is_handled_again_at_any_time),
		TEST(a_commit_that_failed_is_its_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
