/*
 * Reading and changing, as one request sees it.
 */
#include "session/session.h"

void kri_session_begin(struct kr_session *session,
		       const struct kri_config *config, struct kri_arena *arena)
{
	*session = (struct kr_session){.config = config, .arena = arena};
}

void kri_session_adopt(struct kr_session *session, struct kri_record *record)
{
	session->record = record;
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

bool kri_session_has_changed(const struct kr_session *session,
			     struct kri_text key)
{
	return find_change(session, key) != NULL;
}

/* A key of ours, which a clear leaves. */
static bool is_own(struct kri_text key)
{
	return key.len && key.data[0] == '@';
}

/* The value as loaded, unless cleared since. */
static const struct kri_value *find_loaded(const struct kr_session *session,
					   struct kri_text key)
{
	if (!session->record || (session->cleared && !is_own(key)))
		return NULL;
	return kri_record_find(session->record, key);
}

static enum kr_err check_key(const struct kr_session *session,
			     struct kri_text key)
{
	if (!key.len || is_own(key))
		return KR_ERR_RESERVED;
	return (int64_t)key.len > session->config->max_key ? KR_ERR_LIMIT
							   : KR_OK;
}

enum kr_err kri_session_get_own(const struct kr_session *session,
				struct kri_text key, struct kri_text *value)
{
	const struct kri_value *found = find_change(session, key);

	if (!found)
		found = find_loaded(session, key);
	if (!found || found->change == KRI_CHANGE_REMOVED)
		return KR_ERR_NOT_FOUND;
	*value = found->data;
	return KR_OK;
}

enum kr_err kri_session_get(const struct kr_session *session,
			    struct kri_text key, struct kri_text *value)
{
	enum kr_err err = check_key(session, key);

	return err ? err : kri_session_get_own(session, key, value);
}

/* Whether a change, or a value as loaded, is one that the program has now. */
static bool is_there(const struct kri_value *value)
{
	return value->change != KRI_CHANGE_REMOVED && !is_own(value->key);
}

enum kr_err kri_session_each(const struct kr_session *session,
			     kri_session_each_fn *each, void *arg)
{
	const struct kri_record *record = session->record;
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < session->n && !err; i++)
		if (is_there(&session->changes[i]))
			err = each(arg, &session->changes[i]);
	if (!record || session->cleared)
		return err;
	for (size_t i = 0; i < record->n && !err; i++) {
		const struct kri_value *value = &record->values[i];

		if (is_there(value) && !find_change(session, value->key))
			err = each(arg, value);
	}
	return err;
}

/* All values but the one of a key: how many, and their bytes. */
struct measure {
	struct kri_text but;
	int64_t n, bytes;
};

static enum kr_err add_up(void *arg, const struct kri_value *value)
{
	struct measure *measure = arg;

	if (kri_text_equal(value->key, measure->but))
		return KR_OK;
	measure->n++;
	measure->bytes += (int64_t)(value->key.len + value->data.len);
	return KR_OK;
}

static enum kr_err check_limits(const struct kr_session *session,
				struct kri_text key, struct kri_text value)
{
	const struct kri_config *limit = session->config;
	struct measure others = {.but = key};
	enum kr_err err = kri_session_each(session, add_up, &others);

	if ((int64_t)value.len > limit->max_value)
		return KR_ERR_LIMIT;
	if (others.n + 1 > limit->max_values ||
	    others.bytes + (int64_t)(key.len + value.len) > limit->max_size)
		return KR_ERR_LIMIT;
	return err;
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

enum kr_err kri_session_set_own(struct kr_session *session, struct kri_text key,
				struct kri_text value)
{
	enum kr_err err = ensure_token(session);
	struct kri_text copy = {0};
	struct kri_value *change;

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

enum kr_err kri_session_set(struct kr_session *session, struct kri_text key,
			    struct kri_text value)
{
	enum kr_err err = check_key(session, key);

	if (!err)
		err = check_limits(session, key, value);
	return err ? err : kri_session_set_own(session, key, value);
}

static enum kr_err remove_value(struct kr_session *session, struct kri_text key)
{
	struct kri_value *change;

	if (!find_change(session, key) && !find_loaded(session, key))
		return KR_OK;
	change = touch(session, key);
	if (!change)
		return KR_ERR_MEMORY;
	change->change = KRI_CHANGE_REMOVED;
	return KR_OK;
}

enum kr_err kri_session_remove(struct kr_session *session, struct kri_text key)
{
	enum kr_err err = check_key(session, key);

	return err ? err : remove_value(session, key);
}

enum kr_err kri_session_set_idle(struct kr_session *session, int64_t seconds)
{
	char room[KRI_INT_SIZE];

	if (!seconds)
		return remove_value(session, KRI_KEY_IDLE);
	return kri_session_set_own(session, KRI_KEY_IDLE,
				   kri_text_of_int(seconds, room));
}

void kri_session_clear(struct kr_session *session)
{
	size_t kept = 0;

	for (size_t i = 0; i < session->n; i++)
		if (is_own(session->changes[i].key))
			session->changes[kept++] = session->changes[i];
	session->n = kept;
	session->cleared = true;
	if (!session->record && !kept)
		*session->token.id = '\0';
}

enum kr_err kri_session_renew(struct kr_session *session)
{
	session->renewing = true;
	if (!session->record)
		return KR_OK;
	return kri_token_renew(&session->token, session->record->id);
}

/* What a setter does from here on begins another session. */
void kri_session_destroy(struct kr_session *session)
{
	if (session->record)
		session->ended = session->record;
	session->record = NULL;
	session->destroyed = true;
	session->cleared = session->renewing = false;
	session->n = 0;
	*session->token.id = '\0';
}

const char *kri_session_id(const struct kr_session *session)
{
	if (session->record)
		return session->record->id;
	return *session->token.id ? session->token.id : NULL;
}
