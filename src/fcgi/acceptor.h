/*
 * The acceptor: takes connections and spreads them over the loops, and moves
 * them where one loop falls behind. Used by the main thread.
 */
#ifndef KRI_FCGI_ACCEPTOR_H
#define KRI_FCGI_ACCEPTOR_H

#include "fcgi/balance.h"
#include "fcgi/crew.h"
#include "fcgi/listener.h"

struct kri_acceptor {
	struct kri_crew *crew; /* borrowed */
	struct kri_listener listener;
	struct kri_share *shares; /* as judged last */
	struct kri_past {
		int64_t busy, requests, batches;
	} * past;           /* of each loop, then */
	int active;         /* loops that take new connections */
	int64_t judged_at;  /* kri_clock_us() */
	int64_t rest_until; /* kri_clock_ms(); the listener rests; 0: no */
};

/* The crew is open. The listener is the caller's to open, and closed with
 * this. KR_ERR_MEMORY. */
enum kr_err kri_acceptor_open(struct kri_acceptor *acceptor,
			      struct kri_crew *crew) KR_MUST_CHECK;
void kri_acceptor_close(struct kri_acceptor *acceptor);

/* What poll(2) is to watch for connections: -1 while the listener rests, as
 * there is nothing to accept with. */
int kri_acceptor_fd(struct kri_acceptor *acceptor);

/* Takes those that wait. False: there may be more. */
bool kri_acceptor_take(struct kri_acceptor *acceptor);

/* Takes all that wait, as far as there are descriptors. */
void kri_acceptor_take_all(struct kri_acceptor *acceptor);

/* Spreads connections that came another way. */
void kri_acceptor_give(struct kri_acceptor *acceptor, const int *fds, size_t n);

/* Judges the balance, if it is time to. */
void kri_acceptor_judge(struct kri_acceptor *acceptor);

/* ms until it wants to be asked again; -1: never. */
int kri_acceptor_timeout(const struct kri_acceptor *acceptor);

#endif
