/*
 * Accepts in bites, rests while the system has nothing to accept with, and
 * judges the balance a few times a second.
 */
#include "fcgi/acceptor.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"

#define REST_TICK 100  /* ms until the listener is tried again */
#define STUCK_US 5000  /* us of one turn after which none is expected */
#define JUDGE_TICK 250 /* ms between two looks at the balance */
#define ACCEPT_MOST 64 /* connections between two looks at the signals */

/* ---- accepting -------------------------------------------------------- */

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

/* The listener stays readable while there is nothing to accept with. */
static void rest(struct kri_acceptor *acceptor)
{
	static _Atomic int64_t next;
	int error = errno;

	if (kri_log_is_due(&next))
		kri_log(KRI_LOG_ERROR, NULL,
			"cannot accept connections: %s; raise the limit "
			"(ulimit -n) or lower the front server's connections",
			strerror(error));
	acceptor->rest_until = kri_clock_ms() + REST_TICK;
}

/* A loop whose turn does not end: a handler that is not marked KR_BLOCKING
 * holds it. It says nothing about how busy the loop was before. */
static bool is_stuck(const struct kri_loop *loop)
{
	return kri_loop_turn(loop) > STUCK_US;
}

/* The loop that has least to do; in place of one that is stuck, another. */
static int choose(struct kri_acceptor *acceptor)
{
	const struct kri_crew *crew = acceptor->crew;
	int to = kri_balance_least(acceptor->shares, acceptor->active);

	for (int i = 0; i < crew->n && is_stuck(crew->loops[to]); i++)
		to = (to + 1) % crew->n;
	if (to >= acceptor->active)
		acceptor->active = to + 1;
	return to;
}

void kri_acceptor_give(struct kri_acceptor *acceptor, const int *fds, size_t n)
{
	int to = choose(acceptor);

	acceptor->shares[to].given += n;
	kri_loop_give(acceptor->crew->loops[to], fds, n);
}

bool kri_acceptor_take(struct kri_acceptor *acceptor)
{
	int fds[ACCEPT_MOST];
	size_t n = 0;
	int fd = 0;

	while (n < ACCEPT_MOST &&
	       ((fd = kri_listener_accept(&acceptor->listener)) >= 0 ||
		errno == EINTR || errno == ECONNABORTED))
		if (fd >= 0)
			fds[n++] = fd;
	if (fd < 0 && is_shortage(errno))
		rest(acceptor);
	if (n)
		kri_count_many(KRI_METRIC_ACCEPTED, n);
	if (n)
		kri_acceptor_give(acceptor, fds, n);
	return fd < 0;
}

void kri_acceptor_take_all(struct kri_acceptor *acceptor)
{
	acceptor->rest_until = 0;
	while (!kri_acceptor_take(acceptor) && !acceptor->rest_until)
		;
}

int kri_acceptor_fd(struct kri_acceptor *acceptor)
{
	if (kri_clock_ms() < acceptor->rest_until)
		return -1;
	acceptor->rest_until = 0;
	return acceptor->listener.fd;
}

/* ---- the balance ------------------------------------------------------ */

static int64_t read_counter(const atomic_llong *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Requests that the loop found at once since then, of those that it may. */
static double depth_of(const struct kri_acceptor *acceptor,
		       const struct kri_past *then, const struct kri_past *now)
{
	int64_t batches = now->batches - then->batches;
	double full = (double)acceptor->crew->site->config->batch;

	if (!batches)
		return 0;
	return (double)(now->requests - then->requests) / (double)batches /
	       full;
}

static void measure(struct kri_acceptor *acceptor, int64_t now)
{
	double passed = (double)(now - acceptor->judged_at);

	for (int i = 0; i < acceptor->crew->n; i++) {
		const struct kri_loop *loop = acceptor->crew->loops[i];
		struct kri_past *then = &acceptor->past[i];
		struct kri_past here = {
			.busy = kri_loop_busy(loop),
			.requests = read_counter(&loop->requests),
			.batches = read_counter(&loop->batches),
		};

		acceptor->shares[i] = (struct kri_share){
			.busy = (double)(here.busy - then->busy) / passed,
			.depth = depth_of(acceptor, then, &here),
			.connections = (size_t)read_counter(&loop->connections),
		};
		*then = here;
	}
	acceptor->judged_at = now;
}

/* Connections that were given to a loop in the moment before it got stuck. */
static void rescue(struct kri_acceptor *acceptor, struct kri_loop *stuck)
{
	int fds[ACCEPT_MOST];
	size_t n = kri_loop_take_back(stuck, fds, ACCEPT_MOST);

	if (n)
		kri_loop_give(acceptor->crew->loops[choose(acceptor)], fds, n);
}

void kri_acceptor_judge(struct kri_acceptor *acceptor)
{
	struct kri_crew *crew = acceptor->crew;
	int64_t now = kri_clock_us();
	struct kri_move move;

	if (crew->n < 2 || now - acceptor->judged_at < JUDGE_TICK * 1000)
		return;
	measure(acceptor, now);
	for (int i = 0; i < crew->n; i++)
		if (is_stuck(crew->loops[i]))
			rescue(acceptor, crew->loops[i]);
	if (kri_balance(acceptor->shares, crew->n, &acceptor->active, &move))
		kri_loop_shed(crew->loops[move.from], crew->loops[move.to],
			      move.n);
}

int kri_acceptor_timeout(const struct kri_acceptor *acceptor)
{
	if (acceptor->rest_until)
		return REST_TICK;
	return acceptor->crew->n > 1 ? JUDGE_TICK : -1;
}

/* ---- life ------------------------------------------------------------- */

enum kr_err kri_acceptor_open(struct kri_acceptor *acceptor,
			      struct kri_crew *crew)
{
	size_t n = (size_t)crew->n;

	acceptor->crew = crew;
	acceptor->active = 1;
	acceptor->judged_at = kri_clock_us();
	acceptor->shares = calloc(n, sizeof(*acceptor->shares));
	acceptor->past = calloc(n, sizeof(*acceptor->past));
	return acceptor->shares && acceptor->past ? KR_OK : KR_ERR_MEMORY;
}

void kri_acceptor_close(struct kri_acceptor *acceptor)
{
	kri_listener_close(&acceptor->listener);
	free(acceptor->shares);
	free(acceptor->past);
	acceptor->shares = NULL;
	acceptor->past = NULL;
}
