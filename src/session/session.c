/*
 * Reading and changing, as one request sees it.
 */
#include "session/session.h"

#include "base/clock.h"

void kri_session_begin(struct kr_session *session,
		       const struct kri_config *config, struct kri_arena *arena)
{
	*session = (struct kr_session){.config = config, .arena = arena};
}

void kri_session_adopt(struct kr_session *session, struct kri_record *record)
{
	session->record = record;
}

/* The store may hold any number: as far as it can be told in ms. */
int64_t kri_session_age(const struct kri_record *record)
{
	int64_t seconds;

	if (__builtin_sub_overflow(kri_clock_epoch(), record->born, &seconds) ||
	    seconds > INT32_MAX)
		seconds = INT32_MAX;
	if (seconds < INT32_MIN)
		seconds = INT32_MIN;
	return seconds * 1000;
}

bool kri_session_is_expired(const struct kri_config *config,
			    const struct kri_record *record)
{
	return config->absolute_timeout &&
	       kri_session_age(record) >= config->absolute_timeout;
}

/* A touch keeps the session this much longer than the idle timeout, so that
 * reads need not write until so much of it has gone. */
static int64_t sixteenth(const struct kri_config *config)
{
	return config->idle_timeout / 16;
}

/* Clocks that disagree only make touches frequent. */
bool kri_session_is_due(const struct kri_config *config,
			const struct kri_record *record)
{
	int64_t gone;

	if (__builtin_sub_overflow(kri_clock_epoch_ms(), record->seen, &gone))
		return true;
	return gone > sixteenth(config) || gone < -sixteenth(config);
}

/* No more than what the absolute timeout leaves. */
int64_t kri_session_ttl(const struct kri_config *config,
			const struct kri_record *record)
{
	int64_t ttl = config->idle_timeout + sixteenth(config);
	int64_t left = config->absolute_timeout - kri_session_age(record);

	if (!config->absolute_timeout || left > ttl)
		return ttl;
	return left > 1 ? left : 1;
}

/* The change of that key, or NULL. */
static struct kri_value *find_change(const struct kr_session *session,
				     struct kri_text key)
{
	for (size_t i = 0; i < session->n; i++)
		if (kri_text_equal(session->changes[i].key, key))
			return &session->changes[i];
	return NULL;
}

static bool has_values(const struct kr_session *session)
{
	return session->record && !session->cleared;
}

/* The value as loaded, unless cleared or changed since. */
static const struct kri_value *find_loaded(const struct kr_session *session,
					   struct kri_text key)
{
	return has_values(session) ? kri_record_find(session->record, key)
				   : NULL;
}

static enum kr_err check_key(const struct kr_session *session,
			     struct kri_text key)
{
	if (!key.len || key.data[0] == '@')
		return KR_ERR_RESERVED;
	return (int64_t)key.len > session->config->max_key ? KR_ERR_LIMIT
							   : KR_OK;
}

enum kr_err kri_session_get(const struct kr_session *session,
			    struct kri_text key, struct kri_text *value)
{
	const struct kri_value *found = find_change(session, key);
	enum kr_err err = check_key(session, key);

	if (err)
		return err;
	if (session->destroyed)
		return KR_ERR_NOT_FOUND;
	if (!found)
		found = find_loaded(session, key);
	if (!found || found->change == KRI_CHANGE_REMOVED)
		return KR_ERR_NOT_FOUND;
	*value = found->data;
	return KR_OK;
}

/* All values but the one of that key: how many, and their bytes. */
static void measure(const struct kr_session *session, struct kri_text but,
		    int64_t *n, int64_t *bytes)
{
	const struct kri_record *record = session->record;

	*n = *bytes = 0;
	for (size_t i = 0; i < session->n; i++) {
		const struct kri_value *value = &session->changes[i];

		if (value->change == KRI_CHANGE_REMOVED ||
		    kri_text_equal(value->key, but))
			continue;
		*n += 1;
		*bytes += (int64_t)(value->key.len + value->data.len);
	}
	for (size_t i = 0; has_values(session) && i < record->n; i++) {
		const struct kri_value *value = &record->values[i];

		if (value->change == KRI_CHANGE_REMOVED ||
		    kri_text_equal(value->key, but) ||
		    find_change(session, value->key))
			continue;
		*n += 1;
		*bytes += (int64_t)(value->key.len + value->data.len);
	}
}

static enum kr_err check_limits(const struct kr_session *session,
				struct kri_text key, struct kri_text value)
{
	const struct kri_config *limit = session->config;
	int64_t n, bytes;

	if ((int64_t)value.len > limit->max_value)
		return KR_ERR_LIMIT;
	measure(session, key, &n, &bytes);
	if (n + 1 > limit->max_values ||
	    bytes + (int64_t)(key.len + value.len) > limit->max_size)
		return KR_ERR_LIMIT;
	return KR_OK;
}

/* The change of that key, made if there is none. */
static struct kri_value *touch(struct kr_session *session, struct kri_text key)
{
	struct kri_value *change = find_change(session, key);
	struct kri_text copy;

	if (change)
		return change;
	if (session->n == session->cap) {
		size_t cap = session->cap ? session->cap * 2 : 4;
		struct kri_value *more =
			kri_arena_alloc(session->arena, cap * sizeof(*more));

		if (!more)
			return NULL;
		if (session->n)
			memcpy(more, session->changes,
			       session->n * sizeof(*more));
		session->changes = more;
		session->cap = cap;
	}
	copy = kri_arena_dup(session->arena, key);
	if (!copy.data)
		return NULL;
	change = &session->changes[session->n++];
	/* Until told otherwise, a change that changes nothing. */
	*change = (struct kri_value){.key = copy, .change = KRI_CHANGE_REMOVED};
	return change;
}

/* A session made here gets its token with its first value. */
static enum kr_err ensure_token(struct kr_session *session)
{
	if (session->record || *session->token.id)
		return KR_OK;
	return kri_token_make(&session->token);
}

enum kr_err kri_session_set(struct kr_session *session, struct kri_text key,
			    struct kri_text value)
{
	struct kri_text copy = {0};
	struct kri_value *change;
	enum kr_err err = check_key(session, key);

	if (!err && session->destroyed)
		err = KR_ERR_GONE;
	if (!err)
		err = check_limits(session, key, value);
	if (!err)
		err = ensure_token(session);
	if (err)
		return err;
	copy = kri_arena_dup(session->arena, value);
	change = copy.data ? touch(session, key) : NULL;
	if (!change)
		return KR_ERR_MEMORY;
	change->data = copy;
	change->change = KRI_CHANGE_SET;
	return KR_OK;
}

enum kr_err kri_session_remove(struct kr_session *session, struct kri_text key)
{
	struct kri_value *change;
	enum kr_err err = check_key(session, key);

	if (err)
		return err;
	if (!find_change(session, key) && !find_loaded(session, key))
		return KR_OK;
	change = touch(session, key);
	if (!change)
		return KR_ERR_MEMORY;
	change->change = KRI_CHANGE_REMOVED;
	return KR_OK;
}

void kri_session_clear(struct kr_session *session)
{
	session->cleared = true;
	session->n = 0;
	if (!session->record)
		*session->token.id = '\0';
}

enum kr_err kri_session_renew(struct kr_session *session)
{
	if (session->destroyed)
		return KR_ERR_GONE;
	session->renewing = true;
	if (!session->record)
		return KR_OK;
	return kri_token_renew(&session->token, session->record->id);
}

void kri_session_destroy(struct kr_session *session)
{
	session->destroyed = true;
	session->n = 0;
	*session->token.id = '\0';
}

const char *kri_session_id(const struct kr_session *session)
{
	if (session->destroyed)
		return NULL;
	if (session->record)
		return session->record->id;
	return *session->token.id ? session->token.id : NULL;
}
