#include "fcgi/worker.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/frame.h"
#include "fcgi/pace.h"
#include "fcgi/stages.h"

/* Bytes of a request that are looked at: more than usual headers with our
 * limit on a body. What is longer is received slowly. It must be well below
 * what a front server can write while we read nothing, or both would wait for
 * the other: on a Unix socket poll() holds writers back from a quarter of the
 * buffer (208 KiB) on, overhead included. */
#define WINDOW (32 << 10)

/* Answers up to this size fit a socket's buffer, which is empty then. */
#define SMALL_ANSWER (32 << 10)

struct worker {
	struct kri_server *server;
	struct kri_batch batch;
	struct kri_wait wait;
	struct kri_gateway **gateways; /* one an exchange */
	struct epoll_event *events;
	char *window;
	struct kri_pace pace;
	int64_t woken; /* us, when the batch at hand was found */
	bool seated;   /* has a seat at the epoll set */
	bool ending;   /* the server drains */
	bool done;     /* and there is nothing left to take */
};

/* ---- waiting for the store -------------------------------------------- */

static bool begin_wait(void *arg)
{
	struct worker *worker = arg;

	if (worker->seated)
		worker->seated = !kri_gate_leave(&worker->server->gate);
	return !worker->seated;
}

/* It comes back for a seat when its batch is done. */
static void end_wait(void *arg)
{
	(void)arg;
}

/* ---- answering -------------------------------------------------------- */

/* Bounds a peer that does not read what we write, or the other way about. */
static void set_timeout(const struct worker *worker, int fd, int which)
{
	int64_t ms = worker->server->site->config->receive_timeout;
	struct timeval timeout = {
		.tv_sec = ms / 1000,
		.tv_usec = ms % 1000 * 1000,
	};

	setsockopt(fd, SOL_SOCKET, which, &timeout, sizeof(timeout));
}

static void send_answer(void *arg, struct kr_context *c, struct kri_text answer)
{
	struct worker *worker = arg;
	enum kri_fate fate;

	if (answer.len > SMALL_ANSWER)
		set_timeout(worker, c->peer->fd, SO_SNDTIMEO);
	fate = kri_gateway_send(c->gateway, answer);
	kri_peers_release(&worker->server->peers, c->peer, fate);
}

/* ---- receiving -------------------------------------------------------- */

static void receive(struct worker *worker, struct kr_context *c)
{
	enum kr_err err = kri_gateway_receive(c->gateway, c->peer->fd);

	if (err) {
		kri_peers_release(&worker->server->peers, c->peer,
				  KRI_FATE_GONE);
		c->phase = KRI_DONE;
		return;
	}
	err = kri_gateway_body(c->gateway, KRI_REQUEST_BODY_MAX, &c->body);
	kri_exchange_begin(c, kri_gateway_params(c->gateway), err);
}

/* What did not fit the window is read with a timeout a read. */
static void receive_slowly(void *arg, struct kr_context *c)
{
	set_timeout(arg, c->peer->fd, SO_RCVTIMEO);
	receive(arg, c);
}

static struct kr_context *take(struct worker *worker, struct kri_peer *peer)
{
	size_t slot = worker->batch.n;
	struct kr_context *c = kri_batch_add(&worker->batch);

	c->peer = peer;
	c->gateway = worker->gateways[slot];
	return c;
}

static void refuse(struct kri_peers *peers, struct kri_peer *peer)
{
	static _Atomic int64_t next;

	if (kri_log_is_due(&next))
		kri_log(KRI_LOG_WARNING, NULL,
			"something that is not FastCGI came in: connection "
			"closed");
	kri_peers_release(peers, peer, KRI_FATE_CLOSE);
}

/* A connection has something for us: sees what it is without taking it, as
 * libfcgi would wait for the rest of a half request. */
static void look(struct worker *worker, struct kri_peer *peer)
{
	struct kri_peers *peers = &worker->server->peers;
	ssize_t n =
		recv(peer->fd, worker->window, WINDOW, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		kri_peers_await(peers, peer);
		return;
	}
	if (n <= 0) {
		kri_peers_release(peers, peer, KRI_FATE_CLOSE);
		return;
	}
	switch (kri_frame_scan(kri_text(worker->window, (size_t)n))) {
	case KRI_FRAME_WHOLE:
		receive(worker, take(worker, peer));
		return;
	case KRI_FRAME_PARTIAL:
		if (n == WINDOW)
			take(worker, peer)->phase = KRI_TO_RECEIVE;
		else
			kri_peers_park(peers, peer);
		return;
	case KRI_FRAME_BAD:
		refuse(peers, peer);
		return;
	}
}

/* ---- accepting -------------------------------------------------------- */

enum kr_err kri_worker_listen(struct kri_server *server)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLONESHOT,
		.data.ptr = &server->listener,
	};

	if (epoll_ctl(server->epoll, EPOLL_CTL_MOD, server->listener.fd,
		      &event) &&
	    (errno != ENOENT || epoll_ctl(server->epoll, EPOLL_CTL_ADD,
					  server->listener.fd, &event)))
		return KR_ERR_SYSTEM;
	return KR_OK;
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

/* The listener stays readable while there is nothing to accept with: it
 * rests, and the main thread takes it up again. */
static void rest(struct kri_server *server)
{
	static _Atomic int64_t next;
	int error = errno;

	if (kri_log_is_due(&next))
		kri_log(KRI_LOG_ERROR, NULL,
			"cannot accept connections: %s; raise the limit "
			"(ulimit -n) or lower the front server's connections",
			strerror(error));
	__atomic_store_n(&server->out_of_files, true, __ATOMIC_RELEASE);
	eventfd_write(server->alarm, 1);
}

/* Accepts while the batch has room; a new connection has mostly brought its
 * request along. */
static void accept_some(struct worker *worker)
{
	struct kri_server *server = worker->server;
	bool done = false;

	while (worker->batch.n < worker->batch.cap) {
		int fd = kri_listener_accept(&server->listener);
		struct kri_peer *peer;

		if (fd < 0 && is_shortage(errno)) {
			rest(server);
			return;
		}
		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0) {
			done = true;
			break;
		}
		peer = kri_peers_add(&server->peers, fd);
		if (peer)
			look(worker, peer);
	}
	/* At the end, those who had connected are served, and no more. */
	if (!(worker->ending && done) && kri_worker_listen(server))
		kri_log(KRI_LOG_ERROR, NULL, "epoll: %s", strerror(errno));
}

/* ---- the loop --------------------------------------------------------- */

/* With fewer workers than there may be, one that does not come back, as its
 * handler or a peer holds it up, is relieved by the main thread. */
static void expect_back(struct kri_server *server)
{
	const struct itimerspec later = {
		.it_value.tv_nsec = KRI_RELIEF_MS * 1000000,
	};

	if (kri_gate_is_narrow(&server->gate))
		timerfd_settime(server->relief, 0, &later, NULL);
}

/* Fills the batch with what is ready; false when the server drains and
 * nothing is. */
static bool gather(struct worker *worker)
{
	struct kri_server *server = worker->server;
	bool connecting = false;
	int others = 0;
	int n;

	atomic_fetch_add(&server->looking, 1);
	n = epoll_wait(server->epoll, worker->events, (int)worker->batch.cap,
		       worker->ending ? 0 : -1);
	atomic_fetch_sub(&server->looking, 1);
	worker->woken = kri_clock_us();
	expect_back(server);
	for (int i = 0; i < n; i++) {
		struct kri_peer *peer = worker->events[i].data.ptr;

		if ((void *)peer == &server->end)
			worker->ending = true;
		else if ((void *)peer == &server->listener)
			connecting = true;
		else if (kri_peers_is_leaving(peer))
			kri_peers_leave_on(&server->peers, peer);
		else
			look(worker, peer);
		others += (void *)peer != &server->end;
	}
	if (connecting)
		accept_some(worker);
	return others || !worker->ending || (n < 0 && errno == EINTR);
}

static void count(struct kri_server *server, size_t n)
{
	atomic_fetch_add_explicit(&server->requests, (long long)n,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&server->batches, 1, memory_order_relaxed);
}

/* Who has waited for the store for long has left its seat to another, and has
 * nothing to say about seats. */
static void adjust_seats(struct worker *worker, size_t n)
{
	struct kri_server *server = worker->server;
	struct kri_gate *gate = &server->gate;
	int64_t store_us = worker->batch.store_us;
	int64_t us = kri_clock_us() - worker->woken - store_us;

	if (!worker->seated || worker->ending)
		return;
	switch (kri_pace_note(&worker->pace, n, worker->batch.cap, us,
			      store_us)) {
	case KRI_PACE_FALLS_BEHIND:
		kri_gate_widen(gate);
		return;
	case KRI_PACE_IS_IDLE:
		if (atomic_load(&server->looking))
			worker->seated = !kri_gate_narrow(gate);
		return;
	case KRI_PACE_KEEPS:
		return;
	}
}

static void run_batch(struct worker *worker)
{
	size_t n = worker->batch.n;

	if (!n)
		return;
	count(worker->server, n);
	kri_batch_run(&worker->batch);
	adjust_seats(worker, n);
}

/* Until there is nothing more to take, or to be done. */
static void take_all(struct worker *worker)
{
	while (gather(worker)) {
		run_batch(worker);
		if (!worker->seated)
			return;
	}
	worker->done = true;
}

static void serve(struct worker *worker)
{
	while (!worker->done && kri_gate_enter(&worker->server->gate)) {
		worker->seated = true;
		take_all(worker);
	}
	/* Who was away when the end came sees what has come in meanwhile. */
	if (!worker->done && kri_peers_is_draining(&worker->server->peers)) {
		worker->ending = true;
		worker->seated = true;
		take_all(worker);
	}
}

static void close_worker(struct worker *worker)
{
	size_t cap = worker->batch.cap;

	kri_batch_close(&worker->batch);
	for (size_t i = 0; worker->gateways && i < cap; i++)
		kri_gateway_close(&worker->gateways[i]);
	free(worker->gateways);
	free(worker->events);
	free(worker->window);
}

static enum kr_err open_worker(struct worker *worker)
{
	struct kri_server *server = worker->server;
	size_t cap = (size_t)server->site->config->batch;
	enum kr_err err;

	worker->wait = (struct kri_wait){begin_wait, end_wait, worker};
	err = kri_batch_open(&worker->batch, server->site, server->store,
			     &worker->wait, cap);
	if (err)
		return err;
	worker->batch.send = send_answer;
	worker->batch.receive = receive_slowly;
	worker->batch.arg = worker;
	worker->gateways = calloc(cap, sizeof(struct kri_gateway *));
	worker->events = calloc(cap, sizeof(*worker->events));
	worker->window = malloc(WINDOW);
	if (!worker->gateways || !worker->events || !worker->window)
		return KR_ERR_MEMORY;
	for (size_t i = 0; i < cap && !err; i++)
		err = kri_gateway_open(&worker->gateways[i]);
	return err;
}

/*
 * Woken by the front server's first request of many, a worker would push the
 * front server aside, serve that one, and be woken again for the next. In the
 * batch class it waits until the processor is free, or its turn has come, and
 * finds more of them; on an idle processor that is at once. Another class that
 * the operator has chosen (chrt(1)) is left alone.
 */
static void be_patient(void)
{
	struct sched_param none = {0};

	if (sched_getscheduler(0) == SCHED_OTHER)
		sched_setscheduler(0, SCHED_BATCH, &none);
}

void *kri_worker_run(void *arg)
{
	struct worker worker = {.server = arg};
	enum kr_err err = open_worker(&worker);

	be_patient();
	if (err) {
		kri_log(KRI_LOG_ERROR, NULL, "cannot start a worker: %s",
			kr_strerror(err));
		kri_gate_give_up(&worker.server->gate);
	} else {
		serve(&worker);
	}
	close_worker(&worker);
	kri_reaper_pass(&worker.server->reaper);
	kri_gate_exit(&worker.server->gate);
	return NULL;
}
