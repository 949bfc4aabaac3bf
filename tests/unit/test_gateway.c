/*
 * The gateway over a pair of sockets: what libfcgi writes, and that it never
 * waits for a peer that does not read.
 */
#include "fcgi/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "frames.h"

struct trial {
	struct kri_gateway *gateway;
	struct kri_window *window;
	int peer; /* the front server's end */
	int fd;   /* ours */
	struct kri_buffer bytes, body, rest, got;
};

static int setup(void **state)
{
	struct trial *trial = calloc(1, sizeof(*trial));
	int pair[2];

	assert_non_null(trial);
	assert_int_equal(kri_gateway_setup(), KR_OK);
	assert_int_equal(kri_gateway_open(&trial->gateway), KR_OK);
	assert_int_equal(kri_window_open(&trial->window), KR_OK);
	assert_false(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	trial->peer = pair[0];
	trial->fd = pair[1];
	*state = trial;
	return 0;
}

/* Our end must be open still, whatever happened. */
static int teardown(void **state)
{
	struct trial *trial = *state;

	kri_gateway_close(&trial->gateway);
	kri_window_close(&trial->window);
	assert_false(close(trial->fd));
	close(trial->peer);
	kri_buffer_free(&trial->bytes);
	kri_buffer_free(&trial->body);
	kri_buffer_free(&trial->rest);
	kri_buffer_free(&trial->got);
	free(trial);
	return 0;
}

static void send_bytes(struct trial *trial)
{
	assert_int_equal(
		write(trial->peer, trial->bytes.data, trial->bytes.len),
		trial->bytes.len);
	kri_buffer_clear(&trial->bytes);
}

static void receive_bytes(struct trial *trial)
{
	static char bytes[65536];
	ssize_t n;

	while ((n = read(trial->peer, bytes, sizeof(bytes))) > 0)
		kri_buffer_append(&trial->got, kri_text(bytes, (size_t)n));
	assert_true(n == 0 || errno == EAGAIN);
}

static void receive_request(struct trial *trial, bool keep)
{
	put_begin_as(&trial->bytes, 1, RESPONDER, keep);
	put_params(&trial->bytes, 1);
	put(&trial->bytes, STDIN, 1, KRI_TEXT("a=1&b=2"));
	put_end(&trial->bytes, STDIN, 1);
	send_bytes(trial);
	assert_int_equal(
		kri_gateway_receive(trial->gateway, trial->fd, trial->fd),
		KR_OK);
}

static void read_body(struct trial *trial)
{
	assert_int_equal(kri_gateway_body(trial->gateway, 100, &trial->body),
			 KR_OK);
}

static enum kri_fate answer(struct trial *trial, struct kri_text text)
{
	return kri_gateway_send(trial->gateway, trial->window, text,
				&trial->rest);
}

/* The answer's text, put together from its records; -1: they are not whole,
 * or not what they should be. */
static ssize_t unpack(const struct kri_buffer *got, struct kri_buffer *out)
{
	const unsigned char *at = (const unsigned char *)got->data;
	size_t left = got->len;

	while (left >= HEADER) {
		size_t len = (size_t)at[4] << 8 | at[5];
		size_t size = HEADER + len + at[6];

		if (left < size || at[0] != 1 || at[3] != 1)
			return -1;
		if (at[1] == END)
			return left == size && len == 8 ? (ssize_t)out->len
							: -1;
		if (at[1] != STDOUT)
			return -1;
		kri_buffer_append(out,
				  kri_text((const char *)at + HEADER, len));
		at += size;
		left -= size;
	}
	return -1;
}

static void assert_answered(const struct trial *trial, struct kri_text text)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	assert_int_equal(unpack(&trial->got, &out), text.len);
	assert_true(kri_text_equal(kri_buffer_text(&out), text));
	kri_buffer_free(&out);
}

static struct kri_text long_text(size_t len)
{
	static char *bytes;

	free(bytes);
	bytes = malloc(len);
	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	return kri_text(bytes, len);
}

/* ---- receiving -------------------------------------------------------- */

static void parameters_and_body_are_read(void **state)
{
	struct trial *trial = *state;

	receive_request(trial, true);
	assert_string_equal(kri_gateway_params(trial->gateway)[1],
			    "PATH_INFO=/hello");
	read_body(trial);
	assert_string_equal(trial->body.data, "a=1&b=2");
}

/* libfcgi's own have been given back by then. */
static void parameters_stay_until_the_answer(void **state)
{
	struct trial *trial = *state;

	receive_request(trial, true);
	read_body(trial);
	assert_string_equal(kri_gateway_params(trial->gateway)[0],
			    "FCGI_ROLE=RESPONDER");
	assert_string_equal(kri_gateway_params(trial->gateway)[1],
			    "PATH_INFO=/hello");
	assert_null(kri_gateway_params(trial->gateway)[2]);
	assert_int_equal(answer(trial, KRI_TEXT("yes")), KRI_FATE_KEEP);
	receive_bytes(trial);
	assert_answered(trial, KRI_TEXT("yes"));
	assert_null(kri_gateway_params(trial->gateway));
}

static void to_ask_for_a_body_takes_nothing_of_it(void **state)
{
	struct trial *trial = *state;

	receive_request(trial, true);
	assert_true(kri_gateway_has_body(trial->gateway));
	assert_true(kri_gateway_has_body(trial->gateway));
	read_body(trial);
	assert_string_equal(trial->body.data, "a=1&b=2");
	assert_int_equal(answer(trial, KRI_TEXT("yes")), KRI_FATE_KEEP);
	kri_buffer_clear(&trial->body);
	put_begin(&trial->bytes, 1);
	put_params(&trial->bytes, 1);
	put_end(&trial->bytes, STDIN, 1);
	send_bytes(trial);
	assert_int_equal(
		kri_gateway_receive(trial->gateway, trial->fd, trial->fd),
		KR_OK);
	assert_false(kri_gateway_has_body(trial->gateway));
	read_body(trial);
	assert_int_equal(trial->body.len, 0);
	assert_int_equal(answer(trial, KRI_TEXT("yes")), KRI_FATE_KEEP);
}

static void of_a_longer_body_only_the_beginning_is_taken(void **state)
{
	struct trial *trial = *state;

	receive_request(trial, true);
	assert_int_equal(kri_gateway_body(trial->gateway, 3, &trial->body),
			 KR_ERR_LIMIT);
	assert_string_equal(trial->body.data, "a=1");
	assert_int_equal(answer(trial, KRI_TEXT("no")), KRI_FATE_KEEP);
}

static void a_request_may_be_read_from_the_tray(void **state)
{
	struct trial *trial = *state;
	int tray = kri_window_tray(trial->window);

	put_request(&trial->bytes, 1);
	assert_int_equal(pwrite(tray, trial->bytes.data, trial->bytes.len, 0),
			 trial->bytes.len);
	assert_int_equal(kri_gateway_receive(trial->gateway, tray, trial->fd),
			 KR_OK);
	read_body(trial);
	assert_int_equal(answer(trial, KRI_TEXT("yes")), KRI_FATE_KEEP);
	receive_bytes(trial);
	assert_answered(trial, KRI_TEXT("yes"));
}

/* Which never comes, as requests are looked at before: but then the socket is
 * libfcgi's own, and it does not wait for the peer before it closes. */
static void what_libfcgi_does_not_take_it_closes(void **state)
{
	struct trial *trial = *state;
	int twin = dup(trial->fd);

	kri_buffer_string(&trial->bytes, "GET / HTTP/1.1\r\n\r\n");
	send_bytes(trial);
	assert_int_equal(kri_gateway_receive(trial->gateway, twin, trial->fd),
			 KR_ERR_SYSTEM);
	assert_int_equal(fcntl(twin, F_GETFD), -1);
	receive_request(trial, true);
}

/* ---- answering -------------------------------------------------------- */

static void a_small_answer_goes_out_at_once(void **state)
{
	struct trial *trial = *state;
	struct kri_text text = long_text(8 << 10);

	for (size_t len = 0; len < text.len; len += 97) {
		kri_buffer_clear(&trial->got);
		kri_buffer_clear(&trial->body);
		receive_request(trial, true);
		read_body(trial);
		assert_int_equal(answer(trial, kri_text(text.data, len)),
				 KRI_FATE_KEEP);
		receive_bytes(trial);
		assert_answered(trial, kri_text(text.data, len));
		assert_int_equal(trial->rest.len, 0);
	}
}

static void a_connection_not_kept_is_closed(void **state)
{
	struct trial *trial = *state;

	receive_request(trial, false);
	read_body(trial);
	assert_int_equal(answer(trial, KRI_TEXT("bye")), KRI_FATE_CLOSE);
	receive_bytes(trial);
	assert_answered(trial, KRI_TEXT("bye"));
}

static void a_peer_that_sends_on_is_lingered_for(void **state)
{
	struct trial *trial = *state;

	receive_request(trial, true);
	read_body(trial);
	kri_gateway_linger(trial->gateway);
	assert_int_equal(answer(trial, KRI_TEXT("stop")), KRI_FATE_LINGER);
	receive_request(trial, true);
	read_body(trial);
	assert_int_equal(answer(trial, KRI_TEXT("again")), KRI_FATE_KEEP);
}

static void a_large_answer_goes_as_far_as_the_socket_takes_it(void **state)
{
	struct trial *trial = *state;
	struct kri_text text = long_text(3 << 20);
	size_t at = 0;

	receive_request(trial, true);
	read_body(trial);
	assert_int_equal(answer(trial, text), KRI_FATE_KEEP);
	assert_true(trial->rest.len > (1 << 20));
	receive_bytes(trial);
	while (at < trial->rest.len) {
		ssize_t n = write(trial->fd, trial->rest.data + at,
				  trial->rest.len - at);

		assert_true(n > 0);
		at += (size_t)n;
		receive_bytes(trial);
	}
	assert_answered(trial, text);
}

static void a_large_answer_that_fits_leaves_no_rest(void **state)
{
	struct trial *trial = *state;
	struct kri_text text = long_text(32 << 10);

	for (int i = 0; i < 3; i++) {
		kri_buffer_clear(&trial->got);
		kri_buffer_clear(&trial->body);
		receive_request(trial, true);
		read_body(trial);
		assert_int_equal(answer(trial, text), KRI_FATE_KEEP);
		assert_int_equal(trial->rest.len, 0);
		receive_bytes(trial);
		assert_answered(trial, text);
	}
}

/* Fills the socket first: only a peer that sends ahead and does not read
 * comes there. */
static void fill(struct trial *trial)
{
	static char bytes[4096];

	while (write(trial->fd, bytes, sizeof(bytes)) > 0)
		;
	assert_int_equal(errno, EAGAIN);
}

static void who_does_not_read_holds_nobody_up(void **state)
{
	struct trial *trial = *state;

	receive_request(trial, true);
	read_body(trial);
	fill(trial);
	assert_int_equal(answer(trial, KRI_TEXT("small")), KRI_FATE_CLOSE);
	receive_request(trial, true);
	kri_buffer_clear(&trial->body);
	read_body(trial);
	assert_int_equal(answer(trial, long_text(100000)), KRI_FATE_KEEP);
	assert_in_range(trial->rest.len, 100000, 101000);
}

static void a_peer_that_is_gone_is_an_end_and_no_signal(void **state)
{
	struct trial *trial = *state;

	receive_request(trial, true);
	read_body(trial);
	shutdown(trial->peer, SHUT_RDWR);
	assert_int_equal(answer(trial, long_text(100000)), KRI_FATE_CLOSE);
	assert_int_equal(trial->rest.len, 0);
}

static void no_signal_but_sigpipe_is_touched(void **state)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1,
				      SIGUSR2};
	struct sigaction action;

	(void)state;
	sigaction(SIGPIPE, NULL, &action);
	assert_ptr_equal(action.sa_handler, SIG_IGN);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		sigaction(numbers[i], NULL, &action);
		assert_ptr_equal(action.sa_handler, SIG_DFL);
	}
}

static int tidy(void **state)
{
	(void)state;
	(void)long_text(1);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(parameters_and_body_are_read),
		TEST(parameters_stay_until_the_answer),
		TEST(to_ask_for_a_body_takes_nothing_of_it),
		TEST(of_a_longer_body_only_the_beginning_is_taken),
		TEST(a_request_may_be_read_from_the_tray),
		TEST(what_libfcgi_does_not_take_it_closes),
		TEST(a_small_answer_goes_out_at_once),
		TEST(a_connection_not_kept_is_closed),
		TEST(a_peer_that_sends_on_is_lingered_for),
		TEST(a_large_answer_goes_as_far_as_the_socket_takes_it),
		TEST(a_large_answer_that_fits_leaves_no_rest),
		TEST(who_does_not_read_holds_nobody_up),
		TEST(a_peer_that_is_gone_is_an_end_and_no_signal),
		TEST(no_signal_but_sigpipe_is_touched),
	};

	return cmocka_run_group_tests(tests, NULL, tidy);
}
