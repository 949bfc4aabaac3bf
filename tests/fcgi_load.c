/*
 * Clients that ask without a pause until the server is gone, and tell how it
 * went: "going" once they are under way, and at the end a line of NAME=COUNT.
 *
 *   answered  requests with a whole answer
 *   refused   connections that were not made
 *   closed    kept connections that ended between two requests
 *   unsent    requests that could not be sent, on such a connection
 *   late      requests that were sent, and met the end of such a connection
 *   lost      connections that ended before their first answer
 *   cut       answers that broke off
 *   reset     connections that were reset
 *   mute      no byte for 10 s
 *
 * The first four are an orderly end; "late" is what a front server sees too
 * when it sends just as we close.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "wire.h"

#define UNDER_WAY 500 /* answers */

enum count {
	ANSWERED,
	REFUSED,
	CLOSED_BETWEEN,
	UNSENT,
	LATE,
	LOST,
	CUT_OFF,
	RESET_BY,
	MUTE,
	COUNTS
};
static const char *const names[] = {"answered", "refused", "closed",
				    "unsent",   "late",    "lost",
				    "cut",      "reset",   "mute"};

static const char *address;
static struct bytes request;
static bool keep;
static atomic_long counts[COUNTS];

static void count(enum count what)
{
	if (atomic_fetch_add(&counts[what], 1) != UNDER_WAY || what != ANSWERED)
		return;
	puts("going");
	fflush(stdout);
}

static enum count cause(enum fate fate, bool first)
{
	switch (fate) {
	case CLOSED:
		return first ? LOST : LATE;
	case RESET:
		return RESET_BY;
	case CUT:
		return CUT_OFF;
	default:
		return MUTE;
	}
}

/* ANSWERED, or what went wrong. */
static enum count receive_answer(int fd, struct record *record, bool first)
{
	bool began = false;
	enum fate fate;

	while ((fate = receive_record(fd, record)) == GOT) {
		if (record->type == END)
			return ANSWERED;
		began = true;
	}
	return fate == CLOSED && began ? CUT_OFF : cause(fate, first);
}

static bool has_ended(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	char byte;

	return poll(&poller, 1, 0) > 0 && recv(fd, &byte, 1, MSG_PEEK) == 0;
}

static enum count ask(int fd, struct record *record, bool first)
{
	if (!first && has_ended(fd))
		return CLOSED_BETWEEN;
	if (send(fd, request.data, request.len, MSG_NOSIGNAL) !=
	    (ssize_t)request.len)
		return errno == EPIPE && !first ? UNSENT : RESET_BY;
	return receive_answer(fd, record, first);
}

static void *run(void *unused)
{
	struct record *record = malloc(sizeof(*record));
	struct timeval limit = {.tv_sec = 10};
	int fd;

	if (!record)
		die("malloc");
	while ((fd = connect_to(address)) >= 0) {
		enum count what = ANSWERED;

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		for (bool first = true; what == ANSWERED; first = false) {
			what = ask(fd, record, first);
			count(what);
			if (!keep)
				break;
		}
		close(fd);
	}
	count(REFUSED);
	free(record);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t threads[64];
	int n = argc == 5 ? atoi(argv[1]) : 0;

	if (n < 1 || n > 64) {
		fputs("usage: fcgi_load N kept|unkept ADDRESS PATH\n", stderr);
		return 2;
	}
	keep = !strcmp(argv[2], "kept");
	address = argv[3];
	put_get(&request, 1, keep, argv[4]);
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, run, NULL))
			die("pthread_create");
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < COUNTS; i++)
		printf("%s=%ld%c", names[i], counts[i],
		       i + 1 < COUNTS ? ' ' : '\n');
	return 0;
}
