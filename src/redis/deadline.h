/*
 * A deadline, and the courtesy of saying that one waits: a worker that has
 * waited a moment tells the server, which lets another take its place.
 */
#ifndef KRI_REDIS_DEADLINE_H
#define KRI_REDIS_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "krsession.h"
#include "base/wait.h"

#define KRI_PATIENCE 1 /* ms to wait before saying so */

struct kri_deadline {
	const struct kri_wait *wait;
	int64_t at; /* kri_clock_ms() */
	bool waiting;
};

void kri_deadline_start(struct kri_deadline *deadline,
			const struct kri_wait *wait, int64_t ms);

/* A deadline that uses one of `parts` parts of what is left of `whole`; what
 * it learns of `waiting` goes back to whole. */
struct kri_deadline kri_deadline_share(const struct kri_deadline *whole,
				       size_t parts);

/* Says that waiting begins, unless it has been said. */
void kri_deadline_wait(struct kri_deadline *deadline);

/*
 * Waits until `fd` is ready for `events` (of poll). KR_ERR_TIMEOUT at the
 * deadline.
 */
enum kr_err kri_deadline_poll(struct kri_deadline *deadline, int fd,
			      short events) KR_MUST_CHECK;

/* Says that the waiting is over, if it had begun. */
void kri_deadline_end(struct kri_deadline *deadline);

#endif
