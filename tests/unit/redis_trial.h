/*
 * What the tests of the Redis client share: servers that answer as a test
 * says, on the client's own loop, and calls that are waited for.
 */
#ifndef TESTS_UNIT_REDIS_TRIAL_H
#define TESTS_UNIT_REDIS_TRIAL_H

#include "redis/client.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <hiredis/hiredis.h>
#include <uv.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "redis/command.h"
#include "redis/topology.h"

#define IO_TIMEOUT 300 /* ms */
#define CONNECT_TIMEOUT 300
#define SERVERS 3

/* ---- servers ------------------------------------------------------------ */

struct server;

/* One connection to one of them. */
struct peer {
	uv_tcp_t tcp;
	struct server *server;
	redisReader *reader;
	size_t commands; /* received on it, the greeting included */
	bool asking;     /* the last one was ASKING */
	bool closing;
};

/* What to say to a command; NULL: nothing. May close the peer. */
typedef const char *answer_fn(struct peer *peer, const char *name,
			      const char *key);

struct server {
	uv_tcp_t tcp;
	int port;
	answer_fn *answer;
	const char *hello; /* said to whoever connects, if not NULL */
	size_t connections, commands, reads, askings;
	size_t count; /* this and the next are the test's own */
	void *arg;
	struct peer *last;
	bool up;
};

struct trial {
	uv_loop_t loop;
	struct server servers[SERVERS];
	struct kri_topology *topology;
	struct kri_client *client;
	struct kri_arena arena;
	size_t done;      /* pipelines */
	uv_timer_t timer; /* the test's own */
};

static inline void free_peer(uv_handle_t *tcp)
{
	struct peer *peer = tcp->data;

	if (peer->server->last == peer)
		peer->server->last = NULL;
	redisReaderFree(peer->reader);
	free(peer);
}

static inline void close_peer(struct peer *peer)
{
	if (!peer->closing)
		uv_close((uv_handle_t *)&peer->tcp, free_peer);
	peer->closing = true;
}

static inline void say(struct peer *peer, const char *text)
{
	uv_buf_t bytes = uv_buf_init((char *)text, (unsigned)strlen(text));

	if (!peer->closing)
		uv_try_write((uv_stream_t *)&peer->tcp, &bytes, 1);
}

/* What every server says, unless its test says otherwise. */
static inline const char *answer_well(struct peer *peer, const char *name,
				      const char *key)
{
	(void)peer;
	(void)key;
	if (!strcmp(name, "GET"))
		return "$5\r\nvalue\r\n";
	return "+OK\r\n";
}

static inline void take_command(struct peer *peer, const redisReply *command)
{
	struct server *server = peer->server;
	const char *name = command->element[0]->str;
	const char *key =
		command->elements > 1 ? command->element[1]->str : "";
	const char *text;

	server->last = peer;
	peer->commands++;
	server->commands += strcmp(name, "CLIENT") != 0;
	server->askings += strcmp(name, "ASKING") == 0;
	text = (server->answer ? server->answer : answer_well)(peer, name, key);
	peer->asking = strcmp(name, "ASKING") == 0;
	if (text)
		say(peer, text);
}

static inline void on_bytes(uv_stream_t *tcp, ssize_t n, const uv_buf_t *bytes)
{
	struct peer *peer = tcp->data;
	void *command = NULL;

	if (n < 0) {
		close_peer(peer);
	} else {
		peer->server->reads++;
		redisReaderFeed(peer->reader, bytes->base, (size_t)n);
		while (!peer->closing &&
		       !redisReaderGetReply(peer->reader, &command) &&
		       command) {
			take_command(peer, command);
			freeReplyObject(command);
		}
	}
	free(bytes->base);
}

static inline void give_room(uv_handle_t *tcp, size_t size, uv_buf_t *bytes)
{
	(void)tcp;
	*bytes = uv_buf_init(malloc(size), (unsigned)size);
}

static inline void on_peer(uv_stream_t *tcp, int status)
{
	struct server *server = tcp->data;
	struct peer *peer = calloc(1, sizeof(*peer));

	assert_int_equal(status, 0);
	assert_non_null(peer);
	peer->server = server;
	peer->reader = redisReaderCreate();
	peer->tcp.data = peer;
	uv_tcp_init(tcp->loop, &peer->tcp);
	assert_int_equal(uv_accept(tcp, (uv_stream_t *)&peer->tcp), 0);
	uv_tcp_nodelay(&peer->tcp, 1);
	server->connections++;
	server->last = peer;
	if (server->hello)
		say(peer, server->hello);
	uv_read_start((uv_stream_t *)&peer->tcp, give_room, on_bytes);
}

/* At the port that it had, if it had one. */
static inline void start_server(struct trial *t, struct server *server)
{
	struct sockaddr_in at;
	int size = sizeof(at);

	uv_tcp_init(&t->loop, &server->tcp);
	server->tcp.data = server;
	uv_ip4_addr("127.0.0.1", server->port, &at);
	assert_int_equal(
		uv_tcp_bind(&server->tcp, (struct sockaddr *)&at, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&server->tcp, 64, on_peer),
			 0);
	uv_tcp_getsockname(&server->tcp, (struct sockaddr *)&at, &size);
	server->port = ntohs(at.sin_port);
	server->up = true;
}

static inline void close_if_peer_of(uv_handle_t *handle, void *server)
{
	struct peer *peer = handle->data;

	if (handle->type == UV_TCP && peer && peer->server == server)
		close_peer(peer);
}

/* With all that is connected to it. */
static inline void stop_server(struct trial *t, struct server *server)
{
	if (!server->up)
		return;
	uv_close((uv_handle_t *)&server->tcp, NULL);
	/* A listening server's data is no peer, but its own. */
	server->up = false;
	for (size_t i = 0; i < SERVERS; i++)
		t->servers[i].tcp.data = NULL;
	uv_walk(&t->loop, close_if_peer_of, server);
	for (size_t i = 0; i < SERVERS; i++)
		t->servers[i].tcp.data = &t->servers[i];
	uv_run(&t->loop, UV_RUN_NOWAIT);
}

/* ---- before and after --------------------------------------------------- */

static inline int setup(void **state)
{
	struct trial *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	kri_log_setup(KRI_LOG_ERROR, KRI_LOG_TEXT);
	uv_loop_init(&t->loop);
	uv_timer_init(&t->loop, &t->timer);
	t->timer.data = t;
	kri_arena_init(&t->arena, 1024, 1 << 20);
	for (size_t i = 0; i < SERVERS; i++)
		start_server(t, &t->servers[i]);
	*state = t;
	return 0;
}

/* The client with the first n servers, or those Sentinels, as its endpoint. */
static inline void open_client(struct trial *t, size_t n, const char *service)
{
	struct kri_topology_options options = {
		.connect_timeout = CONNECT_TIMEOUT,
		.io_timeout = IO_TIMEOUT,
		.keep_alive = 60,
		.service = service,
	};
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	char endpoint[128] = "redis://";

	for (size_t i = 0; i < n; i++)
		sprintf(endpoint + strlen(endpoint), "%s127.0.0.1:%d",
			i ? "," : "", t->servers[i].port);
	options.endpoint = endpoint;
	assert_int_equal(kri_topology_open(&options, &t->topology, &why),
			 KR_OK);
	kri_buffer_free(&why);
	assert_int_equal(kri_client_open(t->topology, &t->loop, &t->client),
			 KR_OK);
}

/* Nothing may be left in the loop. */
static inline int teardown(void **state)
{
	struct trial *t = *state;

	kri_client_close(&t->client);
	uv_close((uv_handle_t *)&t->timer, NULL);
	for (size_t i = 0; i < SERVERS; i++)
		stop_server(t, &t->servers[i]);
	uv_run(&t->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&t->loop), 0);
	kri_topology_close(&t->topology);
	kri_arena_free(&t->arena);
	free(t);
	return 0;
}

/* ---- calls -------------------------------------------------------------- */

#define CALLS 64

struct job {
	struct trial *trial;
	struct kri_pipeline pipeline;
	struct kri_call calls[CALLS];
	struct job *next; /* the test's own */
	bool done;
};

static inline void on_done(struct kri_pipeline *pipeline)
{
	struct job *job = pipeline->arg;

	assert_false(job->done);
	job->done = true;
	job->trial->done++;
}

static inline struct job *make_job(struct trial *t)
{
	struct job *job = calloc(1, sizeof(*job));

	assert_non_null(job);
	job->trial = t;
	job->pipeline.calls = job->calls;
	job->pipeline.done = on_done;
	job->pipeline.arg = job;
	return job;
}

static inline void free_job(struct job *job)
{
	assert_true(job->done);
	kri_buffer_free(&job->pipeline.commands);
	free(job);
}

/* Adds a call of one command on a key (NULL: none), which may be repeated if
 * it is a GET. */
static inline struct kri_call *add_call(struct job *job, const char *name,
					const char *key)
{
	struct kri_call *call = &job->calls[job->pipeline.n++];

	call->cuts[0] = job->pipeline.commands.len;
	kri_command_strings(&job->pipeline.commands,
			    (const char *[]){name, key, NULL});
	call->cuts[1] = job->pipeline.commands.len;
	call->replies = 1;
	call->key = kri_text_of(key);
	call->repeatable = !strcmp(name, "GET");
	call->arena = &job->trial->arena;
	call->room = 4096;
	return call;
}

/* MULTI, a command, EXEC. */
static inline struct kri_call *add_transaction(struct job *job, const char *key)
{
	struct kri_call *call = &job->calls[job->pipeline.n++];
	struct kri_buffer *commands = &job->pipeline.commands;

	call->cuts[0] = commands->len;
	kri_command_strings(commands, (const char *[]){"MULTI", NULL});
	call->cuts[1] = commands->len;
	kri_command_strings(commands, (const char *[]){"INCR", key, NULL});
	call->cuts[2] = commands->len;
	kri_command_strings(commands, (const char *[]){"EXEC", NULL});
	call->cuts[3] = commands->len;
	call->replies = 3;
	call->transaction = true;
	call->key = kri_text_of(key);
	call->arena = &job->trial->arena;
	call->room = 4096;
	return call;
}

static inline void submit(struct job *job)
{
	kri_client_submit(job->trial->client, &job->pipeline);
}

/* Runs the loop until the pipeline is done. */
static inline void await(struct job *job)
{
	int64_t end = kri_clock_ms() + 10000;

	while (!job->done && kri_clock_ms() < end)
		uv_run(&job->trial->loop, UV_RUN_ONCE);
	assert_true(job->done);
}

/* One call, from submit to done. */
static inline enum kr_err ask(struct trial *t, const char *name,
			      const char *key)
{
	struct job *job = make_job(t);
	struct kri_call *call = add_call(job, name, key);
	enum kr_err err;

	submit(job);
	await(job);
	err = call->err;
	free_job(job);
	return err;
}

static inline void on_pause(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* Lets the loop run for a while. */
static inline void run_for(struct trial *t, uint64_t ms)
{
	uv_timer_t timer;
	bool over = false;

	uv_timer_init(&t->loop, &timer);
	timer.data = &over;
	uv_timer_start(&timer, on_pause, ms, 0);
	while (!over)
		uv_run(&t->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&t->loop, UV_RUN_NOWAIT);
}

/* Asks until it succeeds. */
static inline void await_back(struct trial *t)
{
	int64_t end = kri_clock_ms() + 10000;

	while (ask(t, "GET", "k") && kri_clock_ms() < end)
		run_for(t, 20);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
