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
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <json-c/json.h>

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct kri_json_builder));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	kri_json_builder_free(*state);
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

static void of_many_names_the_last_of_each_stays(void **state)
{
	struct kri_json_builder *json = *state;

	kri_json_add_int(json, "b", 1);
	kri_json_begin_array(json, "a");
	kri_json_begin_object(json, NULL);
	kri_json_add_int(json, "b", 2);
	kri_json_add_int(json, "ab", 3);
	kri_json_add_int(json, "b", 4);
	kri_json_close(json);
	kri_json_close(json);
	kri_json_add_int(json, "b", 5);
	kri_json_add_int(json, "", 6);
	kri_json_add_raw(json, "b", "{\"b\":7} ");
	kri_json_add_bool(json, "c", true);
	assert_text(json, "{\"a\":[{\"ab\":3,\"b\":4}],\"\":6,"
			  "\"b\":{\"b\":7} ,\"c\":true}");
}

/* A backslash in a name is two characters in the text, and so is a quote. */
static void names_are_told_apart_by_all_their_bytes(void **state)
{
	static const char *const names[] = {"a",   "a\"",   "a\\",   "a\\\"",
					    "a\n", "a\x01", "a\x02", "a,"};
	struct kri_json_builder *json = *state;
	size_t n = sizeof(names) / sizeof(names[0]);
	struct kri_text text;
	json_object *read;

	for (size_t i = 0; i < 2 * n; i++)
		kri_json_add_int(json, names[i % n], (int64_t)i);
	assert_int_equal(kri_json_builder_text(json, &text), KR_OK);
	read = json_tokener_parse(text.data);
	assert_non_null(read);
	assert_int_equal(json_object_object_length(read), n);
	for (size_t i = 0; i < n; i++) {
		json_object *value = json_object_object_get(read, names[i]);

		assert_int_equal(json_object_get_int(value), n + i);
	}
	json_object_put(read);
}

static void so_many_names_are_no_burden(void **state)
{
	struct kri_json_builder *json = *state;
	struct kri_text text;
	json_object *read;
	char name[16];

	for (int i = 0; i < 300000; i++) {
		snprintf(name, sizeof(name), "%d", i % 100000);
		kri_json_add_int(json, name, i);
	}
	assert_int_equal(kri_json_builder_text(json, &text), KR_OK);
	read = json_tokener_parse(text.data);
	assert_non_null(read);
	assert_int_equal(json_object_object_length(read), 100000);
	assert_int_equal(json_object_get_int(json_object_object_get(read, "7")),
			 200007);
	json_object_put(read);
}

static void every_character_is_written_as_json_c_does(void **state)
{
	struct kri_json_builder *json = *state;
	char string[] = "a?b";

	for (int c = 1; c < 128; c++) {
		json_object *expected = json_object_new_object();

		string[1] = (char)c;
		json_object_object_add(expected, string,
				       json_object_new_string(string));
		kri_json_add_string(json, string, string);
		assert_text(json,
			    json_object_to_json_string_ext(
				    expected,
				    JSON_C_TO_STRING_PLAIN |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(expected);
	}
}

static void nothing_is_added_to_what_has_ended(void **state)
{
	struct kri_json_builder *json = *state;
	struct kri_text text;

	kri_json_add_int(json, "a", 1);
	assert_int_equal(kri_json_builder_text(json, &text), KR_OK);
	assert_string_equal(text.data, "{\"a\":1}");
	assert_int_equal(kri_json_builder_text(json, &text), KR_OK);
	assert_string_equal(text.data, "{\"a\":1}");
	kri_json_add_int(json, "b", 2);
	assert_wrong(json);
	kri_json_begin_array(json, NULL);
	assert_text(json, "[]");
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
		TEST(of_many_names_the_last_of_each_stays),
		TEST(names_are_told_apart_by_all_their_bytes),
		TEST(so_many_names_are_no_burden),
		TEST(every_character_is_written_as_json_c_does),
		TEST(nothing_is_added_to_what_has_ended),
		TEST(keys_go_with_objects_alone),
		TEST(what_was_begun_is_to_be_closed),
		TEST(what_is_no_value_is_refused),
		TEST(the_first_mistake_is_the_one_that_counts),
		TEST(nesting_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
