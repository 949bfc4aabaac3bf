/*
 * FastCGI as bytes, for the test programs that do what no front server does.
 * Knows nothing of krsession. What fails for want of memory ends the program.
 */
#ifndef TESTS_WIRE_H
#define TESTS_WIRE_H

#include <stdbool.h>
#include <stddef.h>

struct bytes {
	char *data;
	size_t len;
};

enum {
	BEGIN = 1,
	ABORT = 2,
	END = 3,
	PARAMS = 4,
	STDIN = 5,
	STDOUT = 6,
	VALUES = 9,
	VALUES_RESULT = 10,
	UNKNOWN = 11
};

void die(const char *what);
long now_ms(void);

void append(struct bytes *bytes, const void *data, size_t size);
void put_record(struct bytes *out, int type, int id, const void *data,
		size_t size);
void put_begin(struct bytes *out, int id, int role, int flags);
/* A PARAMS record of one pair, "NAME=value". */
void put_param(struct bytes *out, int id, const char *pair);
/* A whole request without a body. */
void put_get(struct bytes *out, int id, bool keep, const char *target);

/* Connects to a Unix socket's path or 127.0.0.1:PORT; -1 with errno. */
int connect_to(const char *address);

/* One record; its content in `content`, with a NUL behind it. */
enum fate { GOT, CLOSED, RESET, CUT, TIMED_OUT };
struct record {
	int type, id;
	size_t size;
	char content[65536 + 256];
};
enum fate receive_record(int fd, struct record *record);

#endif
