/*
 * One primary: the endpoint's server, the one of several that takes writes,
 * or the one that the Sentinels name. Logs when it goes and when it comes
 * back, not each request that suffers in between.
 */
#include "redis/client.h"

#include "base/log.h"

static void went_bad(struct kri_client *client)
{
	struct kri_topology *topology = client->topology;

	if (kri_health_bad(&topology->health))
		kri_log(KRI_LOG_ERROR, NULL,
			"redis %s: %s; sessions answer 503 until it is back",
			topology->name.data, client->connection.why);
}

static void went_good(struct kri_client *client)
{
	int64_t away = kri_health_good(&client->topology->health);

	if (away)
		kri_log(KRI_LOG_WARNING, NULL, "redis %s: back after %lld ms",
			client->topology->name.data, (long long)away);
}

/* The endpoint's addresses in turn, from the one that worked last. */
static enum kr_err connect_any(struct kri_client *client,
			       struct kri_deadline *deadline)
{
	struct kri_topology *topology = client->topology;
	const struct kri_endpoint *endpoint = &topology->endpoint;
	size_t first = atomic_load(&topology->address);
	enum kr_err err = KR_ERR_UNAVAILABLE;

	for (size_t i = 0; i < endpoint->n && err; i++) {
		size_t at = (first + i) % endpoint->n;
		struct kri_deadline share =
			kri_deadline_share(deadline, endpoint->n - i);

		err = kri_connection_open(&client->connection,
					  &endpoint->addresses[at], &share);
		deadline->waiting = share.waiting;
		if (!err)
			atomic_store(&topology->address, at);
	}
	return err;
}

static enum kr_err connect_primary(struct kri_client *client,
				   struct kri_deadline *whole)
{
	struct kri_deadline deadline = kri_connect_deadline(client, whole);
	enum kr_err err = client->topology->endpoint.service
				  ? kri_sentinel_connect(client, &deadline)
				  : connect_any(client, &deadline);

	whole->waiting = deadline.waiting;
	if (!err)
		kri_log(KRI_LOG_INFO, NULL, "redis %s: connected",
			client->topology->name.data);
	return err;
}

/* A replica takes no writes; one of the other addresses may. */
static void turn_away(struct kri_topology *topology)
{
	if (topology->endpoint.n > 1)
		atomic_fetch_add(&topology->address, 1);
}

/* The server answered for another: it is one of a cluster. */
static bool is_of_cluster(struct kri_topology *topology,
			  const struct kri_call *call)
{
	if (!kri_call_find(call, "MOVED ") && !kri_call_find(call, "ASK "))
		return false;
	if (!atomic_exchange(&topology->is_cluster, true))
		kri_log(KRI_LOG_INFO, NULL, "redis %s: is a cluster",
			topology->name.data);
	return true;
}

static enum kr_err read_call(struct kri_client *client, struct kri_call *call,
			     struct kri_arena *arena,
			     struct kri_deadline *deadline)
{
	enum kr_err err =
		kri_call_read(&client->connection, call, arena, deadline);

	if (err)
		return err;
	if (is_of_cluster(client->topology, call))
		return KR_OK;
	if (kri_call_find(call, "READONLY "))
		turn_away(client->topology);
	err = kri_call_check(&client->connection, call);
	call->pending = err != KR_OK;
	call->err = err;
	return err;
}

/* Sends all, reads all; calls before a failure keep their replies. */
static enum kr_err exchange(struct kri_client *client,
			    struct kri_pipeline *pipeline,
			    struct kri_arena *arena,
			    struct kri_deadline *deadline)
{
	enum kr_err err = kri_connection_send(
		&client->connection, kri_buffer_text(&pipeline->commands),
		deadline);

	for (size_t i = 0; i < pipeline->n && !err; i++)
		err = read_call(client, &pipeline->calls[i], arena, deadline);
	return err;
}

/*
 * A connection that was idle may have died unseen, or lead to what is no
 * primary any more: that is found out only by using it. So what may be
 * repeated is, once, on a new one.
 */
static enum kr_err try_run(struct kri_client *client,
			   struct kri_pipeline *pipeline,
			   struct kri_arena *arena,
			   struct kri_deadline *deadline)
{
	enum kr_err err;

	if (kri_connection_is_open(&client->connection) &&
	    kri_connection_is_quiet(&client->connection)) {
		err = exchange(client, pipeline, arena, deadline);
		if (err != KR_ERR_UNAVAILABLE || !pipeline->repeatable)
			return err;
	}
	err = connect_primary(client, deadline);
	return err ? err : exchange(client, pipeline, arena, deadline);
}

/* Whether a failed run says that the server is away: a single connection
 * that broke does not, a new one will tell. */
static bool tells_of_server(const struct kri_client *client, enum kr_err err,
			    bool repeatable)
{
	if (kri_health_is_bad(&client->topology->health))
		return true;
	return err != KR_ERR_MEMORY &&
	       (err != KR_ERR_UNAVAILABLE || repeatable);
}

void kri_primary_run(struct kri_client *client, struct kri_pipeline *pipeline,
		     struct kri_arena *arena, struct kri_deadline *deadline)
{
	struct kri_health *health = &client->topology->health;
	enum kr_err err = KR_ERR_UNAVAILABLE;

	if (kri_health_may_try(health)) {
		err = try_run(client, pipeline, arena, deadline);
		if (!err)
			went_good(client);
		else if (tells_of_server(client, err, pipeline->repeatable))
			went_bad(client);
	}
	for (size_t i = 0; i < pipeline->n && err; i++) {
		if (!pipeline->calls[i].pending)
			continue;
		pipeline->calls[i].err = err;
		pipeline->calls[i].pending = false;
	}
}
