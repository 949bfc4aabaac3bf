/*
 * The guard: where a client may go after the login, whatever it asks for.
 */
#include "guard/aim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct guard_options options = {
	.path = "/auth",
	.home = "/home",
	.allow_hosts = "app.example.com, other.example:8443 "
		       "http://plain.example",
};

static void goes(const char *wanted)
{
	const char *aim = guard_aim_of(&options, wanted);

	if (aim != wanted)
		fail_msg("'%s' leads to %s", wanted, aim);
}

static void is_dropped(const char *wanted)
{
	const char *aim = guard_aim_of(&options, wanted);

	if (strcmp(aim, "/home") != 0)
		fail_msg("'%s' is let through", wanted ? wanted : "");
}

static void own_paths_and_allowed_hosts_are_gone_back_to(void **state)
{
	(void)state;
	goes("/");
	goes("/a/b?c=d&e=%2F%2Fevil.example#f");
	goes("/search?q=https://evil.example/");
	goes("/a//b");
	goes("/%2F%2Fevil.example");
	goes("/authors");
	goes("/x/auth/login");
	goes("https://app.example.com");
	goes("https://app.example.com/x?y");
	goes("https://APP.example.com/x");
	goes("https://other.example:8443/");
	goes("http://plain.example/x");
}

static void other_sites_are_not(void **state)
{
	static const char *const bad[] = {
		"//evil.example",
		"///evil.example",
		"/\\evil.example",
		"\\\\evil.example",
		"\\/evil.example",
		"/\t/evil.example",
		"/\n/evil.example",
		"\t//evil.example",
		" //evil.example",
		" /x",
		"/x y",
		"https:evil.example",
		"https:/evil.example",
		"https://evil.example",
		"https:\\\\app.example.com",
		"https://app.example.com@evil.example/",
		"https://app.example.com:443@evil.example/",
		"https://user@app.example.com/",
		"https://user:pw@app.example.com/",
		"https://app.example.com.evil.example/",
		"https://app.example.com:8443/",
		"https://app.example.com\\@evil.example/",
		"https://app.example.com%2eevil.example/",
		"https://app.example.comevil",
		"https://other.example/",
		"http://app.example.com/",
		"https://plain.example/",
		"https://evilapp.example.com/",
		"javascript:alert(1)",
		"JaVaScRiPt:alert(1)",
		"data:text/html,x",
		"evil.example",
		"@evil.example",
		"?x",
		"#x",
		".",
		"",
		"/x\r\nSet-Cookie: a=b",
		"/\303\244",
		"/<script>",
		"/\"x",
		"/x\177",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		is_dropped(bad[i]);
	is_dropped(NULL);
}

/* However a server may read it. */
static void the_guards_own_pages_are_not_but_for_the_list(void **state)
{
	static const char *const bad[] = {
		"/auth",
		"/auth/",
		"/auth/login",
		"/auth/login?rd=/x",
		"/auth/check",
		"/auth/challenge#x",
		"/auth/logout",
		"/AUTH/Login",
		"/%61uth/login",
		"/auth%2Flogin",
		"/auth//login",
		"/x/../auth/login",
		"/x/%2e%2e/auth/login",
		"/./auth/login",
		"/auth/sessions/x",
		"/auth/x/../sessions",
		"https://app.example.com/auth/login",
		"/..",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		is_dropped(bad[i]);
	goes("/auth/sessions");
	goes("/auth/sessions?ended=1");
	goes("https://app.example.com/auth/sessions");
}

static void a_long_one_is_dropped(void **state)
{
	char *aim = malloc(GUARD_AIM_MAX + 2);

	(void)state;
	memset(aim, 'a', GUARD_AIM_MAX + 1);
	*aim = '/';
	aim[GUARD_AIM_MAX] = '\0';
	goes(aim);
	aim[GUARD_AIM_MAX] = 'a';
	aim[GUARD_AIM_MAX + 1] = '\0';
	is_dropped(aim);
	free(aim);
}

static void without_allowed_hosts_none_is(void **state)
{
	const struct guard_options none = {
		.path = "/auth", .home = "/", .allow_hosts = ""};

	(void)state;
	assert_false(guard_aim_is_sound(&none, "https://app.example.com/"));
	assert_false(guard_aim_is_sound(&none, "https:///"));
	assert_true(guard_aim_is_sound(&none, "/x"));
}

static enum kr_err gather(void *arg, const char *origin)
{
	char *all = arg;

	strcat(strcat(all, origin), ";");
	return KR_OK;
}

static void hosts_are_origins_over_https_unless_they_say_so(void **state)
{
	char all[200] = "";
	char long_one[400];

	(void)state;
	assert_int_equal(
		guard_options_origins(options.allow_hosts, gather, all), KR_OK);
	assert_string_equal(all, "https://app.example.com;"
				 "https://other.example:8443;"
				 "http://plain.example;");
	memset(long_one, 'a', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	assert_int_equal(guard_options_origins(long_one, gather, all),
			 KR_ERR_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_paths_and_allowed_hosts_are_gone_back_to),
		cmocka_unit_test(other_sites_are_not),
		cmocka_unit_test(the_guards_own_pages_are_not_but_for_the_list),
		cmocka_unit_test(a_long_one_is_dropped),
		cmocka_unit_test(without_allowed_hosts_none_is),
		cmocka_unit_test(
			hosts_are_origins_over_https_unless_they_say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
