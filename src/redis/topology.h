/*
 * The topology: where Redis is, as the configuration says, and what all
 * loops know of it together. Shared by all clients; nothing in it changes on
 * the way of a request.
 */
#ifndef KRI_REDIS_TOPOLOGY_H
#define KRI_REDIS_TOPOLOGY_H

#include "base/buffer.h"
#include "redis/tls.h"

struct kri_topology;

/* Texts may be NULL or "": as the endpoint says, or none. What the endpoint
 * says of names and times goes before what is said here. */
struct kri_topology_options {
	const char *endpoint;
	const char *user, *password;
	const char *service; /* the primary's name at the Sentinels */
	const char *sentinel_user, *sentinel_password;
	const char *client_name;
	int64_t connect_timeout; /* ms */
	int64_t io_timeout;      /* ms */
	int64_t keep_alive;      /* seconds */
	bool abort_on_connect_fail;
	bool identify; /* each connection asks which server it is at */
	struct kri_tls_options tls;
	const char *tls_host; /* the name to verify */
};

/*
 * Copies what it needs, and logs what deserves it. KR_ERR_CONFIG with one
 * line in `why`, KR_ERR_MEMORY.
 */
enum kr_err kri_topology_open(const struct kri_topology_options *options,
			      struct kri_topology **topology,
			      struct kri_buffer *why) KR_MUST_CHECK;

/* All clients must have been closed, and their loops have run out. */
void kri_topology_close(struct kri_topology **topology);

/* As the log calls it. */
const char *kri_topology_name(const struct kri_topology *topology);

/* Whether not to start without Redis. */
bool kri_topology_aborts(const struct kri_topology *topology);

/* kri_clock_ms() since when a server of it is away; 0: none is, as far as
 * anybody has tried. Any thread. */
int64_t kri_topology_away(struct kri_topology *topology);

/*
 * Whether a server can be reached, tried as often as the configuration says,
 * with a pause in between. For the start: it blocks, and logs nothing: what
 * is wrong, if there is more to say than the error, is in *fault, which
 * belongs to the topology.
 */
enum kr_err kri_topology_ping(struct kri_topology *topology,
			      const char **fault) KR_MUST_CHECK;

#endif
