/*
 * Clients that count, each in a session of its own and without a pause, until
 * they are told to stop (SIGTERM): GET and POST in turn, on one kept connection
 * or one a request. Every answer must be 200 with the next number, so that
 * nothing was lost and nothing done twice. "going" once all have begun, and at
 * the end a line of NAME=COUNT:
 *
 *   answered  requests with the answer that they must have
 *   wrong     requests with another one
 *   failed    requests without one: not connected, not sent, cut off, reset
 *   ended     kept connections that were ended, whenever
 *   slowest   ms of the longest request
 *
 * What went wrong first is told on standard error.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "wire.h"

#define CLIENTS 64
#define BODY "n=1"

static const char *address;
static bool keep;
static atomic_bool stopped;
static atomic_long answered, wrong, failed, ended, slowest;
static atomic_int begun;
static int clients;

struct client {
	int fd; /* -1: not connected */
	long count, requests;
	char cookie[128]; /* Kr.Session=... */
	struct record record;
	char answer[4096];
	size_t len;
};

static void stop(int signal)
{
	(void)signal;
	atomic_store(&stopped, true);
}

/* ---- one request ------------------------------------------------------ */

static void put_request(struct bytes *out, const struct client *client)
{
	bool post = client->requests % 2;
	char pair[160];

	put_begin(out, 1, 1, keep);
	put_param(out, 1, post ? "REQUEST_METHOD=POST" : "REQUEST_METHOD=GET");
	put_param(out, 1, "PATH_INFO=/session/counter");
	if (client->cookie[0]) {
		snprintf(pair, sizeof(pair), "HTTP_COOKIE=%s", client->cookie);
		put_param(out, 1, pair);
	}
	if (post) {
		put_param(out, 1,
			  "CONTENT_TYPE=application/x-www-form-urlencoded");
		put_param(out, 1, "CONTENT_LENGTH=3");
	}
	put_record(out, PARAMS, 1, NULL, 0);
	if (post)
		put_record(out, STDIN, 1, BODY, strlen(BODY));
	put_record(out, STDIN, 1, NULL, 0);
}

static bool connect_client(struct client *client)
{
	struct timeval limit = {.tv_sec = 20};

	if (client->fd < 0)
		client->fd = connect_to(address);
	if (client->fd >= 0)
		setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
			   sizeof(limit));
	return client->fd >= 0;
}

static bool send_request(struct client *client)
{
	struct bytes request = {0};
	ssize_t n;

	put_request(&request, client);
	n = send(client->fd, request.data, request.len, MSG_NOSIGNAL);
	free(request.data);
	return n == (ssize_t)request.len;
}

static void add(struct client *client, const struct record *record)
{
	size_t room = sizeof(client->answer) - 1 - client->len;
	size_t n = record->size < room ? record->size : room;

	memcpy(client->answer + client->len, record->content, n);
	client->len += n;
	client->answer[client->len] = '\0';
}

static bool receive_answer(struct client *client)
{
	struct record *record = &client->record;

	client->len = 0;
	while (receive_record(client->fd, record) == GOT) {
		if (record->type == END)
			return true;
		if (record->type == STDOUT)
			add(client, record);
	}
	return false;
}

static void end_connection(struct client *client)
{
	close(client->fd);
	client->fd = -1;
}

/* ---- what came back --------------------------------------------------- */

static void keep_cookie(struct client *client)
{
	const char *at = strstr(client->answer, "Set-Cookie: ");

	if (!at)
		return;
	at += strlen("Set-Cookie: ");
	snprintf(client->cookie, sizeof(client->cookie), "%.*s",
		 (int)strcspn(at, ";\r"), at);
}

static bool is_next(struct client *client)
{
	const char *at = strstr(client->answer, "\"counter\":");

	keep_cookie(client);
	return at && !strncmp(client->answer, "Status: 200 ", 12) &&
	       atol(at + strlen("\"counter\":")) == client->count + 1;
}

static void complain(const struct client *client, const char *what)
{
	static atomic_int said;

	if (!atomic_fetch_add(&said, 1))
		fprintf(stderr, "after %ld: %s: %s\n", client->count, what,
			client->answer);
}

static void settle(struct client *client, long ms)
{
	long most = atomic_load(&slowest);

	while (ms > most && !atomic_compare_exchange_weak(&slowest, &most, ms))
		;
	if (is_next(client)) {
		client->count++;
		atomic_fetch_add(&answered, 1);
		return;
	}
	atomic_fetch_add(&wrong, 1);
	complain(client, "wrong");
}

static void ask(struct client *client)
{
	long begin = now_ms();
	bool kept = client->fd >= 0;

	client->answer[0] = '\0';
	if (connect_client(client) && send_request(client) &&
	    receive_answer(client)) {
		settle(client, now_ms() - begin);
		client->requests++;
		if (!keep)
			end_connection(client);
		return;
	}
	atomic_fetch_add(&failed, 1);
	atomic_fetch_add(&ended, kept);
	complain(client, "failed");
	if (client->fd >= 0)
		end_connection(client);
}

static void *run(void *arg)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		die("calloc");
	client->fd = -1;
	while (!stopped) {
		ask(client);
		if (client->requests != 1 || client->count != 1)
			continue;
		if (atomic_fetch_add(&begun, 1) == clients - 1) {
			puts("going");
			fflush(stdout);
		}
	}
	if (client->fd >= 0)
		close(client->fd);
	free(client);
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t threads[CLIENTS];

	clients = argc == 4 ? atoi(argv[1]) : 0;
	if (clients < 1 || clients > CLIENTS) {
		fputs("usage: fcgi_count N kept|unkept ADDRESS\n", stderr);
		return 2;
	}
	keep = !strcmp(argv[2], "kept");
	address = argv[3];
	signal(SIGTERM, stop);
	for (int i = 0; i < clients; i++)
		if (pthread_create(&threads[i], NULL, run, NULL))
			die("pthread_create");
	for (int i = 0; i < clients; i++)
		pthread_join(threads[i], NULL);
	printf("answered=%ld wrong=%ld failed=%ld ended=%ld slowest=%ld\n",
	       answered, wrong, failed, ended, slowest);
	return 0;
}
