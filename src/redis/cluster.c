/*
 * A cluster (Redis Cluster specification): each call goes to the node that
 * owns its key's slot, and follows MOVED and ASK.
 *
 * Any node is asked for the map (CLUSTER SLOTS), one after the other until
 * one gives it. Calls that have nobody to go to wait until that is over.
 */
#include <stdlib.h>

#include "base/log.h"
#include "redis/command.h"
#include "redis/inside.h"
#include "redis/slots.h"

#define ASK_PAUSE 100 /* ms between two maps */
#define MAP_ROOM (8 << 20)

struct kri_cluster {
	struct kri_client *client;
	struct kri_slots slots;
	struct kri_calls waiting; /* for the next map */

	bool asking;      /* for a map */
	size_t asked;     /* so many nodes so far, */
	size_t first;     /* from this one on, which knew it last time, */
	size_t at;        /* and this one now */
	bool disabled;    /* one of them said that it is of no cluster */
	uint64_t ask_at;  /* uv_now() before which nobody is asked again */
	uv_timer_t timer; /* ends the wait for a node, or the pause */
	struct kri_arena arena;
	struct kri_call call; /* the question */
	struct kri_pipeline pipeline;
};

/* ---- nodes -------------------------------------------------------------- */

static struct kri_connection *connection_of(struct kri_cluster *cluster,
					    struct kri_node *node)
{
	struct kri_goal goal = {
		.addresses = &node->address,
		.n = 1,
		.first = &node->first,
		.dial = &cluster->client->dial,
		.timeout = cluster->client->topology->endpoint.connect_timeout,
	};

	if (!node->connection.client) {
		kri_connection_init(&node->connection, cluster->client, &goal,
				    node->name.data);
		node->connection.node = true;
	}
	return &node->connection;
}

/* The endpoint's servers are the first nodes that are known. */
static void add_seeds(struct kri_cluster *cluster)
{
	const struct kri_endpoint *endpoint =
		&cluster->client->topology->endpoint;

	for (size_t i = 0; i < endpoint->n; i++)
		if (endpoint->addresses[i].host)
			(void)kri_slots_node(&cluster->slots,
					     endpoint->addresses[i].host,
					     endpoint->addresses[i].port);
}

/* ---- the map ------------------------------------------------------------ */

static void on_time(uv_timer_t *timer);

static void ask_next(struct kri_cluster *cluster)
{
	struct kri_slots *slots = &cluster->slots;

	cluster->at = (cluster->first + cluster->asked++) % slots->n;
	/* It is never sent twice: then the next node is asked. */
	cluster->call.way = (__typeof__(cluster->call.way)){
		.pipeline = &cluster->pipeline,
		.tries = KRI_TRIES_MAX,
	};
	cluster->pipeline.way.unsettled = 1;
	kri_arena_reset(&cluster->arena);
	uv_timer_start(&cluster->timer, on_time,
		       (uint64_t)cluster->client->topology->endpoint.io_timeout,
		       0);
	kri_connection_give(connection_of(cluster, slots->nodes[cluster->at]),
			    &cluster->call);
}

/* Calls that waited for the slot map look up their server again; if none of the
 * servers gave a map, they fail. */
static void end_wait(struct kri_cluster *cluster, bool known)
{
	struct kri_calls waiting = cluster->waiting;
	struct kri_client *client = cluster->client;
	struct kri_call *call;

	cluster->waiting = (struct kri_calls){0};
	while ((call = kri_calls_pop(&waiting)))
		if (known)
			kri_calls_push(&client->limbo, call);
		else
			kri_client_settle(client, call, KR_ERR_UNAVAILABLE);
}

/* A single server stands where the cluster was: it gets all calls. */
static void leave(struct kri_cluster *cluster)
{
	struct kri_client *client = cluster->client;

	if (atomic_exchange(&client->topology->is_cluster, false))
		kri_log(KRI_LOG_WARNING, NULL,
			"redis %s: is no cluster any more",
			client->topology->name.data);
	client->cluster = NULL;
	for (size_t i = 0; i < cluster->slots.n; i++)
		kri_connection_drop(&cluster->slots.nodes[i]->connection);
	kri_cluster_close(&cluster);
}

static void end_asking(struct kri_cluster *cluster, bool known)
{
	bool left = !known && cluster->disabled;

	cluster->asking = false;
	cluster->ask_at = uv_now(cluster->client->loop) + ASK_PAUSE;
	uv_timer_stop(&cluster->timer);
	end_wait(cluster, known || left);
	if (left)
		leave(cluster);
}

/* Whether the reply is a map. */
static bool take_map(struct kri_cluster *cluster, const struct kri_node *asked)
{
	const struct kri_reply *reply = cluster->call.reply[0];
	bool changed = false;

	if (cluster->call.err)
		return false;
	/* Cluster support is off, or the command is unknown. */
	if (kri_reply_check(reply) == KR_ERR_PROTOCOL)
		cluster->disabled = true;
	if (kri_slots_load(&cluster->slots, reply, asked, &changed))
		return false;
	if (changed)
		kri_log(KRI_LOG_INFO, NULL, "redis %s: new slot map from %s",
			cluster->client->topology->name.data, asked->name.data);
	return true;
}

static void on_answer(struct kri_pipeline *pipeline)
{
	struct kri_cluster *cluster = pipeline->arg;
	const struct kri_slots *slots = &cluster->slots;

	if (!cluster->asking)
		return;
	if (take_map(cluster, slots->nodes[cluster->at])) {
		cluster->first = cluster->at;
		end_asking(cluster, true);
	} else if (cluster->asked < slots->n) {
		ask_next(cluster);
	} else {
		end_asking(cluster, false);
	}
}

void kri_cluster_refresh(struct kri_cluster *cluster)
{
	if (cluster->asking || uv_now(cluster->client->loop) < cluster->ask_at)
		return;
	add_seeds(cluster);
	if (!cluster->slots.n)
		return;
	cluster->asking = true;
	cluster->disabled = false;
	cluster->asked = 0;
	ask_next(cluster);
}

/* A node that does not answer, or the end of a pause. */
static void on_time(uv_timer_t *timer)
{
	struct kri_cluster *cluster = timer->data;
	struct kri_client *client = cluster->client;

	if (cluster->asking)
		kri_client_expire(client, &cluster->pipeline);
	else
		kri_cluster_refresh(cluster);
	kri_client_drain(client);
}

/* ---- calls -------------------------------------------------------------- */

/* Until the next map, which is asked for now or when the pause is over. */
static void await_map(struct kri_cluster *cluster, struct kri_call *call)
{
	uint64_t now = uv_now(cluster->client->loop);

	kri_calls_push(&cluster->waiting, call);
	kri_cluster_refresh(cluster);
	if (!cluster->asking)
		uv_timer_start(&cluster->timer, on_time,
			       cluster->ask_at > now ? cluster->ask_at - now
						     : ASK_PAUSE,
			       0);
}

/* With a map that is new enough, there is no hope. */
void kri_cluster_detour(struct kri_cluster *cluster, struct kri_call *call,
			enum kr_err err)
{
	if (call->way.tries++ < KRI_TRIES_MAX &&
	    (cluster->asking ||
	     uv_now(cluster->client->loop) >= cluster->ask_at))
		await_map(cluster, call);
	else
		kri_client_settle(cluster->client, call, err);
}

void kri_cluster_route(struct kri_cluster *cluster, struct kri_call *call)
{
	struct kri_slots *slots = &cluster->slots;
	struct kri_node *node = call->key.data
					? slots->owners[kri_slot_of(call->key)]
					: kri_slots_place(slots, call->place);

	if (node)
		kri_connection_give(connection_of(cluster, node), call);
	else if (call->key.data || !kri_slots_place(slots, 0))
		await_map(cluster, call);
	else
		kri_client_settle(cluster->client, call, KR_ERR_UNAVAILABLE);
}

void kri_cluster_purge(struct kri_cluster *cluster)
{
	kri_calls_purge(&cluster->waiting);
}

size_t kri_cluster_places(const struct kri_cluster *cluster)
{
	size_t n = 0;

	while (kri_slots_place(&cluster->slots, n))
		n++;
	return n ? n : 1;
}

/* ---- its life ----------------------------------------------------------- */

static struct kri_cluster *open_cluster(struct kri_client *client)
{
	struct kri_cluster *cluster = calloc(1, sizeof(*cluster));

	if (!cluster)
		return NULL;
	cluster->client = client;
	kri_command_strings(&cluster->pipeline.commands,
			    (const char *[]){"CLUSTER", "SLOTS", NULL});
	if (cluster->pipeline.commands.failed) {
		free(cluster);
		return NULL;
	}
	kri_arena_init(&cluster->arena, 16384, MAP_ROOM);
	cluster->call.cuts[1] = cluster->pipeline.commands.len;
	cluster->call.replies = 1;
	cluster->call.arena = &cluster->arena;
	cluster->call.room = MAP_ROOM;
	cluster->pipeline.calls = &cluster->call;
	cluster->pipeline.n = 1;
	cluster->pipeline.done = on_answer;
	cluster->pipeline.arg = cluster;
	uv_timer_init(client->loop, &cluster->timer);
	cluster->timer.data = cluster;
	return cluster;
}

static void free_cluster(uv_handle_t *timer)
{
	struct kri_cluster *cluster = timer->data;

	kri_slots_free(&cluster->slots);
	kri_arena_free(&cluster->arena);
	kri_buffer_free(&cluster->pipeline.commands);
	free(cluster);
}

static void drop_dirty(struct kri_client *client)
{
	struct kri_connection **at = &client->dirty;

	while (*at)
		if ((*at)->node)
			*at = (*at)->next_dirty;
		else
			at = &(*at)->next_dirty;
}

void kri_cluster_close(struct kri_cluster **cluster)
{
	struct kri_cluster *closed = *cluster;

	*cluster = NULL;
	if (!closed)
		return;
	closed->asking = false;
	drop_dirty(closed->client);
	for (size_t i = 0; i < closed->slots.n; i++)
		kri_connection_close(&closed->slots.nodes[i]->connection);
	uv_close((uv_handle_t *)&closed->timer, free_cluster);
}

/* ---- redirections ------------------------------------------------------- */

/* The cluster of a client that has just learnt of it; NULL without memory. */
static struct kri_cluster *enter(struct kri_client *client)
{
	if (client->cluster)
		return client->cluster;
	client->cluster = open_cluster(client);
	if (client->cluster &&
	    !atomic_exchange(&client->topology->is_cluster, true))
		kri_log(KRI_LOG_INFO, NULL, "redis %s: is a cluster",
			client->topology->name.data);
	return client->cluster;
}

static void refuse_nonsense(struct kri_connection *connection,
			    struct kri_call *call,
			    const struct kri_reply *reply)
{
	struct kri_client *client = connection->client;

	if (kri_log_is_due(&client->topology->next_nonsense))
		kri_log(KRI_LOG_ERROR, NULL,
			"redis %s: a redirection that leads nowhere: %.100s",
			connection->name, reply->text.data);
	kri_client_settle(client, call, KR_ERR_PROTOCOL);
}

/* The host that answered, for redirections that leave it out. */
static const char *host_of(const struct kri_connection *connection)
{
	const struct kri_goal *goal = &connection->goal;

	return goal->addresses[atomic_load(goal->first) % goal->n].host;
}

static void follow(struct kri_connection *connection, struct kri_call *call,
		   const struct kri_reply *reply, bool asking)
{
	struct kri_redirect to;
	const char *host = to.host;
	struct kri_cluster *cluster;
	struct kri_node *node;

	if (kri_slots_read_redirect(reply->text, &to) && !*to.host)
		host = host_of(connection);
	else if (!kri_slots_read_redirect(reply->text, &to))
		host = NULL;
	if (!host) {
		refuse_nonsense(connection, call, reply);
		return;
	}
	cluster = enter(connection->client);
	node = cluster ? kri_slots_node(&cluster->slots, host, to.port) : NULL;
	if (!node) {
		kri_client_settle(connection->client, call, KR_ERR_MEMORY);
		return;
	}
	if (!asking) {
		kri_slots_move(&cluster->slots, to.slot, node);
		kri_cluster_refresh(cluster);
	}
	call->way.asking = asking;
	kri_connection_give(connection_of(cluster, node), call);
}

bool kri_cluster_redirect(struct kri_connection *connection,
			  struct kri_call *call)
{
	struct kri_client *client = connection->client;
	const struct kri_reply *moved = kri_call_find(call, "MOVED ");
	const struct kri_reply *ask = kri_call_find(call, "ASK ");
	bool later = client->cluster && kri_call_find(call, "TRYAGAIN ");

	if (!moved && !ask && !later)
		return false;
	if (call->way.tries >= KRI_TRIES_MAX)
		kri_client_settle(client, call, KR_ERR_UNAVAILABLE);
	else if (moved || ask)
		follow(connection, call, moved ? moved : ask, !moved);
	else
		await_map(client->cluster, call);
	/* The connection of before the cluster was known has served its time.
	 */
	if (client->cluster && !connection->node && !connection->calls.head)
		kri_connection_close(connection);
	return true;
}
