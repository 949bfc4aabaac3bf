/*
 * Gathering: every case is run whole, cut in two at each of its bytes, and a
 * byte at a time; what comes of it must always be the same.
 */
#include "fcgi/gather.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "fcgi/frame.h"
#include "frames.h"

#define KEPT (KRI_REQUEST_BODY_MAX + 1) /* bytes of a body that is too long */

/* What is sent, and what comes of it: `W` and the request as it is replayed,
 * each reply, and how it ends. */
struct trial {
	struct kri_buffer bytes;
	struct kri_buffer wanted;
};

static int setup(void **state)
{
	static struct trial trial;

	trial = (struct trial){0};
	*state = &trial;
	return 0;
}

static int teardown(void **state)
{
	struct trial *trial = *state;

	kri_buffer_free(&trial->bytes);
	kri_buffer_free(&trial->wanted);
	return 0;
}

/* The request as it is replayed, with the body that is kept beside it where
 * the empty one stands. */
static void put_request_of(const struct kri_gathered *gathered,
			   struct kri_buffer *log)
{
	struct kri_text body = kri_buffer_text(&gathered->body.bytes);

	kri_gather_replay(gathered, log);
	if (!body.len)
		return;
	log->len -= HEADER;
	kri_frame_put(log, STDIN, gathered->id, body);
	kri_frame_put(log, STDIN, gathered->id, kri_text(NULL, 0));
}

static bool note(struct kri_gathered *gathered, enum kri_gather found,
		 struct kri_buffer *log)
{
	kri_buffer_append(log, kri_buffer_text(&gathered->replies));
	kri_buffer_clear(&gathered->replies);
	if (found == KRI_GATHER_WHOLE) {
		kri_buffer_string(log, gathered->cut ? "CUT" : "W");
		put_request_of(gathered, log);
		kri_gather_forget(gathered);
		return !gathered->cut;
	}
	if (found == KRI_GATHER_REFUSED)
		kri_buffer_string(log, "REFUSED");
	if (found == KRI_GATHER_BAD)
		kri_buffer_string(log, gathered->why);
	return false;
}

static enum kri_gather feed(struct kri_gathered *gathered,
			    struct kri_text piece, struct kri_buffer *log)
{
	enum kri_gather found;

	kri_gather_add(gathered, piece);
	do
		found = kri_gather_walk(gathered);
	while (note(gathered, found, log));
	return found;
}

static bool is_final(enum kri_gather found)
{
	return found != KRI_GATHER_IDLE && found != KRI_GATHER_PARTIAL;
}

/* The first piece is `first` bytes, each other one `later`. */
static void run(struct kri_text bytes, size_t first, size_t later,
		struct kri_buffer *log)
{
	struct kri_gathered gathered = {0};
	enum kri_gather found = KRI_GATHER_IDLE;
	size_t size = first;

	while (bytes.len && !is_final(found)) {
		size = size < bytes.len ? size : bytes.len;
		found = feed(&gathered, kri_text(bytes.data, size), log);
		bytes = kri_text(bytes.data + size, bytes.len - size);
		size = later;
	}
	if (!is_final(found))
		kri_buffer_string(log, found == KRI_GATHER_IDLE ? "IDLE"
								: "PARTIAL");
	kri_gather_free(&gathered);
}

static void assert_run(struct trial *trial, size_t first, size_t later)
{
	struct kri_buffer log = KRI_BUFFER_EMPTY;

	run(kri_buffer_text(&trial->bytes), first, later, &log);
	assert_int_equal(log.len, trial->wanted.len);
	assert_memory_equal(log.data, trial->wanted.data, log.len);
	kri_buffer_free(&log);
}

static void assert_comes_of_it(struct trial *trial, const char *ending)
{
	size_t len = trial->bytes.len;

	kri_buffer_string(&trial->wanted, ending);
	assert_run(trial, len, len);
	assert_run(trial, 1, 1);
	for (size_t cut = 1; cut < len; cut += len < 4096 ? 1 : 997)
		assert_run(trial, cut, len);
}

/* A whole request, as put_request() sends it. */
static void want_request(struct trial *trial, unsigned id)
{
	kri_buffer_string(&trial->wanted, "W");
	put_request(&trial->wanted, id);
}

/* ---- requests --------------------------------------------------------- */

static void a_request_comes_out_as_it_went_in(void **state)
{
	struct trial *trial = *state;

	put_request(&trial->bytes, 0xfffe);
	want_request(trial, 0xfffe);
	assert_comes_of_it(trial, "IDLE");
}

static void requests_come_out_one_after_the_other(void **state)
{
	struct trial *trial = *state;

	for (unsigned id = 1; id < 4; id++) {
		put_request(&trial->bytes, id);
		want_request(trial, id);
	}
	put_begin(&trial->bytes, 4);
	assert_comes_of_it(trial, "PARTIAL");
}

static void an_empty_request_comes_out(void **state)
{
	struct trial *trial = *state;

	put_begin_as(&trial->bytes, 1, RESPONDER, false);
	put_end(&trial->bytes, PARAMS, 1);
	put_end(&trial->bytes, STDIN, 1);
	kri_buffer_string(&trial->wanted, "W");
	kri_buffer_append(&trial->wanted, kri_buffer_text(&trial->bytes));
	assert_comes_of_it(trial, "IDLE");
}

static void streams_of_many_frames_become_one_frame_each(void **state)
{
	struct trial *trial = *state;

	put_padded(&trial->bytes, BEGIN, 1, KRI_TEXT("\0\1\1\0\0\0\0\0"), 7);
	put_padded(&trial->bytes, PARAMS, 1, KRI_TEXT("\11\6PATH"), 1);
	put_padded(&trial->bytes, PARAMS, 1, KRI_TEXT("_INFO/"), 2);
	put_padded(&trial->bytes, PARAMS, 1, KRI_TEXT("hello"), 3);
	put_padded(&trial->bytes, PARAMS, 1, kri_text(NULL, 0), 4);
	put_padded(&trial->bytes, STDIN, 1, KRI_TEXT("a=1"), 5);
	put_padded(&trial->bytes, STDIN, 1, KRI_TEXT("&b=2"), 255);
	put_padded(&trial->bytes, STDIN, 1, kri_text(NULL, 0), 6);
	want_request(trial, 1);
	assert_comes_of_it(trial, "IDLE");
}

/* Enough of it is kept to see that it is too long. */
static void a_long_body_is_counted_and_dropped(void **state)
{
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put_params(&trial->bytes, 1);
	put_body(&trial->bytes, 1, 100000, 7777);
	put_request(&trial->bytes, 2);
	kri_buffer_string(&trial->wanted, "W");
	put_begin(&trial->wanted, 1);
	put_params(&trial->wanted, 1);
	put_body(&trial->wanted, 1, KEPT, KEPT);
	want_request(trial, 2);
	assert_comes_of_it(trial, "IDLE");
}

static void nobody_waits_for_the_end_of_an_endless_body(void **state)
{
	struct trial *trial = *state;
	struct kri_buffer log = KRI_BUFFER_EMPTY;

	put_begin(&trial->bytes, 1);
	put_params(&trial->bytes, 1);
	put_body(&trial->bytes, 1, KRI_GATHER_BODY_MAX + 1, 65535);
	kri_buffer_string(&trial->wanted, "CUT");
	put_begin(&trial->wanted, 1);
	put_params(&trial->wanted, 1);
	put_body(&trial->wanted, 1, KEPT, KEPT);
	run(kri_buffer_text(&trial->bytes), 65536, 65536, &log);
	assert_true(kri_text_equal(kri_buffer_text(&log),
				   kri_buffer_text(&trial->wanted)));
	kri_buffer_free(&log);
}

/* ---- parameters ------------------------------------------------------- */

static void lying_pairs_are_bad(void **state)
{
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put(&trial->bytes, PARAMS, 1, KRI_TEXT("\200\0\0\1\377\377\377\376a"));
	put_end(&trial->bytes, PARAMS, 1);
	put_end(&trial->bytes, STDIN, 1);
	assert_comes_of_it(trial, "parameters with lengths that do not fit");
}

static void a_pair_that_ends_early_is_bad(void **state)
{
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put(&trial->bytes, PARAMS, 1, KRI_TEXT("\1\1ab\3"));
	put_end(&trial->bytes, PARAMS, 1);
	assert_comes_of_it(trial, "parameters with lengths that do not fit");
}

static void parameters_without_end_are_bad(void **state)
{
	static char zeros[40000]; /* pairs of nothing and nothing */
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put(&trial->bytes, PARAMS, 1, kri_text(zeros, sizeof(zeros)));
	put(&trial->bytes, PARAMS, 1, kri_text(zeros, 25535));
	kri_buffer_string(&trial->wanted, "PARTIAL");
	assert_run(trial, 40000, 40000);
	put(&trial->bytes, PARAMS, 1, kri_text(zeros, 1));
	kri_buffer_clear(&trial->wanted);
	assert_comes_of_it(trial, "more than 64 KiB of parameters");
}

static void streams_must_follow_each_other(void **state)
{
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put(&trial->bytes, PARAMS, 1, KRI_TEXT("\1\1ab"));
	put_end(&trial->bytes, STDIN, 1);
	assert_comes_of_it(trial, "a body before the parameters' end");
	kri_buffer_clear(&trial->bytes);
	kri_buffer_clear(&trial->wanted);
	put_begin(&trial->bytes, 1);
	put_params(&trial->bytes, 1);
	put_end(&trial->bytes, PARAMS, 1);
	assert_comes_of_it(trial, "parameters behind their end");
}

static void a_filters_data_is_bad(void **state)
{
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put_params(&trial->bytes, 1);
	put(&trial->bytes, DATA, 1, KRI_TEXT("data"));
	assert_comes_of_it(trial, "a filter's data for a responder");
}

static void a_beginning_of_the_wrong_size_is_bad(void **state)
{
	struct trial *trial = *state;

	put(&trial->bytes, BEGIN, 1, KRI_TEXT("\0\1\1\0\0\0\0"));
	assert_comes_of_it(trial,
			   "the beginning of a request has the wrong size");
}

static void another_protocol_is_bad(void **state)
{
	struct trial *trial = *state;

	put_request(&trial->bytes, 1);
	kri_buffer_string(&trial->bytes, "GET / HTTP/1.1\r\n\r\n");
	want_request(trial, 1);
	assert_comes_of_it(trial, "something that is not FastCGI");
}

/* ---- other frames ---------------------------------------------------- */

static void questions_are_answered_and_drop_nothing(void **state)
{
	struct trial *trial = *state;

	put_question(&trial->bytes);
	put_begin(&trial->bytes, 1);
	put_question(&trial->bytes);
	put_params(&trial->bytes, 1);
	put_question(&trial->bytes);
	put(&trial->bytes, STDIN, 1, KRI_TEXT("a=1&b=2"));
	put_end(&trial->bytes, STDIN, 1);
	put_question(&trial->bytes);
	for (int i = 0; i < 3; i++)
		put_value(&trial->wanted);
	want_request(trial, 1);
	put_value(&trial->wanted);
	assert_comes_of_it(trial, "IDLE");
}

static void only_known_values_are_told(void **state)
{
	struct trial *trial = *state;
	struct kri_buffer log = KRI_BUFFER_EMPTY;

	put(&trial->bytes, GET_VALUES, 0, KRI_TEXT("\3\0FOO"));
	put_end(&trial->wanted, GET_VALUES_RESULT, 0);
	assert_comes_of_it(trial, "IDLE");
	kri_buffer_clear(&trial->bytes);
	put(&trial->bytes, GET_VALUES, 0,
	    KRI_TEXT("\16\0FCGI_MAX_CONNS\15\0FCGI_MAX_REQS"));
	run(kri_buffer_text(&trial->bytes), 100, 100, &log);
	assert_non_null(memmem(log.data, log.len, "FCGI_MAX_CONNS", 14));
	assert_non_null(memmem(log.data, log.len, "FCGI_MAX_REQS", 13));
	assert_null(memmem(log.data, log.len, "FCGI_MPXS_CONNS", 15));
	kri_buffer_free(&log);
}

static void a_malformed_question_is_bad(void **state)
{
	struct trial *trial = *state;

	put(&trial->bytes, GET_VALUES, 0, KRI_TEXT("\17\0FCGI"));
	assert_comes_of_it(trial, "a question for values with lengths that do "
				  "not fit");
}

static void an_unknown_management_frame_drops_nothing(void **state)
{
	struct trial *trial = *state;

	put(&trial->bytes, 42, 0, KRI_TEXT("content"));
	put_request(&trial->bytes, 1);
	put(&trial->wanted, UNKNOWN_TYPE, 0, KRI_TEXT("*\0\0\0\0\0\0\0"));
	want_request(trial, 1);
	assert_comes_of_it(trial, "IDLE");
}

static void the_end_of_no_requests_input_ends_none(void **state)
{
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put_params(&trial->bytes, 1);
	put_end(&trial->bytes, STDIN, 0);
	put(&trial->wanted, UNKNOWN_TYPE, 0, KRI_TEXT("\5\0\0\0\0\0\0\0"));
	assert_comes_of_it(trial, "PARTIAL");
}

static void frames_of_no_request_are_ignored(void **state)
{
	struct trial *trial = *state;

	put_end(&trial->bytes, ABORT, 7);
	put_params(&trial->bytes, 7);
	put_begin(&trial->bytes, 1);
	put_params(&trial->bytes, 1);
	put_end(&trial->bytes, PARAMS, 7);
	put_end(&trial->bytes, STDIN, 7);
	put(&trial->bytes, STDIN, 1, KRI_TEXT("a=1&b=2"));
	put_end(&trial->bytes, STDIN, 1);
	want_request(trial, 1);
	assert_comes_of_it(trial, "IDLE");
}

static void a_request_within_another_is_refused(void **state)
{
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put_request(&trial->bytes, 2);
	put_params(&trial->bytes, 1);
	put(&trial->bytes, STDIN, 1, KRI_TEXT("a=1&b=2"));
	put_end(&trial->bytes, STDIN, 1);
	put_refusal(&trial->wanted, 2, CANT_MPX_CONN);
	want_request(trial, 1);
	assert_comes_of_it(trial, "IDLE");
}

static void a_request_that_begins_twice_is_bad(void **state)
{
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put_begin(&trial->bytes, 1);
	assert_comes_of_it(trial, "a request began twice");
}

static void an_unknown_role_is_refused(void **state)
{
	struct trial *trial = *state;

	put_begin_as(&trial->bytes, 1, FILTER, true);
	put_params(&trial->bytes, 1);
	put_end(&trial->bytes, STDIN, 1);
	put(&trial->bytes, DATA, 1, KRI_TEXT("data"));
	put_end(&trial->bytes, DATA, 1);
	put_request(&trial->bytes, 2);
	put_refusal(&trial->wanted, 1, UNKNOWN_ROLE);
	want_request(trial, 2);
	assert_comes_of_it(trial, "IDLE");
}

static void an_authorizer_is_refused_where_none_is_mapped(void **state)
{
	struct trial *trial = *state;

	put_begin_as(&trial->bytes, 1, AUTHORIZER, true);
	put_params(&trial->bytes, 1);
	put_end(&trial->bytes, STDIN, 1);
	put_request(&trial->bytes, 2);
	put_refusal(&trial->wanted, 1, UNKNOWN_ROLE);
	want_request(trial, 2);
	assert_comes_of_it(trial, "IDLE");
}

static void a_connection_not_kept_ends_with_the_refusal(void **state)
{
	struct trial *trial = *state;

	put_begin_as(&trial->bytes, 1, 258, false);
	put_params(&trial->bytes, 1);
	put_refusal(&trial->wanted, 1, UNKNOWN_ROLE);
	assert_comes_of_it(trial, "REFUSED");
}

static void an_aborted_request_is_dropped(void **state)
{
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put(&trial->bytes, PARAMS, 1, KRI_TEXT("\1\1ab"));
	put_end(&trial->bytes, ABORT, 1);
	put_request(&trial->bytes, 1);
	put_end(&trial->bytes, ABORT, 1);
	put_refusal(&trial->wanted, 1, COMPLETE);
	want_request(trial, 1);
	assert_comes_of_it(trial, "IDLE");
}

static void an_aborted_request_ends_a_connection_not_kept(void **state)
{
	struct trial *trial = *state;

	put_begin_as(&trial->bytes, 1, RESPONDER, false);
	put_end(&trial->bytes, ABORT, 1);
	put_refusal(&trial->wanted, 1, COMPLETE);
	assert_comes_of_it(trial, "REFUSED");
}

/* ---- hostility -------------------------------------------------------- */

static void put_mixture(struct kri_buffer *bytes)
{
	put_question(bytes);
	put_request(bytes, 1);
	put_begin(bytes, 2);
	put_begin(bytes, 3);
	put_params(bytes, 2);
	put_end(bytes, ABORT, 2);
	put_begin_as(bytes, 4, AUTHORIZER, true);
	put_request(bytes, 5);
}

/* Nothing is read past what came, which the sanitizers see, and what comes
 * of it does not depend on how it is cut. */
static void mutated_frames_are_survived(void **state)
{
	struct trial *trial = *state;
	uint32_t seed = 1;

	for (int round = 0; round < 3000; round++) {
		struct kri_buffer *log = &trial->wanted;

		kri_buffer_clear(&trial->bytes);
		kri_buffer_clear(log);
		put_mixture(&trial->bytes);
		mutate(&trial->bytes, &seed);
		run(kri_buffer_text(&trial->bytes), 1 << 20, 1, log);
		assert_run(trial, 1 + next_random(&seed) % 99,
			   1 + next_random(&seed) % 99);
	}
}

/* A byte at a time must not cost a look at all the others each time. */
static void trickled_bytes_cost_no_more_than_they_are(void **state)
{
	struct trial *trial = *state;
	struct kri_buffer log = KRI_BUFFER_EMPTY;
	clock_t since = clock();

	put_begin(&trial->bytes, 1);
	put_params(&trial->bytes, 1);
	put_body(&trial->bytes, 1, 1 << 20, 65535);
	run(kri_buffer_text(&trial->bytes), 1, 1, &log);
	assert_int_equal(log.data[0], 'W');
	/* 10^6 steps; the square would be 10^11 bytes. */
	assert_in_range(clock() - since, 0, 2 * CLOCKS_PER_SEC);
	kri_buffer_free(&log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_comes_out_as_it_went_in),
		TEST(requests_come_out_one_after_the_other),
		TEST(an_empty_request_comes_out),
		TEST(streams_of_many_frames_become_one_frame_each),
		TEST(a_long_body_is_counted_and_dropped),
		TEST(nobody_waits_for_the_end_of_an_endless_body),
		TEST(lying_pairs_are_bad),
		TEST(a_pair_that_ends_early_is_bad),
		TEST(parameters_without_end_are_bad),
		TEST(streams_must_follow_each_other),
		TEST(a_filters_data_is_bad),
		TEST(a_beginning_of_the_wrong_size_is_bad),
		TEST(another_protocol_is_bad),
		TEST(questions_are_answered_and_drop_nothing),
		TEST(only_known_values_are_told),
		TEST(a_malformed_question_is_bad),
		TEST(an_unknown_management_frame_drops_nothing),
		TEST(the_end_of_no_requests_input_ends_none),
		TEST(frames_of_no_request_are_ignored),
		TEST(a_request_within_another_is_refused),
		TEST(a_request_that_begins_twice_is_bad),
		TEST(an_unknown_role_is_refused),
		TEST(an_authorizer_is_refused_where_none_is_mapped),
		TEST(a_connection_not_kept_ends_with_the_refusal),
		TEST(an_aborted_request_is_dropped),
		TEST(an_aborted_request_ends_a_connection_not_kept),
		TEST(mutated_frames_are_survived),
		TEST(trickled_bytes_cost_no_more_than_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
