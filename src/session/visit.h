/*
 * The visit: a client's claim on a session during one request, from the
 * cookies it sent to the Set-Cookie it gets.
 *
 *     begin -> cookies -> (load the candidates) -> adopt
 *           -> enter -> (the handler) -> leave -> (commit) -> settle -> cookie
 *
 * A request whose commit lost a race goes back to the load and runs again.
 * Knows the session's rules, neither FastCGI nor the store's kinds: who brings
 * cookies and a loop has the same sessions without them.
 */
#ifndef KRI_SESSION_VISIT_H
#define KRI_SESSION_VISIT_H

#include "http/cookie.h"
#include "session/session.h"

#define KRI_CANDIDATES 4 /* cookies of our name that are tried */

/* A cookie that may name the session. */
struct kri_candidate {
	struct kri_token token;
	struct kri_record *record; /* to be set by who loads it */
};

/* How the client stands to the session that its cookie named. */
enum kri_standing {
	KRI_STANDING_OPEN, /* it has one, or may have a new one */
	/* It proved a secret that was replaced a moment ago: it is nobody,
	 * changes nothing, and gets no cookie, which would overwrite the new
	 * one in the browser. */
	KRI_STANDING_SUPERSEDED,
	/* Another renewed while this request ran. It stands as above, but a
	 * login of its own begins a new session. */
	KRI_STANDING_OUTRUN
};

struct kri_alone;

struct kri_visit {
	struct kri_alone *alone; /* whose it is; NULL: an exchange's */
	const struct kri_config *config;
	const struct kri_cookie *cookie;
	struct kr_session session;
	struct kri_candidate candidates[KRI_CANDIDATES];
	size_t n;      /* to be tried */
	size_t parsed; /* that may hold a secret */
	enum kri_standing standing;
	/* Whose changes, not yet stored, the handler may have seen: what it
	 * answered holds only if they are. NULL: none. */
	struct kri_record *seen;
	bool has_cookie; /* the client sent a cookie of our name */
	bool proven;     /* the only candidate has opened the session */
	bool settled;    /* the session's cookie may be sent */
};

/* A visitor without cookies. All is borrowed. */
void kri_visit_begin(struct kri_visit *visit, const struct kri_config *config,
		     const struct kri_cookie *cookie, struct kri_arena *arena);

/* Takes the cookies that look like ours from a Cookie header; others cost
 * the store nothing. */
void kri_visit_cookies(struct kri_visit *visit, struct kri_text header);

/*
 * The candidates' records have been loaded: takes the one that is proven, if
 * any; one that is too old is ended. Without any, the store's error, or
 * KR_ERR_GONE when the session that was proven before has ended since.
 */
enum kr_err kri_visit_adopt(struct kri_visit *visit) KR_MUST_CHECK;

/* Before the handler: sees what earlier requests have done to the record that
 * it shares with them. */
void kri_visit_enter(struct kri_visit *visit);

/*
 * After the handler: puts its changes into the record. *waits tells whether
 * the answer has to wait for a commit. KR_ERR_RENEWED if it may change
 * nothing, as it stands; KR_ERR_MEMORY, KR_ERR_SYSTEM.
 */
enum kr_err kri_visit_leave(struct kri_visit *visit, bool atomic,
			    bool *waits) KR_MUST_CHECK;

/*
 * Once all that share its records have left: whether what it read of them
 * holds. If not, a record was a guess that nothing which is to be committed
 * proves; nothing will be, and it has to run _again with what the store has.
 * *waits: it holds if the commit succeeds.
 */
bool kri_visit_is_sure(struct kri_visit *visit, bool *waits) KR_MUST_CHECK;

/* Whether the handler has asked for a change. */
bool kri_visit_is_changed(const struct kri_visit *visit);

/*
 * The commit is over. KR_OK: its cookie may be sent. KR_ERR_CONFLICT and
 * KR_ERR_RENEWED: call _again and run once more. Else why it failed.
 */
enum kr_err kri_visit_settle(struct kri_visit *visit) KR_MUST_CHECK;

/* Ready to be loaded and handled again, after that error of _settle. */
void kri_visit_again(struct kri_visit *visit, enum kr_err err);

/* Appends the text of the Set-Cookie header to send, or nothing. It holds
 * the secret. `secure` as the cookie is to have it. */
void kri_visit_cookie(const struct kri_visit *visit, bool secure,
		      struct kri_buffer *out);

/* Whether that holds a secret. */
bool kri_visit_sends_secret(const struct kri_visit *visit);

/* The session's public id, for log lines; NULL without one. Also that of a
 * session which the request has ended. */
const char *kri_visit_id(const struct kri_visit *visit);

/* Wipes the secrets. */
void kri_visit_end(struct kri_visit *visit);

#endif
