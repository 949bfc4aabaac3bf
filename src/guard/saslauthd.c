/*
 * Owns the protocol: four texts go out, name, password, service and realm, and
 * one comes back that begins with "OK" or "NO"; each has its length in two
 * bytes before it (saslauthd/ipc_unix.c of Cyrus SASL). The answer is not
 * trusted to be one.
 */
#include "guard/saslauthd.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "krsession.h"

#define TEXT_MAX 256 /* bytes of a text; saslauthd takes no longer ones */
#define REQUEST_MAX (4 * (2 + TEXT_MAX))

struct asking {
	int socket;
	int64_t end; /* ms, monotonic */
	const char *wrong;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static bool fail(struct asking *asking, const char *wrong)
{
	asking->wrong = wrong;
	return false;
}

/* Waits until the socket can be read or written. */
static bool wait_for(struct asking *asking, short events)
{
	struct pollfd poll_fd = {.fd = asking->socket, .events = events};
	int64_t left = asking->end - now_ms();
	int n;

	if (left <= 0)
		return fail(asking, "it took too long");
	n = poll(&poll_fd, 1, (int)left);
	if (n < 0 && errno != EINTR)
		return fail(asking, strerror(errno));
	return true;
}

/* A socket whose queue is full is one to wait for: it tells no poll. */
static bool connect_to(struct asking *asking, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timespec pause = {.tv_nsec = 20000000};

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(asking, "its name is too long for a socket");
	strcpy(address.sun_path, path);
	asking->socket =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (asking->socket < 0)
		return fail(asking, strerror(errno));
	while (connect(asking->socket, (const struct sockaddr *)&address,
		       sizeof(address))) {
		if (errno != EAGAIN && errno != EINTR)
			return fail(asking, strerror(errno));
		if (now_ms() >= asking->end)
			return fail(asking, "it takes no connection");
		nanosleep(&pause, NULL);
	}
	return true;
}

static bool send_all(struct asking *asking, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = send(asking->socket, bytes, size, MSG_NOSIGNAL);

		if (n > 0) {
			bytes += n;
			size -= (size_t)n;
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return fail(asking, strerror(errno));
		} else if (!wait_for(asking, POLLOUT)) {
			return false;
		}
	}
	return true;
}

static bool receive_all(struct asking *asking, char *bytes, size_t size)
{
	while (size) {
		ssize_t n = recv(asking->socket, bytes, size, 0);

		if (!n)
			return fail(asking, "it broke off");
		if (n > 0) {
			bytes += n;
			size -= (size_t)n;
		} else if (errno != EAGAIN && errno != EINTR) {
			return fail(asking, strerror(errno));
		} else if (!wait_for(asking, POLLIN)) {
			return false;
		}
	}
	return true;
}

/* The texts behind one another, or 0 if one is too long. */
static size_t fill(const char *const texts[4], char request[REQUEST_MAX])
{
	size_t size = 0;

	for (size_t i = 0; i < 4; i++) {
		size_t len = strlen(texts[i]);

		if (len > TEXT_MAX)
			return 0;
		request[size++] = (char)(len >> 8);
		request[size++] = (char)len;
		memcpy(request + size, texts[i], len);
		size += len;
	}
	return size;
}

/* What follows "OK" or "NO" is a reason, which is nobody's business. */
static bool take_answer(struct asking *asking, enum guard_proof *proof)
{
	char length[2], verdict[2];
	size_t len;

	if (!receive_all(asking, length, sizeof(length)))
		return false;
	len = (size_t)(unsigned char)length[0] << 8 | (unsigned char)length[1];
	if (len < sizeof(verdict) || len > 1024)
		return fail(asking, "its answer has a wrong length");
	if (!receive_all(asking, verdict, sizeof(verdict)))
		return false;
	if (!memcmp(verdict, "OK", 2))
		*proof = GUARD_PROOF_RIGHT;
	else if (!memcmp(verdict, "NO", 2))
		*proof = GUARD_PROOF_WRONG;
	else
		return fail(asking, "its answer is neither OK nor NO");
	return true;
}

enum guard_proof guard_saslauthd_ask(const char *path, const char *service,
				     const char *user, const char *password,
				     int64_t timeout)
{
	const char *const texts[4] = {user, password, service, ""};
	struct asking asking = {.socket = -1, .end = now_ms() + timeout};
	enum guard_proof proof = GUARD_PROOF_AWAY;
	char request[REQUEST_MAX];
	size_t size = fill(texts, request);

	if (!size)
		return GUARD_PROOF_WRONG;
	if (!connect_to(&asking, path) || !send_all(&asking, request, size) ||
	    !take_answer(&asking, &proof))
		kr_log(NULL, KR_LOG_ERROR, "saslauthd at %s: %s", path,
		       asking.wrong);
	explicit_bzero(request, sizeof(request));
	if (asking.socket >= 0)
		close(asking.socket);
	return proof;
}
