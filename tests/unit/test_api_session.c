/*
 * krsession.h: the session, and what each function says to a wrong call.
 */
#include "exchange_trial.h"

#include <stdio.h>

static enum kr_err hello(struct kr_context *c)
{
	return kr_text(c, 200, "Hello");
}

static int setup(void **state)
{
	static const struct trial_route routes[] = {
		{"/hello", hello, KR_GET, KR_SESSION},
		{NULL, NULL, 0, 0},
	};

	return trial_open(state, routes);
}

static void add(struct trial *t, const char *key, const char *value)
{
	assert_int_equal(kri_record_reserve(&t->record, 1), KR_OK);
	t->record.values[t->record.n++] = (struct kri_value){
		.key = kri_text_of(key), .data = kri_text_of(value)};
}

/* A session that was loaded, which has a: 1 and n: 7. */
static struct kr_session *loaded(struct trial *t)
{
	get_in_session(t, "PATH_INFO=/hello");
	add(t, "a", "1");
	add(t, "n", "7");
	kri_visit_enter(&t->c.visit);
	return kr_session(&t->c);
}

static struct kr_session *none(struct trial *t)
{
	get(t, "PATH_INFO=/hello");
	kri_visit_enter(&t->c.visit);
	return kr_session(&t->c);
}

/* The handler has succeeded. */
static void leave(struct trial *t)
{
	kri_exchange_leave(&t->c, kri_exchange_run(&t->c));
}

static const struct kri_value *stored(struct trial *t, const char *key)
{
	struct kri_record *record = t->c.visit.session.record;

	return record ? kri_record_find(record, kri_text_of(key)) : NULL;
}

static void assert_stored(struct trial *t, const char *key, const char *value)
{
	const struct kri_value *found = stored(t, key);

	assert_non_null(found);
	assert_true(kri_text_equal(found->data, kri_text_of(value)));
}

/* The commit has succeeded. */
static void settle(struct trial *t)
{
	assert_int_equal(t->c.phase, KRI_TO_COMMIT);
	kri_exchange_settle(&t->c);
	assert_answer(t, 200);
}

/* ---- values ----------------------------------------------------------- */

static void values_are_read_and_written(void **state)
{
	struct kr_session *session = loaded(*state);
	const char *text = NULL;
	const void *bytes = NULL;
	size_t size = 0;
	int32_t number = 0;

	assert_int_equal(kr_session_get_string(session, "a", &text), KR_OK);
	assert_string_equal(text, "1");
	assert_int_equal(kr_session_get_int32(session, "n", &number), KR_OK);
	assert_int_equal(number, 7);
	assert_int_equal(kr_session_set_bytes(session, "b", "\0\xff", 2),
			 KR_OK);
	assert_int_equal(kr_session_get_bytes(session, "b", &bytes, &size),
			 KR_OK);
	assert_int_equal(size, 2);
	assert_int_equal(kr_session_get_string(session, "b", &text),
			 KR_ERR_TYPE);
	assert_int_equal(kr_session_get_int32(session, "b", &number),
			 KR_ERR_TYPE);
	assert_int_equal(kr_session_set_int32(session, "i", INT32_MIN), KR_OK);
	assert_int_equal(kr_session_get_int32(session, "i", &number), KR_OK);
	assert_int_equal(number, INT32_MIN);
	assert_int_equal(kr_session_remove(session, "i"), KR_OK);
	assert_int_equal(kr_session_get_int32(session, "i", &number),
			 KR_ERR_NOT_FOUND);
}

/* Every function with a key, called with that one. */
static void assert_key_is(struct kr_session *session, const char *key,
			  enum kr_err expected)
{
	const char *text;
	const void *bytes;
	size_t size;
	int32_t number;
	const enum kr_err errs[] = {
		kr_session_get_int32(session, key, &number),
		kr_session_get_string(session, key, &text),
		kr_session_get_bytes(session, key, &bytes, &size),
		kr_session_take(session, key, &text),
		kr_session_set_int32(session, key, 1),
		kr_session_set_string(session, key, ""),
		kr_session_set_bytes(session, key, "", 0),
		kr_session_remove(session, key),
	};

	for (size_t i = 0; i < sizeof(errs) / sizeof(*errs); i++)
		assert_int_equal(errs[i], expected);
}

static void keys_are_checked(void **state)
{
	struct kr_session *session = loaded(*state);
	char key[130];

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	assert_key_is(session, key, KR_ERR_LIMIT);
	assert_key_is(session, "", KR_ERR_RESERVED);
	assert_key_is(session, "@", KR_ERR_RESERVED);
	assert_key_is(session, "@user", KR_ERR_RESERVED);
}

static void what_is_taken_is_gone(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);
	const char *text = NULL;

	assert_int_equal(kr_session_take(session, "a", &text), KR_OK);
	assert_string_equal(text, "1");
	assert_int_equal(kr_session_take(session, "a", &text),
			 KR_ERR_NOT_FOUND);
	assert_string_equal(text, "1");
	assert_int_equal(kr_session_set_bytes(session, "b", "\0", 1), KR_OK);
	assert_int_equal(kr_session_take(session, "b", &text), KR_ERR_TYPE);
	leave(t);
	assert_null(stored(t, "a"));
	assert_non_null(stored(t, "b"));
}

/* ---- each ------------------------------------------------------------- */

struct seen {
	char text[64];
	struct kr_session *session;
	enum kr_err err;
};

static enum kr_err note(void *arg, const char *key, const void *value,
			size_t size)
{
	struct seen *seen = arg;
	size_t len = strlen(seen->text);

	snprintf(seen->text + len, sizeof(seen->text) - len, "%s=%.*s ", key,
		 (int)size, (const char *)value);
	if (seen->session) {
		assert_int_equal(kr_session_set_string(seen->session, "x", ""),
				 KR_ERR_ARGUMENT);
		assert_int_equal(kr_session_destroy(seen->session),
				 KR_ERR_ARGUMENT);
	}
	return seen->err;
}

static void each_value_is_shown_once(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);
	struct seen seen = {.session = session};

	add(t, "@user", "max");
	assert_int_equal(kr_session_set_string(session, "n", "8"), KR_OK);
	assert_int_equal(kr_session_set_string(session, "z", "9"), KR_OK);
	assert_int_equal(kr_session_remove(session, "z"), KR_OK);
	assert_int_equal(kr_session_each(session, note, &seen), KR_OK);
	assert_string_equal(seen.text, "n=8 a=1 ");
	assert_int_equal(kr_session_set_string(session, "x", "1"), KR_OK);
}

static void each_stops_at_an_error(void **state)
{
	struct kr_session *session = loaded(*state);
	struct seen seen = {.err = KR_ERR_FULL};

	assert_int_equal(kr_session_each(session, note, &seen), KR_ERR_FULL);
	assert_string_equal(seen.text, "a=1 ");
	assert_int_equal(kr_session_each(NULL, note, &seen), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_each(session, NULL, &seen),
			 KR_ERR_ARGUMENT);
}

static void after_a_clear_there_is_nothing_to_show(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);
	struct seen seen = {.err = KR_OK};

	add(t, "@user", "max");
	assert_int_equal(kr_session_clear(session), KR_OK);
	assert_int_equal(kr_session_each(session, note, &seen), KR_OK);
	assert_string_equal(seen.text, "");
	assert_string_equal(kr_session_user(session), "max");
	leave(t);
	assert_null(stored(t, "a"));
	assert_stored(t, "@user", "max");
}

/* ---- which session ---------------------------------------------------- */

static void a_session_is_new_or_has_an_age(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = none(t);

	assert_true(kr_session_is_new(session));
	assert_int_equal(kr_session_age(session), 0);
	assert_null(kr_session_id(session));
	assert_int_equal(kr_session_set_string(session, "a", "1"), KR_OK);
	assert_true(kr_session_is_new(session));
	assert_non_null(kr_session_id(session));
	kri_exchange_end(&t->c);
	session = loaded(t);
	assert_false(kr_session_is_new(session));
	assert_in_range(kr_session_age(session), 60, 62);
	assert_string_equal(kr_session_id(session), ID_A);
	t->record.born += 1000;
	assert_int_equal(kr_session_age(session), 0);
}

static void a_setter_after_a_destroy_begins_another(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);
	const char *text;

	assert_int_equal(kr_session_destroy(session), KR_OK);
	assert_null(kr_session_id(session));
	assert_true(kr_session_is_new(session));
	assert_int_equal(kr_session_get_string(session, "a", &text),
			 KR_ERR_NOT_FOUND);
	assert_int_equal(kr_session_set_string(session, "b", "2"), KR_OK);
	leave(t);
	assert_int_equal(t->record.operation, KRI_OP_DESTROY);
	assert_int_equal(t->c.visit.session.record->operation, KRI_OP_CREATE);
	assert_string_not_equal(t->c.visit.session.record->id, ID_A);
	assert_stored(t, "b", "2");
	assert_null(stored(t, "a"));
	settle(t);
	assert_says(t, "Set-Cookie: sid=");
	assert_never_says(t, "Max-Age=0");
}

static void both_commits_have_to_succeed(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);

	assert_int_equal(kr_session_destroy(session), KR_OK);
	assert_int_equal(kr_session_set_string(session, "b", "2"), KR_OK);
	leave(t);
	t->record.err = KR_ERR_UNAVAILABLE;
	kri_exchange_settle(&t->c);
	assert_answer(t, 503);
	assert_never_says(t, "Set-Cookie");
}

static void a_destroy_undoes_what_the_handler_did_before(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);

	assert_int_equal(kr_session_login(session, "max"), KR_OK);
	assert_int_equal(kr_session_logout(session), KR_OK);
	assert_null(kr_session_user(session));
	leave(t);
	assert_int_equal(t->record.operation, KRI_OP_DESTROY);
	assert_null(t->c.visit.session.record);
	settle(t);
	assert_says(t, "Max-Age=0");
}

/* ---- times ------------------------------------------------------------ */

static void a_session_may_have_its_own_idle_timeout(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = none(t);

	assert_int_equal(kr_session_set_idle_timeout(session, 1600), KR_OK);
	assert_non_null(kr_session_id(session));
	leave(t);
	assert_stored(t, "@idle", "1600");
	assert_int_equal(t->c.visit.session.record->ttl, 1700000);
	settle(t);
	assert_says(t, "; Max-Age=86400;"); /* session.absolute_timeout */
}

static void without_an_absolute_timeout_the_cookie_stays_long(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = none(t);

	t->config.absolute_timeout = 0;
	assert_int_equal(kr_session_set_idle_timeout(session, 1600), KR_OK);
	leave(t);
	settle(t);
	assert_says(t, "; Max-Age=34560000;");
}

static void a_changed_timeout_sends_the_cookie_again(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);

	assert_int_equal(kr_session_set_idle_timeout(session, 160), KR_OK);
	leave(t);
	assert_int_equal(t->record.operation, KRI_OP_UPDATE);
	assert_int_equal(t->record.ttl, 170000);
	settle(t);
	assert_says(t, "Set-Cookie: sid=" ID_A SECRET "; Path=/; Max-Age=863");
}

/* Another request of the batch has renewed it after us: its cookie counts. */
static void an_old_secret_is_not_sent_again(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);

	assert_int_equal(kr_session_set_idle_timeout(session, 160), KR_OK);
	leave(t);
	memset(t->record.auth, 1, sizeof(t->record.auth));
	settle(t);
	assert_never_says(t, "Set-Cookie");
}

static void a_timeout_can_be_taken_back(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);

	add(t, "@idle", "160");
	assert_int_equal(kr_session_set_idle_timeout(session, 0), KR_OK);
	leave(t);
	assert_null(stored(t, "@idle"));
	assert_int_equal(t->record.ttl, 1275000); /* of session.idle_timeout */
	settle(t);
	assert_says(t, "Set-Cookie: sid=" ID_A SECRET "; Path=/; Secure");
}

static void no_timeout_is_set_for_nothing(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = none(t);

	assert_int_equal(kr_session_set_idle_timeout(session, 0), KR_OK);
	assert_null(kr_session_id(session));
	assert_int_equal(kr_session_set_idle_timeout(session, -1),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_set_idle_timeout(session, 31536001),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_set_idle_timeout(session, 31536000), KR_OK);
}

/* ---- the login -------------------------------------------------------- */

static void a_login_is_known_and_renews(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);

	assert_null(kr_session_user(session));
	assert_int_equal(kr_session_login_age(session), -1);
	assert_false(kr_session_is_authenticated(session, 0));
	assert_int_equal(kr_session_login(session, "m\xc3\xa4x"), KR_OK);
	assert_string_equal(kr_session_user(session), "m\xc3\xa4x");
	assert_in_range(kr_session_login_age(session), 0, 2);
	assert_true(kr_session_is_authenticated(session, 60));
	leave(t);
	assert_true(t->record.renewed);
	assert_stored(t, "@user", "m\xc3\xa4x");
	assert_stored(t, "a", "1");
	settle(t);
	assert_says(t, "Set-Cookie: sid=" ID_A);
	assert_never_says(t, SECRET);
}

static void a_login_grows_old(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);
	char at[KRI_INT_SIZE + 1];

	snprintf(at, sizeof(at), "%lld", (long long)kri_clock_epoch() - 100);
	add(t, "@user", "max");
	add(t, "@login", at);
	assert_in_range(kr_session_login_age(session), 100, 102);
	assert_false(kr_session_is_authenticated(session, 60));
	assert_true(kr_session_is_authenticated(session, 200));
	assert_true(kr_session_is_authenticated(session, 0));
	assert_false(kr_session_is_authenticated(session, -1));
}

static void a_clock_behind_makes_a_login_no_older(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);

	add(t, "@user", "max");
	add(t, "@login", "99999999999");
	assert_int_equal(kr_session_login_age(session), 0);
}

static void what_others_wrote_is_no_login(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);

	add(t, "@login", "5");
	assert_int_equal(kr_session_login_age(session), -1);
	add(t, "@user", "a\nb");
	assert_null(kr_session_user(session));
	t->record.values[t->record.n - 1].data = KRI_TEXT("max");
	t->record.values[t->record.n - 2].data = KRI_TEXT("soon");
	assert_string_equal(kr_session_user(session), "max");
	assert_int_equal(kr_session_login_age(session), -1);
	assert_false(kr_session_is_authenticated(session, 0));
}

static void a_name_is_checked(void **state)
{
	struct kr_session *session = none(*state);
	char name[258];

	memset(name, 'n', sizeof(name) - 1);
	name[257] = '\0';
	assert_int_equal(kr_session_login(session, ""), KR_ERR_INPUT);
	assert_int_equal(kr_session_login(session, name), KR_ERR_INPUT);
	assert_int_equal(kr_session_login(session, "a\x7f"), KR_ERR_INPUT);
	assert_int_equal(kr_session_login(session, "\xff"), KR_ERR_INPUT);
	assert_null(kr_session_id(session));
	name[256] = '\0';
	assert_int_equal(kr_session_login(session, name), KR_OK);
	assert_non_null(kr_session_id(session));
}

static void a_clear_keeps_a_login_of_the_same_request(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = none(t);

	assert_int_equal(kr_session_login(session, "max"), KR_OK);
	assert_int_equal(kr_session_set_string(session, "a", "1"), KR_OK);
	assert_int_equal(kr_session_clear(session), KR_OK);
	leave(t);
	assert_stored(t, "@user", "max");
	assert_null(stored(t, "a"));
}

/* Neither a number of values nor their size is used up by ours. */
static void what_is_ours_counts_for_no_limit(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = none(t);

	t->config.max_values = 1;
	t->config.max_size = 2;
	assert_int_equal(kr_session_login(session, "max"), KR_OK);
	assert_int_equal(kr_session_set_idle_timeout(session, 60), KR_OK);
	assert_int_equal(kr_session_set_string(session, "a", "1"), KR_OK);
	assert_int_equal(kr_session_set_string(session, "b", ""), KR_ERR_LIMIT);
}

/* ---- wrong calls ------------------------------------------------------ */

static void without_a_session_all_is_refused(void **state)
{
	struct kr_session *session = loaded(*state);
	const char *text;
	const void *bytes;
	int32_t n;
	size_t size;

	assert_int_equal(kr_session_get_int32(NULL, "a", &n), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_get_int32(session, NULL, &n),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_get_int32(session, "a", NULL),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_get_string(NULL, "a", &text),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_get_string(session, "a", NULL),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_get_bytes(NULL, "a", &bytes, &size),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_get_bytes(session, "a", NULL, &size),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_set_int32(NULL, "a", 1), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_set_string(NULL, "a", ""), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_set_string(session, "a", NULL),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_set_bytes(session, NULL, "", 0),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_set_bytes(session, "a", NULL, 1),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_remove(NULL, "a"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_remove(session, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_take(NULL, "a", &text), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_take(session, NULL, &text),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_take(session, "a", NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_clear(NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_renew(NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_destroy(NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_set_idle_timeout(NULL, 1), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_login(NULL, "a"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_login(session, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_session_logout(NULL), KR_ERR_ARGUMENT);
	assert_null(kr_session_id(NULL));
	assert_null(kr_session_user(NULL));
	assert_false(kr_session_is_new(NULL));
	assert_int_equal(kr_session_age(NULL), 0);
	assert_int_equal(kr_session_login_age(NULL), -1);
	assert_false(kr_session_is_authenticated(NULL, 0));
}

static void another_site_reads_and_changes_nothing(void **state)
{
	struct trial *t = *state;
	struct kr_session *session = loaded(t);
	const char *text = NULL;

	session->refusal = KR_ERR_CROSS_SITE;
	assert_int_equal(kr_session_get_string(session, "a", &text), KR_OK);
	assert_int_equal(kr_session_set_int32(session, "a", 1),
			 KR_ERR_CROSS_SITE);
	assert_int_equal(kr_session_set_string(session, "a", ""),
			 KR_ERR_CROSS_SITE);
	assert_int_equal(kr_session_remove(session, "a"), KR_ERR_CROSS_SITE);
	assert_int_equal(kr_session_take(session, "a", &text),
			 KR_ERR_CROSS_SITE);
	assert_int_equal(kr_session_clear(session), KR_ERR_CROSS_SITE);
	assert_int_equal(kr_session_renew(session), KR_ERR_CROSS_SITE);
	assert_int_equal(kr_session_destroy(session), KR_ERR_CROSS_SITE);
	assert_int_equal(kr_session_logout(session), KR_ERR_CROSS_SITE);
	assert_int_equal(kr_session_login(session, "a"), KR_ERR_CROSS_SITE);
	assert_int_equal(kr_session_set_idle_timeout(session, 1),
			 KR_ERR_CROSS_SITE);
	leave(t);
	assert_answer(t, 200);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, trial_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_are_read_and_written),
		TEST(keys_are_checked),
		TEST(what_is_taken_is_gone),
		TEST(each_value_is_shown_once),
		TEST(each_stops_at_an_error),
		TEST(after_a_clear_there_is_nothing_to_show),
		TEST(a_session_is_new_or_has_an_age),
		TEST(a_setter_after_a_destroy_begins_another),
		TEST(both_commits_have_to_succeed),
		TEST(a_destroy_undoes_what_the_handler_did_before),
		TEST(a_session_may_have_its_own_idle_timeout),
		TEST(without_an_absolute_timeout_the_cookie_stays_long),
		TEST(a_changed_timeout_sends_the_cookie_again),
		TEST(an_old_secret_is_not_sent_again),
		TEST(a_timeout_can_be_taken_back),
		TEST(no_timeout_is_set_for_nothing),
		TEST(a_login_is_known_and_renews),
		TEST(a_login_grows_old),
		TEST(a_clock_behind_makes_a_login_no_older),
		TEST(what_others_wrote_is_no_login),
		TEST(a_name_is_checked),
		TEST(a_clear_keeps_a_login_of_the_same_request),
		TEST(what_is_ours_counts_for_no_limit),
		TEST(without_a_session_all_is_refused),
		TEST(another_site_reads_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
