/*
 * The exchange: one request with its visit and its response, on its way
 * through the stages. Handlers know it as struct kr_context.
 */
#ifndef KRI_FCGI_EXCHANGE_H
#define KRI_FCGI_EXCHANGE_H

#include "base/arena.h"
#include "base/log.h"
#include "config/config.h"
#include "fcgi/body.h"
#include "http/cookie.h"
#include "http/json.h"
#include "http/redirect.h"
#include "http/request.h"
#include "http/response.h"
#include "http/router.h"
#include "session/visit.h"

struct kri_monitor; /* monitor.h */

/* What all exchanges share. */
struct kri_site {
	const struct kri_config *config;
	const struct kri_router *router;
	const struct kri_route *authorizer; /* NULL: that role is not served */
	kr_error_handler *on_error;         /* NULL: errors are JSON */
	void *on_error_user;
	struct kri_cookie cookie;
	const struct kri_origins *origins; /* that clients may be sent to */
	struct kri_body_room *bodies;      /* NULL: without a limit */
	struct kr_store *store; /* for handlers that may block; NULL: none */
	struct kri_monitor *monitor; /* NULL: no pages of our own */
};

/* What an exchange needs next. */
enum kri_phase {
	KRI_TO_LOAD,    /* its candidates' records */
	KRI_TO_HANDLE,  /* its route's function */
	KRI_TO_COMMIT,  /* the fate of the record that its answer stands on */
	KRI_TO_RESPOND, /* its response is complete */
	KRI_TO_REPEAT /* it lost a race: again from the load, a little later */
};

struct kr_context {
	const struct kri_site *site;
	enum kri_phase phase;
	struct kri_arena arena;
	struct kri_request request;
	const char *rest; /* of the path, behind the route's stem */
	struct kri_body body;
	const struct kr_json *json; /* the body, once it has been read so */
	struct kri_response response;
	struct kri_visit visit;
	const struct kri_route *route; /* NULL: none found */
	int64_t begun;                 /* kri_clock_us() */
	int64_t accept_us, load_us, handle_us, commit_us;
	unsigned went;     /* bits of the enum kri_stage that it has been in */
	enum kr_err probe; /* of the store, for the monitor's pages */
	unsigned tries;    /* runs that lost a race */
	bool failing;      /* its error is being answered: it has no session */

	/* The stages' own. */
	struct kr_context *next; /* in the one list that it is in */
	struct kri_line *line;   /* of its session, while it is its turn */
	int64_t due; /* kri_clock_ms() at which it is to run again */

	struct kri_gateway *gateway; /* NULL in plain CGI */
	struct kri_peer *peer;       /* likewise */
};

/* Once; then any number of exchanges, one after the other. */
void kri_exchange_open(struct kr_context *c, const struct kri_site *site);
void kri_exchange_close(struct kr_context *c);

/* Begins with the request's parameters (borrowed until the end); c->body has
 * been read. Leaves the phase that comes next. */
void kri_exchange_begin(struct kr_context *c, char **params);

/* The candidates' records have been loaded: takes the one that is proven. */
void kri_exchange_adopt(struct kr_context *c);

/* Runs the handler; _leave then puts its changes into the record. Apart, as a
 * KR_BLOCKING handler runs on a thread that must not touch the record. */
enum kr_err kri_exchange_run(struct kr_context *c) KR_MUST_CHECK;
void kri_exchange_leave(struct kr_context *c, enum kr_err err);

/* What its answer may stand on: after a lost race only what the store has. */
enum kri_trust kri_exchange_trust(const struct kr_context *c);

/* All of its batch have left: waits for the commit that proves what it was
 * told, or is to repeat, if there is none. */
void kri_exchange_check(struct kr_context *c);

/* Whether it has been under way for as long as the store may take. */
bool kri_exchange_is_late(const struct kr_context *c);

/* The commit is over: answers, or is to repeat, as the records' errors say. */
void kri_exchange_settle(struct kr_context *c);

/* Answers with an error in place of what the handler had filled in: with a
 * status and a text, or with what `err` means. */
void kri_exchange_answer(struct kr_context *c, enum kr_err err, int status,
			 const char *text);
void kri_exchange_fail(struct kr_context *c, enum kr_err err);

/* Whether its cookies are sent with Secure. */
bool kri_exchange_is_secure(const struct kr_context *c);

/* Completes the response's headers and appends the whole answer. */
void kri_exchange_render(struct kr_context *c, struct kri_buffer *out);

/* What that has made; without memory for it, an answer that says so and takes
 * none. */
struct kri_text kri_exchange_rendered(const struct kri_buffer *out);

/* At debug, one line about the exchange; while its parameters are there. */
void kri_exchange_log(const struct kr_context *c);

/* Counts it, once it has been answered with that status. */
void kri_exchange_count(const struct kr_context *c, int status);

/* Wipes the exchange's secrets and forgets it. */
void kri_exchange_end(struct kr_context *c);

/* For log lines; valid as long as the exchange. */
struct kri_log_ids kri_exchange_ids(const struct kr_context *c);

#endif
