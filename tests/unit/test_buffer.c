/*
 * Buffer: appending, its sticky failure, and that nothing is left of a
 * secret.
 */
#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void is_empty_when_all_zero(void **state)
{
	struct kri_buffer buffer = KRI_BUFFER_EMPTY;

	(void)state;
	assert_int_equal(kri_buffer_text(&buffer).len, 0);
	assert_false(buffer.failed);
	kri_buffer_clear(&buffer);
	kri_buffer_wipe(&buffer);
	kri_buffer_free(&buffer);
}

static void strings_what_is_appended_together(void **state)
{
	struct kri_buffer buffer = KRI_BUFFER_EMPTY;

	(void)state;
	kri_buffer_append(&buffer, kri_text("abc", 2));
	kri_buffer_string(&buffer, "-");
	kri_buffer_byte(&buffer, 'c');
	kri_buffer_int(&buffer, -7);
	kri_buffer_printf(&buffer, "%s/%d", "x", 9);
	assert_string_equal(buffer.data, "ab-c-7x/9");
	assert_int_equal(buffer.len, 9);
	kri_buffer_free(&buffer);
}

static void appends_numbers_of_every_size(void **state)
{
	struct kri_buffer buffer = KRI_BUFFER_EMPTY;

	(void)state;
	kri_buffer_int(&buffer, INT64_MIN);
	kri_buffer_byte(&buffer, ' ');
	kri_buffer_int(&buffer, INT64_MAX);
	assert_string_equal(buffer.data,
			    "-9223372036854775808 9223372036854775807");
	kri_buffer_free(&buffer);
}

static void takes_bytes_as_they_are(void **state)
{
	struct kri_buffer buffer = KRI_BUFFER_EMPTY;

	(void)state;
	kri_buffer_append(&buffer, KRI_TEXT("a\0b\xff"));
	assert_int_equal(buffer.len, 4);
	assert_memory_equal(buffer.data, "a\0b\xff", 5);
	kri_buffer_free(&buffer);
}

static void ends_with_nul_after_an_empty_append(void **state)
{
	struct kri_buffer buffer = KRI_BUFFER_EMPTY;

	(void)state;
	kri_buffer_append(&buffer, kri_text(NULL, 0));
	kri_buffer_string(&buffer, NULL);
	assert_false(buffer.failed);
	assert_string_equal(buffer.data, "");
	kri_buffer_free(&buffer);
}

static void grows_a_byte_at_a_time(void **state)
{
	struct kri_buffer buffer = KRI_BUFFER_EMPTY;
	size_t i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		kri_buffer_byte(&buffer, (char)('a' + i % 26));
		assert_int_equal(buffer.data[i + 1], '\0');
	}
	assert_int_equal(buffer.len, 5000);
	assert_int_equal(buffer.data[4999], 'a' + 4999 % 26);
	kri_buffer_free(&buffer);
}

static void prints_more_than_it_has_room_for(void **state)
{
	struct kri_buffer buffer = KRI_BUFFER_EMPTY;

	(void)state;
	kri_buffer_printf(&buffer, "%0*d", 1000, 7);
	assert_int_equal(buffer.len, 1000);
	assert_int_equal(strlen(buffer.data), 1000);
	assert_int_equal(buffer.data[999], '7');
	kri_buffer_free(&buffer);
}

static void lends_room_that_ends_with_nul_whatever_is_used(void **state)
{
	struct kri_buffer buffer = KRI_BUFFER_EMPTY;
	char *room;

	(void)state;
	kri_buffer_string(&buffer, "key=");
	room = kri_buffer_reserve(&buffer, 100);
	assert_non_null(room);
	memcpy(room, "value", 5);
	buffer.len += 5;
	assert_string_equal(buffer.data, "key=value");
	kri_buffer_free(&buffer);
}

static void remembers_that_it_could_not_grow(void **state)
{
	struct kri_buffer buffer = KRI_BUFFER_EMPTY;

	(void)state;
	kri_buffer_string(&buffer, "kept");
	assert_null(kri_buffer_reserve(&buffer, SIZE_MAX));
	kri_buffer_string(&buffer, "lost");
	kri_buffer_printf(&buffer, "%d", 1);
	assert_null(kri_buffer_reserve(&buffer, 1));
	assert_true(buffer.failed);
	assert_string_equal(buffer.data, "kept");
	kri_buffer_free(&buffer);
}

static void refuses_sizes_that_no_memory_has(void **state)
{
	size_t below;

	(void)state;
	for (below = 0; below < 70; below++) {
		struct kri_buffer buffer = KRI_BUFFER_EMPTY;

		kri_buffer_string(&buffer, "x");
		assert_null(kri_buffer_reserve(&buffer, SIZE_MAX - below));
		assert_true(buffer.failed);
		kri_buffer_free(&buffer);
	}
}

static void forgets_its_failure_when_cleared(void **state)
{
	struct kri_buffer buffer = KRI_BUFFER_EMPTY;

	(void)state;
	assert_null(kri_buffer_reserve(&buffer, SIZE_MAX));
	kri_buffer_clear(&buffer);
	kri_buffer_string(&buffer, "again");
	assert_false(buffer.failed);
	assert_string_equal(buffer.data, "again");
	kri_buffer_free(&buffer);
}

static void keeps_its_memory_when_cleared(void **state)
{
	struct kri_buffer buffer = KRI_BUFFER_EMPTY;
	const char *data;

	(void)state;
	kri_buffer_string(&buffer, "text");
	data = buffer.data;
	kri_buffer_clear(&buffer);
	assert_int_equal(buffer.len, 0);
	assert_string_equal(buffer.data, "");
	kri_buffer_string(&buffer, "more");
	assert_ptr_equal(buffer.data, data);
	kri_buffer_free(&buffer);
}

static void wipes_what_was_cleared_before_too(void **state)
{
	struct kri_buffer buffer = KRI_BUFFER_EMPTY;
	size_t i;

	(void)state;
	kri_buffer_string(&buffer, "a long secret");
	kri_buffer_clear(&buffer);
	kri_buffer_string(&buffer, "short");
	kri_buffer_wipe(&buffer);
	assert_int_equal(buffer.len, 0);
	for (i = 0; i < buffer.cap; i++)
		assert_int_equal(buffer.data[i], 0);
	kri_buffer_free(&buffer);
}

static void may_be_used_again_after_it_was_freed(void **state)
{
	struct kri_buffer buffer = KRI_BUFFER_EMPTY;

	(void)state;
	kri_buffer_string(&buffer, "one");
	kri_buffer_free(&buffer);
	assert_null(buffer.data);
	kri_buffer_string(&buffer, "two");
	assert_string_equal(buffer.data, "two");
	kri_buffer_free(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_empty_when_all_zero),
		cmocka_unit_test(strings_what_is_appended_together),
		cmocka_unit_test(appends_numbers_of_every_size),
		cmocka_unit_test(takes_bytes_as_they_are),
		cmocka_unit_test(ends_with_nul_after_an_empty_append),
		cmocka_unit_test(grows_a_byte_at_a_time),
		cmocka_unit_test(prints_more_than_it_has_room_for),
		cmocka_unit_test(
			lends_room_that_ends_with_nul_whatever_is_used),
		cmocka_unit_test(remembers_that_it_could_not_grow),
		cmocka_unit_test(refuses_sizes_that_no_memory_has),
		cmocka_unit_test(forgets_its_failure_when_cleared),
		cmocka_unit_test(keeps_its_memory_when_cleared),
		cmocka_unit_test(wipes_what_was_cleared_before_too),
		cmocka_unit_test(may_be_used_again_after_it_was_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
