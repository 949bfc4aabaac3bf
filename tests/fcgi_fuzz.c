/*
 * Sends mutations of a good stream of records, each on a connection of its
 * own, in one piece or in several, and reads a little of what comes back, or
 * leaves. What it finds is the server's to say: it lives, or it does not.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

static unsigned long long state;

static size_t below(size_t n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return n ? (size_t)(state >> 33) % n : 0;
}

/* ---- what is mutated -------------------------------------------------- */

static void put_form(struct bytes *out, int id)
{
	put_begin(out, id, 1, 1);
	put_param(out, id, "REQUEST_METHOD=POST");
	put_param(out, id, "PATH_INFO=/session/set");
	put_param(out, id, "CONTENT_LENGTH=15");
	put_param(out, id, "CONTENT_TYPE=application/x-www-form-urlencoded");
	put_param(out, id,
		  "HTTP_COOKIE=a=b; Kr.Session="
		  "BBBBBBBBBBBBBBBBBBBBBACCCCCCCCCCCCCCCCCCCCCCCCCCCCC"
		  "CCCCCCCCCCCCA");
	put_record(out, PARAMS, id, NULL, 0);
	put_record(out, STDIN, id, "key=a&value=b%2", 15);
	put_record(out, STDIN, id, NULL, 0);
}

static void put_good(struct bytes *out)
{
	static const char question[] =
		"\x0f\0FCGI_MPXS_CONNS\x0e\0FCGI_MAX_CONNS";

	switch (below(5)) {
	case 0:
		put_form(out, 1 + (int)below(3));
		break;
	case 1:
		put_record(out, VALUES, 0, question, sizeof(question) - 1);
		break;
	case 2:
		put_begin(out, 1, 1, 1);
		put_param(out, 1, "PATH_INFO=/hello");
		put_record(out, ABORT, 1, NULL, 0);
		break;
	default:
		put_get(out, 1, true, "/session/login?user=%4dax");
	}
}

/* ---- mutations -------------------------------------------------------- */

static void cut_out(struct bytes *bytes, size_t at, size_t size)
{
	memmove(bytes->data + at, bytes->data + at + size,
		bytes->len - at - size);
	bytes->len -= size;
}

static void repeat(struct bytes *bytes, size_t at, size_t size)
{
	struct bytes copy = {0};

	append(&copy, bytes->data, at + size);
	append(&copy, bytes->data + at, bytes->len - at);
	free(bytes->data);
	*bytes = copy;
}

static void mutate(struct bytes *bytes)
{
	static const unsigned char sharp[] = {0, 1,    2,    4,    5,
					      9, 0x7f, 0x80, 0x81, 0xff};
	size_t at = below(bytes->len);
	size_t size = below(bytes->len - at < 64 ? bytes->len - at : 64);

	switch (below(5)) {
	case 0:
		bytes->data[at] ^= (char)(1 << below(8));
		break;
	case 1:
		bytes->data[at] = (char)sharp[below(sizeof(sharp))];
		break;
	case 2:
		bytes->data[at] = (char)below(256);
		break;
	case 3:
		cut_out(bytes, at, size);
		break;
	default:
		repeat(bytes, at, size);
	}
}

static struct bytes make(void)
{
	struct bytes bytes = {0};

	for (size_t n = 1 + below(4); n; n--)
		put_good(&bytes);
	for (size_t n = below(6); n && bytes.len; n--)
		mutate(&bytes);
	return bytes;
}

/* ---- sending ---------------------------------------------------------- */

static void send_pieces(int fd, const struct bytes *bytes)
{
	size_t most = below(3) ? bytes->len : 1 + below(200);

	for (size_t i = 0; i < bytes->len;) {
		size_t left = bytes->len - i;
		ssize_t n = send(fd, bytes->data + i, left < most ? left : most,
				 MSG_NOSIGNAL);

		if (n <= 0)
			return;
		i += (size_t)n;
	}
}

static void read_some(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	char trash[4096];

	for (int i = 0; i < 4 && poll(&poller, 1, 5) > 0; i++)
		if (recv(fd, trash, sizeof(trash), 0) <= 0)
			return;
}

static void go(const char *address)
{
	struct bytes bytes = make();
	int fd = connect_to(address);

	if (fd < 0)
		die(address);
	send_pieces(fd, &bytes);
	if (!below(4))
		shutdown(fd, SHUT_WR);
	if (below(4))
		read_some(fd);
	close(fd);
	free(bytes.data);
}

int main(int argc, char **argv)
{
	long until, rounds = 0;

	if (argc != 4) {
		fputs("usage: fcgi_fuzz SEED SECONDS ADDRESS\n", stderr);
		return 2;
	}
	state = strtoull(argv[1], NULL, 10);
	until = now_ms() + atol(argv[2]) * 1000;
	for (; now_ms() < until; rounds++)
		go(argv[3]);
	printf("seed %s: %ld rounds\n", argv[1], rounds);
	return 0;
}
