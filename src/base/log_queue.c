/*
 * Owns the queue of log lines and the thread that empties it. Whoever reads
 * standard error may be slow, or asleep for ever, and no thread that serves
 * requests may wait for them: the lock is held for a copy, never while
 * writing. What does not fit is counted, and said in its place once there is
 * room. Knows nothing of how standard error is written to.
 *
 * All memory is static: a thread that could not be ended in time and is left
 * behind never sees it freed.
 */
#include "base/log_queue.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_output.h"

#define HALF (128 * 1024) /* bytes; two of them are the queue */
#define GRACE 200         /* ms for the thread to see that it must stop */

/* Lines between their makers and the thread. */
struct batch {
	char *data; /* one of halves */
	size_t len;
	uint64_t lines; /* in data */
	uint64_t lost;  /* after those in data, for want of room */
};

static char halves[2][HALF];
static kri_log_lost *say_lost;
static pthread_t writer;
static int stop; /* an eventfd: readable when the thread must not write on */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Under the lock: */
static struct batch filling = {.data = halves[0]};
static _Atomic uint64_t lost_ever; /* lines, told of or not */
static bool running; /* lines go into the queue, and a thread takes them */
static bool ending;  /* the thread ends when it has written all */
static bool left;    /* it is stuck in write(2) for good, and never joined */
static pthread_cond_t filled; /* or ending; the thread waits for it */
static pthread_cond_t ended;  /* the thread did, and running is false */

/* ---- the thread ------------------------------------------------------- */

/* Says that lines were lost; returns how many are still to be told of. */
static uint64_t say(uint64_t lost)
{
	struct kri_log_line line;

	if (!lost)
		return 0;
	say_lost(&line, lost);
	return kri_log_write_lines(kri_text(line.data, line.len), stop) ? lost
									: 0;
}

/* `lost`: of earlier batches, and not yet said. Returns what is now. */
static uint64_t write_batch(const struct batch *batch, uint64_t lost)
{
	lost = say(lost);
	if (lost) {
		lost_ever += batch->lines;
		return lost + batch->lines + batch->lost;
	}
	lost = kri_log_write_lines(kri_text(batch->data, batch->len), stop);
	lost_ever += lost;
	return say(lost + batch->lost);
}

/* Takes what was queued and leaves the other half to be filled. False: there
 * is nothing, and the thread ends. */
static bool take(struct batch *out)
{
	bool some;

	pthread_mutex_lock(&lock);
	while (!filling.lines && !filling.lost && !ending)
		pthread_cond_wait(&filled, &lock);
	some = filling.lines || filling.lost;
	*out = filling;
	filling = (struct batch){
		.data = halves[out->data == halves[0]],
	};
	if (!some) {
		running = false;
		pthread_cond_signal(&ended);
	}
	pthread_mutex_unlock(&lock);
	return some;
}

static void *run(void *unused)
{
	struct batch batch;
	uint64_t lost = 0;

	while (take(&batch))
		lost = write_batch(&batch, lost);
	return unused;
}

/* ---- the queue -------------------------------------------------------- */

/* Once a line is lost, so are all until the thread takes the batch: what it
 * says of them stands where they would have. */
static void append(struct kri_text line)
{
	if (filling.lost || line.len > HALF - filling.len) {
		filling.lost++;
		lost_ever++;
		return;
	}
	memcpy(filling.data + filling.len, line.data, line.len);
	filling.len += line.len;
	filling.lines++;
}

void kri_log_queue_put(struct kri_text line)
{
	bool queued, wake = false;

	pthread_mutex_lock(&lock);
	queued = running;
	if (queued) {
		wake = !filling.lines && !filling.lost;
		append(line);
	}
	pthread_mutex_unlock(&lock);
	if (wake)
		pthread_cond_signal(&filled);
	if (!queued)
		kri_log_write_soon(line);
}

uint64_t kri_log_queue_lost(void)
{
	return lost_ever;
}

/* ---- start and end ---------------------------------------------------- */

static void set_running(bool value)
{
	running = value;
	ending = false;
	filling = (struct batch){.data = halves[0]};
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

static void init_conditions(void)
{
	kri_clock_cond_init(&filled);
	kri_clock_cond_init(&ended);
}

/* A child has no thread, and its parent writes what was queued. */
static void after_fork_in_child(void)
{
	init_conditions();
	if (running)
		close(stop);
	left = false;
	set_running(false);
	pthread_mutex_unlock(&lock);
}

static void init(void)
{
	init_conditions();
	pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* No signal is for the thread, and a closed pipe's must end nobody. */
static int create(void)
{
	sigset_t all, old;
	int failed;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(&writer, NULL, run, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return failed;
}

/* With the lock, which keeps the thread from looking around too early. */
static enum kr_err start(kri_log_lost *lost)
{
	if (running)
		return KR_OK;
	if (left)
		return KR_ERR_SYSTEM;
	stop = eventfd(0, EFD_CLOEXEC);
	if (stop < 0)
		return KR_ERR_SYSTEM;
	say_lost = lost;
	set_running(true);
	if (!create())
		return KR_OK;
	set_running(false);
	close(stop);
	return KR_ERR_SYSTEM;
}

enum kr_err kri_log_queue_start(kri_log_lost *lost)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	enum kr_err err;

	pthread_once(&once, init);
	pthread_mutex_lock(&lock);
	err = start(lost);
	pthread_mutex_unlock(&lock);
	return err;
}

/* Whether the thread has ended by itself in that time. */
static bool await_end(int64_t ms)
{
	struct timespec until = kri_clock_timespec(kri_clock_ms() + ms);

	while (running && !pthread_cond_timedwait(&ended, &lock, &until))
		continue;
	return !running;
}

/* Has the thread end, with the lock. False: it is stuck in a write to
 * something that took less than it had promised, such as a terminal. */
static bool end_thread(int64_t ms)
{
	ending = true;
	pthread_cond_signal(&filled);
	return await_end(ms) || (!eventfd_write(stop, 1) && await_end(GRACE));
}

void kri_log_queue_stop(int64_t ms)
{
	pthread_mutex_lock(&lock);
	if (running && end_thread(ms)) {
		pthread_join(writer, NULL);
		close(stop);
		set_running(false);
	} else if (running) {
		pthread_detach(writer);
		left = true;
		running = false;
	}
	pthread_mutex_unlock(&lock);
}
