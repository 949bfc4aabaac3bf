/*
 * The channel between a process and its stand-in: its words, connections that
 * go through it, and its end.
 */
#include "fcgi/channel.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct trial {
	int ends[2];
	struct kri_message message;
};

static int setup(void **state)
{
	struct trial *t = calloc(1, sizeof(*t));

	*state = t;
	return !t || kri_channel_open(t->ends) ? -1 : 0;
}

static int teardown(void **state)
{
	struct trial *t = *state;

	for (int i = 0; i < 2; i++)
		if (t->ends[i] >= 0)
			close(t->ends[i]);
	free(t);
	return 0;
}

static enum kri_word hear(struct trial *t)
{
	kri_channel_hear(t->ends[1], &t->message);
	return t->message.word;
}

static void its_ends_are_closed_on_exec(void **state)
{
	struct trial *t = *state;

	for (int i = 0; i < 2; i++)
		assert_int_equal(fcntl(t->ends[i], F_GETFD), FD_CLOEXEC);
}

static void nothing_is_heard_before_it_is_said(void **state)
{
	assert_int_equal(hear(*state), KRI_WORD_NONE);
}

static void words_are_heard_in_their_order(void **state)
{
	struct trial *t = *state;

	assert_true(kri_channel_say(t->ends[0], KRI_WORD_READY, ""));
	assert_true(kri_channel_say(t->ends[0], KRI_WORD_REFUSED, "a reason"));
	assert_true(kri_channel_say(t->ends[0], KRI_WORD_GO, ""));
	assert_int_equal(hear(t), KRI_WORD_READY);
	assert_string_equal(t->message.text, "");
	assert_int_equal(hear(t), KRI_WORD_REFUSED);
	assert_string_equal(t->message.text, "a reason");
	assert_int_equal(hear(t), KRI_WORD_GO);
	assert_int_equal(hear(t), KRI_WORD_NONE);
}

static void a_long_text_is_cut(void **state)
{
	struct trial *t = *state;
	char text[4096];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_true(kri_channel_say(t->ends[0], KRI_WORD_REFUSED, text));
	assert_int_equal(hear(t), KRI_WORD_REFUSED);
	assert_int_equal(strlen(t->message.text), KRI_CHANNEL_TEXT - 1);
}

/* Of a later version. */
static void an_unknown_word_is_nothing(void **state)
{
	struct trial *t = *state;

	assert_int_equal(send(t->ends[0], "Z", 1, 0), 1);
	assert_int_equal(send(t->ends[0], "\0", 1, 0), 1);
	assert_int_equal(hear(t), KRI_WORD_NONE);
	assert_int_equal(hear(t), KRI_WORD_NONE);
}

/* Bytes that came before are still in it. */
static void a_connection_goes_through_open(void **state)
{
	struct trial *t = *state;
	int pair[2];
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[1], "a", 1), 1);
	assert_true(kri_channel_give(t->ends[0], pair[0]));
	close(pair[0]);
	assert_int_equal(write(pair[1], "b", 1), 1);
	assert_int_equal(hear(t), KRI_WORD_CONNECTION);
	assert_int_equal(fcntl(t->message.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(read(t->message.fd, &byte, 1), 1);
	assert_int_equal(byte, 'a');
	assert_int_equal(read(t->message.fd, &byte, 1), 1);
	assert_int_equal(byte, 'b');
	close(t->message.fd);
	assert_int_equal(read(pair[1], &byte, 1), 0);
	close(pair[1]);
}

static void what_was_said_is_heard_before_the_end(void **state)
{
	struct trial *t = *state;

	assert_true(kri_channel_say(t->ends[0], KRI_WORD_REFUSED, "a reason"));
	close(t->ends[0]);
	t->ends[0] = -1;
	assert_int_equal(hear(t), KRI_WORD_REFUSED);
	assert_int_equal(hear(t), KRI_WORD_ENDED);
	assert_int_equal(hear(t), KRI_WORD_ENDED);
}

/* Who stops hearing has what was on its way, and refuses the rest. */
static void a_half_that_was_shut_is_heard_to_its_end(void **state)
{
	struct trial *t = *state;

	assert_true(kri_channel_say(t->ends[0], KRI_WORD_GO, ""));
	assert_int_equal(shutdown(t->ends[1], SHUT_RDWR), 0);
	assert_false(kri_channel_say(t->ends[0], KRI_WORD_GO, ""));
	assert_false(kri_channel_give(t->ends[0], STDIN_FILENO));
	assert_int_equal(hear(t), KRI_WORD_GO);
	assert_int_equal(hear(t), KRI_WORD_ENDED);
}

static void nobody_hears_what_is_said_to_the_dead(void **state)
{
	struct trial *t = *state;

	close(t->ends[1]);
	t->ends[1] = -1;
	assert_false(kri_channel_say(t->ends[0], KRI_WORD_READY, ""));
	assert_false(kri_channel_give(t->ends[0], STDIN_FILENO));
}

/* It is waited for a while, and then not any more. */
static void one_who_never_hears_is_given_up(void **state)
{
	struct trial *t = *state;
	int n = 0;

	while (n < 100000 && kri_channel_give(t->ends[0], STDIN_FILENO))
		n++;
	assert_in_range(n, 100, 99999);
	while (hear(t) == KRI_WORD_CONNECTION) {
		close(t->message.fd);
		n--;
	}
	assert_int_equal(n, 0);
	assert_true(kri_channel_give(t->ends[0], STDIN_FILENO));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(its_ends_are_closed_on_exec),
		TEST(nothing_is_heard_before_it_is_said),
		TEST(words_are_heard_in_their_order),
		TEST(a_long_text_is_cut),
		TEST(an_unknown_word_is_nothing),
		TEST(a_connection_goes_through_open),
		TEST(what_was_said_is_heard_before_the_end),
		TEST(a_half_that_was_shut_is_heard_to_its_end),
		TEST(nobody_hears_what_is_said_to_the_dead),
		TEST(one_who_never_hears_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
