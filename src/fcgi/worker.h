/*
 * The workers: threads that take what is ready at the epoll set and walk it
 * through the stages.
 */
#ifndef KRI_FCGI_WORKER_H
#define KRI_FCGI_WORKER_H

#include <stdatomic.h>

#include "fcgi/exchange.h"
#include "fcgi/gate.h"
#include "fcgi/listener.h"
#include "fcgi/peers.h"
#include "fcgi/reaper.h"
#include "store/store.h"

/* What all workers share. */
struct kri_server {
	const struct kri_site *site;
	struct kri_store *store;
	struct kri_turns turns;
	struct kri_listener listener;
	struct kri_peers peers;
	struct kri_gate gate;
	struct kri_reaper reaper;
	int epoll;
	int alarm;             /* eventfd: rings the main thread */
	int end;               /* eventfd: in the epoll set; tells to drain */
	int relief;            /* timerfd: no worker has come back for long */
	atomic_int looking;    /* workers that wait at the epoll set */
	atomic_llong requests; /* exchanges that were walked */
	atomic_llong batches;  /* with at least one */
	bool out_of_files;  /* the listener rests until the main thread says */
	int64_t rest_until; /* kri_clock_ms(), for the main thread */
};

#define KRI_RELIEF_MS 5 /* that a worker may stay away, being the only one */

/* A thread's whole life; for pthread_create. Takes a struct kri_server. */
void *kri_worker_run(void *server);

/* Puts the listener into the epoll set, for one event. */
enum kr_err kri_worker_listen(struct kri_server *server) KR_MUST_CHECK;

#endif
