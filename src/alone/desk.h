/*
 * Desks: where calls that block are served. Each is a loop with a link to the
 * store, and so with connections of its own. A call takes one that is idle, or
 * a new one, so that n calls at once have n of them.
 */
#ifndef KRI_ALONE_DESK_H
#define KRI_ALONE_DESK_H

#include <uv.h>

#include "alone/store.h"

struct kri_desk {
	uv_loop_t loop;
	struct kri_link *link; /* NULL: it has none yet */
	int64_t late_at; /* kri_clock_ms() when a call that was served here had
			  * to be given up; 0: it has been answered */
	struct kri_desk *next; /* among the idle */
};

/* An idle desk, whose connections have been looked at: one that broke while
 * nobody was there is known to be. KR_ERR_MEMORY, KR_ERR_SYSTEM. */
enum kr_err kri_desk_take(struct kr_store *store,
			  struct kri_desk **desk) KR_MUST_CHECK;

/* Sends what has been asked for at it, and waits while *busy, and for what
 * nobody waits for. */
void kri_desk_wait(struct kri_desk *desk, const bool *busy);

/* Gives it back; `late` tells that the call was not answered in time. */
void kri_desk_give(struct kr_store *store, struct kri_desk *desk, bool late);

/* Closes all. */
void kri_desks_close(struct kr_store *store);

#endif
