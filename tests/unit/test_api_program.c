/*
 * krsession.h: the app, its configuration, and what each function says to a
 * wrong call.
 */
#include "krsession.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static enum kr_err hello(struct kr_context *c)
{
	return kr_text(c, 200, "Hello");
}

static int setup(void **state)
{
	struct kr_app *app = NULL;
	enum kr_err err = kr_app_open(&app);

	*state = app;
	return err;
}

static int teardown(void **state)
{
	struct kr_app *app = *state;

	kr_app_close(&app);
	return app != NULL;
}

static void routes_are_checked(void **state)
{
	struct kr_app *app = *state;

	assert_int_equal(kr_map(app, KR_GET, "/a", hello, 0), KR_OK);
	assert_int_equal(kr_map(app, KR_GET, "/a", hello, 0), KR_ERR_ARGUMENT);
	assert_int_equal(
		kr_map(app, KR_DELETE, "/a", hello, KR_BODY | KR_CROSS_SITE),
		KR_OK);
	assert_int_equal(kr_map_with(app, KR_GET, "/a/*", hello, 0, app),
			 KR_OK);
	assert_int_equal(kr_map(app, KR_GET, "/*/a", hello, 0),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_map(app, KR_GET, "/a*", hello, 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_map(app, KR_GET, "*", hello, 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_map(app, KR_GET, "/b", NULL, 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_map(app, 0, "/b", hello, 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_map(app, 32, "/b", hello, 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_map(app, KR_GET, "/b", hello, 64), KR_ERR_ARGUMENT);
	assert_int_equal(kr_map(app, KR_GET, "/b", hello, KR_ATOMIC),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_map(app, KR_GET, NULL, hello, 0), KR_ERR_ARGUMENT);
	assert_int_equal(kr_map(NULL, KR_GET, "/b", hello, 0), KR_ERR_ARGUMENT);
}

static void origins_are_checked(void **state)
{
	struct kr_app *app = *state;

	assert_int_equal(kr_allow_redirect(app, "https://a.example"), KR_OK);
	assert_int_equal(kr_allow_redirect(app, "a.example"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_allow_redirect(app, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_allow_redirect(NULL, "https://a.example"),
			 KR_ERR_ARGUMENT);
}

static void an_app_is_opened_and_closed(void **state)
{
	struct kr_app *none = NULL;

	(void)state;
	assert_int_equal(kr_app_open(NULL), KR_ERR_ARGUMENT);
	kr_app_close(&none);
	kr_app_close(NULL);
	assert_null(kr_app_config(NULL));
	assert_int_equal(kr_app_main(NULL, 0, NULL), 2);
}

static void a_wrong_default_of_the_program_is_found_by_the_check(void **state)
{
	char *argv[] = {"program", "-t", "-l", "unix:/tmp/none.sock", NULL};
	struct kr_app *app = *state;

	assert_int_equal(
		kr_config_set(kr_app_config(app), "session.idle_timeout=48h"),
		KR_OK);
	assert_int_equal(kr_app_main(app, 4, argv), 2);
	assert_int_equal(
		kr_config_set(kr_app_config(app), "session.absolute_timeout=0"),
		KR_OK);
	assert_int_equal(kr_app_main(app, 4, argv), 0);
}

static void the_configuration_of_an_app_is_not_closed(void **state)
{
	struct kr_app *app = *state;
	struct kr_config *config = kr_app_config(app);

	kr_config_close(&config);
	assert_null(config);
	assert_int_equal(kr_config_set(kr_app_config(app), "log.level=info"),
			 KR_OK);
}

/* ---- configurations --------------------------------------------------- */

static void a_setting_says_what_is_wrong(void **state)
{
	struct kr_config *config = NULL;

	(void)state;
	assert_int_equal(kr_config_open(&config), KR_OK);
	assert_string_equal(kr_config_why(config), "");
	assert_int_equal(kr_config_set(config, "session.idle_timeout=soon"),
			 KR_ERR_CONFIG);
	assert_non_null(
		strstr(kr_config_why(config), "session.idle_timeout=soon"));
	assert_null(strstr(kr_config_why(config), "-o"));
	assert_int_equal(kr_config_set(config, "session.idle_timeout=20m"),
			 KR_OK);
	assert_string_equal(kr_config_why(config), "");
	assert_int_equal(kr_config_set(config, "no.such=thing"), KR_ERR_CONFIG);
	kr_config_close(&config);
	assert_null(config);
	kr_config_close(&config);
	kr_config_close(NULL);
}

static void a_password_is_not_in_what_is_wrong(void **state)
{
	struct kr_config *config = NULL;

	(void)state;
	assert_int_equal(kr_config_open(&config), KR_OK);
	assert_int_equal(kr_config_set(config, "redis.password=se\x01"
					       "cret"),
			 KR_ERR_CONFIG);
	assert_null(strstr(kr_config_why(config), "cret"));
	kr_config_close(&config);
}

static void a_file_is_read(void **state)
{
	char path[] = "/tmp/krsession-test-XXXXXX";
	static const char text[] = "[session]\nidle_timeout = soon\n";
	struct kr_config *config = NULL;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(kr_config_open(&config), KR_OK);
	assert_int_equal(kr_config_read_file(config, path), KR_ERR_CONFIG);
	assert_non_null(strstr(kr_config_why(config), path));
	assert_int_equal(kr_config_read_file(config, "/no/such/file"),
			 KR_ERR_CONFIG);
	assert_int_equal(kr_config_read_file(config, "/dev/null"), KR_OK);
	assert_string_equal(kr_config_why(config), "");
	kr_config_close(&config);
	unlink(path);
}

static void the_environment_is_read(void **state)
{
	struct kr_config *config = NULL;

	(void)state;
	assert_int_equal(kr_config_open(&config), KR_OK);
	assert_int_equal(kr_config_read_environment(config), KR_OK);
	setenv("KRSESSION_SESSION_IDLE_TIMEOUT", "soon", 1);
	assert_int_equal(kr_config_read_environment(config), KR_ERR_CONFIG);
	assert_non_null(strstr(kr_config_why(config),
			       "KRSESSION_SESSION_IDLE_TIMEOUT"));
	unsetenv("KRSESSION_SESSION_IDLE_TIMEOUT");
	kr_config_close(&config);
}

static void wrong_calls_for_a_configuration(void **state)
{
	struct kr_config *config = kr_app_config(*state);

	assert_int_equal(kr_config_open(NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_config_read_file(NULL, "/dev/null"),
			 KR_ERR_ARGUMENT);
	assert_int_equal(kr_config_read_file(config, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_config_read_environment(NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_config_set(NULL, "a.b=c"), KR_ERR_ARGUMENT);
	assert_int_equal(kr_config_set(config, NULL), KR_ERR_ARGUMENT);
	assert_string_equal(kr_config_why(NULL), "");
}

/* ---- words ------------------------------------------------------------ */

static void every_error_has_words_of_its_own(void **state)
{
	(void)state;
	for (int i = KR_OK; i <= KR_ERR_CROSS_SITE; i++)
		for (int j = KR_OK; j < i; j++)
			assert_string_not_equal(kr_strerror((enum kr_err)i),
						kr_strerror((enum kr_err)j));
	assert_string_equal(kr_strerror((enum kr_err)99), "unknown error");
	assert_string_equal(kr_version(), KR_VERSION);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(routes_are_checked),
		TEST(origins_are_checked),
		TEST(an_app_is_opened_and_closed),
		TEST(a_wrong_default_of_the_program_is_found_by_the_check),
		TEST(the_configuration_of_an_app_is_not_closed),
		TEST(a_setting_says_what_is_wrong),
		TEST(a_password_is_not_in_what_is_wrong),
		TEST(a_file_is_read),
		TEST(the_environment_is_read),
		TEST(wrong_calls_for_a_configuration),
		TEST(every_error_has_words_of_its_own),
	};

	/* What ./dev test says to the suites would be options here. */
	unsetenv("KRSESSION_BUILD");
	unsetenv("KRSESSION_SANITIZE");
	unsetenv("KRSESSION_REDIS_SERVER");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
