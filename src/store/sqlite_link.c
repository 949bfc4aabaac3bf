/*
 * A loop's link: makes jobs of what it is asked, gives them to the threads
 * once a turn, and takes their results. Whoever has waited for io_timeout is
 * told so, even if the disk never comes back.
 */
#include "store/sqlite_store.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/uv.h"

#define KEPT 16 /* idle jobs */

static struct kri_sqlite_store *store_of(const struct kri_sqlite_link *link)
{
	return (struct kri_sqlite_store *)link->base.store;
}

/* ---- jobs ------------------------------------------------------------- */

static struct kri_sqlite_job *take_idle(struct kri_sqlite_link *link)
{
	struct kri_sqlite_job *job = link->idle;

	if (!job)
		return kri_sqlite_job_make();
	link->idle = job->later;
	return job;
}

static void give_back(struct kri_sqlite_link *link, struct kri_sqlite_job *job)
{
	size_t n = 0;

	for (struct kri_sqlite_job *at = link->idle; at; at = at->later)
		n++;
	if (n >= KEPT) {
		kri_sqlite_job_free(job);
		return;
	}
	kri_sqlite_job_reset(job);
	job->later = link->idle;
	link->idle = job;
}

static void unlink_first(struct kri_sqlite_link *link)
{
	link->first = link->first->later;
	if (!link->first)
		link->last = &link->first;
}

/* A loop with nothing under way may end. */
static void hold_loop(struct kri_sqlite_link *link)
{
	if (uv_is_closing((uv_handle_t *)&link->wake))
		return;
	if (link->first || link->given)
		uv_ref((uv_handle_t *)&link->wake);
	else
		uv_unref((uv_handle_t *)&link->wake);
}

/* ---- the end of a job -------------------------------------------------- */

/* Those that finish are told in any order; `later` links all. */
static struct kri_sqlite_job *take_finished(struct kri_sqlite_link *link)
{
	struct kri_sqlite_job **at = &link->first, *job;

	pthread_mutex_lock(&store_of(link)->lock);
	while (*at && (*at)->state != KRI_SQLITE_FINISHED)
		at = &(*at)->later;
	job = *at;
	pthread_mutex_unlock(&store_of(link)->lock);
	if (!job)
		return NULL;
	*at = job->later;
	if (link->last == &job->later)
		link->last = at;
	return job;
}

static void deliver(struct kri_sqlite_link *link, struct kri_sqlite_job *job)
{
	kri_store_done *done = job->done;
	void *arg = job->arg;

	if (done)
		kri_sqlite_job_deliver(job);
	give_back(link, job);
	if (done)
		done(arg);
}

static void deliver_all(struct kri_sqlite_link *link)
{
	struct kri_sqlite_job *job;

	while ((job = take_finished(link)))
		deliver(link, job);
	hold_loop(link);
}

static void woken(uv_async_t *wake)
{
	deliver_all(wake->data);
}

static void remove_from(struct kri_sqlite_queue *queue,
			struct kri_sqlite_job *job)
{
	struct kri_sqlite_job **at = &queue->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (queue->last == &job->next)
		queue->last = at;
	queue->hasty -= !job->patient;
}

/* The link knows it no longer: the thread that has it frees it. If it has not
 * begun it is taken back, unless it is to be done all the same. */
static void abandon(struct kri_sqlite_link *link, struct kri_sqlite_job *job,
		    bool withdraw)
{
	struct kri_sqlite_store *store = store_of(link);
	bool ours;

	pthread_mutex_lock(&store->lock);
	if (job->state == KRI_SQLITE_QUEUED && withdraw) {
		remove_from(job->writes ? &store->writes : &store->reads, job);
		job->state = KRI_SQLITE_FINISHED;
	}
	ours = job->state == KRI_SQLITE_FINISHED;
	atomic_store(&job->given_up, withdraw);
	job->link = NULL;
	pthread_mutex_unlock(&store->lock);
	if (ours)
		kri_sqlite_job_free(job);
}

/* Of the first job, and of no other's business from then on. */
static void fail_first(struct kri_sqlite_link *link, enum kr_err err,
		       bool withdraw)
{
	struct kri_sqlite_job *job = link->first;
	kri_store_done *done = job->done;
	void *arg = job->arg;

	unlink_first(link);
	if (done)
		kri_sqlite_job_fail(job, err);
	abandon(link, job, withdraw);
	if (done)
		done(arg);
}

/* ---- io_timeout ------------------------------------------------------- */

static void expire(uv_timer_t *timer);

static void watch_first(struct kri_sqlite_link *link)
{
	int64_t left;

	if (!link->first || uv_is_active((uv_handle_t *)&link->expiry))
		return;
	left = link->first->deadline - kri_clock_ms();
	uv_timer_start(&link->expiry, expire, left > 0 ? (uint64_t)left : 0, 0);
}

/* What has finished by now is no failure. */
static void expire(uv_timer_t *timer)
{
	struct kri_sqlite_link *link = timer->data;

	deliver_all(link);
	while (link->first && link->first->deadline <= kri_clock_ms())
		fail_first(link, KR_ERR_TIMEOUT, true);
	if (uv_is_closing((uv_handle_t *)timer))
		return;
	hold_loop(link);
	watch_first(link);
}

/* ---- operations ------------------------------------------------------- */

/* done: NULL, and nobody waits for it. */
static void give(struct kri_sqlite_link *link, struct kri_sqlite_job *job,
		 kri_store_done *done, void *arg)
{
	const struct kri_config *config = store_of(link)->config;

	job->done = done;
	job->arg = arg;
	job->link = link;
	job->later = job->next = NULL;
	job->deadline = kri_clock_ms() + config->io_timeout;
	*link->given_last = job;
	link->given_last = &job->later;
	hold_loop(link);
}

static void refuse(struct kri_sqlite_link *link, struct kri_sqlite_job *job)
{
	if (job)
		give_back(link, job);
}

void kri_sqlite_load(struct kri_link *base, struct kri_record **records,
		     size_t n, kri_store_done *done, void *arg)
{
	struct kri_sqlite_link *link = (struct kri_sqlite_link *)base;
	struct kri_sqlite_job *job = n ? take_idle(link) : NULL;

	if (job && !kri_sqlite_job_load(job, records, n)) {
		give(link, job, done, arg);
		return;
	}
	refuse(link, job);
	for (size_t i = 0; i < n; i++)
		records[i]->err = KR_ERR_MEMORY;
	done(arg);
}

static size_t count_touches(struct kri_record **records, size_t n)
{
	size_t touches = 0;

	for (size_t i = 0; i < n; i++)
		touches += records[i]->operation == KRI_OP_TOUCH;
	return touches;
}

/* Touches go along with the others, but nobody waits for them. */
void kri_sqlite_commit_records(struct kri_link *base,
			       struct kri_record **records, size_t n,
			       kri_store_done *done, void *arg)
{
	struct kri_sqlite_link *link = (struct kri_sqlite_link *)base;
	bool wait = count_touches(records, n) < n;
	struct kri_sqlite_job *job = n ? take_idle(link) : NULL;
	enum kr_err err = KR_ERR_MEMORY;

	if (job)
		err = kri_sqlite_job_commit(job, records, n);
	for (size_t i = 0; i < n; i++)
		records[i]->err =
			records[i]->operation == KRI_OP_TOUCH ? KR_OK : err;
	if (err) {
		refuse(link, job);
		done(arg);
		return;
	}
	give(link, job, wait ? done : NULL, arg);
	if (!wait)
		done(arg);
}

void kri_sqlite_list(struct kri_link *base, struct kri_listing *listing,
		     kri_store_done *done, void *arg)
{
	struct kri_sqlite_link *link = (struct kri_sqlite_link *)base;
	struct kri_sqlite_job *job = take_idle(link);

	listing->n = 0;
	if (!job) {
		listing->err = KR_ERR_MEMORY;
		done(arg);
		return;
	}
	kri_sqlite_job_list(job, listing);
	give(link, job, done, arg);
}

static void query(struct kri_link *base, struct kri_user_query *query,
		  bool writes, kri_store_done *done, void *arg)
{
	struct kri_sqlite_link *link = (struct kri_sqlite_link *)base;
	struct kri_sqlite_job *job = take_idle(link);

	query->n = 0;
	if (job && !kri_sqlite_job_query(job, query, writes)) {
		give(link, job, done, arg);
		return;
	}
	refuse(link, job);
	query->err = KR_ERR_MEMORY;
	done(arg);
}

void kri_sqlite_user_list(struct kri_link *base, struct kri_user_query *asked,
			  kri_store_done *done, void *arg)
{
	query(base, asked, false, done, arg);
}

void kri_sqlite_user_end(struct kri_link *base, struct kri_user_query *asked,
			 kri_store_done *done, void *arg)
{
	query(base, asked, true, done, arg);
}

/* Who only looks does not wait for the writer. */
void kri_sqlite_count_up(struct kri_link *base, struct kri_counter *counter,
			 kri_store_done *done, void *arg)
{
	struct kri_sqlite_link *link = (struct kri_sqlite_link *)base;
	struct kri_sqlite_job *job = take_idle(link);

	if (job && !kri_sqlite_job_count(job, counter)) {
		give(link, job, done, arg);
		return;
	}
	refuse(link, job);
	counter->err = KR_ERR_MEMORY;
	done(arg);
}

void kri_sqlite_examine(struct kri_link *base,
			struct kri_examination *examination,
			kri_store_done *done, void *arg)
{
	struct kri_sqlite_link *link = (struct kri_sqlite_link *)base;
	struct kri_sqlite_job *job = take_idle(link);

	if (!job) {
		done(arg);
		return;
	}
	kri_sqlite_job_examine(job, examination);
	give(link, job, done, arg);
}

/* From one list to the other, in order; and all at once to the threads. */
void kri_sqlite_flush(struct kri_link *base)
{
	struct kri_sqlite_link *link = (struct kri_sqlite_link *)base;
	struct kri_sqlite_job *jobs = link->given;

	if (!jobs)
		return;
	for (struct kri_sqlite_job *job = jobs; job; job = job->later)
		job->next = job->later;
	*link->last = jobs;
	link->last = link->given_last;
	link->given = NULL;
	link->given_last = &link->given;
	kri_sqlite_queue(store_of(link), jobs);
	watch_first(link);
}

/* ---- life ------------------------------------------------------------- */

static void closed(uv_handle_t *handle)
{
	struct kri_sqlite_link *link = handle->data;

	if (--link->handles)
		return;
	while (link->idle) {
		struct kri_sqlite_job *job = link->idle;

		link->idle = job->later;
		kri_sqlite_job_free(job);
	}
	free(link);
}

/* What has been given is done all the same, so that in a process of one
 * request a touch is not lost; but nobody is told of it. */
void kri_sqlite_detach(struct kri_link **base)
{
	struct kri_sqlite_link *link = (struct kri_sqlite_link *)*base;

	if (!link)
		return;
	*base = NULL;
	kri_sqlite_flush(&link->base);
	while (link->first)
		fail_first(link, KR_ERR_UNAVAILABLE, false);
	uv_close((uv_handle_t *)&link->wake, closed);
	uv_close((uv_handle_t *)&link->expiry, closed);
}

enum kr_err kri_sqlite_attach(struct kri_store *base, struct uv_loop_s *loop,
			      struct kri_link **out)
{
	struct kri_sqlite_store *store = (struct kri_sqlite_store *)base;
	enum kr_err err = kri_sqlite_start(store);
	struct kri_sqlite_link *link;

	if (err)
		return err;
	link = calloc(1, sizeof(*link));
	if (!link)
		return KR_ERR_MEMORY;
	err = kri_err_of_uv(uv_async_init(loop, &link->wake, woken));
	if (err) {
		free(link);
		return err;
	}
	uv_timer_init(loop, &link->expiry);
	link->handles = 2;
	link->wake.data = link->expiry.data = link;
	link->base.store = base;
	link->last = &link->first;
	link->given_last = &link->given;
	uv_unref((uv_handle_t *)&link->wake);
	uv_unref((uv_handle_t *)&link->expiry);
	*out = &link->base;
	return KR_OK;
}
