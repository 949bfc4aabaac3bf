/*
 * What an error of SQLite means to the store, and to who reads the log. Each
 * kind is told when it begins and then once a minute, not at each request.
 * (sqlite.org/rescode.html)
 */
#include "store/sqlite_file.h"

#include <errno.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/parse.h"

#define REMIND 60000        /* ms between two lines on the same trouble */
#define NO_ROOM (256 << 10) /* bytes free on a disk that is full */
#define FOREIGN 10000       /* a trouble that SQLite has no code for */

static bool is_due(struct kri_sqlite_file *file, int trouble)
{
	int64_t now = kri_clock_ms();

	if (file->trouble == trouble && now - file->told < REMIND)
		return false;
	file->trouble = trouble;
	file->told = now;
	return true;
}

static void tell(struct kri_sqlite_file *file, int trouble, const char *words)
{
	const char *path = file->config->store_path;

	if (file->why) {
		kri_buffer_clear(file->why);
		kri_buffer_printf(file->why, "store.path = %s: %s", path,
				  words);
	} else if (is_due(file, trouble)) {
		kri_log(KRI_LOG_ERROR, NULL, "sqlite: %s: %s", path, words);
	}
}

void kri_sqlite_well(struct kri_sqlite_file *file)
{
	/* A full file still takes a write now and then. */
	if (!file->trouble || file->trouble == SQLITE_FULL)
		return;
	file->trouble = 0;
	kri_log(KRI_LOG_INFO, NULL, "sqlite: %s: works again",
		file->config->store_path);
}

static bool is_disk_full(const char *path)
{
	struct statvfs disk;

	return !statvfs(path, &disk) && disk.f_bavail * disk.f_frsize < NO_ROOM;
}

/* SQLite has one word for both; who is to mend it must know which. */
static void tell_full(struct kri_sqlite_file *file)
{
	struct kri_buffer words = KRI_BUFFER_EMPTY;

	if (is_disk_full(file->config->store_path)) {
		kri_buffer_string(&words, "the disk is full");
	} else {
		kri_buffer_string(&words, "full: store.file_limit = ");
		kri_print_size(&words, file->config->file_limit);
		kri_buffer_string(&words, " is reached");
	}
	tell(file, SQLITE_FULL, words.failed ? "full" : words.data);
	kri_buffer_free(&words);
}

static enum kr_err mean(int code, int system)
{
	switch (code) {
	case SQLITE_FULL:
		return KR_ERR_FULL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return KR_ERR_TIMEOUT;
	case SQLITE_NOMEM:
		return KR_ERR_MEMORY;
	case SQLITE_IOERR:
		return system == ENOSPC || system == EDQUOT
			       ? KR_ERR_FULL
			       : KR_ERR_UNAVAILABLE;
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_INTERRUPT:
		return KR_ERR_UNAVAILABLE;
	}
	return KR_ERR_PROTOCOL;
}

enum kr_err kri_sqlite_failed(struct kri_sqlite_file *file, int code)
{
	int system = file->db ? sqlite3_system_errno(file->db) : 0;
	enum kr_err err = mean(code & 0xff, system);
	char words[256];

	if (err == KR_ERR_FULL) {
		tell_full(file);
		return err;
	}
	if (err == KR_ERR_TIMEOUT)
		snprintf(words, sizeof(words),
			 "another process has held it for too long");
	else if (err == KR_ERR_UNAVAILABLE && system)
		snprintf(words, sizeof(words), "%s: %s", sqlite3_errstr(code),
			 strerror(system));
	else
		snprintf(words, sizeof(words), "%s",
			 file->db ? sqlite3_errmsg(file->db)
				  : sqlite3_errstr(code));
	tell(file, code & 0xff, words);
	return err;
}

enum kr_err kri_sqlite_refuse(struct kri_sqlite_file *file, enum kr_err err,
			      const char *words)
{
	tell(file, FOREIGN + (int)err, words);
	return err;
}
