/*
 * Frames: frames, pairs, and which bytes are one request that libfcgi may
 * read by itself. It waits for as long as it takes for what is missing, and
 * trusts the lengths of pairs: every doubt has to end in "not plain".
 */
#include "fcgi/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "frames.h"

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

static enum kri_frame_cut cut(struct kri_text bytes)
{
	struct kri_frame frame;

	return kri_frame_cut(bytes, &frame);
}

static bool is_plain(const struct kri_buffer *bytes)
{
	return kri_frame_is_plain(kri_buffer_text(bytes));
}

/* A copy that ends where the part does, so that reading on is seen. */
static bool part_is_plain(const struct kri_buffer *bytes, size_t len)
{
	char *part = malloc(len + 1);
	bool plain;

	assert_non_null(part);
	memcpy(part, bytes->data, len);
	part = realloc(part, len ? len : 1);
	plain = kri_frame_is_plain(kri_text(part, len));
	free(part);
	return plain;
}

static void assert_plain_at_its_end_only(const struct kri_buffer *bytes)
{
	for (size_t len = 0; len < bytes->len; len++)
		assert_false(part_is_plain(bytes, len));
	assert_true(part_is_plain(bytes, bytes->len));
}

/* ---- frames ---------------------------------------------------------- */

static void a_frame_is_partial_until_its_padding_is_there(void **state)
{
	struct kri_buffer *bytes = *state;
	struct kri_frame frame;

	put_padded(bytes, PARAMS, 0xfffe, KRI_TEXT("abc"), 5);
	for (size_t len = 0; len < bytes->len; len++)
		assert_int_equal(cut(kri_text(bytes->data, len)),
				 KRI_FRAME_PARTIAL);
	kri_buffer_string(bytes, "more");
	assert_int_equal(kri_frame_cut(kri_buffer_text(bytes), &frame),
			 KRI_FRAME_WHOLE);
	assert_int_equal(frame.type, PARAMS);
	assert_int_equal(frame.id, 0xfffe);
	assert_int_equal(frame.size, HEADER + 3 + 5);
	assert_true(kri_text_equal(frame.content, KRI_TEXT("abc")));
}

static void another_version_is_bad_by_its_first_byte(void **state)
{
	(void)state;
	assert_int_equal(cut(KRI_TEXT("GET / HTTP/1.1\r\n")), KRI_FRAME_BAD);
	assert_int_equal(cut(KRI_TEXT("\26\3\1\2\0\1\0\1\374")), KRI_FRAME_BAD);
	assert_int_equal(cut(KRI_TEXT("\0")), KRI_FRAME_BAD);
	assert_int_equal(cut(KRI_TEXT("\2")), KRI_FRAME_BAD);
}

static void what_programs_send_is_bad_from_a_server(void **state)
{
	const enum type types[] = {END,
				   STDOUT,
				   STDERR,
				   GET_VALUES,
				   GET_VALUES_RESULT,
				   UNKNOWN_TYPE,
				   UNKNOWN_TYPE + 1,
				   0};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		kri_buffer_clear(*state);
		put(*state, types[i], 1, KRI_TEXT("content"));
		assert_int_equal(
			cut(kri_text(((struct kri_buffer *)*state)->data,
				     HEADER)),
			KRI_FRAME_BAD);
	}
}

static void a_request_without_a_number_is_bad(void **state)
{
	put_begin(*state, 0);
	assert_int_equal(cut(kri_buffer_text(*state)), KRI_FRAME_BAD);
}

/* ---- pairs ------------------------------------------------------------ */

static void a_path_with_a_nul_in_it_does_not_fit(void **state)
{
	(void)state;
	assert_true(kri_pairs_fit(KRI_TEXT("\11\2PATH_INFO/a")));
	assert_false(kri_pairs_fit(KRI_TEXT("\11\3PATH_INFO/a\0")));
	assert_false(kri_pairs_fit(KRI_TEXT("\13\4SCRIPT_NAME/a\0b")));
	assert_false(kri_pairs_fit(KRI_TEXT("\14\3DOCUMENT_URI/\0b")));
	assert_false(kri_pairs_fit(KRI_TEXT("\11\200\0\0\3PATH_INFO/a\0")));
	assert_true(kri_pairs_fit(KRI_TEXT("\1\3X/a\0")));
}

static void pairs_fit_or_do_not(void **state)
{
	(void)state;
	assert_true(kri_pairs_fit(kri_text(NULL, 0)));
	assert_true(kri_pairs_fit(KRI_TEXT("\0\0")));
	assert_true(kri_pairs_fit(KRI_TEXT("\1\2abb")));
	assert_true(kri_pairs_fit(KRI_TEXT("\1\2abb\0\0")));
	assert_true(kri_pairs_fit(KRI_TEXT("\200\0\0\1\200\0\0\2abb")));
	assert_false(kri_pairs_fit(KRI_TEXT("\1")));
	assert_false(kri_pairs_fit(KRI_TEXT("\1\2ab")));
	assert_false(kri_pairs_fit(KRI_TEXT("\1\2abbc")));
	assert_false(kri_pairs_fit(KRI_TEXT("\200\0\0")));
	assert_false(kri_pairs_fit(KRI_TEXT("\1\200\0\0")));
}

/* libfcgi adds these two in an int and dies in its Malloc. */
static void lengths_that_overflow_together_do_not_fit(void **state)
{
	(void)state;
	assert_false(kri_pairs_fit(
		KRI_TEXT("\200\0\0\1\377\377\377\376aaaaaaaaaaaaaaaaaaaa")));
	assert_false(kri_pairs_fit(
		KRI_TEXT("\377\377\377\377\377\377\377\377aaaaaaaaaaaa")));
}

/* ---- requests --------------------------------------------------------- */

static void a_request_is_plain_when_its_last_byte_is_there(void **state)
{
	put_request(*state, 0xfffe);
	assert_plain_at_its_end_only(*state);
}

static void a_request_without_parameters_or_body_is_plain(void **state)
{
	put_begin(*state, 1);
	put_end(*state, PARAMS, 1);
	put_end(*state, STDIN, 1);
	assert_plain_at_its_end_only(*state);
}

static void padding_belongs_to_its_frame(void **state)
{
	struct kri_buffer *bytes = *state;

	put_padded(bytes, BEGIN, 1, KRI_TEXT("\0\1\1\0\0\0\0\0"), 8);
	put_padded(bytes, PARAMS, 1, KRI_TEXT("\1\1ab"), 4);
	put_padded(bytes, PARAMS, 1, kri_text(NULL, 0), 255);
	put_padded(bytes, STDIN, 1, KRI_TEXT("body"), 3);
	put_end(bytes, STDIN, 1);
	assert_plain_at_its_end_only(bytes);
}

static void padding_behind_the_end_is_not_for_libfcgi(void **state)
{
	put_begin(*state, 1);
	put_params(*state, 1);
	put_padded(*state, STDIN, 1, kri_text(NULL, 0), 8);
	assert_false(is_plain(*state));
}

static void what_follows_a_request_is_not_for_libfcgi(void **state)
{
	put_request(*state, 1);
	put_begin(*state, 1);
	assert_false(is_plain(*state));
}

static void frames_of_others_are_not_for_libfcgi(void **state)
{
	put_begin(*state, 1);
	put_params(*state, 1);
	put_end(*state, STDIN, 2);
	put_end(*state, STDIN, 1);
	assert_false(is_plain(*state));
}

static void management_is_not_for_libfcgi(void **state)
{
	struct kri_buffer *bytes = *state;

	put_question(bytes);
	put_request(bytes, 1);
	assert_false(is_plain(bytes));
	kri_buffer_clear(bytes);
	put_begin(bytes, 1);
	put_params(bytes, 1);
	put_question(bytes);
	put_end(bytes, STDIN, 1);
	assert_false(is_plain(bytes));
}

static void other_roles_are_not_for_libfcgi(void **state)
{
	put_begin_as(*state, 1, FILTER, true);
	put_params(*state, 1);
	put_end(*state, STDIN, 1);
	assert_false(is_plain(*state));
}

static void pairs_that_lie_are_not_for_libfcgi(void **state)
{
	put_begin(*state, 1);
	put(*state, PARAMS, 1, KRI_TEXT("\200\0\0\1\377\377\377\376a"));
	put_end(*state, PARAMS, 1);
	put_end(*state, STDIN, 1);
	assert_false(is_plain(*state));
}

static void a_body_before_the_end_of_parameters_is_not_plain(void **state)
{
	put_begin(*state, 1);
	put(*state, PARAMS, 1, KRI_TEXT("\1\1ab"));
	put_end(*state, STDIN, 1);
	assert_false(is_plain(*state));
}

/* Any bytes at all: nothing is read past them, which the sanitizers see. */
static void mutated_requests_are_survived(void **state)
{
	uint32_t seed = 1;
	int plain = 0;

	for (int round = 0; round < 20000; round++) {
		kri_buffer_clear(*state);
		put_request(*state, 1);
		if (round)
			mutate(*state, &seed);
		plain += part_is_plain(*state,
				       ((struct kri_buffer *)*state)->len);
	}
	assert_in_range(plain, 2, 19999);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_is_partial_until_its_padding_is_there),
		TEST(another_version_is_bad_by_its_first_byte),
		TEST(what_programs_send_is_bad_from_a_server),
		TEST(a_request_without_a_number_is_bad),
		TEST(pairs_fit_or_do_not),
		TEST(a_path_with_a_nul_in_it_does_not_fit),
		TEST(lengths_that_overflow_together_do_not_fit),
		TEST(a_request_is_plain_when_its_last_byte_is_there),
		TEST(a_request_without_parameters_or_body_is_plain),
		TEST(padding_belongs_to_its_frame),
		TEST(padding_behind_the_end_is_not_for_libfcgi),
		TEST(what_follows_a_request_is_not_for_libfcgi),
		TEST(frames_of_others_are_not_for_libfcgi),
		TEST(management_is_not_for_libfcgi),
		TEST(other_roles_are_not_for_libfcgi),
		TEST(pairs_that_lie_are_not_for_libfcgi),
		TEST(a_body_before_the_end_of_parameters_is_not_plain),
		TEST(mutated_requests_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
