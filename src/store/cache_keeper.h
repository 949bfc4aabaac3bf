/*
 * The keeper: one thread of the process that follows the store behind the
 * cache, takes what has changed out of the copies, and keeps the lease.
 *
 * The lease: every third of it the store is asked to assure that all changes
 * have been told of; copies are good for one lease from when that was sent. As
 * whoever ends a session waits for as long before saying so, nobody is answered
 * from a copy of a session whose end was said. (docs/cache.md)
 */
#ifndef KRI_STORE_CACHE_KEEPER_H
#define KRI_STORE_CACHE_KEEPER_H

#include "store/cache_copies.h"

struct kri_keeper;

/* `store`, which can be followed, and the copies are borrowed; lease in ms. The
 * thread begins with the first _start. KR_ERR_MEMORY. */
enum kr_err kri_keeper_open(struct kri_store *store, struct kri_copies *copies,
			    int64_t lease,
			    struct kri_keeper **keeper) KR_MUST_CHECK;

/* Any thread. Without memory or a thread for it there are no copies, and
 * nothing else is lost. */
void kri_keeper_start(struct kri_keeper *keeper);

/* Whether copies are good now; and tells the keeper that they are wanted, as it
 * rests when nobody asks. A copy has to be taken after this was asked. */
bool kri_keeper_is_good(struct kri_keeper *keeper);

/* The same, for who only looks on. */
bool kri_keeper_looks_good(struct kri_keeper *keeper);

/* Whether changes of what came from that source are told of, so that it may
 * become a copy. */
bool kri_keeper_follows(struct kri_keeper *keeper, uint64_t source);

/* kri_clock_boot_us() before which an end that the store has just confirmed
 * must not be said. */
int64_t kri_keeper_end_of_wait(struct kri_keeper *keeper);

/* Ends the thread. */
void kri_keeper_close(struct kri_keeper **keeper);

#endif
