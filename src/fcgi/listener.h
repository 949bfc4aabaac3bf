/*
 * The listener: where front servers connect. Inherited as descriptor 0
 * (spawn-fcgi) or 3 (systemd), or opened here.
 */
#ifndef KRI_FCGI_LISTENER_H
#define KRI_FCGI_LISTENER_H

#include <sys/types.h>

#include "base/buffer.h"
#include "config/config.h"

struct kri_listener {
	int fd;
	char *path;   /* of a Unix socket opened here, to be removed */
	dev_t device; /* which file it was: by now the path may name */
	ino_t inode;  /* another server's */
};

/* Whether descriptor `fd` is a socket that listens. */
bool kri_listener_is(int fd);

/*
 * Whether config->listen and config->socket_group can be meant: syntax, port,
 * path and group. Opens nothing and looks up no host. KR_ERR_CONFIG with one
 * line in `why`.
 */
enum kr_err kri_listener_check(const struct kri_config *config,
			       struct kri_buffer *why) KR_MUST_CHECK;

/*
 * Opens what config->listen says: "" the inherited one, unix:PATH, or
 * tcp:HOST:PORT. KR_ERR_CONFIG or KR_ERR_SYSTEM with one line in `why`.
 */
enum kr_err kri_listener_open(struct kri_listener *listener,
			      const struct kri_config *config,
			      struct kri_buffer *why) KR_MUST_CHECK;

/* For one that was handed over: the kernel's queue, as config says now. */
void kri_listener_set_backlog(const struct kri_listener *listener,
			      const struct kri_config *config);

/* And the socket's file is ours to remove, config->listen's, if it is still
 * that one. KR_ERR_MEMORY. */
enum kr_err kri_listener_own(struct kri_listener *listener,
			     const struct kri_config *config, dev_t device,
			     ino_t inode) KR_MUST_CHECK;

/* Closes the descriptor alone: another process goes on with the socket. */
void kri_listener_leave(struct kri_listener *listener);

/* Forgets it, open: another one goes on with the descriptor and the file. */
void kri_listener_release(struct kri_listener *listener);

/* Where it listens, for a person: "unix:PATH" or "tcp:HOST:PORT". */
void kri_listener_describe(const struct kri_listener *listener,
			   struct kri_buffer *out);

/* A connection, non-blocking and close-on-exec; -1 with errno if there is none.
 */
int kri_listener_accept(const struct kri_listener *listener);

/*
 * Who connects to a Unix socket of our own is refused from here on, so that
 * all who did connect can be accepted and nobody is reset between the last
 * accept and the close. One that was inherited is others' too, and TCP has no
 * such thing: there nothing happens.
 */
void kri_listener_refuse(struct kri_listener *listener);

/* Removes the path, if it is still our socket, and closes. */
void kri_listener_close(struct kri_listener *listener);

#endif
