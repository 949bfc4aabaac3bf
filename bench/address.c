/* Addresses of the bench's programs: Unix sockets and loopback. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"

static void refuse(const char *text)
{
	fprintf(stderr, "'%s' is neither a Unix socket's path nor a port\n",
		text);
	exit(2);
}

static struct address unix_address(const char *text)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct address address = {.size = sizeof(un)};

	if (strlen(text) >= sizeof(un.sun_path))
		refuse(text);
	strcpy(un.sun_path, text);
	memcpy(&address.sa, &un, sizeof(un));
	return address;
}

static struct address loopback(const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct address address = {.size = sizeof(in)};
	char *end;
	long port = strtol(text, &end, 10);

	if (*end || port < 1 || port > 65535)
		refuse(text);
	in.sin_port = htons((unsigned short)port);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(&address.sa, &in, sizeof(in));
	return address;
}

struct address address_of(const char *text)
{
	return strchr(text, '/') ? unix_address(text) : loopback(text);
}

static int open_socket(const struct address *address, int flags)
{
	int fd = socket(address->sa.ss_family, SOCK_STREAM | flags, 0);
	int on = 1;

	if (fd < 0 || address->sa.ss_family != AF_INET)
		return fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return fd;
}

int address_connect(const struct address *address, int flags)
{
	int fd = open_socket(address, flags);

	if (fd < 0)
		return -1;
	if (!connect(fd, (const struct sockaddr *)&address->sa, address->size))
		return fd;
	close(fd);
	return -1;
}

int address_listen(const struct address *address, int flags)
{
	int fd = open_socket(address, flags);

	if (fd < 0)
		return -1;
	if (!bind(fd, (const struct sockaddr *)&address->sa, address->size) &&
	    !listen(fd, 511))
		return fd;
	close(fd);
	return -1;
}
