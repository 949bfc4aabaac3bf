/*
 * The main thread's life: begin, watch signals, listener and the other process,
 * hand over or drain, end. What each of these means is in files of their own.
 */
#include "fcgi/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/acceptor.h"
#include "fcgi/gateway.h"
#include "fcgi/monitor.h"
#include "fcgi/observers.h"
#include "fcgi/reload.h"
#include "fcgi/signals.h"
#include "fcgi/status.h"

#define DRAIN_TICK 20 /* ms between two looks, draining */

/* On the heap, and never freed when threads are left: they use it. */
struct server {
	const struct kri_site *site;
	struct kri_store *store;
	struct kri_handover *handover;
	struct kri_crew crew;
	struct kri_acceptor acceptor;
	struct kri_status status;
	struct kri_reload reload;
	struct kri_observers observers;
	struct kri_buffer place; /* where it listens, for a person */
	int signals;
};

/* ---- the main thread -------------------------------------------------- */

/* What a signal asks for. One that stands in ends with the process that it
 * stands in for: who signals all of that name means that one. */
static enum kri_turn heed_signal(struct server *server)
{
	int number = kri_signals_read(server->signals);

	if (!number || server->handover->role == KRI_ROLE_STAND_IN)
		return KRI_TURN_SERVE;
	switch (number) {
	case SIGTERM:
	case SIGINT:
		kri_log(KRI_LOG_INFO, NULL, "%s: draining", strsignal(number));
		return KRI_TURN_STOP;
	case SIGHUP:
		kri_reload_begin(&server->reload);
		return KRI_TURN_SERVE;
	default:
		kri_log(KRI_LOG_INFO, NULL,
			"%s is ignored; SIGTERM ends the program, SIGHUP has "
			"it read its configuration anew",
			strsignal(number));
		return KRI_TURN_SERVE;
	}
}

/* ms; -1 is for ever. */
static int sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int timeout_of(const struct server *server)
{
	int soon = sooner(kri_status_timeout(&server->status),
			  kri_reload_timeout(&server->reload));

	soon = sooner(kri_observers_timeout(&server->observers), soon);
	return sooner(kri_acceptor_timeout(&server->acceptor), soon);
}

/* Waits for something to do, and does it. */
static enum kri_turn serve_turn(struct server *server)
{
	struct pollfd ready[3 + KRI_OBSERVERS_FDS] = {
		{.fd = server->signals, .events = POLLIN},
		{.fd = kri_acceptor_fd(&server->acceptor), .events = POLLIN},
		{.fd = kri_reload_fd(&server->reload), .events = POLLIN},
	};
	size_t n = 3 + kri_observers_fill(&server->observers, ready + 3);
	enum kri_turn turn = KRI_TURN_SERVE;

	if (poll(ready, n, timeout_of(server)) < 0 && errno != EINTR)
		return KRI_TURN_STOP;
	if (ready[0].revents)
		turn = heed_signal(server);
	if (turn == KRI_TURN_SERVE)
		turn = kri_reload_look(&server->reload);
	if (turn != KRI_TURN_SERVE)
		return turn;
	if (ready[1].revents)
		(void)kri_acceptor_take(&server->acceptor);
	kri_acceptor_judge(&server->acceptor);
	kri_status_tick(&server->status);
	kri_observers_look(&server->observers);
	return KRI_TURN_SERVE;
}

/* ---- the end ---------------------------------------------------------- */

/* Those who had connected are served, and no more. */
static void stop(struct server *server)
{
	kri_status_stopping(&server->status);
	kri_reload_stop(&server->reload);
	kri_listener_refuse(&server->acceptor.listener);
	kri_acceptor_take_all(&server->acceptor);
	kri_listener_close(&server->acceptor.listener);
	kri_crew_drain(&server->crew);
}

/* Another process serves: it gets our connections, and accepts alone. */
static void hand_over(struct server *server)
{
	bool stands_in = server->handover->role == KRI_ROLE_STAND_IN;

	if (stands_in)
		kri_listener_leave(&server->acceptor.listener);
	else
		kri_log(KRI_LOG_INFO, NULL,
			"process %d stands in, and gets our %lld connections; "
			"draining",
			(int)server->reload.standin.pid,
			(long long)kri_crew_connections(&server->crew));
	kri_reload_hand_over(&server->reload, &server->crew);
}

/* The stand-in does the same, and takes those who have connected since. */
static enum kri_turn stop_after_all(struct server *server)
{
	kri_status_stopping(&server->status);
	kri_reload_stop(&server->reload);
	kri_listener_close(&server->acceptor.listener);
	return KRI_TURN_STOP;
}

/* Waits for the loops to end, for as long as requests may take. We may be
 * told meanwhile not to go on afterwards. */
static enum kri_turn await_loops(struct server *server, enum kri_turn turn)
{
	int64_t until = kri_clock_ms() + server->site->config->drain_timeout;

	while (!kri_crew_await(&server->crew, DRAIN_TICK) &&
	       kri_clock_ms() < until) {
		kri_status_ping(&server->status);
		kri_observers_look(&server->observers);
		if (turn == KRI_TURN_HAND_OVER &&
		    heed_signal(server) == KRI_TURN_STOP)
			turn = stop_after_all(server);
	}
	return turn;
}

static void count(const struct server *server, enum kri_turn turn)
{
	long long requests = (long long)kri_crew_requests(&server->crew);
	long long batches = (long long)kri_crew_batches(&server->crew);

	if (server->handover->role == KRI_ROLE_STAND_IN)
		kri_log(KRI_LOG_INFO, NULL,
			"process %d stood in for %lld requests in %lld batches",
			(int)getpid(), requests, batches);
	else
		kri_log(KRI_LOG_INFO, NULL,
			"%s after %lld requests in %lld batches",
			turn == KRI_TURN_STOP ? "ended"
					      : "drained, and starting anew",
			requests, batches);
}

static enum kr_err conclude(struct server *server, enum kri_turn turn,
			    bool left, struct kri_buffer *why)
{
	if (left && !kri_crew_has_answered(&server->crew)) {
		kri_buffer_printf(
			why,
			"requests were still running after "
			"server.drain_timeout (%lld ms)",
			(long long)server->site->config->drain_timeout);
		return KR_ERR_TIMEOUT;
	}
	if (left)
		kri_log(KRI_LOG_WARNING, NULL,
			"ended while the system still looks for a name");
	count(server, turn);
	return KR_OK;
}

/* Ends the loops when they have answered what has come in. */
static enum kr_err drain(struct server *server, enum kri_turn turn,
			 struct kri_server_end *end, struct kri_buffer *why)
{
	kri_monitor_drain(server->site->monitor);
	if (turn == KRI_TURN_STOP)
		stop(server);
	else
		hand_over(server);
	turn = await_loops(server, turn);
	kri_observers_close(&server->observers);
	end->left = kri_crew_leave(&server->crew);
	end->again = turn == KRI_TURN_HAND_OVER &&
		     server->handover->role != KRI_ROLE_STAND_IN;
	if (end->again)
		kri_reload_complete(&server->reload);
	else
		kri_reload_await_end(&server->reload);
	return conclude(server, turn, end->left, why);
}

/* ---- the beginning ---------------------------------------------------- */

static enum kr_err open_listener(struct server *server, struct kri_buffer *why)
{
	struct kri_listener *listener = &server->acceptor.listener;
	const struct kri_config *config = server->site->config;
	enum kr_err err = server->handover->role == KRI_ROLE_ONLY
				  ? kri_listener_open(listener, config, why)
				  : kri_handover_open(server->handover,
						      listener, config, why);

	if (!err)
		kri_listener_describe(listener, &server->place);
	return !err && server->place.failed ? KR_ERR_MEMORY : err;
}

static enum kr_err open_server(struct server *server, struct kri_buffer *why)
{
	enum kr_err err = kri_gateway_setup();

	if (err) {
		kri_buffer_string(why, "libfcgi cannot be set up");
		return err;
	}
	server->signals = server->reload.signals = kri_signals_open();
	if (server->signals < 0) {
		kri_buffer_printf(why, "signalfd: %s", strerror(errno));
		return KR_ERR_SYSTEM;
	}
	err = open_listener(server, why);
	/* The pool's threads are made by its first use, which the check may
	 * be: after the crew has said how many, with the signals blocked. */
	if (!err)
		err = kri_crew_open(&server->crew, server->site, server->store,
				    why);
	if (!err)
		err = kri_acceptor_open(&server->acceptor, &server->crew);
	kri_monitor_watch(server->site->monitor, &server->crew, server->store);
	if (!err)
		err = kri_observers_open(
			&server->observers, server->site->monitor,
			server->handover->role != KRI_ROLE_ONLY, why);
	if (!err)
		err = kri_store_check(server->store, why);
	if (!err)
		kri_store_describe(server->store);
	return err;
}

static void close_server(struct server *server)
{
	kri_observers_close(&server->observers);
	kri_acceptor_close(&server->acceptor);
	kri_crew_close(&server->crew);
	kri_status_close(&server->status);
	kri_reload_close(&server->reload);
	kri_buffer_free(&server->place);
	if (server->signals >= 0)
		close(server->signals);
	free(server);
}

static void begin(struct server *server)
{
	if (server->handover->role == KRI_ROLE_STAND_IN)
		kri_log(KRI_LOG_DEBUG, NULL, "process %d stands in on %s",
			(int)getpid(), server->place.data);
	else
		kri_log(KRI_LOG_INFO, NULL, "serving on %s with %d loops",
			server->place.data, server->crew.n);
	kri_reload_settle(&server->reload);
	kri_status_serving(&server->status);
}

/* A stand-in goes on with the listener when its successor cannot begin. */
static void spare_listener(struct server *server)
{
	if (server->handover->role == KRI_ROLE_SUCCESSOR)
		kri_listener_release(&server->acceptor.listener);
}

static enum kr_err serve(struct server *server, struct kri_server_end *end,
			 struct kri_buffer *why)
{
	enum kr_err err = kri_crew_start(&server->crew, why), ended;
	enum kri_turn turn = err ? KRI_TURN_STOP : KRI_TURN_SERVE;

	if (err)
		spare_listener(server);
	else
		begin(server);
	while (turn == KRI_TURN_SERVE)
		turn = serve_turn(server);
	ended = drain(server, turn, end, why);
	return err ? err : ended;
}

enum kr_err kri_server_run(const struct kri_site *site, struct kri_store *store,
			   struct kri_handover *handover,
			   struct kri_server_end *end, struct kri_buffer *why)
{
	struct server *server = calloc(1, sizeof(*server));
	enum kr_err err;

	if (!server)
		return KR_ERR_MEMORY;
	*server = (struct server){
		.site = site,
		.store = store,
		.handover = handover,
		.crew = {.bell = -1},
		.acceptor = {.listener = {.fd = -1}},
		.signals = -1,
	};
	kri_status_open(&server->status, &server->crew, store, &server->place);
	kri_reload_open(&server->reload, handover, site->config,
			&server->acceptor, &server->status);
	err = open_server(server, why);
	if (err)
		spare_listener(server);
	if (!err && kri_log_start())
		kri_log(KRI_LOG_WARNING, NULL,
			"the log has no thread of its own: who does not read "
			"it holds up requests");
	if (!err)
		err = serve(server, end, why);
	if (!end->left)
		close_server(server);
	return err;
}
