/*
 * The slot map of a Redis Cluster (Redis Cluster specification): which node
 * serves a key. Shared by all workers; nodes once known stay known, so they
 * may be borrowed for good.
 */
#ifndef KRI_REDIS_SLOTS_H
#define KRI_REDIS_SLOTS_H

#include <pthread.h>

#include "redis/deadline.h"
#include "redis/endpoint.h"
#include "redis/health.h"
#include "redis/reply.h"

#define KRI_SLOTS 16384
#define KRI_NODES_MAX 1024
#define KRI_KEY_MAX 512 /* bytes of prefix and key together */

struct kri_node {
	struct kri_address address;
	struct kri_buffer name; /* host:port, for messages */
	struct kri_health health;
	size_t index; /* among the nodes */
};

struct kri_slots {
	pthread_rwlock_t lock;
	struct kri_node *nodes[KRI_NODES_MAX]; /* n of them */
	size_t n;
	struct kri_node *owners[KRI_SLOTS]; /* NULL: unknown */

	pthread_mutex_t ask_lock;
	pthread_cond_t asked; /* the one that asked for a map is done */
	bool asking;
	int64_t ask_at; /* kri_clock_ms() before which nobody asks again */
};

/* CRC16 of the key, or of what is between its first { and the next }. */
unsigned kri_slot_of(struct kri_text prefix, struct kri_text key);

void kri_slots_init(struct kri_slots *slots);
void kri_slots_free(struct kri_slots *slots);

/* The owner of a slot, or NULL. */
struct kri_node *kri_slots_owner(struct kri_slots *slots, unsigned slot);

/* The node at host:port, made if it is new; NULL without memory or room. */
struct kri_node *kri_slots_node(struct kri_slots *slots, const char *host,
				int port);

/* How many nodes are known, and one of them. */
size_t kri_slots_count(struct kri_slots *slots);
struct kri_node *kri_slots_get(struct kri_slots *slots, size_t index);

/* One slot has moved (MOVED). */
void kri_slots_move(struct kri_slots *slots, unsigned slot,
		    struct kri_node *node);

/*
 * Takes over the answer to CLUSTER SLOTS. `asked` is the node that gave it,
 * for entries that leave the host out. *changed tells whether it is news.
 * KR_ERR_PROTOCOL if it is none.
 */
enum kr_err kri_slots_load(struct kri_slots *slots,
			   const struct kri_reply *reply,
			   const struct kri_node *asked,
			   bool *changed) KR_MUST_CHECK;

/*
 * Whether the caller is the one to ask for a new map; then it owes _end. If
 * another is at it, false; after waiting for that one if there is a deadline
 * to wait for.
 */
bool kri_slots_begin(struct kri_slots *slots, struct kri_deadline *deadline);
void kri_slots_end(struct kri_slots *slots);

#endif
