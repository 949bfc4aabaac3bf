/*
 * Owns every write(2) to standard error: whole lines, to a pipe that may be
 * full, a socket that may not block, a disk that may have no room. Knows
 * neither the queue nor what a line says.
 */
#include "base/log_output.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE 1000 /* ms for room, where nobody can say stop */
#define FOR_EVER (-1)
#define NO_STOP (-1) /* poll(2) skips it */

/* Whether standard error is the journal's: systemd says which device and
 * inode that has (systemd.exec(5)), as a program may have redirected it. */
static bool is_journal(void)
{
	const char *named = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	return named && sscanf(named, "%llu:%llu", &device, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &status) && status.st_dev == device &&
	       status.st_ino == inode;
}

bool kri_log_to_journal(void)
{
	enum { UNKNOWN, NO, YES };
	static atomic_int answer = UNKNOWN;

	if (atomic_load_explicit(&answer, memory_order_relaxed) == UNKNOWN)
		atomic_store(&answer, is_journal() ? YES : NO);
	return atomic_load_explicit(&answer, memory_order_relaxed) == YES;
}

/* A pipe with room takes PIPE_BUF bytes without blocking: pipe(7). */
static bool await_room(int stop, int ms)
{
	struct pollfd files[] = {
		{.fd = STDERR_FILENO, .events = POLLOUT},
		{.fd = stop, .events = POLLIN},
	};
	int ready;

	do
		ready = poll(files, 2, ms);
	while (ready < 0 && errno == EINTR);
	return ready > 0 && !files[1].revents;
}

/* Whether all of it was written. A log that is not read, is closed or has a
 * full disk behind it has nowhere to say so. */
static bool write_piece(struct kri_text text, int stop, int ms)
{
	ssize_t written;

	while (text.len) {
		if (!await_room(stop, ms))
			return false;
		written = write(STDERR_FILENO, text.data, text.len);
		if (written > 0)
			text = kri_text(text.data + written,
					text.len - (size_t)written);
		else if (written == 0 || (errno != EINTR && errno != EAGAIN))
			return false;
	}
	return true;
}

/* Waits once for who does not read, not again for each line. */
void kri_log_write_soon(struct kri_text line)
{
	static atomic_bool stuck;
	bool wait = !atomic_load(&stuck);

	atomic_store(&stuck, !write_piece(line, NO_STOP, wait ? PATIENCE : 0));
}

/* The longest run of whole lines that a pipe takes undivided: so no line is
 * parted, and several programs can share a pipe. */
static struct kri_text first_piece(struct kri_text lines)
{
	const char *end;

	if (lines.len <= PIPE_BUF)
		return lines;
	end = memrchr(lines.data, '\n', PIPE_BUF);
	return kri_text(lines.data, (size_t)(end - lines.data) + 1);
}

static uint64_t count_lines(struct kri_text text)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\n';
	return n;
}

uint64_t kri_log_write_lines(struct kri_text lines, int stop)
{
	struct kri_text piece;

	while (lines.len) {
		piece = first_piece(lines);
		if (!write_piece(piece, stop, FOR_EVER))
			return count_lines(lines);
		lines = kri_text(lines.data + piece.len, lines.len - piece.len);
	}
	return 0;
}
