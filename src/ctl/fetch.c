/*
 * Fetches a page of krsessiond's own socket (server.metrics_listen): one
 * request in HTTP/1.1 over a Unix socket or TCP, and all of the answer, within
 * a time and a size. Knows nothing of what the page says.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/ctl.h"

#define PAGE_MOST (16 << 20) /* bytes of an answer */
#define PAGE_TIME 5000       /* ms for all of it */

/* Waits until the socket can do it. False when the time is over. */
static bool await(int fd, short events, int64_t until)
{
	struct pollfd ready = {.fd = fd, .events = events};
	int64_t left = until - kri_clock_ms();
	int n = -1;

	while (left > 0 && (n = poll(&ready, 1, (int)left)) < 0 &&
	       errno == EINTR)
		left = until - kri_clock_ms();
	if (n <= 0)
		errno = ETIMEDOUT;
	return n > 0;
}

/* ---- connecting ------------------------------------------------------- */

static int connect_to(const struct sockaddr *address, socklen_t size,
		      int64_t until)
{
	int fd = socket(address->sa_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;
	socklen_t len = sizeof(error);

	if (fd < 0)
		return -1;
	if (!connect(fd, address, size))
		return fd;
	error = errno;
	if (error == EINPROGRESS) {
		error = ETIMEDOUT;
		if (await(fd, POLLOUT, until))
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	}
	if (!error)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

static int connect_unix(const char *path, int64_t until)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	return connect_to((const struct sockaddr *)&address, sizeof(address),
			  until);
}

/* "HOST:PORT" or "[HOST]:PORT", each of its addresses in turn. */
static int connect_tcp(const char *place, int64_t until, const char **why)
{
	const struct addrinfo want = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found, *at;
	char host[NI_MAXHOST];
	const char *colon = strrchr(place, ':');
	size_t len = (size_t)(colon - place);
	int result, fd = -1;

	if (*place == '[' && len > 1 && place[len - 1] == ']') {
		place++;
		len -= 2;
	}
	snprintf(host, sizeof(host), "%.*s", (int)len, place);
	result = getaddrinfo(host, colon + 1, &want, &found);
	if (result) {
		*why = gai_strerror(result);
		return -1;
	}
	for (at = found; at && fd < 0; at = at->ai_next)
		fd = connect_to(at->ai_addr, at->ai_addrlen, until);
	freeaddrinfo(found);
	return fd;
}

bool ctl_is_place(const char *place)
{
	const char *colon;

	if (!strncmp(place, "unix:", 5))
		return place[5] != '\0';
	if (strncmp(place, "tcp:", 4) != 0)
		return false;
	colon = strrchr(place + 4, ':');
	return colon && colon > place + 4 && colon[1] &&
	       strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

/* ---- asking ----------------------------------------------------------- */

static bool ask(int fd, const char *path, int64_t until)
{
	char request[512];
	int len = snprintf(request, sizeof(request),
			   "GET %s HTTP/1.1\r\nHost: krsession\r\n"
			   "Connection: close\r\n\r\n",
			   path);

	if (len >= (int)sizeof(request)) {
		errno = ENAMETOOLONG;
		return false;
	}
	return await(fd, POLLOUT, until) &&
	       send(fd, request, (size_t)len, MSG_NOSIGNAL) == len;
}

static bool read_all(int fd, int64_t until, struct kri_buffer *out)
{
	ssize_t n = 1;

	while (n > 0 && out->len < PAGE_MOST) {
		char *room = kri_buffer_reserve(out, 65536);

		if (!room || !await(fd, POLLIN, until))
			return false;
		n = recv(fd, room, 65536, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			n = 1; /* and nothing has come */
		else if (n > 0)
			out->len += (size_t)n;
	}
	if (n > 0)
		errno = EMSGSIZE;
	return !n;
}

/* Takes away the head; NULL if all is well, else what is wrong. */
static const char *unwrap(struct kri_buffer *answer, struct kri_text *body)
{
	const char *end =
		answer->len ? memmem(answer->data, answer->len, "\r\n\r\n", 4)
			    : NULL;

	if (!end || strncmp(answer->data, "HTTP/1.", 7) != 0)
		return "what answers there does not speak HTTP";
	if (strncmp(answer->data + 8, " 200", 4) != 0)
		return "it answers that it has no such page";
	end += 4;
	*body = kri_text(end, answer->len - (size_t)(end - answer->data));
	return NULL;
}

const char *ctl_fetch(const char *place, const char *path,
		      struct kri_buffer *answer, struct kri_text *body)
{
	int64_t until = kri_clock_ms() + PAGE_TIME;
	const char *why = NULL;
	int fd = place[0] == 'u' ? connect_unix(place + 5, until)
				 : connect_tcp(place + 4, until, &why);

	kri_buffer_clear(answer);
	if (fd < 0)
		return why ? why : strerror(errno);
	if (!ask(fd, path, until) || !read_all(fd, until, answer))
		why = answer->failed ? "out of memory" : strerror(errno);
	close(fd);
	return why ? why : unwrap(answer, body);
}
