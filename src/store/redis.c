/*
 * The store's contract on a Redis topology: opening, links, closing. What is
 * done on a link is in redis_ops.c and redis_list.c.
 */
#include "store/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "redis/topology.h"
#include "store/redis_link.h"

static void flush(struct kri_link *base)
{
	kri_client_flush(((struct kri_redis_link *)base)->client);
}

static bool busy(const struct kri_link *base)
{
	return ((const struct kri_redis_link *)base)->users > 0;
}

/* Redis removes by itself what has ended. */
static enum kr_err sweep(struct kri_store *base, size_t *removed)
{
	(void)base;
	*removed = 0;
	return KR_OK;
}

/* Nothing is asked of a Redis that the start does not depend on. */
static enum kr_err check(struct kri_store *base, struct kri_buffer *why)
{
	struct kri_redis_store *store = (struct kri_redis_store *)base;
	const char *fault = NULL;
	enum kr_err err = KR_OK;

	if (kri_topology_aborts(store->topology))
		err = kri_topology_ping(store->topology, &fault);
	if (err)
		kri_buffer_printf(why,
				  "%s; not started, as "
				  "redis.abort_on_connect_fail is on",
				  fault ? fault : kr_strerror(err));
	return err;
}

static int64_t away(struct kri_store *base)
{
	struct kri_redis_store *store = (struct kri_redis_store *)base;

	return kri_topology_away(store->topology);
}

/* Closing the client settles every batch, maybe only after this returns: when
 * it is called by one that is done. */
static void detach(struct kri_link **base)
{
	struct kri_redis_link *link = (struct kri_redis_link *)*base;

	if (!link)
		return;
	link->users++;
	link->closing = true;
	kri_client_close(&link->client);
	kri_redis_link_release(link);
	*base = NULL;
}

static enum kr_err attach(struct kri_store *base, struct uv_loop_s *loop,
			  struct kri_link **out)
{
	struct kri_redis_store *store = (struct kri_redis_store *)base;
	struct kri_redis_link *link = calloc(1, sizeof(*link));
	enum kr_err err;

	if (!link)
		return KR_ERR_MEMORY;
	link->base.store = base;
	link->loop = loop;
	link->load_room = kri_redis_load_room(store->config);
	link->writer.prefix = kri_text_of(store->config->redis_instance_name);
	link->writer.scripts = &store->scripts;
	err = kri_redis_epoch_init(&link->epoch);
	if (!err)
		err = kri_redis_writer_prepare(&link->writer);
	if (!err)
		err = kri_client_open(store->topology, loop, &link->client);
	*out = &link->base;
	if (err)
		detach(out);
	return err;
}

static void close_store(struct kri_store **base)
{
	struct kri_redis_store *store = (struct kri_redis_store *)*base;

	if (!store)
		return;
	kri_topology_close(&store->topology);
	free(store);
	*base = NULL;
}

static const struct kri_store_ops redis_ops = {
	.attach = attach,
	.detach = detach,
	.load = kri_redis_load,
	.commit = kri_redis_commit,
	.flush = flush,
	.busy = busy,
	.peek = kri_redis_peek,
	.list = kri_redis_list,
	.user_list = kri_redis_user_list,
	.user_end = kri_redis_user_end,
	.count_up = kri_redis_count_up,
	.examine = kri_redis_examine,
	.sweep = sweep,
	.check = check,
	.away = away,
	.follow = kri_redis_follow,
	.ask = kri_redis_ask,
	.follows = kri_redis_follows,
	.unfollow = kri_redis_unfollow,
	.close = close_store,
};

/* How Redis lists us (CLIENT LIST): no spaces are allowed in it. */
static void name_client(const struct kri_config *config, char *out, size_t size)
{
	char host[65] = "unknown";

	if (*config->redis_client_name) {
		snprintf(out, size, "%s", config->redis_client_name);
		return;
	}
	gethostname(host, sizeof(host) - 1);
	snprintf(out, size, "krsession-%s", host);
}

static enum kr_err open_topology(const struct kri_config *config,
				 struct kri_topology **topology,
				 struct kri_buffer *why)
{
	char name[128];
	struct kri_topology_options options = {
		.endpoint = config->redis_endpoint,
		.user = config->redis_user,
		.password = config->redis_password,
		.service = config->redis_service_name,
		.sentinel_user = config->redis_sentinel_user,
		.sentinel_password = config->redis_sentinel_password,
		.client_name = name,
		.connect_timeout = config->redis_connect_timeout,
		.io_timeout = config->io_timeout,
		.keep_alive = config->redis_keep_alive / 1000,
		.abort_on_connect_fail = config->redis_abort_on_connect_fail,
		.identify = config->cache != 0,
		.tls_host = config->redis_tls_server_name,
		.tls =
			{
				.ca_file = config->redis_tls_ca_file,
				.cert_file = config->redis_tls_cert_file,
				.key_file = config->redis_tls_key_file,
				.minimum =
					config->redis_tls_minimum == KRI_TLS_1_3
						? 13
						: 12,
				.verify = config->redis_tls_verify != 0,
			},
	};

	name_client(config, name, sizeof(name));
	return kri_topology_open(&options, topology, why);
}

enum kr_err kri_redis_store_open(const struct kri_config *config,
				 struct kri_store **store,
				 struct kri_buffer *why)
{
	struct kri_redis_store *made = calloc(1, sizeof(*made));
	struct kri_store *base = (struct kri_store *)made;
	enum kr_err err;

	if (!made)
		return KR_ERR_MEMORY;
	made->base.ops = &redis_ops;
	made->config = config;
	err = kri_redis_scripts_init(&made->scripts);
	if (!err)
		err = open_topology(config, &made->topology, why);
	if (err)
		close_store(&base);
	else
		*store = base;
	return err;
}
