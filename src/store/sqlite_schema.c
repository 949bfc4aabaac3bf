/*
 * The tables, as steps from one version to the next, and the statements on
 * them. Version 2 only adds to version 1, and programs that know no more than
 * that go on with it: the index by user is kept by SQLite itself, whoever
 * writes the values.
 * What a demand forbids (a session that has ended, another version) stands in
 * the WHERE of the update, which then changes no row.
 */
#include "store/sqlite_schema.h"

#include <stdio.h>

#include "base/log.h"

/* PRAGMA application_id of our files: "krss" (sqlite.org/fileformat.html). */
#define OURS 0x6b727373
#define OURS_TEXT "1802662771"

/* PRAGMA user_version: the least version that a program has to know. What a
 * step adds is seen by its presence. */
#define LEAST "1"

/*
 * Each step makes of a file of the version before one of its own. One row a
 * session is its lock, its version and its time; `auth` and `was` are SHA-256
 * digests, times are milliseconds since the epoch, `born` is seconds.
 */
static const char *const steps[] = {
	"CREATE TABLE sessions ("
	"  id TEXT NOT NULL PRIMARY KEY,"
	"  auth BLOB NOT NULL,"
	"  was BLOB,"
	"  was_at INTEGER NOT NULL DEFAULT 0,"
	"  born INTEGER NOT NULL,"
	"  version INTEGER NOT NULL,"
	"  seen INTEGER NOT NULL,"
	"  ends INTEGER NOT NULL"
	") WITHOUT ROWID;"
	"CREATE INDEX sessions_ends ON sessions (ends);"
	"CREATE TABLE session_values ("
	"  id TEXT NOT NULL,"
	"  key TEXT NOT NULL,"
	"  data BLOB NOT NULL,"
	"  PRIMARY KEY (id, key)"
	") WITHOUT ROWID;"
	"PRAGMA application_id = " OURS_TEXT ";"
	"PRAGMA user_version = " LEAST,

	"CREATE INDEX IF NOT EXISTS session_values_user"
	"  ON session_values (data) WHERE key = '@user';"
	"CREATE TABLE IF NOT EXISTS counters ("
	"  name BLOB NOT NULL PRIMARY KEY,"
	"  value INTEGER NOT NULL,"
	"  ends INTEGER NOT NULL"
	") WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS counters_ends ON counters (ends)",
};

#define ADDED_BY_2                                                             \
	"SELECT count(*) = 3 FROM sqlite_master WHERE name IN"                 \
	" ('session_values_user', 'counters', 'counters_ends')"

const int64_t kri_sqlite_version = sizeof(steps) / sizeof(steps[0]);

/* What an update demands is in its WHERE, so that one statement looks and
 * writes; why it found nothing is asked only then. `ends` is in an index, so
 * it is named only where it changes. */
#define UPDATE(times)                                                          \
	"UPDATE sessions SET version = version + 1,"                           \
	"  auth = iif(?4 IS NULL, auth, ?5),"                                  \
	"  was = iif(?4 IS NULL, iif(was_at = ?6, NULL, was), ?4),"            \
	"  was_at = iif(?4 IS NULL, iif(was_at = ?6, 0, was_at), ?6)" times    \
	" WHERE id = ?1 AND ends > ?2 AND (?3 IS NULL OR version = ?3)"        \
	"  AND (?4 IS NULL OR auth = ?4)"                                      \
	" RETURNING version"

#define COUNT_MOST "9223372036854775807"

#define SOME_ENDED                                                             \
	"(SELECT id FROM sessions WHERE ends <= ?1 ORDER BY ends LIMIT ?2)"

/* The sessions of user ?1 that live at ?2. Of the two tables the index by user
 * leads to one and the key to the other, so in this order. */
#define OF_USER                                                                \
	" FROM session_values v CROSS JOIN sessions s"                         \
	" WHERE v.key = '@user' AND v.data = ?1"                               \
	"  AND s.id = v.id AND s.ends > ?2"

const char *const kri_sqlite_sql[KRI_SQLITE_STATEMENTS] = {
	[KRI_SQLITE_BEGIN_READ] = "BEGIN",
	[KRI_SQLITE_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[KRI_SQLITE_COMMIT] = "COMMIT",
	[KRI_SQLITE_ROLLBACK] = "ROLLBACK",
	/* A row a value, and one for a session that has none. */
	[KRI_SQLITE_LOAD] =
		"SELECT s.auth, s.was, s.was_at, s.born, s.version, s.seen,"
		"  s.ends, v.key, v.data"
		" FROM sessions s LEFT JOIN session_values v ON v.id = s.id"
		" WHERE s.id = ?1 AND s.ends > ?2",
	[KRI_SQLITE_LIST] = "SELECT id FROM sessions"
			    " WHERE id > ?1 AND ends > ?2 ORDER BY id LIMIT ?3",
	[KRI_SQLITE_LOOK] = "SELECT auth, version, ends > ?2 FROM sessions"
			    " WHERE id = ?1",
	[KRI_SQLITE_CREATE] =
		"INSERT INTO sessions (id, auth, born, version, seen, ends)"
		" VALUES (?1, ?2, ?3, 1, ?4, ?5) ON CONFLICT (id) DO NOTHING",
	[KRI_SQLITE_UPDATE] = UPDATE(""),
	[KRI_SQLITE_UPDATE_AND_TOUCH] = UPDATE(", seen = ?7, ends = ?8"),
	[KRI_SQLITE_TOUCH] = "UPDATE sessions SET seen = ?3, ends = ?4,"
			     "  was = iif(was_at = ?5, NULL, was),"
			     "  was_at = iif(was_at = ?5, 0, was_at)"
			     " WHERE id = ?1 AND ends > ?2",
	[KRI_SQLITE_SET] =
		"INSERT INTO session_values (id, key, data) VALUES (?1, ?2, ?3)"
		" ON CONFLICT (id, key) DO UPDATE SET data = excluded.data",
	[KRI_SQLITE_REMOVE] = "DELETE FROM session_values"
			      " WHERE id = ?1 AND key = ?2",
	[KRI_SQLITE_END] = "DELETE FROM sessions WHERE id = ?1",
	[KRI_SQLITE_END_VALUES] = "DELETE FROM session_values WHERE id = ?1",
	[KRI_SQLITE_ENDED] = "SELECT 1 FROM sessions WHERE ends <= ?1 LIMIT 1",
	[KRI_SQLITE_SWEEP] = "DELETE FROM sessions WHERE id IN " SOME_ENDED,
	[KRI_SQLITE_SWEEP_VALUES] = "DELETE FROM session_values"
				    " WHERE id IN " SOME_ENDED,
	[KRI_SQLITE_USER_LIST] = "SELECT v.id" OF_USER,
	[KRI_SQLITE_USER_COUNT] = "SELECT count(*)" OF_USER " AND v.id <> ?3",
	[KRI_SQLITE_USER_LIMIT] =
		"DELETE FROM sessions WHERE id IN (SELECT v.id" OF_USER
		" AND v.id <> ?3 ORDER BY s.ends DESC, v.id"
		" LIMIT -1 OFFSET ?4)",
	[KRI_SQLITE_USER_END] =
		"DELETE FROM sessions WHERE id IN (SELECT v.id" OF_USER
		" AND (?3 IS NULL OR v.id <> ?3)"
		" AND (?4 IS NULL OR v.id = ?4))",
	/* What the user's sessions have left that were just ended. */
	[KRI_SQLITE_USER_END_VALUES] =
		"DELETE FROM session_values WHERE id IN ("
		"SELECT v.id FROM session_values v"
		" WHERE v.key = '@user' AND v.data = ?1 AND NOT EXISTS"
		"  (SELECT 1 FROM sessions s WHERE s.id = v.id))",
	/* What has ended begins anew. A sum past all bounds stays there. */
	[KRI_SQLITE_COUNT] =
		"INSERT INTO counters (name, value, ends) VALUES (?1, ?2, ?3)"
		" ON CONFLICT (name) DO UPDATE SET"
		"  value = iif(ends > ?4, min(value, " COUNT_MOST
		"    - excluded.value), 0) + excluded.value,"
		"  ends = iif(ends > ?4, ends, excluded.ends)"
		" RETURNING value, ends",
	[KRI_SQLITE_COUNTED] = "SELECT value, ends FROM counters"
			       " WHERE name = ?1 AND ends > ?2",
	[KRI_SQLITE_COUNTERS_ENDED] =
		"SELECT 1 FROM counters WHERE ends <= ?1 LIMIT 1",
	[KRI_SQLITE_SWEEP_COUNTERS] =
		"DELETE FROM counters WHERE name IN (SELECT name FROM counters"
		" WHERE ends <= ?1 ORDER BY ends LIMIT ?2)",
};

bool kri_sqlite_has(const struct kri_sqlite_file *file,
		    enum kri_sqlite_statement which)
{
	return file->tables >= 2 || which < KRI_SQLITE_COUNT;
}

/* ---- versions --------------------------------------------------------- */

static enum kr_err read_additions(struct kri_sqlite_file *file,
				  int64_t *version)
{
	int64_t added = 0;
	enum kr_err err = kri_sqlite_ask(file, ADDED_BY_2, &added);

	if (!err)
		*version += added;
	return err;
}

static enum kr_err read_version(struct kri_sqlite_file *file, int64_t *version)
{
	int64_t application = 0, tables = 0;
	enum kr_err err =
		kri_sqlite_ask(file, "PRAGMA application_id", &application);

	if (!err)
		err = kri_sqlite_ask(file, "PRAGMA user_version", version);
	if (!err && application != OURS)
		err = kri_sqlite_ask(file, "SELECT count(*) FROM sqlite_master",
				     &tables);
	if (err)
		return err;
	if (application != OURS && (application || tables || *version))
		return kri_sqlite_refuse(file, KR_ERR_PROTOCOL,
					 "a database of another program");
	if (*version == 1)
		return read_additions(file, version);
	return KR_OK;
}

/* All of one moment, as another process may be at making the tables. Who fails
 * closes the file, and with it what was begun. */
static enum kr_err look_at_version(struct kri_sqlite_file *file,
				   int64_t *version)
{
	enum kr_err err = kri_sqlite_exec(file, "BEGIN");

	if (err)
		return err;
	err = read_version(file, version);
	return err ? err : kri_sqlite_exec(file, "COMMIT");
}

static enum kr_err refuse_newer(struct kri_sqlite_file *file, int64_t version)
{
	char words[160];

	snprintf(words, sizeof(words),
		 "made by a newer krsession: its tables are of version %lld, "
		 "and this program knows %lld at most",
		 (long long)version, (long long)kri_sqlite_version);
	return kri_sqlite_refuse(file, KR_ERR_PROTOCOL, words);
}

/* Another process may have done it before the lock was ours. */
static enum kr_err migrate(struct kri_sqlite_file *file)
{
	int64_t version = 0, from;
	enum kr_err err = kri_sqlite_exec(file, "BEGIN IMMEDIATE");

	if (err)
		return err;
	err = read_version(file, &version);
	from = version;
	for (; !err && version < kri_sqlite_version; version++)
		err = kri_sqlite_exec(file, steps[version]);
	if (!err)
		err = kri_sqlite_exec(file, "COMMIT");
	if (err)
		sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
	else if (from && from < version)
		kri_log(KRI_LOG_INFO, NULL,
			"sqlite: %s: its tables are of version %lld now",
			file->config->store_path, (long long)version);
	return err;
}

/* Whoever only looks in, or may not write, does without what is missing. */
static bool may_stay(const struct kri_sqlite_file *file, int64_t version)
{
	return version == kri_sqlite_version ||
	       (version &&
		(file->guest || sqlite3_db_readonly(file->db, "main")));
}

enum kr_err kri_sqlite_schema(struct kri_sqlite_file *file)
{
	int64_t version = 0;
	enum kr_err err = look_at_version(file, &version);

	if (!err && version > kri_sqlite_version)
		err = refuse_newer(file, version);
	if (!err && !may_stay(file, version)) {
		err = migrate(file);
		version = kri_sqlite_version;
	}
	file->tables = version;
	return err;
}
