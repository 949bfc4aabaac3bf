/*
 * Logins and the sessions of a user, in memory.
 */
#include "store/memory_inside.h"

#include "base/clock.h"

/* ---- logins ----------------------------------------------------------- */

/* The user's sessions beside the one that enters. */
struct others {
	struct kri_user_query query;
	int64_t *ends; /* of query.ids[i] */
	size_t n;
	bool entered; /* it is one of the user's already */
};

/* Those that live still, in the front. */
static enum kr_err look_at_others(struct kri_memory_store *store,
				  const struct kri_record *record,
				  struct others *others)
{
	struct kri_user_query *query = &others->query;
	enum kr_err err;

	*query = (struct kri_user_query){.user = record->user,
					 .arena = record->arena};
	others->n = 0;
	others->entered = false;
	err = kri_memory_users_list(&store->users, query);
	if (err)
		return err;
	others->ends = kri_arena_alloc(record->arena,
				       query->n * sizeof(*others->ends));
	if (!others->ends)
		return KR_ERR_MEMORY;
	for (size_t i = 0; i < query->n; i++) {
		struct kri_memory_visit visit =
			kri_memory_enter(store, query->ids[i]);
		const struct kri_memory_session *session =
			kri_memory_shard_find(visit.shard, query->ids[i],
					      visit.now);

		if (!memcmp(query->ids[i], record->id, KRI_ID_LEN)) {
			others->entered |= session != NULL;
		} else if (session) {
			others->ends[others->n] = session->ends;
			query->ids[others->n++] = query->ids[i];
		}
		kri_memory_leave(&visit);
	}
	return KR_OK;
}

static bool end_if_of(struct kri_memory_store *store, const char *id,
		      struct kri_text user)
{
	struct kri_memory_visit visit = kri_memory_enter(store, id);
	const struct kri_memory_session *session =
		kri_memory_shard_find(visit.shard, id, visit.now);
	bool is = session && kri_memory_session_is_of(session, user);

	if (is)
		kri_memory_shard_remove(visit.shard, id);
	kri_memory_leave(&visit);
	return is;
}

/* Those that would end first, until no more than `most` are left. */
static void end_oldest(struct kri_memory_store *store, struct others *others,
		       size_t most)
{
	while (others->n > most) {
		size_t first = 0;

		for (size_t i = 1; i < others->n; i++)
			if (others->ends[i] < others->ends[first])
				first = i;
		end_if_of(store, others->query.ids[first], others->query.user);
		others->n--;
		others->ends[first] = others->ends[others->n];
		others->query.ids[first] = others->query.ids[others->n];
	}
}

static enum kr_err change_and_join(struct kri_memory_store *store,
				   struct kri_record *record)
{
	struct kri_memory_user *user;
	struct kri_memory_visit visit;
	enum kr_err err =
		kri_memory_users_hold(&store->users, record->user, &user);

	if (err)
		return err;
	visit = kri_memory_enter(store, record->id);
	err = kri_memory_change(&visit, record);
	kri_memory_users_join(user, err ? NULL
					: kri_memory_shard_find(visit.shard,
								record->id,
								visit.now));
	kri_memory_leave(&visit);
	return err;
}

/* One that logs in anew to a session of its own takes no further place. */
enum kr_err kri_memory_login(struct kri_memory_store *store,
			     struct kri_record *record)
{
	size_t most = (size_t)store->config->max_per_user;
	struct others others = {.n = 0};
	enum kr_err err = KR_OK;
	bool limited;

	pthread_mutex_lock(&store->users.login);
	if (most)
		err = look_at_others(store, record, &others);
	limited = most && !others.entered;
	if (!err && limited && others.n >= most &&
	    store->config->max_per_user_rule == KRI_USER_REFUSE)
		err = KR_ERR_SESSIONS;
	if (!err)
		err = change_and_join(store, record);
	if (!err && limited)
		end_oldest(store, &others, most - 1);
	pthread_mutex_unlock(&store->users.login);
	return err;
}

/* ---- users and counters ----------------------------------------------- */

void kri_memory_user_list(struct kri_link *link, struct kri_user_query *query,
			  kri_store_done *done, void *arg)
{
	struct kri_memory_store *store = (struct kri_memory_store *)link->store;

	query->err = kri_memory_users_list(&store->users, query);
	done(arg);
}

/* Nobody logs in meanwhile: whoever has begun is in the list or comes later. */
static enum kr_err end_all(struct kri_memory_store *store,
			   struct kri_user_query *query)
{
	enum kr_err err;

	pthread_mutex_lock(&store->users.login);
	err = kri_memory_users_list(&store->users, query);
	for (size_t i = 0; i < query->n && !err; i++)
		if (!query->keep ||
		    memcmp(query->ids[i], query->keep, KRI_ID_LEN) != 0)
			query->ended +=
				end_if_of(store, query->ids[i], query->user);
	pthread_mutex_unlock(&store->users.login);
	return err;
}

void kri_memory_user_end(struct kri_link *link, struct kri_user_query *query,
			 kri_store_done *done, void *arg)
{
	struct kri_memory_store *store = (struct kri_memory_store *)link->store;

	query->ended = 0;
	query->err = KR_OK;
	if (query->only)
		query->ended = end_if_of(store, query->only, query->user);
	else
		query->err = end_all(store, query);
	done(arg);
}

void kri_memory_count_up(struct kri_link *link, struct kri_counter *counter,
			 kri_store_done *done, void *arg)
{
	struct kri_memory_store *store = (struct kri_memory_store *)link->store;

	counter->err = kri_memory_counters_add(&store->counters, counter,
					       kri_clock_ms());
	done(arg);
}
