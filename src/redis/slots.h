/*
 * The slot map of a Redis Cluster (Redis Cluster specification): which node
 * serves a key. Nodes once known stay known, so they may be borrowed as long
 * as the map lives.
 */
#ifndef KRI_REDIS_SLOTS_H
#define KRI_REDIS_SLOTS_H

#include "redis/connection.h"

#define KRI_SLOTS 16384
#define KRI_NODES_MAX 1024

struct kri_node {
	struct kri_address address;
	struct kri_buffer name;           /* host:port, for messages */
	size_t owns;                      /* how many slots */
	atomic_size_t first;              /* its only address */
	struct kri_connection connection; /* the cluster's */
};

struct kri_slots {
	struct kri_node *nodes[KRI_NODES_MAX]; /* n of them */
	size_t n;
	struct kri_node *owners[KRI_SLOTS]; /* NULL: unknown */
};

/* CRC16 of the key, or of what is between its first { and the next }. */
unsigned kri_slot_of(struct kri_text key);

/* Frees the nodes; the connections must have been closed. */
void kri_slots_free(struct kri_slots *slots);

/* The node at host:port, made if it is new; NULL without memory or room. */
struct kri_node *kri_slots_node(struct kri_slots *slots, const char *host,
				int port);

/* The owners of slots, counted from 0; NULL behind the last. */
struct kri_node *kri_slots_place(const struct kri_slots *slots, size_t place);

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

/* What "MOVED 3999 127.0.0.1:6381" says, or an ASK. */
struct kri_redirect {
	unsigned slot;
	char host[256]; /* empty: the host that said so */
	int port;
};

/* False if the text makes no sense. */
bool kri_slots_read_redirect(struct kri_text text,
			     struct kri_redirect *redirect);

#endif
