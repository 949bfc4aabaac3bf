/*
 * The gateway: one FastCGI request on a connection, read and answered by
 * libfcgi, which is used here and nowhere else. It never waits, and never
 * closes a connection.
 */
#ifndef KRI_FCGI_GATEWAY_H
#define KRI_FCGI_GATEWAY_H

#include "base/buffer.h"
#include "fcgi/window.h"

struct kri_gateway;

/* What is to become of the connection, when all of the answer is written. */
enum kri_fate {
	KRI_FATE_KEEP,  /* the front server wants to use it again */
	KRI_FATE_CLOSE, /* all is said, on both sides */
	KRI_FATE_LINGER /* the peer may still be sending */
};

/* Readies libfcgi, once a process. SIGPIPE is ignored then, other signals are
 * as they were. */
enum kr_err kri_gateway_setup(void) KR_MUST_CHECK;

enum kr_err kri_gateway_open(struct kri_gateway **gateway) KR_MUST_CHECK;
void kri_gateway_close(struct kri_gateway **gateway);

/*
 * Reads the parameters of the request that lies whole and checked in `from`,
 * and will answer it on the connection `fd`. KR_ERR_SYSTEM if libfcgi does
 * not take it in spite of that: then it has closed `from`.
 */
enum kr_err kri_gateway_receive(struct kri_gateway *gateway, int from,
				int fd) KR_MUST_CHECK;

/* "NAME=value" strings, NULL-terminated, until _send; when _body has read the
 * body, they are elsewhere. */
char **kri_gateway_params(const struct kri_gateway *gateway);

/* Whether _body would find anything: a byte, or an error. */
bool kri_gateway_has_body(struct kri_gateway *gateway);

/*
 * Reads the request's body to its end, and appends at most `most` bytes of
 * it. KR_ERR_LIMIT if it is longer, KR_ERR_MEMORY; KR_ERR_PROTOCOL if it
 * broke off.
 */
enum kr_err kri_gateway_body(struct kri_gateway *gateway, size_t most,
			     struct kri_buffer *out) KR_MUST_CHECK;

/* The peer is still sending what nobody will read: whatever it wants, the
 * connection is not kept. */
void kri_gateway_linger(struct kri_gateway *gateway);

/*
 * Answers, and is done with the request. What the socket does not take at
 * once is appended to `rest`, for the caller to write before the fate comes.
 */
enum kri_fate kri_gateway_send(struct kri_gateway *gateway,
			       struct kri_window *window,
			       struct kri_text answer, struct kri_buffer *rest);

#endif
