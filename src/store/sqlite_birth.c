/*
 * SQLite makes a file that all may read, and takes a log of writes that lies
 * beside it for its own whoever left it. So the file is made here, empty and
 * for us alone, and the folder is locked meanwhile: processes that start
 * together would else remove what one of them has just made.
 */
#include "store/sqlite_birth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX 8 /* "-wal", "-shm" and a NUL have room in it */

/* ---- the folder ------------------------------------------------------- */

/* The path's folder, on the heap, or NULL. */
static char *folder_of(const char *path)
{
	size_t len = (size_t)(strrchr(path, '/') - path);

	return len ? strndup(path, len) : strdup("/");
}

/*
 * Whoever makes the file or removes what an earlier one left has the folder's
 * lock: else one could remove what another has just made. -1 with errno.
 */
static int lock_folder(const char *path)
{
	char *folder = folder_of(path);
	int fd, error;

	if (!folder)
		return -1;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	error = errno;
	free(folder);
	errno = error;
	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_EX))
		if (errno != EINTR) {
			error = errno;
			close(fd);
			errno = error;
			return -1;
		}
	return fd;
}

/* ---- what lies beside the file ---------------------------------------- */

static bool look_beside(const char *path, const char *suffix,
			struct stat *found)
{
	size_t size = strlen(path) + SUFFIX;
	char *name = malloc(size);
	bool there = false;

	if (name) {
		snprintf(name, size, "%s%s", path, suffix);
		there = !stat(name, found);
	}
	free(name);
	return there;
}

static void remove_beside(const char *path, const char *suffix)
{
	size_t size = strlen(path) + SUFFIX;
	char *name = malloc(size);

	if (!name)
		return;
	snprintf(name, size, "%s%s", path, suffix);
	unlink(name);
	free(name);
}

static void remove_log(const char *path)
{
	remove_beside(path, "-wal");
	remove_beside(path, "-shm");
}

void kri_sqlite_birth_remember(struct kri_sqlite_file *file)
{
	struct stat found = {0};

	look_beside(file->config->store_path, "-shm", &found);
	file->index_device = found.st_dev;
	file->index_inode = found.st_ino;
}

/* As long as we have it open, no other file can have its inode. */
void kri_sqlite_birth_clear(const struct kri_sqlite_file *file)
{
	const char *path = file->config->store_path;
	int folder = lock_folder(path);
	struct stat found;

	if (folder < 0)
		return;
	if (look_beside(path, "-shm", &found) &&
	    found.st_dev == file->index_device &&
	    found.st_ino == file->index_inode)
		remove_log(path);
	close(folder);
}

/* ---- making it -------------------------------------------------------- */

static enum kr_err refuse(struct kri_sqlite_file *file)
{
	return kri_sqlite_refuse(file, KR_ERR_UNAVAILABLE, strerror(errno));
}

/* SQLite gives -wal and -shm the mode of the file. */
enum kr_err kri_sqlite_birth(struct kri_sqlite_file *file)
{
	const char *path = file->config->store_path;
	int folder, made = 0;

	if (!access(path, F_OK))
		return KR_OK;
	if (file->guest)
		return refuse(file);
	folder = lock_folder(path);
	if (folder < 0)
		return refuse(file);
	if (access(path, F_OK)) {
		remove_log(path);
		made = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (made >= 0)
			close(made);
	}
	close(folder);
	return made < 0 ? refuse(file) : KR_OK;
}

/* ---- whether it can be meant ------------------------------------------ */

static enum kr_err refuse_path(struct kri_buffer *why, const char *path,
			       const char *words)
{
	kri_buffer_printf(why, "store.path = %s: %s", path, words);
	return KR_ERR_CONFIG;
}

static enum kr_err check_folder(const char *path, struct kri_buffer *why)
{
	char *folder = folder_of(path);
	struct stat found;
	enum kr_err err = KR_OK;

	if (!folder)
		return KR_ERR_MEMORY;
	if (stat(folder, &found))
		err = refuse_path(why, path, "its folder is not there");
	else if (!S_ISDIR(found.st_mode))
		err = refuse_path(why, path, "its folder is none");
	free(folder);
	return err;
}

enum kr_err kri_sqlite_birth_check(const char *path, struct kri_buffer *why)
{
	struct stat found;
	enum kr_err err;

	if (path[0] != '/')
		return refuse_path(why, path, "must begin with /");
	err = check_folder(path, why);
	if (err)
		return err;
	if (!stat(path, &found) && !S_ISREG(found.st_mode))
		return refuse_path(why, path, "must be a file");
	return KR_OK;
}
