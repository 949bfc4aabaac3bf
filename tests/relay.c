/*
 * A relay for the tests: stands between krsessiond and Redis and does the
 * harm that Redis never does by itself on demand. Knows nothing of either.
 *
 *     relay PORT UNIX_SOCKET|PORT MODE_FILE
 *
 * The mode is looked up again for every piece that comes from either side:
 *
 *     pass       hands it on
 *     delay MS   hands it on that much later
 *     hole       keeps it and the connection: a half-open peer
 *     drip MS    from the server, hands on one byte in so many ms
 *     cut N      from the server, hands on N bytes and closes
 *     say TEXT   answers the client with TEXT (\r and \n are escaped) and
 *                never asks the server
 *     close      closes
 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *server; /* path of a Unix socket, or a port */
static const char *mode_path;

struct mode {
	char name[8];
	char argument[256];
};

/* One direction of a connection. */
struct lane {
	int from, to;
	bool from_client;
};

static void die(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void read_mode(struct mode *mode)
{
	FILE *file = fopen(mode_path, "r");

	*mode = (struct mode){.name = "pass"};
	if (!file)
		return;
	if (fscanf(file, "%7s %255[^\n]", mode->name, mode->argument) < 1)
		strcpy(mode->name, "pass");
	fclose(file);
}

static bool is(const struct mode *mode, const char *name)
{
	return !strcmp(mode->name, name);
}

/* ---- one piece -------------------------------------------------------- */

static bool hand_on(int to, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(to, data, size, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

static bool drip(int to, const char *data, size_t size, useconds_t pause)
{
	for (size_t i = 0; i < size; i++) {
		usleep(pause);
		if (!hand_on(to, data + i, 1))
			return false;
	}
	return true;
}

/* \r and \n become what they stand for. */
static size_t unescape(char *text)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		if (in[0] == '\\' && (in[1] == 'r' || in[1] == 'n'))
			*out++ = *++in == 'r' ? '\r' : '\n';
		else
			*out++ = *in;
	}
	return (size_t)(out - text);
}

/* Whether the connection goes on. */
static bool pass(const struct lane *lane, const char *data, size_t size)
{
	struct mode mode;

	read_mode(&mode);
	if (is(&mode, "hole"))
		return true;
	if (is(&mode, "close"))
		return false;
	if (is(&mode, "say"))
		return lane->from_client && hand_on(lane->from, mode.argument,
						    unescape(mode.argument));
	if (is(&mode, "cut") && !lane->from_client) {
		size_t most = (size_t)atoi(mode.argument);

		hand_on(lane->to, data, size < most ? size : most);
		return false;
	}
	if (is(&mode, "drip") && !lane->from_client)
		return drip(lane->to, data, size,
			    (useconds_t)atoi(mode.argument) * 1000);
	if (is(&mode, "delay"))
		usleep((useconds_t)atoi(mode.argument) * 1000);
	return hand_on(lane->to, data, size);
}

/* ---- connections ------------------------------------------------------ */

/* The sockets are closed by nobody but shut down by both: the number of one
 * lane's must not be another's by then. A test's relay has enough of them. */
static void *run_lane(void *arg)
{
	struct lane *lane = arg;
	char data[65536];
	ssize_t n;

	do
		n = recv(lane->from, data, sizeof(data), 0);
	while (n > 0 && pass(lane, data, (size_t)n));
	shutdown(lane->from, SHUT_RDWR);
	shutdown(lane->to, SHUT_RDWR);
	free(lane);
	return NULL;
}

static void start_lane(int from, int to, bool from_client)
{
	struct lane *lane = malloc(sizeof(*lane));
	pthread_t thread;

	if (!lane)
		die("malloc");
	*lane = (struct lane){from, to, from_client};
	errno = pthread_create(&thread, NULL, run_lane, lane);
	if (errno)
		die("pthread_create");
	pthread_detach(thread);
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/* -1 without a server: there is nothing to hand on then, but much to say. */
static int connect_server(void)
{
	bool is_path = *server == '/';
	struct sockaddr_un path = {.sun_family = AF_UNIX};
	struct sockaddr_in port = loopback(atoi(server));
	int fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || strlen(server) >= sizeof(path.sun_path))
		die(server);
	strcpy(path.sun_path, server);
	if (is_path ? !connect(fd, (struct sockaddr *)&path, sizeof(path))
		    : !connect(fd, (struct sockaddr *)&port, sizeof(port)))
		return fd;
	close(fd);
	return -1;
}

static int listen_at(int port)
{
	struct sockaddr_in addr = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 128))
		die("listen");
	return fd;
}

int main(int argc, char **argv)
{
	int listener;

	if (argc != 4) {
		fputs("usage: relay PORT UNIX_SOCKET|PORT MODE_FILE\n", stderr);
		return 2;
	}
	server = argv[2];
	mode_path = argv[3];
	listener = listen_at(atoi(argv[1]));
	for (;;) {
		int client = accept(listener, NULL, NULL);
		int upstream;

		if (client < 0)
			die("accept");
		upstream = connect_server();
		start_lane(client, upstream, true);
		if (upstream >= 0)
			start_lane(upstream, client, false);
	}
}
