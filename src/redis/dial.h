/*
 * Dialling: makes one connection with all that precedes the first command
 * (name, connect, TLS, AUTH, SELECT, CLIENT SETNAME), without blocking.
 */
#ifndef KRI_REDIS_DIAL_H
#define KRI_REDIS_DIAL_H

#include "redis/endpoint.h"
#include "base/lookup.h"
#include "redis/tls.h"
#include "redis/wire.h"

/* How connections are made; the same for many, borrowed by all. */
struct kri_dial {
	const struct kri_login *login;
	const struct kri_tls *tls; /* NULL: without */
	const char *tls_host;      /* NULL: the address' host */
	const char *client_name;
	int database;
	int64_t io_timeout; /* ms that the kernel may try to deliver */
	int64_t keep_alive; /* seconds of silence before the kernel asks */
	bool identify; /* ask which server it is, for the wire's `server` */

	struct uv_loop_s *loop;
	struct kri_lookups *lookups;
};

struct kri_attempt;

/*
 * The wire, which goes over to the caller; or NULL, with KR_ERR_UNAVAILABLE,
 * KR_ERR_TIMEOUT, KR_ERR_DENIED, KR_ERR_PROTOCOL or KR_ERR_MEMORY, and what
 * was wrong.
 */
typedef void kri_dialled(void *arg, struct kri_wire *wire, enum kr_err err,
			 const char *why);

/* Calls back later, never at once. The address is borrowed until then. NULL
 * without memory. */
struct kri_attempt *kri_dial_start(const struct kri_dial *dial,
				   const struct kri_address *address,
				   int64_t ms, kri_dialled *done, void *arg);

/* Ends it; nobody is called back. */
void kri_dial_cancel(struct kri_attempt **attempt);

#define KRI_GREETINGS 4

/* What precedes all other commands (greeting.c); returns how many. */
size_t kri_greeting_put(const struct kri_dial *dial, struct kri_buffer *out,
			size_t cuts[KRI_GREETINGS + 1]);

/* Whether that reply, with `left` still to come, its own included, lets the
 * wire be used; if not, *why says more. Learns which server it is. */
enum kr_err kri_greeting_take(const struct kri_dial *dial, size_t left,
			      const struct kri_reply *reply,
			      struct kri_wire *wire,
			      const char **why) KR_MUST_CHECK;

#endif
