/*
 * libfcgi on a leash. Given a descriptor in ipcFd it reads a request there
 * instead of accepting one, and with keepConnection set it does not close
 * what it did not open. It is only given requests that lie whole and checked
 * in what it reads from: it would wait for the rest of half a one. And it only
 * writes to a connection what the buffer of an idle socket takes whole: to it
 * a full buffer is an error.
 */
#include "fcgi/gateway.h"

#include <errno.h>
#include <fcgiapp.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/crypto.h"

#define NO_FD (-1) /* accept() on it fails at once */

/* libfcgi writes 8 KiB at a time: so much goes out in one write, with the
 * headers and padding around it. */
#define SMALL_ANSWER ((8 << 10) - 64)

#define PARAMS_KEPT (16 << 10) /* bytes of room that serve the next request */

struct kri_gateway {
	FCGX_Request request;
	struct kri_buffer params; /* their pointers, and then their texts */
	int fd;                   /* the connection; borrowed */
	bool keep;                /* the server wants it kept */
	bool linger;              /* it may not all have been read */
};

/* The signals that libfcgi handles: so that accept() ends, which we do not let
 * it call. */
static const int handled[] = {SIGTERM, SIGUSR1};
#define HANDLED (sizeof(handled) / sizeof(*handled))

enum kr_err kri_gateway_setup(void)
{
	struct sigaction before[HANDLED];
	int failed;

	for (size_t i = 0; i < HANDLED; i++)
		sigaction(handled[i], NULL, &before[i]);
	failed = FCGX_Init();
	for (size_t i = 0; i < HANDLED; i++)
		sigaction(handled[i], &before[i], NULL);
	signal(SIGPIPE, SIG_IGN);
	return failed ? KR_ERR_SYSTEM : KR_OK;
}

enum kr_err kri_gateway_open(struct kri_gateway **gateway)
{
	struct kri_gateway *made = calloc(1, sizeof(*made));

	if (!made)
		return KR_ERR_MEMORY;
	FCGX_InitRequest(&made->request, NO_FD, 0);
	*gateway = made;
	return KR_OK;
}

/* Gives back what libfcgi holds of a request; nothing is written or closed. */
static void release(struct kri_gateway *gateway)
{
	FCGX_Free(&gateway->request, 0);
	gateway->request.ipcFd = NO_FD;
	gateway->request.envp = NULL;
	/* A cookie among them is a secret. What lies behind them has been wiped
	 * with longer ones. */
	kri_wipe(gateway->params.data, gateway->params.len);
	kri_buffer_clear(&gateway->params);
	if (gateway->params.cap > PARAMS_KEPT)
		kri_buffer_free(&gateway->params);
}

void kri_gateway_close(struct kri_gateway **gateway)
{
	if (!*gateway)
		return;
	release(*gateway);
	kri_buffer_free(&(*gateway)->params);
	free(*gateway);
	*gateway = NULL;
}

/* Detached, libfcgi closes without waiting for the peer. */
enum kr_err kri_gateway_receive(struct kri_gateway *gateway, int from, int fd)
{
	FCGX_Request *request = &gateway->request;

	request->ipcFd = from;
	request->keepConnection = 1;
	FCGX_Detach(request);
	gateway->fd = fd;
	gateway->linger = false;
	if (FCGX_Accept_r(request)) {
		request->ipcFd = NO_FD;
		return KR_ERR_SYSTEM;
	}
	gateway->keep = request->keepConnection != 0;
	return KR_OK;
}

char **kri_gateway_params(const struct kri_gateway *gateway)
{
	return gateway->request.envp;
}

/* False without memory for it. */
static bool copy_params(struct kri_gateway *gateway)
{
	char **from = gateway->request.envp, **to;
	size_t n = 0, size = sizeof(*to);
	char *text;

	for (; from[n]; n++)
		size += sizeof(*to) + strlen(from[n]) + 1;
	to = (void *)kri_buffer_reserve(&gateway->params, size);
	if (!to)
		return false;
	text = (char *)(to + n + 1);
	for (size_t i = 0; i < n; i++) {
		to[i] = text;
		text = stpcpy(text, from[i]) + 1;
	}
	to[n] = NULL;
	gateway->params.len += size;
	gateway->request.envp = to;
	return true;
}

/*
 * All has been read. What libfcgi holds for that, a dozen or two pieces and
 * buffers of 8 KiB, goes back to malloc at once, which has it at hand for the
 * next request; were it kept until the answer, malloc would have to find as
 * much anew for each request of the batch. The error stream, closed empty,
 * writes nothing, and the end of the request goes out in the one write of the
 * other. Without memory for the copy all of it stays until the answer.
 */
static void stop_reading(struct kri_gateway *gateway)
{
	FCGX_Request *request = &gateway->request;
	FCGX_Stream *out = request->out;

	request->ipcFd = NO_FD;
	FCGX_FClose(request->err);
	if (!copy_params(gateway)) {
		kri_buffer_clear(&gateway->params);
		return;
	}
	request->out = NULL;
	FCGX_Free(request, 0);
	request->out = out;
}

bool kri_gateway_has_body(struct kri_gateway *gateway)
{
	FCGX_Stream *in = gateway->request.in;
	int c = FCGX_GetChar(in);

	if (c >= 0)
		FCGX_UnGetChar(c, in);
	return c >= 0 || FCGX_GetError(in);
}

enum kr_err kri_gateway_body(struct kri_gateway *gateway, size_t most,
			     struct kri_buffer *out)
{
	FCGX_Stream *in = gateway->request.in;
	char bytes[4096];
	bool broken;
	size_t len = 0;
	size_t n;

	do {
		size_t room = len < most ? most - len : 0;

		n = (size_t)FCGX_GetStr(bytes, sizeof(bytes), in);
		len += n;
		if (room)
			kri_buffer_append(out,
					  kri_text(bytes, n < room ? n : room));
	} while (n == sizeof(bytes));
	gateway->linger |= broken = FCGX_GetError(in) != 0;
	stop_reading(gateway);
	if (broken)
		return KR_ERR_PROTOCOL;
	if (out->failed)
		return KR_ERR_MEMORY;
	return len > most ? KR_ERR_LIMIT : KR_OK;
}

void kri_gateway_linger(struct kri_gateway *gateway)
{
	gateway->linger = true;
}

static bool write_answer(struct kri_gateway *gateway, int to,
			 struct kri_text answer)
{
	FCGX_Request *request = &gateway->request;
	int failed;

	request->ipcFd = to;
	failed = FCGX_PutStr(answer.data, (int)answer.len, request->out) < 0;
	failed |= FCGX_FClose(request->out);
	return !failed;
}

/* All of the tray to the end of `out`. */
static bool read_tray(int tray, struct kri_buffer *out)
{
	off_t size = lseek(tray, 0, SEEK_END);
	off_t at = 0;

	if (size < 0 || !kri_buffer_grow(out, (size_t)size))
		return false;
	while (at < size) {
		ssize_t n = pread(tray, out->data + out->len,
				  (size_t)(size - at), at);

		if (n <= 0)
			return false;
		out->len += (size_t)n;
		at += n;
	}
	return true;
}

/* What the socket takes at once is taken off the beginning of `rest`. */
static bool write_some(int fd, struct kri_buffer *rest)
{
	ssize_t n =
		send(fd, rest->data, rest->len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	rest->len -= (size_t)n;
	memmove(rest->data, rest->data + n, rest->len);
	return true;
}

/* libfcgi writes into the tray, and we to the socket. The tray is emptied
 * again, so that a large answer does not hold memory until the next one. */
static bool send_large(struct kri_gateway *gateway, struct kri_window *window,
		       struct kri_text answer, struct kri_buffer *rest)
{
	int tray = kri_window_tray(window);
	bool rendered;

	if (tray < 0 || answer.len > INT_MAX)
		return false;
	rendered = write_answer(gateway, tray, answer) && read_tray(tray, rest);
	return kri_window_tray(window) >= 0 && rendered &&
	       write_some(gateway->fd, rest);
}

enum kri_fate kri_gateway_send(struct kri_gateway *gateway,
			       struct kri_window *window,
			       struct kri_text answer, struct kri_buffer *rest)
{
	bool sent = answer.len <= SMALL_ANSWER
			    ? write_answer(gateway, gateway->fd, answer)
			    : send_large(gateway, window, answer, rest);

	release(gateway);
	if (!sent)
		kri_buffer_clear(rest);
	if (!sent)
		return KRI_FATE_CLOSE;
	if (gateway->linger)
		return KRI_FATE_LINGER;
	return gateway->keep ? KRI_FATE_KEEP : KRI_FATE_CLOSE;
}
