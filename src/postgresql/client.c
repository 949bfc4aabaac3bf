/*
 * Owners are told in one place, kri_pg_client_drain(), with nothing half done
 * behind it: there they may submit more, and close the client.
 */
#include "postgresql/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/crypto.h"
#include "base/log.h"
#include "postgresql/dial.h"
#include "postgresql/pipeline.h"

#define BACKOFF_MIN 100  /* ms */
#define BACKOFF_MAX 2000 /* ms */

/* A try to come back that is younger takes jobs along; while an older one
 * hangs, they fail at once. */
#define FRESH 100 /* ms */

static struct kri_pg_jobs take_all(struct kri_pg_jobs *jobs)
{
	struct kri_pg_jobs taken = *jobs;

	*jobs = (struct kri_pg_jobs){0};
	return taken;
}

/* ---- the end of a job --------------------------------------------------- */

void kri_pg_client_settle(struct kri_pg_client *client, struct kri_pg_job *job,
			  enum kr_err err)
{
	if (err || job->way.ghost)
		kri_pg_clear_rows(job);
	if (job->way.ghost) {
		free(job);
		return;
	}
	job->err = err;
	kri_pg_push(&client->finished, job);
}

/* The rows live as long as the owner looks at them. */
static void give_back(struct kri_pg_job *job)
{
	struct kri_pg_job rows = *job;

	job->done(job);
	kri_pg_clear_rows(&rows);
}

void kri_pg_client_drain(struct kri_pg_client *client)
{
	struct kri_pg_job *job;

	if (client->draining)
		return;
	client->draining = true;
	while ((job = kri_pg_pop(&client->finished)))
		give_back(job);
	client->draining = false;
}

/* ---- good times and bad ------------------------------------------------- */

/* Between half of `delay` and the whole of it, so that many processes do not
 * come back to a server all at once. */
static int jitter(int delay)
{
	unsigned random = 0;

	if (kri_random(&random, sizeof(random)))
		return delay;
	return delay / 2 + (int)(random % (unsigned)(delay / 2 + 1));
}

static void rest(struct kri_pg_client *client, const char *why)
{
	int delay = client->delay ? client->delay * 2 : BACKOFF_MIN;

	kri_count(KRI_METRIC_CONNECT_FAILURES);
	client->delay = delay < BACKOFF_MAX ? delay : BACKOFF_MAX;
	client->retry_at =
		uv_now(client->loop) + (uint64_t)jitter(client->delay);
	kri_pg_server_lost(client->server, why);
}

static bool rests(const struct kri_pg_client *client)
{
	if (!client->delay || client->conn)
		return false;
	if (client->dial)
		return uv_now(client->loop) - client->dialling_since > FRESH;
	return uv_now(client->loop) < client->retry_at;
}

void kri_pg_client_praise(struct kri_pg_client *client)
{
	client->proven = true;
	if (client->delay)
		kri_pg_server_found(client->server);
	client->delay = 0;
}

/* ---- the end of a connection -------------------------------------------- */

/* What was sent may have been carried out, or not. */
static void lose(struct kri_pg_client *client, enum kr_err err)
{
	struct kri_pg_jobs sent = take_all(&client->sent);
	struct kri_pg_jobs waiting = take_all(&client->waiting);
	struct kri_pg_job *job;

	while ((job = kri_pg_pop(&sent))) {
		kri_pg_clear_rows(job);
		if (job->repeatable && job->way.tries < 2 && !job->way.ghost)
			kri_pg_push(&client->waiting, job);
		else
			kri_pg_client_settle(client, job, err);
	}
	while ((job = kri_pg_pop(&waiting)))
		kri_pg_push(&client->waiting, job);
}

static void fail_waiting(struct kri_pg_client *client, enum kr_err err)
{
	struct kri_pg_job *job;

	while ((job = kri_pg_pop(&client->waiting)))
		kri_pg_client_settle(client, job, err);
}

/* The server is to blame, and gets a pause, if that is said or if this
 * connection never brought anything good. */
void kri_pg_client_broke(struct kri_pg_client *client, enum kr_err err,
			 const char *why, bool blame)
{
	char words[240];

	snprintf(words, sizeof(words), "%s", why); /* dies with it */
	if (blame || !client->proven)
		rest(client, words);
	kri_pg_pipeline_drop(client, true);
	lose(client, err);
}

/* ---- sending ------------------------------------------------------------ */

static void begin(struct kri_pg_client *client);

void kri_pg_client_flush(struct kri_pg_client *client)
{
	struct kri_pg_job *job;

	if (client->waiting.head && !client->conn)
		begin(client);
	if (client->conn && client->waiting.head)
		kri_count(KRI_METRIC_ROUND_TRIPS);
	while (client->conn && (job = kri_pg_pop(&client->waiting)))
		kri_pg_pipeline_send(client, job);
	if (client->conn && client->sent.head)
		kri_pg_pipeline_flush(client);
}

/* ---- connecting --------------------------------------------------------- */

static void on_dialled(void *arg, PGconn *conn, enum kr_err err,
		       const char *why)
{
	struct kri_pg_client *client = arg;

	client->dial = NULL;
	client->conn = conn;
	client->proven = false;
	if (!err && !kri_pg_pipeline_watch(client)) {
		kri_pg_pipeline_drop(client, false);
		err = KR_ERR_MEMORY;
		why = "out of memory";
	}
	if (err) {
		rest(client, why);
		fail_waiting(client, err);
	} else {
		kri_log(KRI_LOG_INFO, NULL, "postgresql %s: connected",
			client->server->name.data);
		kri_count(KRI_METRIC_CONNECTS);
		kri_pg_client_flush(client);
	}
	kri_pg_client_drain(client);
}

/* Connects, unless it is too early for that; then all that waits fails. */
static void begin(struct kri_pg_client *client)
{
	if (rests(client)) {
		fail_waiting(client, KR_ERR_UNAVAILABLE);
		return;
	}
	if (client->dial)
		return;
	client->dialling_since = uv_now(client->loop);
	client->dial = kri_pg_dial_start(client->server, client->loop,
					 &client->lookups, on_dialled, client);
	if (client->dial)
		return;
	rest(client, "out of memory");
	fail_waiting(client, KR_ERR_MEMORY);
}

/* ---- deadlines ---------------------------------------------------------- */

static void on_deadline(uv_timer_t *timer);

/* The first that somebody waits for; both lists are in order of deadlines. */
static const struct kri_pg_job *first_due(const struct kri_pg_client *client)
{
	const struct kri_pg_job *sent = client->sent.head;
	const struct kri_pg_job *waiting = client->waiting.head;

	while (sent && sent->way.ghost)
		sent = sent->way.next;
	if (!sent || !waiting)
		return sent ? sent : waiting;
	return sent->way.deadline < waiting->way.deadline ? sent : waiting;
}

static void set_timer(struct kri_pg_client *client)
{
	const struct kri_pg_job *first = first_due(client);
	int64_t left;

	if (!first)
		return;
	left = first->way.deadline - kri_clock_ms();
	uv_timer_start(&client->timer, on_deadline,
		       left > 0 ? (uint64_t)left : 0, 0);
}

/* Stands in line for a job whose answers nobody waits for any more. */
static bool put_ghost(struct kri_pg_jobs *jobs, struct kri_pg_job *job)
{
	struct kri_pg_job *ghost = malloc(sizeof(*ghost));
	struct kri_pg_jobs all = take_all(jobs);
	struct kri_pg_job *each;

	if (ghost) {
		*ghost = *job;
		ghost->way.ghost = true;
		memset(job->rows, 0, sizeof(job->rows));
	}
	while ((each = kri_pg_pop(&all)))
		if (each != job)
			kri_pg_push(jobs, each);
		else if (ghost)
			kri_pg_push(jobs, ghost);
	return ghost;
}

static void expire_waiting(struct kri_pg_client *client, int64_t time)
{
	struct kri_pg_jobs waiting = take_all(&client->waiting);
	struct kri_pg_job *job;

	while ((job = kri_pg_pop(&waiting)))
		if (job->way.deadline <= time)
			kri_pg_client_settle(client, job, KR_ERR_TIMEOUT);
		else
			kri_pg_push(&client->waiting, job);
}

/* A connection on which a job has been waited for in vain as long as one may
 * is thrown away; one that got its jobs late, after it was waited for, is
 * not. The server is to blame if all that while it said nothing. */
static void expire_sent(struct kri_pg_client *client, struct kri_pg_job *job)
{
	uint64_t patience = (uint64_t)client->server->options.io_timeout;
	uint64_t sent = job->way.sent;
	bool in_line = put_ghost(&client->sent, job);

	kri_pg_client_settle(client, job, KR_ERR_TIMEOUT);
	if (uv_now(client->loop) - sent + 1 >= patience || !in_line)
		kri_pg_client_broke(client, KR_ERR_UNAVAILABLE,
				    "no answer in time", client->heard < sent);
}

static void expire(struct kri_pg_client *client)
{
	int64_t time = kri_clock_ms();
	struct kri_pg_job *job;

	for (;;) {
		job = client->sent.head;
		while (job && job->way.ghost)
			job = job->way.next;
		if (!job || job->way.deadline > time)
			break;
		expire_sent(client, job);
	}
	expire_waiting(client, time);
}

/* When the loop was held up, answers may have come that nobody has read yet:
 * they are, before the second time. */
static void on_deadline(uv_timer_t *timer)
{
	struct kri_pg_client *client = timer->data;
	const struct kri_pg_job *first = first_due(client);

	if (first && first->way.deadline <= kri_clock_ms() && !client->late) {
		client->late = true;
		uv_timer_start(timer, on_deadline, 1, 0);
		return;
	}
	client->late = false;
	expire(client);
	kri_pg_client_flush(client);
	kri_pg_client_drain(client);
	if (!client->closed)
		set_timer(client);
}

/* ---- the client's life -------------------------------------------------- */

void kri_pg_client_submit(struct kri_pg_client *client, struct kri_pg_job *job)
{
	memset(&job->way, 0, sizeof(job->way));
	memset(job->rows, 0, sizeof(job->rows));
	job->way.deadline = kri_clock_ms() + client->server->options.io_timeout;
	if (client->closed || rests(client)) {
		kri_pg_client_settle(client, job, KR_ERR_UNAVAILABLE);
		kri_pg_client_drain(client);
		return;
	}
	kri_pg_push(&client->waiting, job);
	/* It runs on when all is done, and then finds the next one. */
	if (!uv_is_active((uv_handle_t *)&client->timer))
		set_timer(client);
	if (!client->conn)
		begin(client);
	kri_pg_client_drain(client);
}

bool kri_pg_client_is_open(const struct kri_pg_client *client)
{
	return client->conn;
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct kri_pg_client *client = prepare->data;

	if (client->waiting.head && (client->conn || !client->dial)) {
		kri_pg_client_flush(client);
		kri_pg_client_drain(client);
	}
}

enum kr_err kri_pg_client_open(struct kri_pg_server *server,
			       struct uv_loop_s *loop,
			       struct kri_pg_client **client)
{
	struct kri_pg_client *made = calloc(1, sizeof(*made));

	if (!made)
		return KR_ERR_MEMORY;
	made->server = server;
	made->loop = loop;
	uv_timer_init(loop, &made->timer);
	uv_prepare_init(loop, &made->prepare);
	uv_prepare_start(&made->prepare, on_prepare);
	uv_unref((uv_handle_t *)&made->prepare);
	made->timer.data = made->prepare.data = made;
	made->handles = 2;
	*client = made;
	return KR_OK;
}

static void free_client(uv_handle_t *handle)
{
	struct kri_pg_client *client = handle->data;

	if (!--client->handles)
		free(client);
}

static void settle_all(struct kri_pg_client *client)
{
	struct kri_pg_job *job;

	while ((job = kri_pg_pop(&client->sent)))
		kri_pg_client_settle(client, job, KR_ERR_UNAVAILABLE);
	fail_waiting(client, KR_ERR_UNAVAILABLE);
}

void kri_pg_client_close(struct kri_pg_client **client)
{
	struct kri_pg_client *closed = *client;

	*client = NULL;
	if (!closed)
		return;
	closed->closed = true;
	kri_pg_dial_cancel(&closed->dial);
	kri_pg_pipeline_drop(closed, false);
	kri_lookups_close(&closed->lookups);
	settle_all(closed);
	kri_pg_client_drain(closed);
	uv_close((uv_handle_t *)&closed->timer, free_client);
	uv_close((uv_handle_t *)&closed->prepare, free_client);
}
