/*
 * What a topology and a client are, for the files of this folder that know
 * how to run a pipeline on each kind.
 */
#ifndef KRI_REDIS_CLIENT_H
#define KRI_REDIS_CLIENT_H

#include <stdatomic.h>

#include "redis/connection.h"
#include "redis/health.h"
#include "redis/slots.h"
#include "redis/topology.h"

struct kri_topology {
	struct kri_endpoint endpoint;
	struct kri_tls *tls; /* NULL: without */
	struct kri_dial dial;
	struct kri_dial sentinel_dial;
	struct kri_buffer name;   /* of the endpoint, for messages */
	struct kri_health health; /* of the primary */
	atomic_size_t address;    /* the endpoint's that worked last */
	atomic_bool is_cluster;   /* a server said so */
	struct kri_slots slots;   /* of the cluster */
};

/* A worker's connection to one node of a cluster. */
struct kri_leg {
	struct kri_node *node;
	struct kri_connection connection;
	struct kri_buffer out; /* what is to be sent in this round */
	bool used;             /* in this round */
	bool fresh;            /* connected in this round */
	bool sent;             /* all of out, in this round */
	enum kr_err err;
};

struct kri_client {
	struct kri_topology *topology;
	const struct kri_wait *wait;
	struct kri_connection connection; /* to the primary */
	struct kri_leg **legs; /* by the nodes' index; NULL: none yet */
	size_t legs_n;
};

/* Runs the pending calls on the one primary. A call stays pending when the
 * server turns out to be one of a cluster. */
void kri_primary_run(struct kri_client *client, struct kri_pipeline *pipeline,
		     struct kri_arena *arena, struct kri_deadline *deadline);

/* Asks the Sentinels for the primary and connects to it. */
enum kr_err kri_sentinel_connect(struct kri_client *client,
				 struct kri_deadline *deadline) KR_MUST_CHECK;

/* A client's leg to a node, made if there is none; NULL without memory. */
struct kri_leg *kri_leg_get(struct kri_client *client, struct kri_node *node);

/* Connects it; it is fresh then. */
enum kr_err kri_leg_open(struct kri_client *client, struct kri_leg *leg,
			 struct kri_deadline *whole) KR_MUST_CHECK;

/* It works, or it does not: tells the others, and the log if it is news. */
void kri_leg_good(struct kri_leg *leg);
void kri_leg_bad(struct kri_leg *leg);

/* Reads a new map: one worker for all. The others go on with what there is,
 * or wait for it if there is nothing (`lost`). */
void kri_cluster_refresh(struct kri_client *client, struct kri_arena *arena,
			 struct kri_deadline *deadline, bool lost);

/* Runs the pending calls on the nodes of a cluster; none stays pending. */
void kri_cluster_run(struct kri_client *client, struct kri_pipeline *pipeline,
		     struct kri_arena *arena, struct kri_deadline *deadline);
void kri_cluster_close(struct kri_client *client);

/* A deadline within `whole`, for connecting; joined back when done. */
struct kri_deadline kri_connect_deadline(const struct kri_client *client,
					 const struct kri_deadline *whole);

/* Reads all replies of a call. */
enum kr_err kri_call_read(struct kri_connection *connection,
			  struct kri_call *call, struct kri_arena *arena,
			  struct kri_deadline *deadline) KR_MUST_CHECK;

/* The first reply of the call that is an error of that code, or NULL. */
const struct kri_reply *kri_call_find(const struct kri_call *call,
				      const char *code);

/* What the replies say about the server itself: that it is the wrong one, or
 * not ready; KR_OK if nothing. The connection is closed then. */
enum kr_err kri_call_check(struct kri_connection *connection,
			   const struct kri_call *call) KR_MUST_CHECK;

#endif
