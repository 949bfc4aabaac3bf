/*
 * The store: where sessions are kept. This is its contract, over batches;
 * what a session means is not its business.
 *
 * A store is shared by all workers; each attaches once and uses its own
 * link, from one thread at a time.
 */
#ifndef KRI_STORE_STORE_H
#define KRI_STORE_STORE_H

#include "base/arena.h"
#include "base/text.h"
#include "base/wait.h"

#define KRI_ID_LEN 22      /* base64url characters of 128 bits */
#define KRI_DIGEST_SIZE 32 /* bytes of a SHA-256 */

enum kri_change {
	KRI_KEPT,   /* as it was loaded */
	KRI_SET,    /* to be written */
	KRI_REMOVED /* to be taken away */
};

struct kri_value {
	struct kri_text key;
	struct kri_text data;
	enum kri_change change;
};

enum kri_operation {
	KRI_OP_NONE,
	KRI_OP_CREATE, /* a session nobody knows yet, with all its values */
	KRI_OP_UPDATE, /* what changed of one that was loaded */
	KRI_OP_DESTROY /* end it */
};

/* One session as the store has it, or is to have it. */
struct kri_record {
	char id[KRI_ID_LEN + 1];
	unsigned char auth[KRI_DIGEST_SIZE]; /* SHA-256 of the secret */
	int64_t born;                        /* seconds since the epoch */
	int64_t version;                     /* count of writes */
	int64_t loaded;                      /* when, by kri_clock_ms() */
	struct kri_value *values;            /* the array: in the arena */
	size_t n, cap;
	struct kri_arena *arena;

	/* For a commit: */
	enum kri_operation operation;
	bool exact;    /* only if the version is still this one */
	bool new_auth; /* auth is to be written too */
	int64_t ttl;   /* ms to live from the commit on, or nearly */

	enum kr_err err; /* what became of the load or commit */
};

struct kri_store;
struct kri_link;

struct kri_store_ops {
	/* A worker's link; `wait` is borrowed and outlives it. */
	enum kr_err (*attach)(struct kri_store *store,
			      const struct kri_wait *wait,
			      struct kri_link **link);
	void (*detach)(struct kri_link **link);

	/*
	 * Fills n records from their ids, and lets each live for the idle
	 * timeout from now on. Keys and values that were loaded last until
	 * the link's next load. err: KR_OK; KR_ERR_NOT_FOUND; or
	 * KR_ERR_UNAVAILABLE, KR_ERR_TIMEOUT, KR_ERR_DENIED,
	 * KR_ERR_PROTOCOL, KR_ERR_MEMORY.
	 */
	void (*load)(struct kri_link *link, struct kri_record **records,
		     size_t n);

	/*
	 * Carries out the operation of n records, each wholly or not at all,
	 * in their order. err: KR_OK; KR_ERR_GONE, the session to update has
	 * ended and nothing was written; KR_ERR_CONFLICT, `exact` was asked
	 * and another wrote first; KR_ERR_FULL; or as for load, and then it
	 * may have been carried out or not. No session is ever stored
	 * without a time to live. Ending one that has ended is KR_OK.
	 */
	void (*commit)(struct kri_link *link, struct kri_record **records,
		       size_t n);

	/* At the start: fails if the store cannot be reached and the
	 * configuration says not to start then. */
	enum kr_err (*check)(struct kri_link *link);

	/* All links have been detached. */
	void (*close)(struct kri_store **store);
};

struct kri_store {
	const struct kri_store_ops *ops;
};

struct kri_link {
	struct kri_store *store;
};

/* Room for `n` more values at the end. KR_ERR_MEMORY past the arena's cap. */
enum kr_err kri_record_reserve(struct kri_record *record,
			       size_t n) KR_MUST_CHECK;

/* The value of that key that has not been removed, or NULL. */
struct kri_value *kri_record_find(const struct kri_record *record,
				  struct kri_text key);

#endif
