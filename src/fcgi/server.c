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
#include "fcgi/signals.h"
#include "fcgi/status.h"

#define DRAIN_TICK 20 /* ms between two looks, draining */

/* On the heap, and never freed when threads are left: they use it. */
struct server {
	const struct kri_site *site;
	struct kri_store *store;
	struct kri_crew crew;
	struct kri_acceptor acceptor;
	struct kri_status status;
	int signals;
};

static const char *place_of(const struct server *server)
{
	const char *listen = server->site->config->listen;

	return *listen ? listen : "the inherited socket";
}

/* ---- the main thread -------------------------------------------------- */

/* The number of the signal that ends the server, or 0. */
static int read_signal(const struct server *server)
{
	int number = kri_signals_read(server->signals);

	if (!number || number == SIGTERM || number == SIGINT)
		return number;
	kri_log(KRI_LOG_INFO, NULL,
		"%s is ignored; SIGTERM ends the program, a new one reads its "
		"configuration anew",
		strsignal(number));
	return 0;
}

/* ms; -1 is for ever. */
static int sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* Until a signal: returns its number. */
static int watch(struct server *server)
{
	for (;;) {
		struct pollfd ready[] = {
			{.fd = server->signals, .events = POLLIN},
			{.fd = kri_acceptor_fd(&server->acceptor),
			 .events = POLLIN},
		};
		int timeout = sooner(kri_acceptor_timeout(&server->acceptor),
				     kri_status_timeout(&server->status));
		int number;

		if (poll(ready, 2, timeout) < 0 && errno != EINTR)
			return SIGTERM;
		number = ready[0].revents ? read_signal(server) : 0;
		if (number)
			return number;
		if (ready[1].revents)
			(void)kri_acceptor_take(&server->acceptor);
		kri_acceptor_judge(&server->acceptor);
		kri_status_tick(&server->status);
	}
}

/* ---- the end ---------------------------------------------------------- */

/* Waits for the loops to end, for as long as requests may take. */
static void await_loops(struct server *server)
{
	int64_t until = kri_clock_ms() + server->site->config->drain_timeout;

	while (!kri_crew_await(&server->crew, DRAIN_TICK) &&
	       kri_clock_ms() < until)
		kri_status_ping(&server->status);
}

static void count(const struct server *server)
{
	kri_log(KRI_LOG_INFO, NULL, "ended after %lld requests in %lld batches",
		(long long)kri_crew_requests(&server->crew),
		(long long)kri_crew_batches(&server->crew));
}

/* Those who had connected are served, and no more. */
static void drain_all(struct server *server)
{
	kri_listener_refuse(&server->acceptor.listener);
	kri_acceptor_take_all(&server->acceptor);
	kri_listener_close(&server->acceptor.listener);
	kri_crew_drain(&server->crew);
}

/* Ends the loops when they have answered what has come in. */
static enum kr_err drain(struct server *server, bool *left,
			 struct kri_buffer *why)
{
	drain_all(server);
	await_loops(server);
	*left = kri_crew_leave(&server->crew);
	if (*left && !kri_crew_has_answered(&server->crew)) {
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

static enum kr_err open_server(struct server *server, struct kri_buffer *why)
{
	enum kr_err err = kri_gateway_setup();

	if (err) {
		kri_buffer_string(why, "libfcgi cannot be set up");
		return err;
	}
	server->signals = kri_signals_open();
	if (server->signals < 0) {
		kri_buffer_printf(why, "signalfd: %s", strerror(errno));
		return KR_ERR_SYSTEM;
	}
	err = kri_listener_open(&server->acceptor.listener,
				server->site->config, why);
	/* The pool's threads are made by its first use, which the check may
	 * be: after the crew has said how many, with the signals blocked. */
	if (!err)
		err = kri_crew_open(&server->crew, server->site, server->store,
				    why);
	if (!err)
		err = kri_acceptor_open(&server->acceptor, &server->crew);
	return err ? err : kri_store_check(server->store, why);
}

static void close_server(struct server *server)
{
	kri_acceptor_close(&server->acceptor);
	kri_crew_close(&server->crew);
	kri_status_close(&server->status);
	if (server->signals >= 0)
		close(server->signals);
	free(server);
}

static enum kr_err serve(struct server *server, bool *left,
			 struct kri_buffer *why)
{
	enum kr_err err = kri_crew_start(&server->crew, why), ended;
	int number = 0;

	if (!err) {
		kri_log(KRI_LOG_INFO, NULL, "serving on %s with %d loops",
			place_of(server), server->crew.n);
		kri_status_serving(&server->status);
		number = watch(server);
		kri_log(KRI_LOG_INFO, NULL, "%s: draining", strsignal(number));
		kri_status_stopping(&server->status);
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
		.crew = {.bell = -1},
		.acceptor = {.listener = {.fd = -1}},
		.signals = -1,
	};
	kri_status_open(&server->status, &server->crew, store,
			place_of(server));
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
