/*
 * The tables, as steps from one version to the next, and the statements on
 * them. What a demand forbids (a session that has ended, another version)
 * stands in the WHERE of the update, which then changes no row.
 */
#include "store/sqlite_schema.h"

#include <stdio.h>

/* PRAGMA application_id of our files: "krss" (sqlite.org/fileformat.html). */
#define OURS 0x6b727373
#define OURS_TEXT "1802662771"

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
	"PRAGMA user_version = 1",
};

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

#define SOME_ENDED                                                             \
	"(SELECT id FROM sessions WHERE ends <= ?1 ORDER BY ends LIMIT ?2)"

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
};

/* ---- versions --------------------------------------------------------- */

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
	return KR_OK;
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
	int64_t version = 0;
	enum kr_err err = kri_sqlite_exec(file, "BEGIN IMMEDIATE");

	if (err)
		return err;
	err = read_version(file, &version);
	for (; !err && version < kri_sqlite_version; version++)
		err = kri_sqlite_exec(file, steps[version]);
	if (!err)
		err = kri_sqlite_exec(file, "COMMIT");
	if (err)
		sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

enum kr_err kri_sqlite_schema(struct kri_sqlite_file *file)
{
	int64_t version = 0;
	enum kr_err err = read_version(file, &version);

	if (!err && version > kri_sqlite_version)
		err = refuse_newer(file, version);
	if (!err && version < kri_sqlite_version)
		err = migrate(file);
	return err;
}
