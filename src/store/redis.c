/*
 * The store's contract on a Redis topology: each batch one pipeline.
 */
#include "store/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/redis_wire.h"

struct redis_store {
	struct kri_store base;
	struct kri_topology *topology;
	struct kri_script commit;
	char *prefix;
	int64_t idle_timeout; /* ms */
};

struct redis_link {
	struct kri_link base;
	struct kri_client *client;
	struct kri_redis_writer writer;
	struct kri_pipeline pipeline;
	struct kri_record **again; /* room for as many as there are calls */
	size_t cap;                /* of calls and again */
	struct kri_arena loads;    /* what the last load brought */
	struct kri_arena replies;  /* to a commit */
};

static const struct redis_store *store_of(const struct redis_link *link)
{
	return (const struct redis_store *)link->base.store;
}

#define REPLY_CHUNK (32 << 10)
#define REPLY_LIMIT ((size_t)256 << 20) /* of one batch */

static bool reserve(struct redis_link *link, size_t n)
{
	struct kri_record **again;
	struct kri_call *calls;

	if (n <= link->cap)
		return true;
	calls = realloc(link->pipeline.calls, n * sizeof(*calls));
	if (calls)
		link->pipeline.calls = calls;
	again = realloc(link->again, n * sizeof(*again));
	if (again)
		link->again = again;
	if (!calls || !again)
		return false;
	link->cap = n;
	return true;
}

/* One call a record: appends its commands, remembers where they are. */
static void add_call(struct redis_link *link, const struct kri_record *record,
		     kri_redis_put *put)
{
	struct kri_pipeline *pipeline = &link->pipeline;
	struct kri_call *call = &pipeline->calls[pipeline->n++];

	*call = (struct kri_call){
		.key = kri_text(record->id, KRI_ID_LEN),
		.cuts = {pipeline->commands.len},
	};
	put(&link->writer, record, call);
}

static void fail_all(struct kri_record **records, size_t n, enum kr_err err)
{
	for (size_t i = 0; i < n; i++)
		records[i]->err = err;
}

/* Whether there is room for n calls; else fails all records. */
static bool begin(struct redis_link *link, struct kri_record **records,
		  size_t n)
{
	kri_buffer_clear(&link->pipeline.commands);
	link->pipeline.n = 0;
	link->pipeline.prefix = link->writer.prefix;
	link->writer.now = kri_clock_ms();
	if (reserve(link, n))
		return true;
	fail_all(records, n, KR_ERR_MEMORY);
	return false;
}

/* Runs the calls; leaves each call's error in its record. */
static void run(struct redis_link *link, struct kri_record **records,
		struct kri_arena *replies)
{
	struct kri_pipeline *pipeline = &link->pipeline;

	kri_arena_reset(replies);
	if (pipeline->commands.failed) {
		fail_all(records, pipeline->n, KR_ERR_MEMORY);
		return;
	}
	kri_client_run(link->client, pipeline, replies);
	for (size_t i = 0; i < pipeline->n; i++)
		records[i]->err = pipeline->calls[i].err;
}

static void load(struct kri_link *base, struct kri_record **records, size_t n)
{
	struct redis_link *link = (struct redis_link *)base;

	if (!begin(link, records, n))
		return;
	for (size_t i = 0; i < n; i++)
		add_call(link, records[i], kri_redis_put_load);
	link->pipeline.repeatable = true;
	run(link, records, &link->loads);
	for (size_t i = 0; i < n; i++) {
		records[i]->loaded = link->writer.now;
		if (!records[i]->err)
			records[i]->err = kri_redis_read_load(
				records[i], &link->pipeline.calls[i]);
	}
}

/*
 * Sends the script's text where the server had forgotten it: NOSCRIPT wrote
 * nothing, and no other call of the batch is about the same session.
 */
static void commit_in_full(struct redis_link *link, size_t n)
{
	struct kri_record **records = link->again;

	if (!n || !begin(link, records, n))
		return;
	for (size_t i = 0; i < n; i++)
		add_call(link, records[i], kri_redis_put_update_in_full);
	link->pipeline.repeatable = false;
	run(link, records, &link->replies);
	for (size_t i = 0; i < n; i++)
		if (!records[i]->err)
			records[i]->err = kri_redis_read_update(
				records[i], &link->pipeline.calls[i]);
}

/* A creation and an end do the same when done twice; an update does not. */
static bool is_repeatable(struct kri_record **records, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (records[i]->operation == KRI_OP_UPDATE)
			return false;
	return true;
}

static bool is_forgotten(const struct kri_call *call)
{
	return kri_reply_is_error(call->reply[0], "NOSCRIPT");
}

/* Reads what became of each; puts those to be sent in full into `again`, and
 * returns how many. */
static size_t read_commits(struct redis_link *link, struct kri_record **records,
			   size_t n)
{
	size_t forgotten = 0;

	for (size_t i = 0; i < n; i++) {
		const struct kri_call *call = &link->pipeline.calls[i];

		if (records[i]->err)
			continue;
		if (is_forgotten(call))
			link->again[forgotten++] = records[i];
		else
			records[i]->err =
				kri_redis_read_commit(records[i], call);
	}
	return forgotten;
}

static void commit(struct kri_link *base, struct kri_record **records, size_t n)
{
	struct redis_link *link = (struct redis_link *)base;

	if (!begin(link, records, n))
		return;
	for (size_t i = 0; i < n; i++)
		add_call(link, records[i], kri_redis_put_commit);
	link->pipeline.repeatable = is_repeatable(records, n);
	run(link, records, &link->replies);
	commit_in_full(link, read_commits(link, records, n));
}

/* Nothing is asked of a Redis that the start does not depend on. */
static enum kr_err check(struct kri_link *base)
{
	struct redis_link *link = (struct redis_link *)base;

	if (!kri_topology_aborts(store_of(link)->topology))
		return KR_OK;
	return kri_client_ping(link->client);
}

static void detach(struct kri_link **base)
{
	struct redis_link *link = (struct redis_link *)*base;

	if (!link)
		return;
	kri_client_close(&link->client);
	kri_redis_writer_free(&link->writer);
	kri_buffer_free(&link->pipeline.commands);
	kri_arena_free(&link->loads);
	kri_arena_free(&link->replies);
	free(link->pipeline.calls);
	free(link->again);
	free(link);
	*base = NULL;
}

static enum kr_err attach(struct kri_store *base, const struct kri_wait *wait,
			  struct kri_link **out)
{
	struct redis_store *store = (struct redis_store *)base;
	struct redis_link *link = calloc(1, sizeof(*link));
	enum kr_err err;

	if (!link)
		return KR_ERR_MEMORY;
	link->base.store = base;
	link->writer = (struct kri_redis_writer){
		.out = &link->pipeline.commands,
		.prefix = kri_text_of(store->prefix),
		.commit = &store->commit,
		.idle_timeout = store->idle_timeout,
	};
	kri_arena_init(&link->loads, REPLY_CHUNK, REPLY_LIMIT);
	kri_arena_init(&link->replies, REPLY_CHUNK, REPLY_LIMIT);
	err = kri_redis_writer_prepare(&link->writer);
	if (!err)
		err = kri_client_open(store->topology, wait, &link->client);
	*out = &link->base;
	if (err)
		detach(out);
	return err;
}

static void close_store(struct kri_store **base)
{
	struct redis_store *store = (struct redis_store *)*base;

	if (!store)
		return;
	kri_topology_close(&store->topology);
	free(store->prefix);
	free(store);
	*base = NULL;
}

static const struct kri_store_ops redis_ops = {
	.attach = attach,
	.detach = detach,
	.load = load,
	.commit = commit,
	.check = check,
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
	struct redis_store *made = calloc(1, sizeof(*made));
	struct kri_store *base = (struct kri_store *)made;
	enum kr_err err = KR_ERR_MEMORY;

	if (!made)
		return err;
	made->base.ops = &redis_ops;
	made->idle_timeout = config->idle_timeout;
	made->prefix = strdup(config->redis_instance_name);
	if (made->prefix)
		err = kri_script_commit(&made->commit);
	if (!err)
		err = open_topology(config, &made->topology, why);
	if (err)
		close_store(&base);
	else
		*store = base;
	return err;
}
