/*
 * libfcgi on a leash. Given a connection in ipcFd it reads a request there
 * instead of accepting one, and with keepConnection set it does not close
 * what it did not open. Its own close waits up to 2 s for the peer, so it
 * is never asked to: only when it meets an error does it close, and detached
 * it then does so without waiting.
 */
#include "fcgi/gateway.h"

#include <fcgiapp.h>
#include <stdlib.h>

#define NO_LISTENER (-1) /* accept() on it fails at once */

/* Bytes of a body too long that are read and dropped, so that the server can
 * be answered on a connection that it still wants to use. */
#define DRAIN_MAX (1 << 20)

struct kri_gateway {
	FCGX_Request request;
	bool keep;    /* the server wants the connection kept */
	bool drained; /* its body has been read to the end */
};

enum kr_err kri_gateway_setup(void)
{
	return FCGX_Init() ? KR_ERR_SYSTEM : KR_OK;
}

enum kr_err kri_gateway_open(struct kri_gateway **gateway)
{
	struct kri_gateway *made = calloc(1, sizeof(*made));

	if (!made)
		return KR_ERR_MEMORY;
	FCGX_InitRequest(&made->request, NO_LISTENER, 0);
	*gateway = made;
	return KR_OK;
}

void kri_gateway_close(struct kri_gateway **gateway)
{
	if (!*gateway)
		return;
	FCGX_Free(&(*gateway)->request, 0);
	free(*gateway);
	*gateway = NULL;
}

enum kr_err kri_gateway_receive(struct kri_gateway *gateway, int fd)
{
	FCGX_Request *request = &gateway->request;

	request->ipcFd = fd;
	request->keepConnection = 1;
	FCGX_Detach(request);
	gateway->drained = false;
	if (FCGX_Accept_r(request)) {
		request->ipcFd = -1;
		return KR_ERR_PROTOCOL;
	}
	gateway->keep = request->keepConnection != 0;
	return KR_OK;
}

char **kri_gateway_params(const struct kri_gateway *gateway)
{
	return gateway->request.envp;
}

/* Reads on and drops, to the end or to DRAIN_MAX. */
static enum kr_err drain(struct kri_gateway *gateway)
{
	char trash[4096];
	int left = DRAIN_MAX;

	while (left > 0) {
		int n = FCGX_GetStr(trash, sizeof(trash), gateway->request.in);

		if (n < (int)sizeof(trash)) {
			gateway->drained = !FCGX_GetError(gateway->request.in);
			break;
		}
		left -= n;
	}
	return KR_ERR_LIMIT;
}

enum kr_err kri_gateway_body(struct kri_gateway *gateway, size_t most,
			     struct kri_buffer *out)
{
	FCGX_Stream *in = gateway->request.in;
	char bytes[4096];

	for (;;) {
		int n = FCGX_GetStr(bytes, sizeof(bytes), in);

		if (n > 0)
			kri_buffer_append(out, kri_text(bytes, (size_t)n));
		if (out->failed)
			return KR_ERR_MEMORY;
		if (n < (int)sizeof(bytes))
			break;
		if (out->len > most)
			return drain(gateway);
	}
	if (FCGX_GetError(in))
		return KR_ERR_PROTOCOL;
	gateway->drained = true;
	return out->len > most ? KR_ERR_LIMIT : KR_OK;
}

enum kri_fate kri_gateway_drop(struct kri_gateway *gateway)
{
	FCGX_Free(&gateway->request, 0);
	gateway->request.ipcFd = -1;
	return KRI_FATE_LINGER;
}

/* The error stream first: closed empty it writes nothing, and the end of the
 * request goes out in the one write of the other. */
enum kri_fate kri_gateway_send(struct kri_gateway *gateway,
			       struct kri_text answer)
{
	FCGX_Request *request = &gateway->request;
	int failed =
		FCGX_PutStr(answer.data, (int)answer.len, request->out) < 0;

	failed |= FCGX_FClose(request->err);
	failed |= FCGX_FClose(request->out);
	FCGX_Free(request, 0);
	request->ipcFd = -1;
	if (failed)
		return KRI_FATE_CLOSE;
	if (!gateway->drained)
		return KRI_FATE_LINGER;
	return gateway->keep ? KRI_FATE_KEEP : KRI_FATE_CLOSE;
}
