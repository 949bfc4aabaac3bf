/*
 * Whether Redis can be reached, for the start: a client on a loop of its own.
 */
#include <unistd.h>

#include "base/uv.h"
#include "redis/command.h"
#include "redis/inside.h"

struct ping {
	uv_loop_t loop;
	struct kri_client *client;
	struct kri_arena arena;
	struct kri_call call;
	struct kri_pipeline pipeline;
};

static void on_done(struct kri_pipeline *pipeline)
{
	struct ping *ping = pipeline->arg;

	kri_client_close(&ping->client);
}

static void run(struct ping *ping)
{
	kri_command_strings(&ping->pipeline.commands,
			    (const char *[]){"PING", NULL});
	ping->call = (struct kri_call){
		.cuts = {0, ping->pipeline.commands.len},
		.replies = 1,
		.repeatable = true,
		.arena = &ping->arena,
		.room = 1024,
	};
	kri_client_submit(ping->client, &ping->pipeline);
	if (ping->client)
		kri_client_flush(ping->client);
	uv_run(&ping->loop, UV_RUN_DEFAULT);
}

static enum kr_err ping_once(struct kri_topology *topology)
{
	struct ping ping = {
		.pipeline = {.calls = &ping.call, .n = 1, .done = on_done},
	};
	enum kr_err err = kri_err_of_uv(uv_loop_init(&ping.loop));

	if (err)
		return err;
	ping.pipeline.arg = &ping;
	kri_arena_init(&ping.arena, 256, 4096);
	err = kri_client_open(topology, &ping.loop, &ping.client);
	if (!err) {
		run(&ping);
		err = ping.call.err;
	}
	kri_arena_free(&ping.arena);
	kri_buffer_free(&ping.pipeline.commands);
	uv_loop_close(&ping.loop);
	return err;
}

enum kr_err kri_topology_ping(struct kri_topology *topology, const char **fault)
{
	struct kri_outages *outages = &topology->outages;
	enum kr_err err;

	outages->starting = true;
	err = ping_once(topology);
	for (int i = 1; i < topology->endpoint.connect_retry && err; i++) {
		usleep(KRI_BACKOFF_MIN * 1000);
		err = ping_once(topology);
	}
	outages->starting = false;
	*fault = *outages->fault ? outages->fault : NULL;
	return err;
}
