/*
 * A relay that makes a server far away: every byte is passed on so many
 * microseconds after it came, either way, and nothing else changes: what is
 * on its way does not hold up what comes behind it, as on a long wire.
 *
 * The delay is the same for all, so what is read joins the end of one queue
 * and what is due stands at its head.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "address.h"

#define READ_SIZE 65536
#define SECOND 1000000000ull /* ns */

/* A socket, and what waits to be written to it. */
struct end {
	int fd;
	struct pair *pair;
	struct end *other;
	struct chunk *first, **last; /* due, but the socket is full */
	uint32_t watched;            /* events, by epoll; 0: not at all */
	bool read_ended;             /* its peer will send no more */
	bool write_ended;            /* nothing more is to be written */
};

/* The two ends of a relayed connection. */
struct pair {
	struct end near, far;
	size_t chunks;     /* that are queued anywhere for it */
	struct pair *next; /* among those that are over */
};

/* Bytes on their way; none at all: the end of the stream. */
struct chunk {
	struct chunk *next;
	struct end *to;
	uint64_t due; /* ns */
	size_t size, sent;
	unsigned char data[];
};

static struct {
	uint64_t delay; /* ns */
	struct address target;
	int listener;
	int epoll;
	struct chunk *first, **last; /* on their way, in order of time */
	struct pair *over;           /* freed when the turn's events are done */
} relay;

static void die(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* ---- pairs ------------------------------------------------------------ */

/* An end that has nothing to wait for leaves the epoll set: it would report
 * without end that its peer has gone. */
static void watch(struct end *end)
{
	uint32_t in = end->read_ended ? 0 : EPOLLIN;
	uint32_t out = end->first ? EPOLLOUT : 0;
	struct epoll_event event = {.events = in | out, .data.ptr = end};
	int operation = EPOLL_CTL_MOD;

	if (event.events == end->watched)
		return;
	if (!event.events)
		operation = EPOLL_CTL_DEL;
	else if (!end->watched)
		operation = EPOLL_CTL_ADD;
	if (epoll_ctl(relay.epoll, operation, end->fd, &event))
		die("epoll_ctl");
	end->watched = event.events;
}

static void open_end(struct end *end, struct pair *pair, int fd)
{
	end->fd = fd;
	end->pair = pair;
	end->other = end == &pair->near ? &pair->far : &pair->near;
	end->last = &end->first;
	watch(end);
}

static void open_pair(int near)
{
	int far = address_connect(&relay.target, SOCK_CLOEXEC);
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		die("a connection");
	if (far < 0) { /* as if the server had hung up */
		close(near);
		free(pair);
		return;
	}
	open_end(&pair->near, pair, near);
	open_end(&pair->far, pair, far);
}

static bool ended(const struct end *end)
{
	return end->read_ended && end->write_ended;
}

static void note_if_over(struct pair *pair)
{
	if (pair->chunks || !ended(&pair->near) || !ended(&pair->far))
		return;
	pair->next = relay.over;
	relay.over = pair;
}

static void free_over(void)
{
	struct pair *pair;

	while ((pair = relay.over)) {
		relay.over = pair->next;
		close(pair->near.fd);
		close(pair->far.fd);
		free(pair);
	}
}

/* ---- out -------------------------------------------------------------- */

static void drop(struct chunk *chunk)
{
	struct pair *pair = chunk->to->pair;

	free(chunk);
	pair->chunks--;
	note_if_over(pair);
}

/* Whether the chunk is done with: written, or of no use any more. */
static bool write_chunk(struct chunk *chunk)
{
	struct end *to = chunk->to;
	ssize_t n;

	if (to->write_ended)
		return true;
	if (!chunk->size) {
		shutdown(to->fd, SHUT_WR);
		to->write_ended = true;
		return true;
	}
	n = send(to->fd, chunk->data + chunk->sent, chunk->size - chunk->sent,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		to->write_ended = true;
	if (n > 0)
		chunk->sent += (size_t)n;
	return to->write_ended || chunk->sent == chunk->size;
}

/* Writes what is due to an end, and waits for room if there is none. */
static void flush(struct end *to)
{
	struct chunk *chunk;

	while ((chunk = to->first) && write_chunk(chunk)) {
		to->first = chunk->next;
		if (!to->first)
			to->last = &to->first;
		drop(chunk);
	}
	watch(to);
}

/* A chunk's time has come: it follows those that wait for room. */
static void deliver(struct chunk *chunk)
{
	struct end *to = chunk->to;

	chunk->next = NULL;
	*to->last = chunk;
	to->last = &chunk->next;
	if (to->first == chunk)
		flush(to);
}

static void deliver_due(void)
{
	uint64_t now = now_ns();
	struct chunk *chunk;

	while ((chunk = relay.first) && chunk->due <= now) {
		relay.first = chunk->next;
		if (!relay.first)
			relay.last = &relay.first;
		deliver(chunk);
	}
}

/* ---- in --------------------------------------------------------------- */

static void delay(struct end *to, const unsigned char *data, size_t size)
{
	struct chunk *chunk = malloc(sizeof(*chunk) + size);

	if (!chunk)
		die("what is on its way");
	*chunk = (struct chunk){
		.to = to, .due = now_ns() + relay.delay, .size = size};
	memcpy(chunk->data, data, size);
	to->pair->chunks++;
	*relay.last = chunk;
	relay.last = &chunk->next;
}

/* An end that failed can also take nothing more. */
static void end_reading(struct end *from, bool failed)
{
	from->read_ended = true;
	from->write_ended |= failed;
	watch(from);
	delay(from->other, (const unsigned char *)"", 0);
}

static void receive(struct end *from)
{
	static unsigned char data[READ_SIZE];
	ssize_t n = recv(from->fd, data, sizeof(data), MSG_DONTWAIT);

	if (n > 0)
		delay(from->other, data, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		end_reading(from, n < 0);
}

static void accept_all(void)
{
	int fd;

	while ((fd = accept4(relay.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		open_pair(fd);
}

/* ---- the run ---------------------------------------------------------- */

/* Until the next chunk is due; NULL: as long as it takes. */
static struct timespec *time_left(struct timespec *left)
{
	uint64_t now = now_ns(), ns;

	if (!relay.first)
		return NULL;
	ns = relay.first->due > now ? relay.first->due - now : 0;
	left->tv_sec = (time_t)(ns / SECOND);
	left->tv_nsec = (long)(ns % SECOND);
	return left;
}

static void handle(const struct epoll_event *event)
{
	struct end *end = event->data.ptr;

	if (!end)
		accept_all();
	else if (!end->read_ended && event->events & ~(uint32_t)EPOLLOUT)
		receive(end);
	else
		flush(end);
}

static void serve(void)
{
	struct epoll_event events[64];
	struct timespec left;

	for (;;) {
		int n = epoll_pwait2(relay.epoll, events, 64, time_left(&left),
				     NULL);

		for (int i = 0; i < n; i++)
			handle(&events[i]);
		deliver_due();
		free_over();
	}
}

static void prepare(const char *listen_at)
{
	struct address address = address_of(listen_at);
	struct epoll_event event = {.events = EPOLLIN};

	relay.last = &relay.first;
	relay.listener = address_listen(&address, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (relay.listener < 0)
		die(listen_at);
	relay.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (relay.epoll < 0 ||
	    epoll_ctl(relay.epoll, EPOLL_CTL_ADD, relay.listener, &event))
		die("epoll");
	prctl(PR_SET_TIMERSLACK, 1); /* else timers may be 50 us late */
}

int main(int argc, char **argv)
{
	char *end;

	if (argc != 4) {
		fputs("usage: relay MICROSECONDS LISTEN TARGET\n"
		      "Each address is a Unix socket's path or a port of "
		      "127.0.0.1.\n",
		      stderr);
		return 2;
	}
	relay.delay = strtoull(argv[1], &end, 10) * 1000;
	if (*end) {
		errno = EINVAL;
		die(argv[1]);
	}
	relay.target = address_of(argv[3]);
	prepare(argv[2]);
	serve();
}
