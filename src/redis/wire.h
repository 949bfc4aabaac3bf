/*
 * A wire: one open connection as hiredis' asynchronous interface has it,
 * watched by a loop. Commands go out in one write with the flush; replies
 * and the end come to whoever owns the wire at that time. The only user of
 * hiredis' asynchronous interface and of its libuv adapter.
 */
#ifndef KRI_REDIS_WIRE_H
#define KRI_REDIS_WIRE_H

#include "redis/reply.h"

struct redisAsyncContext;
struct redisContext;
struct uv_loop_s;

/* What an owner is told. In `reply` it may send and close. */
struct kri_wire_owner {
	void (*reply)(void *arg, const struct kri_reply *reply);
	/* The wire is gone, as if it had been closed. */
	void (*gone)(void *arg, enum kr_err err, const char *why);
	/* A PUSH (RESP3), between replies as it came; where none is taken, it
	 * ends the connection. */
	void (*push)(void *arg, const struct kri_reply *push);
};

struct kri_wire {
	struct redisAsyncContext *ac;
	struct kri_sink sink; /* the owner says where replies go */
	const struct kri_wire_owner *owner; /* NULL: closed */
	void *arg;
	uint64_t appended; /* bytes that it was given to write */
	uint64_t counted;  /* of them, when a round trip was counted last */
	uint64_t heard;    /* uv_now() when something was read last */
	bool held;         /* what is sent now goes with the flush */
	bool writing;      /* in a flush */
	bool pushing;      /* its owner is being told of a PUSH */
	uint64_t server;   /* which one it is, if that was asked for; or 0 */
	bool tls;
};

/* Takes a connected socket that does not block. NULL without memory, and
 * then the socket is closed. */
struct kri_wire *kri_wire_open(int fd, bool tls);

/* For TLS, before it is watched. */
struct redisContext *kri_wire_context(struct kri_wire *wire);

/* Lets the loop watch it. KR_ERR_MEMORY, KR_ERR_SYSTEM. */
enum kr_err kri_wire_watch(struct kri_wire *wire,
			   struct uv_loop_s *loop) KR_MUST_CHECK;

static inline void kri_wire_own(struct kri_wire *wire,
				const struct kri_wire_owner *owner, void *arg)
{
	wire->owner = owner;
	wire->arg = arg;
}

/* From now on pushes are taken, in that sink, which is borrowed; the owner
 * makes it ready for the next one. */
void kri_wire_take_pushes(struct kri_wire *wire, struct kri_sink *pushes);

/* Sends one whole command. Its reply goes to the owner, or nowhere. Unless
 * it is held, it is written by the next turn of the loop. KR_ERR_MEMORY. */
enum kr_err kri_wire_send(struct kri_wire *wire, struct kri_text command,
			  bool awaited) KR_MUST_CHECK;

/* Sends one command of strings, ended by NULL. */
enum kr_err kri_wire_ask(struct kri_wire *wire,
			 const char *const *command) KR_MUST_CHECK;

/* Writes all that was sent; the wire may be gone afterwards. */
void kri_wire_flush(struct kri_wire *wire);

/* How many bytes of those it was given may have gone. */
uint64_t kri_wire_written(const struct kri_wire *wire);

/* Whether it is between two replies. */
bool kri_wire_is_quiet(const struct kri_wire *wire);

/* The owner hears nothing of it any more. */
void kri_wire_close(struct kri_wire **wire);

#endif
