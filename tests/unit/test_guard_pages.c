/*
 * The guard's pages and what they are made of: that foreign text stays text,
 * whatever it is, and that what comes out is HTML with a policy that holds.
 */
#include "guard/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "guard/html.h"
#include "guard/page_frame.h"
#include "www/asset.h"

#define EVIL "\"'><script>x</script><!--&lt;"
#define EVIL_ESCAPED "&quot;&#39;&gt;&lt;script&gt;x&lt;/script&gt;&lt;!--&amp;lt;"
#define NO_CHARACTER "\xEF\xBF\xBD"

/* ---- the builder --------------------------------------------------------- */

static void expect_text(const char *text, const char *expected)
{
	struct guard_html html = {0};

	guard_html_put(&html, "");
	guard_html_text(&html, text);
	assert_false(html.failed);
	assert_string_equal(html.data, expected);
	guard_html_free(&html);
}

static void text_stays_text(void **state)
{
	(void)state;
	expect_text("max", "max");
	expect_text("", "");
	expect_text(NULL, "");
	expect_text(EVIL, EVIL_ESCAPED);
	expect_text("a\tb\nc\r", "a\tb\nc\r");
	expect_text("Zo\xC3\xAB \xE6\x97\xA5 \xF0\x9F\x8D\x92",
		    "Zo\xC3\xAB \xE6\x97\xA5 \xF0\x9F\x8D\x92");
}

/* Nothing that is cut off or overlong swallows what follows it. */
static void what_is_no_utf8_is_replaced(void **state)
{
	static const char *const bad[] = {
		"\xC3",		"\xE6\x97",	"\xF0\x9F\x8D", "\x80",
		"\xC0\xBC",	"\xC1\xBF",	"\xE0\x80\xBC", "\xED\xA0\x80",
		"\xF0\x80\x80\xBC", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
		"\xFE",		"\xFF",		"\x01",		"\x1B",
		"\x7F",		"\xC2\x85",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[16], expected[64] = "";

		snprintf(text, sizeof(text), "%s<", bad[i]);
		for (size_t n = 0; n < strlen(bad[i]); n++)
			strcat(expected, NO_CHARACTER);
		strcat(expected, "&lt;");
		expect_text(text, expected);
	}
}

static void attributes_are_quoted(void **state)
{
	struct guard_html html = {0};

	(void)state;
	guard_html_put(&html, "<a");
	guard_html_attribute(&html, "title", EVIL);
	guard_html_attribute(&html, "lang", NULL);
	guard_html_put(&html, ">");
	assert_string_equal(html.data,
			    "<a title=\"" EVIL_ESCAPED "\" lang=\"\">");
	guard_html_free(&html);
}

static void long_text_is_cut_between_characters(void **state)
{
	struct guard_html html = {0};

	(void)state;
	guard_html_short(&html, "a<\xE6\x97\xA5" "b", 3);
	guard_html_put(&html, "|");
	guard_html_short(&html, "ab", 2);
	guard_html_put(&html, "|");
	guard_html_short(&html, NULL, 2);
	guard_html_apart(&html, "abc", 1);
	assert_string_equal(html.data,
			    "a&lt;\xE6\x97\xA5\xE2\x80\xA6|ab|"
			    "<bdi>a\xE2\x80\xA6</bdi>");
	guard_html_free(&html);
}

static void queries_are_percent_encoded(void **state)
{
	struct guard_html html = {0};

	(void)state;
	guard_html_escape(&html, "/a b?c=d&e\"<\xC3\xAB");
	assert_string_equal(html.data, "/a%20b%3Fc%3Dd%26e%22%3C%C3%AB");
	guard_html_free(&html);
}

static void numbers_are_decimal(void **state)
{
	struct guard_html html = {0};

	(void)state;
	guard_html_number(&html, INT64_MIN);
	guard_html_put(&html, " ");
	guard_html_number(&html, INT64_MAX);
	assert_string_equal(html.data,
			    "-9223372036854775808 9223372036854775807");
	guard_html_free(&html);
}

/* It fails at its bound, for good, and has not grown beyond it. */
static void a_page_has_a_bound(void **state)
{
	struct guard_html html = {0};
	char *text = malloc(1 << 20);

	(void)state;
	assert_non_null(text);
	memset(text, '<', (1 << 20) - 1);
	text[(1 << 20) - 1] = '\0';
	guard_html_text(&html, text);
	assert_true(html.failed);
	assert_true(html.cap <= 1 << 20 && html.len < html.cap);
	guard_html_put(&html, "x");
	assert_true(html.failed);
	guard_html_free(&html);
	assert_null(html.data);
	free(text);
}

static void spans_are_what_people_say(void **state)
{
	static const struct {
		int64_t seconds;
		bool up;
		const char *text;
	} spans[] = {
		{0, true, "0 seconds"},
		{1, true, "1 second"},
		{59, false, "59 seconds"},
		{60, true, "1 minute"},
		{61, true, "2 minutes"},
		{119, false, "1 minute"},
		{3600, true, "60 minutes"},
		{7200, true, "2 hours"},
		{7201, true, "3 hours"},
		{172799, false, "47 hours"},
		{172800, true, "2 days"},
		{INT64_MAX, true, "106751991167301 days"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		struct guard_html html = {0};

		guard_part_span(&html, spans[i].seconds, spans[i].up);
		assert_string_equal(html.data, spans[i].text);
		guard_html_free(&html);
	}
}

/* ---- whole pages --------------------------------------------------------- */

static const struct guard_site site = {
	.path = "/auth", .title = EVIL, .home = "/" EVIL};

static enum kr_err login(struct kr_context *c)
{
	const struct guard_login_page page = {
		.rd = kr_input(c, "rd"),
		.user = EVIL,
		.error = EVIL,
		.wait = 90,
		.remember = 1,
		.notice = EVIL,
	};

	return guard_page_login(c, 401, &site, &page);
}

static enum kr_err login_plain(struct kr_context *c)
{
	const struct guard_login_page page = {0};

	return guard_page_login(c, 200, &site, &page);
}

static enum kr_err welcome(struct kr_context *c)
{
	const struct guard_welcome_page page = {.user = EVIL, .rd = "/" EVIL};

	return guard_page_welcome(c, 200, &site, &page);
}

static enum kr_err step_up(struct kr_context *c)
{
	const struct guard_step_up_page page = {
		.user = EVIL, .rd = EVIL, .error = EVIL};

	return guard_page_step_up(c, 401, &site, &page);
}

static enum kr_err logout(struct kr_context *c)
{
	const struct guard_logout_page page = {.user = EVIL, .rd = EVIL};

	return guard_page_logout(c, 200, &site, &page);
}

static enum kr_err logout_nobody(struct kr_context *c)
{
	const struct guard_logout_page page = {0};

	return guard_page_logout(c, 200, &site, &page);
}

static enum kr_err sessions_of(struct kr_context *c, bool fresh)
{
	const struct guard_session_row rows[] = {
		{.id = EVIL, .label = EVIL, .created = 1, .login = 100,
		 .seen = INT64_MAX, .ends = INT64_MAX, .current = true},
		{.id = EVIL, .label = NULL, .created = -5, .login = INT64_MAX,
		 .seen = 1790000000, .ends = 1790000100},
		{.id = EVIL, .label = EVIL, .created = 1780000000,
		 .login = 1780000000, .seen = 1780000000 - 44,
		 .ends = 1780001200},
	};
	const struct guard_sessions_page page = {
		.user = EVIL, .rows = rows, .n = 3, .more = 7,
		.now = 1780000000, .fresh = fresh, .error = EVIL,
		.wait = 5, .notice = EVIL,
	};

	return guard_page_sessions(c, 200, &site, &page);
}

static enum kr_err sessions(struct kr_context *c)
{
	return sessions_of(c, true);
}

static enum kr_err sessions_stale(struct kr_context *c)
{
	return sessions_of(c, false);
}

/* As the store may have them: "your sessions" before the list is there. */
static enum kr_err sessions_none(struct kr_context *c)
{
	const struct guard_sessions_page page = {.user = "max"};

	return guard_page_sessions(c, 200, &site, &page);
}

static enum kr_err denied(struct kr_context *c)
{
	const struct guard_denied_page page = {.user = EVIL, .uri = EVIL};

	return guard_page_denied(c, 403, &site, &page);
}

static enum kr_err denied_nobody(struct kr_context *c)
{
	const struct guard_denied_page page = {0};

	return guard_page_denied(c, 403, &site, &page);
}

static enum kr_err error(struct kr_context *c)
{
	const struct guard_error_page page = {.text = EVIL};

	return guard_page_error(c, 503, &site, &page);
}

static enum kr_err error_unknown(struct kr_context *c)
{
	const struct guard_error_page page = {.text = NULL};

	return guard_page_error(c, 418, &site, &page);
}

static enum kr_err style(struct kr_context *c)
{
	return guard_page_style(c);
}

static enum kr_err icon(struct kr_context *c)
{
	return guard_page_icon(c);
}

static const struct {
	const char *path;
	kr_handler *handler;
	unsigned flags;
} routes[] = {
	{"/login", login, 0},
	{"/login-plain", login_plain, KR_SESSION},
	{"/welcome", welcome, 0},
	{"/step-up", step_up, 0},
	{"/logout", logout, 0},
	{"/logout-nobody", logout_nobody, 0},
	{"/sessions", sessions, KR_SESSION},
	{"/sessions-stale", sessions_stale, 0},
	{"/sessions-none", sessions_none, 0},
	{"/denied", denied, 0},
	{"/denied-nobody", denied_nobody, 0},
	{"/error", error, 0},
	{"/error-unknown", error_unknown, 0},
};

struct world {
	struct kr_app *app;
	struct kr_test *browser;
};

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	assert_int_equal(kr_app_open(&w->app), KR_OK);
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		assert_int_equal(kr_map(w->app, KR_GET, routes[i].path,
					routes[i].handler, routes[i].flags),
				 KR_OK);
	assert_int_equal(kr_map(w->app, KR_GET, "/style.css", style, 0), KR_OK);
	assert_int_equal(kr_map(w->app, KR_GET, "/icon.svg", icon, 0), KR_OK);
	assert_int_equal(kr_test_open(w->app, &w->browser), KR_OK);
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;

	kr_test_close(&w->browser);
	kr_app_close(&w->app);
	free(w);
	return 0;
}

static const char *get(struct world *w, const char *path)
{
	assert_int_equal(kr_test_request(w->browser, "GET", path), KR_OK);
	return kr_test_answer(w->browser, NULL);
}

static bool is_void(const char *name)
{
	static const char *const names[] = {"!DOCTYPE", "img", "input", "link",
					    "meta"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* The tag at `html`, which is "<": reads its name, and checks that attributes
 * are quoted. Returns what follows it. */
static const char *read_tag(const char *html, char name[32])
{
	size_t len = strcspn(++html, " >");

	assert_in_range(len, 1, 31);
	memcpy(name, html, len);
	name[len] = '\0';
	for (html += len; *html != '>'; html++) {
		assert_true(*html && *html != '<' && *html != '\'');
		if (*html == '"') {
			html += 1 + strcspn(html + 1, "\"");
			assert_int_equal(*html, '"');
		}
	}
	return html + 1;
}

/* Every element that needs an end has it, in its place; of other elements than
 * ours there are none. */
static void expect_well_formed(const char *html)
{
	char open[64][32], name[32];
	size_t depth = 0;

	while ((html = strchr(html, '<'))) {
		html = read_tag(html, name);
		assert_string_not_equal(name, "script");
		if (name[0] == '/') {
			assert_true(depth > 0);
			assert_string_equal(open[--depth], name + 1);
		} else if (!is_void(name)) {
			assert_true(depth < 64);
			strcpy(open[depth++], name);
		}
	}
	assert_int_equal(depth, 0);
}

static void pages_are_well_formed_and_protected(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		const char *html = get(w, routes[i].path);
		const char *policy = kr_test_header_out(
			w->browser, "Content-Security-Policy");

		expect_well_formed(html);
		assert_null(strstr(html, "<script"));
		assert_null(strstr(html, "style="));
		assert_non_null(policy);
		assert_string_equal(
			policy, "default-src 'none'; base-uri 'none'; "
				"frame-ancestors 'none'; style-src 'self'; "
				"img-src 'self'; form-action 'self'");
		assert_string_equal(
			kr_test_header_out(w->browser, "Cache-Control"),
			"no-store");
		assert_string_equal(kr_test_header_out(w->browser,
						       "Content-Type"),
				    "text/html; charset=utf-8");
	}
}

/* Chromium holds the redirect after a form against form-action too. */
static void the_policy_lets_a_form_lead_to_its_aim(void **state)
{
	static const struct {
		const char *rd, *origin;
	} aims[] = {
		{"/app", ""},
		{"", ""},
		{"//evil.example/", ""},
		{"javascript:alert(1)", ""},
		{"https://a.example/x", " https://a.example"},
		{"https://a.example:8443?q", " https://a.example:8443"},
		{"http://[::1]:80%23", ""},
		{"http://127.0.0.1", " http://127.0.0.1"},
		{"https://", ""},
		{"https:///x", ""},
		{"https://*", ""},
		{"https://a;script-src%20'unsafe-inline'", ""},
		{"https://a.example,b", ""},
		{"https://user@a.example/", ""},
		{"https://a.example%20https://b.example/", ""},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(aims) / sizeof(*aims); i++) {
		char target[128], expected[128];
		const char *policy;

		snprintf(target, sizeof(target), "/login?rd=%s", aims[i].rd);
		snprintf(expected, sizeof(expected), "form-action 'self'%s",
			 aims[i].origin);
		get(w, target);
		policy = kr_test_header_out(w->browser,
					    "Content-Security-Policy");
		assert_string_equal(strstr(policy, "form-action"), expected);
	}
}

static void an_origin_that_is_too_long_is_left_out(void **state)
{
	struct world *w = *state;
	char target[700] = "/login?rd=https://";

	memset(target + strlen(target), 'a', 600);
	expect_well_formed(get(w, target));
	assert_string_equal(strstr(kr_test_header_out(w->browser,
						      "Content-Security-"
						      "Policy"),
				   "form-action"),
			    "form-action 'self'");
}

static void sessions_can_be_ended_after_the_password(void **state)
{
	struct world *w = *state;
	const char *html = get(w, "/sessions-stale");

	assert_non_null(strstr(html, "action=\"/auth/step-up\""));
	assert_non_null(strstr(html, "name=\"rd\" value=\"/auth/sessions\""));
	assert_null(strstr(html, "value=\"end\""));
	assert_null(strstr(html, "value=\"others\""));
	html = get(w, "/sessions");
	assert_null(strstr(html, "password\""));
	assert_non_null(strstr(html, "name=\"action\" value=\"others\""));
	html = strstr(html, "name=\"action\" value=\"end\"");
	assert_non_null(html);
	assert_non_null(strstr(html, "name=\"id\" value=\"" EVIL_ESCAPED "\""));
	html = get(w, "/sessions-none");
	assert_null(strstr(html, "<form"));
}

static void times_are_said_however_odd(void **state)
{
	struct world *w = *state;
	const char *html = get(w, "/sessions");

	assert_non_null(strstr(html, "<dd><time datetime=\""
				     "1970-01-01T00:00:01Z\" title=\""
				     "1970-01-01T00:00:01Z\">1 Jan 1970"));
	assert_non_null(strstr(html, "long ago"));
	assert_non_null(strstr(html, ">now</time>"));
	assert_non_null(strstr(html, ">in 20 minutes</time>"));
}

static void assets_are_not_sent_again(void **state)
{
	struct world *w = *state;
	static const char *const paths[] = {"/style.css", "/icon.svg"};

	for (size_t i = 0; i < 2; i++) {
		char tag[64], tags[128];

		assert_true(strlen(get(w, paths[i])) > 300);
		assert_int_equal(kr_test_status(w->browser), 200);
		snprintf(tag, sizeof(tag), "%s",
			 kr_test_header_out(w->browser, "ETag"));
		assert_int_equal(strlen(tag), 34);
		snprintf(tags, sizeof(tags), "\"a\", W/%s", tag);
		assert_int_equal(kr_test_header(w->browser, "If-None-Match",
						tags),
				 KR_OK);
		assert_string_equal(get(w, paths[i]), "");
		assert_int_equal(kr_test_status(w->browser), 304);
		tag[33] = '\0'; /* without its last quote */
		assert_int_equal(
			kr_test_header(w->browser, "If-None-Match", tag),
			KR_OK);
		get(w, paths[i]);
		assert_int_equal(kr_test_status(w->browser), 200);
	}
	assert_null(asset_find(&(const struct asset){0}, "style.css"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_stays_text),
		cmocka_unit_test(what_is_no_utf8_is_replaced),
		cmocka_unit_test(attributes_are_quoted),
		cmocka_unit_test(long_text_is_cut_between_characters),
		cmocka_unit_test(queries_are_percent_encoded),
		cmocka_unit_test(numbers_are_decimal),
		cmocka_unit_test(a_page_has_a_bound),
		cmocka_unit_test(spans_are_what_people_say),
		cmocka_unit_test(pages_are_well_formed_and_protected),
		cmocka_unit_test(the_policy_lets_a_form_lead_to_its_aim),
		cmocka_unit_test(an_origin_that_is_too_long_is_left_out),
		cmocka_unit_test(sessions_can_be_ended_after_the_password),
		cmocka_unit_test(times_are_said_however_odd),
		cmocka_unit_test(assets_are_not_sent_again),
	};

	return cmocka_run_group_tests(tests, open_world, close_world);
}
