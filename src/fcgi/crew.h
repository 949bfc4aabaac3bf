/*
 * The crew: all loops of a server, as one. How they begin, how they are told
 * to end, and what they have done. Used by the main thread.
 */
#ifndef KRI_FCGI_CREW_H
#define KRI_FCGI_CREW_H

#include "base/buffer.h"
#include "fcgi/loop.h"

struct kri_crew {
	const struct kri_site *site; /* borrowed */
	struct kri_loop **loops;     /* n of them */
	int n;
	int started;   /* threads */
	int ended;     /* of them */
	int bell;      /* eventfd: a loop has ended */
	int64_t grace; /* kri_clock_ms() of the end of a moment, see await */
};

/* Makes the loops, as many as server.workers says. KR_ERR_MEMORY,
 * KR_ERR_SYSTEM with one line in `why`. */
enum kr_err kri_crew_open(struct kri_crew *crew, const struct kri_site *site,
			  struct kri_store *store,
			  struct kri_buffer *why) KR_MUST_CHECK;

/* Starts their threads. Also after an error some may run. */
enum kr_err kri_crew_start(struct kri_crew *crew,
			   struct kri_buffer *why) KR_MUST_CHECK;

/* Has all loops answer what has come, and end. */
void kri_crew_drain(struct kri_crew *crew);

/* The same, but hands connections to another process: see loop.h. Those that a
 * stuck loop has not looked at yet go at once. */
void kri_crew_hand_over(struct kri_crew *crew, kri_peers_hand *hand, void *arg);

/* Whether all that run have answered everything. */
bool kri_crew_has_answered(const struct kri_crew *crew);

/*
 * Waits at most `ms` for loops to end. True when there is nothing more to wait
 * for: all have ended, or all has been answered and what is left, a name that
 * the system looks for, has had a moment.
 */
bool kri_crew_await(struct kri_crew *crew, int ms);

/* Joins the threads if all have ended; else lets go of them: they still use
 * the crew, and true is returned. */
bool kri_crew_leave(struct kri_crew *crew);

/* Sums over all loops, at any time. */
int64_t kri_crew_connections(const struct kri_crew *crew);
int64_t kri_crew_requests(const struct kri_crew *crew);
int64_t kri_crew_batches(const struct kri_crew *crew);

/* No thread runs, or none was started. All zero but bell = -1 is closed. */
void kri_crew_close(struct kri_crew *crew);

#endif
