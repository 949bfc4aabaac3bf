/*
 * The guard: a client of saslauthd, and daemons that are none.
 */
#include "guard/saslauthd.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/krsession-test-sasl-XXXXXX";
static char path[64];

/* A daemon that takes one connection, reads what comes, and says something. */
struct daemon {
	int listener;
	pthread_t thread;
	const char *says;
	size_t size;
	bool slow;   /* a byte at a time */
	bool silent; /* keeps the connection and says nothing */
	char heard[2048];
	size_t heard_n;
};

/* All that the client sends, up to the end of its four texts. */
static void hear(struct daemon *daemon, int peer)
{
	size_t end = 0;

	for (int text = 0; text < 4; text++) {
		size_t want = end + 2;

		for (int part = 0; part < 2; part++) {
			while (daemon->heard_n < want) {
				ssize_t n = read(
					peer, daemon->heard + daemon->heard_n,
					want - daemon->heard_n);

				if (n <= 0)
					return;
				daemon->heard_n += (size_t)n;
			}
			if (!part)
				want += (size_t)((unsigned char)
							 daemon->heard[end]
						 << 8) +
					(unsigned char)daemon->heard[end + 1];
		}
		end = want;
	}
}

static void *serve(void *arg)
{
	struct daemon *daemon = arg;
	int peer = accept(daemon->listener, NULL, NULL);
	char byte;

	if (peer < 0)
		return NULL;
	hear(daemon, peer);
	for (size_t i = 0; i < daemon->size;
	     i += daemon->slow ? 1 : daemon->size)
		if (send(peer, daemon->says + i,
			 daemon->slow ? 1 : daemon->size, MSG_NOSIGNAL) < 0)
			break;
	if (daemon->silent)
		while (read(peer, &byte, 1) > 0)
			;
	close(peer);
	return NULL;
}

static void start(struct daemon *daemon)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	unlink(path);
	strcpy(address.sun_path, path);
	daemon->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(daemon->listener, (struct sockaddr *)&address,
			      sizeof(address)),
			 0);
	assert_int_equal(listen(daemon->listener, 1), 0);
	assert_int_equal(pthread_create(&daemon->thread, NULL, serve, daemon),
			 0);
}

static enum guard_proof ask(struct daemon *daemon, int64_t timeout)
{
	enum guard_proof proof;

	start(daemon);
	proof = guard_saslauthd_ask(path, "krsession", "max", "secret",
				    timeout);
	pthread_join(daemon->thread, NULL);
	close(daemon->listener);
	return proof;
}

#define SAYS(bytes) .says = (bytes), .size = sizeof(bytes) - 1

static void it_is_asked_as_it_wants_to_be(void **state)
{
	static const char wanted[] = "\0\003max\0\006secret\0\011krsession\0";
	struct daemon daemon = {SAYS("\0\002OK")};

	(void)state;
	assert_int_equal(ask(&daemon, 5000), GUARD_PROOF_RIGHT);
	assert_int_equal(daemon.heard_n, sizeof(wanted));
	assert_memory_equal(daemon.heard, wanted, sizeof(wanted));
}

static void no_is_no_whatever_follows(void **state)
{
	struct daemon plain = {SAYS("\0\002NO")};
	struct daemon reason = {SAYS("\0\021NO authentication")};
	struct daemon slow = {SAYS("\0\006OK yes"), .slow = true};

	(void)state;
	assert_int_equal(ask(&plain, 5000), GUARD_PROOF_WRONG);
	assert_int_equal(ask(&reason, 5000), GUARD_PROOF_WRONG);
	assert_int_equal(ask(&slow, 5000), GUARD_PROOF_RIGHT);
}

static void what_is_no_answer_lets_nobody_in(void **state)
{
	static struct daemon daemons[] = {
		{SAYS("")},           {SAYS("\0")},
		{SAYS("\0\002")},     {SAYS("\0\002O")},
		{SAYS("\0\001O")},    {SAYS("\0\0")},
		{SAYS("\0\002ok")},   {SAYS("\0\002KO")},
		{SAYS("\377\377OK")}, {SAYS("OK")},
		{SAYS("OKOKOKOK")},   {SAYS("HTTP/1.1 200 OK\r\n\r\n")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(daemons) / sizeof(*daemons); i++)
		assert_int_equal(ask(&daemons[i], 5000), GUARD_PROOF_AWAY);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void silence_is_waited_for_only_so_long(void **state)
{
	struct daemon silent = {.silent = true};
	struct daemon half = {SAYS("\0\002O"), .silent = true};
	int64_t begun = now_ms();

	(void)state;
	assert_int_equal(ask(&silent, 200), GUARD_PROOF_AWAY);
	assert_int_equal(ask(&half, 200), GUARD_PROOF_AWAY);
	assert_in_range(now_ms() - begun, 400, 5000);
}

static void nobody_there_is_away(void **state)
{
	char long_path[200];

	(void)state;
	unlink(path);
	assert_int_equal(guard_saslauthd_ask(path, "s", "max", "secret", 1000),
			 GUARD_PROOF_AWAY);
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(
		guard_saslauthd_ask(long_path, "s", "max", "secret", 1000),
		GUARD_PROOF_AWAY);
}

/* Connections wait in its queue, which is full, and it takes none. */
static void a_full_queue_is_waited_for_only_so_long(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), waiting[8];

	(void)state;
	unlink(path);
	strcpy(address.sun_path, path);
	assert_int_equal(
		bind(listener, (struct sockaddr *)&address, sizeof(address)),
		0);
	listen(listener, 0);
	for (int i = 0; i < 8; i++) {
		waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(waiting[i], (struct sockaddr *)&address,
			       sizeof(address));
	}
	assert_int_equal(guard_saslauthd_ask(path, "s", "max", "secret", 200),
			 GUARD_PROOF_AWAY);
	for (int i = 0; i < 8; i++)
		close(waiting[i]);
	close(listener);
}

static void texts_that_it_would_not_take_are_wrong(void **state)
{
	char password[300];

	(void)state;
	memset(password, 'x', sizeof(password));
	password[sizeof(password) - 1] = '\0';
	assert_int_equal(
		guard_saslauthd_ask("/nowhere", "s", "max", password, 1000),
		GUARD_PROOF_WRONG);
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/mux", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_asked_as_it_wants_to_be),
		cmocka_unit_test(no_is_no_whatever_follows),
		cmocka_unit_test(what_is_no_answer_lets_nobody_in),
		cmocka_unit_test(silence_is_waited_for_only_so_long),
		cmocka_unit_test(nobody_there_is_away),
		cmocka_unit_test(a_full_queue_is_waited_for_only_so_long),
		cmocka_unit_test(texts_that_it_would_not_take_are_wrong),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
