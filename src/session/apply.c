/*
 * From what one request changed to what the store is to do. Several requests
 * of a batch may share a record: each finds what the one before it left.
 */
#include "session/session.h"

#include "base/clock.h"

static bool is_renewed(const struct kri_session *session)
{
	return session->record && *session->token.id;
}

static bool sets_anything(const struct kri_session *session)
{
	for (size_t i = 0; i < session->n; i++)
		if (session->changes[i].change == KRI_SET)
			return true;
	return false;
}

bool kri_session_is_changed(const struct kri_session *session)
{
	if (!session->record)
		return !session->destroyed && sets_anything(session);
	return session->n || session->cleared || session->destroyed ||
	       is_renewed(session);
}

/* The idle timeout, or what the absolute one leaves of it. */
static int64_t time_to_live(const struct kri_config *config,
			    const struct kri_record *record)
{
	int64_t left = config->absolute_timeout - kri_session_age(record);

	if (!config->absolute_timeout || left > config->idle_timeout)
		return config->idle_timeout;
	return left > 1 ? left : 1;
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

static void merge_all(const struct kri_session *session)
{
	for (size_t i = 0; i < session->n; i++)
		merge(session->record, &session->changes[i]);
}

/* All that can fail comes first: others of the batch share the record, and
 * it must not be left with half of our changes. */
static enum kr_err update(struct kri_session *session, bool exact)
{
	struct kri_record *record = session->record;
	enum kr_err err = kri_record_reserve(record, session->n);

	if (!err && is_renewed(session)) {
		err = kri_token_digest(&session->token, record->auth);
		record->new_auth = !err;
	}
	if (err)
		return err;
	for (size_t i = 0; session->cleared && i < record->n; i++)
		record->values[i].change = KRI_REMOVED;
	merge_all(session);
	if (record->operation == KRI_OP_NONE)
		record->operation = KRI_OP_UPDATE;
	record->exact |= exact;
	record->ttl = time_to_live(session->config, record);
	return KR_OK;
}

static enum kr_err create(struct kri_session *session)
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
	record->ttl = time_to_live(session->config, record);
	err = kri_token_digest(&session->token, record->auth);
	if (!err)
		err = kri_record_reserve(record, session->n);
	if (err)
		return err;
	session->record = record;
	merge_all(session);
	return KR_OK;
}

enum kr_err kri_session_apply(struct kri_session *session, bool exact)
{
	if (!session->record)
		return create(session);
	if (!session->destroyed)
		return update(session, exact);
	session->record->operation = KRI_OP_DESTROY;
	return KR_OK;
}

enum kri_cookie_action kri_session_cookie(const struct kri_session *session)
{
	if (session->destroyed)
		return KRI_COOKIE_EXPIRE;
	return *session->token.id && session->record ? KRI_COOKIE_SET
						     : KRI_COOKIE_KEEP;
}
