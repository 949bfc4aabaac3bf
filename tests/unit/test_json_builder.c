/*
 * Building JSON: what comes out, and which mistakes are told at the end.
 */
#include "http/json_builder.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct kri_json_builder));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	kri_json_builder_reset(*state);
	free(*state);
	return 0;
}

static void assert_text(struct kri_json_builder *json, const char *expected)
{
	struct kri_text text;

	assert_int_equal(kri_json_builder_text(json, &text), KR_OK);
	assert_string_equal(text.data, expected);
	assert_int_equal(text.len, strlen(expected));
	kri_json_builder_reset(json);
}

static void assert_wrong(struct kri_json_builder *json)
{
	struct kri_text text;

	assert_int_equal(kri_json_builder_text(json, &text), KR_ERR_ARGUMENT);
	kri_json_builder_reset(json);
}

static void nothing_is_an_empty_object(void **state)
{
	assert_text(*state, "{}");
}

static void every_kind_is_written(void **state)
{
	struct kri_json_builder *json = *state;

	kri_json_add_string(json, "s", "a\"/\xc3\xa4");
	kri_json_add_int(json, "i", INT64_MIN);
	kri_json_add_double(json, "d", 0.1);
	kri_json_add_bool(json, "t", true);
	kri_json_add_bool(json, "f", false);
	kri_json_add_null(json, "n");
	kri_json_add_raw(json, "r", " [1, 2] ");
	assert_text(json, "{\"s\":\"a\\\"/\xc3\xa4\","
			  "\"i\":-9223372036854775808,\"d\":0.1,\"t\":true,"
			  "\"f\":false,\"n\":null,\"r\": [1, 2] }");
}

static void doubles_are_as_short_as_they_can_be(void **state)
{
	struct kri_json_builder *json = *state;

	kri_json_begin_array(json, NULL);
	kri_json_add_double(json, NULL, 3);
	kri_json_add_double(json, NULL, 1.0 / 3);
	kri_json_add_double(json, NULL, -1e300);
	kri_json_add_double(json, NULL, 5e-324);
	kri_json_add_double(json, NULL, 0.1 + 0.2);
	assert_text(json, "[3,0.3333333333333333,-1e+300,"
			  "4.94065645841247e-324,0.30000000000000004]");
}

static void the_programs_locale_changes_nothing(void **state)
{
	struct kri_json_builder *json = *state;

	if (!setlocale(LC_ALL, "de_DE.UTF-8"))
		setlocale(LC_ALL, "");
	kri_json_add_double(json, "d", 2.5);
	assert_text(json, "{\"d\":2.5}");
	setlocale(LC_ALL, "C");
}

static void groups_lie_within_each_other(void **state)
{
	struct kri_json_builder *json = *state;

	kri_json_begin_object(json, "o");
	kri_json_begin_array(json, "a");
	kri_json_add_int(json, NULL, 1);
	kri_json_begin_object(json, NULL);
	kri_json_close(json);
	kri_json_close(json);
	kri_json_close(json);
	kri_json_add_int(json, "after", 2);
	assert_text(json, "{\"o\":{\"a\":[1,{}]},\"after\":2}");
}

static void an_array_may_be_the_whole(void **state)
{
	struct kri_json_builder *json = *state;

	kri_json_begin_array(json, NULL);
	assert_text(json, "[]");
	kri_json_begin_array(json, NULL);
	kri_json_begin_array(json, NULL);
	kri_json_close(json);
	kri_json_add_null(json, NULL);
	assert_text(json, "[[],null]");
	kri_json_begin_object(json, NULL);
	kri_json_add_int(json, "a", 1);
	assert_text(json, "{\"a\":1}");
}

static void a_name_that_is_there_is_replaced(void **state)
{
	struct kri_json_builder *json = *state;

	kri_json_add_int(json, "a", 1);
	kri_json_add_string(json, "a", "two");
	assert_text(json, "{\"a\":\"two\"}");
}

static void keys_go_with_objects_alone(void **state)
{
	struct kri_json_builder *json = *state;

	kri_json_add_int(json, NULL, 1);
	assert_wrong(json);
	kri_json_begin_array(json, NULL);
	kri_json_add_int(json, "key", 1);
	assert_wrong(json);
	kri_json_begin_array(json, "a");
	kri_json_begin_object(json, "key");
	assert_wrong(json);
	kri_json_add_bool(json, "\xff", true);
	assert_wrong(json);
	kri_json_add_int(json, "a", 1);
	kri_json_begin_array(json, NULL);
	assert_wrong(json);
}

static void what_was_begun_is_to_be_closed(void **state)
{
	struct kri_json_builder *json = *state;

	kri_json_begin_object(json, "o");
	assert_wrong(json);
	kri_json_close(json);
	assert_wrong(json);
	kri_json_begin_array(json, NULL);
	kri_json_close(json);
	assert_wrong(json);
}

static void what_is_no_value_is_refused(void **state)
{
	struct kri_json_builder *json = *state;

	kri_json_add_string(json, "a", NULL);
	assert_wrong(json);
	kri_json_add_string(json, "a", "\xc3");
	assert_wrong(json);
	kri_json_add_double(json, "a", NAN);
	assert_wrong(json);
	kri_json_add_double(json, "a", -INFINITY);
	assert_wrong(json);
	kri_json_add_raw(json, "a", NULL);
	assert_wrong(json);
	kri_json_add_raw(json, "a", "1,\"b\":2");
	assert_wrong(json);
	kri_json_add_raw(json, "a", "");
	assert_wrong(json);
	kri_json_add_raw(json, "a", "{\"x\":1,\"x\":2}");
	assert_wrong(json);
}

static void the_first_mistake_is_the_one_that_counts(void **state)
{
	struct kri_json_builder *json = *state;
	struct kri_text text;

	kri_json_add_string(json, "a", NULL);
	kri_json_add_int(json, "b", 1);
	kri_json_begin_object(json, "c");
	assert_int_equal(kri_json_builder_text(json, &text), KR_ERR_ARGUMENT);
	kri_json_builder_reset(json);
	kri_json_add_int(json, "b", 1);
	assert_text(json, "{\"b\":1}");
}

static void nesting_has_an_end(void **state)
{
	struct kri_json_builder *json = *state;
	struct kri_text text;

	for (int i = 0; i < KRI_JSON_DEPTH; i++)
		kri_json_begin_array(json, NULL);
	for (int i = 1; i < KRI_JSON_DEPTH; i++)
		kri_json_close(json);
	assert_int_equal(kri_json_builder_text(json, &text), KR_OK);
	kri_json_builder_reset(json);
	for (int i = 0; i <= KRI_JSON_DEPTH; i++)
		kri_json_begin_array(json, NULL);
	assert_wrong(json);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_an_empty_object),
		TEST(every_kind_is_written),
		TEST(doubles_are_as_short_as_they_can_be),
		TEST(the_programs_locale_changes_nothing),
		TEST(groups_lie_within_each_other),
		TEST(an_array_may_be_the_whole),
		TEST(a_name_that_is_there_is_replaced),
		TEST(keys_go_with_objects_alone),
		TEST(what_was_begun_is_to_be_closed),
		TEST(what_is_no_value_is_refused),
		TEST(the_first_mistake_is_the_one_that_counts),
		TEST(nesting_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
