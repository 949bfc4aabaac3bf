/*
 * Sentinels (redis.io, Sentinel clients): any of them names the primary, and
 * the primary itself must agree (ROLE) before it is used.
 */
#include "redis/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

#define ARENA_LIMIT (64 << 10)

static bool is_address(const struct kri_reply *reply)
{
	return reply->type == KRI_REPLY_ARRAY && reply->n == 2 &&
	       reply->elements[0]->type == KRI_REPLY_STRING &&
	       reply->elements[1]->type == KRI_REPLY_STRING;
}

static enum kr_err read_address(struct kri_connection *sentinel,
				const char *service,
				const struct kri_reply *reply,
				struct kri_address *address)
{
	char why[128];
	int64_t port;

	if (reply->type == KRI_REPLY_NIL) {
		snprintf(why, sizeof(why),
			 "the Sentinel knows no primary called '%s'", service);
		return kri_connection_fail(sentinel, KR_ERR_UNAVAILABLE, why);
	}
	if (reply->type == KRI_REPLY_ERROR)
		return kri_connection_fail(sentinel, kri_reply_check(reply),
					   reply->text.data);
	if (!is_address(reply) ||
	    kri_text_to_int(reply->elements[1]->text, 1, 65535, &port))
		return kri_connection_fail(
			sentinel, KR_ERR_PROTOCOL,
			"the Sentinel's answer is no address");
	address->host = (char *)reply->elements[0]->text.data;
	address->port = (int)port;
	return KR_OK;
}

/* Asks one Sentinel; the address lives as long as the arena. */
static enum kr_err ask(struct kri_client *client,
		       struct kri_connection *sentinel,
		       const struct kri_address *at, struct kri_arena *arena,
		       struct kri_deadline *deadline,
		       struct kri_address *primary)
{
	const char *service = client->topology->endpoint.service;
	const char *const command[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME",
				       service, NULL};
	const struct kri_reply *reply;
	enum kr_err err = kri_connection_open(sentinel, at, deadline);

	if (!err)
		err = kri_connection_ask(sentinel, command, arena, deadline,
					 &reply);
	return err ? err : read_address(sentinel, service, reply, primary);
}

/* A Sentinel may be behind: the server must call itself primary. */
static enum kr_err check_role(struct kri_connection *connection,
			      struct kri_arena *arena,
			      struct kri_deadline *deadline)
{
	const char *const command[] = {"ROLE", NULL};
	const struct kri_reply *reply;
	enum kr_err err = kri_connection_ask(connection, command, arena,
					     deadline, &reply);

	if (err)
		return err;
	if (reply->type == KRI_REPLY_ERROR)
		return kri_connection_fail(connection, kri_reply_check(reply),
					   reply->text.data);
	if (reply->type == KRI_REPLY_ARRAY && reply->n &&
	    reply->elements[0]->type == KRI_REPLY_STRING &&
	    kri_text_equal(reply->elements[0]->text, KRI_TEXT("master")))
		return KR_OK;
	return kri_connection_fail(connection, KR_ERR_UNAVAILABLE,
				   "what the Sentinels name is no primary yet");
}

static enum kr_err try_sentinel(struct kri_client *client,
				const struct kri_address *at,
				struct kri_arena *arena,
				struct kri_deadline *deadline)
{
	struct kri_connection sentinel;
	struct kri_address primary = {0};
	enum kr_err err;

	kri_connection_init(&sentinel, &client->topology->sentinel_dial);
	err = ask(client, &sentinel, at, arena, deadline, &primary);
	if (err)
		snprintf(client->connection.why, sizeof(client->connection.why),
			 "Sentinel: %.180s", sentinel.why);
	kri_connection_close(&sentinel);
	if (!err)
		err = kri_connection_open(&client->connection, &primary,
					  deadline);
	return err ? err : check_role(&client->connection, arena, deadline);
}

/* In turn, from the one that worked last, each with a share of the time: one
 * that hangs must not use up that of the others. */
enum kr_err kri_sentinel_connect(struct kri_client *client,
				 struct kri_deadline *deadline)
{
	struct kri_topology *topology = client->topology;
	const struct kri_endpoint *endpoint = &topology->endpoint;
	size_t first = atomic_load(&topology->address);
	enum kr_err err = KR_ERR_UNAVAILABLE;
	struct kri_arena arena;

	kri_arena_init(&arena, 1024, ARENA_LIMIT);
	for (size_t i = 0; i < endpoint->n && err; i++) {
		size_t at = (first + i) % endpoint->n;
		struct kri_deadline share =
			kri_deadline_share(deadline, endpoint->n - i);

		err = try_sentinel(client, &endpoint->addresses[at], &arena,
				   &share);
		deadline->waiting = share.waiting;
		if (!err)
			atomic_store(&topology->address, at);
	}
	kri_arena_free(&arena);
	return err;
}
