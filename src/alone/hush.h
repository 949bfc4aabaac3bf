/*
 * Calls that write to a peer on their caller's thread: it is spared the SIGPIPE
 * that comes of one that has gone, and its signals are left as they were.
 */
#ifndef KRI_ALONE_HUSH_H
#define KRI_ALONE_HUSH_H

#include <signal.h>
#include <stdbool.h>

struct kri_hush {
	sigset_t before, pipe;
	bool pending; /* it was, before us */
};

/* From the first on the thread does not take it; the second takes away what
 * came of us. */
void kri_hush_begin(struct kri_hush *hush);
void kri_hush_end(const struct kri_hush *hush);

#endif
