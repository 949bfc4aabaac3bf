/*
 * Text: trimming, cutting, numbers, UTF-8 and the sets of characters.
 */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_text(struct kri_text text, const char *expected)
{
	assert_int_equal(text.len, strlen(expected));
	if (text.len)
		assert_memory_equal(text.data, expected, text.len);
}

static void assert_number(struct kri_text text, int64_t expected)
{
	int64_t number = -99;

	assert_int_equal(kri_text_to_int(text, INT64_MIN, INT64_MAX, &number),
			 KR_OK);
	assert_true(number == expected);
}

static void assert_no_number(struct kri_text text)
{
	int64_t number = -99;

	assert_int_equal(kri_text_to_int(text, INT64_MIN, INT64_MAX, &number),
			 KR_ERR_TYPE);
	assert_true(number == -99);
}

static void a_null_string_is_the_empty_text(void **state)
{
	(void)state;
	assert_text(kri_text_of(NULL), "");
	assert_true(kri_text_equal(kri_text_of(NULL), KRI_TEXT("")));
}

static void a_text_starts_with_each_of_its_prefixes(void **state)
{
	(void)state;
	assert_true(kri_text_starts(KRI_TEXT("redis://"), KRI_TEXT("redis:")));
	assert_true(kri_text_starts(KRI_TEXT("redis"), KRI_TEXT("redis")));
	assert_true(kri_text_starts(KRI_TEXT("redis"), KRI_TEXT("")));
	assert_true(kri_text_starts(kri_text(NULL, 0), KRI_TEXT("")));
}

static void a_text_does_not_start_with_a_longer_or_other_one(void **state)
{
	(void)state;
	assert_false(kri_text_starts(KRI_TEXT("re"), KRI_TEXT("redis")));
	assert_false(kri_text_starts(KRI_TEXT("rediss"), KRI_TEXT("Redis")));
	assert_false(kri_text_starts(kri_text(NULL, 0), KRI_TEXT("r")));
}

static void case_is_ignored_for_ascii_letters(void **state)
{
	(void)state;
	assert_true(kri_text_equal_nocase(KRI_TEXT("SameSite"),
					  KRI_TEXT("sAMEsITE")));
	assert_true(kri_text_equal_nocase(kri_text(NULL, 0), KRI_TEXT("")));
	assert_false(kri_text_equal_nocase(KRI_TEXT("abc"), KRI_TEXT("abcd")));
}

static void case_is_not_ignored_outside_the_letters(void **state)
{
	(void)state;
	/* Each pair differs in the bit that tells upper from lower case. */
	assert_false(kri_text_equal_nocase(KRI_TEXT("@"), KRI_TEXT("`")));
	assert_false(kri_text_equal_nocase(KRI_TEXT("["), KRI_TEXT("{")));
	assert_false(kri_text_equal_nocase(KRI_TEXT("\xc3\x84"),
					   KRI_TEXT("\xc3\xa4")));
}

static void white_space_goes_at_both_ends_only(void **state)
{
	(void)state;
	assert_text(kri_text_trim(KRI_TEXT(" \t\r\n\v\fa b \t\r\n\v\f")),
		    "a b");
	assert_text(kri_text_trim(KRI_TEXT("a")), "a");
	assert_text(kri_text_trim(KRI_TEXT(" \t ")), "");
	assert_text(kri_text_trim(kri_text(NULL, 0)), "");
}

static void a_nul_and_a_no_break_space_are_no_white_space(void **state)
{
	(void)state;
	assert_int_equal(kri_text_trim(KRI_TEXT("\0")).len, 1);
	assert_int_equal(kri_text_trim(KRI_TEXT("\xc2\xa0")).len, 2);
}

static void every_token_character_is_accepted(void **state)
{
	(void)state;
	assert_true(kri_text_is_token(KRI_TEXT("!#$%&'*+-.^_`|~09azAZ")));
}

static void every_other_byte_is_refused_in_a_token(void **state)
{
	static const char tokens[] = "!#$%&'*+-.^_`|~";
	int accepted = 0;
	int c;

	(void)state;
	for (c = 0; c < 256; c++) {
		char byte = (char)c;

		accepted += kri_text_is_token(kri_text(&byte, 1));
	}
	assert_int_equal(accepted, sizeof(tokens) - 1 + 10 + 26 + 26);
	assert_false(kri_text_is_token(KRI_TEXT("a b")));
	assert_false(kri_text_is_token(KRI_TEXT("a\0")));
	assert_false(kri_text_is_token(KRI_TEXT("\xc3\xa4")));
}

static void an_empty_text_is_no_token(void **state)
{
	(void)state;
	assert_false(kri_text_is_token(KRI_TEXT("")));
	assert_false(kri_text_is_token(kri_text(NULL, 0)));
}

static void control_characters_are_found(void **state)
{
	(void)state;
	assert_true(kri_text_has_control(KRI_TEXT("a\r\nb")));
	assert_true(kri_text_has_control(KRI_TEXT("a\0")));
	assert_true(kri_text_has_control(KRI_TEXT("\t")));
	assert_true(kri_text_has_control(KRI_TEXT("\x7f")));
	assert_true(kri_text_has_control(KRI_TEXT("\x1f")));
}

static void printable_and_high_bytes_are_no_control_characters(void **state)
{
	(void)state;
	assert_false(kri_text_has_control(KRI_TEXT(" ~\x80\xff")));
	assert_false(kri_text_has_control(kri_text(NULL, 0)));
}

static void utf8_of_every_length_is_accepted(void **state)
{
	(void)state;
	assert_true(kri_text_is_utf8(KRI_TEXT("")));
	assert_true(kri_text_is_utf8(kri_text(NULL, 0)));
	assert_true(kri_text_is_utf8(KRI_TEXT("a\0b")));
	assert_true(kri_text_is_utf8(KRI_TEXT("\xc2\x80 \xdf\xbf")));
	assert_true(kri_text_is_utf8(KRI_TEXT("\xe0\xa0\x80 \xef\xbf\xbf")));
	assert_true(kri_text_is_utf8(KRI_TEXT("\xed\x9f\xbf \xee\x80\x80")));
	assert_true(kri_text_is_utf8(
		KRI_TEXT("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf")));
}

static void overlong_forms_are_not_utf8(void **state)
{
	(void)state;
	assert_false(kri_text_is_utf8(KRI_TEXT("\xc0\x80")));
	assert_false(kri_text_is_utf8(KRI_TEXT("\xc1\xbf")));
	assert_false(kri_text_is_utf8(KRI_TEXT("\xe0\x9f\xbf")));
	assert_false(kri_text_is_utf8(KRI_TEXT("\xf0\x8f\xbf\xbf")));
}

static void surrogates_are_not_utf8(void **state)
{
	(void)state;
	assert_false(kri_text_is_utf8(KRI_TEXT("\xed\xa0\x80")));
	assert_false(kri_text_is_utf8(KRI_TEXT("\xed\xbf\xbf")));
}

static void beyond_the_last_code_point_is_not_utf8(void **state)
{
	(void)state;
	assert_false(kri_text_is_utf8(KRI_TEXT("\xf4\x90\x80\x80")));
	assert_false(kri_text_is_utf8(KRI_TEXT("\xf5\x80\x80\x80")));
	assert_false(kri_text_is_utf8(KRI_TEXT("\xfe")));
	assert_false(kri_text_is_utf8(KRI_TEXT("\xff")));
}

static void a_sequence_cut_short_is_not_utf8(void **state)
{
	/* The bytes that would complete it stand behind the text's end. */
	static const char euro[] = "\xe2\x82\xac";
	static const char clef[] = "\xf0\x9d\x84\x9e";

	(void)state;
	assert_false(kri_text_is_utf8(kri_text(euro, 1)));
	assert_false(kri_text_is_utf8(kri_text(euro, 2)));
	assert_true(kri_text_is_utf8(kri_text(euro, 3)));
	assert_false(kri_text_is_utf8(kri_text(clef, 3)));
	assert_true(kri_text_is_utf8(kri_text(clef, 4)));
}

static void a_stray_continuation_is_not_utf8(void **state)
{
	(void)state;
	assert_false(kri_text_is_utf8(KRI_TEXT("\x80")));
	assert_false(kri_text_is_utf8(KRI_TEXT("a\xbf")));
	assert_false(kri_text_is_utf8(KRI_TEXT("\xe2\x82z")));
	assert_false(kri_text_is_utf8(KRI_TEXT("\xc2z")));
}

static void a_cut_splits_at_the_first_mark(void **state)
{
	struct kri_text rest = KRI_TEXT("a=b=c");

	(void)state;
	assert_text(kri_text_cut(&rest, '='), "a");
	assert_text(rest, "b=c");
}

static void a_cut_without_a_mark_takes_all_and_leaves_null(void **state)
{
	struct kri_text rest = KRI_TEXT("abc");

	(void)state;
	assert_text(kri_text_cut(&rest, '='), "abc");
	assert_null(rest.data);
	assert_int_equal(rest.len, 0);
}

static void a_cut_tells_an_empty_rest_from_none(void **state)
{
	struct kri_text rest = KRI_TEXT("a=");

	(void)state;
	assert_text(kri_text_cut(&rest, '='), "a");
	assert_non_null(rest.data);
	assert_text(kri_text_cut(&rest, '='), "");
	assert_null(rest.data);
}

static void cutting_nothing_gives_nothing(void **state)
{
	struct kri_text rest = kri_text(NULL, 0);

	(void)state;
	assert_text(kri_text_cut(&rest, '='), "");
	assert_null(rest.data);
}

static void decimal_numbers_are_read(void **state)
{
	(void)state;
	assert_number(KRI_TEXT("0"), 0);
	assert_number(KRI_TEXT("7"), 7);
	assert_number(KRI_TEXT("-1"), -1);
	assert_number(KRI_TEXT("2147483648"), INT64_C(2147483648));
}

static void the_extremes_of_int64_are_read(void **state)
{
	(void)state;
	assert_number(KRI_TEXT("9223372036854775807"), INT64_MAX);
	assert_number(KRI_TEXT("-9223372036854775808"), INT64_MIN);
}

static void one_past_the_extremes_is_refused(void **state)
{
	(void)state;
	assert_no_number(KRI_TEXT("9223372036854775808"));
	assert_no_number(KRI_TEXT("-9223372036854775809"));
	assert_no_number(KRI_TEXT("99999999999999999999999999999999"));
}

static void a_number_has_one_spelling(void **state)
{
	(void)state;
	assert_no_number(KRI_TEXT("007"));
	assert_no_number(KRI_TEXT("00"));
	assert_no_number(KRI_TEXT("-0"));
	assert_no_number(KRI_TEXT("-07"));
	assert_no_number(KRI_TEXT("+1"));
	assert_no_number(KRI_TEXT(" 1"));
	assert_no_number(KRI_TEXT("1 "));
}

static void what_is_not_a_number_is_refused(void **state)
{
	(void)state;
	assert_no_number(KRI_TEXT(""));
	assert_no_number(kri_text(NULL, 0));
	assert_no_number(KRI_TEXT("-"));
	assert_no_number(KRI_TEXT("--1"));
	assert_no_number(KRI_TEXT("1e3"));
	assert_no_number(KRI_TEXT("0x10"));
	assert_no_number(KRI_TEXT("1\0"));
	assert_no_number(KRI_TEXT("1-"));
}

static void a_number_outside_the_range_is_refused(void **state)
{
	int64_t number = -99;

	(void)state;
	assert_int_equal(kri_text_to_int(KRI_TEXT("1"), 1, 3, &number), KR_OK);
	assert_int_equal(kri_text_to_int(KRI_TEXT("3"), 1, 3, &number), KR_OK);
	assert_int_equal(kri_text_to_int(KRI_TEXT("0"), 1, 3, &number),
			 KR_ERR_TYPE);
	assert_int_equal(kri_text_to_int(KRI_TEXT("4"), 1, 3, &number),
			 KR_ERR_TYPE);
	assert_true(number == 3);
}

static void a_number_ends_where_the_text_ends(void **state)
{
	(void)state;
	assert_number(kri_text("123456", 3), 123);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_null_string_is_the_empty_text),
		cmocka_unit_test(a_text_starts_with_each_of_its_prefixes),
		cmocka_unit_test(
			a_text_does_not_start_with_a_longer_or_other_one),
		cmocka_unit_test(case_is_ignored_for_ascii_letters),
		cmocka_unit_test(case_is_not_ignored_outside_the_letters),
		cmocka_unit_test(white_space_goes_at_both_ends_only),
		cmocka_unit_test(a_nul_and_a_no_break_space_are_no_white_space),
		cmocka_unit_test(every_token_character_is_accepted),
		cmocka_unit_test(every_other_byte_is_refused_in_a_token),
		cmocka_unit_test(an_empty_text_is_no_token),
		cmocka_unit_test(control_characters_are_found),
		cmocka_unit_test(
			printable_and_high_bytes_are_no_control_characters),
		cmocka_unit_test(utf8_of_every_length_is_accepted),
		cmocka_unit_test(overlong_forms_are_not_utf8),
		cmocka_unit_test(surrogates_are_not_utf8),
		cmocka_unit_test(beyond_the_last_code_point_is_not_utf8),
		cmocka_unit_test(a_sequence_cut_short_is_not_utf8),
		cmocka_unit_test(a_stray_continuation_is_not_utf8),
		cmocka_unit_test(a_cut_splits_at_the_first_mark),
		cmocka_unit_test(
			a_cut_without_a_mark_takes_all_and_leaves_null),
		cmocka_unit_test(a_cut_tells_an_empty_rest_from_none),
		cmocka_unit_test(cutting_nothing_gives_nothing),
		cmocka_unit_test(decimal_numbers_are_read),
		cmocka_unit_test(the_extremes_of_int64_are_read),
		cmocka_unit_test(one_past_the_extremes_is_refused),
		cmocka_unit_test(a_number_has_one_spelling),
		cmocka_unit_test(what_is_not_a_number_is_refused),
		cmocka_unit_test(a_number_outside_the_range_is_refused),
		cmocka_unit_test(a_number_ends_where_the_text_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
