/*
 * krsession.h: what a program adds of its own: options, what it prepares once
 * they are known, pages in place of errors, and answers without a cookie.
 */
#include "krsession.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const colors[] = {"red", "green", NULL};
static const struct kr_option path = {.section = "shop",
				      .key = "path",
				      .type = KR_OPTION_TEXT,
				      .min = 1,
				      .max = 20,
				      .fallback = "/shop",
				      .help = "Where it is."};
static const struct kr_option size = {.section = "shop",
				      .key = "size",
				      .type = KR_OPTION_SIZE,
				      .max = 1 << 20,
				      .fallback = "1KiB",
				      .help = "How large."};
static const struct kr_option open_for = {.section = "shop",
					  .key = "open_for",
					  .type = KR_OPTION_TIME,
					  .max = 60000,
					  .fallback = "1s",
					  .help = "How long."};
static const struct kr_option color = {.section = "shop",
				       .key = "color",
				       .type = KR_OPTION_CHOICE,
				       .choices = colors,
				       .fallback = "green",
				       .help = "Which one."};
static const struct kr_option many = {.section = "shop",
				      .key = "many",
				      .type = KR_OPTION_NUMBER,
				      .min = 2,
				      .max = 9,
				      .unit = "things",
				      .fallback = "3",
				      .help = "How many."};
static const struct kr_option shut = {.section = "shop",
				      .key = "shut",
				      .type = KR_OPTION_BOOL,
				      .fallback = "no",
				      .help = "Whether it is."};
static const struct kr_option secret = {.section = "shop",
					.key = "secret",
					.type = KR_OPTION_TEXT,
					.secret = true,
					.max = 5,
					.fallback = "",
					.help = "Nobody's business."};

static int setup(void **state)
{
	static const struct kr_option *const all[] = {
		&path, &size, &open_for, &color, &many, &shut, &secret};
	struct kr_app *app = NULL;
	enum kr_err err = kr_app_open(&app);

	for (size_t i = 0; i < sizeof(all) / sizeof(*all) && !err; i++)
		err = kr_config_declare(kr_app_config(app), all[i]);
	*state = app;
	return err;
}

static int teardown(void **state)
{
	struct kr_app *app = *state;

	kr_app_close(&app);
	return 0;
}

/* ---- options ---------------------------------------------------------- */

static void has_number(struct kr_config *config, const char *name,
		       int64_t wanted)
{
	int64_t value = -1;

	assert_int_equal(kr_config_number(config, name, &value), KR_OK);
	assert_int_equal(value, wanted);
}

static void has_text(struct kr_config *config, const char *name,
		     const char *wanted)
{
	const char *value = NULL;

	assert_int_equal(kr_config_text(config, name, &value), KR_OK);
	assert_string_equal(value, wanted);
}

static void declared_options_have_their_defaults(void **state)
{
	struct kr_config *config = kr_app_config(*state);

	has_text(config, "shop.path", "/shop");
	has_number(config, "shop.size", 1024);
	has_number(config, "shop.open_for", 1000);
	has_number(config, "shop.color", 1);
	has_number(config, "shop.many", 3);
	has_number(config, "shop.shut", 0);
	has_text(config, "shop.secret", "");
}

static void they_are_set_like_any_other(void **state)
{
	struct kr_config *config = kr_app_config(*state);

	assert_int_equal(kr_config_set(config, "shop.path=/x"), KR_OK);
	assert_int_equal(kr_config_set(config, "shop.color=RED"), KR_OK);
	assert_int_equal(kr_config_set(config, "shop.shut=yes"), KR_OK);
	assert_int_equal(setenv("KRSESSION_SHOP_OPEN_FOR", "2s", 1), 0);
	assert_int_equal(kr_config_read_environment(config), KR_OK);
	unsetenv("KRSESSION_SHOP_OPEN_FOR");
	has_text(config, "shop.path", "/x");
	has_number(config, "shop.color", 0);
	has_number(config, "shop.shut", 1);
	has_number(config, "shop.open_for", 2000);
}

static void a_file_has_them_once(void **state)
{
	struct kr_config *config = kr_app_config(*state);
	char name[] = "/tmp/krsession-test-own-XXXXXX";
	int file = mkstemp(name);

	assert_true(file >= 0);
	dprintf(file, "[shop]\nmany = 7\n[log]\nlevel = error\n");
	assert_int_equal(kr_config_read_file(config, name), KR_OK);
	has_number(config, "shop.many", 7);
	dprintf(file, "[shop]\nmany = 8\n");
	assert_int_equal(kr_config_read_file(config, name), KR_ERR_CONFIG);
	assert_non_null(strstr(kr_config_why(config),
			       "shop.many: is set on line 2 already"));
	close(file);
	unlink(name);
}

static void says(struct kr_config *config, const char *text, const char *why)
{
	assert_int_equal(kr_config_set(config, text), KR_ERR_CONFIG);
	if (!strstr(kr_config_why(config), why))
		fail_msg("'%s' is not in '%s'", why, kr_config_why(config));
}

static void what_is_wrong_with_them_is_explained(void **state)
{
	struct kr_config *config = kr_app_config(*state);

	says(config, "shop.many=1", "a number of things from 2 to 9");
	says(config, "shop.color=blue", "one of red, green");
	says(config, "shop.open_for=2m", "a time from 0 to 1m, such as 1s");
	says(config, "shop.pth=/x", "did you mean shop.path?");
	says(config, "shop.nothing=1", "this section has path, size");
	says(config, "shp.nothing=1", "there are server, log");
	says(config, "shp.nothing=1", "postgresql, shop");
	says(config, "shop.secret=horse-battery", "shop.secret: must be");
	assert_null(strstr(kr_config_why(config), "horse"));
	has_number(config, "shop.many", 3);
}

static void an_option_has_to_be_one(void **state)
{
	struct kr_config *config = kr_app_config(*state);
	struct kr_option bad;

	assert_int_equal(kr_config_declare(NULL, &path), KR_ERR_ARGUMENT);
	assert_int_equal(kr_config_declare(config, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_config_declare(config, &path), KR_ERR_ARGUMENT);
#define WITH(...)                                                              \
	bad = (struct kr_option){.section = "shop",                            \
				 .key = "new",                                 \
				 .max = 9,                                     \
				 .fallback = "",                               \
				 .help = "x",                                  \
				 __VA_ARGS__};                                 \
	assert_int_equal(kr_config_declare(config, &bad), KR_ERR_ARGUMENT)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
	WITH(.section = "redis");
	WITH(.section = NULL);
	WITH(.section = "");
	WITH(.section = "Shop");
	WITH(.key = "a.b");
	WITH(.key = "a b");
	WITH(.key = "a_name_that_is_so_long_that_no_variable_can_have_it_at_"
		    "all");
	WITH(.fallback = NULL);
	WITH(.help = NULL);
	WITH(.min = 1);
	WITH(.min = 10);
	WITH(.fallback = "more than nine");
	WITH(.type = KR_OPTION_NUMBER, .fallback = "1");
	WITH(.type = KR_OPTION_NUMBER, .unit = "things", .fallback = "10");
	WITH(.type = KR_OPTION_CHOICE, .fallback = "red");
	WITH(.type = (enum kr_option_type)6, .fallback = "1");
#pragma GCC diagnostic pop
	assert_int_equal(kr_config_set(config, "shop.new=x"), KR_ERR_CONFIG);
}

static void a_value_is_asked_for_as_what_it_is(void **state)
{
	struct kr_config *config = kr_app_config(*state);
	const char *text = "before";
	int64_t number = 17;

	assert_int_equal(kr_config_text(config, "shop.many", &text),
			 KR_ERR_TYPE);
	assert_int_equal(kr_config_number(config, "shop.path", &number),
			 KR_ERR_TYPE);
	assert_int_equal(kr_config_text(config, "shop", &text),
			 KR_ERR_NOT_FOUND);
	assert_int_equal(kr_config_text(config, "shop.", &text),
			 KR_ERR_NOT_FOUND);
	assert_int_equal(kr_config_number(config, "", &number),
			 KR_ERR_NOT_FOUND);
	assert_int_equal(kr_config_text(config, NULL, &text), KR_ERR_ARGUMENT);
	assert_int_equal(kr_config_text(NULL, "shop.path", &text),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_config_number(config, "shop.many", NULL),
			 KR_ERR_ARGUMENT);
	assert_string_equal(text, "before");
	assert_int_equal(number, 17);
	has_number(config, "session.io_timeout", 5000);
	has_text(config, "cookie.path", "/");
}

static void a_refusal_is_why(void **state)
{
	struct kr_config *config = kr_app_config(*state);

	assert_int_equal(
		kr_config_refuse(config, "shop.path = %s: is taken", "/x"),
		KR_ERR_CONFIG);
	assert_string_equal(kr_config_why(config), "shop.path = /x: is taken");
	assert_int_equal(kr_config_refuse(NULL, "x"), KR_ERR_ARGUMENT);
}

/* ---- preparing -------------------------------------------------------- */

static enum kr_err greet(struct kr_context *c)
{
	return kr_text(c, 200, kr_route_user(c));
}

/* Has its session begun. */
static enum kr_err begin(struct kr_context *c)
{
	enum kr_err err = kr_session_set_string(kr_session(c), "color", "red");

	return err ? err : kr_status(c, 204);
}

static enum kr_err break_down(struct kr_context *c)
{
	enum kr_err err = kr_header(c, "X-Half", "done");

	return err ? err : KR_ERR_FULL;
}

static enum kr_err prepare(struct kr_app *app, void *user)
{
	struct kr_config *config = kr_app_config(app);
	const char *where = NULL;
	enum kr_err err = kr_config_text(config, "shop.path", &where);

	++*(int *)user;
	if (!err && *where != '/')
		return kr_config_refuse(config, "shop.path = %s: no path",
					where);
	return err ? err
		   : kr_map_with(app, KR_GET, where, greet, 0, (void *)"Hi");
}

static struct kr_test *browser_of(struct kr_app *app)
{
	struct kr_test *browser = NULL;

	assert_int_equal(kr_test_open(app, &browser), KR_OK);
	return browser;
}

static void ask(struct kr_test *browser, const char *target, int status)
{
	assert_int_equal(kr_test_request(browser, "GET", target), KR_OK);
	assert_int_equal(kr_test_status(browser), status);
}

static void what_is_prepared_knows_the_options(void **state)
{
	struct kr_app *app = *state;
	struct kr_test *one, *other;
	int calls = 0;

	assert_int_equal(kr_app_prepare(app, prepare, &calls), KR_OK);
	assert_int_equal(kr_config_set(kr_app_config(app), "shop.path=/here"),
			 KR_OK);
	one = browser_of(app);
	other = browser_of(app);
	assert_int_equal(calls, 1);
	ask(one, "/here", 200);
	assert_string_equal(kr_test_answer(one, NULL), "Hi");
	ask(other, "/shop", 404);
	kr_test_close(&one);
	kr_test_close(&other);
}

static void what_cannot_be_prepared_is_the_end(void **state)
{
	struct kr_app *app = *state;
	struct kr_test *browser = NULL;
	int calls = 0;

	assert_int_equal(kr_app_prepare(app, prepare, &calls), KR_OK);
	assert_int_equal(kr_config_set(kr_app_config(app), "shop.path=here"),
			 KR_OK);
	assert_int_equal(kr_test_open(app, &browser), KR_ERR_CONFIG);
	assert_string_equal(kr_config_why(kr_app_config(app)),
			    "shop.path = here: no path");
	assert_int_equal(kr_app_prepare(NULL, prepare, &calls),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_app_prepare(app, NULL, &calls), KR_ERR_ARGUMENT);
}

/* ---- errors ----------------------------------------------------------- */

static enum kr_err page(struct kr_context *c, void *user, enum kr_err err,
			int status, const char *text)
{
	char html[200];

	snprintf(html, sizeof(html), "%s %d %d %s %d", (char *)user, (int)err,
		 status, text, kr_session(c) != NULL);
	if (status == 405)
		return KR_ERR_MEMORY;
	if (status == 404 && !strcmp(kr_request_path(c), "/quiet"))
		return KR_OK;
	return kr_html(c, status, html);
}

static void errors_are_the_programs_pages(void **state)
{
	struct kr_app *app = *state;
	struct kr_test *browser;

	assert_int_equal(kr_map(app, KR_GET, "/fail", break_down, KR_SESSION),
			 KR_OK);
	assert_int_equal(kr_map(app, KR_POST, "/post", begin, KR_SESSION),
			 KR_OK);
	assert_int_equal(kr_app_on_error(app, page, (void *)"page"), KR_OK);
	browser = browser_of(app);
	ask(browser, "/nowhere", 404);
	assert_string_equal(kr_test_answer(browser, NULL),
			    "page 6 404 Not found 0");
	assert_string_equal(kr_test_header_out(browser, "Content-Type"),
			    "text/html; charset=utf-8");
	ask(browser, "/fail", 503);
	assert_string_equal(kr_test_answer(browser, NULL),
			    "page 15 503 Session store is full 0");
	assert_null(kr_test_header_out(browser, "X-Half"));
	assert_non_null(kr_test_header_out(browser, "Retry-After"));
	ask(browser, "/quiet", 404);
	assert_string_equal(kr_test_answer(browser, NULL),
			    "{\"error\":\"Not found\"}");
	ask(browser, "/post", 405);
	assert_string_equal(kr_test_answer(browser, NULL),
			    "{\"error\":\"Method not allowed\"}");
	assert_string_equal(kr_test_header_out(browser, "Allow"), "POST");
	kr_test_close(&browser);
	assert_int_equal(kr_app_on_error(NULL, page, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_app_on_error(app, NULL, NULL), KR_ERR_ARGUMENT);
}

/* ---- routes ----------------------------------------------------------- */

static void a_route_without_a_cookie_sets_none(void **state)
{
	struct kr_app *app = *state;
	struct kr_test *browser;

	assert_int_equal(kr_map(app, KR_GET, "/with", begin, KR_SESSION),
			 KR_OK);
	assert_int_equal(kr_map(app, KR_GET, "/without", begin,
				KR_SESSION | KR_NO_COOKIE),
			 KR_OK);
	browser = browser_of(app);
	ask(browser, "/without", 204);
	assert_null(kr_test_header_out(browser, "Set-Cookie"));
	assert_string_equal(kr_test_header_out(browser, "Vary"), "Cookie");
	ask(browser, "/with", 204);
	assert_non_null(kr_test_header_out(browser, "Set-Cookie"));
	kr_test_close(&browser);
}

static void an_authorizer_is_one_and_has_flags_of_its_own(void **state)
{
	struct kr_app *app = *state;

	assert_int_equal(kr_map_authorizer(NULL, greet, 0, NULL),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_map_authorizer(app, NULL, 0, NULL),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_map_authorizer(app, greet, KR_BODY, NULL),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_map_authorizer(app, greet, KR_ATOMIC, NULL),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_map_authorizer(app, greet, 64, NULL),
			 KR_ERR_ARGUMENT);
	assert_int_equal(
		kr_map_authorizer(app, greet, KR_SESSION | KR_NO_COOKIE, NULL),
		KR_OK);
	assert_int_equal(kr_map_authorizer(app, greet, 0, NULL),
			 KR_ERR_ARGUMENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(declared_options_have_their_defaults),
		TEST(they_are_set_like_any_other),
		TEST(a_file_has_them_once),
		TEST(what_is_wrong_with_them_is_explained),
		TEST(an_option_has_to_be_one),
		TEST(a_value_is_asked_for_as_what_it_is),
		TEST(a_refusal_is_why),
		TEST(what_is_prepared_knows_the_options),
		TEST(what_cannot_be_prepared_is_the_end),
		TEST(errors_are_the_programs_pages),
		TEST(a_route_without_a_cookie_sets_none),
		TEST(an_authorizer_is_one_and_has_flags_of_its_own),
	};

	/* ./dev test says so for the suites; to us they are unknown options. */
	unsetenv("KRSESSION_BUILD");
	unsetenv("KRSESSION_SANITIZE");
	unsetenv("KRSESSION_REDIS_SERVER");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
