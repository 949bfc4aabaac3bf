/*
 * From what one request changed to what the store is to do. Several requests
 * of a batch may share a record: each finds what the one before it left.
 */
#include "session/session.h"

#include "base/clock.h"

static bool is_renewed(const struct kr_session *session)
{
	return session->record && *session->token.id;
}

static bool sets_anything(const struct kr_session *session)
{
	for (size_t i = 0; i < session->n; i++)
		if (session->changes[i].change == KRI_CHANGE_SET)
			return true;
	return false;
}

bool kri_session_is_changed(const struct kr_session *session)
{
	if (session->ended)
		return true;
	if (!session->record)
		return sets_anything(session);
	return session->n || session->cleared || is_renewed(session);
}

/* One change into the record, which has room: over the old value, or behind
 * the last. */
static void merge(struct kri_record *record, const struct kri_value *change)
{
	for (size_t i = 0; i < record->n; i++) {
		if (!kri_text_equal(record->values[i].key, change->key))
			continue;
		record->values[i] = *change;
		return;
	}
	record->values[record->n++] = *change;
}

/* A timeout of its own counts from now on. */
static void merge_all(const struct kr_session *session)
{
	struct kri_record *record = session->record;

	for (size_t i = 0; i < session->n; i++)
		merge(record, &session->changes[i]);
	if (record->operation == KRI_OP_CREATE ||
	    kri_session_has_changed(session, KRI_KEY_IDLE))
		record->ttl = kri_session_ttl(session->config, record);
}

/* Those of the program; ours stay. */
static void remove_all(struct kri_record *record)
{
	for (size_t i = 0; i < record->n; i++)
		if (!kri_text_starts(record->values[i].key, KRI_TEXT("@")))
			record->values[i].change = KRI_CHANGE_REMOVED;
}

/* The digest that was proven is what the commit must still find. */
static enum kr_err renew(struct kr_session *session)
{
	struct kri_record *record = session->record;
	unsigned char digest[KRI_DIGEST_SIZE];
	enum kr_err err = kri_token_digest(&session->token, digest);

	if (err)
		return err;
	memcpy(record->was, record->auth, sizeof(record->was));
	memcpy(record->auth, digest, sizeof(record->auth));
	record->was_at = kri_clock_epoch_ms();
	record->renewed = true;
	record->outlived = false;
	return KR_OK;
}

/* For the store's index by user: whose the session is when all is done, and
 * that this change made it so; then from now on it lives anew. */
static void tell_user(const struct kr_session *session)
{
	struct kri_record *record = session->record;

	record->user = kri_session_user_of(record);
	if (!record->user.len ||
	    !kri_session_has_changed(session, KRI_KEY_USER))
		return;
	record->entering = true;
	record->ttl = kri_session_ttl(session->config, record);
}

/* All that can fail comes first: others of the batch share the record, and
 * it must not be left with half of our changes. */
static enum kr_err update(struct kr_session *session, bool exact)
{
	struct kri_record *record = session->record;
	enum kr_err err = kri_record_reserve(record, session->n);

	if (!err && is_renewed(session))
		err = renew(session);
	if (err)
		return err;
	if (session->cleared)
		remove_all(record);
	merge_all(session);
	tell_user(session);
	if (record->operation != KRI_OP_DESTROY)
		record->operation = KRI_OP_UPDATE;
	record->exact |= exact;
	return KR_OK;
}

static enum kr_err create(struct kr_session *session)
{
	struct kri_record *record =
		kri_arena_alloc(session->arena, sizeof(*record));
	enum kr_err err;

	if (!record)
		return KR_ERR_MEMORY;
	*record = (struct kri_record){
		.operation = KRI_OP_CREATE,
		.arena = session->arena,
		.born = kri_clock_epoch(),
	};
	memcpy(record->id, session->token.id, sizeof(record->id));
	err = kri_token_digest(&session->token, record->auth);
	if (!err)
		err = kri_record_reserve(record, session->n);
	if (err)
		return err;
	session->record = record;
	merge_all(session);
	tell_user(session);
	return KR_OK;
}

void kri_session_end_record(struct kri_record *record)
{
	record->operation = KRI_OP_DESTROY;
	record->user = kri_session_user_of(record);
	record->entering = false;
}

/* The new one first: that it can be made is not sure. */
enum kr_err kri_session_apply(struct kr_session *session, bool exact)
{
	enum kr_err err = KR_OK;

	if (session->record)
		err = update(session, exact);
	else if (sets_anything(session))
		err = create(session);
	if (!err && session->ended)
		kri_session_end_record(session->ended);
	return err;
}

enum kri_cookie_action kri_session_cookie(const struct kr_session *session)
{
	if (session->record && *session->token.id)
		return KRI_COOKIE_SET;
	if (session->destroyed)
		return KRI_COOKIE_EXPIRE;
	if (session->record && kri_session_has_changed(session, KRI_KEY_IDLE))
		return KRI_COOKIE_AGAIN;
	return KRI_COOKIE_KEEP;
}
