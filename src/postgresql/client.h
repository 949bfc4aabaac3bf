/*
 * The client: one loop's connection to the database, with a pipeline of jobs
 * on it. A job is what is carried out wholly or not at all: one to a few
 * statements that are sent in one piece and answered in one. Jobs are given
 * at any time of a turn and go out with the flush; nothing blocks.
 *
 * A client belongs to one thread. The server it was opened on is shared.
 */
#ifndef KRI_POSTGRESQL_CLIENT_H
#define KRI_POSTGRESQL_CLIENT_H

#include "postgresql/rows.h"
#include "postgresql/server.h"

struct uv_loop_s;
struct kri_pg_client;

#define KRI_PG_JOB_STATEMENTS 5

struct kri_pg_job {
	/* Calls kri_pg_send() for each statement, at most so many; once for
	 * each time that the job is sent. */
	void (*put)(struct kri_pg_job *job, struct kri_pg_client *client);
	void (*done)(struct kri_pg_job *job);
	/* Sending it twice does what sending it once does: on a connection
	 * that turns out dead it is sent once more. Others are sent again
	 * only if the server has not carried them out for sure. */
	bool repeatable;
	/* Is sent again until its time is over where others lock its rows for
	 * long, or lock one another: what must come about in the end. */
	bool patient;

	/* When it is done; the client's until then, and again after. */
	enum kr_err err;
	/* The server has refused it and left nothing of it, with time left to
	 * try something else. */
	bool undone;
	struct kri_pg_rows *rows[KRI_PG_JOB_STATEMENTS];

	/* The client's own, while it is under way: */
	struct {
		struct kri_pg_job *next;
		int64_t deadline; /* kri_clock_ms() */
		uint64_t sent;    /* uv_now() */
		size_t answered;  /* statements */
		unsigned tries;
		bool ghost;    /* nobody waits for it any more */
		char state[6]; /* SQLSTATE of its first error */
	} way;
};

/* Does not connect before the first job. KR_ERR_MEMORY. */
enum kr_err kri_pg_client_open(struct kri_pg_server *server,
			       struct uv_loop_s *loop,
			       struct kri_pg_client **client) KR_MUST_CHECK;

/* Ends what is under way with KR_ERR_UNAVAILABLE. The memory is given back
 * when the loop has run what is left of it. */
void kri_pg_client_close(struct kri_pg_client **client);

/*
 * Sends the job on its way, within io_timeout. It is borrowed until `done`,
 * which may be called before this returns (during a back-off all fails at
 * once). err: KR_ERR_UNAVAILABLE, KR_ERR_TIMEOUT, KR_ERR_DENIED,
 * KR_ERR_FULL, KR_ERR_PROTOCOL, KR_ERR_MEMORY.
 */
void kri_pg_client_submit(struct kri_pg_client *client, struct kri_pg_job *job);

/* Writes what has gathered. What is not flushed by the end of a turn is
 * written before the loop waits. */
void kri_pg_client_flush(struct kri_pg_client *client);

/* Whether there is a connection. */
bool kri_pg_client_is_open(const struct kri_pg_client *client);

/* From a job's put: executes a prepared statement. */
void kri_pg_send(struct kri_pg_client *client, const char *statement,
		 const struct kri_pg_params *params);

/* From a job's put: executes one that is not worth being prepared. */
void kri_pg_send_text(struct kri_pg_client *client, const char *sql);

/* Which of the server's processes has the connection, as was said when it was
 * made: a pooler says a number of its own. 0: there is no connection. */
int kri_pg_client_process(const struct kri_pg_client *client);

#endif
