/*
 * What all users of the file have in common with SQLite: how long one waits
 * for a lock, statements that are prepared once, transactions, and how a
 * connection is opened so that a power cut damages nothing.
 */
#include "store/sqlite_file.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/sqlite_birth.h"
#include "store/sqlite_schema.h"

/* Bytes that the log of writes keeps on the disk after it has been larger. */
#define LOG_KEPT "8388608"

/* ---- locks ------------------------------------------------------------ */

/*
 * SQLite has no queue for those who wait to write: each looks again and again.
 * The times are random, so that two processes do not look in step. (SQLite's
 * own waits grow to 100 ms, which is many commits.)
 */
static int wait_for_lock(void *arg, int looks)
{
	const struct kri_sqlite_file *file = arg;
	unsigned char random;

	if (kri_clock_ms() >= file->deadline)
		return 0;
	sqlite3_randomness(sizeof(random), &random);
	usleep(200 + random * (looks < 10 ? 4 : 20));
	return 1;
}

/* ---- statements ------------------------------------------------------- */

static void bound(struct kri_sqlite_file *file, int code)
{
	if (!file->unbound)
		file->unbound = code;
}

void kri_sqlite_bind_text(struct kri_sqlite_file *file,
			  enum kri_sqlite_statement which, int parameter,
			  struct kri_text text)
{
	bound(file, sqlite3_bind_text(file->statements[which], parameter,
				      text.len ? text.data : "", (int)text.len,
				      SQLITE_STATIC));
}

/* Without an address it would be no empty value, but NULL. */
void kri_sqlite_bind_bytes(struct kri_sqlite_file *file,
			   enum kri_sqlite_statement which, int parameter,
			   struct kri_text bytes)
{
	bound(file, sqlite3_bind_blob(file->statements[which], parameter,
				      bytes.len ? bytes.data : "",
				      (int)bytes.len, SQLITE_STATIC));
}

void kri_sqlite_bind_int(struct kri_sqlite_file *file,
			 enum kri_sqlite_statement which, int parameter,
			 int64_t number)
{
	bound(file,
	      sqlite3_bind_int64(file->statements[which], parameter, number));
}

void kri_sqlite_bind_null(struct kri_sqlite_file *file,
			  enum kri_sqlite_statement which, int parameter)
{
	bound(file, sqlite3_bind_null(file->statements[which], parameter));
}

void kri_sqlite_end_rows(struct kri_sqlite_file *file,
			 enum kri_sqlite_statement which)
{
	sqlite3_reset(file->statements[which]);
}

/* What the error of a statement was, its reset forgets: it is told first. */
enum kr_err kri_sqlite_row(struct kri_sqlite_file *file,
			   enum kri_sqlite_statement which, sqlite3_stmt **row)
{
	int code = file->unbound;
	enum kr_err err = KR_OK;

	file->unbound = SQLITE_OK;
	if (!code)
		code = sqlite3_step(file->statements[which]);
	*row = code == SQLITE_ROW ? file->statements[which] : NULL;
	if (code == SQLITE_ROW)
		return KR_OK;
	if (code != SQLITE_DONE)
		err = kri_sqlite_failed(file, code);
	kri_sqlite_end_rows(file, which);
	return err;
}

enum kr_err kri_sqlite_run(struct kri_sqlite_file *file,
			   enum kri_sqlite_statement which)
{
	sqlite3_stmt *row;
	enum kr_err err = kri_sqlite_row(file, which, &row);

	if (row)
		kri_sqlite_end_rows(file, which);
	return err;
}

enum kr_err kri_sqlite_exec(struct kri_sqlite_file *file, const char *sql)
{
	int code = sqlite3_exec(file->db, sql, NULL, NULL, NULL);

	return code ? kri_sqlite_failed(file, code) : KR_OK;
}

enum kr_err kri_sqlite_ask(struct kri_sqlite_file *file, const char *sql,
			   int64_t *number)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL);
	enum kr_err err = KR_OK;

	if (!code)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*number = sqlite3_column_int64(statement, 0);
	else
		err = kri_sqlite_failed(file, code);
	sqlite3_finalize(statement);
	return err;
}

/* ---- transactions ----------------------------------------------------- */

static void be_patient(struct kri_sqlite_file *file)
{
	file->deadline = kri_clock_ms() + file->config->io_timeout;
}

enum kr_err kri_sqlite_begin_read(struct kri_sqlite_file *file)
{
	be_patient(file);
	return kri_sqlite_run(file, KRI_SQLITE_BEGIN_READ);
}

enum kr_err kri_sqlite_begin_write(struct kri_sqlite_file *file, bool patient)
{
	sqlite3_stmt *statement = file->statements[KRI_SQLITE_BEGIN_WRITE];
	int code;

	if (patient) {
		be_patient(file);
		return kri_sqlite_run(file, KRI_SQLITE_BEGIN_WRITE);
	}
	file->deadline = 0;
	code = sqlite3_step(statement);
	sqlite3_reset(statement);
	if ((code & 0xff) == SQLITE_BUSY)
		return KR_ERR_TIMEOUT;
	return code == SQLITE_DONE ? KR_OK : kri_sqlite_failed(file, code);
}

enum kr_err kri_sqlite_commit(struct kri_sqlite_file *file)
{
	enum kr_err err = kri_sqlite_run(file, KRI_SQLITE_COMMIT);

	if (err)
		kri_sqlite_rollback(file);
	else
		kri_sqlite_well(file);
	return err;
}

/* After some errors SQLite has done so by itself. */
void kri_sqlite_rollback(struct kri_sqlite_file *file)
{
	if (sqlite3_get_autocommit(file->db))
		return;
	sqlite3_step(file->statements[KRI_SQLITE_ROLLBACK]);
	kri_sqlite_end_rows(file, KRI_SQLITE_ROLLBACK);
}

enum kr_err kri_sqlite_limit(struct kri_sqlite_file *file, int64_t bytes)
{
	int64_t pages = bytes / file->page_size;
	char sql[64];
	enum kr_err err;

	if (pages == file->pages)
		return KR_OK;
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %lld",
		 (long long)pages);
	err = kri_sqlite_exec(file, sql);
	if (!err)
		file->pages = pages;
	return err;
}

void kri_sqlite_checkpoint(struct kri_sqlite_file *file)
{
	sqlite3_wal_checkpoint_v2(file->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
				  NULL, NULL);
}

/* ---- opening and closing ---------------------------------------------- */

static enum kr_err connect_to(struct kri_sqlite_file *file)
{
	int code = sqlite3_open_v2(file->config->store_path, &file->db,
				   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				   NULL);

	if (code)
		return kri_sqlite_failed(file, code);
	sqlite3_busy_handler(file->db, wait_for_lock, file);
	if (!sqlite3_threadsafe())
		return kri_sqlite_refuse(
			file, KR_ERR_UNAVAILABLE,
			"this SQLite is built without threads");
	/* It opens for reading what it may not write. */
	if (!file->reads && sqlite3_db_readonly(file->db, "main"))
		return kri_sqlite_refuse(file, KR_ERR_UNAVAILABLE,
					 "cannot be written");
	return KR_OK;
}

/* To change the log of a file takes a lock that two who read it cannot both
 * wait for: so SQLite has neither wait, and tells one of them that it is
 * locked. */
static int step_patiently(struct kri_sqlite_file *file, sqlite3_stmt *statement)
{
	int code, looks = 0;

	do {
		sqlite3_reset(statement);
		code = sqlite3_step(statement);
	} while ((code & 0xff) == SQLITE_BUSY && wait_for_lock(file, looks++));
	return code;
}

/* Where memory cannot be shared between processes, SQLite stays without. */
static enum kr_err use_write_ahead_log(struct kri_sqlite_file *file)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(file->db, "PRAGMA journal_mode = WAL", -1,
				      &statement, NULL);
	enum kr_err err = KR_OK;

	if (!code)
		code = step_patiently(file, statement);
	if (code != SQLITE_ROW)
		err = kri_sqlite_failed(file, code);
	else if (sqlite3_stricmp(
			 (const char *)sqlite3_column_text(statement, 0),
			 "wal"))
		err = kri_sqlite_refuse(file, KR_ERR_UNAVAILABLE,
					"this file system allows no "
					"write-ahead log: a local one does");
	sqlite3_finalize(statement);
	return err;
}

/* FULL waits for the disk at each commit; NORMAL only before the log is used
 * anew, so that a power cut costs what was written since, never the file. */
static enum kr_err tune(struct kri_sqlite_file *file)
{
	enum kr_err err = use_write_ahead_log(file);

	if (!err)
		err = kri_sqlite_exec(file,
				      file->config->durable
					      ? "PRAGMA synchronous = FULL"
					      : "PRAGMA synchronous = NORMAL");
	if (!err)
		err = kri_sqlite_exec(file,
				      "PRAGMA trusted_schema = OFF;"
				      "PRAGMA cell_size_check = ON;"
				      "PRAGMA secure_delete = FAST;"
				      "PRAGMA journal_size_limit = " LOG_KEPT);
	return err;
}

static enum kr_err prepare(struct kri_sqlite_file *file)
{
	for (size_t i = 0; i < KRI_SQLITE_STATEMENTS; i++) {
		int code = SQLITE_OK;

		if (kri_sqlite_has(file, i))
			code = sqlite3_prepare_v3(file->db, kri_sqlite_sql[i],
						  -1, SQLITE_PREPARE_PERSISTENT,
						  &file->statements[i], NULL);
		if (code)
			return kri_sqlite_failed(file, code);
	}
	return KR_OK;
}

enum kr_err kri_sqlite_file_open(struct kri_sqlite_file *file)
{
	enum kr_err err;

	be_patient(file);
	err = kri_sqlite_birth(file);
	if (!err)
		err = connect_to(file);
	if (!err)
		err = tune(file);
	if (!err)
		err = kri_sqlite_schema(file);
	if (!err)
		err = prepare(file);
	if (!err)
		err = kri_sqlite_ask(file, "PRAGMA page_size",
				     &file->page_size);
	if (err)
		kri_sqlite_file_close(file);
	else
		kri_sqlite_birth_remember(file);
	return err;
}

void kri_sqlite_file_close(struct kri_sqlite_file *file)
{
	for (size_t i = 0; i < KRI_SQLITE_STATEMENTS; i++) {
		sqlite3_finalize(file->statements[i]);
		file->statements[i] = NULL;
	}
	sqlite3_close(file->db);
	file->db = NULL;
	file->pages = 0;
	file->unbound = SQLITE_OK;
}

bool kri_sqlite_file_has_moved(const struct kri_sqlite_file *file)
{
	int moved = 0;

	if (file->db)
		sqlite3_file_control(file->db, "main", SQLITE_FCNTL_HAS_MOVED,
				     &moved);
	return moved != 0;
}
