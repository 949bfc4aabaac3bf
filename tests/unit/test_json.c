/*
 * Reading JSON: what is taken, what is refused, and that what is taken is what
 * json-c takes too.
 */
#include "http/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <json-c/json.h>

struct fixture {
	struct kri_arena arena;
	const struct kr_json *json;
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){0};
	kri_arena_init(&f.arena, 1024, 16 << 20);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kri_arena_free(&f->arena);
	return 0;
}

static enum kr_err read_text(struct fixture *f, const char *text)
{
	f->json = NULL;
	kri_arena_reset(&f->arena);
	return kri_json_read(kri_text_of(text), &f->arena, &f->json);
}

static const struct kr_json *read_it(struct fixture *f, const char *text)
{
	assert_int_equal(read_text(f, text), KR_OK);
	assert_non_null(f->json);
	return f->json;
}

static void assert_refused(struct fixture *f, const char *text)
{
	if (read_text(f, text) != KR_ERR_INPUT || f->json)
		fail_msg("taken: %s", text);
}

/* ---- values ----------------------------------------------------------- */

static void every_kind_is_read(void **state)
{
	struct fixture *f = *state;
	bool truth = false;
	int64_t number = 0;
	double real = 0;
	const char *text = NULL;

	assert_int_equal(kr_json_kind(read_it(f, " null\n")), KR_JSON_NULL);
	assert_int_equal(kr_json_get_bool(read_it(f, "true"), &truth), KR_OK);
	assert_true(truth);
	assert_int_equal(kr_json_get_bool(read_it(f, "false"), &truth), KR_OK);
	assert_false(truth);
	assert_int_equal(kr_json_get_int(read_it(f, "-12"), &number), KR_OK);
	assert_int_equal(number, -12);
	assert_int_equal(kr_json_get_double(read_it(f, "2.5e1"), &real), KR_OK);
	assert_true(real == 25);
	assert_int_equal(kr_json_get_string(read_it(f, "\"a\""), &text), KR_OK);
	assert_string_equal(text, "a");
	assert_int_equal(kr_json_kind(read_it(f, "[]")), KR_JSON_ARRAY);
	assert_int_equal(kr_json_kind(read_it(f, "{}")), KR_JSON_OBJECT);
}

static void an_int_is_what_an_int64_holds(void **state)
{
	struct fixture *f = *state;
	int64_t number = 0;
	double real = 0;

	assert_int_equal(
		kr_json_get_int(read_it(f, "9223372036854775807"), &number),
		KR_OK);
	assert_true(number == INT64_MAX);
	assert_int_equal(
		kr_json_get_int(read_it(f, "-9223372036854775808"), &number),
		KR_OK);
	assert_true(number == INT64_MIN);
	read_it(f, "9223372036854775808");
	assert_int_equal(kr_json_get_int(f->json, &number), KR_ERR_TYPE);
	assert_int_equal(kr_json_get_double(f->json, &real), KR_OK);
	assert_true(real == 9223372036854775808.0);
	assert_int_equal(kr_json_get_double(read_it(f, "7"), &real), KR_OK);
	assert_true(real == 7);
	assert_int_equal(kr_json_get_int(read_it(f, "7.0"), &number),
			 KR_ERR_TYPE);
	assert_int_equal(kr_json_get_double(read_it(f, "-0"), &real), KR_OK);
	assert_true(signbit(real));
	assert_int_equal(kr_json_get_double(read_it(f, "1e400"), &real),
			 KR_ERR_TYPE);
}

static void escapes_become_characters(void **state)
{
	struct fixture *f = *state;
	const char *text = NULL;

	read_it(f, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u20AC"
		   "\\ud83d\\ude00\"");
	assert_int_equal(kr_json_get_string(f->json, &text), KR_OK);
	assert_string_equal(text, "\"\\/\b\f\n\r\tA\xc3\xa4\xe2\x82\xac"
				  "\xf0\x9f\x98\x80");
}

static void a_string_with_nul_is_no_text(void **state)
{
	struct fixture *f = *state;
	const char *text = NULL;

	read_it(f, "\"a\\u0000b\"");
	assert_int_equal(kr_json_kind(f->json), KR_JSON_STRING);
	assert_int_equal(kr_json_get_string(f->json, &text), KR_ERR_TYPE);
	assert_null(text);
}

static void items_and_members_are_found(void **state)
{
	struct fixture *f = *state;
	const struct kr_json *list;
	int64_t number = 0;

	read_it(f, " { \"b\" : [ 1 , [ ] , { \"x\" : 7 } ] , \"a\" : {} } ");
	assert_int_equal(kr_json_count(f->json), 2);
	list = kr_json_member(f->json, "b");
	assert_int_equal(kr_json_count(list), 3);
	assert_int_equal(
		kr_json_get_int(kr_json_member(kr_json_item(list, 2), "x"),
				&number),
		KR_OK);
	assert_int_equal(number, 7);
	assert_non_null(kr_json_member(f->json, "a"));
	assert_null(kr_json_member(f->json, "c"));
	assert_null(kr_json_member(f->json, NULL));
	assert_null(kr_json_member(list, "a"));
	assert_null(kr_json_item(list, 3));
	assert_null(kr_json_item(f->json, 0));
}

static void what_is_not_there_is_an_error_and_no_crash(void **state)
{
	struct fixture *f = *state;
	const char *text = NULL;
	int64_t number;
	double real;
	bool truth;

	assert_int_equal(kr_json_kind(NULL), KR_JSON_NULL);
	assert_int_equal(kr_json_count(NULL), 0);
	assert_null(kr_json_item(NULL, 0));
	assert_null(kr_json_member(NULL, "a"));
	assert_int_equal(kr_json_get_string(NULL, &text), KR_ERR_NOT_FOUND);
	assert_int_equal(kr_json_get_int(NULL, &number), KR_ERR_NOT_FOUND);
	assert_int_equal(kr_json_get_double(NULL, &real), KR_ERR_NOT_FOUND);
	assert_int_equal(kr_json_get_bool(NULL, &truth), KR_ERR_NOT_FOUND);
	read_it(f, "null");
	assert_int_equal(kr_json_get_string(f->json, &text), KR_ERR_TYPE);
	assert_int_equal(kr_json_get_int(f->json, &number), KR_ERR_TYPE);
	assert_int_equal(kr_json_get_double(f->json, &real), KR_ERR_TYPE);
	assert_int_equal(kr_json_get_bool(f->json, &truth), KR_ERR_TYPE);
	assert_int_equal(kr_json_get_string(f->json, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_json_get_int(f->json, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_json_get_double(f->json, NULL), KR_ERR_ARGUMENT);
	assert_int_equal(kr_json_get_bool(f->json, NULL), KR_ERR_ARGUMENT);
}

/* ---- refusals --------------------------------------------------------- */

static void what_is_no_json_is_refused(void **state)
{
	static const char *const texts[] = {
		"",          " ",           "nul",      "nulll",
		"True",      "01",          "-",        "+1",
		".5",        "5.",          "1e",       "1e+",
		"0x1",       "NaN",         "Infinity", "[",
		"]",         "[1",          "[1,",      "[1,]",
		"[,1]",      "[1 2]",       "{",        "{\"a\"}",
		"{\"a\":}",  "{\"a\":1,}",  "{a:1}",    "{1:1}",
		"{\"a\" 1}", "'a'",         "\"a",      "\"\\x\"",
		"\"\\u12\"", "\"\\u12g4\"", "\"\t\"",   "\"\n\"",
		"1 1",       "[] []",       "/**/1",    "\xef\xbb\xbf[]",
		"\"\\",      "\"\\u",       "[1}",      "{\"a\":1]",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(*state, texts[i]);
}

static void what_is_not_utf8_is_refused(void **state)
{
	assert_refused(*state, "\"\xff\"");
	assert_refused(*state, "\"\xc0\x80\"");
	assert_refused(*state, "\"\xed\xa0\x80\"");
	assert_refused(*state, "\"\\ud800\"");
	assert_refused(*state, "\"\\ud800\\u0041\"");
	assert_refused(*state, "\"\\ud800x\"");
	assert_refused(*state, "\"\\udc00\"");
}

static void a_nul_is_refused(void **state)
{
	struct fixture *f = *state;
	struct kri_text text = KRI_TEXT("[1]\0");

	assert_int_equal(kri_json_read(text, &f->arena, &f->json),
			 KR_ERR_INPUT);
	text = KRI_TEXT("\"a\0b\"");
	assert_int_equal(kri_json_read(text, &f->arena, &f->json),
			 KR_ERR_INPUT);
}

static void a_name_is_there_once_and_has_no_nul(void **state)
{
	assert_refused(*state, "{\"a\":1,\"a\":1}");
	assert_refused(*state, "{\"a\":1,\"b\":2,\"\\u0061\":1}");
	assert_refused(*state, "{\"\":1,\"\":2}");
	assert_refused(*state, "{\"a\\u0000b\":1}");
	read_it(*state, "[{\"a\":1},{\"a\":2,\"b\":{\"a\":1}}]");
}

/* N brackets around nothing. */
static void nest(char *out, size_t n)
{
	memset(out, '[', n);
	memset(out + n, ']', n);
	out[2 * n] = '\0';
}

static void deep_nesting_is_refused(void **state)
{
	char text[2 * 100000 + 1];

	nest(text, KRI_JSON_DEPTH);
	read_it(*state, text);
	nest(text, KRI_JSON_DEPTH + 1);
	assert_refused(*state, text);
	nest(text, 100000);
	assert_refused(*state, text);
}

/* An array of N zeros. */
static char *zeros(size_t n)
{
	char *text = malloc(2 * n + 2);

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		memcpy(text + 1 + 2 * i, "0,", 2);
	text[0] = '[';
	strcpy(text + 2 * n, "]");
	return text;
}

static void too_many_values_are_refused(void **state)
{
	struct fixture *f = *state;
	char *text = zeros(KRI_JSON_VALUES - 1);

	read_it(f, text);
	assert_int_equal(kr_json_count(f->json), KRI_JSON_VALUES - 1);
	free(text);
	text = zeros(KRI_JSON_VALUES);
	assert_refused(f, text);
	free(text);
}

static void its_room_is_enough_for_any_text(void **state)
{
	static const char *const texts[] = {"0", "[0,0,0,0,0,0,0,0]",
					    "[[],[],[],[]]", "\"abc\"",
					    "{\"\":{\"\":{\"\":[]}}}"};
	struct kri_arena arena;
	const struct kr_json *json;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct kri_text text = kri_text_of(texts[i]);

		kri_arena_init(&arena, 64, kri_json_room(text.len));
		assert_int_equal(kri_json_read(text, &arena, &json), KR_OK);
		kri_arena_free(&arena);
	}
}

static void an_arena_that_is_full_is_out_of_memory(void **state)
{
	const char *text = "{\"a\":[1,2,3,4],\"b\":\"some text\"}";
	const struct kr_json *json = NULL;

	(void)state;
	for (size_t limit = 0; limit < 192; limit += 16) {
		struct kri_arena arena;

		kri_arena_init(&arena, 64, limit);
		assert_int_equal(
			kri_json_read(kri_text_of(text), &arena, &json),
			KR_ERR_MEMORY);
		kri_arena_free(&arena);
		assert_null(json);
	}
}

/* ---- beside json-c ---------------------------------------------------- */

static bool json_c_takes(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(KRI_JSON_DEPTH + 1);
	struct json_object *object;
	enum json_tokener_error error;
	bool taken;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
						JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)len + 1);
	error = json_tokener_get_error(tokener);
	taken = error == json_tokener_success;
	json_object_put(object);
	json_tokener_free(tokener);
	return taken;
}

/* Whatever we take, json-c takes too: it is the more lenient one. */
static void what_is_taken_json_c_takes_too(void **state)
{
	static const char *const seeds[] = {
		"{\"a\":[1,2.5e-3,true,null],\"b\":{\"c\":\"\\u00e4x\\n\"}}",
		"[[],{},\"\",-1,0,[[1]],\"\\ud83d\\ude00\",false]",
	};
	static const char bytes[] = "{}[]\",:\\u0123e.+-tfn aZ\t\xc3\xa4";
	struct fixture *f = *state;
	uint32_t random = 7;
	int taken = 0;

	for (int i = 0; i < 200000; i++) {
		char text[80];
		size_t len;

		strcpy(text, seeds[i % 2]);
		len = strlen(text);
		for (int n = 1 + i / 2 % 3; n; n--) {
			random = random * 1103515245u + 12345u;
			text[(random >> 8) % len] =
				bytes[(random >> 20) % (sizeof(bytes) - 1)];
		}
		if (read_text(f, text))
			continue;
		taken++;
		if (!json_c_takes(text, len))
			fail_msg("json-c refuses: %s", text);
	}
	assert_true(taken > 10000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_kind_is_read),
		TEST(an_int_is_what_an_int64_holds),
		TEST(escapes_become_characters),
		TEST(a_string_with_nul_is_no_text),
		TEST(items_and_members_are_found),
		TEST(what_is_not_there_is_an_error_and_no_crash),
		TEST(what_is_no_json_is_refused),
		TEST(what_is_not_utf8_is_refused),
		TEST(a_nul_is_refused),
		TEST(a_name_is_there_once_and_has_no_nul),
		TEST(deep_nesting_is_refused),
		TEST(too_many_values_are_refused),
		TEST(its_room_is_enough_for_any_text),
		TEST(an_arena_that_is_full_is_out_of_memory),
		TEST(what_is_taken_json_c_takes_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
