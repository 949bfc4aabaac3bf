/*
 * The server: where the database is and how one gets in, from libpq's own
 * words for it (conninfo). Shared by all loops, which connect by themselves;
 * knows no connection but what the log is told of them all.
 */
#ifndef KRI_POSTGRESQL_SERVER_H
#define KRI_POSTGRESQL_SERVER_H

#include "base/buffer.h"

struct kri_pg_server;

/* What is prepared on each connection. */
struct kri_pg_statement {
	const char *name;
	const char *text;  /* tables without a schema: that of the options */
	const char *older; /* where the additions are missing; NULL: none */
};

struct kri_pg_options {
	const char *conninfo;
	const char *password; /* in place of conninfo's, unless "" */
	const char *schema;
	int64_t connect_timeout, io_timeout; /* ms */
	bool abort_on_connect_fail;

	const struct kri_pg_statement *statements;
	size_t n;
	/* What makes the tables in a schema that has none: statements of
	 * PL/pgSQL, as both are run in a block of it. Table "version", column
	 * "number", says what a program has to know at least: from `least` on
	 * we do, up to `version`. */
	const char *tables;
	int64_t least, version;
	/* What makes of tables of the least version those of ours, and a
	 * condition that says whether that has been done. */
	const char *additions, *whole;
};

/* Borrows the options' texts, but not the options. Does not connect.
 * KR_ERR_CONFIG with one line in `why`, KR_ERR_MEMORY. */
enum kr_err kri_pg_server_open(const struct kri_pg_options *options,
			       struct kri_pg_server **server,
			       struct kri_buffer *why) KR_MUST_CHECK;

/* All clients have been closed. */
void kri_pg_server_close(struct kri_pg_server **server);

/* Before the first client: tables of an older version are left as they are, and
 * statements about additions that are not there are not prepared. */
void kri_pg_server_leave_tables(struct kri_pg_server *server);

/* Whether the last connection that was made found all additions. */
bool kri_pg_server_is_whole(const struct kri_pg_server *server);

/* Whether no connection means no start. */
bool kri_pg_server_aborts(const struct kri_pg_server *server);

#endif
