/*
 * A FastCGI load generator: measures a responder without a front server. So
 * many connections, each with one request under way; a closed loop on one
 * thread. Kept connections are as nginx keeps them, the others as lighttpd
 * has them: a connection a request. Prints one line of JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "histogram.h"
#include "wire.h"

#define MAX_PARAMS 32
#define SECOND 1000000000ull  /* ns */
#define PATIENCE (5 * SECOND) /* without any answer, then it is over */

static struct {
	struct address address;
	struct wire_request request;
	const char *params[MAX_PARAMS];
	int connections;
	double seconds; /* to measure */
	double warm_up; /* seconds before that, not counted */
	uint64_t count; /* requests to measure; 0: by time */
	const char *cookies_from;
	FILE *cookies_to;
	bool rotate; /* each request takes the next cookie */
} options = {.request = {.method = "GET"}, .connections = 1, .seconds = 5};

struct connection {
	int fd;         /* -1: none */
	uint64_t start; /* ns, when its request began; 0: none under way */
	const char *cookie;
	struct wire_answer answer;
};

static struct {
	struct connection *connections;
	char **cookies;
	size_t cookies_n;
	size_t next_cookie;
	int epoll;
	uint64_t now;       /* ns, of the events at hand */
	uint64_t from, end; /* ns, of what is measured */
	uint64_t last;      /* ns, of the last answer */
	uint64_t started;   /* requests, for the count */
	int under_way;
} load;

static struct {
	struct histogram latency;
	uint64_t answers;    /* whole ones, from the first moment */
	uint64_t bad_status; /* answers that were not 2xx */
	uint64_t broken;     /* no whole answer came */
	int first_bad;       /* status of the first of them */
} result;

static const char usage[] =
	"usage: fcgi_load [options] SOCKET|PORT PATH[?QUERY]\n"
	"  -c N           so many connections, one request on each (1)\n"
	"  -k             keep them (FCGI_KEEP_CONN); else one a request\n"
	"  -d SECONDS     how long (5)\n"
	"  -n COUNT       so many requests instead\n"
	"  -w SECONDS     warm-up before that (0)\n"
	"  -C FILE        cookies, \"name=value\" a line; one a connection\n"
	"  -r             each request takes the next cookie\n"
	"  -o FILE        write the cookies there that answers set\n"
	"  -m METHOD      GET\n"
	"  -p NAME=VALUE  another parameter\n";

static void die(const char *what)
{
	fprintf(stderr, "fcgi_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* ---- cookies ---------------------------------------------------------- */

static void add_cookie(char *line)
{
	size_t n = load.cookies_n;

	line[strcspn(line, "\n")] = '\0';
	if (!(n & (n + 1)))
		load.cookies = realloc(load.cookies,
				       2 * (n + 1) * sizeof(*load.cookies));
	line = strdup(line);
	if (!load.cookies || !line)
		die("cookies");
	load.cookies[load.cookies_n++] = line;
}

static void read_cookies(void)
{
	FILE *in = fopen(options.cookies_from, "r");
	char *line = NULL;
	size_t size = 0;

	if (!in)
		die(options.cookies_from);
	while (getline(&line, &size, in) > 0)
		add_cookie(line);
	free(line);
	fclose(in);
	if (!load.cookies_n)
		die("no cookies");
}

static const char *next_cookie(void)
{
	return load.cookies_n
		       ? load.cookies[load.next_cookie++ % load.cookies_n]
		       : NULL;
}

static void save_cookie(const struct wire_answer *answer)
{
	char cookie[512];

	if (options.cookies_to && wire_cookie(answer, cookie, sizeof(cookie)))
		fprintf(options.cookies_to, "%s\n", cookie);
}

/* ---- connections ------------------------------------------------------ */

static void open_connection(struct connection *c)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

	c->fd = address_connect(&options.address, SOCK_CLOEXEC);
	if (c->fd >= 0 && epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &event))
		die("epoll_ctl");
}

static void close_connection(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/* Whether another request is to begin. */
static bool wanted(void)
{
	if (options.count && load.now >= load.from)
		return load.started < options.count;
	return load.now < load.end;
}

/* The socket blocks; a request is small beside its buffer. */
static bool send_request(struct connection *c)
{
	unsigned char bytes[WIRE_REQUEST_MAX];
	size_t size = wire_request(&options.request, c->cookie, bytes);

	if (!size) {
		errno = EMSGSIZE;
		die("request");
	}
	if (c->fd < 0)
		open_connection(c);
	return c->fd >= 0 &&
	       send(c->fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static void note_broken(struct connection *c)
{
	close_connection(c);
	c->start = 0;
	result.broken++;
}

static void begin(struct connection *c)
{
	if (!wanted())
		return;
	if (options.rotate)
		c->cookie = next_cookie();
	wire_begin(&c->answer);
	c->start = now_ns();
	if (load.now >= load.from)
		load.started++;
	if (send_request(c)) {
		load.under_way++;
	} else {
		note_broken(c);
		usleep(1000); /* a server that is gone is not hammered */
	}
}

/* ---- answers ---------------------------------------------------------- */

/* Errors count from the first moment, latencies when it is their time. */
static void note_answer(struct connection *c)
{
	int status = wire_status(&c->answer);

	result.answers++;
	save_cookie(&c->answer);
	if (status < 200 || status > 299) {
		if (!result.bad_status++)
			result.first_bad = status;
	} else if (c->start >= load.from &&
		   (options.count || load.now < load.end)) {
		histogram_add(&result.latency, load.now - c->start);
	}
}

static void finish(struct connection *c)
{
	load.under_way--;
	load.last = load.now;
	if (c->answer.complete)
		note_answer(c);
	else
		note_broken(c);
	if (!options.request.keep)
		close_connection(c);
	c->start = 0;
	begin(c);
}

static void receive(struct connection *c)
{
	unsigned char bytes[16384];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!c->start) { /* the server hung up on an idle connection */
		close_connection(c);
		return;
	}
	if (n > 0)
		wire_feed(&c->answer, bytes, (size_t)n);
	if (n <= 0 || c->answer.complete || c->answer.broken)
		finish(c);
}

/* ---- the run ---------------------------------------------------------- */

static void begin_all(void)
{
	for (int i = 0; i < options.connections; i++)
		if (!load.connections[i].start)
			begin(&load.connections[i]);
}

static void turn(void)
{
	struct epoll_event events[256];
	int n = epoll_wait(load.epoll, events, 256, 50);

	load.now = now_ns();
	for (int i = 0; i < n; i++)
		receive(events[i].data.ptr);
	if (n == 0)
		begin_all(); /* those that could not connect */
}

static void run(void)
{
	load.now = now_ns();
	load.last = load.now;
	load.from = load.now + (uint64_t)(options.warm_up * (double)SECOND);
	load.end = load.from + (uint64_t)(options.seconds * (double)SECOND);
	begin_all();
	while ((load.under_way || wanted()) && load.now - load.last < PATIENCE)
		turn();
	result.broken += (uint64_t)load.under_way;
}

static void prepare(void)
{
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.connections =
		calloc((size_t)options.connections, sizeof(*load.connections));
	if (load.epoll < 0 || !load.connections)
		die("start");
	if (options.cookies_from)
		read_cookies();
	for (int i = 0; i < options.connections; i++) {
		load.connections[i].fd = -1;
		load.connections[i].cookie = next_cookie();
	}
}

/* ---- the report ------------------------------------------------------- */

static double seconds_measured(void)
{
	uint64_t end = options.count ? load.last : load.end;

	return end > load.from ? (double)(end - load.from) / SECOND : 0;
}

static double own_cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return 1e6 * (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double latency_us(double share)
{
	return (double)histogram_quantile(&result.latency, share) / 1000;
}

static void report(void)
{
	uint64_t n = result.latency.total;
	double seconds = seconds_measured();

	printf("{\"connections\":%d,\"kept\":%s,", options.connections,
	       options.request.keep ? "true" : "false");
	printf("\"requests\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,",
	       (unsigned long long)n, seconds,
	       seconds > 0 ? (double)n / seconds : 0);
	printf("\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,"
	       "\"max_us\":%.1f,",
	       latency_us(0.5), latency_us(0.9), latency_us(0.99),
	       (double)result.latency.max / 1000);
	printf("\"errors\":%llu,\"first_bad_status\":%d,\"broken\":%llu,",
	       (unsigned long long)(result.bad_status + result.broken),
	       result.first_bad, (unsigned long long)result.broken);
	printf("\"answers\":%llu,", (unsigned long long)result.answers);
	printf("\"own_cpu_us\":%.1f}\n",
	       result.answers ? own_cpu_us() / (double)result.answers : 0);
}

/* ---- the command line ------------------------------------------------- */

static void add_param(const char *param)
{
	if (options.request.params_n == MAX_PARAMS || !strchr(param, '=')) {
		errno = EINVAL;
		die(param);
	}
	options.params[options.request.params_n++] = param;
	options.request.params = options.params;
}

static void read_option(int letter)
{
	switch (letter) {
	case 'c':
		options.connections = atoi(optarg);
		break;
	case 'k':
		options.request.keep = true;
		break;
	case 'd':
		options.seconds = atof(optarg);
		break;
	case 'n':
		options.count = strtoull(optarg, NULL, 10);
		break;
	case 'w':
		options.warm_up = atof(optarg);
		break;
	case 'C':
		options.cookies_from = optarg;
		break;
	case 'r':
		options.rotate = true;
		break;
	case 'o':
		options.cookies_to = fopen(optarg, "w");
		if (!options.cookies_to)
			die(optarg);
		break;
	case 'm':
		options.request.method = optarg;
		break;
	case 'p':
		add_param(optarg);
		break;
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "c:kd:n:w:C:ro:m:p:")) != -1)
		read_option(letter);
	if (argc - optind != 2 || options.connections < 1)
		read_option('?');
	options.address = address_of(argv[optind]);
	options.request.target = argv[optind + 1];
	prepare();
	run();
	report();
	if (options.cookies_to && fclose(options.cookies_to))
		die("cookies");
	return result.bad_status || result.broken;
}
