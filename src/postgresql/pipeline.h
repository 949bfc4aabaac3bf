/*
 * What a client is made of, for client.c, which knows when jobs are sent,
 * given up and sent again, and pipeline.c, which sends them and reads what
 * comes.
 */
#ifndef KRI_POSTGRESQL_PIPELINE_H
#define KRI_POSTGRESQL_PIPELINE_H

#include <uv.h>

#include "base/lookup.h"
#include "postgresql/client.h"
#include "postgresql/inside.h"

struct kri_pg_dial;

struct kri_pg_jobs {
	struct kri_pg_job *head, *tail;
};

static inline void kri_pg_push(struct kri_pg_jobs *jobs, struct kri_pg_job *job)
{
	job->way.next = NULL;
	if (jobs->tail)
		jobs->tail->way.next = job;
	else
		jobs->head = job;
	jobs->tail = job;
}

static inline void kri_pg_push_first(struct kri_pg_jobs *jobs,
				     struct kri_pg_job *job)
{
	job->way.next = jobs->head;
	jobs->head = job;
	if (!jobs->tail)
		jobs->tail = job;
}

static inline struct kri_pg_job *kri_pg_pop(struct kri_pg_jobs *jobs)
{
	struct kri_pg_job *job = jobs->head;

	if (job)
		jobs->head = job->way.next;
	if (!jobs->head)
		jobs->tail = NULL;
	return job;
}

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

	struct kri_pg_jobs waiting;  /* for a connection, or for the flush */
	struct kri_pg_jobs sent;     /* in the pipeline, in order */
	struct kri_pg_jobs finished; /* to be given back */

	uv_timer_t timer; /* for the first deadline */
	bool late;        /* it has passed, and what came is still unread */
	uv_prepare_t prepare;
	int handles; /* to be closed before it can be freed */
	bool draining, closed;
};

/* ---- client.c ----------------------------------------------------------- */

/* The last word on a job, for its owner to be told with the next drain. */
void kri_pg_client_settle(struct kri_pg_client *client, struct kri_pg_job *job,
			  enum kr_err err);

/* Tells owners what is settled. Every event that may have touched a job ends
 * with it. */
void kri_pg_client_drain(struct kri_pg_client *client);

/* The server does what it is for. */
void kri_pg_client_praise(struct kri_pg_client *client);

/* Throws the connection away: what is under way there is sent again or fails
 * with `err`. The server is to blame, and gets a pause, if that is said or if
 * this connection never brought anything good. */
void kri_pg_client_broke(struct kri_pg_client *client, enum kr_err err,
			 const char *why, bool blame);

/* ---- pipeline.c --------------------------------------------------------- */

/* Reads from now on what comes. false without memory. */
bool kri_pg_pipeline_watch(struct kri_pg_client *client);

/* Puts the job behind those that are sent. */
void kri_pg_pipeline_send(struct kri_pg_client *client, struct kri_pg_job *job);

/* Writes what libpq still holds. */
void kri_pg_pipeline_flush(struct kri_pg_client *client);

/* Ends the connection; its jobs stay in `sent`. One that hangs or is broken is
 * not told that we leave. */
void kri_pg_pipeline_drop(struct kri_pg_client *client, bool broken);

void kri_pg_clear_rows(struct kri_pg_job *job);

#endif
