/*
 * The topology: which server answers for a key. A batch of calls is sent and
 * answered as a whole, one round trip a server, whether there is one server
 * (primary.c), one that Sentinels name (sentinel.c), or a cluster
 * (cluster.c).
 *
 * The topology is shared by all workers; a client is one worker's own way to
 * it, with connections of its own, and belongs to one thread.
 */
#ifndef KRI_REDIS_TOPOLOGY_H
#define KRI_REDIS_TOPOLOGY_H

#include "base/arena.h"
#include "base/buffer.h"
#include "redis/deadline.h"
#include "redis/reply.h"
#include "redis/tls.h"

struct kri_topology;
struct kri_client;
struct kri_leg;
struct kri_node;

/* Texts may be NULL or "": as the endpoint says, or none. What the endpoint
 * says of names and times goes before what is said here. */
struct kri_topology_options {
	const char *endpoint;
	const char *user, *password;
	const char *service; /* the primary's name at the Sentinels */
	const char *sentinel_user, *sentinel_password;
	const char *client_name;
	int64_t connect_timeout; /* ms */
	int64_t io_timeout;      /* ms */
	int64_t keep_alive;      /* seconds */
	bool abort_on_connect_fail;
	struct kri_tls_options tls;
	const char *tls_host; /* the name to verify */
};

#define KRI_CALL_REPLIES 4

/* Commands that belong together: on one key, sent in one piece. */
struct kri_call {
	struct kri_text key; /* behind the pipeline's prefix */
	/* Where its commands begin in the pipeline's buffer; `replies` of
	 * them, and the end behind the last. */
	size_t cuts[KRI_CALL_REPLIES + 1];
	size_t replies;   /* how many there will be, at most KRI_CALL_REPLIES */
	bool transaction; /* MULTI ... EXEC */
	const struct kri_reply *reply[KRI_CALL_REPLIES];
	enum kr_err err; /* KR_OK: all replies are there */

	/* While it runs: */
	bool pending;
	unsigned slot;
	struct kri_leg *leg;
	struct kri_node *ask; /* where it is to be sent with ASKING */
};

struct kri_pipeline {
	struct kri_text prefix; /* of every key */
	struct kri_buffer commands;
	struct kri_call *calls;
	size_t n;
	/* The calls change nothing that a second sending would change again:
	 * on a connection that turns out dead, send them once more. */
	bool repeatable;
};

/*
 * Copies what it needs, and logs what deserves it. KR_ERR_CONFIG with one
 * line in `why`, KR_ERR_MEMORY.
 */
enum kr_err kri_topology_open(const struct kri_topology_options *options,
			      struct kri_topology **topology,
			      struct kri_buffer *why) KR_MUST_CHECK;

/* All clients must have been closed. */
void kri_topology_close(struct kri_topology **topology);

/* Whether not to start without Redis. */
bool kri_topology_aborts(const struct kri_topology *topology);

/* Neither connects before the first run. `wait` is borrowed. */
enum kr_err kri_client_open(struct kri_topology *topology,
			    const struct kri_wait *wait,
			    struct kri_client **client) KR_MUST_CHECK;
void kri_client_close(struct kri_client **client);

/*
 * Sends all calls and reads all replies, within io_timeout. What became of
 * each is in its err: KR_ERR_UNAVAILABLE, KR_ERR_TIMEOUT, KR_ERR_DENIED,
 * KR_ERR_PROTOCOL, KR_ERR_MEMORY. Replies live as long as the arena.
 */
void kri_client_run(struct kri_client *client, struct kri_pipeline *pipeline,
		    struct kri_arena *arena);

/*
 * Whether a server can be reached, tried as often as the configuration says,
 * with the back-off in between. For the start: it sleeps.
 */
enum kr_err kri_client_ping(struct kri_client *client) KR_MUST_CHECK;

#endif
