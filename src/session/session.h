/*
 * The session as one request sees it: what was loaded, and over it what the
 * request has changed so far. Nothing reaches the record before _apply, so a
 * handler that fails has changed nothing. Knows no store and no HTTP.
 */
#ifndef KRI_SESSION_SESSION_H
#define KRI_SESSION_SESSION_H

#include "config/config.h"
#include "session/token.h"
#include "store/store.h"

/* What the client has to be told. */
enum kri_cookie_action {
	KRI_COOKIE_KEEP,
	KRI_COOKIE_SET,   /* the token is new */
	KRI_COOKIE_EXPIRE /* the session has ended */
};

struct kr_session {
	const struct kri_config *config; /* section [session] */
	struct kri_arena *arena;         /* of the exchange */
	struct kri_record *record;       /* as loaded; NULL: no session */
	struct kri_value *changes;       /* in the arena, each key once */
	size_t n, cap;
	bool cleared;           /* the record's values count no more */
	bool destroyed;         /* the session is to end */
	bool renewing;          /* a new secret was asked for */
	enum kr_err refusal;    /* of each change; KR_OK: it is made */
	struct kri_token token; /* of a session made or renewed here */
};

/* A request without a session, so far. Both arguments are borrowed. */
void kri_session_begin(struct kr_session *session,
		       const struct kri_config *config,
		       struct kri_arena *arena);

/* Gives it the record that was loaded and proven. */
void kri_session_adopt(struct kr_session *session, struct kri_record *record);

/* How long ago the record was born, in ms. */
int64_t kri_session_age(const struct kri_record *record);

/* Whether the record is older than the absolute timeout allows. */
bool kri_session_is_expired(const struct kri_config *config,
			    const struct kri_record *record);

/* Whether the record's last touch is so long ago that it is to be prolonged,
 * and the ms that it is to live on from now. */
bool kri_session_is_due(const struct kri_config *config,
			const struct kri_record *record);
int64_t kri_session_ttl(const struct kri_config *config,
			const struct kri_record *record);

/* The value, or KR_ERR_NOT_FOUND. Keys as in krsession.h. */
enum kr_err kri_session_get(const struct kr_session *session,
			    struct kri_text key,
			    struct kri_text *value) KR_MUST_CHECK;

/* KR_ERR_RESERVED, KR_ERR_LIMIT, KR_ERR_MEMORY, or KR_ERR_GONE after
 * _destroy; changes nothing then. */
enum kr_err kri_session_set(struct kr_session *session, struct kri_text key,
			    struct kri_text value) KR_MUST_CHECK;

enum kr_err kri_session_remove(struct kr_session *session,
			       struct kri_text key) KR_MUST_CHECK;
void kri_session_clear(struct kr_session *session);

/* A new secret; without a session it will have one anyway. KR_ERR_SYSTEM,
 * KR_ERR_GONE. */
enum kr_err kri_session_renew(struct kr_session *session) KR_MUST_CHECK;
void kri_session_destroy(struct kr_session *session);

/* The id, or NULL without a session. */
const char *kri_session_id(const struct kr_session *session);

/* Whether _apply would have something to commit. */
bool kri_session_is_changed(const struct kr_session *session);

/*
 * Puts the changes into the record, and says there what is to be committed:
 * into the one that was adopted, or into a new one from the exchange's arena.
 * With `exact` the commit must find the record as it was loaded.
 * KR_ERR_MEMORY, KR_ERR_SYSTEM.
 */
enum kr_err kri_session_apply(struct kr_session *session,
			      bool exact) KR_MUST_CHECK;

/* What to tell the client, once the commit has succeeded. */
enum kri_cookie_action kri_session_cookie(const struct kr_session *session);

#endif
