/*
 * Writes records as bytes and takes answers apart again. A failure ends the
 * program with its cause, which then is the test's.
 */
#include "wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void die(const char *what)
{
	perror(what);
	exit(1);
}

long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- writing ---------------------------------------------------------- */

void append(struct bytes *bytes, const void *data, size_t size)
{
	if (!size)
		return;
	bytes->data = realloc(bytes->data, bytes->len + size);
	if (!bytes->data)
		die("realloc");
	memcpy(bytes->data + bytes->len, data, size);
	bytes->len += size;
}

void put_record(struct bytes *out, int type, int id, const void *data,
		size_t size)
{
	unsigned char header[8] = {1,
				   (unsigned char)type,
				   (unsigned char)(id >> 8),
				   (unsigned char)id,
				   (unsigned char)(size >> 8),
				   (unsigned char)size,
				   0,
				   0};

	append(out, header, sizeof(header));
	append(out, data, size);
}

void put_begin(struct bytes *out, int id, int role, int flags)
{
	unsigned char body[8] = {(unsigned char)(role >> 8),
				 (unsigned char)role, (unsigned char)flags};

	put_record(out, BEGIN, id, body, sizeof(body));
}

static void put_length(struct bytes *out, size_t size)
{
	unsigned char octets[4] = {
		(unsigned char)(size >> 24 | 0x80), (unsigned char)(size >> 16),
		(unsigned char)(size >> 8), (unsigned char)size};

	append(out, octets, sizeof(octets));
}

void put_param(struct bytes *out, int id, const char *pair)
{
	size_t name = strcspn(pair, "=");
	const char *value = pair + name + !!pair[name];
	struct bytes body = {0};

	put_length(&body, name);
	put_length(&body, strlen(value));
	append(&body, pair, name);
	append(&body, value, strlen(value));
	put_record(out, PARAMS, id, body.data, body.len);
	free(body.data);
}

void put_get(struct bytes *out, int id, bool keep, const char *target)
{
	size_t path = strcspn(target, "?");
	char pair[4096];

	put_begin(out, id, 1, keep);
	put_param(out, id, "REQUEST_METHOD=GET");
	snprintf(pair, sizeof(pair), "PATH_INFO=%.*s", (int)path, target);
	put_param(out, id, pair);
	snprintf(pair, sizeof(pair), "QUERY_STRING=%s",
		 target + path + !!target[path]);
	put_param(out, id, pair);
	put_record(out, PARAMS, id, NULL, 0);
	put_record(out, STDIN, id, NULL, 0);
}

/* ---- connections ------------------------------------------------------ */

static int connect_fd(int fd, const struct sockaddr *address, socklen_t size)
{
	if (fd < 0 || !connect(fd, address, size))
		return fd;
	close(fd);
	return -1;
}

int connect_to(const char *address)
{
	struct sockaddr_un path = {.sun_family = AF_UNIX};
	struct sockaddr_in port = {.sin_family = AF_INET};

	if (*address == '/') {
		snprintf(path.sun_path, sizeof(path.sun_path), "%s", address);
		return connect_fd(socket(AF_UNIX, SOCK_STREAM, 0),
				  (struct sockaddr *)&path, sizeof(path));
	}
	address = strrchr(address, ':');
	port.sin_port =
		htons((unsigned short)(address ? atoi(address + 1) : 0));
	port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect_fd(socket(AF_INET, SOCK_STREAM, 0),
			  (struct sockaddr *)&port, sizeof(port));
}

/* ---- reading ---------------------------------------------------------- */

static enum fate receive(int fd, void *data, size_t size, bool began)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = recv(fd, (char *)data + len, size - len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? TIMED_OUT : RESET;
		if (n == 0)
			return began || len ? CUT : CLOSED;
		len += (size_t)n;
	}
	return GOT;
}

enum fate receive_record(int fd, struct record *record)
{
	unsigned char header[8];
	enum fate fate = receive(fd, header, sizeof(header), false);

	if (fate != GOT)
		return fate;
	record->type = header[1];
	record->id = header[2] << 8 | header[3];
	record->size = (size_t)header[4] << 8 | header[5];
	fate = receive(fd, record->content, record->size + header[6], true);
	record->content[record->size] = '\0';
	return fate;
}
