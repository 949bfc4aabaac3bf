/*
 * What a topology and a client are made of, for the files of this folder.
 */
#ifndef KRI_REDIS_INSIDE_H
#define KRI_REDIS_INSIDE_H

#include <stdatomic.h>
#include <uv.h>

#include "redis/connection.h"
#include "redis/outage.h"
#include "redis/topology.h"

/* How often a call is sent, or waits for a better map, at most. */
#define KRI_TRIES_MAX 6

struct kri_topology {
	struct kri_endpoint endpoint;
	struct kri_tls *tls;                 /* NULL: without */
	struct kri_dial dial, sentinel_dial; /* patterns for the clients' */
	struct kri_buffer name;              /* of the endpoint, for messages */
	atomic_size_t address;  /* the endpoint's that worked last */
	atomic_bool is_cluster; /* for the log */
	struct kri_outages outages;
	_Atomic int64_t next_nonsense; /* for the log, see kri_log_is_due() */
};

struct kri_cluster;

struct kri_client {
	struct kri_topology *topology;
	uv_loop_t *loop;
	struct kri_dial dial, sentinel_dial;
	struct kri_lookups lookups;
	struct kri_connection primary;     /* unless it is a cluster */
	struct kri_cluster *cluster;       /* NULL: one server */
	struct kri_connection *dirty;      /* those to flush */
	struct kri_calls limbo;            /* to be sent again */
	struct kri_pipeline *first, *last; /* under way, by deadline */
	struct kri_pipeline *done;         /* to be given back, in order */
	struct kri_pipeline **done_end;
	uv_timer_t timer; /* for the first deadline */
	bool late;        /* it has passed, and what came is still unread */
	uv_prepare_t prepare;
	int handles;          /* to be closed before it can be freed */
	uint64_t connections; /* that were made, ever */
	bool draining;
	bool closed;
};

/* ---- client.c: what becomes of calls ------------------------------------ */

/* All replies are there. */
void kri_client_answered(struct kri_connection *connection,
			 struct kri_call *call);

enum kri_loss {
	KRI_LOSS_AWAY,   /* no connection could be had */
	KRI_LOSS_UNSENT, /* the connection broke, nothing had been written */
	KRI_LOSS_DOUBT   /* it broke, and the call may have been carried out */
};

void kri_client_lost(struct kri_connection *connection, struct kri_call *call,
		     enum kr_err err, enum kri_loss loss);

/* The last word on a call. */
void kri_client_settle(struct kri_client *client, struct kri_call *call,
		       enum kr_err err);

/* Ends what is left of a pipeline, where it is under way, with a timeout. */
void kri_client_expire(struct kri_client *client,
		       struct kri_pipeline *pipeline);

/* Sends again what is to be sent again, and gives back what is done. Every
 * event that may have touched a call ends with it. */
void kri_client_drain(struct kri_client *client);

/* The first reply of the call that is an error of that code, or NULL. */
const struct kri_reply *kri_call_find(const struct kri_call *call,
				      const char *code);

/* ---- cluster.c ---------------------------------------------------------- */

/* Gives the call to the owner of its key. */
void kri_cluster_route(struct kri_cluster *cluster, struct kri_call *call);

/* Follows MOVED, ASK and TRYAGAIN; false if the replies hold none. The client
 * becomes a cluster's with the first one. */
bool kri_cluster_redirect(struct kri_connection *connection,
			  struct kri_call *call);

/* A call that its owner cannot be given waits for a better map, or fails. */
void kri_cluster_detour(struct kri_cluster *cluster, struct kri_call *call,
			enum kr_err err);

/* Something is not as the map says: asks for a new one. */
void kri_cluster_refresh(struct kri_cluster *cluster);

void kri_cluster_purge(struct kri_cluster *cluster);
void kri_cluster_close(struct kri_cluster **cluster);
size_t kri_cluster_places(const struct kri_cluster *cluster);

#endif
