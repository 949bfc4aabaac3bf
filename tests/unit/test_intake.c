/*
 * The intake over a pair of sockets, with libfcgi behind it: what is called
 * whole must be taken and answered, whatever way it came.
 */
#include "fcgi/intake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "http/request.h"
#include "frames.h"

struct trial {
	struct kri_intake intake;
	struct kri_window *window;
	struct kri_gateway *gateway;
	int peer; /* the front server's end */
	int fd;   /* ours */
	struct kri_buffer bytes, body, rest;
	const char *why;
};

static void connect_pair(struct trial *trial)
{
	int pair[2];

	assert_false(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	trial->peer = pair[0];
	trial->fd = pair[1];
}

static int setup(void **state)
{
	struct trial *trial = calloc(1, sizeof(*trial));

	assert_non_null(trial);
	assert_int_equal(kri_gateway_setup(), KR_OK);
	assert_int_equal(kri_gateway_open(&trial->gateway), KR_OK);
	assert_int_equal(kri_window_open(&trial->window), KR_OK);
	connect_pair(trial);
	*state = trial;
	return 0;
}

static void disconnect(struct trial *trial)
{
	kri_intake_free(&trial->intake);
	assert_false(close(trial->fd));
	close(trial->peer);
}

static int teardown(void **state)
{
	struct trial *trial = *state;

	disconnect(trial);
	kri_window_close(&trial->window);
	kri_gateway_close(&trial->gateway);
	kri_buffer_free(&trial->bytes);
	kri_buffer_free(&trial->body);
	kri_buffer_free(&trial->rest);
	free(trial);
	return 0;
}

static enum kri_look look(struct trial *trial)
{
	return kri_intake_look(&trial->intake, trial->window, trial->fd,
			       &trial->why);
}

/* A part of what is to be sent, or all of it. */
static void send_some(struct trial *trial, size_t from, size_t len)
{
	assert_int_equal(write(trial->peer, trial->bytes.data + from, len),
			 len);
}

static void send_bytes(struct trial *trial)
{
	send_some(trial, 0, trial->bytes.len);
	kri_buffer_clear(&trial->bytes);
}

static enum kr_err receive(struct trial *trial)
{
	enum kr_err body_err = KR_ERR_SYSTEM;

	kri_buffer_clear(&trial->body);
	assert_int_equal(kri_intake_receive(&trial->intake, trial->window,
					    trial->fd, trial->gateway,
					    KRI_REQUEST_BODY_MAX, &trial->body,
					    &body_err),
			 KR_OK);
	assert_string_equal(kri_gateway_params(trial->gateway)[1],
			    "PATH_INFO=/hello");
	return body_err;
}

static enum kri_fate answer(struct trial *trial)
{
	return kri_gateway_send(trial->gateway, trial->window,
				KRI_TEXT("\r\nhi"), &trial->rest);
}

/* All that our side has said, which must be what stands in `bytes`. */
static void assert_said(struct trial *trial)
{
	char said[4096];
	ssize_t n = read(trial->peer, said, sizeof(said));

	assert_int_equal(n, trial->bytes.len);
	assert_memory_equal(said, trial->bytes.data, n);
	kri_buffer_clear(&trial->bytes);
}

static void put_answer(struct kri_buffer *out, unsigned id)
{
	put_padded(out, STDOUT, id, KRI_TEXT("\r\nhi"), 0);
	/* libfcgi's padding is zeros: the frame is made by hand. */
	out->data[out->len - HEADER - 4 + 6] = 4;
	kri_buffer_append(out, KRI_TEXT("\0\0\0\0"));
	put_end(out, STDOUT, id);
	put_refusal(out, id, COMPLETE);
}

static void assert_served(struct trial *trial, unsigned id)
{
	assert_int_equal(receive(trial), KR_OK);
	assert_string_equal(trial->body.data, "a=1&b=2");
	assert_int_equal(answer(trial), KRI_FATE_KEEP);
	put_answer(&trial->bytes, id);
	assert_said(trial);
}

static int waiting(const struct trial *trial)
{
	int n = -1;

	assert_false(ioctl(trial->fd, FIONREAD, &n));
	return n;
}

/* ---- the short way ---------------------------------------------------- */

static void nothing_is_nothing(void **state)
{
	assert_int_equal(look(*state), KRI_LOOK_NOTHING);
}

static void a_whole_request_is_left_for_libfcgi(void **state)
{
	struct trial *trial = *state;

	for (unsigned id = 1; id < 4; id++) {
		int size;

		put_request(&trial->bytes, id);
		size = (int)trial->bytes.len;
		send_bytes(trial);
		assert_int_equal(look(trial), KRI_LOOK_WHOLE);
		assert_int_equal(waiting(trial), size);
		assert_null(trial->intake.gathered);
		assert_served(trial, id);
		assert_int_equal(waiting(trial), 0);
	}
	assert_int_equal(look(trial), KRI_LOOK_NOTHING);
}

/* libfcgi reads 8 KiB at a time: at whatever byte that is, it has to end with
 * the request. */
static void of_a_request_of_any_size_nothing_is_left(void **state)
{
	struct trial *trial = *state;

	for (size_t len = 7900; len < 8300; len++) {
		put_begin(&trial->bytes, 1);
		put_params(&trial->bytes, 1);
		put_body(&trial->bytes, 1, len, 5000);
		send_bytes(trial);
		assert_int_equal(look(trial), KRI_LOOK_WHOLE);
		assert_null(trial->intake.gathered);
		assert_int_equal(receive(trial), len > KRI_REQUEST_BODY_MAX
							 ? KR_ERR_LIMIT
							 : KR_OK);
		assert_int_equal(trial->body.len,
				 len < KRI_REQUEST_BODY_MAX
					 ? len
					 : KRI_REQUEST_BODY_MAX);
		assert_int_equal(waiting(trial), 0);
		assert_int_equal(answer(trial), KRI_FATE_KEEP);
		put_answer(&trial->bytes, 1);
		assert_said(trial);
	}
}

static void a_peer_that_closes_is_an_end(void **state)
{
	struct trial *trial = *state;

	put_request(&trial->bytes, 1);
	send_bytes(trial);
	shutdown(trial->peer, SHUT_WR);
	assert_int_equal(look(trial), KRI_LOOK_WHOLE);
	assert_served(trial, 1);
	assert_int_equal(look(trial), KRI_LOOK_ENDED);
}

/* ---- in pieces -------------------------------------------------------- */

static void a_request_may_come_a_byte_at_a_time(void **state)
{
	struct trial *trial = *state;
	size_t len;

	put_request(&trial->bytes, 1);
	len = trial->bytes.len;
	for (size_t at = 0; at < len; at++) {
		assert_int_equal(look(trial),
				 at ? KRI_LOOK_PARTIAL : KRI_LOOK_NOTHING);
		send_some(trial, at, 1);
	}
	kri_buffer_clear(&trial->bytes);
	assert_int_equal(look(trial), KRI_LOOK_WHOLE);
	assert_served(trial, 1);
	assert_null(trial->intake.gathered);
}

static void a_request_may_come_in_two_pieces(void **state)
{
	struct trial *trial = *state;
	struct kri_buffer request = KRI_BUFFER_EMPTY;

	put_request(&request, 1);
	for (size_t cut = 1; cut < request.len; cut++) {
		kri_buffer_append(&trial->bytes, kri_buffer_text(&request));
		send_some(trial, 0, cut);
		assert_int_equal(look(trial), KRI_LOOK_PARTIAL);
		send_some(trial, cut, request.len - cut);
		kri_buffer_clear(&trial->bytes);
		assert_int_equal(look(trial), KRI_LOOK_WHOLE);
		assert_served(trial, 1);
	}
	kri_buffer_free(&request);
}

static void the_peer_may_close_in_the_middle(void **state)
{
	struct trial *trial = *state;

	put_request(&trial->bytes, 1);
	send_some(trial, 0, trial->bytes.len - 1);
	assert_int_equal(look(trial), KRI_LOOK_PARTIAL);
	shutdown(trial->peer, SHUT_WR);
	assert_int_equal(look(trial), KRI_LOOK_ENDED);
}

/* Sends as much as goes in, looks, and so on. */
static enum kri_look pump(struct trial *trial)
{
	enum kri_look found = KRI_LOOK_PARTIAL;
	size_t at = 0;

	while (found == KRI_LOOK_PARTIAL) {
		ssize_t n = write(trial->peer, trial->bytes.data + at,
				  trial->bytes.len - at);

		if (n > 0)
			at += (size_t)n;
		found = look(trial);
	}
	kri_buffer_clear(&trial->bytes);
	return found;
}

static void a_body_of_200_kib_is_too_long_and_harms_nothing(void **state)
{
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put_params(&trial->bytes, 1);
	put_body(&trial->bytes, 1, 200 << 10, 32 << 10);
	assert_int_equal(pump(trial), KRI_LOOK_WHOLE);
	assert_int_equal(receive(trial), KR_ERR_LIMIT);
	assert_int_equal(trial->body.len, KRI_REQUEST_BODY_MAX);
	assert_int_equal(answer(trial), KRI_FATE_KEEP);
	put_answer(&trial->bytes, 1);
	assert_said(trial);
	put_request(&trial->bytes, 2);
	send_bytes(trial);
	assert_int_equal(look(trial), KRI_LOOK_WHOLE);
	assert_served(trial, 2);
}

static void a_body_beyond_a_mebibyte_is_answered_early(void **state)
{
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put_params(&trial->bytes, 1);
	put_body(&trial->bytes, 1, 2 << 20, 32 << 10);
	assert_int_equal(pump(trial), KRI_LOOK_WHOLE);
	assert_int_equal(receive(trial), KR_ERR_LIMIT);
	assert_int_equal(answer(trial), KRI_FATE_LINGER);
	assert_null(trial->intake.gathered);
}

static void parameters_may_be_larger_than_the_window(void **state)
{
	static char value[65515];
	struct trial *trial = *state;
	struct kri_buffer params = KRI_BUFFER_EMPTY;
	char **found;

	memset(value, 'v', sizeof(value));
	kri_buffer_append(&params, KRI_TEXT("\11\6PATH_INFO/hello"
					    "\1\200\000\377\346N"));
	kri_buffer_append(&params, kri_text(value, 65510));
	put_begin(&trial->bytes, 1);
	put_padded(&trial->bytes, PARAMS, 1, kri_text(params.data, 40000), 9);
	put_padded(&trial->bytes, PARAMS, 1,
		   kri_text(params.data + 40000, params.len - 40000), 9);
	put_end(&trial->bytes, PARAMS, 1);
	put_end(&trial->bytes, STDIN, 1);
	assert_int_equal(params.len, 65533);
	assert_int_equal(pump(trial), KRI_LOOK_WHOLE);
	assert_int_equal(receive(trial), KR_OK);
	found = kri_gateway_params(trial->gateway);
	assert_int_equal(strlen(found[2]), 2 + 65510);
	assert_int_equal(answer(trial), KRI_FATE_KEEP);
	kri_buffer_free(&params);
}

/* ---- several ---------------------------------------------------------- */

static void requests_sent_ahead_wait_for_their_turn(void **state)
{
	struct trial *trial = *state;

	for (unsigned id = 1; id < 4; id++)
		put_request(&trial->bytes, id);
	send_bytes(trial);
	for (unsigned id = 1; id < 4; id++) {
		assert_int_equal(look(trial), KRI_LOOK_WHOLE);
		assert_served(trial, id);
		assert_int_equal(trial->intake.gathered != NULL, id < 3);
	}
	assert_int_equal(look(trial), KRI_LOOK_NOTHING);
}

static void half_a_request_sent_ahead_is_kept(void **state)
{
	struct trial *trial = *state;
	size_t first;

	put_request(&trial->bytes, 1);
	first = trial->bytes.len + 20;
	put_request(&trial->bytes, 2);
	send_some(trial, 0, first);
	assert_int_equal(look(trial), KRI_LOOK_WHOLE);
	send_some(trial, first, trial->bytes.len - first);
	kri_buffer_clear(&trial->bytes);
	assert_served(trial, 1);
	assert_int_equal(look(trial), KRI_LOOK_WHOLE);
	assert_served(trial, 2);
	assert_int_equal(look(trial), KRI_LOOK_NOTHING);
}

/* ---- other frames ---------------------------------------------------- */

static void a_question_alone_is_answered_at_once(void **state)
{
	struct trial *trial = *state;

	put_question(&trial->bytes);
	send_bytes(trial);
	assert_int_equal(look(trial), KRI_LOOK_NOTHING);
	assert_null(trial->intake.gathered);
	put_value(&trial->bytes);
	assert_said(trial);
	put_request(&trial->bytes, 1);
	send_bytes(trial);
	assert_int_equal(look(trial), KRI_LOOK_WHOLE);
	assert_served(trial, 1);
}

static void questions_before_and_between_requests_are_answered(void **state)
{
	struct trial *trial = *state;

	put_question(&trial->bytes);
	put_request(&trial->bytes, 1);
	put_question(&trial->bytes);
	put(&trial->bytes, 42, 0, KRI_TEXT("what"));
	put_request(&trial->bytes, 2);
	send_bytes(trial);
	assert_int_equal(look(trial), KRI_LOOK_WHOLE);
	put_value(&trial->bytes);
	assert_said(trial);
	assert_served(trial, 1);
	assert_int_equal(look(trial), KRI_LOOK_WHOLE);
	put_value(&trial->bytes);
	put(&trial->bytes, UNKNOWN_TYPE, 0, KRI_TEXT("*\0\0\0\0\0\0\0"));
	assert_said(trial);
	assert_served(trial, 2);
}

static void who_does_not_read_the_answers_is_left(void **state)
{
	struct trial *trial = *state;
	enum kri_look found = KRI_LOOK_NOTHING;
	int rounds = 0;

	while (found == KRI_LOOK_NOTHING) {
		put_question(&trial->bytes);
		send_bytes(trial);
		found = look(trial);
		assert_in_range(rounds++, 0, 100000);
	}
	assert_int_equal(found, KRI_LOOK_ENDED);
}

static void an_aborted_request_is_no_mistake(void **state)
{
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put_params(&trial->bytes, 1);
	put_end(&trial->bytes, ABORT, 1);
	send_bytes(trial);
	assert_int_equal(look(trial), KRI_LOOK_NOTHING);
	put_refusal(&trial->bytes, 1, COMPLETE);
	assert_said(trial);
	put_request(&trial->bytes, 1);
	send_bytes(trial);
	assert_int_equal(look(trial), KRI_LOOK_WHOLE);
	assert_served(trial, 1);
	put_end(&trial->bytes, ABORT, 1);
	send_bytes(trial);
	assert_int_equal(look(trial), KRI_LOOK_NOTHING);
}

static void an_abort_ends_a_connection_not_kept(void **state)
{
	struct trial *trial = *state;

	put_begin_as(&trial->bytes, 1, RESPONDER, false);
	put_end(&trial->bytes, ABORT, 1);
	send_bytes(trial);
	assert_int_equal(look(trial), KRI_LOOK_LINGER);
	put_refusal(&trial->bytes, 1, COMPLETE);
	assert_said(trial);
}

static void an_unknown_role_is_told_so(void **state)
{
	struct trial *trial = *state;

	put_begin_as(&trial->bytes, 1, AUTHORIZER, false);
	put_params(&trial->bytes, 1);
	put_end(&trial->bytes, STDIN, 1);
	send_bytes(trial);
	assert_int_equal(look(trial), KRI_LOOK_LINGER);
	put_refusal(&trial->bytes, 1, UNKNOWN_ROLE);
	assert_said(trial);
}

static void lying_lengths_do_not_reach_libfcgi(void **state)
{
	struct trial *trial = *state;

	put_begin(&trial->bytes, 1);
	put(&trial->bytes, PARAMS, 1, KRI_TEXT("\200\0\0\1\377\377\377\376"));
	put_end(&trial->bytes, PARAMS, 1);
	put_end(&trial->bytes, STDIN, 1);
	send_bytes(trial);
	assert_int_equal(look(trial), KRI_LOOK_BAD);
	assert_string_equal(trial->why,
			    "parameters with lengths that do not fit");
}

static void another_protocol_is_bad(void **state)
{
	struct trial *trial = *state;

	kri_buffer_string(&trial->bytes, "GET / HTTP/1.1\r\n\r\n");
	send_bytes(trial);
	assert_int_equal(look(trial), KRI_LOOK_BAD);
	assert_string_equal(trial->why, "something that is not FastCGI");
}

/* ---- hostility -------------------------------------------------------- */

/* Whatever is called whole is taken by libfcgi, at once and to its end. False
 * when the connection is to be closed. */
static bool serve_what_is_whole(struct trial *trial)
{
	enum kri_look found;

	while ((found = look(trial)) == KRI_LOOK_WHOLE) {
		enum kr_err body_err = KR_ERR_SYSTEM;

		kri_buffer_clear(&trial->body);
		assert_int_equal(kri_intake_receive(&trial->intake,
						    trial->window, trial->fd,
						    trial->gateway,
						    KRI_REQUEST_BODY_MAX,
						    &trial->body, &body_err),
				 KR_OK);
		assert_true(body_err == KR_OK || body_err == KR_ERR_LIMIT);
		if (answer(trial) != KRI_FATE_KEEP)
			return false;
	}
	return found == KRI_LOOK_NOTHING || found == KRI_LOOK_PARTIAL;
}

static void mutated_requests_never_reach_libfcgi_broken(void **state)
{
	struct trial *trial = *state;
	uint32_t seed = 1;
	int kept = 0;

	for (int round = 0; round < 3000; round++) {
		size_t cut;

		put_question(&trial->bytes);
		put_request(&trial->bytes, 1);
		if (next_random(&seed) % 2)
			kri_buffer_clear(&trial->bytes);
		put_request(&trial->bytes, 2);
		mutate(&trial->bytes, &seed);
		cut = next_random(&seed) % (trial->bytes.len + 1);
		send_some(trial, 0, cut);
		if (serve_what_is_whole(trial)) {
			send_some(trial, cut, trial->bytes.len - cut);
			kept += serve_what_is_whole(trial);
		}
		kri_buffer_clear(&trial->bytes);
		disconnect(trial);
		connect_pair(trial);
	}
	assert_in_range(kept, 100, 2900);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_nothing),
		TEST(a_whole_request_is_left_for_libfcgi),
		TEST(of_a_request_of_any_size_nothing_is_left),
		TEST(a_peer_that_closes_is_an_end),
		TEST(a_request_may_come_a_byte_at_a_time),
		TEST(a_request_may_come_in_two_pieces),
		TEST(the_peer_may_close_in_the_middle),
		TEST(a_body_of_200_kib_is_too_long_and_harms_nothing),
		TEST(a_body_beyond_a_mebibyte_is_answered_early),
		TEST(parameters_may_be_larger_than_the_window),
		TEST(requests_sent_ahead_wait_for_their_turn),
		TEST(half_a_request_sent_ahead_is_kept),
		TEST(a_question_alone_is_answered_at_once),
		TEST(questions_before_and_between_requests_are_answered),
		TEST(who_does_not_read_the_answers_is_left),
		TEST(an_aborted_request_is_no_mistake),
		TEST(an_abort_ends_a_connection_not_kept),
		TEST(an_unknown_role_is_told_so),
		TEST(lying_lengths_do_not_reach_libfcgi),
		TEST(another_protocol_is_bad),
		TEST(mutated_requests_never_reach_libfcgi_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
