/*
 * Commands: the bytes of RESP2 that go to Redis. Whatever stands in a value,
 * it cannot become a command of its own.
 */
#include "redis/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_bytes(struct kri_buffer *out, struct kri_text expected)
{
	assert_false(out->failed);
	assert_int_equal(out->len, expected.len);
	assert_memory_equal(out->data, expected.data, expected.len);
	kri_buffer_free(out);
}

static void assert_int(int64_t number, const char *expected)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	kri_command_int(&out, number);
	assert_bytes(&out, kri_text_of(expected));
}

static void a_command_begins_with_the_count_of_its_arguments(void **state)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	(void)state;
	kri_command_begin(&out, 3);
	assert_bytes(&out, KRI_TEXT("*3\r\n"));
}

static void counts_have_as_many_digits_as_they_need(void **state)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	(void)state;
	kri_command_begin(&out, 1048576);
	assert_bytes(&out, KRI_TEXT("*1048576\r\n"));
}

static void an_argument_begins_with_its_length(void **state)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	(void)state;
	kri_command_text(&out, KRI_TEXT("HGETALL"));
	assert_bytes(&out, KRI_TEXT("$7\r\nHGETALL\r\n"));
}

static void an_empty_argument_is_an_argument(void **state)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	(void)state;
	kri_command_text(&out, kri_text(NULL, 0));
	assert_bytes(&out, KRI_TEXT("$0\r\n\r\n"));
}

static void an_argument_may_hold_any_bytes(void **state)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	(void)state;
	kri_command_text(&out, KRI_TEXT("\0\r\n*1\r\n\xff"));
	assert_bytes(&out, KRI_TEXT("$8\r\n\0\r\n*1\r\n\xff\r\n"));
}

static void a_long_argument_is_there_as_a_whole(void **state)
{
	static char data[100000];
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	(void)state;
	memset(data, 'x', sizeof(data));
	kri_command_text(&out, kri_text(data, sizeof(data)));
	assert_int_equal(out.len, 9 + sizeof(data) + 2);
	assert_memory_equal(out.data, "$100000\r\nx", 10);
	assert_memory_equal(out.data + out.len - 3, "x\r\n", 3);
	kri_buffer_free(&out);
}

static void numbers_are_decimal_text(void **state)
{
	(void)state;
	assert_int(0, "$1\r\n0\r\n");
	assert_int(7, "$1\r\n7\r\n");
	assert_int(10, "$2\r\n10\r\n");
	assert_int(1200000, "$7\r\n1200000\r\n");
	assert_int(-1, "$2\r\n-1\r\n");
	assert_int(-120, "$4\r\n-120\r\n");
}

static void the_greatest_and_the_least_number_are_written_right(void **state)
{
	(void)state;
	assert_int(INT64_MAX, "$19\r\n9223372036854775807\r\n");
	assert_int(INT64_MIN, "$20\r\n-9223372036854775808\r\n");
}

static void a_command_of_strings_is_whole(void **state)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	(void)state;
	kri_command_strings(&out, (const char *[]){"AUTH", "max", "", NULL});
	assert_bytes(&out, KRI_TEXT("*3\r\n$4\r\nAUTH\r\n$3\r\nmax\r\n"
				    "$0\r\n\r\n"));
}

static void commands_follow_one_another(void **state)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	(void)state;
	kri_command_strings(&out, (const char *[]){"PING", NULL});
	kri_command_begin(&out, 2);
	kri_command_text(&out, KRI_TEXT("SELECT"));
	kri_command_int(&out, 3);
	assert_bytes(&out, KRI_TEXT("*1\r\n$4\r\nPING\r\n"
				    "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_command_begins_with_the_count_of_its_arguments),
		cmocka_unit_test(counts_have_as_many_digits_as_they_need),
		cmocka_unit_test(an_argument_begins_with_its_length),
		cmocka_unit_test(an_empty_argument_is_an_argument),
		cmocka_unit_test(an_argument_may_hold_any_bytes),
		cmocka_unit_test(a_long_argument_is_there_as_a_whole),
		cmocka_unit_test(numbers_are_decimal_text),
		cmocka_unit_test(
			the_greatest_and_the_least_number_are_written_right),
		cmocka_unit_test(a_command_of_strings_is_whole),
		cmocka_unit_test(commands_follow_one_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
