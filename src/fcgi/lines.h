/*
 * Lines: KR_ATOMIC requests of one session that meet on a loop. Those of one
 * batch share the session's record; later ones wait until the first are
 * done, and then go together. Without this they would make one another's
 * commits fail and run again.
 *
 * One a loop, used by its thread alone.
 */
#ifndef KRI_FCGI_LINES_H
#define KRI_FCGI_LINES_H

#include "fcgi/exchange.h"

#define KRI_LINES 256 /* lists that sessions are hashed to */

struct kri_line {
	char id[KRI_ID_LEN];
	const struct kri_batch *batch; /* at work on the session, or NULL */
	size_t holders;                /* exchanges that it is the turn of */
	struct kr_context *first;      /* who waits, in the order of arrival */
	struct kr_context **last;
	struct kri_line *next; /* in its list, or among the unused */
};

/* All zero has no lines. */
struct kri_lines {
	struct kri_line *lists[KRI_LINES];
	struct kri_line *unused;
};

/*
 * Whether it is the turn of the exchange, as a member of `batch`; else it
 * waits, linked by its `next`. KR_ERR_MEMORY.
 */
enum kr_err kri_lines_enter(struct kri_lines *lines, struct kr_context *c,
			    const struct kri_batch *batch,
			    bool *turn) KR_MUST_CHECK;

/* The exchange is done. Returns those that waited, if it was the last that
 * they waited for; they have to enter again. Else NULL. */
struct kr_context *kri_lines_leave(struct kri_lines *lines,
				   struct kr_context *c);

/* Nobody is in line any more. */
void kri_lines_free(struct kri_lines *lines);

#endif
