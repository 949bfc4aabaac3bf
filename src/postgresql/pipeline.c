/*
 * Jobs to libpq and its results back to them, in order: the first job that
 * was sent owns each result until its sync. A job whose error says that the
 * server has not carried it out goes back to the head of those that wait,
 * once.
 */
#include "postgresql/pipeline.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/counters.h"
#include "base/log.h"

void kri_pg_clear_rows(struct kri_pg_job *job)
{
	for (size_t i = 0; i < KRI_PG_JOB_STATEMENTS; i++) {
		PQclear((PGresult *)job->rows[i]);
		job->rows[i] = NULL;
	}
}

static void complain(const struct kri_pg_client *client, const char *words)
{
	struct kri_pg_server *server = client->server;

	if (kri_log_is_due(&server->next_complaint))
		kri_log(KRI_LOG_ERROR, NULL, "postgresql %s: %s",
			server->name.data, words);
}

static void broke_by_libpq(struct kri_pg_client *client)
{
	char words[240], state[6];

	kri_pg_words(PQerrorMessage(client->conn), words, sizeof(words), state);
	kri_pg_client_broke(client, KR_ERR_UNAVAILABLE, words, false);
}

/* ---- its end ------------------------------------------------------------ */

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

/* One that hangs or is broken is not told that we leave. */
void kri_pg_pipeline_drop(struct kri_pg_client *client, bool broken)
{
	if (client->poll)
		uv_close((uv_handle_t *)client->poll, free_handle);
	client->poll = NULL;
	if (broken && client->conn && PQsocket(client->conn) >= 0)
		shutdown(PQsocket(client->conn), SHUT_RDWR);
	PQfinish(client->conn);
	client->conn = NULL;
}

/* ---- results ------------------------------------------------------------ */

/* The server has not carried it out, so it may be sent once more. */
static void again(struct kri_pg_client *client, struct kri_pg_job *job,
		  enum kr_err err)
{
	kri_pg_clear_rows(job);
	if (job->way.tries < 2 && !job->way.ghost)
		kri_pg_push_first(&client->waiting, job);
	else
		kri_pg_client_settle(client, job, err);
}

/* Rows that others had locked may be free by now. */
static void again_soon(struct kri_pg_client *client, struct kri_pg_job *job)
{
	if (job->patient && job->way.tries)
		job->way.tries--;
	again(client, job, job->err);
}

static bool is_held_up(const struct kri_pg_job *job, const char *state)
{
	return kri_pg_is_collision(state) ||
	       (job->patient && !strcmp(state, KRI_PG_LOCKED));
}

/* All of the job's answers are there, the last of which says that it is
 * committed. */
static void answered(struct kri_pg_client *client, struct kri_pg_job *job)
{
	const char *state = job->way.state;

	job->undone = job->err && strcmp(state, KRI_PG_CANCELLED) != 0;
	if (!job->err) {
		kri_pg_client_praise(client);
		kri_pg_client_settle(client, job, KR_OK);
	} else if (kri_pg_is_read_only(state)) {
		kri_pg_client_broke(client, KR_ERR_UNAVAILABLE,
				    "the server takes no writes any more",
				    false);
		again(client, job, job->err);
	} else if (kri_pg_is_estranged(state)) {
		kri_pg_client_broke(
			client, KR_ERR_UNAVAILABLE,
			"its tables or our statements are not there any more",
			false);
		again(client, job, job->err);
	} else if (is_held_up(job, state)) {
		again_soon(client, job);
	} else {
		kri_pg_client_settle(client, job, job->err);
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
		answered(client, kri_pg_pop(&client->sent));
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

void kri_pg_pipeline_flush(struct kri_pg_client *client)
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

/* What TLS has read and decrypted and libpq had no room for, no poll will tell
 * of again. */
static bool is_left(PGconn *conn)
{
	return PQsslInUse(conn) && SSL_pending(PQgetssl(conn)) > 0;
}

static void read_all(struct kri_pg_client *client)
{
	bool good;

	client->heard = uv_now(client->loop);
	do {
		good = PQconsumeInput(client->conn);
		read_results(client);
	} while (good && client->conn && is_left(client->conn));
	if (!good && client->conn)
		broke_by_libpq(client);
}

/* A server that has died with something of ours unread is an error of the
 * socket, after which libuv polls it no more. */
static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct kri_pg_client *client = poll->data;

	if (status < 0 || events & UV_READABLE)
		read_all(client);
	if (status < 0 && client->conn)
		broke_by_libpq(client);
	if (client->conn && client->writing)
		kri_pg_pipeline_flush(client);
	kri_pg_client_flush(client);
	kri_pg_client_drain(client);
}

void kri_pg_send(struct kri_pg_client *client, const char *statement,
		 const struct kri_pg_params *params)
{
	const char *values[KRI_PG_PARAMS];
	int lengths[KRI_PG_PARAMS], formats[KRI_PG_PARAMS];

	client->refused |= params->bytes.failed;
	if (client->refused)
		return;
	for (size_t i = 0; i < params->n; i++) {
		values[i] = params->bytes.data + params->cuts[i];
		lengths[i] = (int)(params->cuts[i + 1] - params->cuts[i]);
		formats[i] = 1;
	}
	kri_count(KRI_METRIC_COMMANDS);
	client->refused =
		!PQsendQueryPrepared(client->conn, statement, (int)params->n,
				     values, lengths, formats, 1);
}

void kri_pg_send_text(struct kri_pg_client *client, const char *sql)
{
	if (!client->refused)
		client->refused = !PQsendQueryParams(client->conn, sql, 0, NULL,
						     NULL, NULL, NULL, 1);
}

int kri_pg_client_process(const struct kri_pg_client *client)
{
	return client->conn ? PQbackendPID(client->conn) : 0;
}

/* The sync ends the job's transaction, and writes. */
void kri_pg_pipeline_send(struct kri_pg_client *client, struct kri_pg_job *job)
{
	job->err = KR_OK;
	job->undone = false;
	job->way.state[0] = '\0';
	job->way.answered = 0;
	job->way.sent = uv_now(client->loop);
	job->way.tries++;
	kri_pg_push(&client->sent, job);
	client->refused = false;
	job->put(job, client);
	if (client->refused || !PQpipelineSync(client->conn))
		kri_pg_client_broke(client, KR_ERR_UNAVAILABLE,
				    "cannot be written to", false);
}

bool kri_pg_pipeline_watch(struct kri_pg_client *client)
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
