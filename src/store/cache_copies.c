/*
 * The table has as many buckets as it ever needs from the start, so a shard's
 * lock is never held for longer than the copying of a session takes.
 *
 * A load that is under way when a change is told of must not make a copy. So
 * each change counts up a number that its id shares with others; who finds it
 * changed has lost a copy and nothing else.
 */
#include "store/cache_copies.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/cache_copy.h"

#define SHARDS 64
#define SHARD_SHIFT 58  /* of a hash: the high bits, as buckets use the low */
#define CHANGES 256     /* numbers of a shard */
#define CHANGE_SHIFT 50 /* of a hash, for those */
#define TYPICAL 1024    /* bytes of a copy, for the number of buckets */

struct shard {
	_Alignas(64) pthread_mutex_t lock;
	struct kri_copy **buckets;
	struct kri_copy *newest, *oldest;
	size_t bytes, n;
	uint64_t changes[CHANGES];
};

struct kri_copies {
	atomic_uint_fast64_t era, users;
	size_t mask;  /* of buckets */
	size_t limit; /* bytes of a shard */
	int64_t idle_timeout;
	struct shard shards[SHARDS];
};

/* ---- life ------------------------------------------------------------- */

static bool open_shard(struct shard *shard, size_t buckets)
{
	shard->buckets = calloc(buckets, sizeof(struct kri_copy *));
	pthread_mutex_init(&shard->lock, NULL);
	return shard->buckets != NULL;
}

static size_t count_buckets(size_t size)
{
	size_t buckets = 16;

	while (buckets * SHARDS * TYPICAL < size)
		buckets *= 2;
	return buckets;
}

enum kr_err kri_copies_open(size_t size, int64_t idle_timeout,
			    struct kri_copies **copies)
{
	struct kri_copies *made = aligned_alloc(64, sizeof(*made));
	size_t buckets = count_buckets(size);
	bool whole = true;

	if (!made)
		return KR_ERR_MEMORY;
	memset(made, 0, sizeof(*made));
	made->mask = buckets - 1;
	made->limit = size / SHARDS - sizeof(struct shard) -
		      buckets * sizeof(struct kri_copy *);
	made->idle_timeout = idle_timeout;
	for (size_t i = 0; i < SHARDS; i++)
		whole &= open_shard(&made->shards[i], buckets);
	if (!whole)
		kri_copies_close(&made);
	else
		*copies = made;
	return whole ? KR_OK : KR_ERR_MEMORY;
}

static void close_shard(struct shard *shard)
{
	struct kri_copy *copy = shard->newest;

	while (copy) {
		struct kri_copy *older = copy->older;

		free(copy);
		copy = older;
	}
	free(shard->buckets);
	pthread_mutex_destroy(&shard->lock);
}

void kri_copies_close(struct kri_copies **copies)
{
	if (!*copies)
		return;
	for (size_t i = 0; i < SHARDS; i++)
		close_shard(&(*copies)->shards[i]);
	free(*copies);
	*copies = NULL;
}

/* ---- one shard, under its lock ---------------------------------------- */

static struct shard *enter(struct kri_copies *copies, uint64_t hash)
{
	struct shard *shard = &copies->shards[hash >> SHARD_SHIFT];

	pthread_mutex_lock(&shard->lock);
	return shard;
}

static void leave(struct shard *shard)
{
	pthread_mutex_unlock(&shard->lock);
}

static uint64_t *changes_of(struct shard *shard, uint64_t hash)
{
	return &shard->changes[(hash >> CHANGE_SHIFT) & (CHANGES - 1)];
}

static struct kri_copy **find(const struct kri_copies *copies,
			      struct shard *shard, uint64_t hash,
			      const char *id)
{
	struct kri_copy **at = &shard->buckets[hash & copies->mask];

	while (*at && memcmp((*at)->id, id, KRI_ID_LEN))
		at = &(*at)->next;
	return at;
}

static void unchain(struct shard *shard, struct kri_copy *copy)
{
	*(copy->newer ? &copy->newer->older : &shard->newest) = copy->older;
	*(copy->older ? &copy->older->newer : &shard->oldest) = copy->newer;
}

static void chain(struct shard *shard, struct kri_copy *copy)
{
	copy->newer = NULL;
	copy->older = shard->newest;
	*(shard->newest ? &shard->newest->newer : &shard->oldest) = copy;
	shard->newest = copy;
}

static void remove_at(struct shard *shard, struct kri_copy **at)
{
	struct kri_copy *copy = *at;

	*at = copy->next;
	unchain(shard, copy);
	shard->bytes -= copy->size;
	shard->n--;
	free(copy);
}

static void make_room(const struct kri_copies *copies, struct shard *shard,
		      size_t size)
{
	while (shard->oldest && shard->bytes + size > copies->limit) {
		const char *id = shard->oldest->id;

		remove_at(shard, find(copies, shard, kri_id_hash(id), id));
	}
}

/* Takes the copy, in place of the one there. */
static void add(const struct kri_copies *copies, struct shard *shard,
		uint64_t hash, struct kri_copy *copy)
{
	struct kri_copy **at = find(copies, shard, hash, copy->id);

	if (*at)
		remove_at(shard, at);
	make_room(copies, shard, copy->size);
	at = &shard->buckets[hash & copies->mask];
	copy->next = *at;
	*at = copy;
	chain(shard, copy);
	shard->bytes += copy->size;
	shard->n++;
}

/* ---- taking ----------------------------------------------------------- */

static bool is_alive(struct kri_copies *copies, const struct kri_copy *copy)
{
	return copy->era == atomic_load(&copies->era) &&
	       (!copy->mark_len || copy->users == atomic_load(&copies->users));
}

static bool will_do(const struct kri_copy *copy,
		    const struct kri_record *record)
{
	return record->trust == KRI_TRUST_GUESS ||
	       (record->trust == KRI_TRUST_COPY && !copy->guess);
}

static bool take_at(struct kri_copies *copies, struct shard *shard,
		    struct kri_copy **at, struct kri_record *record,
		    int64_t now)
{
	struct kri_copy *copy = *at;

	if (!copy)
		return false;
	if (!is_alive(copies, copy) || !kri_copy_is_fresh(copy, now)) {
		remove_at(shard, at);
		return false;
	}
	if (!will_do(copy, record) || !kri_copy_read(copy, record))
		return false;
	record->unproven = copy->guess;
	unchain(shard, copy);
	chain(shard, copy);
	return true;
}

bool kri_copies_take(struct kri_copies *copies, struct kri_record *record,
		     int64_t now)
{
	uint64_t hash = kri_id_hash(record->id);
	struct shard *shard = enter(copies, hash);
	bool taken =
		take_at(copies, shard, find(copies, shard, hash, record->id),
			record, now);

	leave(shard);
	return taken;
}

/* ---- making ----------------------------------------------------------- */

static struct kri_copy_stamp stamp_of(struct kri_copies *copies)
{
	return (struct kri_copy_stamp){
		.era = atomic_load(&copies->era),
		.users = atomic_load(&copies->users),
	};
}

struct kri_copy_stamp kri_copies_stamp(struct kri_copies *copies,
				       const char *id)
{
	uint64_t hash = kri_id_hash(id);
	struct kri_copy_stamp stamp = stamp_of(copies);
	struct shard *shard = enter(copies, hash);

	stamp.changes = *changes_of(shard, hash);
	leave(shard);
	return stamp;
}

static struct kri_copy *make(struct kri_copies *copies,
			     const struct kri_record *record,
			     const struct kri_copy_stamp *stamp)
{
	struct kri_copy *copy = kri_copy_make(record, copies->idle_timeout);

	if (copy && copy->size > copies->limit / 2) {
		free(copy);
		return NULL;
	}
	if (copy) {
		copy->era = stamp->era;
		copy->users = stamp->users;
	}
	return copy;
}

void kri_copies_fill(struct kri_copies *copies, const struct kri_record *record,
		     const struct kri_copy_stamp *stamp)
{
	struct kri_copy *copy = make(copies, record, stamp);
	uint64_t hash = kri_id_hash(record->id);
	struct shard *shard;

	if (!copy)
		return;
	shard = enter(copies, hash);
	if (*changes_of(shard, hash) == stamp->changes) {
		add(copies, shard, hash, copy);
		copy = NULL;
	}
	leave(shard);
	free(copy);
}

/* ---- doubt ------------------------------------------------------------ */

static void doubt(struct kri_copies *copies, struct shard *shard, uint64_t hash,
		  const char *id, bool guesses_too)
{
	struct kri_copy **at = find(copies, shard, hash, id);

	++*changes_of(shard, hash);
	if (*at && (guesses_too || !(*at)->guess))
		remove_at(shard, at);
}

void kri_copies_change(struct kri_copies *copies, const char *id)
{
	uint64_t hash = kri_id_hash(id);
	struct shard *shard = enter(copies, hash);

	doubt(copies, shard, hash, id, false);
	leave(shard);
}

struct kri_copy_stamp kri_copies_forget(struct kri_copies *copies,
					const char *id)
{
	uint64_t hash = kri_id_hash(id);
	struct kri_copy_stamp stamp = stamp_of(copies);
	struct shard *shard = enter(copies, hash);

	doubt(copies, shard, hash, id, true);
	leave(shard);
	return stamp;
}

void kri_copies_put(struct kri_copies *copies, const struct kri_record *record,
		    const struct kri_copy_stamp *stamp)
{
	struct kri_copy *copy = make(copies, record, stamp);
	uint64_t hash = kri_id_hash(record->id);
	struct shard *shard = enter(copies, hash);

	doubt(copies, shard, hash, record->id, true);
	if (copy) {
		copy->guess = true;
		add(copies, shard, hash, copy);
	}
	leave(shard);
}

void kri_copies_drop(struct kri_copies *copies)
{
	atomic_fetch_add(&copies->era, 1);
}

void kri_copies_drop_users(struct kri_copies *copies)
{
	atomic_fetch_add(&copies->users, 1);
}

struct kri_copies_count kri_copies_count(struct kri_copies *copies)
{
	struct kri_copies_count count = {0};

	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *shard = &copies->shards[i];

		pthread_mutex_lock(&shard->lock);
		count.n += (int64_t)shard->n;
		count.bytes += (int64_t)shard->bytes;
		pthread_mutex_unlock(&shard->lock);
	}
	return count;
}
