/*
 * The status: how the server is doing, in one line, for the operator who asks
 * the service manager; and whether it is alive at all, for its watchdog. Used
 * by the main thread.
 */
#ifndef KRI_FCGI_STATUS_H
#define KRI_FCGI_STATUS_H

#include "fcgi/crew.h"
#include "fcgi/notify.h"

#define KRI_STATUS_MAX 512 /* bytes of the line */

struct kri_status {
	struct kri_notify notify;
	const struct kri_crew *crew; /* borrowed, and so are these two: */
	struct kri_store *store;
	const struct kri_buffer *place; /* where we listen */
	struct kri_buffer refused; /* why the last reload was; empty: not */
	char said[KRI_STATUS_MAX]; /* the line that was said last */
	int64_t look_due;          /* kri_clock_ms() */
	bool stuck;                /* no loop comes round, and it was said */
};

void kri_status_open(struct kri_status *status, const struct kri_crew *crew,
		     struct kri_store *store, const struct kri_buffer *place);
void kri_status_close(struct kri_status *status);

/* What happened, each with a line of its own. */
void kri_status_serving(struct kri_status *status);
void kri_status_reloading(struct kri_status *status);
void kri_status_refused(struct kri_status *status, const char *why);
void kri_status_stopping(struct kri_status *status);

/* Says what is due: the line if it changed, and that we are alive as long as
 * one loop comes round. */
void kri_status_tick(struct kri_status *status);

/* That we are alive, when it is due; for one that drains, which ends by
 * itself however stuck its loops are. */
void kri_status_ping(struct kri_status *status);

/* ms until a tick may be due; -1: never. */
int kri_status_timeout(const struct kri_status *status);

#endif
