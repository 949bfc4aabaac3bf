/*
 * Legs: a worker's connections to the nodes of a cluster, made as they are
 * needed.
 */
#include "redis/client.h"

#include <stdlib.h>

#include "base/log.h"

static struct kri_leg *make_leg(struct kri_client *client,
				struct kri_node *node)
{
	struct kri_leg *leg = calloc(1, sizeof(*leg));

	if (!leg)
		return NULL;
	leg->node = node;
	kri_connection_init(&leg->connection, &client->topology->dial);
	client->legs[node->index] = leg;
	return leg;
}

struct kri_leg *kri_leg_get(struct kri_client *client, struct kri_node *node)
{
	size_t n = node->index + 1;
	struct kri_leg **legs;

	if (n > client->legs_n) {
		legs = realloc(client->legs, n * sizeof(struct kri_leg *));
		if (!legs)
			return NULL;
		for (size_t i = client->legs_n; i < n; i++)
			legs[i] = NULL;
		client->legs = legs;
		client->legs_n = n;
	}
	return client->legs[node->index] ? client->legs[node->index]
					 : make_leg(client, node);
}

void kri_cluster_close(struct kri_client *client)
{
	for (size_t i = 0; i < client->legs_n; i++) {
		if (!client->legs[i])
			continue;
		kri_connection_close(&client->legs[i]->connection);
		kri_buffer_free(&client->legs[i]->out);
		free(client->legs[i]);
	}
	free(client->legs);
	client->legs = NULL;
	client->legs_n = 0;
}

void kri_leg_bad(struct kri_leg *leg)
{
	if (kri_health_bad(&leg->node->health))
		kri_log(KRI_LOG_ERROR, NULL,
			"redis %s: %s; its sessions answer 503 until it, or "
			"another for it, is there",
			leg->node->name.data, leg->connection.why);
}

void kri_leg_good(struct kri_leg *leg)
{
	int64_t away = kri_health_good(&leg->node->health);

	if (away)
		kri_log(KRI_LOG_WARNING, NULL, "redis %s: back after %lld ms",
			leg->node->name.data, (long long)away);
}

enum kr_err kri_leg_open(struct kri_client *client, struct kri_leg *leg,
			 struct kri_deadline *whole)
{
	struct kri_deadline deadline = kri_connect_deadline(client, whole);
	enum kr_err err = kri_connection_open(&leg->connection,
					      &leg->node->address, &deadline);

	whole->waiting = deadline.waiting;
	leg->fresh = true;
	if (!err)
		kri_log(KRI_LOG_INFO, NULL, "redis %s: connected",
			leg->node->name.data);
	return err;
}
