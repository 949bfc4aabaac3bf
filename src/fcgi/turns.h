/*
 * Turns: of the workers of this process, one at a time carries KR_ATOMIC
 * exchanges of a session. The store's version check already keeps every
 * update; this keeps workers from making one another run again, which under
 * many requests of one session would use up their tries.
 *
 * Sessions share turns by a hash of their id: rarely, and without harm.
 */
#ifndef KRI_FCGI_TURNS_H
#define KRI_FCGI_TURNS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/wait.h"

#define KRI_TURNS 4096

struct kri_turns {
	_Atomic(const void *) holders[KRI_TURNS]; /* NULL: free */
	atomic_int waiting;                       /* threads in _take */
	pthread_mutex_t lock;
	pthread_cond_t given;
};

void kri_turns_init(struct kri_turns *turns);
void kri_turns_free(struct kri_turns *turns);

/* The turn of a session's id. */
unsigned kri_turns_of(const char *id);

/* Whether `holder` has the turn now, taken at this call or before. */
bool kri_turns_try(struct kri_turns *turns, unsigned turn, const void *holder);

/* Waits for it up to `ms`, and tells `wait` if that takes a moment. */
bool kri_turns_take(struct kri_turns *turns, unsigned turn, const void *holder,
		    const struct kri_wait *wait, int64_t ms);

/* Gives up a turn that the caller has. */
void kri_turns_give(struct kri_turns *turns, unsigned turn);

#endif
