/*
 * A connection of one loop to one server: made when a call needs it, thrown
 * away after any error, not tried again before a pause is over if the server
 * itself is to blame. Knows the calls that are on their way there, in order.
 */
#ifndef KRI_REDIS_CONNECTION_H
#define KRI_REDIS_CONNECTION_H

#include "redis/client.h"
#include "redis/reach.h"

#define KRI_BACKOFF_MIN 100  /* ms */
#define KRI_BACKOFF_MAX 2000 /* ms */

struct kri_calls {
	struct kri_call *head, *tail;
};

static inline void kri_calls_push(struct kri_calls *calls,
				  struct kri_call *call)
{
	call->way.next = NULL;
	if (calls->tail)
		calls->tail->way.next = call;
	else
		calls->head = call;
	calls->tail = call;
}

static inline struct kri_call *kri_calls_pop(struct kri_calls *calls)
{
	struct kri_call *call = calls->head;

	if (call)
		calls->head = call->way.next;
	if (!calls->head)
		calls->tail = NULL;
	return call;
}

/* Takes out those that are settled. */
void kri_calls_purge(struct kri_calls *calls);

struct kri_connection {
	struct kri_client *client;
	struct kri_goal goal;
	const char *name; /* for messages; borrowed */
	bool node;        /* one of a cluster's */

	struct kri_reach *reach; /* under way, or NULL */
	uint64_t reaching_since; /* uv_now() */
	struct kri_wire *wire;   /* open, or NULL */
	uint64_t open_since;     /* uv_now() */
	struct kri_calls calls;  /* sent to the wire, or waiting for one */
	bool proven; /* this wire has brought a reply that does credit */
	bool away;   /* what we last told the log */

	int delay;         /* ms of the last pause; 0: all is well */
	bool denied;       /* it was for our user that it had to pause */
	uint64_t retry_at; /* uv_now() when the pause is over */

	bool dirty; /* something is to be flushed */
	struct kri_connection *next_dirty;
};

void kri_connection_init(struct kri_connection *connection,
			 struct kri_client *client, const struct kri_goal *goal,
			 const char *name);

/* Whether it fails calls at once for the time being. */
bool kri_connection_rests(const struct kri_connection *connection);

/* Sends the call, with the next flush or when there is a connection. It
 * comes back by kri_client_answered(), or by kri_client_lost(). */
void kri_connection_give(struct kri_connection *connection,
			 struct kri_call *call);

void kri_connection_flush(struct kri_connection *connection);

/*
 * Throws it away: what is under way there comes back as lost. The server is
 * to blame, and gets a pause, if that is said or if this connection never
 * brought anything good.
 */
void kri_connection_break(struct kri_connection *connection, enum kr_err err,
			  const char *why, bool blame);

/* Throws it away without blame. */
void kri_connection_drop(struct kri_connection *connection);

/* Some of its calls have been settled, as their time was over. It is thrown
 * away if they have been waited for in vain as long as one may wait, and the
 * server is to blame if all that while it said nothing; those that were sent
 * late, after waiting for the connection, leave it as it is. */
void kri_connection_leave(struct kri_connection *connection);

/* The server does what it is for. */
void kri_connection_praise(struct kri_connection *connection);

/* Ends it and forgets its calls. */
void kri_connection_close(struct kri_connection *connection);

#endif
