/*
 * Owners are told in one place, drain(), with nothing half done behind it:
 * there they may submit more, and close the client.
 */
#include "postgresql/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "postgresql/dial.h"

#define BACKOFF_MIN 100  /* ms */
#define BACKOFF_MAX 2000 /* ms */

/* A try to come back that is younger takes jobs along; while an older one
 * hangs, they fail at once. */
#define FRESH 100 /* ms */

#define TRIES_MAX 6 /* of one job */

struct jobs {
	struct kri_pg_job *head, *tail;
};

struct kri_pg_client {
	struct kri_pg_server *server;
	uv_loop_t *loop;
	struct kri_lookups lookups;
	struct kri_pg_dial *dial; /* under way, or NULL */
	uint64_t dialling_since;  /* uv_now() */

	PGconn *conn;    /* open, or NULL */
	uv_poll_t *poll; /* of its socket */
	bool writing;    /* the poll waits for room, too */
	bool proven;     /* this connection has done a job */
	uint64_t heard;  /* uv_now() of the last bytes */
	bool refused;    /* a statement of the job that is put was not taken */

	int delay;         /* ms of the last pause; 0: all is well */
	uint64_t retry_at; /* uv_now() when the pause is over */

	struct jobs waiting;  /* for a connection, or for the flush */
	struct jobs sent;     /* in the pipeline, in order */
	struct jobs finished; /* to be given back */

	uv_timer_t timer; /* for the first deadline */
	bool late;        /* it has passed, and what came is still unread */
	uv_prepare_t prepare;
	int handles; /* to be closed before it can be freed */
	bool draining, closed;
};

/* ---- lists of jobs ------------------------------------------------------ */

static void push(struct jobs *jobs, struct kri_pg_job *job)
{
	job->way.next = NULL;
	if (jobs->tail)
		jobs->tail->way.next = job;
	else
		jobs->head = job;
	jobs->tail = job;
}

static struct kri_pg_job *pop(struct jobs *jobs)
{
	struct kri_pg_job *job = jobs->head;

	if (job)
		jobs->head = job->way.next;
	if (!jobs->head)
		jobs->tail = NULL;
	return job;
}

static struct jobs take_all(struct jobs *jobs)
{
	struct jobs taken = *jobs;

	*jobs = (struct jobs){0};
	return taken;
}

/* ---- the end of a job --------------------------------------------------- */

static void clear_rows(struct kri_pg_job *job)
{
	for (size_t i = 0; i < KRI_PG_JOB_STATEMENTS; i++) {
		PQclear((PGresult *)job->rows[i]);
		job->rows[i] = NULL;
	}
}

static void settle(struct kri_pg_client *client, struct kri_pg_job *job,
		   enum kr_err err)
{
	if (err || job->way.ghost)
		clear_rows(job);
	if (job->way.ghost) {
		free(job);
		return;
	}
	job->err = err;
	push(&client->finished, job);
}

/* The rows live as long as the owner looks at them. */
static void give_back(struct kri_pg_job *job)
{
	struct kri_pg_job rows = *job;

	job->done(job);
	clear_rows(&rows);
}

static void drain(struct kri_pg_client *client)
{
	struct kri_pg_job *job;

	if (client->draining)
		return;
	client->draining = true;
	while ((job = pop(&client->finished)))
		give_back(job);
	client->draining = false;
}

/* ---- good times and bad ------------------------------------------------- */

static uint64_t now(const struct kri_pg_client *client)
{
	return uv_now(client->loop);
}

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

	client->delay = delay < BACKOFF_MAX ? delay : BACKOFF_MAX;
	client->retry_at = now(client) + (uint64_t)jitter(client->delay);
	kri_pg_server_lost(client->server, why);
}

static bool rests(const struct kri_pg_client *client)
{
	if (!client->delay || client->conn)
		return false;
	if (client->dial)
		return now(client) - client->dialling_since > FRESH;
	return now(client) < client->retry_at;
}

static void praise(struct kri_pg_client *client)
{
	client->proven = true;
	if (client->delay)
		kri_pg_server_found(client->server);
	client->delay = 0;
}

static void complain(const struct kri_pg_client *client, const char *words)
{
	struct kri_pg_server *server = client->server;

	if (kri_log_is_due(&server->next_complaint))
		kri_log(KRI_LOG_ERROR, NULL, "postgresql %s: %s",
			server->name.data, words);
}

/* ---- the end of a connection -------------------------------------------- */

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

/* One that hangs or is broken is not told that we leave. */
static void drop_conn(struct kri_pg_client *client, bool broken)
{
	if (client->poll)
		uv_close((uv_handle_t *)client->poll, free_handle);
	client->poll = NULL;
	if (broken && client->conn && PQsocket(client->conn) >= 0)
		shutdown(PQsocket(client->conn), SHUT_RDWR);
	PQfinish(client->conn);
	client->conn = NULL;
}

/* What was sent may have been carried out, or not. */
static void lose(struct kri_pg_client *client, enum kr_err err)
{
	struct jobs sent = take_all(&client->sent);
	struct jobs waiting = take_all(&client->waiting);
	struct kri_pg_job *job;

	while ((job = pop(&sent))) {
		clear_rows(job);
		if (job->repeatable && job->way.tries < 2 && !job->way.ghost)
			push(&client->waiting, job);
		else
			settle(client, job, err);
	}
	while ((job = pop(&waiting)))
		push(&client->waiting, job);
}

static void fail_waiting(struct kri_pg_client *client, enum kr_err err)
{
	struct kri_pg_job *job;

	while ((job = pop(&client->waiting)))
		settle(client, job, err);
}

/* The server is to blame, and gets a pause, if that is said or if this
 * connection never brought anything good. */
static void broke(struct kri_pg_client *client, enum kr_err err,
		  const char *why, bool blame)
{
	char words[240];

	snprintf(words, sizeof(words), "%s", why); /* dies with it */
	if (blame || !client->proven)
		rest(client, words);
	drop_conn(client, true);
	lose(client, err);
}

static void broke_by_libpq(struct kri_pg_client *client)
{
	char words[240], state[6];

	kri_pg_words(PQerrorMessage(client->conn), words, sizeof(words), state);
	broke(client, KR_ERR_UNAVAILABLE, words, false);
}

/* ---- results ------------------------------------------------------------ */

/* The server has not carried it out, so it may be sent once more. */
static void again(struct kri_pg_client *client, struct kri_pg_job *job,
		  enum kr_err err)
{
	clear_rows(job);
	if (job->way.tries < 2 && !job->way.ghost)
		push(&client->waiting, job);
	else
		settle(client, job, err);
}

/* All of the job's answers are there, the last of which says that it is
 * committed. */
static void answered(struct kri_pg_client *client, struct kri_pg_job *job)
{
	const char *state = job->way.state;

	if (!job->err) {
		praise(client);
		settle(client, job, KR_OK);
	} else if (kri_pg_is_read_only(state)) {
		broke(client, KR_ERR_UNAVAILABLE,
		      "the server takes no writes any more", false);
		again(client, job, job->err);
	} else if (kri_pg_is_estranged(state)) {
		broke(client, KR_ERR_UNAVAILABLE,
		      "its tables or our statements are not there any more",
		      false);
		again(client, job, job->err);
	} else if (kri_pg_is_collision(state)) {
		again(client, job, job->err);
	} else {
		settle(client, job, job->err);
	}
}

static void take_error(struct kri_pg_client *client, struct kri_pg_job *job,
		       const PGresult *result)
{
	char words[240], state[6];

	if (job->err)
		return; /* the first says why the others were not done */
	job->err = kri_pg_check(result);
	snprintf(job->way.state, sizeof(job->way.state), "%s",
		 kri_pg_state(result));
	kri_pg_words(PQresultErrorMessage(result), words, sizeof(words), state);
	if (!kri_pg_is_collision(state) && !kri_pg_is_read_only(state))
		complain(client, words);
}

static void take(struct kri_pg_client *client, PGresult *result)
{
	struct kri_pg_job *job = client->sent.head;
	bool sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;

	if (kri_pg_check(result))
		take_error(client, job, result);
	if (sync || job->way.answered == KRI_PG_JOB_STATEMENTS)
		PQclear(result);
	else
		job->rows[job->way.answered++] = (struct kri_pg_rows *)result;
	if (sync)
		answered(client, pop(&client->sent));
}

/* Each statement's result is followed by a NULL. After one NULL there is
 * another only if there is nothing more. */
static void read_results(struct kri_pg_client *client)
{
	bool ended = false;

	while (client->conn && !PQisBusy(client->conn)) {
		PGresult *result = PQgetResult(client->conn);

		if (!result && ended)
			break;
		ended = !result;
		if (result && client->sent.head)
			take(client, result);
		else
			PQclear(result);
	}
	if (client->conn && PQstatus(client->conn) == CONNECTION_BAD)
		broke_by_libpq(client);
}

/* ---- reading and writing ------------------------------------------------ */

static void on_ready(uv_poll_t *poll, int status, int events);

static void flush_output(struct kri_pg_client *client)
{
	int left = PQflush(client->conn);

	if (left < 0) {
		broke_by_libpq(client);
	} else if (client->writing != (left > 0)) {
		client->writing = left > 0;
		uv_poll_start(client->poll,
			      UV_READABLE | (left > 0 ? UV_WRITABLE : 0),
			      on_ready);
	}
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct kri_pg_client *client = poll->data;

	(void)status;
	if (events & UV_READABLE) {
		bool good = PQconsumeInput(client->conn);

		client->heard = now(client);
		read_results(client);
		if (!good && client->conn)
			broke_by_libpq(client);
	}
	if (client->conn && client->writing)
		flush_output(client);
	kri_pg_client_flush(client);
	drain(client);
}

static void begin(struct kri_pg_client *client);

void kri_pg_send(struct kri_pg_client *client, const char *statement,
		 const struct kri_pg_params *params)
{
	const char *values[KRI_PG_PARAMS];
	int lengths[KRI_PG_PARAMS], formats[KRI_PG_PARAMS];
	struct kri_pg_job *job = client->sent.tail;

	for (size_t i = 0; i < params->n; i++) {
		values[i] = params->bytes.data + params->cuts[i];
		lengths[i] = (int)(params->cuts[i + 1] - params->cuts[i]);
		formats[i] = 1;
	}
	job->way.statements++;
	client->refused |= params->bytes.failed ||
			   !PQsendQueryPrepared(client->conn, statement,
						(int)params->n, values,
						lengths, formats, 1);
}

/* The sync ends the job's transaction, and writes. */
static void send_job(struct kri_pg_client *client, struct kri_pg_job *job)
{
	job->err = KR_OK;
	job->way.state[0] = '\0';
	job->way.statements = job->way.answered = 0;
	job->way.sent = now(client);
	job->way.tries++;
	push(&client->sent, job);
	client->refused = false;
	job->put(job, client);
	if (client->refused || !PQpipelineSync(client->conn))
		broke(client, KR_ERR_UNAVAILABLE, "cannot be written to",
		      false);
}

void kri_pg_client_flush(struct kri_pg_client *client)
{
	struct kri_pg_job *job;

	if (client->waiting.head && !client->conn)
		begin(client);
	while (client->conn && (job = pop(&client->waiting)))
		send_job(client, job);
	if (client->conn && client->sent.head)
		flush_output(client);
}

/* ---- connecting --------------------------------------------------------- */

static bool watch(struct kri_pg_client *client)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));

	if (!poll || uv_poll_init(client->loop, poll, PQsocket(client->conn))) {
		free(poll);
		return false;
	}
	poll->data = client;
	client->poll = poll;
	client->writing = false;
	uv_poll_start(poll, UV_READABLE, on_ready);
	return true;
}

static void on_dialled(void *arg, PGconn *conn, enum kr_err err,
		       const char *why)
{
	struct kri_pg_client *client = arg;

	client->dial = NULL;
	client->conn = conn;
	client->proven = false;
	if (!err && !watch(client)) {
		drop_conn(client, false);
		err = KR_ERR_MEMORY;
		why = "out of memory";
	}
	if (err) {
		rest(client, why);
		fail_waiting(client, err);
	} else {
		kri_log(KRI_LOG_INFO, NULL, "postgresql %s: connected",
			client->server->name.data);
		kri_pg_client_flush(client);
	}
	drain(client);
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
	client->dialling_since = now(client);
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
static bool put_ghost(struct jobs *jobs, struct kri_pg_job *job)
{
	struct kri_pg_job *ghost = malloc(sizeof(*ghost));
	struct jobs all = take_all(jobs);
	struct kri_pg_job *each;

	if (ghost) {
		*ghost = *job;
		ghost->way.ghost = true;
		memset(job->rows, 0, sizeof(job->rows));
	}
	while ((each = pop(&all)))
		if (each != job)
			push(jobs, each);
		else if (ghost)
			push(jobs, ghost);
	return ghost;
}

static void expire_waiting(struct kri_pg_client *client, int64_t time)
{
	struct jobs waiting = take_all(&client->waiting);
	struct kri_pg_job *job;

	while ((job = pop(&waiting)))
		if (job->way.deadline <= time)
			settle(client, job, KR_ERR_TIMEOUT);
		else
			push(&client->waiting, job);
}

/* A connection on which a job has been waited for in vain as long as one may
 * is thrown away; one that got its jobs late, after it was waited for, is
 * not. The server is to blame if all that while it said nothing. */
static void expire_sent(struct kri_pg_client *client, struct kri_pg_job *job)
{
	uint64_t patience = (uint64_t)client->server->options.io_timeout;
	uint64_t sent = job->way.sent;
	bool in_line = put_ghost(&client->sent, job);

	settle(client, job, KR_ERR_TIMEOUT);
	if (now(client) - sent + 1 >= patience || !in_line)
		broke(client, KR_ERR_UNAVAILABLE, "no answer in time",
		      client->heard < sent);
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
	drain(client);
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
		settle(client, job, KR_ERR_UNAVAILABLE);
		drain(client);
		return;
	}
	push(&client->waiting, job);
	/* It runs on when all is done, and then finds the next one. */
	if (!uv_is_active((uv_handle_t *)&client->timer))
		set_timer(client);
	if (!client->conn)
		begin(client);
	drain(client);
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
		drain(client);
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

	while ((job = pop(&client->sent)))
		settle(client, job, KR_ERR_UNAVAILABLE);
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
	drop_conn(closed, false);
	kri_lookups_close(&closed->lookups);
	settle_all(closed);
	drain(closed);
	uv_close((uv_handle_t *)&closed->timer, free_client);
	uv_close((uv_handle_t *)&closed->prepare, free_client);
}
