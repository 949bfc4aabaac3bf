/*
 * Copies of sessions in memory, one table for all threads of the process: in
 * shards with a lock each, bounded in bytes; those that were not used for
 * longest make room. As in the store there is of a secret but its digest.
 *
 * Knows what makes a copy doubtful, not whether anybody would tell of that:
 * who takes one has made sure of it before (store/cache_keeper.h).
 */
#ifndef KRI_STORE_CACHE_COPIES_H
#define KRI_STORE_CACHE_COPIES_H

#include "store/store.h"

struct kri_copies;

/* What was known when a load or a commit was sent: its reply makes a copy only
 * if nothing was dropped since; a load's, if no change has been told of. */
struct kri_copy_stamp {
	uint64_t era;     /* of all copies */
	uint64_t users;   /* of those that belong to a user */
	uint64_t changes; /* of ids that hash alike; of a load alone */
};

/* How much there is, for /metrics. */
struct kri_copies_count {
	int64_t n, bytes;
};

/* Takes `size` bytes at most, its own tables among them. idle_timeout in ms:
 * that of sessions which have none of their own. KR_ERR_MEMORY. */
enum kr_err kri_copies_open(size_t size, int64_t idle_timeout,
			    struct kri_copies **copies) KR_MUST_CHECK;
void kri_copies_close(struct kri_copies **copies);

/*
 * Fills the record from its copy, as a load would; false if there is none, if
 * the session is due to be touched, or if record->trust wants a better one.
 * `now` is kri_clock_epoch_ms().
 */
bool kri_copies_take(struct kri_copies *copies, struct kri_record *record,
		     int64_t now);

struct kri_copy_stamp kri_copies_stamp(struct kri_copies *copies,
				       const char *id);

/* Keeps a copy of what was loaded, unless that may have changed since. */
void kri_copies_fill(struct kri_copies *copies, const struct kri_record *record,
		     const struct kri_copy_stamp *stamp);

/* Another's change was told of: a guess stays what it is. */
void kri_copies_change(struct kri_copies *copies, const char *id);

/* We are changing it, or have: no copy stays, and none is made of what was
 * loaded before. The stamp is for what we write. */
struct kri_copy_stamp kri_copies_forget(struct kri_copies *copies,
					const char *id);

/*
 * Forgets, and keeps a copy of what an exact UPDATE or a CREATE has just
 * written, if nothing was dropped since it was sent. It is a guess: whether the
 * change that is told of next is our own, or another's behind it, cannot be
 * known.
 */
void kri_copies_put(struct kri_copies *copies, const struct kri_record *record,
		    const struct kri_copy_stamp *stamp);

/* As _forget: all of them, and those of sessions with a user. */
void kri_copies_drop(struct kri_copies *copies);
void kri_copies_drop_users(struct kri_copies *copies);

struct kri_copies_count kri_copies_count(struct kri_copies *copies);

#endif
