/*
 * One connection to one Redis server: opened with all that precedes the
 * first command, thrown away after any error. Belongs to one thread.
 */
#ifndef KRI_REDIS_CONNECTION_H
#define KRI_REDIS_CONNECTION_H

#include "redis/deadline.h"
#include "redis/endpoint.h"
#include "redis/reply.h"
#include "redis/tls.h"

struct redisContext;

/* How connections are made; the same for many, borrowed by all. */
struct kri_dial {
	const struct kri_login *login;
	const struct kri_tls *tls; /* NULL: without */
	const char *tls_host;      /* NULL: the address' host */
	const char *client_name;
	int database;
	int64_t io_timeout; /* ms that the kernel may try to deliver */
	int64_t keep_alive; /* seconds of silence before the kernel asks */
};

struct kri_connection {
	const struct kri_dial *dial;
	struct redisContext *context; /* NULL: not open */
	char why[200];                /* what the last error was */
};

/* Not open yet. */
void kri_connection_init(struct kri_connection *connection,
			 const struct kri_dial *dial);

/*
 * Connects to the address, with TLS if so dialled, and sends AUTH, SELECT
 * and CLIENT SETNAME as needed. KR_ERR_UNAVAILABLE, KR_ERR_TIMEOUT,
 * KR_ERR_DENIED or KR_ERR_PROTOCOL, and then it is closed.
 */
enum kr_err kri_connection_open(struct kri_connection *connection,
				const struct kri_address *address,
				struct kri_deadline *deadline) KR_MUST_CHECK;

/* Sends whole commands; on an error the connection is closed. */
enum kr_err kri_connection_send(struct kri_connection *connection,
				struct kri_text commands,
				struct kri_deadline *deadline) KR_MUST_CHECK;

/* The next reply, in the arena; on an error the connection is closed. An
 * error that Redis replies is a reply. */
enum kr_err kri_connection_read(struct kri_connection *connection,
				struct kri_arena *arena,
				struct kri_deadline *deadline,
				const struct kri_reply **reply) KR_MUST_CHECK;

/* Sends one command of strings (ended by NULL) and reads its reply. */
enum kr_err kri_connection_ask(struct kri_connection *connection,
			       const char *const *command,
			       struct kri_arena *arena,
			       struct kri_deadline *deadline,
			       const struct kri_reply **reply) KR_MUST_CHECK;

static inline bool kri_connection_is_open(const struct kri_connection *it)
{
	return it->context != NULL;
}

/*
 * Whether an open connection has nothing to say before it is asked: not even
 * that it is closed. If it has, it is closed here, as what comes in would be
 * taken for the answer to what is sent next.
 */
bool kri_connection_is_quiet(struct kri_connection *connection);

/* Closes it for a reason that is kept in `why`; returns `err`. */
enum kr_err kri_connection_fail(struct kri_connection *connection,
				enum kr_err err, const char *why);

void kri_connection_close(struct kri_connection *connection);

#endif
