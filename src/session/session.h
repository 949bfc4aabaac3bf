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

/* Values of ours: the store keeps them like any other, the program neither
 * sees nor counts them, and its clear leaves them. */
#define KRI_KEY_USER KRI_TEXT("@user")   /* who has logged in */
#define KRI_KEY_LOGIN KRI_TEXT("@login") /* when, seconds since the epoch */
#define KRI_KEY_IDLE KRI_TEXT("@idle")   /* its own idle timeout, seconds */
#define KRI_KEY_LABEL KRI_TEXT("@label") /* what it is called in a list */

#define KRI_USER_MAX 256           /* bytes of a user's name */
#define KRI_LABEL_MAX 256          /* bytes of a label */
#define KRI_IDLE_MAX (365 * 86400) /* seconds */

/* What the client has to be told. */
enum kri_cookie_action {
	KRI_COOKIE_KEEP,
	KRI_COOKIE_SET,   /* the token is new */
	KRI_COOKIE_AGAIN, /* the token is the client's own, but the cookie is
			   * to be kept for another time */
	KRI_COOKIE_EXPIRE /* the session has ended */
};

struct kr_session {
	const struct kri_config *config; /* section [session] */
	struct kri_arena *arena;         /* of the exchange */
	struct kri_record *record;       /* as loaded; NULL: no session */
	struct kri_record *ended;        /* was that one until a destroy; a new
					  * session may have begun since */
	struct kri_value *changes;       /* in the arena, each key once */
	size_t n, cap;
	bool cleared;           /* the record's values count no more */
	bool destroyed;         /* the client's session is to end */
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
 * and the ms that it is to live on from now: by the record's own idle timeout
 * if it has one. */
bool kri_session_is_due(const struct kri_config *config,
			const struct kri_record *record);
int64_t kri_session_ttl(const struct kri_config *config,
			const struct kri_record *record);

/* When the record ends unless it is touched before, in seconds since the
 * epoch, as far as its last touch tells. */
int64_t kri_session_ends(const struct kri_config *config,
			 const struct kri_record *record);

/* Seconds that a cookie of the record is to be kept: `otherwise`, unless the
 * record has an idle timeout of its own. (session/times.c, like those above) */
int64_t kri_session_max_age(const struct kri_config *config,
			    const struct kri_record *record, int64_t otherwise);

/* The value, or KR_ERR_NOT_FOUND. Keys as in krsession.h. */
enum kr_err kri_session_get(const struct kr_session *session,
			    struct kri_text key,
			    struct kri_text *value) KR_MUST_CHECK;

/* KR_ERR_RESERVED, KR_ERR_LIMIT, KR_ERR_MEMORY, KR_ERR_SYSTEM; changes nothing
 * then. After _destroy it begins a new session. */
enum kr_err kri_session_set(struct kr_session *session, struct kri_text key,
			    struct kri_text value) KR_MUST_CHECK;

enum kr_err kri_session_remove(struct kr_session *session,
			       struct kri_text key) KR_MUST_CHECK;
void kri_session_clear(struct kr_session *session);

/* Calls `each` for every value of the program's, until it returns an error,
 * which is returned. The session must not be changed meanwhile. */
typedef enum kr_err kri_session_each_fn(void *arg,
					const struct kri_value *value);
enum kr_err kri_session_each(const struct kr_session *session,
			     kri_session_each_fn *each,
			     void *arg) KR_MUST_CHECK;

/* A new secret; without a session it will have one anyway. KR_ERR_SYSTEM. */
enum kr_err kri_session_renew(struct kr_session *session) KR_MUST_CHECK;
void kri_session_destroy(struct kr_session *session);

/* A value of ours, or KR_ERR_NOT_FOUND; and the same as _set, without limits.
 */
enum kr_err kri_session_get_own(const struct kr_session *session,
				struct kri_text key,
				struct kri_text *value) KR_MUST_CHECK;
enum kr_err kri_session_set_own(struct kr_session *session, struct kri_text key,
				struct kri_text value) KR_MUST_CHECK;

/* Whether the program has set or removed the value of that key. */
bool kri_session_has_changed(const struct kr_session *session,
			     struct kri_text key);

/* The session's own idle timeout from now on, 1 to KRI_IDLE_MAX seconds; 0:
 * none. Errors of _set_own. */
enum kr_err kri_session_set_idle(struct kr_session *session,
				 int64_t seconds) KR_MUST_CHECK;

/* Whether a user may be called so. */
bool kri_session_is_name(struct kri_text user);

/*
 * Who has logged in, or NULL, and when, in seconds since the epoch, or -1. A
 * login renews. KR_ERR_INPUT for a name that is none; errors of _set_own and
 * _renew. (session/login.c)
 */
enum kr_err kri_session_login(struct kr_session *session,
			      struct kri_text user) KR_MUST_CHECK;
const char *kri_session_user(const struct kr_session *session);
int64_t kri_session_login_at(const struct kr_session *session);

/* What the session is called in a list of its user's. KR_ERR_INPUT for what
 * cannot be shown there; errors of _set_own. */
enum kr_err kri_session_set_label(struct kr_session *session,
				  struct kri_text label) KR_MUST_CHECK;

/* The same three of a record, as a store has it: `text` and `label` are empty
 * and the time is 0 where there is none. */
struct kri_text kri_session_user_of(const struct kri_record *record);
struct kri_text kri_session_label_of(const struct kri_record *record);
int64_t kri_session_login_of(const struct kri_record *record);

/* The id, or NULL without a session. */
const char *kri_session_id(const struct kr_session *session);

/* Whether _apply would have something to commit. */
bool kri_session_is_changed(const struct kr_session *session);

/*
 * Puts the changes into the record, and says there what is to be committed:
 * into the one that was adopted, or into a new one from the exchange's arena;
 * and into the one that was destroyed, that it ends. Those may be two, then.
 * With `exact` the commit must find the record as it was loaded.
 * KR_ERR_MEMORY, KR_ERR_SYSTEM.
 */
enum kr_err kri_session_apply(struct kr_session *session,
			      bool exact) KR_MUST_CHECK;

/* The record is to be ended. */
void kri_session_end_record(struct kri_record *record);

/* What to tell the client, once the commit has succeeded. */
enum kri_cookie_action kri_session_cookie(const struct kr_session *session);

#endif
