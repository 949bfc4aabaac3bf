/*
 * The insides of the store in memory that its files share: the store, and how a
 * session's shard is entered.
 */
#ifndef KRI_STORE_MEMORY_INSIDE_H
#define KRI_STORE_MEMORY_INSIDE_H

#include "store/memory_counter.h"
#include "store/memory_shard.h"
#include "store/memory_user.h"

#define KRI_MEMORY_SHARDS 64

struct kri_memory_store {
	struct kri_store base;
	const struct kri_config *config;
	struct kri_memory_room room;
	struct kri_memory_users users;
	struct kri_memory_counters counters;
	struct kri_memory_shard shards[KRI_MEMORY_SHARDS];
};

/* One record's business: its shard, locked, and the time. */
struct kri_memory_visit {
	struct kri_memory_shard *shard;
	int64_t now; /* kri_clock_ms() */
};

struct kri_memory_visit kri_memory_enter(struct kri_memory_store *store,
					 const char *id);
void kri_memory_leave(const struct kri_memory_visit *visit);

/* Carries out the record's operation. Errors of commit. */
enum kr_err kri_memory_change(const struct kri_memory_visit *visit,
			      struct kri_record *record) KR_MUST_CHECK;

/* The same for one that is entering, within session.max_per_user. */
enum kr_err kri_memory_login(struct kri_memory_store *store,
			     struct kri_record *record) KR_MUST_CHECK;

/* The operations, see store/store.h. */
void kri_memory_user_list(struct kri_link *link, struct kri_user_query *query,
			  kri_store_done *done, void *arg);
void kri_memory_user_end(struct kri_link *link, struct kri_user_query *query,
			 kri_store_done *done, void *arg);
void kri_memory_count_up(struct kri_link *link, struct kri_counter *counter,
			 kri_store_done *done, void *arg);

#endif
