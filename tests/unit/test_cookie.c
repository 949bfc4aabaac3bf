/*
 * Cookies: which values are found in what clients send, and what we send.
 */
#include "http/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define MOST 4

/* Looks for "sid" in a header and compares all that is found. */
static void assert_found(struct kri_text header, const char *const *expected,
			 size_t n)
{
	struct kri_text values[MOST];
	size_t i;

	assert_int_equal(
		kri_cookie_find(header, KRI_TEXT("sid"), values, 0, MOST), n);
	for (i = 0; i < n; i++)
		assert_true(
			kri_text_equal(values[i], kri_text_of(expected[i])));
}

static void assert_one(const char *header, const char *value)
{
	assert_found(kri_text_of(header), &value, 1);
}

static void assert_none(const char *header)
{
	assert_found(kri_text_of(header), NULL, 0);
}

static struct kri_cookie plain_cookie(void)
{
	return (struct kri_cookie){
		.name = KRI_TEXT("sid"),
		.path = KRI_TEXT("/"),
		.same_site = KRI_TEXT("Lax"),
		.http_only = true,
	};
}

static void assert_set(const struct kri_cookie *cookie, bool secure,
		       const char *expected)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	kri_cookie_set(cookie, secure, KRI_TEXT("v"), &out);
	assert_string_equal(out.data, expected);
	kri_buffer_free(&out);
}

static void assert_accepted(const struct kri_cookie *cookie, bool secure)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	assert_int_equal(kri_cookie_check(cookie, secure, &why), KR_OK);
	assert_int_equal(why.len, 0);
	kri_buffer_free(&why);
}

/* Refused, and the reason has the word that tells which rule. */
static void assert_refused(const struct kri_cookie *cookie, bool secure,
			   const char *word)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	assert_int_equal(kri_cookie_check(cookie, secure, &why), KR_ERR_CONFIG);
	assert_non_null(strstr(why.data, word));
	assert_null(strchr(why.data, '\n'));
	kri_buffer_free(&why);
}

static void a_lone_cookie_is_found(void **state)
{
	(void)state;
	assert_one("sid=abc", "abc");
}

static void a_cookie_is_found_among_others(void **state)
{
	(void)state;
	assert_one("a=1; sid=abc; b=2", "abc");
	assert_one("a=1; sid=abc", "abc");
	assert_one("sid=abc; b=2", "abc");
}

static void white_space_around_a_pair_is_dropped(void **state)
{
	(void)state;
	assert_one("a=1;sid=abc", "abc");
	assert_one(" \t sid=abc \t ; b=2", "abc");
}

static void names_are_compared_whole(void **state)
{
	(void)state;
	assert_none("xsid=abc; sidx=abc; si=abc");
	assert_none("a=sid=abc");
}

static void names_are_compared_with_regard_to_case(void **state)
{
	(void)state;
	assert_none("SID=abc; Sid=abc");
}

static void a_value_may_contain_equals_signs(void **state)
{
	(void)state;
	assert_one("sid=a=b==", "a=b==");
}

static void an_empty_value_is_a_value(void **state)
{
	(void)state;
	assert_one("sid=", "");
	assert_one("sid=; a=1", "");
}

static void a_piece_without_equals_is_no_cookie_of_ours(void **state)
{
	(void)state;
	assert_none("sid");
	assert_none("sid; a=1");
	assert_none("=sid");
}

static void quotes_around_a_value_are_dropped(void **state)
{
	(void)state;
	assert_one("sid=\"abc\"", "abc");
	assert_one("sid=\"\"", "");
}

static void a_quote_at_one_end_stays(void **state)
{
	(void)state;
	assert_one("sid=\"abc", "\"abc");
	assert_one("sid=abc\"", "abc\"");
	assert_one("sid=\"", "\"");
}

static void quotes_do_not_protect_a_semicolon(void **state)
{
	(void)state;
	assert_one("a=\"x; sid=abc; y\"", "abc");
}

static void several_cookies_of_the_name_are_all_found(void **state)
{
	static const char *const both[] = {"one", "two"};

	(void)state;
	assert_found(KRI_TEXT("sid=one; a=1; sid=two"), both, 2);
}

static void no_more_than_allowed_are_collected(void **state)
{
	static const char *const first[] = {"1", "2", "3", "4"};

	(void)state;
	assert_found(KRI_TEXT("sid=1;sid=2;sid=3;sid=4;sid=5;sid=6"), first, 4);
}

static void a_second_header_adds_to_the_first(void **state)
{
	struct kri_text values[2];
	size_t n = kri_cookie_find(KRI_TEXT("sid=1"), KRI_TEXT("sid"), values,
				   0, 2);

	(void)state;
	n = kri_cookie_find(KRI_TEXT("sid=2; sid=3"), KRI_TEXT("sid"), values,
			    n, 2);
	assert_int_equal(n, 2);
	assert_true(kri_text_equal(values[0], KRI_TEXT("1")));
	assert_true(kri_text_equal(values[1], KRI_TEXT("2")));
}

static void a_full_list_stays_as_it_is(void **state)
{
	struct kri_text values[1] = {KRI_TEXT("1")};

	(void)state;
	assert_int_equal(kri_cookie_find(KRI_TEXT("sid=2"), KRI_TEXT("sid"),
					 values, 1, 1),
			 1);
	assert_true(kri_text_equal(values[0], KRI_TEXT("1")));
}

static void rubbish_holds_no_cookie(void **state)
{
	(void)state;
	assert_none("");
	assert_none(NULL);
	assert_none(";;; ; =;==; ;");
	assert_none("\xff\xfe\x01");
	assert_found(KRI_TEXT("\0sid=abc"), NULL, 0);
}

static void a_header_ends_where_its_text_ends(void **state)
{
	static const char *const cut[] = {"ab"};

	(void)state;
	assert_found(kri_text("sid=abc", 6), cut, 1);
	assert_found(kri_text("sid=abc", 3), NULL, 0);
}

static void all_attributes_are_written(void **state)
{
	struct kri_cookie cookie = plain_cookie();

	(void)state;
	cookie.domain = KRI_TEXT("example.org");
	cookie.max_age = 1200;
	assert_set(&cookie, true,
		   "sid=v; Path=/; Domain=example.org; Max-Age=1200; Secure; "
		   "HttpOnly; SameSite=Lax");
}

static void attributes_that_are_not_wanted_are_left_out(void **state)
{
	struct kri_cookie cookie = {.name = KRI_TEXT("sid"),
				    .path = KRI_TEXT("/app")};

	(void)state;
	assert_set(&cookie, false, "sid=v; Path=/app");
}

static void expiring_repeats_what_names_the_cookie(void **state)
{
	struct kri_cookie cookie = plain_cookie();
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	(void)state;
	cookie.domain = KRI_TEXT("example.org");
	cookie.max_age = 1200;
	kri_cookie_expire(&cookie, true, &out);
	assert_string_equal(out.data,
			    "sid=; Path=/; Domain=example.org; Max-Age=0; "
			    "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; "
			    "HttpOnly; SameSite=Lax");
	kri_buffer_free(&out);
}

static void writing_appends_to_what_is_there(void **state)
{
	struct kri_cookie cookie = {.name = KRI_TEXT("sid"),
				    .path = KRI_TEXT("/")};
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	(void)state;
	kri_buffer_string(&out, "Set-Cookie: ");
	kri_cookie_set(&cookie, false, KRI_TEXT("v"), &out);
	assert_string_equal(out.data, "Set-Cookie: sid=v; Path=/");
	kri_buffer_free(&out);
}

static void a_plain_cookie_is_accepted(void **state)
{
	struct kri_cookie cookie = plain_cookie();

	(void)state;
	assert_accepted(&cookie, true);
	assert_accepted(&cookie, false);
}

static void a_name_that_is_no_token_is_refused(void **state)
{
	static const char *const names[] = {"",      "a b",   "a=b",     "a;b",
					    "a\r\n", "\"a\"", "\xc3\xa4"};
	struct kri_cookie cookie = plain_cookie();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cookie.name = kri_text_of(names[i]);
		assert_refused(&cookie, true, "name");
	}
}

static void a_domain_that_would_end_the_attribute_is_refused(void **state)
{
	struct kri_cookie cookie = plain_cookie();

	(void)state;
	cookie.domain = KRI_TEXT("example.org; HttpOnly");
	assert_refused(&cookie, true, "domain");
	cookie.domain = KRI_TEXT("example.org\r\nX: y");
	assert_refused(&cookie, true, "domain");
}

static void a_path_that_would_end_the_attribute_is_refused(void **state)
{
	struct kri_cookie cookie = plain_cookie();

	(void)state;
	cookie.path = KRI_TEXT("/;");
	assert_refused(&cookie, true, "path");
	cookie.path = KRI_TEXT("/\n");
	assert_refused(&cookie, true, "path");
	cookie.path = KRI_TEXT("/\0");
	assert_refused(&cookie, true, "path");
}

static void a_path_that_is_not_absolute_is_refused(void **state)
{
	struct kri_cookie cookie = plain_cookie();

	(void)state;
	cookie.path = KRI_TEXT("app");
	assert_refused(&cookie, true, "path");
	cookie.path = KRI_TEXT("");
	assert_refused(&cookie, true, "path");
}

static void a_negative_age_is_refused(void **state)
{
	struct kri_cookie cookie = plain_cookie();

	(void)state;
	cookie.max_age = -1;
	assert_refused(&cookie, true, "age");
}

static void an_unknown_same_site_is_refused(void **state)
{
	struct kri_cookie cookie = plain_cookie();

	(void)state;
	cookie.same_site = KRI_TEXT("Laxer");
	assert_refused(&cookie, true, "SameSite");
	cookie.same_site = KRI_TEXT("Strict");
	assert_accepted(&cookie, true);
	cookie.same_site = KRI_TEXT("");
	assert_accepted(&cookie, true);
}

static void same_site_none_needs_secure(void **state)
{
	struct kri_cookie cookie = plain_cookie();

	(void)state;
	cookie.same_site = KRI_TEXT("None");
	assert_accepted(&cookie, true);
	assert_refused(&cookie, false, "SameSite=None");
}

static void a_host_name_needs_secure(void **state)
{
	struct kri_cookie cookie = plain_cookie();

	(void)state;
	cookie.name = KRI_TEXT("__Host-sid");
	assert_accepted(&cookie, true);
	assert_refused(&cookie, false, "Secure");
}

static void a_host_name_needs_the_root_path(void **state)
{
	struct kri_cookie cookie = plain_cookie();

	(void)state;
	cookie.name = KRI_TEXT("__Host-sid");
	cookie.path = KRI_TEXT("/app");
	assert_refused(&cookie, true, "path");
}

static void a_host_name_must_have_no_domain(void **state)
{
	struct kri_cookie cookie = plain_cookie();

	(void)state;
	cookie.name = KRI_TEXT("__Host-sid");
	cookie.domain = KRI_TEXT("example.org");
	assert_refused(&cookie, true, "domain");
}

static void a_secure_name_needs_secure_alone(void **state)
{
	struct kri_cookie cookie = plain_cookie();

	(void)state;
	cookie.name = KRI_TEXT("__Secure-sid");
	cookie.domain = KRI_TEXT("example.org");
	cookie.path = KRI_TEXT("/app");
	assert_accepted(&cookie, true);
	assert_refused(&cookie, false, "Secure");
}

static void prefixes_count_in_either_case(void **state)
{
	struct kri_cookie cookie = plain_cookie();

	(void)state;
	cookie.name = KRI_TEXT("__hOST-sid");
	assert_refused(&cookie, false, "__Host-");
	cookie.name = KRI_TEXT("__SECURE-sid");
	assert_refused(&cookie, false, "__Secure-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lone_cookie_is_found),
		cmocka_unit_test(a_cookie_is_found_among_others),
		cmocka_unit_test(white_space_around_a_pair_is_dropped),
		cmocka_unit_test(names_are_compared_whole),
		cmocka_unit_test(names_are_compared_with_regard_to_case),
		cmocka_unit_test(a_value_may_contain_equals_signs),
		cmocka_unit_test(an_empty_value_is_a_value),
		cmocka_unit_test(a_piece_without_equals_is_no_cookie_of_ours),
		cmocka_unit_test(quotes_around_a_value_are_dropped),
		cmocka_unit_test(a_quote_at_one_end_stays),
		cmocka_unit_test(quotes_do_not_protect_a_semicolon),
		cmocka_unit_test(several_cookies_of_the_name_are_all_found),
		cmocka_unit_test(no_more_than_allowed_are_collected),
		cmocka_unit_test(a_second_header_adds_to_the_first),
		cmocka_unit_test(a_full_list_stays_as_it_is),
		cmocka_unit_test(rubbish_holds_no_cookie),
		cmocka_unit_test(a_header_ends_where_its_text_ends),
		cmocka_unit_test(all_attributes_are_written),
		cmocka_unit_test(attributes_that_are_not_wanted_are_left_out),
		cmocka_unit_test(expiring_repeats_what_names_the_cookie),
		cmocka_unit_test(writing_appends_to_what_is_there),
		cmocka_unit_test(a_plain_cookie_is_accepted),
		cmocka_unit_test(a_name_that_is_no_token_is_refused),
		cmocka_unit_test(
			a_domain_that_would_end_the_attribute_is_refused),
		cmocka_unit_test(
			a_path_that_would_end_the_attribute_is_refused),
		cmocka_unit_test(a_path_that_is_not_absolute_is_refused),
		cmocka_unit_test(a_negative_age_is_refused),
		cmocka_unit_test(an_unknown_same_site_is_refused),
		cmocka_unit_test(same_site_none_needs_secure),
		cmocka_unit_test(a_host_name_needs_secure),
		cmocka_unit_test(a_host_name_needs_the_root_path),
		cmocka_unit_test(a_host_name_must_have_no_domain),
		cmocka_unit_test(a_secure_name_needs_secure_alone),
		cmocka_unit_test(prefixes_count_in_either_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
