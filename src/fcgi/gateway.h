/*
 * The gateway: one FastCGI request on a connection, read and answered by
 * libfcgi, which is used here and nowhere else.
 */
#ifndef KRI_FCGI_GATEWAY_H
#define KRI_FCGI_GATEWAY_H

#include "base/buffer.h"
#include "base/text.h"

struct kri_gateway;

/* What is to become of the connection. */
enum kri_fate {
	KRI_FATE_KEEP,   /* the front server wants to use it again */
	KRI_FATE_CLOSE,  /* all is said, on both sides */
	KRI_FATE_LINGER, /* the peer may still be sending */
	KRI_FATE_GONE    /* libfcgi has closed it */
};

/* Readies libfcgi, once a process. It sets SIGPIPE to be ignored. */
enum kr_err kri_gateway_setup(void) KR_MUST_CHECK;

enum kr_err kri_gateway_open(struct kri_gateway **gateway) KR_MUST_CHECK;
void kri_gateway_close(struct kri_gateway **gateway);

/*
 * Reads the parameters of the request that waits on `fd`. KR_ERR_PROTOCOL
 * if it is none; then fd has been closed.
 */
enum kr_err kri_gateway_receive(struct kri_gateway *gateway,
				int fd) KR_MUST_CHECK;

/* "NAME=value" strings, NULL-terminated, until _send. */
char **kri_gateway_params(const struct kri_gateway *gateway);

/*
 * Reads the request's body to its end. KR_ERR_LIMIT if it is longer than
 * `most` bytes: then `out` has its beginning, and reading may have stopped.
 * KR_ERR_PROTOCOL if it broke off, KR_ERR_MEMORY.
 */
enum kr_err kri_gateway_body(struct kri_gateway *gateway, size_t most,
			     struct kri_buffer *out) KR_MUST_CHECK;

/* Answers, and is done with the request. */
enum kri_fate kri_gateway_send(struct kri_gateway *gateway,
			       struct kri_text answer);

/* Is done with the request, unanswered. */
enum kri_fate kri_gateway_drop(struct kri_gateway *gateway);

#endif
