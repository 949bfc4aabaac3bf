/*
 * What an operator is to know of a PostgreSQL server: whether it takes writes
 * and keeps them, what we may do there, whether what has ended is swept, and
 * who can listen in between. One statement that reads, whose columns are
 * numbers, times, or lists of what is not as it should be.
 */
#include "store/postgresql_link.h"

#include "base/clock.h"

#define CLOCK_MOST 2000 /* ms that clocks may differ */
/* ms that what has ended may lie there, beyond the quarter of an hour that a
 * sweep leaves. */
#define LATE 3600000

enum column {
	SERVER,
	STANDBY,
	USER,
	SUPERUSER,
	MISSING,
	UNSAFE,
	HASTY,
	IDLE,
	UNLOGGED,
	CLOCK,
	ENDED,
	FIRST_ENDED,
	REMOTE,
	ENCRYPTED,
	PROCESS,
	OURS,
	WHOLE
};

static const char question[] =
	"SELECT current_setting('server_version'),\n"
	"  pg_is_in_recovery()::int::bigint, current_user::text,\n"
	"  (SELECT rolsuper FROM pg_roles\n"
	"    WHERE rolname = current_user)::int::bigint,\n"
	"  (SELECT string_agg(r || ' ON ' || t, ', ' ORDER BY t, r)\n"
	"    FROM unnest('{sessions,session_values,counters}'::text[]) t,\n"
	"      unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) r\n"
	"    WHERE NOT has_table_privilege(to_regclass(t), r)),\n"
	"  (SELECT string_agg(name, ', ' ORDER BY name) FROM pg_settings\n"
	"    WHERE name IN ('fsync', 'full_page_writes')\n"
	"      AND setting = 'off'),\n"
	"  nullif(current_setting('synchronous_commit'), 'on'),\n"
	"  (SELECT string_agg(name, ', ' ORDER BY name) FROM (\n"
	"    SELECT name FROM pg_settings\n"
	"      WHERE name IN ('autovacuum', 'track_counts')\n"
	"        AND setting = 'off'\n"
	"    UNION SELECT 'autovacuum of ' || relname FROM pg_class\n"
	"      WHERE oid IN ('sessions'::regclass,\n"
	"          'session_values'::regclass)\n"
	"        AND 'autovacuum_enabled=false' = ANY (reloptions)) s),\n"
	"  (SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_class\n"
	"    WHERE oid IN ('sessions'::regclass, 'session_values'::regclass)\n"
	"      AND relpersistence <> 'p'),\n"
	"  clock_timestamp(), e.n, e.first,\n"
	"  (inet_client_addr() IS NOT NULL\n"
	"    AND NOT inet_client_addr() <<= '127.0.0.0/8'\n"
	"    AND inet_client_addr() <> '::1'\n"
	"    AND inet_client_addr() <> inet_server_addr())::int::bigint,\n"
	"  (SELECT ssl FROM pg_stat_ssl\n"
	"    WHERE pid = pg_backend_pid())::int::bigint,\n"
	"  pg_backend_pid()::bigint,\n"
	"  (current_setting('lock_timeout') <> '0')::int::bigint,\n"
	"  (to_regclass('counters') IS NOT NULL)::int::bigint\n"
	"FROM (SELECT count(*) AS n, min(ends) AS first FROM (\n"
	"    SELECT ends FROM sessions WHERE sweep <= now()\n"
	"      AND ends <= clock_timestamp()\n"
	"    ORDER BY sweep LIMIT 100000) s) e";

struct look {
	const struct kri_pg_rows *rows;
	struct kri_examination *examination;
	struct kri_buffer text; /* of the next finding */
};

static void tell(struct look *look, enum kri_finding finding, const char *mend)
{
	struct kri_examination *examination = look->examination;

	if (!look->text.failed)
		examination->tell(examination->arg, finding, look->text.data,
				  mend);
	kri_buffer_clear(&look->text);
}

/* What is not as it should be, or NULL. */
static const char *list_of(const struct look *look, enum column column)
{
	return kri_pg_field(look->rows, 0, column).data;
}

/* 0 if it is NULL. */
static int64_t number_of(const struct look *look, enum column column)
{
	int64_t number = 0;

	return kri_pg_field_int(look->rows, 0, column, &number) ? number : 0;
}

static void add(struct look *look, const char *before, const char *text,
		const char *after)
{
	kri_buffer_string(&look->text, before);
	kri_buffer_string(&look->text, text ? text : "?");
	kri_buffer_string(&look->text, after);
}

/* ---- what it says ----------------------------------------------------- */

static void tell_server(struct look *look)
{
	bool standby = number_of(look, STANDBY);

	add(look, "PostgreSQL ", list_of(look, SERVER),
	    standby ? ", a standby: it takes no writes" : ", a primary");
	tell(look, standby ? KRI_FINDING_BAD : KRI_FINDING_GOOD,
	     standby ? "name all servers in postgresql.conninfo, with "
		       "target_session_attrs=read-write"
		     : NULL);
}

static void tell_version(struct look *look)
{
	if (number_of(look, WHOLE))
		return;
	kri_buffer_string(&look->text,
			  "its tables are of version 1: there are no counters, "
			  "and no index by user");
	tell(look, KRI_FINDING_WARNING,
	     "start krsessiond of this version, which adds them, or have the "
	     "tables' owner run what docs/stores.md prints");
}

static void tell_rights(struct look *look)
{
	const char *missing = list_of(look, MISSING);

	add(look, "user ", list_of(look, USER), "");
	if (missing) {
		add(look, " has no right to ", missing, "");
		tell(look, KRI_FINDING_BAD,
		     "GRANT SELECT, INSERT, UPDATE, DELETE ON sessions, "
		     "session_values, counters TO it, in schema "
		     "postgresql.schema");
	} else if (number_of(look, SUPERUSER)) {
		kri_buffer_string(&look->text,
				  " is a superuser: sessions need none");
		tell(look, KRI_FINDING_WARNING,
		     "give krsessiond a user that owns its database alone, "
		     "see docs/stores.md");
	} else {
		kri_buffer_string(&look->text, " has the rights that it needs");
		tell(look, KRI_FINDING_GOOD, NULL);
	}
}

static void tell_durability(struct look *look)
{
	const char *unsafe = list_of(look, UNSAFE);
	const char *hasty = list_of(look, HASTY);
	const char *unlogged = list_of(look, UNLOGGED);

	if (unsafe) {
		add(look, "off: ", unsafe,
		    "; a machine that goes down may leave a damaged database");
		tell(look, KRI_FINDING_BAD,
		     "set it on in postgresql.conf, and reload");
	}
	if (unlogged) {
		add(look, "UNLOGGED: ", unlogged,
		    "; a server that crashes comes back without sessions");
		tell(look, KRI_FINDING_WARNING,
		     "ALTER TABLE sessions SET LOGGED, then session_values");
	}
	if (hasty)
		add(look, "synchronous_commit is ", hasty,
		    hasty[0] == 'o'
			    ? ": a crash costs the last moments, no more"
			    : "");
	else
		kri_buffer_string(&look->text,
				  "synchronous_commit is on: what was "
				  "acknowledged outlives a crash");
	tell(look, KRI_FINDING_GOOD, NULL);
}

static void tell_vacuum(struct look *look)
{
	const char *idle = list_of(look, IDLE);

	if (!idle) {
		kri_buffer_string(&look->text, "autovacuum is on");
		tell(look, KRI_FINDING_GOOD, NULL);
		return;
	}
	add(look, "off: ", idle, "; the tables grow without an end");
	tell(look, KRI_FINDING_WARNING,
	     "set autovacuum and track_counts on, and ALTER TABLE ... RESET "
	     "(autovacuum_enabled)");
}

static void tell_ended(struct look *look)
{
	int64_t n = number_of(look, ENDED), first = 0, now = 0;
	bool late = n && kri_pg_field_time(look->rows, 0, CLOCK, &now) &&
		    kri_pg_field_time(look->rows, 0, FIRST_ENDED, &first) &&
		    now - first > LATE;

	kri_buffer_printf(&look->text,
			  "%lld%s sessions have ended and are not swept yet%s",
			  (long long)n, n == 100000 ? " or more" : "",
			  late ? ", some for more than an hour" : "");
	tell(look, late ? KRI_FINDING_WARNING : KRI_FINDING_GOOD,
	     late ? "krsessionctl sweep; krsessiond does it while it writes"
		  : NULL);
}

static void tell_clock(struct look *look)
{
	int64_t theirs, apart;
	bool far;

	if (!kri_pg_field_time(look->rows, 0, CLOCK, &theirs))
		return;
	apart = theirs - kri_clock_epoch_ms();
	far = apart > CLOCK_MOST || apart < -CLOCK_MOST;
	if (far)
		kri_buffer_printf(&look->text, "its clock is %lld s %s ours",
				  (long long)(apart < 0 ? -apart : apart) /
					  1000,
				  apart < 0 ? "behind" : "ahead of");
	else
		kri_buffer_string(&look->text, "its clock agrees with ours");
	tell(look, far ? KRI_FINDING_WARNING : KRI_FINDING_GOOD,
	     far ? "let a time service run on both machines" : NULL);
}

/* ---- what lies between ------------------------------------------------ */

static void tell_encryption(struct look *look)
{
	bool encrypted = number_of(look, ENCRYPTED);

	if (!encrypted && number_of(look, REMOTE)) {
		kri_buffer_string(&look->text,
				  "the connection leaves this machine without "
				  "TLS: whoever is in between has all "
				  "sessions");
		tell(look, KRI_FINDING_BAD,
		     "sslmode=verify-full in postgresql.conninfo, and ssl = on "
		     "in postgresql.conf");
		return;
	}
	kri_buffer_string(&look->text,
			  encrypted ? "the connection is encrypted"
				    : "the connection stays on this machine");
	tell(look, KRI_FINDING_GOOD, NULL);
}

/* In its transaction mode, statements of one connection come to several of the
 * server's, and what we have set and prepared is on another. */
static void tell_pooler(struct look *look, int process)
{
	if (!number_of(look, OURS)) {
		kri_buffer_string(&look->text,
				  "what was set at the start of the connection "
				  "is gone: a pooler in transaction mode");
		tell(look, KRI_FINDING_BAD,
		     "pool_mode = session, or connect to the server itself");
	} else if (process && number_of(look, PROCESS) != process) {
		kri_buffer_string(&look->text,
				  "a pooler is in between: its mode cannot be "
				  "told from here");
		tell(look, KRI_FINDING_UNKNOWN,
		     "its mode must be session, see docs/stores.md");
	}
}

/* ---- the question ----------------------------------------------------- */

static void put(struct kri_pg_job *job, struct kri_pg_client *client)
{
	(void)job;
	kri_pg_send_text(client, question);
}

static void tell_all(struct look *look, int process)
{
	tell_server(look);
	tell_version(look);
	tell_rights(look);
	tell_durability(look);
	tell_vacuum(look);
	tell_ended(look);
	tell_clock(look);
	tell_encryption(look);
	tell_pooler(look, process);
}

static void examined(struct kri_pg_job *job)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;
	struct look look = {
		.rows = job->rows[0],
		.examination = batch->examination,
		.text = KRI_BUFFER_EMPTY,
	};

	if (!job->err && kri_pg_rows_count(look.rows) == 1) {
		tell_all(&look, kri_pg_client_process(batch->link->client));
	} else {
		add(&look, "the server could not be asked about itself: ",
		    kr_strerror(job->err), "");
		tell(&look, KRI_FINDING_UNKNOWN, NULL);
	}
	kri_buffer_free(&look.text);
	kri_postgresql_batch_done(batch);
}

void kri_postgresql_examine(struct kri_link *base,
			    struct kri_examination *examination,
			    kri_store_done *done, void *arg)
{
	struct kri_postgresql_batch *batch = kri_postgresql_batch_take(
		(struct kri_postgresql_link *)base, 0);

	if (!batch) {
		done(arg);
		return;
	}
	batch->examination = examination;
	batch->done = done;
	batch->arg = arg;
	batch->job.put = put;
	batch->job.done = examined;
	batch->job.repeatable = true;
	kri_postgresql_batch_submit(batch);
}
