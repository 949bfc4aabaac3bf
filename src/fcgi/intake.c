/*
 * Between looking at a plain request and libfcgi's reading it, the socket must
 * not get more: libfcgi reads 8 KiB at a time and keeps what it has too much.
 * A front server that was told FCGI_MPXS_CONNS=0 sends nothing there before
 * it has its answer; what it sends ahead nevertheless and in time is seen and
 * gathered.
 */
#include "fcgi/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/frame.h"
#include "fcgi/gather.h"

void kri_intake_free(struct kri_intake *intake)
{
	if (intake->gathered)
		kri_gather_free(intake->gathered);
	free(intake->gathered);
	intake->gathered = NULL;
}

/* ---- looking ---------------------------------------------------------- */

/* Bytes; 0: the peer is gone; -1: there is nothing now. */
static ssize_t read_some(struct kri_window *window, int fd, int flags)
{
	ssize_t n = recv(fd, window->bytes, sizeof(window->bytes),
			 flags | MSG_DONTWAIT);

	if (n >= 0 || errno == EAGAIN || errno == EINTR)
		return n;
	return 0;
}

/* Replies are few and small: a socket that does not take them is that of a
 * peer that does not read, and is given up. */
static bool send_replies(struct kri_buffer *replies, int fd)
{
	ssize_t n = replies->len ? send(fd, replies->data, replies->len,
					MSG_DONTWAIT | MSG_NOSIGNAL)
				 : 0;
	bool sent = n == (ssize_t)replies->len;

	kri_buffer_clear(replies);
	return sent;
}

static enum kri_look settle(struct kri_intake *intake, enum kri_gather found,
			    int fd, const char **why)
{
	*why = intake->gathered->why;
	if (!send_replies(&intake->gathered->replies, fd))
		return KRI_LOOK_ENDED;
	switch (found) {
	case KRI_GATHER_IDLE:
		kri_intake_free(intake);
		return KRI_LOOK_NOTHING;
	case KRI_GATHER_PARTIAL:
		return KRI_LOOK_PARTIAL;
	case KRI_GATHER_WHOLE:
		return KRI_LOOK_WHOLE;
	case KRI_GATHER_REFUSED:
		return KRI_LOOK_LINGER;
	default:
		return KRI_LOOK_BAD;
	}
}

/* What is there already comes first: a whole request may lie in it, and then
 * the socket keeps what it has. */
static enum kri_look gather(struct kri_intake *intake,
			    struct kri_window *window, int fd, const char **why)
{
	struct kri_gathered *gathered = intake->gathered;
	enum kri_gather found = kri_gather_walk(gathered);

	if (found == KRI_GATHER_IDLE || found == KRI_GATHER_PARTIAL) {
		ssize_t n = read_some(window, fd, 0);

		if (!n)
			return KRI_LOOK_ENDED;
		if (n > 0)
			kri_gather_add(gathered,
				       kri_text(window->bytes, (size_t)n));
		found = kri_gather_walk(gathered);
	}
	return settle(intake, found, fd, why);
}

enum kri_look kri_intake_look(struct kri_intake *intake,
			      struct kri_window *window, int fd,
			      const char **why)
{
	ssize_t n;

	if (intake->gathered)
		return gather(intake, window, fd, why);
	n = read_some(window, fd, MSG_PEEK);
	if (n <= 0)
		return n ? KRI_LOOK_NOTHING : KRI_LOOK_ENDED;
	if (kri_frame_is_plain(kri_text(window->bytes, (size_t)n)))
		return KRI_LOOK_WHOLE;
	intake->gathered = calloc(1, sizeof(*intake->gathered));
	if (!intake->gathered) {
		*why = "out of memory";
		return KRI_LOOK_BAD;
	}
	intake->gathered->site = intake->site;
	return gather(intake, window, fd, why);
}

/* ---- receiving -------------------------------------------------------- */

static enum kr_err fill_tray(const struct kri_gathered *gathered, int tray)
{
	struct kri_buffer bytes = KRI_BUFFER_EMPTY;
	enum kr_err err = KR_OK;

	kri_gather_replay(gathered, &bytes);
	if (bytes.failed)
		err = KR_ERR_MEMORY;
	else if (pwrite(tray, bytes.data, bytes.len, 0) != (ssize_t)bytes.len)
		err = KR_ERR_SYSTEM;
	kri_buffer_wipe(&bytes);
	kri_buffer_free(&bytes);
	return err;
}

static enum kr_err replay(const struct kri_gathered *gathered,
			  struct kri_window *window, int fd,
			  struct kri_gateway *gateway)
{
	int tray = kri_window_tray(window);
	enum kr_err err = tray < 0 ? KR_ERR_SYSTEM : fill_tray(gathered, tray);

	if (err)
		return KR_ERR_PROTOCOL;
	if (kri_gateway_receive(gateway, tray, fd)) {
		window->tray = -1;
		return KR_ERR_PROTOCOL;
	}
	if (gathered->cut)
		kri_gateway_linger(gateway);
	return KR_OK;
}

/* Keeps what came behind the request. */
static void forget(struct kri_intake *intake, struct kri_window *window)
{
	struct kri_gathered *gathered = intake->gathered;

	kri_gather_forget(gathered);
	if (gathered->cut || gathered->done == gathered->raw.len)
		kri_intake_free(intake);
	(void)kri_window_tray(window);
}

/* The body does not go through libfcgi: it changes hands. */
static void take_body(struct kri_gathered *gathered, struct kri_body *body)
{
	struct kri_body empty = *body;

	*body = gathered->body;
	gathered->body = empty;
	if (!body->err && gathered->body_len > gathered->most)
		body->err = KR_ERR_LIMIT;
	if (body->bytes.len > gathered->most)
		body->bytes.len = gathered->most;
}

static enum kr_err receive_gathered(struct kri_intake *intake,
				    struct kri_window *window, int fd,
				    struct kri_gateway *gateway,
				    struct kri_body *body)
{
	struct kri_buffer none = KRI_BUFFER_EMPTY;
	enum kr_err err = replay(intake->gathered, window, fd, gateway);

	if (!err) {
		take_body(intake->gathered, body);
		if (kri_gateway_body(gateway, 0, &none))
			body->err = KR_ERR_PROTOCOL;
		kri_buffer_free(&none);
	}
	forget(intake, window);
	return err;
}

enum kr_err kri_intake_receive(struct kri_intake *intake,
			       struct kri_window *window, int fd,
			       struct kri_gateway *gateway,
			       struct kri_body *body)
{
	enum kr_err err;
	size_t most = 0;

	if (intake->gathered)
		return receive_gathered(intake, window, fd, gateway, body);
	err = kri_gateway_receive(gateway, fd, fd);
	if (err)
		return err;
	/* Most requests have none, and need not look for their route twice. */
	if (kri_gateway_has_body(gateway))
		most = kri_body_most(intake->site, kri_gateway_params(gateway));
	body->err = kri_gateway_body(gateway, most, &body->bytes);
	return KR_OK;
}
