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
	const char *text; /* tables without a schema: that of the options */
};

struct kri_pg_options {
	const char *conninfo;
	const char *password; /* in place of conninfo's, unless "" */
	const char *schema;
	int64_t connect_timeout, io_timeout; /* ms */
	bool abort_on_connect_fail;

	const struct kri_pg_statement *statements;
	size_t n;
	/* What makes the tables in a schema that has none, and the version
	 * that they then have: in table "version", column "number". */
	const char *tables;
	int64_t version;
};

/* Borrows the options' texts, but not the options. Does not connect.
 * KR_ERR_CONFIG with one line in `why`, KR_ERR_MEMORY. */
enum kr_err kri_pg_server_open(const struct kri_pg_options *options,
			       struct kri_pg_server **server,
			       struct kri_buffer *why) KR_MUST_CHECK;

/* All clients have been closed. */
void kri_pg_server_close(struct kri_pg_server **server);

/* Whether no connection means no start. */
bool kri_pg_server_aborts(const struct kri_pg_server *server);

#endif
