/*
 * Where the slot map of a cluster comes from: any node that answers CLUSTER
 * SLOTS (redis.io/commands).
 */
#include "redis/client.h"

#include "base/log.h"

static enum kr_err load_map(struct kri_client *client, struct kri_leg *leg,
			    const struct kri_reply *reply)
{
	struct kri_topology *topology = client->topology;
	bool changed = false;
	enum kr_err err =
		kri_slots_load(&topology->slots, reply, leg->node, &changed);

	if (changed)
		kri_log(KRI_LOG_INFO, NULL, "redis %s: new slot map from %s",
			topology->name.data, leg->node->name.data);
	return err;
}

static enum kr_err ask_map(struct kri_client *client, struct kri_leg *leg,
			   struct kri_arena *arena,
			   struct kri_deadline *deadline)
{
	const char *const command[] = {"CLUSTER", "SLOTS", NULL};
	const struct kri_reply *reply;
	enum kr_err err = KR_OK;

	if (!kri_connection_is_open(&leg->connection))
		err = kri_leg_open(client, leg, deadline);
	if (!err)
		err = kri_connection_ask(&leg->connection, command, arena,
					 deadline, &reply);
	if (err)
		return err;
	if (reply->type == KRI_REPLY_ERROR)
		return kri_connection_fail(&leg->connection,
					   kri_reply_check(reply),
					   reply->text.data);
	return load_map(client, leg, reply);
}

/* The endpoint's servers are the first nodes that are known. */
static void add_seeds(struct kri_topology *topology)
{
	for (size_t i = 0; i < topology->endpoint.n; i++) {
		const struct kri_address *seed =
			&topology->endpoint.addresses[i];

		if (seed->host)
			(void)kri_slots_node(&topology->slots, seed->host,
					     seed->port);
	}
}

/* Tries one node for the map, unless it is known to be away. */
static bool try_map(struct kri_client *client, size_t index,
		    struct kri_arena *arena, struct kri_deadline *deadline)
{
	struct kri_slots *slots = &client->topology->slots;
	struct kri_node *node = kri_slots_get(slots, index);
	struct kri_leg *leg = kri_leg_get(client, node);
	struct kri_deadline share = kri_deadline_share(deadline, 4);
	enum kr_err err;

	if (!leg || !kri_health_may_try(&node->health))
		return false;
	err = ask_map(client, leg, arena, &share);
	deadline->waiting = share.waiting;
	if (err)
		kri_leg_bad(leg);
	else
		kri_leg_good(leg);
	return !err;
}

/* One worker asks for all. The others go on with what there is; but with no
 * owner for a slot (`lost`) there is nothing to go on with. */
void kri_cluster_refresh(struct kri_client *client, struct kri_arena *arena,
			 struct kri_deadline *deadline, bool lost)
{
	struct kri_slots *slots = &client->topology->slots;
	bool done = false;
	size_t n;

	if (!kri_slots_begin(slots, lost ? deadline : NULL))
		return;
	add_seeds(client->topology);
	n = kri_slots_count(slots);
	for (size_t i = 0; i < n && !done; i++)
		done = try_map(client, i, arena, deadline);
	kri_slots_end(slots);
}
