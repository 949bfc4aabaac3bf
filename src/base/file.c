/*
 * Owns the look at a file before it is read. A named pipe would hold up the
 * start until somebody writes, without a word; so it is opened without
 * waiting, and refused.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *fault_of(const struct stat *status, long max)
{
	if (S_ISDIR(status->st_mode))
		return strerror(EISDIR);
	if (!S_ISREG(status->st_mode) && !S_ISCHR(status->st_mode))
		return "it is a pipe or a socket, and must be a file";
	if (max && status->st_size > max)
		return "it is far too large for what it should be";
	return NULL;
}

int kri_file_open(const char *path, long max, const char **why)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	int file = open(path, flags);
	struct stat status;

	if (file < 0) {
		*why = errno == ENXIO ? "it is a socket, and must be a file"
				      : strerror(errno);
		return -1;
	}
	*why = fstat(file, &status) ? strerror(errno) : fault_of(&status, max);
	if (!*why)
		return file;
	close(file);
	return -1;
}

const char *kri_file_check(const char *path, long max)
{
	const char *why;
	int file = kri_file_open(path, max, &why);

	if (file < 0)
		return why;
	close(file);
	return NULL;
}
