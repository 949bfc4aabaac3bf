/*
 * A front server with one connection at a time to a loop in the same thread.
 * It asks for no memory, so that only what is tried can fail.
 */
#ifndef TESTS_ALLOCATION_CLIENT_H
#define TESTS_ALLOCATION_CLIENT_H

#include "fcgi/loop.h"

#define COOKIE_MOST 128

struct client {
	struct kri_loop *loop;
	int fd;
	char answer[65536]; /* the CGI answer, with a NUL behind it */
	size_t len;
	char cookie[COOKIE_MOST]; /* the session's, as it was set last; "" */
};

struct request {
	const char *method, *path, *type, *body; /* type and body: or NULL */
	bool pieces; /* it comes in two, so that it has to be gathered */
};

/*
 * Sends it, and runs the loop until it has been answered. Returns the status,
 * or 0 if the connection was closed without one. Takes over the cookie if one
 * was set.
 */
int client_ask(struct client *client, const struct request *request);

void client_close(struct client *client);

/* Has the loop do what there is to do; waits until there is more to do, or fd
 * (or -1) is readable. */
void client_turn(struct kri_loop *loop);
void client_wait(struct kri_loop *loop, int fd);

#endif
