/*
 * A FastCGI peer that says what it is told, right or wrong, on any number of
 * connections at once, and prints what comes back:
 *
 *   answer STATUS MS     all of an answer but its end
 *   end ID STATUS        FCGI_END_REQUEST and its protocol status
 *   values NAME=VALUE... FCGI_GET_VALUES_RESULT
 *   unknown TYPE         FCGI_UNKNOWN_TYPE
 *   closed MS | reset MS | cut MS | open MS
 *
 * MS are milliseconds since the connection was made. "cut" is an end within a
 * record, "open" none within the time. "ready" comes when all has been said
 * and the end is waited for.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "wire.h"

static const char usage[] =
	"usage: fcgi_raw [-n N] [-t MS] SOCKET|127.0.0.1:PORT WORD...\n"
	"  get:PATH[?QUERY]   a whole request; keep:... with FCGI_KEEP_CONN\n"
	"  begin:ROLE:FLAGS   a BEGIN_REQUEST\n"
	"  param:NAME=VALUE   a PARAMS record; params: the empty one\n"
	"  stdin:TEXT         a STDIN record; stdin: the empty one\n"
	"  body:N             N bytes in STDIN records\n"
	"  abort:             an ABORT_REQUEST\n"
	"  values:NAME        a GET_VALUES for one value\n"
	"  type:N             a management record of that type\n"
	"  id:N               records are of request N from now on\n"
	"  hex:DIGITS         these bytes\n"
	"  slow:MS            each byte from here on after a pause\n"
	"  answers:N          read until so many requests have ended\n"
	"  go:FILE            wait until there is such a file\n"
	"  shut:              half-close\n"
	"  mute:MS            read nothing for that long\n"
	"  leave:             close without reading\n";

static const char *address;
static int connections = 1, timeout = 15000;
static int id = 1;
static int slow; /* ms between two bytes */
static struct bytes out;

struct peer {
	int fd;
	long since;
	char status[8];
} * peers;

/* ---- what is said ----------------------------------------------------- */

static void open_all(void)
{
	struct timeval limit = {timeout / 1000, timeout % 1000 * 1000};

	peers = calloc((size_t)connections, sizeof(*peers));
	if (!peers)
		die("calloc");
	for (int i = 0; i < connections; i++) {
		peers[i].fd = connect_to(address);
		if (peers[i].fd < 0)
			die(address);
		peers[i].since = now_ms();
		setsockopt(peers[i].fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
			   sizeof(limit));
		setsockopt(peers[i].fd, SOL_SOCKET, SO_SNDTIMEO, &limit,
			   sizeof(limit));
	}
}

/* How many took all of it. Who has hung up is found out when its end is
 * read. */
static int send_to_all(const char *data, size_t size)
{
	int took = 0;

	for (int i = 0; i < connections; i++)
		for (size_t done = 0; done < size;) {
			ssize_t n = send(peers[i].fd, data + done, size - done,
					 MSG_NOSIGNAL);

			if (n <= 0)
				break;
			done += (size_t)n;
			took += done == size;
		}
	return took;
}

static void flush(void)
{
	size_t step = slow ? 1 : out.len;

	for (size_t i = 0; i < out.len; i += step) {
		if (!send_to_all(out.data + i, step))
			break;
		usleep((useconds_t)slow * 1000);
	}
	out.len = 0;
}

static void put_body(size_t size)
{
	static char filler[32768];

	memset(filler, 'x', sizeof(filler));
	while (size) {
		size_t part = size < sizeof(filler) ? size : sizeof(filler);

		put_record(&out, STDIN, id, filler, part);
		size -= part;
	}
}

static void put_hex(const char *digits)
{
	unsigned byte;

	for (; sscanf(digits, "%2x", &byte) == 1; digits += 2)
		append(&out, &(char){(char)byte}, 1);
}

static void put_question(const char *name)
{
	char pair[128];
	size_t len = strlen(name) & 0x7f;

	pair[0] = (char)len;
	pair[1] = 0;
	memcpy(pair + 2, name, len);
	put_record(&out, VALUES, 0, pair, len + 2);
}

static void put_start(const char *numbers)
{
	int role = 1, flags = 0;

	sscanf(numbers, "%d:%d", &role, &flags);
	put_begin(&out, id, role, flags);
}

/* ---- what comes back -------------------------------------------------- */

static void print_values(const struct record *record)
{
	const unsigned char *at = (const unsigned char *)record->content;
	const unsigned char *end = at + record->size;

	printf("values");
	for (; at + 2 < end; at += 2 + at[0] + at[1])
		printf(" %.*s=%.*s", at[0], at + 2, at[1], at + 2 + at[0]);
	puts("");
}

static void note_status(struct peer *peer, const char *text)
{
	const char *status = strstr(text, "Status: ");

	if (!*peer->status)
		snprintf(peer->status, sizeof(peer->status), "%.3s",
			 status ? status + 8 : "200");
}

/* Whether a request ended. */
static bool print_record(struct peer *peer, const struct record *record)
{
	switch (record->type) {
	case STDOUT:
		note_status(peer, record->content);
		return false;
	case END:
		if (*peer->status)
			printf("answer %s %ld\n", peer->status,
			       now_ms() - peer->since);
		printf("end %d %d\n", record->id, record->content[4]);
		*peer->status = '\0';
		return true;
	case VALUES_RESULT:
		print_values(record);
		return false;
	case UNKNOWN:
		printf("unknown %d\n", (unsigned char)record->content[0]);
		return false;
	default:
		printf("type %d\n", record->type);
		return false;
	}
}

/* Until so many requests have ended on each, or their connection has. */
static void read_answers(int n)
{
	static const char *const names[] = {"", "closed", "reset", "cut",
					    "open"};
	static struct record record;

	for (int i = 0; i < connections; i++) {
		enum fate fate = GOT;

		for (int ended = 0; ended != n && fate == GOT;) {
			fate = receive_record(peers[i].fd, &record);
			if (fate == GOT)
				ended += print_record(&peers[i], &record);
		}
		if (fate != GOT)
			printf("%s %ld\n", names[fate],
			       now_ms() - peers[i].since);
		fflush(stdout);
	}
}

/* ---- words ------------------------------------------------------------ */

static void leave(void)
{
	exit(0); /* the kernel closes them, unread */
}

static void half_close(void)
{
	for (int i = 0; i < connections; i++)
		shutdown(peers[i].fd, SHUT_WR);
}

static void await_file(const char *name)
{
	puts("waiting");
	fflush(stdout);
	while (access(name, F_OK))
		usleep(5000);
}

/* Those that only add to what is said next. */
static bool say(const char *word, const char *rest)
{
	if (!strcmp(word, "get") || !strcmp(word, "keep"))
		put_get(&out, id, *word == 'k', rest);
	else if (!strcmp(word, "begin"))
		put_start(rest);
	else if (!strcmp(word, "param"))
		put_param(&out, id, rest);
	else if (!strcmp(word, "params"))
		put_record(&out, PARAMS, id, NULL, 0);
	else if (!strcmp(word, "stdin"))
		put_record(&out, STDIN, id, rest, strlen(rest));
	else if (!strcmp(word, "body"))
		put_body(strtoul(rest, NULL, 10));
	else if (!strcmp(word, "abort"))
		put_record(&out, ABORT, id, NULL, 0);
	else if (!strcmp(word, "values"))
		put_question(rest);
	else if (!strcmp(word, "type"))
		put_record(&out, atoi(rest), 0, NULL, 0);
	else if (!strcmp(word, "hex"))
		put_hex(rest);
	else if (!strcmp(word, "id"))
		id = atoi(rest);
	else
		return false;
	return true;
}

static void run(char *word)
{
	char *rest = strchr(word, ':');

	if (!rest)
		die(word);
	*rest++ = '\0';
	if (say(word, rest))
		return;
	flush();
	if (!strcmp(word, "slow"))
		slow = atoi(rest);
	else if (!strcmp(word, "answers"))
		read_answers(atoi(rest));
	else if (!strcmp(word, "go"))
		await_file(rest);
	else if (!strcmp(word, "shut"))
		half_close();
	else if (!strcmp(word, "mute"))
		usleep((useconds_t)atoi(rest) * 1000);
	else if (!strcmp(word, "leave"))
		leave();
	else
		die(word);
}

int main(int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "+n:t:")) != -1) {
		if (letter == 'n')
			connections = atoi(optarg);
		else if (letter == 't')
			timeout = atoi(optarg);
		else
			optind = argc;
	}
	if (optind + 2 > argc) {
		fputs(usage, stderr);
		return 2;
	}
	address = argv[optind++];
	open_all();
	while (optind < argc)
		run(argv[optind++]);
	flush();
	puts("ready");
	fflush(stdout);
	read_answers(-1);
	return 0;
}
