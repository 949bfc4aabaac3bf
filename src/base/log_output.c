/*
 * Owns every write(2) to standard error: whole lines, to a pipe that may be
 * full, a socket that may not block, a disk that may have no room. Knows
 * neither the queue nor what a line says.
 */
#include "base/log_output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define PATIENCE 1000 /* ms for room */
#define FOR_EVER (-1)

static bool await_room(int ms)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
	int ready;

	do
		ready = poll(&out, 1, ms);
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* Whether all of it was written. A log that is not read, is closed or has a
 * full disk behind it has nowhere to say so. */
static bool write_all(struct kri_text text, int patience)
{
	ssize_t written;

	while (text.len) {
		written = write(STDERR_FILENO, text.data, text.len);
		if (written > 0)
			text = kri_text(text.data + written,
					text.len - (size_t)written);
		else if (written == 0 || (errno != EINTR && errno != EAGAIN))
			return false;
		else if (errno == EAGAIN && !await_room(patience))
			return false;
	}
	return true;
}

/* Waits once for who does not read, not again for each line. */
void kri_log_write_soon(struct kri_text line)
{
	static atomic_bool stuck;
	int patience = atomic_load(&stuck) ? 0 : PATIENCE;
	bool room = await_room(patience);

	if (room)
		room = write_all(line, patience);
	atomic_store(&stuck, !room);
}

static bool write_cancellable(struct kri_text text)
{
	bool done;

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	done = write_all(text, FOR_EVER);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return done;
}

/* The longest run of whole lines that a pipe takes undivided, or one line:
 * so a line is in one write, and several programs can share a pipe. */
static struct kri_text first_piece(struct kri_text lines)
{
	const char *end;

	if (lines.len <= PIPE_BUF)
		return lines;
	end = memrchr(lines.data, '\n', PIPE_BUF);
	if (!end)
		end = memchr(lines.data, '\n', lines.len);
	return kri_text(lines.data, (size_t)(end - lines.data) + 1);
}

static uint64_t count_lines(struct kri_text text)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\n';
	return n;
}

uint64_t kri_log_write_lines(struct kri_text lines)
{
	struct kri_text piece;

	while (lines.len) {
		piece = first_piece(lines);
		if (!write_cancellable(piece))
			return count_lines(lines);
		lines = kri_text(lines.data + piece.len, lines.len - piece.len);
	}
	return 0;
}
