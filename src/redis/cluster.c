/*
 * A cluster (Redis Cluster specification): each call goes to the node that
 * owns its key's slot, all calls for a node in one piece, and all nodes are
 * sent to before any is read. What is redirected goes round again.
 */
#include "redis/client.h"

#define ROUNDS 6

#define ASKING "*1\r\n$6\r\nASKING\r\n"

/* Appends the call's commands; each after ASKING if it was sent there by
 * ASK, but a transaction only its MULTI. */
static void put_call(struct kri_leg *leg, const struct kri_pipeline *pipeline,
		     const struct kri_call *call)
{
	const char *data = pipeline->commands.data;

	for (size_t i = 0; i < call->replies; i++) {
		if (call->ask && (!call->transaction || i == 0))
			kri_buffer_append(&leg->out, KRI_TEXT(ASKING));
		kri_buffer_append(&leg->out,
				  kri_text(data + call->cuts[i],
					   call->cuts[i + 1] - call->cuts[i]));
	}
}

static void begin_leg(struct kri_leg *leg)
{
	leg->used = true;
	leg->fresh = leg->sent = false;
	leg->err = kri_health_may_try(&leg->node->health) ? KR_OK
							  : KR_ERR_UNAVAILABLE;
	kri_buffer_clear(&leg->out);
}

/* Gives the call a leg; false if nobody is known to own its slot. */
static bool place(struct kri_client *client,
		  const struct kri_pipeline *pipeline, struct kri_call *call)
{
	struct kri_node *node = call->ask;

	if (!node)
		node = kri_slots_owner(&client->topology->slots, call->slot);
	call->leg = node ? kri_leg_get(client, node) : NULL;
	if (!call->leg)
		return false;
	if (!call->leg->used)
		begin_leg(call->leg);
	put_call(call->leg, pipeline, call);
	return true;
}

/* A reused connection that broke says nothing of its node; a new one will. */
static void break_leg(struct kri_leg *leg, enum kr_err err)
{
	leg->err = err;
	if (leg->fresh || err != KR_ERR_UNAVAILABLE ||
	    kri_health_is_bad(&leg->node->health))
		kri_leg_bad(leg);
}

static void send_leg(struct kri_client *client, struct kri_leg *leg,
		     struct kri_deadline *deadline)
{
	if (!leg->used || leg->err)
		return;
	if (leg->out.failed)
		leg->err = KR_ERR_MEMORY;
	else if (!kri_connection_is_open(&leg->connection) ||
		 !kri_connection_is_quiet(&leg->connection))
		leg->err = kri_leg_open(client, leg, deadline);
	if (!leg->err)
		leg->err = kri_connection_send(
			&leg->connection, kri_buffer_text(&leg->out), deadline);
	if (leg->err)
		break_leg(leg, leg->err);
	leg->sent = !leg->err;
}

/* A call's replies, without the OK of each ASKING. */
static enum kr_err read_call(struct kri_call *call, struct kri_arena *arena,
			     struct kri_deadline *deadline)
{
	struct kri_connection *connection = &call->leg->connection;
	const struct kri_reply *ok;
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < call->replies && !err; i++) {
		if (call->ask && (!call->transaction || i == 0))
			err = kri_connection_read(connection, arena, deadline,
						  &ok);
		if (!err)
			err = kri_connection_read(connection, arena, deadline,
						  &call->reply[i]);
	}
	return err;
}

/* "MOVED 3999 127.0.0.1:6381": the node, and the slot's owner from now on. */
static struct kri_node *read_redirect(struct kri_client *client,
				      const struct kri_call *call,
				      const struct kri_reply *reply)
{
	struct kri_text rest = reply->text;
	char host[256];
	const char *colon;
	int64_t port;

	(void)kri_text_cut(&rest, ' ');
	(void)kri_text_cut(&rest, ' ');
	colon = rest.data ? memrchr(rest.data, ':', rest.len) : NULL;
	if (!colon || (size_t)(colon - rest.data) >= sizeof(host) ||
	    kri_text_to_int(kri_text_of(colon + 1), 1, 65535, &port))
		return NULL;
	memcpy(host, rest.data, (size_t)(colon - rest.data));
	host[colon - rest.data] = '\0';
	return kri_slots_node(&client->topology->slots,
			      *host ? host : call->leg->node->address.host,
			      (int)port);
}

/* Whether the call was sent elsewhere, and so not carried out; it stays
 * pending. */
static bool follow(struct kri_client *client, struct kri_call *call,
		   bool *stale)
{
	const struct kri_reply *moved = kri_call_find(call, "MOVED ");
	const struct kri_reply *ask = kri_call_find(call, "ASK ");

	call->ask = NULL;
	if (moved) {
		struct kri_node *node = read_redirect(client, call, moved);

		*stale = true;
		if (node)
			kri_slots_move(&client->topology->slots, call->slot,
				       node);
	} else if (ask) {
		call->ask = read_redirect(client, call, ask);
	}
	return moved || ask;
}

/* A call whose leg broke goes round again if it was not sent, or may be sent
 * twice and has not been tried on a fresh connection. */
static bool goes_again(const struct kri_pipeline *pipeline,
		       const struct kri_leg *leg)
{
	if (leg->err != KR_ERR_UNAVAILABLE)
		return false;
	return !leg->sent || (pipeline->repeatable && !leg->fresh);
}

static void settle(struct kri_client *client,
		   const struct kri_pipeline *pipeline, struct kri_call *call,
		   bool *stale)
{
	struct kri_leg *leg = call->leg;

	if (leg->err) {
		*stale = true;
		call->err = leg->err;
		call->pending = goes_again(pipeline, leg);
		return;
	}
	if (follow(client, call, stale))
		return;
	call->pending = false;
	call->err = leg->err = kri_call_check(&leg->connection, call);
	/* Ends the one try at a node that was away; else nobody may ever try
	 * it again. */
	if (call->err && kri_health_is_bad(&leg->node->health))
		kri_leg_bad(leg);
	*stale |= call->err != KR_OK;
}

static void read_all(struct kri_client *client, struct kri_pipeline *pipeline,
		     struct kri_arena *arena, struct kri_deadline *deadline,
		     bool *stale)
{
	for (size_t i = 0; i < pipeline->n; i++) {
		struct kri_call *call = &pipeline->calls[i];
		enum kr_err err;

		if (!call->pending || !call->leg)
			continue;
		if (!call->leg->err) {
			err = read_call(call, arena, deadline);
			if (err)
				break_leg(call->leg, err);
		}
		settle(client, pipeline, call, stale);
	}
}

static void end_legs(struct kri_client *client)
{
	for (size_t i = 0; i < client->legs_n; i++) {
		struct kri_leg *leg = client->legs[i];

		if (leg && leg->used && !leg->err)
			kri_leg_good(leg);
		if (leg)
			leg->used = false;
	}
}

/* Places, sends and reads what is pending. Returns whether some call has
 * nobody to go to; *stale, whether the map is out of date. */
static bool round_trip(struct kri_client *client, struct kri_pipeline *pipeline,
		       struct kri_arena *arena, struct kri_deadline *deadline,
		       bool *stale)
{
	bool lost = false;

	for (size_t i = 0; i < pipeline->n; i++) {
		struct kri_call *call = &pipeline->calls[i];

		if (call->pending && !place(client, pipeline, call))
			lost = true;
	}
	for (size_t i = 0; i < client->legs_n; i++)
		if (client->legs[i])
			send_leg(client, client->legs[i], deadline);
	read_all(client, pipeline, arena, deadline, stale);
	end_legs(client);
	*stale |= lost;
	return lost;
}

static bool is_pending(const struct kri_pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->n; i++)
		if (pipeline->calls[i].pending)
			return true;
	return false;
}

void kri_cluster_run(struct kri_client *client, struct kri_pipeline *pipeline,
		     struct kri_arena *arena, struct kri_deadline *deadline)
{
	for (size_t i = 0; i < pipeline->n; i++)
		pipeline->calls[i].slot =
			kri_slot_of(pipeline->prefix, pipeline->calls[i].key);
	for (int i = 0; i < ROUNDS && is_pending(pipeline); i++) {
		bool stale = false;
		bool lost =
			round_trip(client, pipeline, arena, deadline, &stale);

		if (stale)
			kri_cluster_refresh(client, arena, deadline, lost);
	}
	for (size_t i = 0; i < pipeline->n; i++)
		pipeline->calls[i].pending = false;
}
