/*
 * FastCGI as the client has it, in static memory.
 */
#include "client.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };

#define TURN_MOST 5 /* ms that a loop may have something to do unseen */

static char out[16384];
static size_t out_len;

/* ---- the request ------------------------------------------------------ */

static void put(int type, const void *data, size_t len)
{
	const char header[8] = {
		1, (char)type, 0, 1, (char)(len >> 8), (char)len, 0, 0,
	};

	if (out_len + sizeof(header) + len > sizeof(out))
		abort();
	memcpy(out + out_len, header, sizeof(header));
	if (len)
		memcpy(out + out_len + sizeof(header), data, len);
	out_len += sizeof(header) + len;
}

static void put_param(const char *name, const char *value)
{
	char pair[512];
	int n;

	if (strlen(name) > 127 || strlen(value) > 127)
		abort();
	n = snprintf(pair, sizeof(pair), "%c%c%s%s", (int)strlen(name),
		     (int)strlen(value), name, value);
	put(PARAMS, pair, (size_t)n);
}

static void write_request(const struct client *client,
			  const struct request *request)
{
	static const char begin[8] = {0, 1, 1};
	size_t len = request->body ? strlen(request->body) : 0;
	char number[24], cookie[COOKIE_MOST + 16];

	out_len = 0;
	put(BEGIN, begin, sizeof(begin));
	put_param("REQUEST_METHOD", request->method);
	put_param("PATH_INFO", request->path);
	put_param("QUERY_STRING", "color=blue&size=9&size=10");
	put_param("REMOTE_ADDR", "192.0.2.1");
	snprintf(number, sizeof(number), "%zu", len);
	if (len) {
		put_param("CONTENT_LENGTH", number);
		put_param("CONTENT_TYPE", request->type);
	}
	snprintf(cookie, sizeof(cookie), "%s; theme=dark", client->cookie);
	if (*client->cookie)
		put_param("HTTP_COOKIE", cookie);
	put(PARAMS, NULL, 0);
	if (len)
		put(STDIN, request->body, len);
	put(STDIN, NULL, 0);
}

/* ---- the connection --------------------------------------------------- */

static bool is_open(const struct client *client)
{
	return client->fd >= 0;
}

void client_close(struct client *client)
{
	if (is_open(client))
		close(client->fd);
	client->fd = -1;
}

static void connect_it(struct client *client)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       fds))
		abort();
	client->fd = fds[0];
	kri_loop_give(client->loop, &fds[1], 1);
}

/* uv_run(UV_RUN_ONCE) would wait for ever behind what was answered before its
 * wait. What a turn brings in the next one carries out. */
void client_turn(struct kri_loop *loop)
{
	uv_run(&loop->uv, UV_RUN_NOWAIT);
	uv_run(&loop->uv, UV_RUN_NOWAIT);
}

void client_wait(struct kri_loop *loop, int fd)
{
	struct pollfd fds[] = {
		{.fd = uv_backend_fd(&loop->uv), .events = POLLIN},
		{.fd = fd, .events = POLLIN},
	};

	poll(fds, 2, TURN_MOST);
}

static bool is_readable(const struct client *client)
{
	struct pollfd fd = {.fd = client->fd, .events = POLLIN};

	return poll(&fd, 1, 0) > 0;
}

static bool send_some(struct client *client, size_t from, size_t to)
{
	return send(client->fd, out + from, to - from, MSG_NOSIGNAL) ==
	       (ssize_t)(to - from);
}

/* Lets the loop read the first half before the second is there. */
static bool send_all(struct client *client, bool pieces)
{
	size_t half = pieces ? out_len / 2 : out_len;

	if (!send_some(client, 0, half))
		return false;
	for (int i = 0; pieces && i < 3 && !is_readable(client); i++)
		client_turn(client->loop);
	return half == out_len || send_some(client, half, out_len);
}

/* ---- the answer ------------------------------------------------------- */

/* Runs the loop until there are that many bytes; false at the end. */
static bool receive(struct client *client, char *to, size_t len)
{
	while (len) {
		ssize_t n;

		while (!is_readable(client)) {
			client_turn(client->loop);
			client_wait(client->loop, client->fd);
		}
		n = recv(client->fd, to, len, 0);
		if (n <= 0)
			return false;
		to += n;
		len -= (size_t)n;
	}
	return true;
}

static bool receive_record(struct client *client, int *type)
{
	static char trash[65536 + 256];
	unsigned char header[8];
	size_t len;
	char *to = trash;

	if (!receive(client, (char *)header, sizeof(header)))
		return false;
	*type = header[1];
	len = (size_t)(header[4] << 8 | header[5]);
	if (*type == STDOUT) {
		if (client->len + len >= sizeof(client->answer))
			abort();
		to = client->answer + client->len;
		client->len += len;
	}
	return receive(client, to, len) && receive(client, trash, header[6]);
}

static void take_cookie(struct client *client)
{
	const char *cookie = strstr(client->answer, "\r\nSet-Cookie: sid=");

	if (cookie)
		snprintf(client->cookie, sizeof(client->cookie), "%.*s",
			 (int)strcspn(cookie + 14, ";\r"), cookie + 14);
}

static bool receive_answer(struct client *client)
{
	int type = 0;

	client->len = 0;
	while (type != END)
		if (!receive_record(client, &type))
			return false;
	client->answer[client->len] = '\0';
	return true;
}

int client_ask(struct client *client, const struct request *request)
{
	*client->answer = '\0';
	write_request(client, request);
	/* One that the loop has closed meanwhile is not sent on. */
	if (is_open(client) && is_readable(client))
		client_close(client);
	if (!is_open(client))
		connect_it(client);
	if (!send_all(client, request->pieces) || !receive_answer(client)) {
		client_close(client);
		*client->answer = '\0';
		return 0;
	}
	take_cookie(client);
	return strncmp(client->answer, "Status: ", 8)
		       ? -1
		       : atoi(client->answer + 8);
}
