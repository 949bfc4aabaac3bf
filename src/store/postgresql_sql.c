/*
 * The tables and the statements. (PostgreSQL 14 or later)
 *
 * A batch of any size is one execution of each statement: it is given arrays,
 * and unnest() makes rows of them. Whether a session has ended goes by the
 * server's clock, read when its row is looked at (clock_timestamp()), as a
 * transaction may have waited; `seen` goes by the program's, which compares it.
 */
#include "store/postgresql_link.h"

/*
 * What version 2 adds to version 1. PostgreSQL itself keeps `whose` and its
 * index, whoever writes the values: so programs that know only version 1 may
 * go on, and the number in table "version" stays. An index on `data` itself
 * would cost each change of any value an entry in every index (no "HOT"
 * update); `whose` changes with logins alone.
 */
#define ADDITIONS                                                              \
	"ALTER TABLE session_values ADD COLUMN IF NOT EXISTS whose bytea\n"    \
	"  GENERATED ALWAYS AS\n"                                              \
	"    (CASE WHEN key = '@user' THEN data END) STORED;\n"                \
	"CREATE INDEX IF NOT EXISTS session_values_user\n"                     \
	"  ON session_values (whose) WHERE whose IS NOT NULL;\n"               \
	"CREATE TABLE IF NOT EXISTS counters (\n"                              \
	"  name bytea PRIMARY KEY,\n"                                          \
	"  value bigint NOT NULL,\n"                                           \
	"  ends timestamptz NOT NULL\n"                                        \
	") WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);\n"   \
	"CREATE INDEX IF NOT EXISTS counters_ends ON counters (ends);\n"

/*
 * The row of a session is its lock, its version and its time. Touches change
 * seen and ends alone, which no index knows, so that PostgreSQL need not touch
 * any index nor leave anything to VACUUM (a "HOT" update), if there is room in
 * the page, for which fillfactor cares. `sweep`, which the sweep's index
 * knows, changes four times an hour.
 */
const char kri_postgresql_tables[] =
	"CREATE TABLE IF NOT EXISTS sessions (\n"
	"  id text COLLATE \"C\" PRIMARY KEY,\n"
	"  auth bytea NOT NULL,\n"
	"  was bytea,\n"
	"  was_at timestamptz,\n"
	"  born timestamptz NOT NULL,\n"
	"  version bigint NOT NULL,\n"
	"  seen timestamptz NOT NULL,\n"
	"  ends timestamptz NOT NULL,\n"
	"  sweep timestamptz NOT NULL GENERATED ALWAYS AS\n"
	"    (date_bin('15 minutes', ends, '2000-01-01 00:00:00+00')) STORED\n"
	") WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);\n"
	"CREATE INDEX IF NOT EXISTS sessions_sweep ON sessions (sweep);\n"
	"CREATE TABLE IF NOT EXISTS session_values (\n"
	"  id text COLLATE \"C\" REFERENCES sessions ON DELETE CASCADE,\n"
	"  key bytea,\n"
	"  data bytea NOT NULL,\n"
	"  PRIMARY KEY (id, key)\n"
	") WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);\n"
	"CREATE TABLE IF NOT EXISTS version (number integer NOT NULL);\n"
	"INSERT INTO version SELECT 1\n"
	"  WHERE NOT EXISTS (SELECT FROM version);\n" ADDITIONS;

const char kri_postgresql_additions[] = ADDITIONS;

const char kri_postgresql_whole[] =
	"to_regclass('session_values_user') IS NOT NULL"
	" AND to_regclass('counters') IS NOT NULL"
	" AND to_regclass('counters_ends') IS NOT NULL";

/*
 * One statement is one snapshot: version and values are of the same moment. A
 * session larger than $2 bytes comes with its number of values and none of
 * them.
 */
#define LOAD(left)                                                             \
	"SELECT a.i, s.auth, s.was, s.was_at, s.born, s.version, s.seen,\n"    \
	"  v.n, v.keys, v.data, " left "\n"                                    \
	"FROM unnest($1::text[]) WITH ORDINALITY AS a (id, i)\n"               \
	"JOIN sessions s ON s.id = a.id\n"                                     \
	"CROSS JOIN LATERAL (\n"                                               \
	"  SELECT count(*) AS n,\n"                                            \
	"    CASE WHEN sum(octet_length(key) + octet_length(data)) <= $2\n"    \
	"      THEN array_agg(key) END AS keys,\n"                             \
	"    CASE WHEN sum(octet_length(key) + octet_length(data)) <= $2\n"    \
	"      THEN array_agg(data) END AS data\n"                             \
	"  FROM session_values WHERE id = s.id\n"                              \
	") v\n"                                                                \
	"WHERE s.ends > clock_timestamp()"

#define LEFT                                                                   \
	"greatest(1, extract(epoch FROM s.ends - clock_timestamp()) *\n"       \
	"  1000)::bigint"

/*
 * The rows that a batch is going to change, in one order for all batches, so
 * that two never wait for each other. What comes behind it in the transaction
 * sees all that was written before these locks were had: without that, a value
 * that another has just set could not be removed.
 */
static const char lock[] = "SELECT FROM sessions WHERE id = ANY ($1::text[])\n"
			   "ORDER BY id FOR UPDATE";

/* Ends sessions: with `always`, or only those whose time is over, which would
 * be in the way of a new one of the same id. */
static const char end[] =
	"DELETE FROM sessions s\n"
	"USING unnest($1::text[], $2::boolean[]) AS a (id, always)\n"
	"WHERE s.id = a.id AND (a.always OR s.ends <= clock_timestamp())";

/*
 * "(x IN (SELECT ...)) IS TRUE" is looked up in a hash; without IS TRUE it
 * would be a join, and of joins we allow only those that go by an index.
 *
 * One that is there with the same digest is this one, sent twice: it is
 * written over with itself, which finds it even if it was committed this
 * moment; its values are there, or were changed since. One with
 * another digest does not come back.
 */
#define CREATE(room, refused)                                                  \
	"WITH a AS (\n"                                                        \
	"  SELECT * FROM unnest($1::text[], $2::bytea[], $3::timestamptz[],\n" \
	"    $4::bigint[]) AS a (id, auth, born, ttl)\n" room "), made AS (\n" \
	"  INSERT INTO sessions AS s (id, auth, born, version, seen, ends)\n"  \
	"  SELECT id, auth, born, 1, $5::timestamptz,\n"                       \
	"    clock_timestamp() + ttl * interval '1 ms' FROM a\n"               \
	"  ON CONFLICT (id) DO UPDATE SET id = excluded.id\n"                  \
	"    WHERE s.auth = excluded.auth\n"                                   \
	"  RETURNING id, version, xmax = 0 AS new\n"                           \
	"), filled AS (\n"                                                     \
	"  INSERT INTO session_values (id, key, data)\n"                       \
	"  SELECT v.id, v.key, v.data\n"                                       \
	"  FROM unnest($6::text[], $7::bytea[], $8::bytea[])\n"                \
	"    AS v (id, key, data)\n"                                           \
	"  WHERE (v.id IN (SELECT id FROM made WHERE new)) IS TRUE\n"          \
	")\n"                                                                  \
	"SELECT id, version FROM made" refused

/* The last SELECT sees the rows as they were before the UPDATE, and so can tell
 * of a session that was not updated why: gone, another version or digest. */
#define UPDATE(room, refused)                                                  \
	"WITH a AS (\n"                                                        \
	"  SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[],\n"      \
	"    $4::bytea[], $5::timestamptz[], $6::bigint[])\n"                  \
	"  AS a (id, exact, was, auth, was_at, ttl)\n" room "), done AS (\n"   \
	"  UPDATE sessions s SET version = s.version + 1,\n"                   \
	"    auth = coalesce(a.auth, s.auth),\n"                               \
	"    was = CASE WHEN a.was IS NOT NULL THEN a.was\n"                   \
	"      WHEN s.was_at = a.was_at THEN NULL ELSE s.was END,\n"           \
	"    was_at = CASE WHEN a.was IS NOT NULL THEN a.was_at\n"             \
	"      ELSE nullif(s.was_at, a.was_at) END,\n"                         \
	"    seen = CASE WHEN a.ttl > 0 THEN $7::timestamptz\n"                \
	"      ELSE s.seen END,\n"                                             \
	"    ends = CASE WHEN a.ttl > 0\n"                                     \
	"      THEN clock_timestamp() + a.ttl * interval '1 ms'\n"             \
	"      ELSE s.ends END\n"                                              \
	"  FROM a WHERE s.id = a.id AND s.ends > clock_timestamp()\n"          \
	"    AND (a.exact IS NULL OR s.version = a.exact)\n"                   \
	"    AND (a.was IS NULL OR s.auth = a.was)\n"                          \
	"  RETURNING s.id, s.version\n"                                        \
	"), filled AS (\n"                                                     \
	"  INSERT INTO session_values (id, key, data)\n"                       \
	"  SELECT v.id, v.key, v.data\n"                                       \
	"  FROM unnest($8::text[], $9::bytea[], $10::bytea[])\n"               \
	"    AS v (id, key, data)\n"                                           \
	"  WHERE (v.id IN (SELECT id FROM done)) IS TRUE\n"                    \
	"  ON CONFLICT (id, key) DO UPDATE SET data = excluded.data\n"         \
	"), cut AS (\n"                                                        \
	"  DELETE FROM session_values o\n"                                     \
	"  USING unnest($11::text[], $12::bytea[]) AS v (id, key)\n"           \
	"  WHERE (v.id IN (SELECT id FROM done)) IS TRUE\n"                    \
	"    AND o.id = v.id AND o.key = v.key\n"                              \
	")\n"                                                                  \
	"SELECT id, version FROM done UNION ALL\n"                             \
	"SELECT a.id, CASE\n"                                                  \
	"    WHEN s.id IS NULL OR s.ends <= clock_timestamp()\n"               \
	"      THEN -1::bigint\n"                                              \
	"    WHEN a.exact <> s.version THEN -2::bigint\n"                      \
	"    ELSE -3::bigint END\n"                                            \
	"FROM a LEFT JOIN sessions s ON s.id = a.id\n"                         \
	"WHERE (a.id IN (SELECT id FROM done)) IS NOT TRUE" refused

/* ---- the sessions of a user --------------------------------------------- */

/* With the additions, and without them. */
#define BY_INDEX(user) "v.whose = " user "::bytea"
#define BY_VALUE(user) "v.key = '@user' AND v.data = " user "::bytea"

#define OF_USER(is_whose)                                                      \
	"FROM session_values v JOIN sessions s ON s.id = v.id\n"               \
	"WHERE " is_whose "\n"                                                 \
	"  AND s.ends > clock_timestamp()\n"

/* Condition and answer of a statement that makes or changes one session, $1, if
 * its user has less than so many others. */
#define ROOM(user, most)                                                       \
	"  WHERE (SELECT count(*) " OF_USER(                                   \
		BY_INDEX(user)) "    AND v.id <> ALL ($1::text[])) < " most    \
				"::bigint\n"
#define REFUSED                                                                \
	"\nUNION ALL SELECT b.id, -4::bigint FROM unnest($1::text[]) AS b "    \
	"(id)\n"                                                               \
	"WHERE (b.id IN (SELECT id FROM a)) IS NOT TRUE"

/*
 * With a limit, who enters a session of a user has this lock to the end of the
 * transaction: of two at once the second counts the first. It comes in a
 * statement of its own, as the next one sees what was written before.
 */
static const char enter[] =
	"SELECT pg_advisory_xact_lock(hashtextextended(\n"
	"  encode($1::bytea, 'hex'),\n"
	"  hashtextextended(current_schema()::text, 7813311)))";

/* As `lock`, and the user's sessions, some of which may have to make room. */
static const char lock_user[] =
	"SELECT FROM sessions WHERE id IN (\n"
	"  SELECT unnest($1::text[]) UNION\n"
	"  SELECT id FROM session_values WHERE whose = $2::bytea)\n"
	"ORDER BY id FOR UPDATE";

/* If session $2 is the user's now, of all others those stay that end last, $3
 * of them. */
static const char limit[] =
	"DELETE FROM sessions WHERE id IN (\n"
	"  SELECT v.id " OF_USER(BY_INDEX(
		"$1")) "  AND v.id <> $2::text\n"
		       "  ORDER BY s.ends DESC, v.id OFFSET $3::bigint)\n"
		       "AND EXISTS (SELECT FROM session_values\n"
		       "  WHERE id = $2 AND key = '@user' AND data = $1)";

#define LIST_USER(is_whose) "SELECT v.id " OF_USER(is_whose)

/* $2 stays, $3 alone is ended, unless they are empty. Both rows are locked,
 * that of the session first as in a commit: one that has another user by then
 * is looked at again, and stays. */
#define END_USER(is_whose)                                                     \
	"WITH mine AS MATERIALIZED (\n"                                        \
	"  SELECT s.id " OF_USER(                                              \
		is_whose) "    AND ($2::text = '' OR v.id <> $2)\n"            \
			  "    AND ($3::text = '' OR v.id = $3)\n"             \
			  "  ORDER BY s.id FOR UPDATE OF s, v\n"               \
			  "), gone AS (\n"                                     \
			  "  DELETE FROM sessions s USING mine WHERE s.id = "  \
			  "mine.id\n"                                          \
			  "  RETURNING s.id\n"                                 \
			  ")\n"                                                \
			  "SELECT count(*) FROM gone"

/* ---- counters ----------------------------------------------------------- */

#define LEFT_OF_COUNTER                                                        \
	"greatest(1, extract(epoch FROM c.ends - clock_timestamp()) *\n"       \
	"  1000)::bigint"

/* Many may add to one at once, so none of them waits for the disk. A sum past
 * all bounds stays there. */
static const char count[] =
	"WITH quick AS MATERIALIZED (\n"
	"  SELECT set_config('synchronous_commit', 'off', true) = 'off' AS is\n"
	")\n"
	"INSERT INTO counters AS c (name, value, ends)\n"
	"SELECT $1::bytea, $2::bigint,\n"
	"  clock_timestamp() + $3::bigint * interval '1 ms'\n"
	"FROM quick WHERE quick.is\n"
	"ON CONFLICT (name) DO UPDATE SET\n"
	"  value = CASE WHEN c.ends <= clock_timestamp() THEN 0\n"
	"    ELSE least(c.value, 9223372036854775807 - excluded.value) END\n"
	"    + excluded.value,\n"
	"  ends = CASE WHEN c.ends <= clock_timestamp() THEN excluded.ends\n"
	"    ELSE c.ends END\n"
	"RETURNING c.value, " LEFT_OF_COUNTER;

static const char counted[] =
	"SELECT c.value, " LEFT_OF_COUNTER " FROM counters c\n"
	"WHERE c.name = $1::bytea AND c.ends > clock_timestamp()";

static const char sweep_counters[] =
	"WITH gone AS (\n"
	"  DELETE FROM counters WHERE name IN (\n"
	"    SELECT name FROM counters WHERE ends <= clock_timestamp()\n"
	"    ORDER BY ends LIMIT 200 FOR UPDATE SKIP LOCKED)\n"
	"  RETURNING name\n"
	")\n"
	"SELECT count(*) FROM gone";

/* ---- touches, the walk, the sweep --------------------------------------- */

/*
 * Nobody waits for a touch, so it waits for nobody: not for the disk, and not
 * for a row that another holds, who prolongs it as well if that is due.
 */
static const char touch[] =
	"WITH quick AS MATERIALIZED (\n"
	"  SELECT set_config('synchronous_commit', 'off', true) = 'off' AS is\n"
	"), held AS MATERIALIZED (\n"
	"  SELECT s.id, a.ttl, a.was_at\n"
	"  FROM unnest($1::text[], $2::bigint[], $4::timestamptz[])\n"
	"    AS a (id, ttl, was_at)\n"
	"  JOIN sessions s ON s.id = a.id\n"
	"  WHERE (SELECT quick.is FROM quick) AND s.ends > clock_timestamp()\n"
	"  FOR NO KEY UPDATE OF s SKIP LOCKED\n"
	")\n"
	"UPDATE sessions s SET seen = $3::timestamptz,\n"
	"  ends = clock_timestamp() + held.ttl * interval '1 ms',\n"
	"  was = CASE WHEN s.was_at = held.was_at THEN NULL ELSE s.was END,\n"
	"  was_at = nullif(s.was_at, held.was_at)\n"
	"FROM held WHERE s.id = held.id";

/* In order of the ids, from one on; only what looks like an id of ours. */
static const char list[] = "SELECT id FROM sessions\n"
			   "WHERE id > $1::text AND ends > clock_timestamp()\n"
			   "  AND id ~ '^[A-Za-z0-9_-]{21}[AQgw]$'\n"
			   "ORDER BY id LIMIT 512";

/* All of a quarter of an hour that is over have ended, so no row is looked at
 * in vain. Of all processes one does it, and passes by what is in use. */
static const char sweep[] =
	"WITH mine AS MATERIALIZED (\n"
	"  SELECT pg_try_advisory_xact_lock(7813310,\n"
	"      hashtext(current_schema()))\n"
	"    AND set_config('synchronous_commit', 'off', true) = 'off' AS is\n"
	"), ended AS MATERIALIZED (\n"
	"  SELECT id FROM sessions\n"
	"  WHERE (SELECT mine.is FROM mine)\n"
	"    AND sweep < date_bin('15 minutes', now() +\n"
	"      CASE WHEN $1::boolean THEN interval '15 minutes'\n"
	"      ELSE interval '0' END, '2000-01-01 00:00:00+00')\n"
	"    AND ends <= clock_timestamp()\n"
	"  ORDER BY sweep LIMIT 200 FOR UPDATE SKIP LOCKED\n"
	"), gone AS (\n"
	"  DELETE FROM sessions s USING ended WHERE s.id = ended.id\n"
	"  RETURNING s.id\n"
	")\n"
	"SELECT count(*) FROM gone";

static const char create[] = CREATE("", "");
static const char create_within[] = CREATE(ROOM("$9", "$10"), REFUSED);
static const char update[] = UPDATE("", "");
static const char update_within[] = UPDATE(ROOM("$13", "$14"), REFUSED);

/* Each with its text for tables of version 1, or NULL: a guest does not ask. */
const struct kri_pg_statement kri_postgresql_statements[] = {
	{KRI_SQL_LOAD, LOAD("NULL"), LOAD("NULL")},
	{KRI_SQL_PEEK, LOAD(LEFT), LOAD(LEFT)},
	{KRI_SQL_LOCK, lock, lock},
	{KRI_SQL_END, end, end},
	{KRI_SQL_CREATE, create, create},
	{KRI_SQL_UPDATE, update, update},
	{KRI_SQL_TOUCH, touch, touch},
	{KRI_SQL_LIST, list, list},
	{KRI_SQL_SWEEP, sweep, sweep},
	{KRI_SQL_ENTER, enter, NULL},
	{KRI_SQL_LOCK_USER, lock_user, NULL},
	{KRI_SQL_CREATE_WITHIN, create_within, NULL},
	{KRI_SQL_UPDATE_WITHIN, update_within, NULL},
	{KRI_SQL_LIMIT, limit, NULL},
	{KRI_SQL_LIST_USER, LIST_USER(BY_INDEX("$1")),
	 LIST_USER(BY_VALUE("$1"))},
	{KRI_SQL_END_USER, END_USER(BY_INDEX("$1")), END_USER(BY_VALUE("$1"))},
	{KRI_SQL_COUNT, count, NULL},
	{KRI_SQL_COUNTED, counted, NULL},
	{KRI_SQL_SWEEP_COUNTERS, sweep_counters, NULL},
};

const size_t kri_postgresql_statement_count =
	sizeof(kri_postgresql_statements) /
	sizeof(kri_postgresql_statements[0]);
