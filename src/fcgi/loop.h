/*
 * A loop: a thread with its connections, its stages and its link to the
 * store. Requests never leave it. Other threads speak to it through its
 * inbox: the main thread gives it connections, a loop that sheds some gives
 * them too.
 */
#ifndef KRI_FCGI_LOOP_H
#define KRI_FCGI_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "fcgi/peers.h"
#include "fcgi/stages.h"

struct kri_inbox {
	pthread_mutex_t lock;
	int *fds; /* connections: n of them */
	size_t n, cap;
	struct kri_loop *heir; /* who is to get `shed` of the idle ones */
	size_t shed;
	bool drain;
	bool probe;           /* the store is to be asked */
	kri_peers_hand *hand; /* draining, to whom connections go; or NULL */
	void *hand_arg;
};

/* A load of a session that cannot be there, to see whether the store can be
 * reached. */
struct kri_probe {
	struct kri_arena arena;
	struct kri_record record, *records[1];
	bool under_way;
	atomic_int err;     /* what came of the last */
	atomic_llong begun; /* kri_clock_us() of it, once it is over; 0: none */
	int64_t since;      /* likewise of the one under way */
};

struct kri_loop {
	uv_loop_t uv;
	uv_prepare_t prepare; /* before it waits: the end of a turn */
	uv_async_t wake;      /* something is in the inbox */
	struct kri_inbox inbox;
	struct kri_stages stages;
	struct kri_peers peers;
	struct kri_counters *counters; /* its own */
	struct kri_probe probe;
	struct kri_loop *heir; /* who gets the connections it sheds */
	pthread_t thread;
	bool closing;

	/* For the main thread, at any time: */
	atomic_llong connections;
	atomic_llong requests; /* that have begun, in so many */
	atomic_llong batches;
	atomic_llong busy_us;  /* in all turns that have ended */
	atomic_bool answered;  /* it drains, and all has been answered */
	void (*ended)(void *); /* called by the loop's thread at its end */
	void *arg;
};

/* Into memory that is all zero. KR_ERR_MEMORY, KR_ERR_SYSTEM. */
enum kr_err kri_loop_open(struct kri_loop *loop, const struct kri_site *site,
			  struct kri_store *store) KR_MUST_CHECK;

/* A thread's whole life; for pthread_create. Takes a struct kri_loop. */
void *kri_loop_run(void *loop);

/* The thread has ended, or was never started. */
void kri_loop_close(struct kri_loop *loop);

/* Those below may be called by any thread. */

/* Gives it non-blocking connections. */
void kri_loop_give(struct kri_loop *loop, const int *fds, size_t n);

/* Takes back connections that it has not looked at yet: at most `most`;
 * returns how many. */
size_t kri_loop_take_back(struct kri_loop *loop, int *fds, size_t most);

/* Has it give `n` of its idle connections to another. */
void kri_loop_shed(struct kri_loop *loop, struct kri_loop *heir, size_t n);

/* Has it answer what has come, and end. */
void kri_loop_drain(struct kri_loop *loop);

/* The same, but connections are handed to another process as they fall idle.
 * `hand` is called by the loop's thread. */
void kri_loop_hand_over(struct kri_loop *loop, kri_peers_hand *hand, void *arg);

/* Has it ask the store, for loop->probe. */
void kri_loop_probe(struct kri_loop *loop);

/* us that its turn has lasted; 0: it waits. */
int64_t kri_loop_turn(const struct kri_loop *loop);

/* us that it has been at work since it was opened, the turn at hand included.
 */
int64_t kri_loop_busy(const struct kri_loop *loop);

#endif
