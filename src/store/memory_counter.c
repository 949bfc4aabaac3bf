/*
 * A hash table of counters that grows as it fills.
 */
#include "store/memory_counter.h"

#include <stdlib.h>

#include "base/crypto.h"

#define SIZE_FIRST 16 /* buckets */
#define SWEEP 8       /* buckets that each count looks through */

struct kri_memory_entry {
	struct kri_memory_entry *next; /* in its bucket */
	int64_t value;
	int64_t ends; /* kri_clock_ms() */
	size_t len;   /* of the name */
	char name[];
};

enum kr_err kri_memory_counters_init(struct kri_memory_counters *counters,
				     struct kri_memory_room *room)
{
	*counters = (struct kri_memory_counters){.room = room};
	pthread_mutex_init(&counters->lock, NULL);
	return kri_random(&counters->seed, sizeof(counters->seed));
}

/* FNV-1a from a secret beginning. */
static uint64_t hash(const struct kri_memory_counters *counters,
		     struct kri_text name)
{
	uint64_t sum = 0xcbf29ce484222325 ^ counters->seed;

	for (size_t i = 0; i < name.len; i++)
		sum = (sum ^ (unsigned char)name.data[i]) * 0x100000001b3;
	return (sum ^ sum >> 32) * 0x9e3779b97f4a7c15 >> 32;
}

static struct kri_memory_entry **bucket_of(
	const struct kri_memory_counters *counters, struct kri_text name)
{
	return &counters->buckets[hash(counters, name) & (counters->size - 1)];
}

/* With what malloc adds to it, and its place in the table. */
static size_t cost_of(size_t len)
{
	return (sizeof(struct kri_memory_entry) + len + 8 + 15) / 16 * 16 +
	       2 * sizeof(void *);
}

static void remove_at(struct kri_memory_counters *counters,
		      struct kri_memory_entry **at)
{
	struct kri_memory_entry *entry = *at;

	*at = entry->next;
	counters->n--;
	kri_memory_room_give(counters->room, cost_of(entry->len));
	free(entry);
}

static void sweep_bucket(struct kri_memory_counters *counters,
			 struct kri_memory_entry **at, int64_t now)
{
	while (*at)
		if ((*at)->ends <= now)
			remove_at(counters, at);
		else
			at = &(*at)->next;
}

static void sweep(struct kri_memory_counters *counters, size_t buckets,
		  int64_t now)
{
	if (buckets > counters->size)
		buckets = counters->size;
	while (buckets--) {
		counters->hand = (counters->hand + 1) & (counters->size - 1);
		sweep_bucket(counters, &counters->buckets[counters->hand], now);
	}
}

size_t kri_memory_counters_sweep(struct kri_memory_counters *counters,
				 int64_t now)
{
	size_t before;

	pthread_mutex_lock(&counters->lock);
	before = counters->n;
	sweep(counters, SIZE_MAX, now);
	before -= counters->n;
	pthread_mutex_unlock(&counters->lock);
	return before;
}

void kri_memory_counters_free(struct kri_memory_counters *counters)
{
	kri_memory_counters_sweep(counters, INT64_MAX);
	free(counters->buckets);
	pthread_mutex_destroy(&counters->lock);
}

static void put(struct kri_memory_counters *counters,
		struct kri_memory_entry *entry)
{
	struct kri_memory_entry **at =
		bucket_of(counters, kri_text(entry->name, entry->len));

	entry->next = *at;
	*at = entry;
}

/* Twice as many buckets. A table that cannot grow does its work more slowly. */
static void grow(struct kri_memory_counters *counters)
{
	struct kri_memory_entry **old = counters->buckets;
	size_t old_size = counters->size;
	size_t size = old_size ? 2 * old_size : SIZE_FIRST;
	struct kri_memory_entry **buckets = calloc(size, sizeof(*buckets));

	if (!buckets)
		return;
	counters->buckets = buckets;
	counters->size = size;
	for (size_t i = 0; i < old_size; i++)
		for (struct kri_memory_entry *entry = old[i], *next; entry;
		     entry = next) {
			next = entry->next;
			put(counters, entry);
		}
	free(old);
}

static struct kri_memory_entry *find(struct kri_memory_counters *counters,
				     struct kri_text name, int64_t now)
{
	struct kri_memory_entry *entry;

	if (!counters->size)
		return NULL;
	sweep_bucket(counters, bucket_of(counters, name), now);
	entry = *bucket_of(counters, name);
	while (entry &&
	       !kri_text_equal(kri_text(entry->name, entry->len), name))
		entry = entry->next;
	return entry;
}

static enum kr_err make(struct kri_memory_counters *counters,
			const struct kri_counter *counter, int64_t now,
			struct kri_memory_entry **made)
{
	size_t cost = cost_of(counter->name.len);
	struct kri_memory_entry *entry;

	if (counters->n >= counters->size)
		grow(counters);
	entry = counters->size ? malloc(sizeof(*entry) + counter->name.len)
			       : NULL;
	if (!entry)
		return KR_ERR_MEMORY;
	if (!kri_memory_room_take(counters->room, cost)) {
		free(entry);
		return KR_ERR_FULL;
	}
	*entry = (struct kri_memory_entry){
		.ends = now + counter->ttl,
		.len = counter->name.len,
	};
	memcpy(entry->name, counter->name.data, entry->len);
	put(counters, entry);
	counters->n++;
	*made = entry;
	return KR_OK;
}

static enum kr_err add(struct kri_memory_counters *counters,
		       struct kri_counter *counter, int64_t now)
{
	struct kri_memory_entry *entry = find(counters, counter->name, now);
	enum kr_err err = KR_OK;

	counter->value = counter->left = 0;
	if (!entry && counter->add)
		err = make(counters, counter, now, &entry);
	if (err || !entry)
		return err;
	entry->value += counter->add;
	counter->value = entry->value;
	counter->left = entry->ends - now;
	return KR_OK;
}

enum kr_err kri_memory_counters_add(struct kri_memory_counters *counters,
				    struct kri_counter *counter, int64_t now)
{
	enum kr_err err;

	pthread_mutex_lock(&counters->lock);
	sweep(counters, SWEEP, now);
	err = add(counters, counter, now);
	if (err == KR_ERR_FULL) {
		sweep(counters, SIZE_MAX, now);
		err = add(counters, counter, now);
	}
	pthread_mutex_unlock(&counters->lock);
	return err;
}
