/*
 * hiredis' libuv adapter asks the kernel for writability with each command
 * and takes that back after each write, four system calls a batch. So ours
 * stands before it: it is asked only when a write left something over.
 */
#include "redis/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hiredis/adapters/libuv.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <hiredis/sds.h>

#include "base/counters.h"
#include "redis/command.h"
#include "redis/tls.h"

/* hiredis gives its reading buffer back to malloc when it is larger. */
#define KEPT_BUFFER (256 << 10)

/* Bytes that wait to be written. hiredis makes itself a new buffer when it has
 * written the old one, and goes on without if there is no memory for it, to end
 * the connection. */
static size_t left_over(const redisAsyncContext *ac)
{
	return ac->c.obuf ? sdslen(ac->c.obuf) : 0;
}

/* ---- hooks of the adapter ----------------------------------------------- */

static struct kri_wire *wire_of(const redisLibuvEvents *events)
{
	return events->context->data;
}

/* hiredis has something to write. */
static void add_write(void *data)
{
	const struct kri_wire *wire = wire_of(data);

	if (!wire->held)
		redisLibuvAddWrite(data);
}

/* With TLS hiredis may stop writing though something is left, and wait for
 * something to read that never comes. */
static void delete_write(void *data)
{
	const redisLibuvEvents *events = data;

	if ((events->events & UV_WRITABLE) && !left_over(events->context))
		redisLibuvDelWrite(data);
}

/* Comes after each successful read or write. */
static void add_read(void *data)
{
	const redisLibuvEvents *events = data;
	struct kri_wire *wire = wire_of(events);

	if (!wire->writing)
		wire->heard = uv_now(events->handle.loop);
	wire->writing = false;
	redisLibuvAddRead(data);
}

/* ---- the end ------------------------------------------------------------ */

/* Who closes on us before we write may have said why. */
static bool read_words(const redisAsyncContext *ac, char *why, size_t size)
{
	ssize_t n = recv(ac->c.fd, why, size - 1, MSG_DONTWAIT);

	if (n < 3 || *why != '-')
		return false;
	why[n] = '\0';
	why[strcspn(why, "\r\n")] = '\0';
	memmove(why, why + 1, strlen(why));
	return true;
}

/* In hiredis' own words, or in OpenSSL's. */
static enum kr_err explain(const struct kri_wire *wire, char *why, size_t size)
{
	const redisContext *context = &wire->ac->c;
	const char *reason = wire->tls ? kri_tls_reason() : NULL;
	bool alien = context->err == REDIS_ERR_PROTOCOL;

	if (wire->sink.refused && *wire->sink.said)
		snprintf(why, size, "%s", wire->sink.said);
	else if (wire->sink.refused)
		snprintf(why, size, "a reply that nobody asked for");
	else if (reason)
		snprintf(why, size, "TLS: %s", reason);
	else if (wire->tls || context->err != REDIS_ERR_IO ||
		 !read_words(wire->ac, why, size))
		snprintf(why, size, "%s",
			 *context->errstr ? context->errstr
					  : "Server closed the connection");
	if (wire->sink.refused && !*wire->sink.said)
		alien = true;
	return alien ? KR_ERR_PROTOCOL : KR_ERR_UNAVAILABLE;
}

/* hiredis has closed it, and frees it after this. */
static void went(struct kri_wire *wire)
{
	const struct kri_wire_owner *owner = wire->owner;
	char why[160] = "";
	enum kr_err err;

	if (!owner)
		return;
	err = explain(wire, why, sizeof(why));
	wire->owner = NULL;
	owner->gone(wire->arg, err, why);
}

static void on_disconnect(const redisAsyncContext *ac, int status)
{
	(void)status;
	went(ac->data);
}

static void on_reply(redisAsyncContext *ac, void *reply, void *arg)
{
	struct kri_wire *wire = ac->data;

	(void)arg;
	if (!wire->owner)
		return;
	if (reply)
		wire->owner->reply(wire->arg, reply);
	else
		went(wire);
}

/* The reply was not awaited, but its room may be that of the next one. */
static void on_unawaited(redisAsyncContext *ac, void *reply, void *arg)
{
	(void)arg;
	if (!reply)
		went(ac->data);
}

static void on_push(redisAsyncContext *ac, void *push)
{
	struct kri_wire *wire = ac->data;

	if (!wire->owner)
		return;
	wire->pushing = true;
	wire->owner->push(wire->arg, kri_reply_of_push(push));
	wire->pushing = false;
}

/* ---- what its owner does ------------------------------------------------ */

struct kri_wire *kri_wire_open(int fd, bool tls)
{
	redisOptions options = {.type = REDIS_CONN_USERFD, .endpoint.fd = fd};
	struct kri_wire *wire = calloc(1, sizeof(*wire));

	if (!wire) {
		close(fd);
		return NULL;
	}
	wire->ac = redisAsyncConnectWithOptions(&options);
	if (!wire->ac) {
		close(fd);
		free(wire);
		return NULL;
	}
	/* hiredis leaves it to the first event to find out. */
	wire->ac->c.flags |= REDIS_CONNECTED;
	wire->ac->data = wire;
	wire->ac->dataCleanup = free;
	wire->ac->onDisconnect = on_disconnect;
	wire->ac->c.reader->maxbuf = KEPT_BUFFER;
	kri_reply_hook(wire->ac->c.reader, &wire->sink);
	wire->tls = tls;
	return wire;
}

struct redisContext *kri_wire_context(struct kri_wire *wire)
{
	return &wire->ac->c;
}

enum kr_err kri_wire_watch(struct kri_wire *wire, struct uv_loop_s *loop)
{
	errno = 0;
	if (redisLibuvAttach(wire->ac, loop) != REDIS_OK) {
		/* Its hooks would be called, with nothing behind them. */
		memset(&wire->ac->ev, 0, sizeof(wire->ac->ev));
		return errno == ENOMEM ? KR_ERR_MEMORY : KR_ERR_SYSTEM;
	}
	wire->ac->ev.addRead = add_read;
	wire->ac->ev.addWrite = add_write;
	wire->ac->ev.delWrite = delete_write;
	add_read(wire->ac->ev.data);
	return KR_OK;
}

void kri_wire_take_pushes(struct kri_wire *wire, struct kri_sink *pushes)
{
	wire->sink.pushes = pushes;
	redisAsyncSetPushCallback(wire->ac, on_push);
}

enum kr_err kri_wire_send(struct kri_wire *wire, struct kri_text command,
			  bool awaited)
{
	size_t before = left_over(wire->ac);

	if (!wire->ac->c.obuf ||
	    redisAsyncFormattedCommand(wire->ac,
				       awaited ? on_reply : on_unawaited, NULL,
				       command.data, command.len) != REDIS_OK ||
	    left_over(wire->ac) != before + command.len)
		return KR_ERR_MEMORY;
	wire->appended += command.len;
	kri_count(KRI_METRIC_COMMANDS);
	return KR_OK;
}

enum kr_err kri_wire_ask(struct kri_wire *wire, const char *const *command)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;
	enum kr_err err = KR_ERR_MEMORY;

	kri_command_strings(&text, command);
	if (!text.failed)
		err = kri_wire_send(wire, kri_buffer_text(&text), true);
	kri_buffer_free(&text);
	return err;
}

/* hiredis does not write while it calls back; then the loop does. */
void kri_wire_flush(struct kri_wire *wire)
{
	redisAsyncContext *ac = wire->ac;

	if (!left_over(ac))
		return;
	if (wire->counted != wire->appended)
		kri_count(KRI_METRIC_ROUND_TRIPS);
	wire->counted = wire->appended;
	if (ac->c.flags & REDIS_IN_CALLBACK) {
		redisLibuvAddWrite(ac->ev.data);
		return;
	}
	wire->writing = true;
	redisAsyncHandleWrite(ac);
}

/* Of what OpenSSL was given and has not taken, whole records may have gone. */
uint64_t kri_wire_written(const struct kri_wire *wire)
{
	const redisLibuvEvents *events = wire->ac->ev.data;

	if (wire->tls && (wire->writing || (events->events & UV_WRITABLE)))
		return wire->appended;
	return wire->appended - left_over(wire->ac);
}

/* An array of which whole elements have come leaves no bytes, but a task. */
bool kri_wire_is_quiet(const struct kri_wire *wire)
{
	const redisReader *reader = wire->ac->c.reader;

	return reader->pos == reader->len &&
	       (reader->ridx < 0 ||
		(!reader->ridx && reader->task[0]->type < 0));
}

/* hiredis goes on reading after a PUSH, whatever its callback did. So it is let
 * find the end by itself: of what has been read, or of the connection. */
void kri_wire_close(struct kri_wire **wire)
{
	struct kri_wire *closed = *wire;

	*wire = NULL;
	if (!closed)
		return;
	closed->owner = NULL;
	closed->sink.pushes = NULL;
	kri_sink_set(&closed->sink, NULL, 0);
	if (closed->pushing)
		shutdown(closed->ac->c.fd, SHUT_RDWR);
	else
		redisAsyncFree(closed->ac);
}
