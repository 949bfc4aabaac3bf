/*
 * A service manager's ear: binds the datagram socket that NOTIFY_SOCKET is to
 * name, a path or @NAME of the abstract space, and prints each datagram as
 * one line, "PID MESSAGE", where PID is the sender's as the kernel knows it and
 * line ends within are written as "|". Ends when it is ended.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static int bind_to(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	size_t size = offsetof(struct sockaddr_un, sun_path) + strlen(name);
	int on = 1;

	if (strlen(name) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, name);
	if (*name == '@')
		address.sun_path[0] = '\0';
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&address,
		 (socklen_t)(size + (*name != '@'))))
		return -1;
	return fd;
}

/* The sender's, 0 if the kernel did not say. */
static int sender(struct msghdr *message)
{
	struct ucred credentials;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
	     c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == SOL_SOCKET &&
		    c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&credentials, CMSG_DATA(c), sizeof(credentials));
			return credentials.pid;
		}
	return 0;
}

static void print_next(int fd)
{
	char text[4096];
	_Alignas(struct cmsghdr) char control[256];
	struct iovec part = {.iov_base = text, .iov_len = sizeof(text) - 1};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &message, 0);

	if (n < 0)
		exit(1);
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\n')
			text[i] = '|';
	text[n] = '\0';
	printf("%d %s\n", sender(&message), text);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? bind_to(argv[1]) : -1;

	if (fd < 0) {
		fputs("usage: notify_listen PATH|@NAME\n", stderr);
		return 2;
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		print_next(fd);
}
