/*
 * Finds or makes the listening socket, and removes its file at the end if it is
 * still the one that was made here.
 */
#include "fcgi/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_PATH_SIZE sizeof(((struct sockaddr_un *)NULL)->sun_path)

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

/* ---- what the configuration says --------------------------------------- */

/* Either a path, or host and port. */
struct place {
	const char *path; /* NULL: it is TCP */
	const char *port;
	char host[NI_MAXHOST];
};

#define NO_SOCKET                                                              \
	"a file that is no socket is there; remove it, or listen elsewhere"

static bool is_taken(const char *path)
{
	struct stat status;

	return !lstat(path, &status) && !S_ISSOCK(status.st_mode);
}

static bool has_folder(const char *path)
{
	char folder[UNIX_PATH_SIZE];
	struct stat status;
	char *slash;

	strcpy(folder, path);
	slash = strrchr(folder, '/');
	if (!slash)
		return true;
	slash[slash == folder] = '\0';
	return !stat(folder, &status) && S_ISDIR(status.st_mode);
}

static const char *read_path(const char *path, struct place *place)
{
	if (!*path)
		return "the path is empty";
	if (strlen(path) >= UNIX_PATH_SIZE)
		return "the path is longer than 107 bytes";
	if (!has_folder(path))
		return "the path's folder does not exist";
	if (is_taken(path))
		return NO_SOCKET;
	place->path = path;
	return NULL;
}

/* "HOST:PORT" or "[HOST]:PORT". Names of services are refused: what they mean
 * differs between machines. */
static const char *read_address(const char *host, struct place *place)
{
	const char *colon = strrchr(host, ':');
	size_t len = colon ? (size_t)(colon - host) : 0;
	int64_t port;

	if (len && *host == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (!len || len >= sizeof(place->host) || *host == '[')
		return "it must be tcp:HOST:PORT";
	if (kri_text_to_int(kri_text_of(colon + 1), 1, 65535, &port))
		return "the port must be a number from 1 to 65535";
	memcpy(place->host, host, len);
	place->host[len] = '\0';
	place->port = colon + 1;
	return NULL;
}

/* NULL, or what is wrong with it. */
static const char *read_place(const char *listen, struct place *place)
{
	place->path = NULL;
	if (!strncmp(listen, "unix:", 5))
		return read_path(listen + 5, place);
	if (!strncmp(listen, "tcp:", 4))
		return read_address(listen + 4, place);
	return "it must be unix:PATH or tcp:HOST:PORT";
}

enum kr_err kri_listener_check(const struct kri_config *config,
			       struct kri_buffer *why)
{
	struct place place;
	const char *wrong =
		*config->listen ? read_place(config->listen, &place) : NULL;

	if (wrong) {
		(void)refuse(why, config, wrong);
		return KR_ERR_CONFIG;
	}
	if (*config->socket_group && !getgrnam(config->socket_group)) {
		kri_buffer_printf(why,
				  "server.socket_group = %s: there is no such "
				  "group",
				  config->socket_group);
		return KR_ERR_CONFIG;
	}
	return KR_OK;
}

/* ---- opening ----------------------------------------------------------- */

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

/* Whether a server listens there: 0 or an errno, ECONNREFUSED if none does. */
static int knock(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int result = 0;

	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		result = errno;
	if (fd >= 0)
		close(fd);
	return result;
}

/* Removes a socket that nobody answers on. NULL, or why the path is left as
 * it is: a server that is busy gives EAGAIN. */
static const char *clear_path(const struct sockaddr_un *address)
{
	struct stat status;
	int result;

	if (lstat(address->sun_path, &status))
		return errno == ENOENT ? NULL : strerror(errno);
	if (!S_ISSOCK(status.st_mode))
		return NO_SOCKET;
	result = knock(address);
	if (!result || result == EAGAIN)
		return "another server answers there already";
	if (result == ECONNREFUSED && !unlink(address->sun_path))
		return NULL;
	return strerror(result == ECONNREFUSED ? errno : result);
}

static enum kr_err set_owner(const struct kri_config *config, const char *path,
			     struct kri_buffer *why)
{
	const struct group *group =
		*config->socket_group ? getgrnam(config->socket_group) : NULL;

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
	const char *taken;
	struct stat status;

	strcpy(address.sun_path, path);
	taken = clear_path(&address);
	if (taken)
		return refuse(why, config, taken);
	listener->fd = bind_unix(&address);
	if (listener->fd < 0)
		return refuse(why, config, strerror(errno));
	if (lstat(path, &status))
		return refuse(why, config, strerror(errno));
	listener->device = status.st_dev;
	listener->inode = status.st_ino;
	listener->path = strdup(path);
	if (!listener->path)
		return refuse(why, config, kr_strerror(KR_ERR_MEMORY));
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

static enum kr_err open_tcp(struct kri_listener *listener,
			    const struct kri_config *config,
			    const struct place *place, struct kri_buffer *why)
{
	struct addrinfo want = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *found;
	int result = getaddrinfo(place->host, place->port, &want, &found);

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
	enum kr_err err = kri_listener_check(config, why);
	struct place place;

	if (err)
		return err;
	(void)read_place(config->listen, &place);
	err = place.path ? open_unix(listener, config, place.path, why)
			 : open_tcp(listener, config, &place, why);
	if (!err && listen(listener->fd, (int)config->backlog))
		err = refuse(why, config, strerror(errno));
	return err;
}

enum kr_err kri_listener_open(struct kri_listener *listener,
			      const struct kri_config *config,
			      struct kri_buffer *why)
{
	enum kr_err err;
	int flags;

	*listener = (struct kri_listener){.fd = -1};
	err = *config->listen ? open_own(listener, config, why)
			      : inherit(listener, why);
	flags = err ? -1 : fcntl(listener->fd, F_GETFL);
	if (!err &&
	    (flags < 0 || fcntl(listener->fd, F_SETFL, flags | O_NONBLOCK)))
		err = refuse(why, config, strerror(errno));
	if (!err && listener->fd > STDERR_FILENO)
		fcntl(listener->fd, F_SETFD, FD_CLOEXEC);
	if (err)
		kri_listener_close(listener);
	return err;
}

void kri_listener_set_backlog(const struct kri_listener *listener,
			      const struct kri_config *config)
{
	(void)listen(listener->fd, (int)config->backlog);
}

enum kr_err kri_listener_own(struct kri_listener *listener,
			     const struct kri_config *config, dev_t device,
			     ino_t inode)
{
	struct place place;

	if (read_place(config->listen, &place) || !place.path)
		return KR_OK;
	listener->device = device;
	listener->inode = inode;
	listener->path = strdup(place.path);
	return listener->path ? KR_OK : KR_ERR_MEMORY;
}

static void describe_tcp(const struct sockaddr_storage *address, socklen_t size,
			 struct kri_buffer *out)
{
	bool brackets = address->ss_family == AF_INET6;
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getnameinfo((const struct sockaddr *)address, size, host,
			sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		kri_buffer_string(out, "a socket without a name");
	else
		kri_buffer_printf(out, "tcp:%s%s%s:%s", brackets ? "[" : "",
				  host, brackets ? "]" : "", port);
}

/* A name of the abstract space begins with NUL, and may lack one at its end. */
static void describe_unix(const struct sockaddr_un *address, socklen_t size,
			  struct kri_buffer *out)
{
	const char *path = address->sun_path;
	size_t len = size - offsetof(struct sockaddr_un, sun_path);
	bool abstract = len && !*path;

	kri_buffer_string(out, abstract ? "unix:@" : "unix:");
	kri_buffer_append(out,
			  kri_text(path + abstract,
				   abstract ? len - 1 : strnlen(path, len)));
}

void kri_listener_describe(const struct kri_listener *listener,
			   struct kri_buffer *out)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_un file;
	} address = {.any = {0}};
	socklen_t size = sizeof(address);

	if (getsockname(listener->fd, (struct sockaddr *)&address, &size))
		kri_buffer_printf(out, "descriptor %d", listener->fd);
	else if (address.any.ss_family == AF_UNIX)
		describe_unix(&address.file, size, out);
	else
		describe_tcp(&address.any, size, out);
}

int kri_listener_accept(const struct kri_listener *listener)
{
	struct sockaddr address;
	socklen_t size = sizeof(address);
	int fd = accept4(listener->fd, &address, &size,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	/* Answers are one write each: there is nothing to gather. */
	if (fd >= 0 && address.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1},
			   sizeof(int));
	return fd;
}

/* A successor may have bound the path meanwhile. While our socket is open, its
 * file keeps the inode, so no other file has it. */
static bool is_still_ours(const struct kri_listener *listener)
{
	struct stat status;

	return listener->path && !lstat(listener->path, &status) &&
	       status.st_dev == listener->device &&
	       status.st_ino == listener->inode;
}

void kri_listener_refuse(struct kri_listener *listener)
{
	if (!listener->path)
		return;
	if (is_still_ours(listener))
		unlink(listener->path);
	shutdown(listener->fd, SHUT_RD);
}

void kri_listener_release(struct kri_listener *listener)
{
	free(listener->path);
	*listener = (struct kri_listener){.fd = -1};
}

void kri_listener_leave(struct kri_listener *listener)
{
	int fd = listener->fd;

	kri_listener_release(listener);
	if (fd >= 0)
		close(fd);
}

void kri_listener_close(struct kri_listener *listener)
{
	if (is_still_ours(listener))
		unlink(listener->path);
	free(listener->path);
	if (listener->fd >= 0)
		close(listener->fd);
	*listener = (struct kri_listener){.fd = -1};
}
