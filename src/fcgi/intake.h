/*
 * The intake of one connection: what the front server has sent, up to the
 * moment when a whole request can be handed to libfcgi, which would wait for
 * the rest of half a one and trusts lengths that it should not.
 *
 * Most requests lie whole in the socket: they are looked at (MSG_PEEK), checked
 * and left for libfcgi to read. What comes in pieces, or is larger than the
 * window, is taken out of the socket and gathered here, and replayed to
 * libfcgi when it is whole. Management frames are answered here.
 */
#ifndef KRI_FCGI_INTAKE_H
#define KRI_FCGI_INTAKE_H

#include "base/buffer.h"
#include "fcgi/gateway.h"
#include "fcgi/window.h"

struct kri_gathered; /* of a request that comes in pieces */

struct kri_intake {
	struct kri_gathered *gathered; /* NULL mostly: an idle connection
					* costs nothing */
};

enum kri_look {
	KRI_LOOK_WHOLE,   /* a request: kri_intake_receive() now */
	KRI_LOOK_PARTIAL, /* the beginning of one: look again when there is
			   * more to read */
	KRI_LOOK_NOTHING, /* nothing, or something that is dealt with */
	KRI_LOOK_ENDED,   /* the peer has closed, or does not read: close */
	KRI_LOOK_LINGER,  /* answered with a refusal: half-close, then wait for
			   * the peer's end */
	KRI_LOOK_BAD      /* not what a front server may send: close; `why`
			   * has one line */
};

/* All zero is an intake that has seen nothing. Gives back what it holds. */
void kri_intake_free(struct kri_intake *intake);

/*
 * Looks at what has come on the non-blocking descriptor. Never waits. *why is
 * set with KRI_LOOK_BAD, to a literal. Not while an answer is being written:
 * replies to management frames would go into the middle of it.
 *
 * After an answer another request may lie in `gathered`: if that is not NULL,
 * look again before waiting for more to read.
 */
enum kri_look kri_intake_look(struct kri_intake *intake,
			      struct kri_window *window, int fd,
			      const char **why);

/*
 * At once after KRI_LOOK_WHOLE: reads the request through libfcgi, with at
 * most `most` bytes of its body, KRI_REQUEST_BODY_MAX or less, into `body`.
 * *body_err: KR_OK; KR_ERR_LIMIT, it was longer; KR_ERR_PROTOCOL, it broke
 * off; KR_ERR_MEMORY.
 *
 * KR_ERR_PROTOCOL if the request cannot be taken: the gateway is empty then,
 * and the connection is to be closed. KR_ERR_SYSTEM if libfcgi failed on what
 * had been checked, for which there is no known cause, and has closed the
 * connection: the descriptor is to be forgotten, another thread may have it.
 */
enum kr_err kri_intake_receive(struct kri_intake *intake,
			       struct kri_window *window, int fd,
			       struct kri_gateway *gateway, size_t most,
			       struct kri_buffer *body,
			       enum kr_err *body_err) KR_MUST_CHECK;

#endif
