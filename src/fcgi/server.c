#include "fcgi/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/balance.h"
#include "fcgi/gateway.h"
#include "fcgi/listener.h"
#include "fcgi/loop.h"

#define STACK (512 << 10)  /* bytes; handlers run on it */
#define REST_TICK 100      /* ms until the listener is tried again */
#define STUCK_US 5000      /* us of one turn after which none is expected */
#define JUDGE_TICK 250     /* ms between two looks at the balance */
#define LEFTOVER_GRACE 500 /* ms for a name look-up when all is answered */
#define ACCEPT_MOST 64     /* connections between two looks at the signals */

/* On the heap, and never freed when threads are left: they use it. */
struct server {
	const struct kri_site *site;
	struct kri_store *store;
	struct kri_listener listener;
	int signals;
	int bell; /* eventfd: a loop has ended */
	struct kri_loop **loops;
	struct kri_share *shares; /* as judged last */
	struct past {
		int64_t busy, requests, batches;
	} * past; /* of each loop, then */
	int n, started, active;
	int64_t judged_at;  /* kri_clock_us() */
	int64_t rest_until; /* kri_clock_ms(); the listener rests */
};

static enum kr_err refuse(struct kri_buffer *why, const char *what)
{
	kri_buffer_printf(why, "%s: %s", what, strerror(errno));
	return KR_ERR_SYSTEM;
}

/* ---- accepting -------------------------------------------------------- */

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

/* The listener stays readable while there is nothing to accept with. */
static void rest(struct server *server)
{
	static _Atomic int64_t next;
	int error = errno;

	if (kri_log_is_due(&next))
		kri_log(KRI_LOG_ERROR, NULL,
			"cannot accept connections: %s; raise the limit "
			"(ulimit -n) or lower the front server's connections",
			strerror(error));
	server->rest_until = kri_clock_ms() + REST_TICK;
}

/* A loop whose turn does not end: a handler that is not marked KR_BLOCKING
 * holds it. It says nothing about how busy the loop was before. */
static bool is_stuck(const struct kri_loop *loop)
{
	return kri_loop_turn(loop) > STUCK_US;
}

/* The loop that has least to do; in place of one that is stuck, another. */
static int choose(struct server *server)
{
	int to = kri_balance_least(server->shares, server->active);

	for (int i = 0; i < server->n && is_stuck(server->loops[to]); i++)
		to = (to + 1) % server->n;
	if (to >= server->active)
		server->active = to + 1;
	return to;
}

/* Takes those that wait. False: there may be more. */
static bool accept_some(struct server *server)
{
	int to = choose(server);
	int fds[ACCEPT_MOST];
	size_t n = 0;
	int fd = 0;

	while (n < ACCEPT_MOST &&
	       ((fd = kri_listener_accept(&server->listener)) >= 0 ||
		errno == EINTR || errno == ECONNABORTED))
		if (fd >= 0)
			fds[n++] = fd;
	if (fd < 0 && is_shortage(errno))
		rest(server);
	if (n) {
		server->shares[to].given += n;
		kri_loop_give(server->loops[to], fds, n);
	}
	return fd < 0;
}

/* ---- the balance ------------------------------------------------------ */

static int64_t read_counter(const atomic_llong *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Requests that the loop found at once since then, of those that it may. */
static double depth_of(const struct server *server, const struct past *then,
		       const struct past *now)
{
	int64_t batches = now->batches - then->batches;
	double full = (double)server->site->config->batch;

	if (!batches)
		return 0;
	return (double)(now->requests - then->requests) / (double)batches /
	       full;
}

static void measure(struct server *server, int64_t now)
{
	double passed = (double)(now - server->judged_at);

	for (int i = 0; i < server->n; i++) {
		const struct kri_loop *loop = server->loops[i];
		struct past *then = &server->past[i];
		struct past here = {
			.busy = kri_loop_busy(loop),
			.requests = read_counter(&loop->requests),
			.batches = read_counter(&loop->batches),
		};

		server->shares[i] = (struct kri_share){
			.busy = (double)(here.busy - then->busy) / passed,
			.depth = depth_of(server, then, &here),
			.connections = (size_t)read_counter(&loop->connections),
		};
		*then = here;
	}
	server->judged_at = now;
}

/* Connections that were given to a loop in the moment before it got stuck. */
static void rescue(struct server *server, struct kri_loop *stuck)
{
	int fds[ACCEPT_MOST];
	size_t n = kri_loop_take_back(stuck, fds, ACCEPT_MOST);

	if (n)
		kri_loop_give(server->loops[choose(server)], fds, n);
}

static void judge(struct server *server)
{
	int64_t now = kri_clock_us();
	struct kri_move move;

	if (server->n < 2 || now - server->judged_at < JUDGE_TICK * 1000)
		return;
	measure(server, now);
	for (int i = 0; i < server->n; i++)
		if (is_stuck(server->loops[i]))
			rescue(server, server->loops[i]);
	if (kri_balance(server->shares, server->n, &server->active, &move))
		kri_loop_shed(server->loops[move.from], server->loops[move.to],
			      move.n);
}

/* ---- the main thread -------------------------------------------------- */

/* The number of the signal that ends the server, or 0. */
static int read_signal(const struct server *server)
{
	struct signalfd_siginfo signal;

	if (read(server->signals, &signal, sizeof(signal)) !=
	    (ssize_t)sizeof(signal))
		return 0;
	if (signal.ssi_signo == SIGTERM || signal.ssi_signo == SIGINT)
		return (int)signal.ssi_signo;
	kri_log(KRI_LOG_INFO, NULL,
		"%s is ignored; SIGTERM ends the program, a new one reads its "
		"configuration anew",
		strsignal((int)signal.ssi_signo));
	return 0;
}

static int timeout_of(const struct server *server)
{
	if (server->rest_until)
		return REST_TICK;
	return server->n > 1 ? JUDGE_TICK : -1;
}

/* Until a signal: returns its number. */
static int watch(struct server *server)
{
	struct pollfd ready[] = {{.fd = server->signals, .events = POLLIN},
				 {.fd = server->listener.fd, .events = POLLIN}};

	for (;;) {
		bool rests = kri_clock_ms() < server->rest_until;
		int number;

		if (!rests)
			server->rest_until = 0;
		if (poll(ready, rests ? 1 : 2, timeout_of(server)) < 0 &&
		    errno != EINTR)
			return SIGTERM;
		number = ready[0].revents ? read_signal(server) : 0;
		if (number)
			return number;
		if (!rests && ready[1].revents)
			(void)accept_some(server);
		judge(server);
	}
}

/* ---- the end ---------------------------------------------------------- */

static bool all_answered(const struct server *server)
{
	for (int i = 0; i < server->started; i++)
		if (!atomic_load(&server->loops[i]->answered))
			return false;
	return true;
}

/* Waits for the loops to end, and returns how many did: for as long as
 * requests may take, and then a moment for what nobody waits for. */
static int await_loops(const struct server *server)
{
	int64_t until = kri_clock_ms() + server->site->config->drain_timeout;
	int64_t grace = 0;
	eventfd_t ended = 0, more;

	while ((int)ended < server->started) {
		struct pollfd bell = {.fd = server->bell, .events = POLLIN};
		int64_t now = kri_clock_ms();

		if (!grace && all_answered(server))
			grace = now + LEFTOVER_GRACE;
		if (now >= (grace ? grace : until))
			break;
		poll(&bell, 1, 20);
		if (!eventfd_read(server->bell, &more))
			ended += more;
	}
	return (int)ended;
}

static void count(const struct server *server)
{
	int64_t requests = 0, batches = 0;

	for (int i = 0; i < server->started; i++) {
		requests += server->loops[i]->stages.requests;
		batches += server->loops[i]->stages.batches;
	}
	kri_log(KRI_LOG_INFO, NULL, "ended after %lld requests in %lld batches",
		(long long)requests, (long long)batches);
}

/* Those who had connected are served, and no more. */
static void drain_all(struct server *server)
{
	server->rest_until = 0;
	kri_listener_refuse(&server->listener);
	while (!accept_some(server) && !server->rest_until)
		;
	kri_listener_close(&server->listener);
	for (int i = 0; i < server->started; i++)
		kri_loop_drain(server->loops[i]);
}

/* Ends the loops when they have answered what has come in. */
static enum kr_err drain(struct server *server, bool *left,
			 struct kri_buffer *why)
{
	drain_all(server);
	*left = await_loops(server) < server->started;
	for (int i = 0; i < server->started; i++)
		if (*left)
			pthread_detach(server->loops[i]->thread);
		else
			pthread_join(server->loops[i]->thread, NULL);
	if (*left && !all_answered(server)) {
		kri_buffer_printf(
			why,
			"requests were still running after "
			"server.drain_timeout (%lld ms)",
			(long long)server->site->config->drain_timeout);
		return KR_ERR_TIMEOUT;
	}
	if (!*left)
		count(server);
	else
		kri_log(KRI_LOG_WARNING, NULL,
			"ended while the system still looks for a name");
	return KR_OK;
}

/* ---- the beginning ---------------------------------------------------- */

/*
 * Blocks the signals in all threads; they come as something to read. Those
 * that would end us without a word and mean something elsewhere, too.
 */
static int catch_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	if (pthread_sigmask(SIG_BLOCK, &signals, NULL))
		return -1;
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* server.workers, or as many as there are processors. */
static int count_loops(const struct kri_config *config)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->workers)
		return (int)config->workers;
	return processors < 1 ? 1 : (int)processors;
}

/* libuv makes its pool when it is first used, as large as this says. */
static void size_pool(const struct kri_config *config)
{
	char number[8];

	snprintf(number, sizeof(number), "%d", (int)config->threads);
	setenv("UV_THREADPOOL_SIZE", number, 1);
}

static void ring(void *server)
{
	eventfd_write(((struct server *)server)->bell, 1);
}

static enum kr_err open_loops(struct server *server)
{
	size_t n = (size_t)server->n;
	enum kr_err err = KR_OK;

	server->loops = calloc(n, sizeof(struct kri_loop *));
	server->shares = calloc(n, sizeof(*server->shares));
	server->past = calloc(n, sizeof(*server->past));
	if (!server->loops || !server->shares || !server->past)
		return KR_ERR_MEMORY;
	for (size_t i = 0; i < n && !err; i++) {
		struct kri_loop *loop = calloc(1, sizeof(*loop));

		if (!loop)
			return KR_ERR_MEMORY;
		loop->ended = ring;
		loop->arg = server;
		err = kri_loop_open(loop, server->site, server->store);
		if (err)
			free(loop);
		else
			server->loops[i] = loop;
	}
	return err;
}

static enum kr_err start_loops(struct server *server, struct kri_buffer *why)
{
	pthread_attr_t attr;
	int result = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	for (int i = 0; i < server->n && !result; i++) {
		result = pthread_create(&server->loops[i]->thread, &attr,
					kri_loop_run, server->loops[i]);
		server->started += !result;
	}
	pthread_attr_destroy(&attr);
	if (!result)
		return KR_OK;
	kri_buffer_printf(why, "cannot start a thread: %s", strerror(result));
	return KR_ERR_SYSTEM;
}

static enum kr_err open_server(struct server *server, struct kri_buffer *why)
{
	enum kr_err err = kri_gateway_setup();

	if (err) {
		kri_buffer_string(why, "libfcgi cannot be set up");
		return err;
	}
	server->signals = catch_signals();
	server->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->signals < 0 || server->bell < 0)
		return refuse(why, "signalfd or eventfd");
	err = kri_listener_open(&server->listener, server->site->config, why);
	if (err)
		return err;
	/* The pool's threads are made by its first use, with the signals
	 * blocked as they are now. */
	size_pool(server->site->config);
	err = kri_store_check(server->store, why);
	if (err)
		return err;
	kri_store_describe(server->store);
	err = open_loops(server);
	if (err)
		kri_buffer_printf(why, "cannot make the loops: %s",
				  kr_strerror(err));
	return err;
}

static void close_server(struct server *server)
{
	for (int i = 0; i < server->n && server->loops; i++) {
		if (server->loops[i])
			kri_loop_close(server->loops[i]);
		free(server->loops[i]);
	}
	kri_listener_close(&server->listener);
	if (server->signals >= 0)
		close(server->signals);
	if (server->bell >= 0)
		close(server->bell);
	free(server->loops);
	free(server->shares);
	free(server->past);
	free(server);
}

static enum kr_err serve(struct server *server, bool *left,
			 struct kri_buffer *why)
{
	const struct kri_config *config = server->site->config;
	enum kr_err err = start_loops(server, why), ended;
	int number = 0;

	server->active = 1;
	server->judged_at = kri_clock_us();
	if (!err) {
		kri_log(KRI_LOG_INFO, NULL, "serving on %s with %d loops",
			*config->listen ? config->listen
					: "the inherited socket",
			server->n);
		number = watch(server);
		kri_log(KRI_LOG_INFO, NULL, "%s: draining", strsignal(number));
	}
	ended = drain(server, left, why);
	return err ? err : ended;
}

enum kr_err kri_server_run(const struct kri_site *site, struct kri_store *store,
			   bool *left, struct kri_buffer *why)
{
	struct server *server = calloc(1, sizeof(*server));
	enum kr_err err;

	if (!server)
		return KR_ERR_MEMORY;
	*server = (struct server){
		.site = site,
		.store = store,
		.listener = {.fd = -1},
		.signals = -1,
		.bell = -1,
		.n = count_loops(site->config),
	};
	err = open_server(server, why);
	if (!err && kri_log_start())
		kri_log(KRI_LOG_WARNING, NULL,
			"the log has no thread of its own: who does not read "
			"it holds up requests");
	if (!err)
		err = serve(server, left, why);
	if (!*left)
		close_server(server);
	return err;
}
