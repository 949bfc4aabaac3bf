/*
 * The client: one loop's way to Redis. Calls are given to it at any time of a
 * turn and go out with the flush, one write a server, whether there is one
 * server, one that Sentinels name, or a cluster. Nothing blocks: names,
 * connecting, TLS, login, Sentinel look-up and slot map happen on the loop.
 *
 * A client belongs to one thread, which must not take SIGPIPE: hiredis writes
 * without MSG_NOSIGNAL. The topology it was opened on is shared.
 */
#ifndef KRI_REDIS_CLIENT_H
#define KRI_REDIS_CLIENT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "redis/reply.h"

struct uv_loop_s;
struct kri_topology;
struct kri_client;

#define KRI_CALL_REPLIES 2

/* Commands that belong together: on one key, sent in one piece. */
struct kri_call {
	struct kri_text key; /* whole; no data: a call to server `place` */
	size_t place;        /* below kri_client_places() */
	/* Where its commands begin in the pipeline's buffer; `replies` of
	 * them, and the end behind the last. */
	size_t cuts[KRI_CALL_REPLIES + 1];
	size_t replies; /* how many there will be, at most KRI_CALL_REPLIES */
	/* Sending it twice does what sending it once does: on a connection
	 * that turns out dead it is sent once more. Others are sent again
	 * only if not one byte of them had been written. */
	bool repeatable;
	/* A command that our user may not run says nothing of the server: who
	 * gave it reads the error, and the connection goes on. */
	bool lenient;
	/* Replies are made in this arena and take `room` bytes of it at most;
	 * a call whose replies need more fails alone, with KR_ERR_LIMIT,
	 * one that finds no memory with KR_ERR_MEMORY. */
	struct kri_arena *arena;
	size_t room;

	const struct kri_reply *reply[KRI_CALL_REPLIES];
	uint64_t server; /* who answered, if the topology identifies; or 0 */
	enum kr_err err; /* KR_OK: all replies are there, error replies too */

	/* The client's own, while it is under way: */
	struct {
		struct kri_pipeline *pipeline;
		struct kri_call *next;
		void *connection;
		uint64_t begin; /* of its bytes in what was sent there */
		uint64_t sent;  /* uv_now() */
		size_t got;     /* replies so far */
		unsigned tries;
		bool asking; /* an ASK sent it where it goes */
		bool settled;
	} way;
};

/* Calls that are sent and settled together, within io_timeout. */
struct kri_pipeline {
	struct kri_buffer commands;
	struct kri_call *calls;
	size_t n;
	void (*done)(struct kri_pipeline *pipeline); /* all are settled */
	void *arg;                                   /* the caller's */

	/* The client's own: */
	struct {
		size_t unsettled;
		int64_t deadline; /* kri_clock_ms() */
		struct kri_pipeline *prev, *next;
	} way;
};

/* Does not connect before the first call. KR_ERR_MEMORY. */
enum kr_err kri_client_open(struct kri_topology *topology,
			    struct uv_loop_s *loop,
			    struct kri_client **client) KR_MUST_CHECK;

/* Settles what is under way with KR_ERR_UNAVAILABLE. The memory is given
 * back when the loop has run what is left of it. */
void kri_client_close(struct kri_client **client);

/*
 * Gives all calls of the pipeline on their way. Pipeline, calls and commands
 * are borrowed until `done`, which may be called before this returns (during
 * a back-off all fails at once). What became of each is in its err:
 * KR_ERR_UNAVAILABLE, KR_ERR_TIMEOUT, KR_ERR_DENIED, KR_ERR_PROTOCOL,
 * KR_ERR_MEMORY, KR_ERR_LIMIT.
 */
void kri_client_submit(struct kri_client *client,
		       struct kri_pipeline *pipeline);

/* Writes to each server what has gathered for it. What is not flushed by the
 * end of a turn is written before the loop waits. */
void kri_client_flush(struct kri_client *client);

/* How many servers hold keys, as far as is known: 1, or a cluster's primaries.
 */
size_t kri_client_places(const struct kri_client *client);

/* How many connections there have been: with a further one, the server may be
 * another, which has not all that the last one had. */
uint64_t kri_client_connections(const struct kri_client *client);

#endif
