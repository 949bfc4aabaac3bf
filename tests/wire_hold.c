/*
 * A client of a Unix socket that sends some bytes, escapes as in printf(1),
 * and then either says "held" and waits for its end without reading, or with
 * --read prints what comes until the other side closes. The other side may
 * have closed before it came to send.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	return fd;
}

/* In place; returns the length, as there may be a NUL among them. */
static size_t unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; at++) {
		if (*at != '\\') {
			*to++ = *at;
			continue;
		}
		at++;
		if (*at == 'r') {
			*to++ = '\r';
		} else if (*at == 'n') {
			*to++ = '\n';
		} else if (strspn(at, "01234567") >= 3) {
			*to++ = (char)((at[0] - '0') * 64 + (at[1] - '0') * 8 +
				       (at[2] - '0'));
			at += 2;
		} else {
			return 0;
		}
	}
	return (size_t)(to - text);
}

static void copy(int fd)
{
	char bytes[4096];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		fwrite(bytes, 1, (size_t)n, stdout);
}

int main(int argc, char **argv)
{
	int reads = argc > 1 && !strcmp(argv[1], "--read");
	int fd;
	char *bytes;
	size_t len;

	if (argc != 3 + reads)
		return 2;
	bytes = strdup(argv[2 + reads]);
	fd = connect_to(argv[1 + reads]);
	if (fd < 0 || !bytes)
		return 1;
	len = unescape(bytes);
	if (send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len &&
	    errno != EPIPE && errno != ECONNRESET)
		return 1;
	if (reads) {
		copy(fd);
	} else {
		puts("held");
		fflush(stdout);
		pause();
	}
	free(bytes);
	close(fd);
	return 0;
}
