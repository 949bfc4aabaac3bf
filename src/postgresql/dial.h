/*
 * Dialling: makes one connection with all that precedes the first statement,
 * without blocking: names, connecting, TLS and login, then the settings, a
 * look at the tables' version, the tables themselves where there are none,
 * and the statements. Hosts are tried in turn, each with a share of the time.
 */
#ifndef KRI_POSTGRESQL_DIAL_H
#define KRI_POSTGRESQL_DIAL_H

#include "base/lookup.h"
#include "postgresql/inside.h"

struct kri_pg_dial;

/* The connection, idle and in pipeline mode, which goes over to the caller; or
 * NULL, with KR_ERR_UNAVAILABLE, KR_ERR_TIMEOUT, KR_ERR_DENIED,
 * KR_ERR_PROTOCOL or KR_ERR_MEMORY, and what was wrong. */
typedef void kri_pg_dialled(void *arg, PGconn *conn, enum kr_err err,
			    const char *why);

/* Calls back later, never at once. NULL without memory. */
struct kri_pg_dial *kri_pg_dial_start(struct kri_pg_server *server,
				      struct uv_loop_s *loop,
				      struct kri_lookups *lookups,
				      kri_pg_dialled *done, void *arg);

/* Ends it; nobody is called back. */
void kri_pg_dial_cancel(struct kri_pg_dial **dial);

/* ---- greeting.c --------------------------------------------------------- */

/* What is still to be said to a new connection. */
enum kri_pg_greeting {
	KRI_PG_GREET,   /* settings, and which version the tables have */
	KRI_PG_LOOK,    /* there are none: is the schema there? */
	KRI_PG_CREATE,  /* the tables */
	KRI_PG_ADD,     /* what tables of an older version have not */
	KRI_PG_PREPARE, /* the statements */
	KRI_PG_READY
};

/* Sends what that step says. KR_ERR_MEMORY, KR_ERR_UNAVAILABLE. */
enum kr_err kri_pg_greeting_send(const struct kri_pg_server *server,
				 PGconn *conn, enum kri_pg_greeting step,
				 bool with_schema) KR_MUST_CHECK;

/* What is to be done after a step's last result; or an error, with words in
 * `why`. */
enum kr_err kri_pg_greeting_next(struct kri_pg_server *server,
				 const PGresult *result,
				 enum kri_pg_greeting *step, bool *with_schema,
				 struct kri_buffer *why) KR_MUST_CHECK;

#endif
