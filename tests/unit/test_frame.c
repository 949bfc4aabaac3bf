/*
 * Frames: when the bytes that have come are a whole request. What is called
 * whole goes to libfcgi, which waits for as long as it takes for a request
 * that is not: so every doubt has to end in "partial" or "bad".
 */
#include "fcgi/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buffer.h"

/* FastCGI 1.0, section 8. */
enum type {
	BEGIN = 1,
	ABORT = 2,
	END = 3,
	PARAMS = 4,
	STDIN = 5,
	STDOUT = 6,
	DATA = 8,
	GET_VALUES = 9
};

#define HEADER 8 /* bytes of a record's header */

static int setup(void **state)
{
	static struct kri_buffer bytes;

	bytes = KRI_BUFFER_EMPTY;
	*state = &bytes;
	return 0;
}

static int teardown(void **state)
{
	kri_buffer_free(*state);
	return 0;
}

static void put_padded(struct kri_buffer *out, enum type type, unsigned id,
		       struct kri_text content, size_t padding)
{
	const unsigned char header[HEADER] = {
		1,
		(unsigned char)type,
		(unsigned char)(id >> 8),
		(unsigned char)id,
		(unsigned char)(content.len >> 8),
		(unsigned char)content.len,
		(unsigned char)padding,
	};

	kri_buffer_append(out, kri_text((const char *)header, HEADER));
	kri_buffer_append(out, content);
	while (padding--)
		kri_buffer_byte(out, 'x');
}

static void put(struct kri_buffer *out, enum type type, unsigned id,
		struct kri_text content)
{
	put_padded(out, type, id, content, 0);
}

static void put_end(struct kri_buffer *out, enum type type, unsigned id)
{
	put(out, type, id, kri_text(NULL, 0));
}

/* Role responder, and keep the connection. */
static void put_begin(struct kri_buffer *out, unsigned id)
{
	put(out, BEGIN, id, KRI_TEXT("\0\1\1\0\0\0\0\0"));
}

/* GET_VALUES of FCGI_MPXS_CONNS, which belongs to no request. */
static void put_management(struct kri_buffer *out)
{
	put(out, GET_VALUES, 0, KRI_TEXT("\17\0FCGI_MPXS_CONNS"));
}

static void put_params(struct kri_buffer *out, unsigned id)
{
	put(out, PARAMS, id, KRI_TEXT("\11\6PATH_INFO/hello"));
	put_end(out, PARAMS, id);
}

static void put_request(struct kri_buffer *out, unsigned id)
{
	put_begin(out, id);
	put_params(out, id);
	put(out, STDIN, id, KRI_TEXT("a=1&b=2"));
	put_end(out, STDIN, id);
}

static enum kri_frame scan(const struct kri_buffer *bytes)
{
	return kri_frame_scan(kri_buffer_text(bytes));
}

/* Partial at every cut point, also when nothing may be read past the cut. */
static void assert_partial_until_its_end(const struct kri_buffer *bytes)
{
	for (size_t cut = 0; cut < bytes->len; cut++) {
		struct kri_buffer part = KRI_BUFFER_EMPTY;

		kri_buffer_append(&part, kri_text(bytes->data, cut));
		assert_int_equal(scan(&part), KRI_FRAME_PARTIAL);
		kri_buffer_free(&part);
	}
	assert_int_equal(scan(bytes), KRI_FRAME_WHOLE);
}

static void no_bytes_are_the_beginning_of_a_request(void **state)
{
	(void)state;
	assert_int_equal(kri_frame_scan(kri_text(NULL, 0)), KRI_FRAME_PARTIAL);
}

static void a_request_is_partial_until_its_last_byte(void **state)
{
	put_request(*state, 1);
	assert_partial_until_its_end(*state);
}

static void a_request_without_a_body_is_whole(void **state)
{
	struct kri_buffer *bytes = *state;

	put_begin(bytes, 1);
	put_params(bytes, 1);
	put_end(bytes, STDIN, 1);
	assert_partial_until_its_end(bytes);
}

static void a_request_without_parameters_is_whole(void **state)
{
	struct kri_buffer *bytes = *state;

	put_begin(bytes, 1);
	put_end(bytes, PARAMS, 1);
	put_end(bytes, STDIN, 1);
	assert_int_equal(scan(bytes), KRI_FRAME_WHOLE);
}

static void padding_belongs_to_its_record(void **state)
{
	struct kri_buffer *bytes = *state;

	put_padded(bytes, BEGIN, 1, KRI_TEXT("\0\1\1\0\0\0\0\0"), 8);
	put_padded(bytes, PARAMS, 1, KRI_TEXT("\1\1ab"), 4);
	put_padded(bytes, PARAMS, 1, kri_text(NULL, 0), 255);
	put_padded(bytes, STDIN, 1, kri_text(NULL, 0), 8);
	assert_partial_until_its_end(bytes);
}

static void contents_of_the_greatest_length_are_counted_right(void **state)
{
	static char content[65535];
	struct kri_buffer *bytes = *state;

	put_begin(bytes, 1);
	put_padded(bytes, PARAMS, 1, kri_text(content, sizeof(content)), 255);
	put_end(bytes, PARAMS, 1);
	assert_int_equal(scan(bytes), KRI_FRAME_PARTIAL);
	put_end(bytes, STDIN, 1);
	assert_int_equal(scan(bytes), KRI_FRAME_WHOLE);
	bytes->len--;
	assert_int_equal(scan(bytes), KRI_FRAME_PARTIAL);
}

static void both_bytes_of_a_requests_number_count(void **state)
{
	put_request(*state, 0xfffe);
	assert_partial_until_its_end(*state);
}

static void what_follows_a_whole_request_does_not_matter(void **state)
{
	struct kri_buffer *bytes = *state;

	put_request(bytes, 1);
	kri_buffer_string(bytes, "anything");
	assert_int_equal(scan(bytes), KRI_FRAME_WHOLE);
}

static void management_records_may_come_first(void **state)
{
	struct kri_buffer *bytes = *state;

	put_management(bytes);
	put_management(bytes);
	assert_int_equal(scan(bytes), KRI_FRAME_PARTIAL);
	put_request(bytes, 1);
	assert_partial_until_its_end(bytes);
}

static void management_records_may_come_within(void **state)
{
	struct kri_buffer *bytes = *state;

	put_begin(bytes, 1);
	put_management(bytes);
	put_params(bytes, 1);
	put_management(bytes);
	put_end(bytes, STDIN, 1);
	assert_partial_until_its_end(bytes);
}

static void another_version_is_bad(void **state)
{
	struct kri_buffer *bytes = *state;

	put_request(bytes, 1);
	bytes->data[0] = 0;
	assert_int_equal(scan(bytes), KRI_FRAME_BAD);
	bytes->data[0] = 2;
	assert_int_equal(scan(bytes), KRI_FRAME_BAD);
}

static void another_version_is_bad_in_a_later_record_too(void **state)
{
	struct kri_buffer *bytes = *state;

	put_begin(bytes, 1);
	kri_buffer_append(bytes, KRI_TEXT("\2\4\0\1\0\0\0\0"));
	assert_int_equal(scan(bytes), KRI_FRAME_BAD);
}

static void another_protocol_is_bad(void **state)
{
	(void)state;
	assert_int_equal(kri_frame_scan(KRI_TEXT("GET / HTTP/1.1\r\n")),
			 KRI_FRAME_BAD);
	assert_int_equal(kri_frame_scan(KRI_TEXT("\26\3\1\2\0\1\0\1\374")),
			 KRI_FRAME_BAD);
	assert_int_equal(kri_frame_scan(KRI_TEXT("\0\0\0\0\0\0\0\0")),
			 KRI_FRAME_BAD);
}

static void a_request_cannot_begin_with_its_parameters(void **state)
{
	struct kri_buffer *bytes = *state;

	put_params(bytes, 1);
	assert_int_equal(scan(bytes), KRI_FRAME_BAD);
}

static void a_request_cannot_begin_with_its_input(void **state)
{
	struct kri_buffer *bytes = *state;

	put_end(bytes, STDIN, 1);
	assert_int_equal(scan(bytes), KRI_FRAME_BAD);
}

static void a_bad_beginning_is_known_by_its_header(void **state)
{
	struct kri_buffer *bytes = *state;

	put(bytes, STDIN, 1, KRI_TEXT("a=1"));
	bytes->len = HEADER;
	assert_int_equal(scan(bytes), KRI_FRAME_BAD);
}

static void an_aborted_request_is_bad(void **state)
{
	struct kri_buffer *bytes = *state;

	put_begin(bytes, 1);
	put_params(bytes, 1);
	put_end(bytes, ABORT, 1);
	assert_int_equal(scan(bytes), KRI_FRAME_BAD);
}

static void an_abort_after_the_whole_request_comes_too_late(void **state)
{
	struct kri_buffer *bytes = *state;

	put_request(bytes, 1);
	put_end(bytes, ABORT, 1);
	assert_int_equal(scan(bytes), KRI_FRAME_WHOLE);
}

/* libfcgi skips the records of a request that it has not begun, and waits on
 * for those of the one that it has. */
static void the_end_of_another_requests_input_is_not_the_end(void **state)
{
	struct kri_buffer *bytes = *state;

	put_begin(bytes, 1);
	put_params(bytes, 1);
	put_end(bytes, STDIN, 2);
	assert_int_not_equal(scan(bytes), KRI_FRAME_WHOLE);
}

/* Nor does it take a management record for an end, whatever its type. */
static void the_end_of_no_requests_input_is_not_the_end(void **state)
{
	struct kri_buffer *bytes = *state;

	put_end(bytes, STDIN, 0);
	assert_int_not_equal(scan(bytes), KRI_FRAME_WHOLE);
	kri_buffer_clear(bytes);
	put_begin(bytes, 1);
	put_params(bytes, 1);
	put_end(bytes, STDIN, 0);
	assert_int_not_equal(scan(bytes), KRI_FRAME_WHOLE);
}

static void request_number_zero_begins_no_request(void **state)
{
	struct kri_buffer *bytes = *state;

	put_begin(bytes, 0);
	put_params(bytes, 1);
	put_end(bytes, STDIN, 1);
	assert_int_not_equal(scan(bytes), KRI_FRAME_WHOLE);
}

/* Any bytes at all: nothing is read past them, which the sanitizers see. */
static void random_bytes_are_survived(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct kri_buffer bytes = KRI_BUFFER_EMPTY;
		size_t len = (size_t)round % 64;

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525 + 1013904223;
			/* Small ones: good headers are to come up too. */
			kri_buffer_byte(&bytes, (char)(seed >> 24 & 7));
		}
		(void)scan(&bytes);
		kri_buffer_free(&bytes);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_bytes_are_the_beginning_of_a_request),
		TEST(a_request_is_partial_until_its_last_byte),
		TEST(a_request_without_a_body_is_whole),
		TEST(a_request_without_parameters_is_whole),
		TEST(padding_belongs_to_its_record),
		TEST(contents_of_the_greatest_length_are_counted_right),
		TEST(both_bytes_of_a_requests_number_count),
		TEST(what_follows_a_whole_request_does_not_matter),
		TEST(management_records_may_come_first),
		TEST(management_records_may_come_within),
		TEST(another_version_is_bad),
		TEST(another_version_is_bad_in_a_later_record_too),
		TEST(another_protocol_is_bad),
		TEST(a_request_cannot_begin_with_its_parameters),
		TEST(a_request_cannot_begin_with_its_input),
		TEST(a_bad_beginning_is_known_by_its_header),
		TEST(an_aborted_request_is_bad),
		TEST(an_abort_after_the_whole_request_comes_too_late),
		TEST(the_end_of_another_requests_input_is_not_the_end),
		TEST(the_end_of_no_requests_input_is_not_the_end),
		TEST(request_number_zero_begins_no_request),
		TEST(random_bytes_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
