/*
 * What the files of this folder share.
 */
#ifndef KRI_POSTGRESQL_INSIDE_H
#define KRI_POSTGRESQL_INSIDE_H

#include <libpq-fe.h>
#include <stdatomic.h>

#include "postgresql/server.h"

#define KRI_PG_KEYWORDS 64 /* of a connection's, at most */

/* One place that conninfo names, before its name is looked up. */
struct kri_pg_host {
	char *name;    /* NULL: libpq's own socket; else a name or a folder */
	char *address; /* NULL: to be looked up, if it is a name */
	char *port;    /* NULL: libpq's */
};

struct kri_pg_server {
	struct kri_pg_options options;
	PQconninfoOption *parsed;   /* what conninfo says */
	PQconninfoOption *defaults; /* what the environment says */
	/* All but the place, ended by NULL; borrowed from the above. */
	const char *keywords[KRI_PG_KEYWORDS], *values[KRI_PG_KEYWORDS];
	struct kri_pg_host *hosts;
	size_t n;
	char timeout[24];       /* tcp_user_timeout */
	struct kri_buffer name; /* for messages */

	bool leaves_tables; /* of an older version as they are */
	atomic_bool whole;  /* the additions are there */

	atomic_size_t first;  /* the host that worked last */
	_Atomic int64_t gone; /* kri_clock_ms() since it is away; 0: is not */
	_Atomic int64_t next_complaint; /* see kri_log_is_due() */
};

/* A host that is a folder, in the file system or abstract, has no name to
 * look up. */
bool kri_pg_is_local(const char *host);

/* The log hears of an outage once, whichever loop finds it first. */
void kri_pg_server_lost(struct kri_pg_server *server, const char *why);
void kri_pg_server_found(struct kri_pg_server *server);

/* ---- error.c ----------------------------------------------------------- */

#define KRI_PG_CANCELLED "57014" /* by statement_timeout, or an operator */
#define KRI_PG_LOCKED "55P03"    /* for longer than lock_timeout */

/* What a five-letter SQLSTATE means to us. */
enum kr_err kri_pg_error_of(const char *sqlstate);

/* KR_OK if the result is no error. */
enum kr_err kri_pg_check(const PGresult *result) KR_MUST_CHECK;

/* Whether the server has refused, and so has done nothing, because it takes no
 * writes. */
bool kri_pg_is_read_only(const char *sqlstate);

/* Whether a transaction lost against another, and may be tried again. */
bool kri_pg_is_collision(const char *sqlstate);

/* Whether tables or prepared statements are not what they were. */
bool kri_pg_is_estranged(const char *sqlstate);

/* "" if the result has none. */
const char *kri_pg_state(const PGresult *result);

/* A connection's or result's words on one line: the first of them that says
 * something, without SQLSTATE, which is left in `state` ("" if there is
 * none). */
void kri_pg_words(const char *message, char *out, size_t size, char state[6]);

#endif
