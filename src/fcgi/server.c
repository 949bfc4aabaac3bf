#include "fcgi/server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/worker.h"

#define STACK (512 << 10) /* bytes; handlers run on it */
#define REST_TICK 100     /* ms until the listener is tried again */

static enum kr_err refuse(struct kri_buffer *why, const char *what)
{
	kri_buffer_printf(why, "%s: %s", what, strerror(errno));
	return KR_ERR_SYSTEM;
}

static bool spawn(void *server)
{
	pthread_attr_t attr;
	pthread_t thread;
	int result;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	result = pthread_create(&thread, &attr, kri_worker_run, server);
	pthread_attr_destroy(&attr);
	if (result)
		kri_log(KRI_LOG_ERROR, NULL, "cannot start a thread: %s",
			strerror(result));
	return !result;
}

/* Blocks the signals in all threads; they come as something to read. */
static int catch_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (pthread_sigmask(SIG_BLOCK, &signals, NULL))
		return -1;
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

static enum kr_err open_descriptors(struct kri_server *server,
				    struct kri_buffer *why)
{
	struct epoll_event event = {.events = EPOLLIN,
				    .data.ptr = &server->end};

	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->alarm = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server->end = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server->relief =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (server->epoll < 0 || server->alarm < 0 || server->end < 0 ||
	    server->relief < 0)
		return refuse(why, "epoll, eventfd or timerfd");
	if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->end, &event) ||
	    kri_worker_listen(server))
		return refuse(why, "cannot watch the listener");
	return KR_OK;
}

/* server.workers, or as many as there are processors. */
static int count_workers(const struct kri_config *config)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->workers)
		return (int)config->workers;
	if (processors < 1)
		return 1;
	return processors > config->max_workers ? (int)config->max_workers
						: (int)processors;
}

static enum kr_err open_server(struct kri_server *server,
			       struct kri_buffer *why)
{
	const struct kri_config *config = server->site->config;
	enum kr_err err;

	server->epoll = server->alarm = server->end = server->relief = -1;
	err = kri_listener_open(&server->listener, config, why);
	if (!err)
		err = open_descriptors(server, why);
	kri_peers_init(&server->peers, server->epoll, server->alarm,
		       config->receive_timeout);
	kri_turns_init(&server->turns);
	kri_reaper_init(&server->reaper);
	kri_gate_init(&server->gate, count_workers(config),
		      (int)config->max_workers, spawn, server);
	return err;
}

static void close_server(struct kri_server *server)
{
	kri_gate_free(&server->gate);
	kri_turns_free(&server->turns);
	kri_reaper_free(&server->reaper);
	kri_peers_free(&server->peers);
	kri_listener_close(&server->listener);
	close_if_open(server->epoll);
	close_if_open(server->alarm);
	close_if_open(server->end);
	close_if_open(server->relief);
}

/* The listener rests without descriptors to accept with; it is tried again
 * after a while, as some will have been closed. */
static int tend_listener(struct kri_server *server, bool rang)
{
	int64_t now = kri_clock_ms();

	if (!__atomic_load_n(&server->out_of_files, __ATOMIC_ACQUIRE))
		return -1;
	if (rang)
		server->rest_until = now + REST_TICK;
	if (now < server->rest_until)
		return (int)(server->rest_until - now);
	__atomic_store_n(&server->out_of_files, false, __ATOMIC_RELEASE);
	if (kri_worker_listen(server))
		kri_log(KRI_LOG_ERROR, NULL, "epoll: %s", strerror(errno));
	return -1;
}

/* When all that have a seat have long been at work, another helps. */
static void relieve(struct kri_server *server)
{
	uint64_t times;

	if (read(server->relief, &times, sizeof(times)) > 0 &&
	    !atomic_load(&server->looking))
		kri_gate_widen(&server->gate);
}

static int sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* The main thread's life, until a signal: returns its number. */
static int watch(struct kri_server *server, int signals)
{
	struct pollfd ready[] = {{.fd = signals, .events = POLLIN},
				 {.fd = server->alarm, .events = POLLIN},
				 {.fd = server->relief, .events = POLLIN}};
	int timeout = -1;

	for (;;) {
		struct signalfd_siginfo signal;
		eventfd_t count;
		bool rang;

		if (poll(ready, 3, timeout) < 0 && errno != EINTR)
			return 0;
		if (read(signals, &signal, sizeof(signal)) ==
		    (ssize_t)sizeof(signal))
			return (int)signal.ssi_signo;
		relieve(server);
		rang = !eventfd_read(server->alarm, &count);
		timeout = sooner(kri_peers_tend(&server->peers),
				 tend_listener(server, rang));
	}
}

/* Ends the workers when they have answered what has come in. */
static enum kr_err drain(struct kri_server *server, struct kri_buffer *why)
{
	int64_t ms = server->site->config->drain_timeout;
	bool all;

	kri_peers_drain(&server->peers);
	eventfd_write(server->end, 1);
	kri_gate_shut(&server->gate);
	all = kri_gate_drain(&server->gate, ms);
	kri_reaper_finish(&server->reaper);
	if (all)
		return KR_OK;
	kri_buffer_printf(why,
			  "requests were still running after "
			  "server.drain_timeout (%lld ms)",
			  (long long)ms);
	return KR_ERR_TIMEOUT;
}

static enum kr_err serve(struct kri_server *server, int signals,
			 struct kri_buffer *why)
{
	const struct kri_config *config = server->site->config;
	enum kr_err err;
	int number;

	if (!kri_gate_open(&server->gate)) {
		kri_buffer_string(why, "cannot start the workers");
		return KR_ERR_SYSTEM;
	}
	kri_log(KRI_LOG_INFO, NULL, "serving on %s with %d workers",
		*config->listen ? config->listen : "the inherited socket",
		server->gate.least);
	number = watch(server, signals);
	kri_log(KRI_LOG_INFO, NULL, "%s: draining",
		number ? strsignal(number) : "poll failed");
	err = drain(server, why);
	kri_log(KRI_LOG_INFO, NULL, "ended after %lld requests in %lld batches",
		atomic_load(&server->requests), atomic_load(&server->batches));
	return err;
}

enum kr_err kri_server_run(const struct kri_site *site, struct kri_store *store,
			   struct kri_buffer *why)
{
	struct kri_site own = *site;
	struct kri_server server = {.site = &own, .store = store};
	int signals;
	enum kr_err err = kri_gateway_setup();

	if (err) {
		kri_buffer_string(why, "libfcgi cannot be set up");
		return err;
	}
	own.turns = &server.turns;
	signals = catch_signals();
	err = open_server(&server, why);
	if (!err)
		err = signals < 0 ? refuse(why, "signalfd")
				  : serve(&server, signals, why);
	/* After a timeout threads still run, on all of this. */
	if (err != KR_ERR_TIMEOUT)
		close_server(&server);
	close_if_open(signals);
	return err;
}
