/*
 * What an operator is to know of a file of SQLite: who can read it, whether it
 * is whole, how full it is, and whether what has ended is swept. Reads only,
 * and bounds its time: looking at all of a large file takes long, and keeps the
 * log of writes from being used anew.
 */
#include "store/sqlite_ops.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "store/sqlite_schema.h"

#define MIB (1024.0 * 1024.0)
#define DISK_LEAST (64 << 20) /* bytes that should be free on the disk */
#define LATE 3600000          /* ms that what has ended may lie there */
#define STEPS 1000 /* of SQLite's machine, between looks at the clock */

struct look {
	struct kri_sqlite_file *file;
	struct kri_sqlite_job *job;
	const char *path;
	struct stat found;      /* the file */
	struct kri_buffer text; /* of the next finding */
};

static void find(struct look *look, enum kri_finding finding, const char *mend)
{
	kri_sqlite_job_find(look->job, finding, &look->text, mend);
	kri_buffer_clear(&look->text);
}

/* ---- the file in its folder ------------------------------------------- */

static void name_owner(struct kri_buffer *text, uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		kri_buffer_string(text, user->pw_name);
	else
		kri_buffer_printf(text, "user %u", (unsigned)uid);
}

static void look_at_rights(struct look *look)
{
	bool open = look->found.st_mode & (S_IRWXG | S_IRWXO);

	kri_buffer_printf(&look->text, "%s, of ", look->path);
	name_owner(&look->text, look->found.st_uid);
	kri_buffer_printf(&look->text, ", mode %04o",
			  (unsigned)look->found.st_mode & 07777);
	if (open)
		kri_buffer_string(&look->text,
				  ": others may see what sessions hold");
	find(look, open ? KRI_FINDING_WARNING : KRI_FINDING_GOOD,
	     open ? "chmod 0600, of the file and of -wal and -shm beside it"
		  : NULL);
}

static void look_at_folder(struct look *look)
{
	struct stat folder;
	char name[4096];
	char *slash;

	snprintf(name, sizeof(name), "%s", look->path);
	slash = strrchr(name, '/');
	slash[slash == name] = '\0';
	if (stat(name, &folder) ||
	    (folder.st_mode & (S_IWOTH | S_ISVTX)) != S_IWOTH)
		return;
	kri_buffer_printf(&look->text,
			  "anybody may replace files in its folder %s", name);
	find(look, KRI_FINDING_BAD,
	     "give the file a folder of its own, mode 0700");
}

/* By the numbers in statfs(2). */
static bool is_remote(long type)
{
	static const unsigned long remote[] = {
		0x6969,     0x517b,     0xff534d42, 0xfe534d42, 0x01021997,
		0x00c36400, 0x5346414f, 0x47504653, 0x0bd00bd0};

	for (size_t i = 0; i < sizeof(remote) / sizeof(*remote); i++)
		if ((unsigned long)type == remote[i])
			return true;
	return false;
}

static void look_at_disk(struct look *look)
{
	struct statvfs room;
	struct statfs disk;

	if (!statfs(look->path, &disk) && is_remote((long)disk.f_type)) {
		kri_buffer_string(&look->text,
				  "the file lies on another machine: a "
				  "write-ahead log is not safe there");
		find(look, KRI_FINDING_BAD,
		     "put it on a local disk; for several machines take "
		     "redis or postgresql");
	}
	if (!statvfs(look->path, &room) &&
	    (double)room.f_bavail * (double)room.f_frsize < DISK_LEAST) {
		kri_buffer_printf(&look->text, "its disk has %.1f MiB left",
				  (double)room.f_bavail *
					  (double)room.f_frsize / MIB);
		find(look, KRI_FINDING_WARNING, "make room on it");
	}
}

/* ---- what is in it ---------------------------------------------------- */

static void look_at_kind(struct look *look)
{
	bool old = look->file->tables < kri_sqlite_version;

	kri_buffer_printf(&look->text, "SQLite %s, tables of version %lld",
			  sqlite3_libversion(), (long long)look->file->tables);
	if (old)
		kri_buffer_printf(&look->text,
				  ", and this program's are of %lld",
				  (long long)kri_sqlite_version);
	find(look, old ? KRI_FINDING_WARNING : KRI_FINDING_GOOD,
	     old ? "start krsessiond of this version: it adds what is missing"
		 : NULL);
	kri_buffer_string(&look->text,
			  look->file->config->durable
				  ? "store.durable is on: what was "
				    "acknowledged outlives a power cut"
				  : "store.durable is off: a power cut costs "
				    "the last writes, never the file");
	find(look, KRI_FINDING_GOOD, NULL);
}

/* Pages that are free are used again before the file grows. */
static void look_at_room(struct look *look)
{
	double limit = (double)look->file->config->file_limit, all, used;
	int64_t pages = 0, unused = 0;
	bool full, near;

	if (kri_sqlite_ask(look->file, "PRAGMA page_count", &pages) ||
	    kri_sqlite_ask(look->file, "PRAGMA freelist_count", &unused))
		return;
	all = (double)(pages * look->file->page_size);
	used = (double)((pages - unused) * look->file->page_size);
	full = used > 0.98 * limit;
	near = used > 0.8 * limit;
	kri_buffer_printf(&look->text,
			  "%.1f MiB are used, %.1f MiB of the file are free "
			  "for others; store.file_limit is %.0f MiB",
			  used / MIB, (all - used) / MIB, limit / MIB);
	find(look,
	     full   ? KRI_FINDING_BAD
	     : near ? KRI_FINDING_WARNING
		    : KRI_FINDING_GOOD,
	     near ? "raise store.file_limit, or lower session.idle_timeout"
		  : NULL);
}

/* The first column of the only row, as a number and as text in `words`. A code
 * of SQLite. */
static int ask(struct look *look, const char *sql, int64_t *numbers, int n,
	       struct kri_buffer *words)
{
	sqlite3_stmt *row = NULL;
	int code = sqlite3_prepare_v2(look->file->db, sql, -1, &row, NULL);

	if (!code) {
		sqlite3_bind_int64(row, 1, look->job->now);
		code = sqlite3_step(row);
	}
	for (int i = 0; i < n && code == SQLITE_ROW; i++)
		numbers[i] = sqlite3_column_int64(row, i);
	if (words && code == SQLITE_ROW)
		kri_buffer_string(words,
				  (const char *)sqlite3_column_text(row, 0));
	sqlite3_finalize(row);
	return code;
}

static void look_at_ended(struct look *look)
{
	int64_t found[2] = {0}; /* how many, and when the first ended */
	bool late;
	int code = ask(look,
		       "SELECT count(*), min(ends) FROM sessions"
		       " WHERE ends <= ?1",
		       found, 2, NULL);

	if (code != SQLITE_ROW) {
		kri_buffer_printf(&look->text,
				  "those that have ended were not counted: %s",
				  sqlite3_errstr(code));
		find(look, KRI_FINDING_UNKNOWN, NULL);
		return;
	}
	late = found[0] && look->job->now - found[1] > LATE;
	kri_buffer_printf(&look->text,
			  "%lld sessions have ended and are not swept yet%s",
			  (long long)found[0],
			  late ? ", some for more than an hour" : "");
	find(look, late ? KRI_FINDING_WARNING : KRI_FINDING_GOOD,
	     late ? "krsessionctl sweep; krsessiond does it while it runs"
		  : NULL);
}

/* ---- whether it is whole ---------------------------------------------- */

static int is_late(void *deadline)
{
	return kri_clock_ms() >= *(const int64_t *)deadline;
}

static void tell_damage(struct look *look, const char *words)
{
	kri_buffer_printf(&look->text, "the file is damaged: %s", words);
	find(look, KRI_FINDING_BAD,
	     "stop krsessiond, move the file and -wal and -shm beside it "
	     "away, and look at the disk: it makes a new one, and all log in "
	     "again");
}

static void look_at_pages(struct look *look)
{
	struct kri_buffer words = KRI_BUFFER_EMPTY;
	int code = ask(look, "PRAGMA quick_check(1)", NULL, 0, &words);

	if (code == SQLITE_INTERRUPT) {
		kri_buffer_string(&look->text,
				  "the file is too large to be looked at whole "
				  "in half of session.io_timeout");
		find(look, KRI_FINDING_UNKNOWN,
		     "krsessionctl -o session.io_timeout=10m check");
	} else if (code != SQLITE_ROW) {
		tell_damage(look, sqlite3_errstr(code));
	} else if (words.failed || strcmp(words.data, "ok") != 0) {
		tell_damage(look, words.failed ? "?" : words.data);
	} else {
		kri_buffer_string(&look->text, "the file is whole");
		find(look, KRI_FINDING_GOOD, NULL);
	}
	kri_buffer_free(&words);
}

void kri_sqlite_examine_file(struct kri_sqlite_file *file,
			     struct kri_sqlite_job *job)
{
	int64_t deadline = kri_clock_ms() + file->config->io_timeout / 2;
	struct look look = {
		.file = file,
		.job = job,
		.path = file->config->store_path,
		.text = KRI_BUFFER_EMPTY,
	};

	look_at_kind(&look);
	if (!stat(look.path, &look.found)) {
		look_at_rights(&look);
		look_at_folder(&look);
		look_at_disk(&look);
	}
	look_at_room(&look);
	sqlite3_progress_handler(file->db, STEPS, is_late, &deadline);
	look_at_ended(&look);
	look_at_pages(&look);
	sqlite3_progress_handler(file->db, 0, NULL, NULL);
	kri_buffer_free(&look.text);
}
