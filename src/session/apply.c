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
	if (!session->record)
		return !session->destroyed && sets_anything(session);
	return session->n || session->cleared || session->destroyed ||
	       is_renewed(session);
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

static void merge_all(const struct kr_session *session)
{
	for (size_t i = 0; i < session->n; i++)
		merge(session->record, &session->changes[i]);
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
	return KR_OK;
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
	for (size_t i = 0; session->cleared && i < record->n; i++)
		record->values[i].change = KRI_CHANGE_REMOVED;
	merge_all(session);
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
	record->ttl = kri_session_ttl(session->config, record);
	err = kri_token_digest(&session->token, record->auth);
	if (!err)
		err = kri_record_reserve(record, session->n);
	if (err)
		return err;
	session->record = record;
	merge_all(session);
	return KR_OK;
}

enum kr_err kri_session_apply(struct kr_session *session, bool exact)
{
	if (!session->record)
		return create(session);
	if (!session->destroyed)
		return update(session, exact);
	session->record->operation = KRI_OP_DESTROY;
	return KR_OK;
}

enum kri_cookie_action kri_session_cookie(const struct kr_session *session)
{
	if (session->destroyed)
		return KRI_COOKIE_EXPIRE;
	return *session->token.id && session->record ? KRI_COOKIE_SET
						     : KRI_COOKIE_KEEP;
}
