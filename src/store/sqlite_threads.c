/*
 * The threads that wait for the disk, so that no loop does: one writes, the
 * others read. What has come in while the writer waited is its next
 * transaction. It also removes what has ended, a little at a time.
 */
#include "store/sqlite_store.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/sqlite_birth.h"
#include "store/sqlite_ops.h"

#define STACK (512 << 10)
#define SWEEP_TICK 5000  /* ms until it is looked again for what has ended */
#define TOUCHES_WAIT 200 /* ms that touches wait for others, at most */
#define TOUCHES_SHARE                                                          \
	64 /* and this part of the idle timeout: they are due                  \
	    * after a sixteenth, so that none comes too late */
#define TRIES 3

/* ---- connections ------------------------------------------------------ */

/* With the lock for writing: nobody uses one. */
static void close_moved(struct kri_sqlite_store *store)
{
	bool cleared = false;

	for (size_t i = 0; i <= KRI_SQLITE_THREADS; i++) {
		struct kri_sqlite_file *file = &store->threads[i].file;

		if (!kri_sqlite_file_has_moved(file))
			continue;
		if (!cleared) {
			kri_log(KRI_LOG_WARNING, NULL,
				"sqlite: %s: was deleted or replaced under "
				"us: opening it anew",
				store->config->store_path);
			kri_sqlite_birth_clear(file);
		}
		cleared = true;
		kri_sqlite_file_close(file);
	}
}

enum kr_err kri_sqlite_open(struct kri_sqlite_store *store,
			    struct kri_sqlite_file *file,
			    struct kri_buffer *why)
{
	enum kr_err err = KR_OK;

	pthread_rwlock_wrlock(&store->use);
	close_moved(store);
	file->guest = store->base.guest;
	file->why = why;
	if (!file->db)
		err = kri_sqlite_file_open(file);
	file->why = NULL;
	pthread_rwlock_unlock(&store->use);
	return err;
}

enum kr_err kri_sqlite_enter(struct kri_sqlite_store *store,
			     struct kri_sqlite_file *file)
{
	for (int i = 0; i < TRIES; i++) {
		enum kr_err err;

		pthread_rwlock_rdlock(&store->use);
		if (file->db && !kri_sqlite_file_has_moved(file))
			return KR_OK;
		pthread_rwlock_unlock(&store->use);
		err = kri_sqlite_open(store, file, NULL);
		if (err)
			return err;
	}
	return KR_ERR_UNAVAILABLE;
}

void kri_sqlite_leave(struct kri_sqlite_store *store)
{
	pthread_rwlock_unlock(&store->use);
}

/* ---- queues ----------------------------------------------------------- */

static void push(struct kri_sqlite_queue *queue, struct kri_sqlite_job *job)
{
	job->state = KRI_SQLITE_QUEUED;
	job->next = NULL;
	*queue->last = job;
	queue->last = &job->next;
	queue->hasty += !job->patient;
	pthread_cond_signal(&queue->filled);
}

void kri_sqlite_queue(struct kri_sqlite_store *store,
		      struct kri_sqlite_job *jobs)
{
	pthread_mutex_lock(&store->lock);
	while (jobs) {
		struct kri_sqlite_job *job = jobs;

		jobs = job->next;
		push(job->writes ? &store->writes : &store->reads, job);
	}
	pthread_mutex_unlock(&store->lock);
}

/* The first, or all of them. */
static struct kri_sqlite_job *take(struct kri_sqlite_queue *queue, bool all)
{
	struct kri_sqlite_job *jobs = queue->first;
	struct kri_sqlite_job **at = &queue->first;

	while (*at && (all || *at == jobs)) {
		(*at)->state = KRI_SQLITE_RUNNING;
		queue->hasty -= !(*at)->patient;
		at = &(*at)->next;
	}
	queue->first = *at;
	*at = NULL;
	if (!queue->first)
		queue->last = &queue->first;
	return jobs;
}

static void finish(struct kri_sqlite_store *store, struct kri_sqlite_job *jobs)
{
	pthread_mutex_lock(&store->lock);
	while (jobs) {
		struct kri_sqlite_job *job = jobs;

		jobs = job->next;
		job->state = KRI_SQLITE_FINISHED;
		if (job->link)
			uv_async_send(&job->link->wake);
		else
			kri_sqlite_job_free(job);
	}
	pthread_mutex_unlock(&store->lock);
}

/* ---- readers ---------------------------------------------------------- */

static struct kri_sqlite_job *await_read(struct kri_sqlite_store *store)
{
	struct kri_sqlite_job *job;

	pthread_mutex_lock(&store->lock);
	while (!store->reads.first && !store->closing)
		pthread_cond_wait(&store->reads.filled, &store->lock);
	job = store->reads.first ? take(&store->reads, false) : NULL;
	pthread_mutex_unlock(&store->lock);
	return job;
}

static void read_one(struct kri_sqlite_store *store,
		     struct kri_sqlite_file *file, struct kri_sqlite_job *job)
{
	enum kr_err err = kri_sqlite_enter(store, file);

	if (err) {
		kri_sqlite_job_fail_copies(job, err);
		return;
	}
	kri_sqlite_read(file, job);
	kri_sqlite_leave(store);
}

static void *run_reader(void *arg)
{
	struct kri_sqlite_thread *thread = arg;
	struct kri_sqlite_job *job;

	while ((job = await_read(thread->store))) {
		read_one(thread->store, &thread->file, job);
		finish(thread->store, job);
	}
	return NULL;
}

/* ---- the writer ------------------------------------------------------- */

static void wait_until(struct kri_sqlite_store *store, int64_t ms)
{
	struct timespec until = kri_clock_timespec(ms);

	pthread_cond_timedwait(&store->writes.filled, &store->lock, &until);
}

static int64_t touches_wait(const struct kri_config *config)
{
	int64_t share = config->idle_timeout / TOUCHES_SHARE;

	return share < TOUCHES_WAIT ? share : TOUCHES_WAIT;
}

/* What there is to write by then, or nothing; *more: there may be more. Touches
 * alone wait for company: each transaction costs a wait for the disk. */
static struct kri_sqlite_job *await_writes(struct kri_sqlite_store *store,
					   int64_t sweep_at, bool *more)
{
	struct kri_sqlite_queue *queue = &store->writes;
	struct kri_sqlite_job *jobs = NULL;
	int64_t until;

	pthread_mutex_lock(&store->lock);
	while (!queue->first && !store->closing && kri_clock_ms() < sweep_at)
		wait_until(store, sweep_at);
	until = kri_clock_ms() + touches_wait(store->config);
	while (queue->first && !queue->hasty && !store->closing &&
	       kri_clock_ms() < until)
		wait_until(store, until);
	if (queue->first)
		jobs = take(queue, true);
	*more = jobs || !store->closing;
	pthread_mutex_unlock(&store->lock);
	return jobs;
}

static void write_all(struct kri_sqlite_store *store,
		      struct kri_sqlite_file *file, struct kri_sqlite_job *jobs)
{
	enum kr_err err = kri_sqlite_enter(store, file);

	if (!err) {
		kri_sqlite_write(file, jobs);
		kri_sqlite_leave(store);
		return;
	}
	for (; jobs; jobs = jobs->next)
		kri_sqlite_job_fail_copies(jobs, err);
}

/* Returns when to look again: at once if there may be more. A guest's count of
 * what it has swept would be wrong if this took some. */
static int64_t sweep(struct kri_sqlite_store *store,
		     struct kri_sqlite_file *file)
{
	struct kri_sqlite_bite bite = {0};

	if (!store->base.guest && !kri_sqlite_enter(store, file)) {
		if (kri_sqlite_sweep(file, false, &bite))
			bite.more = false;
		kri_sqlite_leave(store);
	}
	return bite.more ? 0 : kri_clock_ms() + SWEEP_TICK;
}

static void *run_writer(void *arg)
{
	struct kri_sqlite_thread *thread = arg;
	struct kri_sqlite_store *store = thread->store;
	/* Not at once: what is wrong with the file, the start finds and says.
	 */
	int64_t sweep_at = kri_clock_ms() + SWEEP_TICK;
	bool more = true;

	while (more) {
		struct kri_sqlite_job *jobs =
			await_writes(store, sweep_at, &more);

		if (jobs) {
			write_all(store, &thread->file, jobs);
			finish(store, jobs);
		}
		if (more && kri_clock_ms() >= sweep_at)
			sweep_at = sweep(store, &thread->file);
	}
	return NULL;
}

/* ---- life ------------------------------------------------------------- */

static int start_one(struct kri_sqlite_store *store, int i)
{
	return kri_thread_start(&store->threads[i].id, STACK,
				i ? run_reader : run_writer,
				&store->threads[i]);
}

enum kr_err kri_sqlite_start(struct kri_sqlite_store *store)
{
	int error = 0;

	pthread_mutex_lock(&store->lock);
	while (store->started < KRI_SQLITE_THREADS && !error) {
		error = start_one(store, store->started);
		store->started += !error;
	}
	pthread_mutex_unlock(&store->lock);
	return error ? KR_ERR_SYSTEM : KR_OK;
}

void kri_sqlite_stop(struct kri_sqlite_store *store)
{
	pthread_mutex_lock(&store->lock);
	store->closing = true;
	pthread_cond_broadcast(&store->reads.filled);
	pthread_cond_broadcast(&store->writes.filled);
	pthread_mutex_unlock(&store->lock);
	for (int i = 0; i < store->started; i++)
		pthread_join(store->threads[i].id, NULL);
}
