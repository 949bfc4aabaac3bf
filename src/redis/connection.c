/*
 * The life of a connection: made when a call needs it, ready, broken, resting
 * before the next try. What happens to the calls then depends on how much of
 * them was written: see kri_connection_break().
 */
#include "redis/connection.h"

#include <stdlib.h>
#include <uv.h>

#include "base/counters.h"
#include "base/crypto.h"
#include "base/log.h"
#include "redis/inside.h"

/* A try to come back that is younger takes calls along; while an older one
 * hangs, they fail at once. */
#define FRESH 100 /* ms */

#define ASKING "*1\r\n$6\r\nASKING\r\n"

void kri_calls_purge(struct kri_calls *calls)
{
	struct kri_calls kept = {0};
	struct kri_call *call;

	while ((call = kri_calls_pop(calls)))
		if (!call->way.settled)
			kri_calls_push(&kept, call);
	*calls = kept;
}

void kri_connection_init(struct kri_connection *connection,
			 struct kri_client *client, const struct kri_goal *goal,
			 const char *name)
{
	*connection = (struct kri_connection){
		.client = client,
		.goal = *goal,
		.name = name,
	};
}

static uint64_t now(const struct kri_connection *connection)
{
	return uv_now(connection->client->loop);
}

/* ---- good times and bad ------------------------------------------------- */

/* Between half of `delay` and the whole of it, so that many processes do not
 * come back to a server all at once. */
static int jitter(int delay)
{
	unsigned random = 0;

	if (kri_random(&random, sizeof(random)))
		return delay;
	return delay / 2 + (int)(random % (unsigned)(delay / 2 + 1));
}

static enum kri_outage_kind kind_of(const struct kri_connection *connection,
				    enum kr_err err)
{
	if (err == KR_ERR_DENIED)
		return KRI_OUTAGE_DENIED;
	return connection->node ? KRI_OUTAGE_NODE : KRI_OUTAGE_SERVER;
}

static void rest(struct kri_connection *connection, enum kr_err err,
		 const char *why)
{
	struct kri_outages *outages = &connection->client->topology->outages;
	int delay = connection->delay ? connection->delay * 2 : KRI_BACKOFF_MIN;

	if (delay > KRI_BACKOFF_MAX)
		delay = KRI_BACKOFF_MAX;
	kri_count(KRI_METRIC_CONNECT_FAILURES);
	connection->delay = delay;
	connection->denied = err == KR_ERR_DENIED;
	connection->retry_at = now(connection) + (uint64_t)jitter(delay);
	if (!connection->away)
		kri_outage_begin(outages, connection->name, why,
				 kind_of(connection, err));
	connection->away = true;
}

/* A user who may do one thing and not the other would have the server come
 * and go with each: it is back when the other has not been tried for a while.
 */
void kri_connection_praise(struct kri_connection *connection)
{
	uint64_t age = now(connection) - connection->open_since;

	connection->proven = true;
	if (!connection->delay ||
	    (connection->denied && age < (uint64_t)connection->delay))
		return;
	connection->delay = 0;
	if (connection->away)
		kri_outage_end(&connection->client->topology->outages,
			       connection->name);
	connection->away = false;
}

bool kri_connection_rests(const struct kri_connection *connection)
{
	if (!connection->delay || connection->wire)
		return false;
	if (connection->reach)
		return now(connection) - connection->reaching_since > FRESH;
	return now(connection) < connection->retry_at;
}

/* ---- calls that have been given up -------------------------------------- */

/* Stands in line for one whose replies nobody waits for any more. */
static struct kri_call *make_ghost(const struct kri_call *call)
{
	static struct kri_arena nowhere;
	struct kri_call *ghost = calloc(1, sizeof(*ghost));

	if (!ghost)
		return NULL;
	ghost->replies = call->replies;
	ghost->arena = &nowhere;
	ghost->way.begin = call->way.begin;
	ghost->way.got = call->way.got;
	ghost->way.settled = true;
	return ghost;
}

static bool is_ghost(const struct kri_call *call)
{
	return !call->way.pipeline;
}

/* The next reply goes where the first call in line wants it. */
static void set_sink(struct kri_connection *connection)
{
	const struct kri_call *head = connection->calls.head;

	kri_sink_set(&connection->wire->sink, head ? head->arena : NULL,
		     head ? head->room : 0);
}

/* ---- the end of a connection -------------------------------------------- */

static enum kri_loss loss_of(const struct kri_call *call, uint64_t written)
{
	return call->way.begin >= written ? KRI_LOSS_UNSENT : KRI_LOSS_DOUBT;
}

/* Gives all calls back; none has been settled by it when this returns. */
static void lose(struct kri_connection *connection, enum kr_err err, bool open,
		 uint64_t written)
{
	struct kri_calls calls = connection->calls;
	struct kri_call *call;

	connection->calls = (struct kri_calls){0};
	while ((call = kri_calls_pop(&calls)))
		if (is_ghost(call))
			free(call);
		else if (!call->way.settled)
			kri_client_lost(connection, call, err,
					open ? loss_of(call, written)
					     : KRI_LOSS_AWAY);
}

/* A wire that is gone by itself has no owner any more. */
static void drop(struct kri_connection *connection, enum kr_err err)
{
	struct kri_wire *wire = connection->wire;
	uint64_t written = wire ? kri_wire_written(wire) : 0;
	bool open = wire != NULL;

	kri_reach_cancel(&connection->reach);
	connection->wire = NULL;
	if (wire && wire->owner)
		kri_wire_close(&wire);
	lose(connection, err, open, written);
}

static void broke(struct kri_connection *connection, enum kr_err err,
		  const char *why, bool blame)
{
	if (blame || !connection->proven)
		rest(connection, err, why);
	drop(connection, err == KR_ERR_DENIED ? KR_ERR_UNAVAILABLE : err);
}

void kri_connection_drop(struct kri_connection *connection)
{
	drop(connection, KR_ERR_UNAVAILABLE);
}

void kri_connection_break(struct kri_connection *connection, enum kr_err err,
			  const char *why, bool blame)
{
	if (connection->wire || connection->reach)
		broke(connection, err, why, blame);
}

/* ---- calls whose time is over ---------------------------------------------
 */

/* The first settled call, if it has been waited for in vain; or the one whose
 * reply is half read, which cannot be taken out any more. */
static const struct kri_call *find_hanging(const struct kri_connection *it)
{
	int64_t patience = it->client->topology->endpoint.io_timeout;
	const struct kri_call *call;

	for (call = it->calls.head; call; call = call->way.next)
		if (call->way.settled && !is_ghost(call) &&
		    (now(it) - call->way.sent + 1 >= (uint64_t)patience ||
		     (call == it->calls.head && !kri_wire_is_quiet(it->wire))))
			return call;
	return NULL;
}

/* Puts ghosts in the place of settled calls; false without memory. */
static bool put_ghosts(struct kri_connection *connection)
{
	struct kri_calls calls = connection->calls;
	struct kri_call *call;
	bool done = true;

	connection->calls = (struct kri_calls){0};
	while ((call = kri_calls_pop(&calls))) {
		struct kri_call *stays = call;

		if (call->way.settled && !is_ghost(call))
			stays = make_ghost(call);
		if (stays)
			kri_calls_push(&connection->calls, stays);
		done &= stays != NULL;
	}
	return done;
}

void kri_connection_leave(struct kri_connection *connection)
{
	const struct kri_call *hanging;

	if (!connection->wire) {
		kri_calls_purge(&connection->calls);
		return;
	}
	hanging = find_hanging(connection);
	if (hanging)
		broke(connection, KR_ERR_UNAVAILABLE, "no answer in time",
		      connection->wire->heard < hanging->way.sent);
	else if (put_ghosts(connection))
		set_sink(connection);
	else
		broke(connection, KR_ERR_MEMORY, "out of memory", false);
}

void kri_connection_close(struct kri_connection *connection)
{
	struct kri_call *call;

	kri_reach_cancel(&connection->reach);
	kri_wire_close(&connection->wire);
	while ((call = kri_calls_pop(&connection->calls)))
		if (is_ghost(call))
			free(call);
}

/* ---- replies ------------------------------------------------------------ */

static void on_reply(void *arg, const struct kri_reply *reply)
{
	struct kri_connection *connection = arg;
	struct kri_client *client = connection->client;
	struct kri_call *call = connection->calls.head;

	call->reply[call->way.got++] = reply;
	if (connection->wire->sink.over)
		call->err = connection->wire->sink.starved ? KR_ERR_MEMORY
							   : KR_ERR_LIMIT;
	if (call->way.got < call->replies)
		return;
	kri_calls_pop(&connection->calls);
	set_sink(connection);
	call->server = connection->wire->server;
	if (is_ghost(call)) {
		free(call);
		return;
	}
	kri_client_answered(connection, call);
	kri_client_drain(client);
}

static void on_gone(void *arg, enum kr_err err, const char *why)
{
	struct kri_connection *connection = arg;
	struct kri_client *client = connection->client;

	broke(connection, err, why, false);
	kri_client_drain(client);
}

static const struct kri_wire_owner owner = {.reply = on_reply, .gone = on_gone};

/* ---- sending ------------------------------------------------------------ */

/* Each command after ASKING if an ASK sent the call here. */
static enum kr_err send_call(struct kri_wire *wire, struct kri_call *call)
{
	const char *data = call->way.pipeline->commands.data;
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < call->replies && !err; i++) {
		if (call->way.asking)
			err = kri_wire_send(wire, KRI_TEXT(ASKING), false);
		if (!err)
			err = kri_wire_send(
				wire,
				kri_text(data + call->cuts[i],
					 call->cuts[i + 1] - call->cuts[i]),
				true);
	}
	return err;
}

static void mark_dirty(struct kri_connection *connection)
{
	if (connection->dirty)
		return;
	connection->dirty = true;
	connection->next_dirty = connection->client->dirty;
	connection->client->dirty = connection;
}

static void append(struct kri_connection *connection, struct kri_call *call)
{
	struct kri_wire *wire = connection->wire;
	enum kr_err err;

	call->err = KR_OK;
	call->way.begin = wire->appended;
	call->way.sent = now(connection);
	call->way.got = 0;
	call->way.tries++;
	kri_calls_push(&connection->calls, call);
	if (connection->calls.head == call)
		set_sink(connection);
	mark_dirty(connection);
	wire->held = true;
	err = send_call(wire, call);
	wire->held = false;
	if (err)
		kri_connection_break(connection, err, kr_strerror(err), false);
}

void kri_connection_flush(struct kri_connection *connection)
{
	if (connection->wire)
		kri_wire_flush(connection->wire);
}

/* ---- making it ---------------------------------------------------------- */

static void on_reached(void *arg, struct kri_wire *wire, enum kr_err err,
		       const char *why)
{
	struct kri_connection *connection = arg;
	struct kri_client *client = connection->client;
	struct kri_calls calls = connection->calls;
	struct kri_call *call;

	connection->reach = NULL;
	if (err) {
		rest(connection, err, why);
		lose(connection, err, false, 0);
		kri_client_drain(client);
		return;
	}
	connection->client->connections++;
	kri_log(KRI_LOG_INFO, NULL, "redis %s: connected", connection->name);
	kri_count(KRI_METRIC_CONNECTS);
	connection->wire = wire;
	connection->open_since = now(connection);
	connection->proven = false;
	kri_wire_own(wire, &owner, connection);
	connection->calls = (struct kri_calls){0};
	while ((call = kri_calls_pop(&calls)))
		kri_connection_give(connection, call);
	kri_client_drain(client);
}

static void reach(struct kri_connection *connection)
{
	connection->reaching_since = now(connection);
	connection->reach =
		kri_reach_start(&connection->goal, on_reached, connection);
	if (connection->reach)
		return;
	rest(connection, KR_ERR_MEMORY, "out of memory");
	lose(connection, KR_ERR_MEMORY, false, 0);
}

void kri_connection_give(struct kri_connection *connection,
			 struct kri_call *call)
{
	call->way.connection = connection;
	if (connection->wire && !connection->calls.head &&
	    !kri_wire_is_quiet(connection->wire))
		kri_connection_break(connection, KR_ERR_PROTOCOL,
				     "a reply that nobody asked for", false);
	if (kri_connection_rests(connection)) {
		kri_client_lost(connection, call, KR_ERR_UNAVAILABLE,
				KRI_LOSS_AWAY);
	} else if (connection->wire) {
		append(connection, call);
	} else {
		kri_calls_push(&connection->calls, call);
		if (!connection->reach)
			reach(connection);
	}
}
