/*
 * Where clients may be sent, and nowhere else.
 */
#include "http/redirect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void only_origins_are_origins(void **state)
{
	static const char *const good[] = {
		"https://a.example",   "http://a.example:8080",
		"HTTPS://A-b.Example", "https://[2001:db8::1]",
		"https://[::1]:8443",  "https://127.0.0.1",
	};
	static const char *const bad[] = {
		"",
		"a.example",
		"//a.example",
		"https://",
		"https://a.example/",
		"https://a.example:",
		"https://a.example:http",
		"https://a.example:123456",
		"https://user@a.example",
		"https://a b",
		"ftp://a.example",
		"javascript:alert(1)",
		"https://[::1",
		"https://[]",
		"https://a.example?",
		"https:a.example",
	};
	struct kri_origins origins = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(kri_origins_add(&origins, good[i]), KR_OK);
	assert_int_equal(origins.n, sizeof(good) / sizeof(good[0]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!kri_origins_add(&origins, bad[i]))
			fail_msg("taken: %s", bad[i]);
	kri_origins_free(&origins);
	assert_int_equal(origins.n, 0);
}

static void paths_of_this_site_are_safe(void **state)
{
	(void)state;
	assert_true(kri_location_is_safe(NULL, "/"));
	assert_true(kri_location_is_safe(NULL, "/a//b?c=d#e"));
	assert_true(kri_location_is_safe(NULL, "/a?to=https://b.example"));
	assert_true(kri_location_is_safe(NULL, "/%0d%0a"));
}

static void all_else_is_not(void **state)
{
	static const char *const bad[] = {
		"",         "a",
		"?a",       "//a.example",
		"/\\a",     "\\\\a",
		"/a\\b",    "/a b",
		"/\t/a",    "/a\r\nb: c",
		"/\x7f",    "/\xc3\xa4",
		"https:/a", "https://a",
		"data:,a",  " /a",
		"///a",     "javascript:a",
		"/\x01",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (kri_location_is_safe(NULL, bad[i]))
			fail_msg("safe: %s", bad[i]);
}

static void an_origin_is_compared_to_its_end(void **state)
{
	static const char *const bad[] = {
		"https://a.example.evil.example",
		"https://a.example@evil",
		"https://a.example:1234/",
		"http://a.example/",
		"https://a.exampl",
		"https://a.examplee/",
		"https://evil/https://a.example",
		"https://a.example\\@evil",
	};
	struct kri_origins origins = {0};

	(void)state;
	assert_int_equal(kri_origins_add(&origins, "https://b.example:81"),
			 KR_OK);
	assert_int_equal(kri_origins_add(&origins, "https://a.example"), KR_OK);
	assert_true(kri_location_is_safe(&origins, "https://a.example"));
	assert_true(kri_location_is_safe(&origins, "HTTPS://A.example/x"));
	assert_true(kri_location_is_safe(&origins, "https://a.example?x"));
	assert_true(kri_location_is_safe(&origins, "https://a.example#x"));
	assert_true(kri_location_is_safe(&origins, "https://b.example:81/"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (kri_location_is_safe(&origins, bad[i]))
			fail_msg("safe: %s", bad[i]);
	kri_origins_free(&origins);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_origins_are_origins),
		cmocka_unit_test(paths_of_this_site_are_safe),
		cmocka_unit_test(all_else_is_not),
		cmocka_unit_test(an_origin_is_compared_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
