/*
 * The FastCGI wire as a front server speaks it: a request's bytes, and what
 * to make of an answer's that come in pieces. No sockets.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#define WIRE_REQUEST_MAX 4096
#define WIRE_HEAD_MAX 2048

struct wire_request {
	const char *method;
	const char *target;        /* PATH or PATH?QUERY */
	const char *const *params; /* "NAME=value", besides */
	size_t params_n;
	bool keep;
};

/*
 * Writes the request with that HTTP_COOKIE (NULL: none) to out, which holds
 * WIRE_REQUEST_MAX bytes. Returns its size, or 0 if it does not fit.
 */
size_t wire_request(const struct wire_request *request, const char *cookie,
		    unsigned char *out);

/* An answer on its way in. */
struct wire_answer {
	unsigned char header[8]; /* of the record that is being read */
	size_t header_len;
	size_t content_left;      /* of that record */
	size_t padding_left;      /* of that record */
	char head[WIRE_HEAD_MAX]; /* what the program wrote first, with a NUL */
	size_t head_len;
	bool complete; /* END_REQUEST has come */
	bool broken;   /* not FastCGI, or after the end */
};

/* Forgets the last answer: nothing has come. */
void wire_begin(struct wire_answer *answer);

void wire_feed(struct wire_answer *answer, const unsigned char *bytes,
	       size_t size);

/* The answer's status: 200 when it names none, 0 when it is not complete. */
int wire_status(const struct wire_answer *answer);

/* The cookie that the answer sets, "name=value"; false if it sets none. */
bool wire_cookie(const struct wire_answer *answer, char *out, size_t size);

#endif
