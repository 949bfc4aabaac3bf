/*
 * A claim is proven each time its record is loaded, so that a request which
 * runs again finds out when its secret has been replaced meanwhile.
 */
#include "session/visit.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/crypto.h"

#define SUPERSEDED_FOR 60000 /* ms that a replaced secret is known as such */

void kri_visit_begin(struct kri_visit *visit, const struct kri_config *config,
		     const struct kri_cookie *cookie, struct kri_arena *arena)
{
	visit->alone = NULL;
	visit->config = config;
	visit->cookie = cookie;
	visit->n = visit->parsed = 0;
	visit->standing = KRI_STANDING_OPEN;
	visit->seen = NULL;
	visit->has_cookie = visit->proven = visit->settled = false;
	kri_session_begin(&visit->session, config, arena);
}

void kri_visit_cookies(struct kri_visit *visit, struct kri_text header)
{
	struct kri_text values[KRI_CANDIDATES];
	size_t n = kri_cookie_find(header, visit->cookie->name, values, 0,
				   KRI_CANDIDATES);

	visit->has_cookie |= n > 0;
	for (size_t i = 0; i < n && visit->n < KRI_CANDIDATES; i++) {
		struct kri_candidate *candidate = &visit->candidates[visit->n];

		visit->parsed = visit->n + 1; /* half of one is secret too */
		if (!kri_token_parse(values[i], &candidate->token)) {
			candidate->record = NULL;
			visit->n++;
		}
	}
}

/* ---- proof ------------------------------------------------------------ */

enum proof { NOTHING, SESSION, SUPERSEDED };

static bool was_replaced_just_now(const struct kri_record *record)
{
	int64_t gone;

	return record->was_at &&
	       !__builtin_sub_overflow(kri_clock_epoch_ms(), record->was_at,
				       &gone) &&
	       gone < SUPERSEDED_FOR && gone > -SUPERSEDED_FOR;
}

/* For good; by a clock that is before ours it may be known for longer. */
static bool was_replaced_long_ago(const struct kri_record *record)
{
	return record->was_at && record->was_at < kri_clock_epoch_ms() &&
	       !was_replaced_just_now(record);
}

/* Where it cannot be found out, nothing is proven, and the client must not be
 * told that it has no session. */
static enum kr_err prove(const struct kri_candidate *candidate,
			 enum proof *proof)
{
	const struct kri_record *record = candidate->record;
	unsigned char own[KRI_DIGEST_SIZE];
	enum kr_err err = record->err;

	*proof = NOTHING;
	if (!err)
		err = kri_token_digest(&candidate->token, own);
	if (err)
		return err;
	/* Another of the batch renewed after this one was loaded: what stood
	 * there then is `was` by now. */
	if (kri_equal_secret(own, record->auth, sizeof(own)))
		*proof = SESSION;
	else if (kri_equal_secret(own, record->was, sizeof(own)) &&
		 was_replaced_just_now(record))
		*proof = SUPERSEDED;
	return KR_OK;
}

/* Too old: nobody sees it any more, and the store is told. */
static bool has_expired(const struct kri_visit *visit,
			struct kri_record *record)
{
	if (!kri_session_is_expired(visit->config, record))
		return false;
	kri_session_end_record(record);
	kri_count(KRI_METRIC_EXPIRED);
	return true;
}

static void put_first(struct kri_visit *visit, struct kri_candidate *candidate)
{
	struct kri_candidate first = visit->candidates[0];

	if (candidate == &visit->candidates[0])
		return;
	visit->candidates[0] = *candidate;
	*candidate = first;
	kri_wipe(&first, sizeof(first));
}

/* One who only knows the id prolongs nothing: the touch follows the proof. */
static void adopt(struct kri_visit *visit, struct kri_candidate *candidate)
{
	struct kri_record *record = candidate->record;

	record->outlived = was_replaced_long_ago(record);
	if (record->operation == KRI_OP_NONE &&
	    kri_session_is_due(visit->config, record)) {
		record->operation = KRI_OP_TOUCH;
		record->ttl = kri_session_ttl(visit->config, record);
		record->user = kri_session_user_of(record);
	}
	kri_session_adopt(&visit->session, record);
	put_first(visit, candidate);
	if (record->unproven)
		return;
	visit->n = 1; /* the others have no say when it runs again */
	visit->proven = true;
}

/* Why the candidate is of no use; KR_OK: it names nothing. */
static enum kr_err error_of(const struct kri_visit *visit, enum kr_err err)
{
	if (err != KR_ERR_NOT_FOUND)
		return err;
	return visit->proven ? KR_ERR_GONE : KR_OK;
}

enum kr_err kri_visit_adopt(struct kri_visit *visit)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < visit->n; i++) {
		struct kri_candidate *candidate = &visit->candidates[i];
		enum proof proof;
		enum kr_err failed = prove(candidate, &proof);

		if (proof == SESSION &&
		    !has_expired(visit, candidate->record)) {
			adopt(visit, candidate);
			visit->standing = KRI_STANDING_OPEN;
			return KR_OK;
		}
		if (proof == SUPERSEDED)
			visit->standing = KRI_STANDING_SUPERSEDED;
		if (!err)
			err = error_of(visit, failed);
	}
	return err;
}

/* ---- before and after the handler ------------------------------------- */

/* The record's secret was replaced, in this batch, by another's token. */
static bool is_outrun(const struct kri_visit *visit)
{
	const struct kri_record *record = visit->session.record;

	return record && record->renewed;
}

static void lose_session(struct kri_visit *visit)
{
	kri_session_begin(&visit->session, visit->config, visit->session.arena);
	visit->standing = KRI_STANDING_OUTRUN;
}

void kri_visit_enter(struct kri_visit *visit)
{
	struct kri_record *record = visit->session.record;

	visit->seen = NULL;
	visit->settled = false;
	if (!record || record->operation == KRI_OP_NONE ||
	    record->operation == KRI_OP_TOUCH)
		return;
	visit->seen = record;
	if (record->operation == KRI_OP_DESTROY)
		kri_session_adopt(&visit->session, NULL);
	else if (is_outrun(visit))
		lose_session(visit);
}

/* To end or to clear what was lost to a renewal is a change too: who was told
 * that it is done would be wrong. */
bool kri_visit_is_changed(const struct kri_visit *visit)
{
	const struct kr_session *session = &visit->session;

	return kri_session_is_changed(session) ||
	       (visit->standing != KRI_STANDING_OPEN &&
		(session->destroyed || session->cleared));
}

/* Who has lost its session to a renewal changes nothing; but a login begins
 * anew where it was only outrun. */
static bool may_change(const struct kri_visit *visit)
{
	if (visit->standing == KRI_STANDING_OUTRUN)
		return visit->session.renewing &&
		       kri_session_is_changed(&visit->session);
	return visit->standing == KRI_STANDING_OPEN;
}

enum kr_err kri_visit_leave(struct kri_visit *visit, bool atomic, bool *waits)
{
	*waits = true;
	if (!kri_visit_is_changed(visit)) {
		*waits = visit->seen != NULL;
		visit->settled = visit->standing == KRI_STANDING_OPEN;
		return KR_OK;
	}
	if (!may_change(visit))
		return KR_ERR_RENEWED;
	return kri_session_apply(&visit->session, atomic);
}

/* A commit that demands the version which was loaded proves it with all that
 * was read of it. */
static bool is_proof(const struct kri_record *record)
{
	return record->operation == KRI_OP_UPDATE && record->exact &&
	       !record->renewed && !record->entering;
}

bool kri_visit_is_sure(struct kri_visit *visit, bool *waits)
{
	*waits = false;
	for (size_t i = 0; i < visit->n; i++) {
		struct kri_record *record = visit->candidates[i].record;

		if (!record || !record->unproven)
			continue;
		if (!is_proof(record)) {
			record->operation = KRI_OP_NONE;
			return false;
		}
		visit->seen = record;
		*waits = true;
	}
	return true;
}

/* ---- the commit ------------------------------------------------------- */

/* A guess that turns out to be of a session which has ended was wrong, no more:
 * when it runs again it finds out what there is. */
static enum kr_err fate_of(const struct kri_record *record)
{
	if (!record)
		return KR_OK;
	return record->unproven && record->err == KR_ERR_GONE ? KR_ERR_CONFLICT
							      : record->err;
}

/* What became of all that the answer stands on. */
enum kr_err kri_visit_settle(struct kri_visit *visit)
{
	enum kr_err err = fate_of(visit->seen);

	if (!err)
		err = fate_of(visit->session.ended);
	if (!err)
		err = fate_of(visit->session.record);
	visit->settled =
		!err && (visit->standing == KRI_STANDING_OPEN ||
			 kri_session_cookie(&visit->session) == KRI_COOKIE_SET);
	return err;
}

/* After a conflict all is read and proven anew. After a lost renewal there is
 * no session any more, and nothing to load. */
void kri_visit_again(struct kri_visit *visit, enum kr_err err)
{
	visit->seen = NULL;
	visit->settled = false;
	if (err == KR_ERR_RENEWED) {
		lose_session(visit);
		visit->n = 0;
	} else {
		kri_session_begin(&visit->session, visit->config,
				  visit->session.arena);
	}
}

/* Another may have renewed the record in the same batch: then the client's own
 * token opens nothing any more, and must not overwrite the new one. */
static const struct kri_token *own_token(const struct kri_visit *visit,
					 struct kri_buffer *out)
{
	const struct kri_token *own = &visit->candidates[0].token;
	unsigned char digest[KRI_DIGEST_SIZE];

	if (kri_token_digest(own, digest)) {
		out->failed = true;
		return NULL;
	}
	return kri_equal_secret(digest, visit->session.record->auth,
				sizeof(digest))
		       ? own
		       : NULL;
}

static const struct kri_token *token_to_send(const struct kri_visit *visit,
					     struct kri_buffer *out)
{
	const struct kr_session *session = &visit->session;

	switch (visit->settled ? kri_session_cookie(session)
			       : KRI_COOKIE_KEEP) {
	case KRI_COOKIE_SET:
		return &session->token;
	case KRI_COOKIE_AGAIN:
		return own_token(visit, out);
	default:
		return NULL;
	}
}

static void send_token(const struct kri_visit *visit,
		       const struct kri_token *token, bool secure,
		       struct kri_buffer *out)
{
	struct kri_cookie cookie = *visit->cookie;
	char value[KRI_TOKEN_LEN + 1];

	cookie.max_age = kri_session_max_age(
		visit->config, visit->session.record, cookie.max_age);
	kri_token_print(token, value);
	kri_cookie_set(&cookie, secure, kri_text(value, KRI_TOKEN_LEN), out);
	kri_wipe(value, sizeof(value));
}

void kri_visit_cookie(const struct kri_visit *visit, bool secure,
		      struct kri_buffer *out)
{
	const struct kri_token *token = token_to_send(visit, out);

	if (token)
		send_token(visit, token, secure, out);
	else if (visit->settled && visit->has_cookie &&
		 kri_session_cookie(&visit->session) == KRI_COOKIE_EXPIRE)
		kri_cookie_expire(visit->cookie, secure, out);
}

bool kri_visit_sends_secret(const struct kri_visit *visit)
{
	enum kri_cookie_action action = kri_session_cookie(&visit->session);

	return action == KRI_COOKIE_SET || action == KRI_COOKIE_AGAIN;
}

/* ---- the end ---------------------------------------------------------- */

const char *kri_visit_id(const struct kri_visit *visit)
{
	const struct kr_session *session = &visit->session;
	const char *id = kri_session_id(session);

	return id || !session->ended ? id : session->ended->id;
}

void kri_visit_end(struct kri_visit *visit)
{
	if (visit->parsed)
		kri_wipe(visit->candidates,
			 visit->parsed * sizeof(*visit->candidates));
	if (*visit->session.token.id)
		kri_wipe(&visit->session.token, sizeof(visit->session.token));
	visit->n = 0;
}
