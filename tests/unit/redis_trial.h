/*
 * A client on a loop of its own, and servers on the same loop that say what a
 * test makes them say: for the insides of src/redis. Each test program is one
 * file, so all of it is static.
 */
#ifndef REDIS_TRIAL_H
#define REDIS_TRIAL_H

#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "redis/client.h"
#include "redis/command.h"
#include "redis/topology.h"

#define SERVERS 3
#define PATIENCE 10000 /* ms until a test is stuck */
#define UNUSED __attribute__((unused))

struct server;

/* A connection as its server has it. */
struct peer {
	uv_tcp_t tcp;
	struct server *server;
	int number;  /* 1: the first that came to this server */
	int n;       /* commands, the greeting's too */
	size_t held; /* bytes of half a command */
	char bytes[65536];
	struct peer *next;
};

/* Listens on a port of its own. */
struct server {
	uv_tcp_t tcp;
	int port;
	int connections;
	int reads;          /* from any of them */
	struct peer *peers; /* the newest first */
	/* Answers a command, whose words stand with a space in between. */
	void (*serve)(struct peer *peer, const char *command);
	int served[16];          /* for scripts: how often they came by */
	struct kri_buffer heard; /* every command but greetings, a line each */
};

static struct trial {
	uv_loop_t loop;
	struct server servers[SERVERS];
	struct kri_topology *topology;
	struct kri_client *client;
	uv_timer_t patience;
	bool identify;   /* connections ask which server it is */
	uv_timer_t drip; /* of a test; here, as a test that fails leaves it */
} trial;

/* ---- a server ----------------------------------------------------------- */

static void free_write(uv_write_t *write, int status)
{
	(void)status;
	free(write);
}

static void say(struct peer *peer, const char *text)
{
	size_t len = strlen(text);
	uv_write_t *write = malloc(sizeof(*write) + len);
	uv_buf_t part = uv_buf_init((char *)(write + 1), (unsigned)len);

	memcpy(part.base, text, len);
	uv_write(write, (uv_stream_t *)&peer->tcp, &part, 1, free_write);
}

static void free_peer(uv_handle_t *tcp)
{
	struct peer *peer = tcp->data;
	struct peer **at = &peer->server->peers;

	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	free(peer);
}

static void hang_up(struct peer *peer)
{
	if (!uv_is_closing((uv_handle_t *)&peer->tcp))
		uv_close((uv_handle_t *)&peer->tcp, free_peer);
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool is_greeting(const char *command)
{
	return starts(command, "AUTH ") || starts(command, "SELECT ") ||
	       starts(command, "CLIENT ");
}

/* What a server with nothing else to say answers. */
static void serve_well(struct peer *peer, const char *command)
{
	(void)command;
	say(peer, "+OK\r\n");
}

static void hear(struct peer *peer, const char *command)
{
	struct server *server = peer->server;

	peer->n++;
	if (is_greeting(command)) {
		if (server->served[15]) /* set: greetings are the script's */
			server->serve(peer, command);
		else
			say(peer, "+OK\r\n");
		return;
	}
	kri_buffer_printf(&server->heard, "%s\n", command);
	server->serve(peer, command);
}

/* One command of those that have come; how many bytes it took, or 0. */
static size_t read_command(const char *bytes, size_t len, char *command)
{
	const char *at = bytes, *end = bytes + len;
	long argc = 0, size = 0;
	size_t n = 0;

	for (long i = -1; i < argc; i++) {
		const char *line = memchr(at, '\n', (size_t)(end - at));

		if (!line)
			return 0;
		if (i < 0)
			argc = strtol(at + 1, NULL, 10);
		else
			size = strtol(at + 1, NULL, 10);
		at = line + 1;
		if (i < 0)
			continue;
		if (end - at < size + 2)
			return 0;
		n += (size_t)sprintf(command + n, "%s%.*s", i ? " " : "",
				     size > 60 ? 60 : (int)size, at);
		at += size + 2;
	}
	return (size_t)(at - bytes);
}

static void read_peer(uv_stream_t *tcp, ssize_t n, const uv_buf_t *room)
{
	struct peer *peer = tcp->data;
	char command[1024];
	size_t len, at = 0;

	(void)room;
	if (n < 0) {
		hang_up(peer);
		return;
	}
	peer->server->reads++;
	peer->held += (size_t)n;
	while (!uv_is_closing((uv_handle_t *)tcp) &&
	       (len = read_command(peer->bytes + at, peer->held - at,
				   command))) {
		at += len;
		hear(peer, command);
	}
	memmove(peer->bytes, peer->bytes + at, peer->held - at);
	peer->held -= at;
}

static void give_room(uv_handle_t *tcp, size_t suggested, uv_buf_t *room)
{
	struct peer *peer = tcp->data;

	(void)suggested;
	*room = uv_buf_init(peer->bytes + peer->held,
			    (unsigned)(sizeof(peer->bytes) - peer->held));
}

static void accept_peer(uv_stream_t *listener, int status)
{
	struct server *server = listener->data;
	struct peer *peer = calloc(1, sizeof(*peer));

	(void)status;
	peer->server = server;
	peer->number = ++server->connections;
	peer->next = server->peers;
	server->peers = peer;
	peer->tcp.data = peer;
	uv_tcp_init(&trial.loop, &peer->tcp);
	uv_accept(listener, (uv_stream_t *)&peer->tcp);
	uv_tcp_nodelay(&peer->tcp, 1);
	uv_read_start((uv_stream_t *)&peer->tcp, give_room, read_peer);
}

/* Port 0: any; a server that was closed comes back at its own. */
static void listen_at(struct server *server, int port)
{
	struct sockaddr_in place;
	int size = sizeof(place);

	uv_ip4_addr("127.0.0.1", port, &place);
	uv_tcp_init(&trial.loop, &server->tcp);
	server->tcp.data = server;
	assert_int_equal(
		uv_tcp_bind(&server->tcp, (struct sockaddr *)&place, 0), 0);
	assert_int_equal(
		uv_listen((uv_stream_t *)&server->tcp, 16, accept_peer), 0);
	uv_tcp_getsockname(&server->tcp, (struct sockaddr *)&place, &size);
	server->port = ntohs(place.sin_port);
	if (!server->serve)
		server->serve = serve_well;
}

static void close_server(struct server *server)
{
	if (!uv_is_closing((uv_handle_t *)&server->tcp))
		uv_close((uv_handle_t *)&server->tcp, NULL);
	for (struct peer *peer = server->peers; peer; peer = peer->next)
		hang_up(peer);
}

/* ---- the loop ----------------------------------------------------------- */

static void lose_patience(uv_timer_t *timer)
{
	(void)timer;
	fail_msg("nothing happens any more");
}

static void run_until(const int *count, int wanted)
{
	uv_timer_start(&trial.patience, lose_patience, PATIENCE, 0);
	while (*count < wanted)
		uv_run(&trial.loop, UV_RUN_ONCE);
	uv_timer_stop(&trial.patience);
}

static void set_flag(uv_timer_t *timer)
{
	++*(int *)timer->data;
}

/* What must be waited out, as nothing tells when it is over: a back-off. */
static UNUSED void run_for(uint64_t ms)
{
	uv_timer_t timer;
	int over = 0;

	uv_timer_init(&trial.loop, &timer);
	timer.data = &over;
	uv_timer_start(&timer, set_flag, ms, 0);
	run_until(&over, 1);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&trial.loop, UV_RUN_NOWAIT);
}

/* ---- calls -------------------------------------------------------------- */

#define TRIP_CALLS 4

/* A pipeline on its way, each call of it one command or two. */
struct trip {
	struct kri_pipeline pipeline;
	struct kri_call calls[TRIP_CALLS];
	struct kri_arena arena;
	int done;
	void (*then)(struct trip *trip);
	struct trip *more; /* for `then` */
};

static void finish_trip(struct kri_pipeline *pipeline)
{
	struct trip *trip = pipeline->arg;

	trip->done++;
	if (trip->then)
		trip->then(trip);
}

static struct kri_call *add_call(struct trip *trip, const char *key)
{
	struct kri_call *call = &trip->calls[trip->pipeline.n++];

	if (!trip->pipeline.calls)
		kri_arena_init(&trip->arena, 4096, SIZE_MAX);
	trip->pipeline.calls = trip->calls;
	trip->pipeline.done = finish_trip;
	trip->pipeline.arg = trip;
	call->key = kri_text_of(key);
	call->cuts[0] = trip->pipeline.commands.len;
	call->arena = &trip->arena;
	call->room = 4096;
	return call;
}

static void add_command(struct trip *trip, struct kri_call *call,
			const char *verb)
{
	kri_command_strings(&trip->pipeline.commands,
			    (const char *[]){verb, call->key.data, NULL});
	call->cuts[++call->replies] = trip->pipeline.commands.len;
}

/* GET may be sent twice, INCR may not. */
static struct kri_call *get(struct trip *trip, const char *key)
{
	struct kri_call *call = add_call(trip, key);

	add_command(trip, call, "GET");
	call->repeatable = true;
	return call;
}

static UNUSED struct kri_call *incr(struct trip *trip, const char *key)
{
	struct kri_call *call = add_call(trip, key);

	add_command(trip, call, "INCR");
	return call;
}

static void submit(struct trip *trip)
{
	kri_client_submit(trial.client, &trip->pipeline);
	if (trial.client)
		kri_client_flush(trial.client);
}

static void travel(struct trip *trip)
{
	submit(trip);
	run_until(&trip->done, 1);
}

static void end_trip(struct trip *trip)
{
	kri_arena_free(&trip->arena);
	kri_buffer_free(&trip->pipeline.commands);
	*trip = (struct trip){0};
}

/* What becomes of one GET. */
static UNUSED enum kr_err try_get(const char *key)
{
	struct trip trip = {0};
	enum kr_err err;

	get(&trip, key);
	travel(&trip);
	err = trip.calls[0].err;
	end_trip(&trip);
	return err;
}

static UNUSED void assert_heard(int server, const char *lines)
{
	const struct kri_buffer *heard = &trial.servers[server].heard;

	assert_string_equal(heard->len ? heard->data : "", lines);
}

static UNUSED void assert_said(const struct kri_call *call, const char *text)
{
	assert_int_equal(call->err, KR_OK);
	assert_string_equal(call->reply[0]->text.data, text);
}

/* ---- the whole of it ---------------------------------------------------- */

static void open_client(const char *endpoint, int64_t ms)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	struct kri_topology_options options = {
		.endpoint = endpoint,
		.connect_timeout = ms,
		.io_timeout = ms,
		.keep_alive = 60,
		.identify = trial.identify,
	};

	signal(SIGPIPE, SIG_IGN); /* as who runs a client has it */
	assert_int_equal(kri_topology_open(&options, &trial.topology, &why),
			 KR_OK);
	assert_int_equal(
		kri_client_open(trial.topology, &trial.loop, &trial.client),
		KR_OK);
}

/* To the first of the servers. */
static UNUSED void open_first(int64_t ms)
{
	char endpoint[64];

	snprintf(endpoint, sizeof(endpoint), "redis://127.0.0.1:%d",
		 trial.servers[0].port);
	open_client(endpoint, ms);
}

static int setup(void **state)
{
	(void)state;
	kri_log_setup(KRI_LOG_ERROR, KRI_LOG_TEXT);
	memset(&trial, 0, sizeof(trial));
	uv_loop_init(&trial.loop);
	uv_timer_init(&trial.loop, &trial.patience);
	for (int i = 0; i < SERVERS; i++)
		listen_at(&trial.servers[i], 0);
	return 0;
}

/* The loop must run out: nothing of a client may be left on it. */
static int teardown(void **state)
{
	(void)state;
	kri_client_close(&trial.client);
	for (int i = 0; i < SERVERS; i++)
		close_server(&trial.servers[i]);
	uv_close((uv_handle_t *)&trial.patience, NULL);
	if (trial.drip.loop && !uv_is_closing((uv_handle_t *)&trial.drip))
		uv_close((uv_handle_t *)&trial.drip, NULL);
	uv_run(&trial.loop, UV_RUN_DEFAULT);
	for (int i = 0; i < SERVERS; i++)
		kri_buffer_free(&trial.servers[i].heard);
	kri_topology_close(&trial.topology);
	return uv_loop_close(&trial.loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
