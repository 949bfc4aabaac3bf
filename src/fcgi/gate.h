/*
 * The gate: how many threads may stand at the epoll set at once. A worker
 * that has to wait for the store leaves its seat, and a spare takes it; a
 * spare is made when there is none, and goes when it has long had nothing
 * to do. There are no more seats than there is work for: one at least, and
 * at most one for each of the threads that stay.
 */
#ifndef KRI_FCGI_GATE_H
#define KRI_FCGI_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct kri_gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int seats;       /* free ones */
	int idle;        /* threads that wait for a seat */
	int threads;     /* those that count: not those that are ending */
	int alive;       /* all there are */
	int least;       /* threads that stay, and most seats there may be */
	int most;        /* threads there may be */
	atomic_int open; /* seats there are, free or taken */
	bool closed;
	/* Starts a thread that will _enter; returns whether it did. */
	bool (*spawn)(void *arg);
	void *arg;
};

/* No thread runs yet. */
void kri_gate_init(struct kri_gate *gate, int least, int most,
		   bool (*spawn)(void *), void *arg);
void kri_gate_free(struct kri_gate *gate);

/* Starts the `least` threads; returns whether all came up. */
bool kri_gate_open(struct kri_gate *gate);

/* Takes a seat, waiting for one. False: the thread is to end. */
bool kri_gate_enter(struct kri_gate *gate);

/*
 * Gives the caller's seat to another. False: there is nobody to take it, and
 * the caller keeps it. With no spares allowed there is nobody to expect, and
 * it is true.
 */
bool kri_gate_leave(struct kri_gate *gate);

/* One seat more, if there may be and somebody can be had to take it. */
void kri_gate_widen(struct kri_gate *gate);

/* Removes the caller's seat, unless it is the last; returns whether. */
bool kri_gate_narrow(struct kri_gate *gate);

/* Whether there are fewer seats than there may be. */
bool kri_gate_is_narrow(const struct kri_gate *gate);

/* The thread will never enter: it does not count. */
void kri_gate_give_up(struct kri_gate *gate);

/* The last thing that a thread does. */
void kri_gate_exit(struct kri_gate *gate);

/* From now on nobody enters. */
void kri_gate_shut(struct kri_gate *gate);

/* Waits until no thread is left; false if some are after `ms`. */
bool kri_gate_drain(struct kri_gate *gate, int64_t ms);

#endif
