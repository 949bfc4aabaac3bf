/*
 * Hosts in turn, of each its addresses, and with the first that answers the
 * greeting. Each address has a share of the time that is left, as one may
 * hang.
 */
#include "postgresql/dial.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "base/log.h"

#define ADDRESSES_MAX 8 /* of one name */

/* Where to connect: a host at one of its addresses. */
struct address {
	char text[INET6_ADDRSTRLEN]; /* "": the host says it all */
};

struct kri_pg_dial {
	struct kri_pg_server *server;
	uv_loop_t *loop;
	struct kri_lookups *lookups;
	kri_pg_dialled *done;
	void *arg;

	uv_timer_t timer;   /* of the address that is tried */
	uint64_t deadline;  /* uv_now() of the end of it all */
	size_t from, tried; /* hosts: the first, and how many */
	const struct kri_pg_host *host;
	struct kri_waiter waiter;
	struct address addresses[ADDRESSES_MAX]; /* of the host: n, `at` next */
	size_t n, at;

	PGconn *conn;
	uv_poll_t *poll; /* NULL: nobody watches the socket */
	enum kri_pg_greeting step;
	bool with_schema;
	enum kr_err step_err; /* of this step's first bad result */
	enum kri_pg_greeting next;

	enum kr_err err; /* of the last address that failed */
	struct kri_buffer why;
};

/* ---- the end of it ------------------------------------------------------ */

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void free_dial(uv_handle_t *timer)
{
	struct kri_pg_dial *dial = timer->data;

	kri_buffer_free(&dial->why);
	free(dial);
}

static void drop_poll(struct kri_pg_dial *dial)
{
	if (dial->poll)
		uv_close((uv_handle_t *)dial->poll, free_handle);
	dial->poll = NULL;
}

static void drop_conn(struct kri_pg_dial *dial)
{
	drop_poll(dial);
	PQfinish(dial->conn);
	dial->conn = NULL;
}

void kri_pg_dial_cancel(struct kri_pg_dial **dial)
{
	struct kri_pg_dial *ended = *dial;

	*dial = NULL;
	if (!ended)
		return;
	kri_lookup_leave(&ended->waiter);
	drop_conn(ended);
	uv_close((uv_handle_t *)&ended->timer, free_dial);
}

static void finish(struct kri_pg_dial *dial, PGconn *conn)
{
	kri_pg_dialled *done = dial->done;
	void *arg = dial->arg;
	enum kr_err err = conn ? KR_OK : dial->err;
	struct kri_buffer why = dial->why;

	dial->why = KRI_BUFFER_EMPTY;
	kri_pg_dial_cancel(&dial);
	done(arg, conn, err, why.data ? why.data : kr_strerror(err));
	kri_buffer_free(&why);
}

static void succeed(struct kri_pg_dial *dial)
{
	PGconn *conn = dial->conn;
	struct kri_pg_server *server = dial->server;

	drop_poll(dial);
	dial->conn = NULL;
	atomic_store(&server->first, (size_t)(dial->host - server->hosts));
	finish(dial, conn);
}

static void note(struct kri_pg_dial *dial, enum kr_err err, const char *why)
{
	kri_buffer_clear(&dial->why);
	if (dial->server->n > 1)
		kri_buffer_printf(
			&dial->why,
			"%s: ", dial->host->name ? dial->host->name : "local");
	kri_buffer_string(&dial->why, why);
	dial->err = err;
}

/* ---- one address after the other ---------------------------------------- */

static void on_time(uv_timer_t *timer);
static void try_host(struct kri_pg_dial *dial);
static void connect_to(struct kri_pg_dial *dial, const struct address *address);

static uint64_t left_of(const struct kri_pg_dial *dial)
{
	uint64_t now = uv_now(dial->loop);

	return dial->deadline > now ? dial->deadline - now : 0;
}

static void set_timer(struct kri_pg_dial *dial, size_t parts)
{
	uv_timer_start(&dial->timer, on_time, left_of(dial) / parts + 1, 0);
}

static void try_next(struct kri_pg_dial *dial)
{
	size_t hosts = dial->server->n - dial->tried;

	drop_conn(dial);
	if (dial->at < dial->n) {
		set_timer(dial, hosts + dial->n - dial->at);
		connect_to(dial, &dial->addresses[dial->at++]);
	} else if (hosts) {
		try_host(dial);
	} else {
		/* Later: who began it does not know it yet. */
		uv_timer_start(&dial->timer, on_time, 0, 0);
	}
}

static void fail(struct kri_pg_dial *dial, enum kr_err err, const char *why)
{
	note(dial, err, why);
	try_next(dial);
}

static const char *what_hangs(const struct kri_pg_dial *dial)
{
	if (dial->waiter.lookup)
		return "the name's look-up does not come back";
	return "no answer in time";
}

static void on_time(uv_timer_t *timer)
{
	struct kri_pg_dial *dial = timer->data;

	if (!dial->conn && !dial->waiter.lookup) {
		finish(dial, NULL);
		return;
	}
	note(dial, KR_ERR_TIMEOUT, what_hangs(dial));
	kri_lookup_leave(&dial->waiter);
	try_next(dial);
}

/* ---- the greeting ------------------------------------------------------- */

static void watch(struct kri_pg_dial *dial, int events, uv_poll_cb callback);
static void on_answer(uv_poll_t *poll, int status, int events);

static void fail_by_libpq(struct kri_pg_dial *dial)
{
	char words[240], state[6];
	enum kr_err err;

	kri_pg_words(PQerrorMessage(dial->conn), words, sizeof(words), state);
	err = kri_pg_error_of(state);
	fail(dial, err == KR_ERR_DENIED ? err : KR_ERR_UNAVAILABLE, words);
}

static void send_step(struct kri_pg_dial *dial)
{
	enum kr_err err;

	dial->next = dial->step;
	dial->step_err = KR_OK;
	err = kri_pg_greeting_send(dial->server, dial->conn, dial->step,
				   dial->with_schema);
	if (err == KR_ERR_UNAVAILABLE)
		fail_by_libpq(dial);
	else if (err)
		fail(dial, err, kr_strerror(err));
	else
		watch(dial, UV_READABLE | UV_WRITABLE, on_answer);
}

static void tell_what_was_made(const struct kri_pg_dial *dial)
{
	const struct kri_pg_server *server = dial->server;

	if (dial->step == KRI_PG_CREATE)
		kri_log(KRI_LOG_INFO, NULL,
			"postgresql %s: made the tables in schema %s",
			server->name.data, server->options.schema);
	if (dial->step == KRI_PG_ADD)
		kri_log(KRI_LOG_INFO, NULL,
			"postgresql %s: the tables in schema %s are of version "
			"%lld now",
			server->name.data, server->options.schema,
			(long long)server->options.version);
}

static void end_step(struct kri_pg_dial *dial)
{
	if (!dial->step_err)
		tell_what_was_made(dial);
	dial->step = dial->next;
	if (dial->step_err)
		try_next(dial);
	else if (dial->step == KRI_PG_READY)
		succeed(dial);
	else
		send_step(dial);
}

/* Of a step's results, the first bad one or the last. */
static void take(struct kri_pg_dial *dial, const PGresult *result)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	if (dial->step_err)
		return;
	dial->next = dial->step;
	dial->step_err = kri_pg_greeting_next(dial->server, result, &dial->next,
					      &dial->with_schema, &why);
	if (dial->step_err)
		note(dial, dial->step_err,
		     why.len ? why.data : kr_strerror(dial->step_err));
	kri_buffer_free(&why);
}

/* The settings before the version say nothing. */
static bool says_something(const struct kri_pg_dial *dial,
			   const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_FATAL_ERROR || dial->step == KRI_PG_CREATE ||
	    dial->step == KRI_PG_ADD)
		return true;
	return dial->step == KRI_PG_PREPARE ? status == PGRES_PIPELINE_SYNC
					    : status == PGRES_TUPLES_OK;
}

/* true when the step's results have all come. Each statement of a pipeline
 * ends with a NULL; the pipeline itself with its sync. */
static bool read_results(struct kri_pg_dial *dial)
{
	while (!PQisBusy(dial->conn)) {
		PGresult *result = PQgetResult(dial->conn);
		bool sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;

		if (!result && dial->step != KRI_PG_PREPARE)
			return true;
		if (result && says_something(dial, result))
			take(dial, result);
		PQclear(result);
		if (sync || PQstatus(dial->conn) == CONNECTION_BAD)
			return true;
	}
	return false;
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
	struct kri_pg_dial *dial = poll->data;
	int left = PQflush(dial->conn);
	bool lost = status < 0; /* and not polled any more */

	if (left < 0 ||
	    ((lost || events & UV_READABLE) && !PQconsumeInput(dial->conn))) {
		fail_by_libpq(dial);
		return;
	}
	if (!lost && !left && (events & UV_WRITABLE))
		uv_poll_start(poll, UV_READABLE, on_answer);
	if (read_results(dial))
		end_step(dial);
	else if (lost)
		fail_by_libpq(dial);
}

/* ---- connecting --------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events);

/* With a new handle each time: libpq may have another socket of the same
 * number since. */
static void watch(struct kri_pg_dial *dial, int events, uv_poll_cb callback)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));

	drop_poll(dial);
	if (!poll || uv_poll_init(dial->loop, poll, PQsocket(dial->conn))) {
		free(poll);
		fail(dial, KR_ERR_MEMORY, "out of memory");
		return;
	}
	poll->data = dial;
	dial->poll = poll;
	uv_poll_start(poll, events, callback);
}

/* The server's notices are for the debugging of programs that it does not
 * know of. */
static void on_notice(void *arg, const PGresult *notice)
{
	const char *text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);

	(void)arg;
	kri_log(KRI_LOG_DEBUG, NULL, "postgresql: %s", text ? text : "notice");
}

static void logged_in(struct kri_pg_dial *dial)
{
	dial->step = KRI_PG_GREET;
	if (PQsetnonblocking(dial->conn, 1))
		fail_by_libpq(dial);
	else
		send_step(dial);
}

static void step_connect(struct kri_pg_dial *dial)
{
	switch (PQconnectPoll(dial->conn)) {
	case PGRES_POLLING_READING:
		watch(dial, UV_READABLE, on_poll);
		break;
	case PGRES_POLLING_WRITING:
		watch(dial, UV_WRITABLE, on_poll);
		break;
	case PGRES_POLLING_OK:
		logged_in(dial);
		break;
	default:
		fail_by_libpq(dial);
	}
}

/* Not watched while libpq may close the socket. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct kri_pg_dial *dial = poll->data;

	(void)status;
	(void)events;
	drop_poll(dial);
	step_connect(dial);
}

static size_t put_place(const struct kri_pg_dial *dial,
			const struct address *address, const char **keywords,
			const char **values)
{
	const struct {
		const char *keyword, *value;
	} place[] = {
		{"host", dial->host->name},
		{"hostaddr", *address->text ? address->text : NULL},
		{"port", dial->host->port},
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(place) / sizeof(*place); i++) {
		if (!place[i].value)
			continue;
		keywords[n] = place[i].keyword;
		values[n++] = place[i].value;
	}
	return n;
}

/* libpq is given an address with the name, as it would look the name up by
 * itself, and wait for the answer. (PQconnectStartParams) */
static void connect_to(struct kri_pg_dial *dial, const struct address *address)
{
	const char *keywords[KRI_PG_KEYWORDS + 4];
	const char *values[KRI_PG_KEYWORDS + 4];
	size_t n = put_place(dial, address, keywords, values);

	memcpy(keywords + n, dial->server->keywords,
	       sizeof(dial->server->keywords));
	memcpy(values + n, dial->server->values, sizeof(dial->server->values));
	dial->conn = PQconnectStartParams(keywords, values, 0);
	if (!dial->conn) {
		fail(dial, KR_ERR_MEMORY, "out of memory");
	} else if (PQstatus(dial->conn) == CONNECTION_BAD) {
		fail_by_libpq(dial);
	} else {
		PQsetErrorVerbosity(dial->conn, PQERRORS_VERBOSE);
		PQsetNoticeReceiver(dial->conn, on_notice, NULL);
		watch(dial, UV_WRITABLE, on_poll);
	}
}

/* ---- names -------------------------------------------------------------- */

static void add_address(struct kri_pg_dial *dial, const struct sockaddr *found)
{
	char *text = dial->addresses[dial->n].text;

	if (dial->n < ADDRESSES_MAX &&
	    !getnameinfo(found,
			 found->sa_family == AF_INET6
				 ? sizeof(struct sockaddr_in6)
				 : sizeof(struct sockaddr_in),
			 text, sizeof(dial->addresses[0].text), NULL, 0,
			 NI_NUMERICHOST))
		dial->n++;
}

static void on_found(struct kri_waiter *waiter, const struct addrinfo *found,
		     const char *why)
{
	struct kri_pg_dial *dial =
		(struct kri_pg_dial *)(void *)((char *)waiter -
					       offsetof(struct kri_pg_dial,
							waiter));

	note(dial, KR_ERR_UNAVAILABLE, found ? "the name has no address" : why);
	for (; found; found = found->ai_next)
		if (found->ai_family == AF_INET || found->ai_family == AF_INET6)
			add_address(dial, found->ai_addr);
	try_next(dial);
}

/* Nothing to look up: libpq knows, or the host is an address itself. */
static bool needs_no_name(struct kri_pg_dial *dial)
{
	const struct kri_pg_host *host = dial->host;
	struct sockaddr_in6 any;
	const char *known = host->address;

	if (!known && !kri_pg_is_local(host->name) &&
	    (!uv_ip4_addr(host->name, 0, (struct sockaddr_in *)(void *)&any) ||
	     !uv_ip6_addr(host->name, 0, &any)))
		known = host->name;
	if (!known && !kri_pg_is_local(host->name))
		return false;
	dial->n = 1;
	snprintf(dial->addresses[0].text, sizeof(dial->addresses[0].text), "%s",
		 known ? known : "");
	return true;
}

static void try_host(struct kri_pg_dial *dial)
{
	struct kri_pg_server *server = dial->server;
	enum kr_err err;

	dial->host = &server->hosts[(dial->from + dial->tried++) % server->n];
	dial->n = dial->at = 0;
	if (needs_no_name(dial)) {
		try_next(dial);
		return;
	}
	set_timer(dial, server->n - dial->tried + 1);
	dial->waiter.found = on_found;
	err = kri_lookup_start(dial->lookups, dial->loop, dial->host->name,
			       &dial->waiter);
	if (err)
		fail(dial, err, kr_strerror(err));
}

struct kri_pg_dial *kri_pg_dial_start(struct kri_pg_server *server,
				      struct uv_loop_s *loop,
				      struct kri_lookups *lookups,
				      kri_pg_dialled *done, void *arg)
{
	struct kri_pg_dial *dial = calloc(1, sizeof(*dial));

	if (!dial)
		return NULL;
	dial->server = server;
	dial->loop = loop;
	dial->lookups = lookups;
	dial->done = done;
	dial->arg = arg;
	dial->from = atomic_load(&server->first);
	uv_update_time(loop);
	dial->deadline =
		uv_now(loop) + (uint64_t)server->options.connect_timeout;
	uv_timer_init(loop, &dial->timer);
	dial->timer.data = dial;
	try_host(dial);
	return dial;
}
