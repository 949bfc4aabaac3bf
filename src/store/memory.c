/*
 * The store's contract in memory: the simplest there is, and the reference
 * for the others. Sharded, as all loops share it; everything is done before
 * an operation returns. No thread removes what has ended: it is removed when
 * it is met, and a little of it with each write.
 */
#include "store/memory.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/memory_inside.h"

#define SHARD_SHIFT 58 /* of a hash: the high bits, as buckets use the low */
#define SWEEP 8        /* buckets that each write looks through */

struct kri_memory_visit kri_memory_enter(struct kri_memory_store *store,
					 const char *id)
{
	struct kri_memory_visit visit = {
		.shard = &store->shards[kri_id_hash(id) >> SHARD_SHIFT],
		.now = kri_clock_ms(),
	};

	pthread_mutex_lock(&visit.shard->lock);
	return visit;
}

void kri_memory_leave(const struct kri_memory_visit *visit)
{
	pthread_mutex_unlock(&visit->shard->lock);
}

/* ---- load and peek ---------------------------------------------------- */

static enum kr_err load_one(struct kri_memory_store *store,
			    struct kri_record *record)
{
	struct kri_memory_visit visit = kri_memory_enter(store, record->id);
	const struct kri_memory_session *session =
		kri_memory_shard_find(visit.shard, record->id, visit.now);
	enum kr_err err = KR_ERR_NOT_FOUND;

	kri_record_clear(record);
	if (session) {
		err = kri_memory_session_read(session, record);
		record->left = session->ends - visit.now;
	}
	kri_memory_leave(&visit);
	return err;
}

static void load(struct kri_link *link, struct kri_record **records, size_t n,
		 kri_store_done *done, void *arg)
{
	for (size_t i = 0; i < n; i++)
		records[i]->err = load_one(
			(struct kri_memory_store *)link->store, records[i]);
	done(arg);
}

/* ---- commit ----------------------------------------------------------- */

static void set_end(struct kri_memory_session *session, int64_t ttl,
		    int64_t now)
{
	session->ends = now + ttl;
	session->seen = kri_clock_epoch_ms();
}

static enum kr_err create(const struct kri_memory_visit *visit,
			  struct kri_record *record)
{
	struct kri_memory_session *session =
		kri_memory_shard_find(visit->shard, record->id, visit->now);
	enum kr_err err;

	if (session)
		return memcmp(session->auth, record->auth, KRI_DIGEST_SIZE)
			       ? KR_ERR_CONFLICT
			       : KR_OK;
	err = kri_memory_session_make(record, visit->shard->room, &session);
	if (err)
		return err;
	set_end(session, record->ttl, visit->now);
	record->version = session->version;
	err = kri_memory_shard_add(visit->shard, session);
	if (err)
		kri_memory_session_free(session, visit->shard->room);
	return err;
}

/* Whether the session is as the record demands it. */
static enum kr_err check_demands(const struct kri_memory_session *session,
				 const struct kri_record *record)
{
	if (!session)
		return KR_ERR_GONE;
	if (record->exact && record->version != session->version)
		return KR_ERR_CONFLICT;
	if (record->renewed &&
	    memcmp(session->auth, record->was, KRI_DIGEST_SIZE))
		return KR_ERR_RENEWED;
	return KR_OK;
}

static void renew(struct kri_memory_session *session,
		  const struct kri_record *record)
{
	memcpy(session->auth, record->auth, KRI_DIGEST_SIZE);
	memcpy(session->was, record->was, KRI_DIGEST_SIZE);
	session->was_at = record->was_at;
}

static void forget(struct kri_memory_session *session,
		   const struct kri_record *record)
{
	if (!record->outlived || session->was_at != record->was_at)
		return;
	memset(session->was, 0, KRI_DIGEST_SIZE);
	session->was_at = 0;
}

static enum kr_err update(const struct kri_memory_visit *visit,
			  struct kri_record *record)
{
	struct kri_memory_session *session =
		kri_memory_shard_find(visit->shard, record->id, visit->now);
	enum kr_err err = check_demands(session, record);

	if (!err)
		err = kri_memory_session_write(session, record,
					       visit->shard->room);
	if (err)
		return err;
	if (record->renewed)
		renew(session, record);
	forget(session, record);
	if (record->ttl)
		set_end(session, record->ttl, visit->now);
	record->version = session->version;
	return KR_OK;
}

static enum kr_err touch(const struct kri_memory_visit *visit,
			 struct kri_record *record)
{
	struct kri_memory_session *session =
		kri_memory_shard_find(visit->shard, record->id, visit->now);

	if (!session)
		return KR_OK;
	forget(session, record);
	set_end(session, record->ttl, visit->now);
	return KR_OK;
}

static enum kr_err carry_out(const struct kri_memory_visit *visit,
			     struct kri_record *record)
{
	switch (record->operation) {
	case KRI_OP_CREATE:
		return create(visit, record);
	case KRI_OP_UPDATE:
		return update(visit, record);
	case KRI_OP_TOUCH:
		return touch(visit, record);
	case KRI_OP_DESTROY:
		kri_memory_shard_remove(visit->shard, record->id);
		return KR_OK;
	default:
		return KR_OK;
	}
}

static void complain(const struct kri_record *record)
{
	struct kri_log_ids ids = {.session = record->id};
	static _Atomic int64_t next;

	if (kri_log_is_due(&next))
		kri_log(KRI_LOG_ERROR, &ids,
			"the store is full: store.memory_limit is reached");
}

/* Where there is no room, what has ended in the same shard makes some. */
enum kr_err kri_memory_change(const struct kri_memory_visit *visit,
			      struct kri_record *record)
{
	enum kr_err err;

	kri_memory_shard_sweep(visit->shard, SWEEP, visit->now);
	err = carry_out(visit, record);
	if (err == KR_ERR_FULL &&
	    kri_memory_shard_sweep(visit->shard, SIZE_MAX, visit->now))
		err = carry_out(visit, record);
	if (err == KR_ERR_FULL)
		complain(record);
	return err;
}

static enum kr_err commit_one(struct kri_memory_store *store,
			      struct kri_record *record)
{
	struct kri_memory_visit visit = kri_memory_enter(store, record->id);
	enum kr_err err = kri_memory_change(&visit, record);

	kri_memory_leave(&visit);
	return err;
}

static bool is_entering(const struct kri_record *record)
{
	return record->entering && (record->operation == KRI_OP_CREATE ||
				    record->operation == KRI_OP_UPDATE);
}

static void commit(struct kri_link *link, struct kri_record **records, size_t n,
		   kri_store_done *done, void *arg)
{
	struct kri_memory_store *store = (struct kri_memory_store *)link->store;

	for (size_t i = 0; i < n; i++)
		records[i]->err = is_entering(records[i])
					  ? kri_memory_login(store, records[i])
					  : commit_one(store, records[i]);
	done(arg);
}

/* ---- for operators ---------------------------------------------------- */

static void list(struct kri_link *link, struct kri_listing *listing,
		 kri_store_done *done, void *arg)
{
	struct kri_memory_store *store = (struct kri_memory_store *)link->store;
	struct kri_memory_shard *shard = &store->shards[listing->place];

	listing->n = 0;
	pthread_mutex_lock(&shard->lock);
	listing->err = kri_memory_shard_list(shard, listing, kri_clock_ms());
	pthread_mutex_unlock(&shard->lock);
	if (!listing->err && !listing->cursor)
		listing->end = ++listing->place == KRI_MEMORY_SHARDS;
	done(arg);
}

static enum kr_err sweep(struct kri_store *base, size_t *removed)
{
	struct kri_memory_store *store = (struct kri_memory_store *)base;

	*removed = 0;
	for (size_t i = 0; i < KRI_MEMORY_SHARDS; i++) {
		struct kri_memory_shard *shard = &store->shards[i];

		pthread_mutex_lock(&shard->lock);
		*removed +=
			kri_memory_shard_sweep(shard, SIZE_MAX, kri_clock_ms());
		pthread_mutex_unlock(&shard->lock);
	}
	kri_memory_counters_sweep(&store->counters, kri_clock_ms());
	return KR_OK;
}

/* ---- the store and its links ------------------------------------------ */

static enum kr_err attach(struct kri_store *store, struct uv_loop_s *loop,
			  struct kri_link **out)
{
	struct kri_link *link = calloc(1, sizeof(*link));

	(void)loop;
	if (!link)
		return KR_ERR_MEMORY;
	link->store = store;
	*out = link;
	return KR_OK;
}

static void detach(struct kri_link **link)
{
	free(*link);
	*link = NULL;
}

static void flush(struct kri_link *link)
{
	(void)link;
}

static enum kr_err check(struct kri_store *store, struct kri_buffer *why)
{
	(void)store;
	(void)why;
	return KR_OK;
}

static void close_store(struct kri_store **base)
{
	struct kri_memory_store *store = (struct kri_memory_store *)*base;

	if (!store)
		return;
	for (size_t i = 0; i < KRI_MEMORY_SHARDS; i++)
		kri_memory_shard_free(&store->shards[i]);
	kri_memory_counters_free(&store->counters);
	kri_memory_users_free(&store->users);
	free(store);
	*base = NULL;
}

static const struct kri_store_ops memory_ops = {
	.attach = attach,
	.detach = detach,
	.load = load,
	.commit = commit,
	.flush = flush,
	.peek = load,
	.list = list,
	.user_list = kri_memory_user_list,
	.user_end = kri_memory_user_end,
	.count_up = kri_memory_count_up,
	.sweep = sweep,
	.check = check,
	.close = close_store,
};

enum kr_err kri_memory_store_open(const struct kri_config *config,
				  struct kri_store **store)
{
	struct kri_memory_store *made = calloc(1, sizeof(*made));
	enum kr_err err;

	if (!made)
		return KR_ERR_MEMORY;
	made->base.ops = &memory_ops;
	made->config = config;
	made->room.limit = (size_t)config->memory_limit;
	for (size_t i = 0; i < KRI_MEMORY_SHARDS; i++)
		kri_memory_shard_init(&made->shards[i], &made->room);
	err = kri_memory_users_init(&made->users, &made->room);
	if (!err)
		err = kri_memory_counters_init(&made->counters, &made->room);
	*store = &made->base;
	if (err)
		close_store(store);
	return err;
}
