#include "fcgi/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEMD_FD 3 /* sd_listen_fds(3): SD_LISTEN_FDS_START */

bool kri_listener_is(int fd)
{
	int listens = 0;
	socklen_t size = sizeof(listens);

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) &&
	       listens;
}

static enum kr_err refuse(struct kri_buffer *why,
			  const struct kri_config *config, const char *what)
{
	kri_buffer_printf(why, "cannot listen on %s: %s", config->listen, what);
	return KR_ERR_SYSTEM;
}

static bool is_ours(const char *pid)
{
	return pid && strtol(pid, NULL, 10) == (long)getpid();
}

static enum kr_err inherit(struct kri_listener *listener,
			   struct kri_buffer *why)
{
	if (kri_listener_is(STDIN_FILENO))
		listener->fd = STDIN_FILENO;
	else if (is_ours(getenv("LISTEN_PID")) && kri_listener_is(SYSTEMD_FD))
		listener->fd = SYSTEMD_FD;
	else {
		kri_buffer_string(why,
				  "nothing to listen on: descriptor 0 is no "
				  "listening socket; start it through "
				  "spawn-fcgi or systemd, or say -l "
				  "unix:PATH or -l tcp:HOST:PORT");
		return KR_ERR_CONFIG;
	}
	return KR_OK;
}

/* Removes a socket that nobody answers on; false if somebody does, or if it
 * is no socket. */
static bool clear_path(const struct sockaddr_un *address)
{
	struct stat status;
	int fd, result;

	if (lstat(address->sun_path, &status))
		return errno == ENOENT;
	if (!S_ISSOCK(status.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	result =
		connect(fd, (const struct sockaddr *)address, sizeof(*address));
	close(fd);
	return result && errno == ECONNREFUSED && !unlink(address->sun_path);
}

static enum kr_err set_owner(const struct kri_config *config, const char *path,
			     struct kri_buffer *why)
{
	const struct group *group = NULL;

	if (*config->socket_group) {
		group = getgrnam(config->socket_group);
		if (!group)
			return refuse(why, config,
				      "no such group: server.socket_group");
	}
	if (group && chown(path, (uid_t)-1, group->gr_gid))
		return refuse(why, config, strerror(errno));
	if (chmod(path, (mode_t)config->socket_mode))
		return refuse(why, config, strerror(errno));
	return KR_OK;
}

/* Bound with no rights for others, so that nobody slips in before the mode
 * and group are as asked. */
static int bind_unix(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t mask = umask(0177);
	int result = fd < 0 ? -1
			    : bind(fd, (const struct sockaddr *)address,
				   sizeof(*address));

	umask(mask);
	if (result && fd >= 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static enum kr_err open_unix(struct kri_listener *listener,
			     const struct kri_config *config, const char *path,
			     struct kri_buffer *why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (!*path || strlen(path) >= sizeof(address.sun_path))
		return refuse(why, config, "the path is empty or too long");
	strcpy(address.sun_path, path);
	if (!clear_path(&address))
		return refuse(why, config,
			      "the path is taken, by another server or by "
			      "something that is no socket");
	listener->fd = bind_unix(&address);
	if (listener->fd < 0)
		return refuse(why, config, strerror(errno));
	listener->path = strdup(path);
	return set_owner(config, path, why);
}

/* Binds the first address that works; -1 with errno. */
static int bind_any(const struct addrinfo *found)
{
	for (; found; found = found->ai_next) {
		int fd = socket(found->ai_family,
				found->ai_socktype | SOCK_CLOEXEC,
				found->ai_protocol);

		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1},
			   sizeof(int));
		if (!bind(fd, found->ai_addr, found->ai_addrlen))
			return fd;
		close(fd);
	}
	return -1;
}

/* Cuts "HOST:PORT" or "[HOST]:PORT" in place. */
static bool split_address(char *text, char **host, char **port)
{
	char *colon = strrchr(text, ':');

	if (!colon || colon == text || !colon[1])
		return false;
	*colon = '\0';
	*host = text;
	*port = colon + 1;
	if (*text == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		*host = text + 1;
	}
	return true;
}

static enum kr_err open_tcp(struct kri_listener *listener,
			    const struct kri_config *config, char *text,
			    struct kri_buffer *why)
{
	struct addrinfo want = {
		.ai_flags = AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *found;
	char *host, *port;
	int result;

	if (!split_address(text, &host, &port))
		return refuse(why, config, "it must be tcp:HOST:PORT");
	result = getaddrinfo(host, port, &want, &found);
	if (result)
		return refuse(why, config, gai_strerror(result));
	listener->fd = bind_any(found);
	freeaddrinfo(found);
	return listener->fd < 0 ? refuse(why, config, strerror(errno)) : KR_OK;
}

static enum kr_err open_own(struct kri_listener *listener,
			    const struct kri_config *config,
			    struct kri_buffer *why)
{
	enum kr_err err;
	char *copy;

	if (!strncmp(config->listen, "unix:", 5))
		return open_unix(listener, config, config->listen + 5, why);
	if (strncmp(config->listen, "tcp:", 4))
		return refuse(why, config,
			      "it must be unix:PATH or tcp:HOST:PORT");
	copy = strdup(config->listen + 4);
	if (!copy)
		return KR_ERR_MEMORY;
	err = open_tcp(listener, config, copy, why);
	free(copy);
	return err;
}

enum kr_err kri_listener_open(struct kri_listener *listener,
			      const struct kri_config *config,
			      struct kri_buffer *why)
{
	bool own = *config->listen;
	enum kr_err err;
	int flags;

	*listener = (struct kri_listener){.fd = -1};
	err = own ? open_own(listener, config, why) : inherit(listener, why);
	if (!err && own && listen(listener->fd, (int)config->backlog))
		err = refuse(why, config, strerror(errno));
	flags = err ? -1 : fcntl(listener->fd, F_GETFL);
	if (!err &&
	    (flags < 0 || fcntl(listener->fd, F_SETFL, flags | O_NONBLOCK)))
		err = refuse(why, config, strerror(errno));
	if (err)
		kri_listener_close(listener);
	return err;
}

int kri_listener_accept(const struct kri_listener *listener)
{
	struct sockaddr address;
	socklen_t size = sizeof(address);
	int fd = accept4(listener->fd, &address, &size, SOCK_CLOEXEC);

	/* Answers are one write each: there is nothing to gather. */
	if (fd >= 0 && address.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1},
			   sizeof(int));
	return fd;
}

void kri_listener_close(struct kri_listener *listener)
{
	if (listener->path)
		unlink(listener->path);
	free(listener->path);
	if (listener->fd >= 0)
		close(listener->fd);
	*listener = (struct kri_listener){.fd = -1};
}
