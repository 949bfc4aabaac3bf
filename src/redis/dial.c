/*
 * One attempt goes through four steps: the name, the socket, TLS, and the
 * greeting. One timer bounds it; while it connects, each of a name's
 * addresses gets its share of the time that is left.
 */
#include "redis/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#define ADDRESSES_MAX 8
#define REPLY_ROOM 16384 /* of all replies to the greeting */

union place {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
};

struct kri_attempt {
	const struct kri_dial *dial;
	const struct kri_address *address;
	kri_dialled *done;
	void *arg;

	uv_timer_t timer;
	uint64_t deadline; /* uv_now() of the end of it all */
	struct kri_waiter waiter;
	union place places[ADDRESSES_MAX]; /* n of them; `at` is tried next */
	size_t n, at;

	uv_poll_t *poll; /* NULL: the wire, or nobody, watches the socket */
	int fd;          /* -1: none, or the wire's */
	struct kri_wire *wire;
	struct ssl_st *ssl;
	struct kri_arena arena;
	size_t left; /* replies to the greeting to come */

	enum kr_err err; /* of the last address that failed */
	char why[240];
};

/* ---- the end of it ------------------------------------------------------ */

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void free_attempt(uv_handle_t *timer)
{
	free(timer->data);
}

static void drop_poll(struct kri_attempt *attempt)
{
	if (attempt->poll)
		uv_close((uv_handle_t *)attempt->poll, free_handle);
	attempt->poll = NULL;
}

static void drop_socket(struct kri_attempt *attempt)
{
	drop_poll(attempt);
	kri_wire_close(&attempt->wire);
	if (attempt->fd >= 0)
		close(attempt->fd);
	attempt->fd = -1;
}

void kri_dial_cancel(struct kri_attempt **attempt)
{
	struct kri_attempt *ended = *attempt;

	*attempt = NULL;
	if (!ended)
		return;
	kri_lookup_leave(&ended->waiter);
	drop_socket(ended);
	kri_arena_free(&ended->arena);
	uv_close((uv_handle_t *)&ended->timer, free_attempt);
}

static void finish(struct kri_attempt *attempt, struct kri_wire *wire)
{
	kri_dialled *done = attempt->done;
	void *arg = attempt->arg;
	enum kr_err err = wire ? KR_OK : attempt->err;
	char why[sizeof(attempt->why)];

	memcpy(why, attempt->why, sizeof(why));
	kri_dial_cancel(&attempt);
	done(arg, wire, err, why);
}

static void note(struct kri_attempt *attempt, enum kr_err err, const char *why)
{
	attempt->err = err;
	snprintf(attempt->why, sizeof(attempt->why), "%s", why);
}

static void fail(struct kri_attempt *attempt, enum kr_err err, const char *why)
{
	note(attempt, err, why);
	finish(attempt, NULL);
}

/* ---- the greeting ------------------------------------------------------- */

/* With TLS 1.3 the server looks at our certificate after the handshake, and
 * its alert may be lost when it closes: then nobody says what was wrong. */
static void on_gone(void *arg, enum kr_err err, const char *why)
{
	struct kri_attempt *attempt = arg;
	size_t len;

	attempt->wire = NULL;
	note(attempt, err, why);
	len = strlen(attempt->why);
	if (attempt->ssl && err == KR_ERR_UNAVAILABLE)
		snprintf(attempt->why + len, sizeof(attempt->why) - len,
			 " right after the TLS handshake; does it want "
			 "another client certificate (redis.tls_cert_file)?");
	finish(attempt, NULL);
}

static void on_reply(void *arg, const struct kri_reply *reply)
{
	struct kri_attempt *attempt = arg;
	struct kri_wire *wire = attempt->wire;
	const char *why;
	enum kr_err err = kri_greeting_take(attempt->dial, attempt->left, reply,
					    wire, &why);

	if (err) {
		fail(attempt, err, why);
		return;
	}
	if (--attempt->left)
		return;
	kri_sink_set(&wire->sink, NULL, 0);
	attempt->wire = NULL;
	finish(attempt, wire);
}

static const struct kri_wire_owner greeter = {
	.reply = on_reply,
	.gone = on_gone,
};

static enum kr_err send_greeting(struct kri_attempt *attempt)
{
	struct kri_buffer commands = KRI_BUFFER_EMPTY;
	size_t cuts[KRI_GREETINGS + 1];
	size_t n = kri_greeting_put(attempt->dial, &commands, cuts);
	enum kr_err err = commands.failed ? KR_ERR_MEMORY : KR_OK;

	for (size_t i = 0; i < n && !err; i++)
		err = kri_wire_send(attempt->wire,
				    kri_text(commands.data + cuts[i],
					     cuts[i + 1] - cuts[i]),
				    true);
	attempt->left = n;
	kri_buffer_wipe(&commands);
	kri_buffer_free(&commands);
	return err;
}

static void greet(struct kri_attempt *attempt)
{
	enum kr_err err;

	drop_poll(attempt);
	kri_wire_own(attempt->wire, &greeter, attempt);
	kri_sink_set(&attempt->wire->sink, &attempt->arena, REPLY_ROOM);
	err = kri_wire_watch(attempt->wire, attempt->dial->loop);
	if (!err)
		err = send_greeting(attempt);
	if (err)
		fail(attempt, err, kr_strerror(err));
}

/* ---- TLS ---------------------------------------------------------------- */

static const char *host_of(const struct kri_attempt *attempt)
{
	if (attempt->dial->tls_host)
		return attempt->dial->tls_host;
	return attempt->address->host ? attempt->address->host : "localhost";
}

static void on_tls(uv_poll_t *poll, int status, int events);

static void step_tls(struct kri_attempt *attempt)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	enum kri_tls_want want = KRI_TLS_DONE;
	enum kr_err err =
		kri_tls_step(attempt->ssl, host_of(attempt), &want, &why);

	if (err)
		fail(attempt, err, why.len ? why.data : kr_strerror(err));
	else if (want == KRI_TLS_DONE)
		greet(attempt);
	else
		uv_poll_start(attempt->poll,
			      want == KRI_TLS_READ ? UV_READABLE : UV_WRITABLE,
			      on_tls);
	kri_buffer_free(&why);
}

static void on_tls(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	step_tls(poll->data);
}

static void begin_tls(struct kri_attempt *attempt)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	enum kr_err err = kri_tls_begin(attempt->dial->tls,
					kri_wire_context(attempt->wire),
					host_of(attempt), &attempt->ssl, &why);

	if (err)
		fail(attempt, err, why.len ? why.data : kr_strerror(err));
	else
		step_tls(attempt);
	kri_buffer_free(&why);
}

/* ---- the socket --------------------------------------------------------- */

static void on_time(uv_timer_t *timer);

static void connected(struct kri_attempt *attempt)
{
	uint64_t now = uv_now(attempt->dial->loop);

	attempt->wire = kri_wire_open(attempt->fd, attempt->dial->tls != NULL);
	attempt->fd = -1;
	attempt->at = attempt->n;
	uv_timer_start(&attempt->timer, on_time,
		       attempt->deadline > now ? attempt->deadline - now : 0,
		       0);
	if (!attempt->wire)
		fail(attempt, KR_ERR_MEMORY, "out of memory");
	else if (attempt->dial->tls)
		begin_tls(attempt);
	else
		greet(attempt);
}

static void try_next(struct kri_attempt *attempt);

static void on_connect(uv_poll_t *poll, int status, int events)
{
	struct kri_attempt *attempt = poll->data;
	int result = 0;
	socklen_t size = sizeof(result);

	(void)status;
	(void)events;
	if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &result, &size))
		result = errno;
	if (!result) {
		connected(attempt);
		return;
	}
	note(attempt, KR_ERR_UNAVAILABLE, strerror(result));
	try_next(attempt);
}

/* Half-open connections: the kernel asks a silent peer whether it is there,
 * and gives up on what it does not acknowledge in time (tcp(7)). */
static void set_tcp(int fd, const struct kri_dial *dial)
{
	const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, (int)dial->keep_alive},
		{IPPROTO_TCP, TCP_KEEPINTVL, (int)(dial->keep_alive + 2) / 3},
		{IPPROTO_TCP, TCP_KEEPCNT, 3},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, (int)dial->io_timeout},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		setsockopt(fd, options[i].level, options[i].name,
			   &options[i].value, sizeof(int));
}

static socklen_t size_of(const union place *place)
{
	switch (place->any.sa_family) {
	case AF_INET:
		return sizeof(place->v4);
	case AF_INET6:
		return sizeof(place->v6);
	default:
		return sizeof(place->local);
	}
}

static bool watch_connect(struct kri_attempt *attempt)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));

	if (!poll || uv_poll_init(attempt->dial->loop, poll, attempt->fd)) {
		free(poll);
		return false;
	}
	poll->data = attempt;
	attempt->poll = poll;
	return !uv_poll_start(poll, UV_WRITABLE, on_connect);
}

/* Begins to connect; false, with the reason, if that fails at once. */
static bool try_place(struct kri_attempt *attempt, const union place *place)
{
	attempt->fd = socket(place->any.sa_family,
			     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (attempt->fd >= 0) {
		if (place->any.sa_family != AF_UNIX)
			set_tcp(attempt->fd, attempt->dial);
		if ((!connect(attempt->fd, &place->any, size_of(place)) ||
		     errno == EINPROGRESS) &&
		    watch_connect(attempt))
			return true;
	}
	note(attempt, KR_ERR_UNAVAILABLE, strerror(errno));
	return false;
}

/* The address that is next, with its share of the time. */
static void try_next(struct kri_attempt *attempt)
{
	uint64_t now = uv_now(attempt->dial->loop);
	uint64_t left = attempt->deadline > now ? attempt->deadline - now : 0;

	drop_socket(attempt);
	while (attempt->at < attempt->n) {
		size_t parts = attempt->n - attempt->at;

		if (!try_place(attempt, &attempt->places[attempt->at++])) {
			drop_socket(attempt);
			continue;
		}
		uv_timer_start(&attempt->timer, on_time, left / parts, 0);
		return;
	}
	/* Not from here: who began the attempt does not know it yet. */
	uv_timer_start(&attempt->timer, on_time, 0, 0);
}

static void on_time(uv_timer_t *timer)
{
	struct kri_attempt *attempt = timer->data;

	if (attempt->fd < 0 && !attempt->wire && !attempt->waiter.lookup) {
		finish(attempt, NULL);
		return;
	}
	if (attempt->ssl && !attempt->left)
		note(attempt, KR_ERR_TIMEOUT, "TLS: the handshake hangs");
	else if (attempt->waiter.lookup)
		note(attempt, KR_ERR_TIMEOUT,
		     "the name's look-up does not come back");
	else
		note(attempt, KR_ERR_TIMEOUT, "no answer in time");
	if (attempt->fd >= 0 && attempt->at < attempt->n)
		try_next(attempt);
	else
		finish(attempt, NULL);
}

/* ---- the name ----------------------------------------------------------- */

static void add_place(struct kri_attempt *attempt, const struct sockaddr *found)
{
	union place *place = &attempt->places[attempt->n];
	in_port_t port = htons((uint16_t)attempt->address->port);

	if (attempt->n == ADDRESSES_MAX ||
	    (found->sa_family != AF_INET && found->sa_family != AF_INET6))
		return;
	if (found->sa_family == AF_INET) {
		place->v4 = *(const struct sockaddr_in *)(const void *)found;
		place->v4.sin_port = port;
	} else {
		place->v6 = *(const struct sockaddr_in6 *)(const void *)found;
		place->v6.sin6_port = port;
	}
	attempt->n++;
}

static void on_found(struct kri_waiter *waiter, const struct addrinfo *found,
		     const char *why)
{
	struct kri_attempt *attempt =
		(struct kri_attempt *)(void *)((char *)waiter -
					       offsetof(struct kri_attempt,
							waiter));

	note(attempt, KR_ERR_UNAVAILABLE,
	     found ? "the name has no address" : why);
	for (; found; found = found->ai_next)
		add_place(attempt, found->ai_addr);
	try_next(attempt);
}

static bool is_number(struct kri_attempt *attempt)
{
	const struct kri_address *address = attempt->address;
	union place *place = attempt->places;

	if (uv_ip4_addr(address->host, address->port, &place->v4) &&
	    uv_ip6_addr(address->host, address->port, &place->v6))
		return false;
	attempt->n = 1;
	return true;
}

static bool is_local(struct kri_attempt *attempt)
{
	struct sockaddr_un *local = &attempt->places->local;
	const char *path = attempt->address->path;

	if (!path)
		return false;
	local->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(local->sun_path)) {
		note(attempt, KR_ERR_UNAVAILABLE, strerror(ENAMETOOLONG));
		return true;
	}
	strcpy(local->sun_path, path);
	attempt->n = 1;
	return true;
}

static void start(struct kri_attempt *attempt, int64_t ms)
{
	enum kr_err err;

	if (is_local(attempt) || is_number(attempt)) {
		try_next(attempt);
		return;
	}
	attempt->waiter.found = on_found;
	err = kri_lookup_start(attempt->dial->lookups, attempt->dial->loop,
			       attempt->address->host, &attempt->waiter);
	note(attempt, err, kr_strerror(err));
	uv_timer_start(&attempt->timer, on_time, err ? 0 : (uint64_t)ms, 0);
}

struct kri_attempt *kri_dial_start(const struct kri_dial *dial,
				   const struct kri_address *address,
				   int64_t ms, kri_dialled *done, void *arg)
{
	struct kri_attempt *attempt = calloc(1, sizeof(*attempt));

	if (!attempt)
		return NULL;
	attempt->dial = dial;
	attempt->address = address;
	attempt->done = done;
	attempt->arg = arg;
	attempt->fd = -1;
	uv_update_time(dial->loop);
	attempt->deadline = uv_now(dial->loop) + (uint64_t)(ms > 0 ? ms : 0);
	uv_timer_init(dial->loop, &attempt->timer);
	attempt->timer.data = attempt;
	kri_arena_init(&attempt->arena, 1024, 2 * REPLY_ROOM);
	start(attempt, ms);
	return attempt;
}
