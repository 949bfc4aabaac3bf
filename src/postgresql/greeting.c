/*
 * What is said to the server before it may be used, and what each answer
 * leads to: settings and version, then the tables if there are none, then
 * the statements. Reads and writes no socket: dial.c carries it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "postgresql/dial.h"

static long long lock_timeout(const struct kri_pg_server *server)
{
	return (long long)server->options.io_timeout / 10 + 1;
}

/*
 * The server gives up a moment before we do, so that the connection outlives
 * it; and soon on a row that somebody else has locked, as all that came later
 * waits behind it.
 *
 * All of our statements go by a key. Tables that nobody has analysed yet would
 * be read whole all the same, and a plan that is made anew for each batch
 * costs more than its execution.
 */
static void put_settings(const struct kri_pg_server *server,
			 struct kri_buffer *out)
{
	kri_buffer_printf(out,
			  "SET search_path TO %s;"
			  "SET statement_timeout TO %lld;"
			  "SET lock_timeout TO %lld;"
			  "SET plan_cache_mode TO force_generic_plan;"
			  "SET enable_seqscan TO off;"
			  "SET enable_bitmapscan TO off;"
			  "SET enable_hashjoin TO off;"
			  "SET enable_mergejoin TO off;"
			  "SET jit TO off;"
			  "SET default_transaction_isolation TO "
			  "'read committed';"
			  "SELECT number, (%s)::int FROM version",
			  server->options.schema,
			  (long long)server->options.io_timeout * 9 / 10 + 1,
			  lock_timeout(server), server->options.whole);
}

/*
 * What makes tables, or adds to them: by one at a time, and by nobody who finds
 * it done when its turn has come. Made a second time, though nothing came of
 * it, each table would be locked against those who use it already, in another
 * order than theirs. Many sessions take longer than a request may: the server
 * goes on with it even if we have left meanwhile, and all others wait for that.
 */
static void begin_making(const struct kri_pg_server *server,
			 const char *is_made, struct kri_buffer *out)
{
	const char *schema = server->options.schema;

	kri_buffer_printf(
		out,
		"SET LOCAL statement_timeout TO 0;"
		"SET LOCAL lock_timeout TO 0;"
		"SELECT pg_advisory_xact_lock(7813309, hashtext('%s'));"
		"SET LOCAL lock_timeout TO %lld;"
		"SET LOCAL search_path TO %s;"
		"DO $make$ BEGIN IF NOT (%s) THEN\n",
		schema, lock_timeout(server), schema, is_made);
}

static void end_making(struct kri_buffer *out)
{
	kri_buffer_string(out, "END IF; END $make$");
}

static void put_tables(const struct kri_pg_server *server, bool with_schema,
		       struct kri_buffer *out)
{
	begin_making(server, "to_regclass('version') IS NOT NULL", out);
	if (with_schema)
		kri_buffer_printf(out, "CREATE SCHEMA IF NOT EXISTS %s;\n",
				  server->options.schema);
	kri_buffer_string(out, server->options.tables);
	end_making(out);
}

static void put_additions(const struct kri_pg_server *server,
			  struct kri_buffer *out)
{
	begin_making(server, server->options.whole, out);
	kri_buffer_string(out, server->options.additions);
	end_making(out);
}

static enum kr_err send_text(PGconn *conn, struct kri_buffer *text)
{
	enum kr_err err = KR_OK;

	if (text->failed)
		err = KR_ERR_MEMORY;
	else if (!PQsendQuery(conn, text->data))
		err = KR_ERR_UNAVAILABLE;
	kri_buffer_free(text);
	return err;
}

static enum kr_err prepare(const struct kri_pg_server *server, PGconn *conn)
{
	bool good = PQenterPipelineMode(conn);

	for (size_t i = 0; i < server->options.n && good; i++) {
		const struct kri_pg_statement *each =
			&server->options.statements[i];
		const char *text = kri_pg_server_is_whole(server) ? each->text
								  : each->older;

		if (text)
			good = PQsendPrepare(conn, each->name, text, 0, NULL);
	}
	return good && PQpipelineSync(conn) ? KR_OK : KR_ERR_UNAVAILABLE;
}

enum kr_err kri_pg_greeting_send(const struct kri_pg_server *server,
				 PGconn *conn, enum kri_pg_greeting step,
				 bool with_schema)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;

	switch (step) {
	case KRI_PG_GREET:
		put_settings(server, &text);
		return send_text(conn, &text);
	case KRI_PG_LOOK:
		kri_buffer_printf(&text, "SELECT to_regnamespace('%s')",
				  server->options.schema);
		return send_text(conn, &text);
	case KRI_PG_CREATE:
		put_tables(server, with_schema, &text);
		return send_text(conn, &text);
	case KRI_PG_ADD:
		put_additions(server, &text);
		return send_text(conn, &text);
	case KRI_PG_PREPARE:
		return prepare(server, conn);
	default:
		return KR_OK;
	}
}

static enum kr_err check_version(const struct kri_pg_server *server,
				 const PGresult *result, struct kri_buffer *why)
{
	long long ours = (long long)server->options.version, theirs = 0;

	if (PQntuples(result) == 1)
		theirs = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	if (theirs >= server->options.least && theirs <= ours)
		return KR_OK;
	kri_buffer_printf(why,
			  "the tables in schema %s are of version %lld, %s "
			  "than this program's %lld",
			  server->options.schema, theirs,
			  theirs > ours ? "newer" : "older", ours);
	return KR_ERR_PROTOCOL;
}

static bool is_whole(const PGresult *result)
{
	return !strcmp(PQgetvalue(result, 0, 1), "1");
}

/* What the owner of the tables is to run, on one line. */
static void put_remedy(const struct kri_pg_server *server,
		       struct kri_buffer *why)
{
	const char *sql = server->options.additions;

	kri_buffer_printf(why,
			  " (the tables in schema %s are of an older version: "
			  "let their owner run, see docs/stores.md: SET "
			  "search_path TO %s;",
			  server->options.schema, server->options.schema);
	while (*sql) {
		size_t n = strcspn(sql, "\n");

		kri_buffer_printf(why, " %.*s", (int)n, sql);
		sql += n + strspn(sql + n, "\n ");
	}
	kri_buffer_string(why, ")");
}

static enum kr_err refused(const struct kri_pg_server *server,
			   const PGresult *result, enum kri_pg_greeting step,
			   struct kri_buffer *why)
{
	char words[200], state[6];

	kri_pg_words(PQresultErrorMessage(result), words, sizeof(words), state);
	kri_buffer_string(why, words);
	if (step == KRI_PG_PREPARE)
		kri_buffer_string(why, " (a pooler in transaction mode cannot "
				       "be used, see docs/stores.md)");
	if (step == KRI_PG_CREATE)
		kri_buffer_printf(why,
				  " (schema %s has no tables yet: let somebody "
				  "make them who may, see docs/stores.md)",
				  server->options.schema);
	if (step == KRI_PG_ADD)
		put_remedy(server, why);
	return kri_pg_check(result);
}

enum kr_err kri_pg_greeting_next(struct kri_pg_server *server,
				 const PGresult *result,
				 enum kri_pg_greeting *step, bool *with_schema,
				 struct kri_buffer *why)
{
	static const char no_table[] = "42P01";
	enum kr_err err = KR_OK;

	if (*step == KRI_PG_GREET && !strcmp(kri_pg_state(result), no_table)) {
		*step = KRI_PG_LOOK;
		return KR_OK;
	}
	if (kri_pg_check(result))
		return refused(server, result, *step, why);
	switch (*step) {
	case KRI_PG_GREET:
		err = check_version(server, result, why);
		if (err)
			break;
		atomic_store(&server->whole, is_whole(result));
		*step = is_whole(result) || server->leaves_tables
				? KRI_PG_PREPARE
				: KRI_PG_ADD;
		break;
	case KRI_PG_LOOK:
		*with_schema = PQgetisnull(result, 0, 0);
		*step = KRI_PG_CREATE;
		break;
	case KRI_PG_CREATE:
	case KRI_PG_ADD:
		*step = KRI_PG_GREET;
		break;
	default:
		*step = KRI_PG_READY;
	}
	return err;
}

void kri_pg_greeting_tell(const struct kri_pg_server *server,
			  enum kri_pg_greeting step)
{
	if (step == KRI_PG_CREATE)
		kri_log(KRI_LOG_INFO, NULL,
			"postgresql %s: the tables in schema %s are made",
			server->name.data, server->options.schema);
	if (step == KRI_PG_ADD)
		kri_log(KRI_LOG_INFO, NULL,
			"postgresql %s: the tables in schema %s are of version "
			"%lld now",
			server->name.data, server->options.schema,
			(long long)server->options.version);
}
