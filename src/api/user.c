/*
 * The functions of krsession.h for the sessions of a user, and for counters:
 * checks what a caller can get wrong, then hands over.
 */
#include "alone/users.h"
#include "session/session.h"

#define NAME_MAX_LEN 128                   /* bytes of a counter's name */
#define ADD_MAX 1000000                    /* to a counter at once */
#define SECONDS_MAX (365 * INT64_C(86400)) /* that a counter lasts */

static enum kr_err check(const struct kr_store *store, const char *user)
{
	if (!store || !user || !kri_alone_store_is_ours(store))
		return KR_ERR_ARGUMENT;
	return kri_session_is_name(kri_text_of(user)) ? KR_OK : KR_ERR_INPUT;
}

enum kr_err kr_user_sessions(struct kr_store *store, const char *user,
			     kr_user_sessions_fn *each, void *arg)
{
	enum kr_err err = each ? check(store, user) : KR_ERR_ARGUMENT;

	return err ? err : kri_users_list(store, kri_text_of(user), each, arg);
}

/* It may be what somebody has put into a form. */
enum kr_err kr_user_end(struct kr_store *store, const char *user,
			const char *id)
{
	struct kri_user_query query = {.only = id};
	enum kr_err err = id ? check(store, user) : KR_ERR_ARGUMENT;

	if (err)
		return err;
	if (!kri_token_is_id(kri_text_of(id)))
		return KR_ERR_NOT_FOUND;
	query.user = kri_text_of(user);
	err = kri_users_end(store, &query);
	return err || query.ended ? err : KR_ERR_NOT_FOUND;
}

/* The store sees ids alone: what is none, no session has. */
enum kr_err kr_user_end_others(struct kr_store *store, const char *user,
			       const char *id, int64_t *ended)
{
	struct kri_user_query query = {0};
	enum kr_err err = id && ended ? check(store, user) : KR_ERR_ARGUMENT;

	if (err)
		return err;
	query.user = kri_text_of(user);
	query.keep = kri_token_is_id(kri_text_of(id)) ? id : NULL;
	err = kri_users_end(store, &query);
	if (!err)
		*ended = query.ended;
	return err;
}

enum kr_err kr_user_end_all(struct kr_store *store, const char *user,
			    int64_t *ended)
{
	return kr_user_end_others(store, user, "", ended);
}

/* ---- counters --------------------------------------------------------- */

static bool is_name(struct kri_text name)
{
	return name.len && name.len <= NAME_MAX_LEN && kri_text_is_utf8(name) &&
	       !kri_text_has_control(name);
}

enum kr_err kr_counter_add(struct kr_store *store, const char *name,
			   int64_t add, int64_t seconds, int64_t *value)
{
	struct kri_counter counter = {.add = add};
	enum kr_err err;

	if (!store || !name || !value || !kri_alone_store_is_ours(store) ||
	    !is_name(kri_text_of(name)) || add < 0 || add > ADD_MAX ||
	    seconds < 1 || seconds > SECONDS_MAX)
		return KR_ERR_ARGUMENT;
	counter.name = kri_text_of(name);
	counter.ttl = seconds * 1000;
	err = kri_users_count_up(store, &counter);
	if (!err)
		*value = counter.value;
	return err;
}
