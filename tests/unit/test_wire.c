/*
 * A wire on one end of a socket pair, the test at the other: what counts as
 * written, what counts as quiet, and how its owner learns of the end.
 */
#include "redis/wire.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>
#include <cmocka.h>

struct trial {
	uv_loop_t loop;
	struct kri_wire *wire;
	struct kri_arena arena;
	int peer;
	int replies, gone;
	bool closes; /* at the first reply */
	enum kr_err err;
	char why[160];
};

static void on_reply(void *arg, const struct kri_reply *reply)
{
	struct trial *t = arg;

	assert_non_null(reply);
	t->replies++;
	if (t->closes)
		kri_wire_close(&t->wire);
}

static void on_gone(void *arg, enum kr_err err, const char *why)
{
	struct trial *t = arg;

	t->gone++;
	t->err = err;
	t->wire = NULL;
	snprintf(t->why, sizeof(t->why), "%s", why);
}

static const struct kri_wire_owner owner = {
	.reply = on_reply,
	.gone = on_gone,
};

static int begin(void **state, bool tls)
{
	static struct trial trial;
	int fds[2];

	trial = (struct trial){0};
	*state = &trial;
	uv_loop_init(&trial.loop);
	kri_arena_init(&trial.arena, 1024, SIZE_MAX);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds))
		return -1;
	trial.peer = fds[1];
	trial.wire = kri_wire_open(fds[0], tls);
	if (!trial.wire || kri_wire_watch(trial.wire, &trial.loop))
		return -1;
	kri_wire_own(trial.wire, &owner, &trial);
	kri_sink_set(&trial.wire->sink, &trial.arena, 4096);
	return 0;
}

static int setup(void **state)
{
	return begin(state, false);
}

/* As if: only who counts knows of it, the bytes are plain. */
static int setup_tls(void **state)
{
	return begin(state, true);
}

static int teardown(void **state)
{
	struct trial *t = *state;

	kri_wire_close(&t->wire);
	if (t->peer >= 0)
		close(t->peer);
	uv_run(&t->loop, UV_RUN_DEFAULT);
	kri_arena_free(&t->arena);
	return uv_loop_close(&t->loop);
}

static void turn(struct trial *t)
{
	uv_run(&t->loop, UV_RUN_NOWAIT);
}

static void say(struct trial *t, const char *text)
{
	assert_int_equal(write(t->peer, text, strlen(text)), strlen(text));
	turn(t);
}

static void hang_up(struct trial *t)
{
	close(t->peer);
	t->peer = -1;
}

static void ping(struct trial *t)
{
	static const char *const command[] = {"PING", NULL};

	t->wire->held = true;
	assert_int_equal(kri_wire_ask(t->wire, command), KR_OK);
	t->wire->held = false;
}

/* More than any socket takes at once. */
static void send_much(struct trial *t)
{
	static char much[4 << 20];
	static const char *const command[] = {"ECHO", much, NULL};

	memset(much, 'x', sizeof(much) - 1);
	t->wire->held = true;
	assert_int_equal(kri_wire_ask(t->wire, command), KR_OK);
	t->wire->held = false;
	kri_wire_flush(t->wire);
}

static void drain(struct trial *t)
{
	char bytes[65536];

	do
		turn(t);
	while (read(t->peer, bytes, sizeof(bytes)) > 0);
}

static void what_is_held_goes_with_the_flush(void **state)
{
	struct trial *t = *state;
	char bytes[64];

	ping(t);
	turn(t);
	assert_int_equal(kri_wire_written(t->wire), 0);
	assert_int_equal(read(t->peer, bytes, sizeof(bytes)), -1);
	kri_wire_flush(t->wire);
	assert_int_equal(kri_wire_written(t->wire), 14);
	assert_int_equal(read(t->peer, bytes, sizeof(bytes)), 14);
}

static void what_the_kernel_has_not_taken_is_not_written(void **state)
{
	struct trial *t = *state;

	send_much(t);
	assert_in_range(kri_wire_written(t->wire), 1, t->wire->appended - 1);
	drain(t);
	assert_int_equal(kri_wire_written(t->wire), t->wire->appended);
}

static void over_tls_all_that_was_offered_may_have_gone(void **state)
{
	struct trial *t = *state;

	send_much(t);
	assert_int_equal(kri_wire_written(t->wire), t->wire->appended);
	drain(t);
	ping(t);
	assert_int_equal(kri_wire_written(t->wire), t->wire->appended - 14);
}

static void it_is_quiet_between_replies_alone(void **state)
{
	static const char *const halves[][2] = {
		{"+P", "ONG\r\n"},          {"$4\r\n", "PONG\r\n"},
		{"$4\r\nPONG", "\r\n"},     {"*2\r\n:1\r\n", ":2\r\n"},
		{"*2\r\n", ":1\r\n:2\r\n"}, {"*1\r\n*1\r\n", ":1\r\n"},
	};
	struct trial *t = *state;

	for (int i = 0; i < 6; i++) {
		assert_true(kri_wire_is_quiet(t->wire));
		ping(t);
		kri_wire_flush(t->wire);
		say(t, halves[i][0]);
		assert_false(kri_wire_is_quiet(t->wire));
		say(t, halves[i][1]);
		assert_true(kri_wire_is_quiet(t->wire));
		assert_int_equal(t->replies, i + 1);
	}
}

static void an_owner_may_close_it_in_a_reply(void **state)
{
	struct trial *t = *state;

	t->closes = true;
	ping(t);
	ping(t);
	kri_wire_flush(t->wire);
	say(t, "+PONG\r\n+PONG\r\n");
	assert_int_equal(t->replies, 1);
	assert_int_equal(t->gone, 0);
}

static void its_owner_is_told_once_that_it_is_gone(void **state)
{
	struct trial *t = *state;

	ping(t);
	ping(t);
	kri_wire_flush(t->wire);
	hang_up(t);
	turn(t);
	assert_int_equal(t->gone, 1);
	assert_int_equal(t->err, KR_ERR_UNAVAILABLE);
	assert_int_equal(t->replies, 0);
}

static void what_was_said_before_the_end_is_the_reason(void **state)
{
	static const char words[] = "-ERR max number of clients reached\r\n";
	struct trial *t = *state;

	assert_int_equal(write(t->peer, words, sizeof(words) - 1),
			 sizeof(words) - 1);
	hang_up(t);
	ping(t);
	kri_wire_flush(t->wire);
	assert_int_equal(t->gone, 1);
	assert_string_equal(t->why, "ERR max number of clients reached");
}

static void what_is_no_reply_is_another_protocol(void **state)
{
	struct trial *t = *state;

	ping(t);
	kri_wire_flush(t->wire);
	say(t, "HTTP/1.1 400 Bad Request\r\n");
	assert_int_equal(t->gone, 1);
	assert_int_equal(t->err, KR_ERR_PROTOCOL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TLS_TEST(name)                                                         \
	cmocka_unit_test_setup_teardown(name, setup_tls, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_held_goes_with_the_flush),
		TEST(what_the_kernel_has_not_taken_is_not_written),
		TLS_TEST(over_tls_all_that_was_offered_may_have_gone),
		TEST(it_is_quiet_between_replies_alone),
		TEST(an_owner_may_close_it_in_a_reply),
		TEST(its_owner_is_told_once_that_it_is_gone),
		TEST(what_was_said_before_the_end_is_the_reason),
		TEST(what_is_no_reply_is_another_protocol),
	};

	signal(SIGPIPE, SIG_IGN); /* as the server does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
