/*
 * The exchange: one request with its session and its response, on its way
 * through the stages. Handlers know it as struct kr_context.
 */
#ifndef KRI_FCGI_EXCHANGE_H
#define KRI_FCGI_EXCHANGE_H

#include "base/arena.h"
#include "base/log.h"
#include "config/config.h"
#include "fcgi/gateway.h"
#include "fcgi/turns.h"
#include "http/cookie.h"
#include "http/request.h"
#include "http/response.h"
#include "http/router.h"
#include "session/session.h"

#define KRI_CANDIDATES 4 /* cookies of our name that are tried */
#define KRI_TRIES 8      /* times that a KR_ATOMIC handler runs again */

/* What all exchanges share. */
struct kri_site {
	const struct kri_config *config;
	const struct kri_router *router;
	struct kri_cookie cookie;
	struct kri_turns *turns; /* NULL: one exchange at a time */
};

/* Where an exchange stands. */
enum kri_phase {
	KRI_TO_RECEIVE, /* on the way in, more slowly than the others */
	KRI_TO_BLOCK,   /* for a KR_BLOCKING handler */
	KRI_TO_QUEUE,   /* for the turn of its session; see turns.h */
	KRI_TO_LOAD,
	KRI_TO_HANDLE,
	KRI_TO_COMMIT,
	KRI_TO_RESPOND,
	KRI_DONE
};

/* A cookie that may name the session. */
struct kri_candidate {
	struct kri_token token;
	struct kri_record *record;
	bool proven; /* by an earlier run of this exchange */
};

struct kr_context {
	const struct kri_site *site;
	enum kri_phase phase;
	struct kri_arena arena;
	struct kri_request request;
	struct kri_buffer body;
	struct kri_response response;
	struct kri_session session;
	/* Whose changes, not yet stored, the handler may have seen: what it
	 * answered holds only if they are. NULL: none. */
	struct kri_record *seen;
	const struct kri_route *route; /* NULL: none found */
	struct kri_candidate candidates[KRI_CANDIDATES];
	size_t candidates_n;
	bool has_cookie; /* the client sent a cookie of our name */
	bool settled;    /* the session's cookie may be sent */
	unsigned tries;
	int64_t load_us, handle_us, commit_us;

	struct kri_gateway *gateway; /* NULL in plain CGI */
	struct kri_peer *peer;       /* likewise */
};

/* Once; then any number of exchanges, one after the other. */
enum kr_err kri_exchange_open(struct kr_context *c,
			      const struct kri_site *site) KR_MUST_CHECK;
void kri_exchange_close(struct kr_context *c);

/*
 * Begins with the request's parameters (borrowed until the end) and its
 * body; `body_err` says whether that could be read (kri_gateway_body).
 * Leaves the phase that comes next.
 */
void kri_exchange_begin(struct kr_context *c, char **params,
			enum kr_err body_err);

/* The phase after _begin once a blocking handler's turn has come. */
void kri_exchange_unblock(struct kr_context *c);

/* The candidates' records have been loaded: takes the one that is proven. */
void kri_exchange_adopt(struct kr_context *c);

/* Runs the handler and puts its changes into the record. */
void kri_exchange_handle(struct kr_context *c);

/* The commit is over: answers, or runs again, as the records' errors say. */
void kri_exchange_settle(struct kr_context *c);

/* Answers with an error in place of what the handler had filled in: with a
 * status and a text, or with what `err` means. */
void kri_exchange_answer(struct kr_context *c, int status, const char *text);
void kri_exchange_fail(struct kr_context *c, enum kr_err err);

/* Completes the response's headers and appends the whole answer. */
void kri_exchange_render(struct kr_context *c, struct kri_buffer *out);

/* At debug, one line about the exchange; while its parameters are there. */
void kri_exchange_log(const struct kr_context *c);

/* Wipes the exchange's secrets and forgets it. */
void kri_exchange_end(struct kr_context *c);

/* For log lines; valid as long as the exchange. */
struct kri_log_ids kri_exchange_ids(const struct kr_context *c);

#endif
