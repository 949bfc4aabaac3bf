/*
 * A hash table of sessions that grows as it fills, with the removal of those
 * that have ended as they are met.
 */
#include "store/memory_shard.h"

#include <stdlib.h>

#include "store/memory_user.h"

#define SIZE_FIRST 16 /* buckets */
#define LIST_STEP 512 /* ids, at least, unless the shard ends */

void kri_memory_shard_init(struct kri_memory_shard *shard,
			   struct kri_memory_room *room)
{
	*shard = (struct kri_memory_shard){.room = room};
	pthread_mutex_init(&shard->lock, NULL);
}

static struct kri_memory_session **bucket_of(
	const struct kri_memory_shard *shard, const char *id)
{
	return &shard->buckets[kri_id_hash(id) & (shard->size - 1)];
}

static void remove_at(struct kri_memory_shard *shard,
		      struct kri_memory_session **at)
{
	struct kri_memory_session *session = *at;

	*at = session->next;
	shard->n--;
	kri_memory_users_leave(session);
	kri_memory_session_free(session, shard->room);
}

static size_t sweep_bucket(struct kri_memory_shard *shard,
			   struct kri_memory_session **at, int64_t now)
{
	size_t before = shard->n;

	while (*at)
		if ((*at)->ends <= now)
			remove_at(shard, at);
		else
			at = &(*at)->next;
	return before - shard->n;
}

void kri_memory_shard_free(struct kri_memory_shard *shard)
{
	kri_memory_shard_sweep(shard, shard->size, INT64_MAX);
	free(shard->buckets);
	pthread_mutex_destroy(&shard->lock);
}

struct kri_memory_session *kri_memory_shard_find(struct kri_memory_shard *shard,
						 const char *id, int64_t now)
{
	struct kri_memory_session **at;

	if (!shard->size)
		return NULL;
	at = bucket_of(shard, id);
	sweep_bucket(shard, at, now);
	for (; *at; at = &(*at)->next)
		if (!memcmp((*at)->id, id, KRI_ID_LEN))
			return *at;
	return NULL;
}

static void move(struct kri_memory_shard *to, struct kri_memory_session *chain)
{
	while (chain) {
		struct kri_memory_session *session = chain;
		struct kri_memory_session **at = bucket_of(to, session->id);

		chain = session->next;
		session->next = *at;
		*at = session;
	}
}

/* Twice as many buckets. A table that cannot grow does its work more slowly. */
static void grow(struct kri_memory_shard *shard)
{
	struct kri_memory_session **old = shard->buckets;
	size_t old_size = shard->size;
	size_t size = old_size ? 2 * old_size : SIZE_FIRST;
	struct kri_memory_session **buckets = calloc(size, sizeof(*buckets));

	if (!buckets)
		return;
	shard->buckets = buckets;
	shard->size = size;
	for (size_t i = 0; i < old_size; i++)
		move(shard, old[i]);
	free(old);
}

enum kr_err kri_memory_shard_add(struct kri_memory_shard *shard,
				 struct kri_memory_session *session)
{
	if (shard->n >= shard->size)
		grow(shard);
	if (!shard->size)
		return KR_ERR_MEMORY;
	session->next = NULL;
	move(shard, session);
	shard->n++;
	return KR_OK;
}

void kri_memory_shard_remove(struct kri_memory_shard *shard, const char *id)
{
	struct kri_memory_session **at;

	if (!shard->size)
		return;
	for (at = bucket_of(shard, id); *at; at = &(*at)->next)
		if (!memcmp((*at)->id, id, KRI_ID_LEN)) {
			remove_at(shard, at);
			return;
		}
}

size_t kri_memory_shard_sweep(struct kri_memory_shard *shard, size_t buckets,
			      int64_t now)
{
	size_t removed = 0;

	if (buckets > shard->size)
		buckets = shard->size;
	while (buckets--) {
		shard->hand = (shard->hand + 1) & (shard->size - 1);
		removed +=
			sweep_bucket(shard, &shard->buckets[shard->hand], now);
	}
	return removed;
}

/* The bucket before which a step from `begin` ends, and how many sessions it
 * has at most. */
static size_t end_of_step(const struct kri_memory_shard *shard, size_t begin,
			  size_t *n)
{
	size_t end = begin;

	*n = 0;
	for (; end < shard->size && *n < LIST_STEP; end++)
		for (const struct kri_memory_session *session =
			     shard->buckets[end];
		     session; session = session->next)
			++*n;
	return end;
}

static bool list_bucket(const struct kri_memory_session *session,
			struct kri_listing *listing, int64_t now)
{
	for (; session; session = session->next) {
		struct kri_text id;

		if (session->ends <= now)
			continue;
		id = kri_arena_dup(listing->arena,
				   kri_text(session->id, KRI_ID_LEN));
		if (!id.data)
			return false;
		listing->ids[listing->n++] = id.data;
	}
	return true;
}

enum kr_err kri_memory_shard_list(const struct kri_memory_shard *shard,
				  struct kri_listing *listing, int64_t now)
{
	size_t n, begin = (size_t)listing->cursor;
	size_t end = end_of_step(shard, begin, &n);

	listing->ids =
		kri_arena_alloc(listing->arena, n * sizeof(*listing->ids));
	if (!listing->ids)
		return KR_ERR_MEMORY;
	for (size_t i = begin; i < end; i++)
		if (!list_bucket(shard->buckets[i], listing, now))
			return KR_ERR_MEMORY;
	listing->cursor = end < shard->size ? end : 0;
	return KR_OK;
}
