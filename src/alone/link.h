/*
 * A link on a loop of the program's: the steps of a session, none waited for.
 * Whoever is to be told of an end is told by the loop, and not before the call
 * that began it has returned.
 */
#ifndef KRI_ALONE_LINK_H
#define KRI_ALONE_LINK_H

#include <uv.h>

#include "alone/session.h"

struct kr_link {
	struct kr_store *store;
	struct kri_link *link;   /* NULL: it has been detached */
	uv_timer_t timer;        /* tells of those below, at once */
	uv_prepare_t prepare;    /* before the loop waits: flushes the link */
	struct kri_alone *ended; /* steps that ended within a call */
	struct kri_alone **last;
	unsigned calls; /* of ours that have not returned */
	bool closing;   /* timer and prepare are */
	size_t users;   /* sessions, and those two: the last one frees it */
};

/* KR_ERR_MEMORY, KR_ERR_SYSTEM. */
enum kr_err kri_link_attach(struct kr_store *store, uv_loop_t *loop,
			    struct kr_link **link) KR_MUST_CHECK;
void kri_link_detach(struct kr_link **link);

/* The session is one of this link; it is told of as `opening`. */
void kri_link_open(struct kr_link *link, struct kri_alone *alone,
		   kr_session_done *done, void *arg);

/* Both call alone->done. */
void kri_link_commit(struct kri_alone *alone, kr_session_done *done, void *arg);
void kri_link_reload(struct kri_alone *alone, kr_session_done *done, void *arg);

/* Closes a session of it; one that is under way when that has ended. */
void kri_link_close(struct kri_alone **alone);

#endif
