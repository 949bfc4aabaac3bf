/*
 * The reaper: sees that threads have really ended. A thread that was detached
 * may still be cleaning up after its last line (OpenSSL keeps things for each
 * thread) while the process takes the libraries down.
 */
#ifndef KRI_FCGI_REAPER_H
#define KRI_FCGI_REAPER_H

#include <pthread.h>
#include <stdbool.h>

struct kri_reaper {
	pthread_mutex_t lock;
	pthread_t last; /* that ended and has not been joined */
	bool waiting;   /* there is one */
};

void kri_reaper_init(struct kri_reaper *reaper);
void kri_reaper_free(struct kri_reaper *reaper);

/* The calling thread is about to end: joins the one that did before it. */
void kri_reaper_pass(struct kri_reaper *reaper);

/* Joins the last one that has passed, and so all. */
void kri_reaper_finish(struct kri_reaper *reaper);

#endif
