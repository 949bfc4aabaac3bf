/*
 * From submit to done: a pipeline's calls go their ways, and come back
 * answered or lost; lost ones are sent again if that does no harm.
 *
 * Callers are told in one place, kri_client_drain(), with nothing half done
 * behind it: there they may submit more, and close the client.
 */
#include "redis/client.h"

#include <stdlib.h>

#include "base/clock.h"
#include "redis/inside.h"

/* ---- pipelines under way ------------------------------------------------ */

static void on_deadline(uv_timer_t *timer);

static void set_timer(struct kri_client *client)
{
	int64_t left = client->first->way.deadline - kri_clock_ms();

	uv_timer_start(&client->timer, on_deadline,
		       left > 0 ? (uint64_t)left : 0, 0);
}

static void link_pipeline(struct kri_client *client,
			  struct kri_pipeline *pipeline)
{
	pipeline->way.deadline =
		kri_clock_ms() + client->topology->endpoint.io_timeout;
	pipeline->way.next = NULL;
	pipeline->way.prev = client->last;
	if (client->last)
		client->last->way.next = pipeline;
	else
		client->first = pipeline;
	client->last = pipeline;
	/* It runs on when all is done, and then finds the next one. */
	if (!uv_is_active((uv_handle_t *)&client->timer))
		set_timer(client);
}

static void unlink_pipeline(struct kri_client *client,
			    struct kri_pipeline *pipeline)
{
	if (!pipeline->way.deadline)
		return; /* a question of our own, which has no place in line */
	if (pipeline->way.prev)
		pipeline->way.prev->way.next = pipeline->way.next;
	else
		client->first = pipeline->way.next;
	if (pipeline->way.next)
		pipeline->way.next->way.prev = pipeline->way.prev;
	else
		client->last = pipeline->way.prev;
}

/* One call less to wait for, or the hold that submit has. */
static void release(struct kri_client *client, struct kri_pipeline *pipeline)
{
	if (--pipeline->way.unsettled)
		return;
	unlink_pipeline(client, pipeline);
	pipeline->way.next = NULL;
	*client->done_end = pipeline;
	client->done_end = &pipeline->way.next;
}

void kri_client_settle(struct kri_client *client, struct kri_call *call,
		       enum kr_err err)
{
	call->err = err;
	call->way.settled = true;
	release(client, call->way.pipeline);
}

/* Gives up on what is left of a pipeline, which goes when it is released. */
static void settle_rest(struct kri_client *client,
			struct kri_pipeline *pipeline, enum kr_err err)
{
	pipeline->way.unsettled++;
	for (size_t i = 0; i < pipeline->n; i++)
		if (!pipeline->calls[i].way.settled)
			kri_client_settle(client, &pipeline->calls[i], err);
}

static void route(struct kri_client *client, struct kri_call *call)
{
	call->way.asking = false;
	if (client->cluster)
		kri_cluster_route(client->cluster, call);
	else
		kri_connection_give(&client->primary, call);
}

static struct kri_pipeline *take_done(struct kri_client *client)
{
	struct kri_pipeline *pipeline = client->done;

	if (pipeline)
		client->done = pipeline->way.next;
	if (!client->done)
		client->done_end = &client->done;
	return pipeline;
}

void kri_client_drain(struct kri_client *client)
{
	struct kri_pipeline *pipeline;
	struct kri_call *call;

	if (client->draining)
		return;
	client->draining = true;
	for (;;) {
		if ((call = kri_calls_pop(&client->limbo)))
			route(client, call);
		else if ((pipeline = take_done(client)))
			pipeline->done(pipeline);
		else
			break;
	}
	client->draining = false;
}

void kri_client_submit(struct kri_client *client, struct kri_pipeline *pipeline)
{
	pipeline->way.unsettled = pipeline->n + 1;
	link_pipeline(client, pipeline);
	for (size_t i = 0; i < pipeline->n; i++) {
		struct kri_call *call = &pipeline->calls[i];

		call->way = (__typeof__(call->way)){.pipeline = pipeline};
		if (client->closed || pipeline->commands.failed)
			kri_client_settle(client, call,
					  client->closed ? KR_ERR_UNAVAILABLE
							 : KR_ERR_MEMORY);
		else
			route(client, call);
	}
	release(client, pipeline);
	kri_client_drain(client);
}

void kri_client_flush(struct kri_client *client)
{
	struct kri_connection *connection;

	while ((connection = client->dirty)) {
		client->dirty = connection->next_dirty;
		connection->dirty = false;
		kri_connection_flush(connection);
	}
}

size_t kri_client_places(const struct kri_client *client)
{
	return client->cluster ? kri_cluster_places(client->cluster) : 1;
}

uint64_t kri_client_connections(const struct kri_client *client)
{
	return client->connections;
}

/* ---- replies ------------------------------------------------------------ */

const struct kri_reply *kri_call_find(const struct kri_call *call,
				      const char *code)
{
	for (size_t i = 0; i < call->replies; i++)
		if (kri_reply_is_error(call->reply[i], code))
			return call->reply[i];
	return NULL;
}

/* The reply that says of the server itself that it is the wrong one, or not
 * ready; NULL if none does. */
static const struct kri_reply *find_refusal(const struct kri_call *call,
					    enum kr_err *err)
{
	for (size_t i = 0; i < call->replies; i++) {
		if (call->reply[i]->type != KRI_REPLY_ERROR)
			continue;
		*err = kri_reply_check(call->reply[i]);
		if (call->lenient && kri_reply_is_forbidden(call->reply[i]))
			continue;
		if (*err == KR_ERR_UNAVAILABLE || *err == KR_ERR_DENIED)
			return call->reply[i];
	}
	return NULL;
}

/* A replica takes no writes, another of the addresses may: true if there is
 * one, and then nobody is to blame. */
static bool turn_away(struct kri_connection *connection,
		      const struct kri_reply *reply)
{
	if (connection->node || connection->goal.service ||
	    connection->goal.n == 1 || !kri_reply_is_error(reply, "READONLY "))
		return false;
	atomic_fetch_add(connection->goal.first, 1);
	return true;
}

/* A server that refuses has not carried the call out: so it may be sent once
 * more, to a new connection, which may lead to another server. */
static void refuse(struct kri_connection *connection, struct kri_call *call,
		   const struct kri_reply *reply, enum kr_err err)
{
	struct kri_client *client = connection->client;
	bool again = err == KR_ERR_UNAVAILABLE && call->way.tries < 2;

	if (turn_away(connection, reply) && again)
		kri_connection_drop(connection);
	else
		kri_connection_break(connection, err, reply->text.data,
				     err == KR_ERR_DENIED);
	if (again)
		kri_calls_push(&client->limbo, call);
	else
		kri_client_settle(client, call, err);
}

void kri_client_answered(struct kri_connection *connection,
			 struct kri_call *call)
{
	struct kri_client *client = connection->client;
	const struct kri_reply *refusal;
	enum kr_err err = KR_OK;

	if (call->err) {
		kri_client_settle(client, call, call->err);
		return;
	}
	if (kri_cluster_redirect(connection, call))
		return;
	refusal = find_refusal(call, &err);
	if (refusal) {
		refuse(connection, call, refusal, err);
		return;
	}
	kri_connection_praise(connection);
	kri_client_settle(client, call, KR_OK);
}

void kri_client_lost(struct kri_connection *connection, struct kri_call *call,
		     enum kr_err err, enum kri_loss loss)
{
	struct kri_client *client = connection->client;
	unsigned most = loss == KRI_LOSS_UNSENT ? KRI_TRIES_MAX : 2;

	call->way.connection = NULL;
	if (loss == KRI_LOSS_AWAY && connection->node && client->cluster)
		kri_cluster_detour(client->cluster, call, err);
	else if (loss != KRI_LOSS_AWAY && call->way.tries < most &&
		 (loss == KRI_LOSS_UNSENT || call->repeatable))
		kri_calls_push(&client->limbo, call);
	else
		kri_client_settle(client, call, err);
	if (client->cluster)
		kri_cluster_refresh(client->cluster);
}

/* ---- deadlines ---------------------------------------------------------- */

/* First the pipeline's calls are settled, then their connections thrown
 * away, so that these give back only those of others. */
void kri_client_expire(struct kri_client *client, struct kri_pipeline *pipeline)
{
	settle_rest(client, pipeline, KR_ERR_TIMEOUT);
	for (size_t i = 0; i < pipeline->n; i++) {
		struct kri_call *call = &pipeline->calls[i];

		if (call->err == KR_ERR_TIMEOUT && call->way.connection)
			kri_connection_leave(call->way.connection);
		call->way.connection = NULL;
	}
	kri_calls_purge(&client->limbo);
	if (client->cluster)
		kri_cluster_purge(client->cluster);
	release(client, pipeline);
}

/* When the loop was held up, replies may have come that nobody has read yet:
 * they are, before the second time. */
static void on_deadline(uv_timer_t *timer)
{
	struct kri_client *client = timer->data;
	int64_t now = kri_clock_ms();

	if (client->first && client->first->way.deadline <= now &&
	    !client->late) {
		client->late = true;
		uv_timer_start(timer, on_deadline, 1, 0);
		return;
	}
	client->late = false;
	while (client->first && client->first->way.deadline <= now)
		kri_client_expire(client, client->first);
	kri_client_drain(client);
	if (client->first && !client->closed)
		set_timer(client);
}

/* ---- the client's life -------------------------------------------------- */

static void init_primary(struct kri_client *client)
{
	struct kri_topology *topology = client->topology;
	struct kri_goal goal = {
		.addresses = topology->endpoint.addresses,
		.n = topology->endpoint.n,
		.first = &topology->address,
		.dial = &client->dial,
		.service = topology->endpoint.service,
		.sentinel_dial = &client->sentinel_dial,
		.timeout = topology->endpoint.connect_timeout,
	};

	kri_connection_init(&client->primary, client, &goal,
			    topology->name.data);
}

/* What nobody has flushed goes before the loop waits: what we send again by
 * ourselves, and what came from a timer. */
static void on_prepare(uv_prepare_t *prepare)
{
	kri_client_flush(prepare->data);
}

enum kr_err kri_client_open(struct kri_topology *topology,
			    struct uv_loop_s *loop, struct kri_client **client)
{
	struct kri_client *made = calloc(1, sizeof(*made));

	if (!made)
		return KR_ERR_MEMORY;
	made->topology = topology;
	made->loop = loop;
	made->dial = topology->dial;
	made->sentinel_dial = topology->sentinel_dial;
	made->dial.loop = made->sentinel_dial.loop = loop;
	made->dial.lookups = made->sentinel_dial.lookups = &made->lookups;
	made->done_end = &made->done;
	init_primary(made);
	uv_timer_init(loop, &made->timer);
	uv_prepare_init(loop, &made->prepare);
	uv_prepare_start(&made->prepare, on_prepare);
	uv_unref((uv_handle_t *)&made->prepare);
	made->timer.data = made->prepare.data = made;
	made->handles = 2;
	*client = made;
	return KR_OK;
}

static void free_client(uv_handle_t *handle)
{
	struct kri_client *client = handle->data;

	if (!--client->handles)
		free(client);
}

static void settle_all(struct kri_client *client)
{
	struct kri_pipeline *pipeline;

	while ((pipeline = client->first)) {
		settle_rest(client, pipeline, KR_ERR_UNAVAILABLE);
		release(client, pipeline);
	}
}

void kri_client_close(struct kri_client **client)
{
	struct kri_client *closed = *client;

	*client = NULL;
	if (!closed)
		return;
	closed->closed = true;
	closed->dirty = NULL;
	kri_cluster_close(&closed->cluster);
	kri_connection_close(&closed->primary);
	kri_lookups_close(&closed->lookups);
	closed->limbo = (struct kri_calls){0};
	settle_all(closed);
	kri_client_drain(closed);
	uv_close((uv_handle_t *)&closed->timer, free_client);
	uv_close((uv_handle_t *)&closed->prepare, free_client);
}
