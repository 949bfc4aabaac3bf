/*
 * A small FastCGI client for the tests: it does what no front server does on
 * demand, such as keeping 64 connections idle, sending half a request, or a
 * request byte by byte. Knows nothing of krsession.
 *
 * Prints for each answer one line "STATUS MILLISECONDS RETRY-AFTER", the
 * latter "-" if there is none, and the status 000 if there was no answer;
 * without -q the answer's headers and body follow. With --trace it is one line
 * "BEGUN ENDED STATUS COOKIE BODY" instead: epoch milliseconds, and "new" or
 * "-" for whether a cookie was set.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_PARAMS 64
#define FCGI_END_REQUEST 3
#define FCGI_STDOUT 6

enum mode { WHOLE, IDLE, HALF, SPLIT, LEAVE };

static struct {
	const char *address; /* path of a Unix socket, or 127.0.0.1:PORT */
	const char *target;  /* PATH or PATH?QUERY */
	const char *method;
	const char *body;
	const char *params[MAX_PARAMS]; /* "NAME=value" */
	int params_n;
	int connections;
	int rounds;  /* requests on each connection */
	int timeout; /* ms without a byte from the server */
	int pause;   /* ms between two rounds */
	bool keep, quiet, trace;
	bool authorizer, no_stdin;
	enum mode mode;
} options = {.method = "GET",
	     .body = "",
	     .connections = 1,
	     .rounds = 1,
	     .timeout = 15000};

struct bytes {
	char *data;
	size_t len;
};

struct connection {
	int fd;     /* -1: none */
	long start; /* ms, when its request was sent */
};

static const char usage[] =
	"usage: fcgi_client [options] SOCKET|127.0.0.1:PORT PATH[?QUERY]\n"
	"  -n N           so many connections at once\n"
	"  -r N           so many requests on each, one after the other\n"
	"  -k             keep the connections (FCGI_KEEP_CONN)\n"
	"  -q             one line an answer\n"
	"  -s MS          pause between two requests of a connection\n"
	"  --trace        one line an answer, with times and the body\n"
	"  -t MS          give up after that long without a byte\n"
	"  -m METHOD      default GET\n"
	"  -b BODY        request body; name its type with -p CONTENT_TYPE=\n"
	"  -c COOKIE      an HTTP_COOKIE parameter; may be repeated\n"
	"  -p NAME=VALUE  another parameter\n"
	"  --idle N       keep N connections, one request on each, until stdin "
	"ends\n"
	"  --half         send half a request, and wait: \"closed MS\" or "
	"\"open MS\"\n"
	"  --split        send the request byte by byte\n"
	"  --leave        send the request and close without reading\n"
	"  --authorizer   in the role Authorizer: without PATH_INFO and\n"
	"                 CONTENT_LENGTH, and with REQUEST_URI\n"
	"  --no-stdin     without the end of an empty body\n";

static void die(const char *what)
{
	fprintf(stderr, "fcgi_client: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long clock_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

static FILE *stream(struct bytes *bytes)
{
	FILE *out = open_memstream(&bytes->data, &bytes->len);

	if (!out)
		die("open_memstream");
	return out;
}

/* ---- writing a request ------------------------------------------------ */

static void put_record(FILE *out, int type, const void *data, size_t size)
{
	unsigned char header[8] = {1,
				   (unsigned char)type,
				   0,
				   1,
				   (unsigned char)(size >> 8),
				   (unsigned char)size,
				   0,
				   0};

	fwrite(header, 1, sizeof(header), out);
	fwrite(data, 1, size, out);
}

/* Lengths take four octets always: allowed, and simplest. */
static void put_length(FILE *out, size_t size)
{
	fputc((int)(size >> 24 | 0x80), out);
	fputc((int)(size >> 16 & 0xff), out);
	fputc((int)(size >> 8 & 0xff), out);
	fputc((int)(size & 0xff), out);
}

static void put_param(FILE *out, const char *name, const char *value,
		      size_t len)
{
	size_t name_len = strcspn(name, "=");

	put_length(out, name_len);
	put_length(out, len);
	fwrite(name, 1, name_len, out);
	fwrite(value, 1, len, out);
}

static struct bytes params(void)
{
	size_t path = strcspn(options.target, "?");
	const char *query = options.target + path + !!options.target[path];
	struct bytes bytes = {0};
	FILE *out = stream(&bytes);
	char length[24];

	snprintf(length, sizeof(length), "%zu", strlen(options.body));
	put_param(out, "REQUEST_METHOD", options.method,
		  strlen(options.method));
	put_param(out, "QUERY_STRING", query, strlen(query));
	if (options.authorizer) {
		put_param(out, "REQUEST_URI", options.target,
			  strlen(options.target));
	} else {
		put_param(out, "PATH_INFO", options.target, path);
		put_param(out, "CONTENT_LENGTH", length, strlen(length));
	}
	for (int i = 0; i < options.params_n; i++) {
		const char *value = strchr(options.params[i], '=') + 1;

		put_param(out, options.params[i], value, strlen(value));
	}
	fclose(out);
	return bytes;
}

static struct bytes request(void)
{
	unsigned char begin[8] = {0, options.authorizer ? 2 : 1, options.keep};
	struct bytes pairs = params();
	struct bytes bytes = {0};
	FILE *out = stream(&bytes);

	put_record(out, 1, begin, sizeof(begin));
	put_record(out, 4, pairs.data, pairs.len);
	put_record(out, 4, "", 0);
	if (*options.body)
		put_record(out, 5, options.body, strlen(options.body));
	if (!options.no_stdin)
		put_record(out, 5, "", 0);
	fclose(out);
	free(pairs.data);
	return bytes;
}

/* ---- connections ------------------------------------------------------ */

static int connect_unix(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || strlen(options.address) >= sizeof(addr.sun_path))
		die(options.address);
	strcpy(addr.sun_path, options.address);
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -1;
}

static int connect_tcp(void)
{
	const char *port = strrchr(options.address, ':');
	struct sockaddr_in addr = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || !port)
		die(options.address);
	addr.sin_port = htons((uint16_t)atoi(port + 1));
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -1;
}

static void open_connection(struct connection *c)
{
	struct timeval limit = {options.timeout / 1000,
				options.timeout % 1000 * 1000};

	if (c->fd >= 0)
		return;
	c->fd = *options.address == '/' ? connect_unix() : connect_tcp();
	if (c->fd < 0)
		return;
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static void close_connection(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static bool send_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

static bool receive_all(int fd, void *data, size_t size)
{
	return recv(fd, data, size, MSG_WAITALL) == (ssize_t)size;
}

static void send_request(struct connection *c)
{
	struct bytes out = request();
	size_t step = options.mode == SPLIT ? 1 : out.len;

	c->start = now_ms();
	open_connection(c);
	for (size_t i = 0; c->fd >= 0 && i < out.len; i += step)
		if (!send_all(c->fd, out.data + i, step))
			close_connection(c);
	free(out.data);
}

/* Whether a whole answer came; its CGI text is then in *answer. */
static bool receive_answer(struct connection *c, struct bytes *answer)
{
	FILE *out = stream(answer);
	unsigned char header[8] = {0};
	char content[65536 + 256];

	while (header[1] != FCGI_END_REQUEST &&
	       receive_all(c->fd, header, sizeof(header))) {
		size_t size = (size_t)header[4] << 8 | header[5];

		if (!receive_all(c->fd, content, size + header[6]))
			break;
		if (header[1] == FCGI_STDOUT)
			fwrite(content, 1, size, out);
	}
	fclose(out);
	return header[1] == FCGI_END_REQUEST;
}

/* ---- printing --------------------------------------------------------- */

/* A header's value, or `otherwise`; the caller frees it. */
static char *header_value(const char *answer, const char *name,
			  const char *otherwise)
{
	size_t len = strlen(name);
	const char *line = answer;

	while (*line && *line != '\r') {
		if (!strncasecmp(line, name, len) && line[len] == ':')
			return strndup(line + len + 2,
				       strcspn(line + len + 2, " \r"));
		line = strchr(line, '\n');
		line = line ? line + 1 : "";
	}
	return strdup(otherwise);
}

static void print_trace(const struct connection *c, const char *answer)
{
	char *status = header_value(answer, "Status", *answer ? "200" : "000");
	char *cookie = header_value(answer, "Set-Cookie", "");
	const char *body = strstr(answer, "\r\n\r\n");
	long ended = clock_ms(CLOCK_REALTIME);

	printf("%ld %ld %s %s %s\n", ended - (now_ms() - c->start), ended,
	       status, *cookie ? "new" : "-", body ? body + 4 : "-");
	fflush(stdout);
	free(status);
	free(cookie);
}

static void print_answer(const struct connection *c, const char *answer)
{
	char *status = header_value(answer, "Status", *answer ? "200" : "000");
	char *retry = header_value(answer, "Retry-After", "-");

	printf("%s %ld %s\n", status, now_ms() - c->start, retry);
	if (!options.quiet && *answer)
		printf("%s\n", answer);
	fflush(stdout);
	free(status);
	free(retry);
}

/* ---- what can be done ------------------------------------------------- */

static void say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* Sends `size` bytes of a request and waits for the server to hang up. */
static void half(struct connection *c)
{
	struct bytes out = request();
	char byte;
	bool closed;

	open_connection(c);
	if (c->fd < 0 || !send_all(c->fd, out.data, out.len / 2))
		die("half a request");
	c->start = now_ms();
	say_ready();
	closed = recv(c->fd, &byte, 1, 0) >= 0 || errno == ECONNRESET;
	printf("%s %ld\n", closed ? "closed" : "open", now_ms() - c->start);
	free(out.data);
}

static void finish_request(struct connection *c)
{
	struct bytes answer = {0};
	bool whole = false;

	if (options.mode != LEAVE) {
		whole = receive_answer(c, &answer);
		(options.trace ? print_trace
			       : print_answer)(c, whole ? answer.data : "");
	}
	if (!whole || !options.keep)
		close_connection(c);
	free(answer.data);
}

static void one_round(struct connection *all)
{
	for (int i = 0; i < options.connections; i++)
		send_request(&all[i]);
	for (int i = 0; i < options.connections; i++)
		finish_request(&all[i]);
}

static void all_rounds(struct connection *all)
{
	for (int i = 0; i < options.rounds; i++) {
		one_round(all);
		usleep((useconds_t)options.pause * 1000);
	}
}

static void idle_until_eof(void)
{
	char byte;

	say_ready();
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static struct option long_options[] = {
	{"idle", required_argument, NULL, 'i'},
	{"half", no_argument, NULL, HALF},
	{"split", no_argument, NULL, SPLIT},
	{"leave", no_argument, NULL, LEAVE},
	{"trace", no_argument, NULL, 'T'},
	{"authorizer", no_argument, NULL, 'a'},
	{"no-stdin", no_argument, NULL, 'N'},
	{0},
};

static void add_param(const char *prefix, const char *value)
{
	char *param = NULL;

	if (options.params_n == MAX_PARAMS ||
	    asprintf(&param, "%s%s", prefix, value) < 0 || !strchr(param, '='))
		die(value);
	options.params[options.params_n++] = param;
}

static void read_option(int letter)
{
	switch (letter) {
	case 'n':
		options.connections = atoi(optarg);
		break;
	case 'r':
		options.rounds = atoi(optarg);
		break;
	case 's':
		options.pause = atoi(optarg);
		break;
	case 'T':
		options.trace = true;
		break;
	case 't':
		options.timeout = atoi(optarg);
		break;
	case 'k':
		options.keep = true;
		break;
	case 'q':
		options.quiet = true;
		break;
	case 'm':
		options.method = optarg;
		break;
	case 'b':
		options.body = optarg;
		break;
	case 'c':
		add_param("HTTP_COOKIE=", optarg);
		break;
	case 'p':
		add_param("", optarg);
		break;
	case HALF:
	case SPLIT:
	case LEAVE:
		options.mode = (enum mode)letter;
		break;
	case 'a':
		options.authorizer = true;
		break;
	case 'N':
		options.no_stdin = true;
		break;
	case 'i':
		options.mode = IDLE;
		options.keep = true;
		options.connections = atoi(optarg);
		break;
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct connection *all;
	int letter;

	while ((letter = getopt_long(argc, argv, "n:r:s:t:m:b:c:p:kq",
				     long_options, NULL)) != -1)
		read_option(letter);
	if (argc - optind != 2 || options.connections < 1)
		read_option('?');
	options.address = argv[optind];
	options.target = argv[optind + 1];
	all = calloc((size_t)options.connections, sizeof(*all));
	if (!all)
		die("calloc");
	for (int i = 0; i < options.connections; i++)
		all[i].fd = -1;
	if (options.mode == HALF)
		half(all);
	else
		all_rounds(all);
	if (options.mode == IDLE)
		idle_until_eof();
	for (int i = 0; i < options.connections; i++)
		close_connection(&all[i]);
	free(all);
	return 0;
}
