/*
 * A connection to the file of sessions: how it is opened and tuned, its
 * statements, its transactions, and what an error of SQLite means to the
 * store. Knows nothing of records.
 *
 * A connection is used by one thread at a time.
 */
#ifndef KRI_STORE_SQLITE_FILE_H
#define KRI_STORE_SQLITE_FILE_H

#include <sqlite3.h>
#include <sys/types.h>

#include "config/config.h"

enum kri_sqlite_statement {
	KRI_SQLITE_BEGIN_READ,
	KRI_SQLITE_BEGIN_WRITE,
	KRI_SQLITE_COMMIT,
	KRI_SQLITE_ROLLBACK,
	KRI_SQLITE_LOAD,
	KRI_SQLITE_LIST,
	KRI_SQLITE_LOOK,
	KRI_SQLITE_CREATE,
	KRI_SQLITE_UPDATE,
	KRI_SQLITE_UPDATE_AND_TOUCH,
	KRI_SQLITE_TOUCH,
	KRI_SQLITE_SET,
	KRI_SQLITE_REMOVE,
	KRI_SQLITE_END,
	KRI_SQLITE_END_VALUES,
	KRI_SQLITE_ENDED,
	KRI_SQLITE_SWEEP,
	KRI_SQLITE_SWEEP_VALUES,
	KRI_SQLITE_USER_LIST,
	KRI_SQLITE_USER_COUNT,
	KRI_SQLITE_USER_LIMIT,
	KRI_SQLITE_USER_END,
	KRI_SQLITE_USER_END_VALUES,
	KRI_SQLITE_COUNT, /* from here on: of tables of version 2 */
	KRI_SQLITE_COUNTED,
	KRI_SQLITE_COUNTERS_ENDED,
	KRI_SQLITE_SWEEP_COUNTERS,
	KRI_SQLITE_STATEMENTS /* how many there are */
};

struct kri_sqlite_file {
	const struct kri_config *config;
	bool reads;  /* nothing else: a file that cannot be written will do */
	bool guest;  /* makes no file, and leaves its tables as they are */
	sqlite3 *db; /* NULL: not open */
	sqlite3_stmt *statements[KRI_SQLITE_STATEMENTS];
	int64_t tables;     /* their version */
	int64_t page_size;  /* bytes */
	int64_t pages;      /* that the file may have, as it was told last */
	int64_t deadline;   /* kri_clock_ms(): how long to wait for a lock */
	int unbound;        /* the first parameter that was refused, a code */
	dev_t index_device; /* the file -shm beside it, when it was opened */
	ino_t index_inode;
	/* What was told of it last, and when: who is told once that the disk
	 * is full need not be told at each request. */
	int trouble;
	int64_t told;
	struct kri_buffer *why; /* takes the line in the log's place, or NULL */
};

/*
 * Errors here and below are the store's: KR_ERR_TIMEOUT, another process
 * holds the file; KR_ERR_FULL; KR_ERR_MEMORY; KR_ERR_PROTOCOL, it is damaged
 * or not ours; KR_ERR_UNAVAILABLE, the system refuses. They have been told.
 */

/* Opens the file; makes it, and its tables, if need be. */
enum kr_err kri_sqlite_file_open(struct kri_sqlite_file *file) KR_MUST_CHECK;

void kri_sqlite_file_close(struct kri_sqlite_file *file);

/* Whether it is open, and its name leads to another file or none by now. */
bool kri_sqlite_file_has_moved(const struct kri_sqlite_file *file);

/* Begins a transaction that reads. */
enum kr_err kri_sqlite_begin_read(struct kri_sqlite_file *file) KR_MUST_CHECK;

/* Begins one that writes, which no two processes do at once: waits for
 * session.io_timeout at most; if not `patient`, not at all, and then it is
 * KR_ERR_TIMEOUT and was not told. */
enum kr_err kri_sqlite_begin_write(struct kri_sqlite_file *file,
				   bool patient) KR_MUST_CHECK;

/* Ends it. After an error here or between, nothing of it has been done. */
enum kr_err kri_sqlite_commit(struct kri_sqlite_file *file) KR_MUST_CHECK;
void kri_sqlite_rollback(struct kri_sqlite_file *file);

/* How many bytes the file may have from now on. */
enum kr_err kri_sqlite_limit(struct kri_sqlite_file *file,
			     int64_t bytes) KR_MUST_CHECK;

/* Copies what is in the log of writes into the file, as far as that goes
 * without waiting, so that the log is used from its beginning again. */
void kri_sqlite_checkpoint(struct kri_sqlite_file *file);

/* ---- statements ------------------------------------------------------- */

/* Parameters count from 1; bytes are borrowed until the statement has run. One
 * that is refused makes the run fail. */
void kri_sqlite_bind_text(struct kri_sqlite_file *file,
			  enum kri_sqlite_statement which, int parameter,
			  struct kri_text text);
void kri_sqlite_bind_bytes(struct kri_sqlite_file *file,
			   enum kri_sqlite_statement which, int parameter,
			   struct kri_text bytes);
void kri_sqlite_bind_int(struct kri_sqlite_file *file,
			 enum kri_sqlite_statement which, int parameter,
			 int64_t number);
void kri_sqlite_bind_null(struct kri_sqlite_file *file,
			  enum kri_sqlite_statement which, int parameter);

/* The next row, or NULL after the last: then, and after an error, the
 * statement can be run anew. */
enum kr_err kri_sqlite_row(struct kri_sqlite_file *file,
			   enum kri_sqlite_statement which,
			   sqlite3_stmt **row) KR_MUST_CHECK;

/* No more rows are wanted. */
void kri_sqlite_end_rows(struct kri_sqlite_file *file,
			 enum kri_sqlite_statement which);

/* Runs one that gives no rows. */
enum kr_err kri_sqlite_run(struct kri_sqlite_file *file,
			   enum kri_sqlite_statement which) KR_MUST_CHECK;

/* SQL without parameters and rows. */
enum kr_err kri_sqlite_exec(struct kri_sqlite_file *file,
			    const char *sql) KR_MUST_CHECK;

/* The first column of the first row of some SQL, a number. */
enum kr_err kri_sqlite_ask(struct kri_sqlite_file *file, const char *sql,
			   int64_t *number) KR_MUST_CHECK;

/* ---- errors ----------------------------------------------------------- */

/* What the last call's error is to the store; tells it. */
enum kr_err kri_sqlite_failed(struct kri_sqlite_file *file, int code);

/* The same for what SQLite did not say: `words` are told, and it is `err`. */
enum kr_err kri_sqlite_refuse(struct kri_sqlite_file *file, enum kr_err err,
			      const char *words);

/* A transaction went well: what was told before is over. */
void kri_sqlite_well(struct kri_sqlite_file *file);

#endif
