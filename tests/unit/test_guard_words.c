/*
 * The guard: small texts, from a browser's name to what a place requires.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "guard/audit.h"
#include "guard/device.h"
#include "guard/digest.h"
#include "guard/require.h"
#include "guard/throttle.h"

static void is_called(const char *agent, const char *wanted)
{
	char name[GUARD_DEVICE_SIZE];

	guard_device_name(agent, name);
	assert_string_equal(name, wanted);
}

static void browsers_are_called_by_name(void **state)
{
	(void)state;
	is_called("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 "
		  "Firefox/128.0",
		  "Firefox on Linux");
	is_called(
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
		"(KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
		"Chrome on Windows");
	is_called(
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
		"(KHTML, like Gecko) Chrome/131.0 Safari/537.36 Edg/131.0",
		"Edge on Windows");
	is_called("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) "
		  "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
		  "Mobile/15E148 Safari/604.1",
		  "Safari on iPhone");
	is_called("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
		  "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
		  "Safari/605.1.15",
		  "Safari on macOS");
	is_called("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 "
		  "(KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
		  "Chrome on Android");
	is_called("curl/7.88.1", "curl");
}

static void what_is_unknown_is_called_so(void **state)
{
	(void)state;
	is_called(NULL, "Unknown browser");
	is_called("", "Unknown browser");
	is_called("<script>alert(1)</script>", "Unknown browser");
	is_called("Evil\r\nX: Windows", "Unknown browser on Windows");
}

static void is_quoted(const char *text, const char *wanted)
{
	char quoted[GUARD_QUOTED_MAX];

	guard_quote(text, quoted);
	assert_string_equal(quoted, wanted);
}

static void what_is_quoted_ends_neither_quotes_nor_line(void **state)
{
	(void)state;
	is_quoted(NULL, "\"\"");
	is_quoted("max", "\"max\"");
	is_quoted("a\" event=login user=\"root", "\"a\\\" event\\x3dlogin "
						 "user\\x3d\\\"root\"");
	is_quoted("a\\", "\"a\\\\\"");
	is_quoted("a\r\nb\tc\177", "\"a\\x0d\\x0ab\\x09c\\x7f\"");
	is_quoted("j\303\266rg", "\"j\303\266rg\"");
}

/* Of any byte and any length, in a buffer that tools watch over. */
static void what_is_quoted_is_bounded(void **state)
{
	char text[1000], quoted[GUARD_QUOTED_MAX];

	(void)state;
	for (int byte = 1; byte < 256; byte++)
		for (size_t len = 380; len < 410; len++) {
			memset(text, byte, len);
			text[len] = '\0';
			guard_quote(text, quoted);
			assert_true(strlen(quoted) < GUARD_QUOTED_MAX);
			assert_int_equal(quoted[strlen(quoted) - 1], '"');
		}
}

static enum guard_verdict judge(const char *require, const char *user,
				const char *groups, int64_t age)
{
	const struct guard_who who = {
		.user = user, .groups = groups, .age = age};

	return guard_judge(require, &who);
}

static void who_has_signed_in_passes_where_nothing_is_required(void **state)
{
	(void)state;
	assert_int_equal(judge(NULL, "max", "", 0), GUARD_PASS);
	assert_int_equal(judge("", "max", "", 999999), GUARD_PASS);
	assert_int_equal(judge(NULL, NULL, NULL, 0), GUARD_NOBODY);
	assert_int_equal(judge("  ", NULL, NULL, 0), GUARD_NOBODY);
	assert_int_equal(judge("optional", NULL, NULL, 0), GUARD_PASS);
	assert_int_equal(judge("optional", "max", "", 0), GUARD_PASS);
}

static void any_of_the_named_users_and_groups_passes(void **state)
{
	const char *require = "user:eve group:admin  group:staff";

	(void)state;
	assert_int_equal(judge(require, "eve", "", 0), GUARD_PASS);
	assert_int_equal(judge(require, "max", "staff", 0), GUARD_PASS);
	assert_int_equal(judge(require, "max", "x,admin", 0), GUARD_PASS);
	assert_int_equal(judge(require, "max", "x,admins", 0), GUARD_DENIED);
	assert_int_equal(judge(require, "Eve", "", 0), GUARD_DENIED);
	assert_int_equal(judge(require, NULL, NULL, 0), GUARD_NOBODY);
	assert_int_equal(judge("user:x optional", "max", "", 0), GUARD_DENIED);
}

static void a_fresh_proof_is_wanted_besides(void **state)
{
	(void)state;
	assert_int_equal(judge("fresh:300", "max", "", 300), GUARD_PASS);
	assert_int_equal(judge("fresh:300", "max", "", 301), GUARD_STALE);
	assert_int_equal(judge("fresh:300 fresh:60", "max", "", 61),
			 GUARD_STALE);
	assert_int_equal(judge("user:eve fresh:300", "max", "", 301),
			 GUARD_DENIED);
	assert_int_equal(judge("fresh:300", NULL, NULL, 0), GUARD_NOBODY);
}

static void what_is_not_understood_lets_nobody_in(void **state)
{
	static const char *const bad[] = {"admin",
					  "group:",
					  "user:",
					  "group",
					  "Group:x",
					  "fresh:",
					  "fresh:0",
					  "fresh:-1",
					  "fresh:1m",
					  "fresh:x",
					  "fresh:9999999999",
					  "user:max,",
					  "optional:",
					  "user:max nonsense",
					  "\n",
					  "user:max\n"};
	char word[400] = "group:";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (judge(bad[i], "max", "x", 0) == GUARD_PASS)
			fail_msg("'%s' lets max in", bad[i]);
	memset(word + 6, 'a', sizeof(word) - 7);
	word[sizeof(word) - 1] = '\0';
	assert_int_equal(judge(word, "max", "x", 0), GUARD_UNCLEAR);
}

static void net_is(const char *address, const char *wanted)
{
	char net[GUARD_NET_SIZE];

	guard_net_of(address, net);
	assert_string_equal(net, wanted);
}

static void a_network_of_ipv6_counts_as_one_address(void **state)
{
	(void)state;
	net_is("192.0.2.1", "192.0.2.1");
	net_is("::ffff:192.0.2.1", "192.0.2.1");
	net_is("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002::/64");
	net_is("2001:db8:1:2::", "2001:0db8:0001:0002::/64");
	net_is("", "");
	net_is("unix:", "unix:");
	net_is("a text that is no address and longer than an address can be, "
	       "by far",
	       "a text that is no address and longer than an ad");
}

static void digests_of_two_texts_are_of_both(void **state)
{
	char a[GUARD_DIGEST_SIZE], b[GUARD_DIGEST_SIZE];

	(void)state;
	assert_true(guard_digest("ab", "c", a));
	assert_true(guard_digest("a", "bc", b));
	assert_string_not_equal(a, b);
	assert_true(guard_digest("ab", "c", b));
	assert_string_equal(a, b);
	assert_int_equal(strlen(a), 32);
}

static void tokens_differ(void **state)
{
	char a[GUARD_TOKEN_SIZE], b[GUARD_TOKEN_SIZE];

	(void)state;
	assert_true(guard_token(a));
	assert_true(guard_token(b));
	assert_int_equal(strlen(a), 64);
	assert_string_not_equal(a, b);
	assert_false(guard_is_equal(a, b));
	assert_true(guard_is_equal(a, a));
	assert_false(guard_is_equal("a", "ab"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(browsers_are_called_by_name),
		cmocka_unit_test(what_is_unknown_is_called_so),
		cmocka_unit_test(what_is_quoted_ends_neither_quotes_nor_line),
		cmocka_unit_test(what_is_quoted_is_bounded),
		cmocka_unit_test(
			who_has_signed_in_passes_where_nothing_is_required),
		cmocka_unit_test(any_of_the_named_users_and_groups_passes),
		cmocka_unit_test(a_fresh_proof_is_wanted_besides),
		cmocka_unit_test(what_is_not_understood_lets_nobody_in),
		cmocka_unit_test(a_network_of_ipv6_counts_as_one_address),
		cmocka_unit_test(digests_of_two_texts_are_of_both),
		cmocka_unit_test(tokens_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
