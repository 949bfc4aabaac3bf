/*
 * Where the bench's programs connect and listen: a Unix socket's path (it
 * holds a slash) or PORT, which is TCP on 127.0.0.1 and nowhere else.
 */
#ifndef BENCH_ADDRESS_H
#define BENCH_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>

struct address {
	struct sockaddr_storage sa;
	socklen_t size;
};

/* Ends the program with a message if the text is no address. */
struct address address_of(const char *text);

/* A connected socket, or -1 with errno. `flags` as socket(2) takes them. */
int address_connect(const struct address *address, int flags);

/* A listening socket; a Unix path must not exist. -1 with errno. */
int address_listen(const struct address *address, int flags);

#endif
