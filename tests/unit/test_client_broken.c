/*
 * The client and a server that breaks, hangs, or says what it must not say.
 */
#include "redis_trial.h"

/* ---- connections that break --------------------------------------------- */

static const char *close_once(struct peer *peer, const char *name,
			      const char *key)
{
	if (!strcmp(name, "CLIENT") || peer->server->count++)
		return answer_well(peer, name, key);
	close_peer(peer);
	return NULL;
}

static void what_may_be_repeated_is_sent_again_once(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	t->servers[0].answer = close_once;
	t->servers[0].commands = 0;
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	assert_int_equal(t->servers[0].commands, 2);
	assert_int_equal(t->servers[0].connections, 2);
}

static void what_may_not_be_repeated_is_in_doubt(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	t->servers[0].answer = close_once;
	t->servers[0].commands = 0;
	assert_int_equal(ask(t, "INCR", "k"), KR_ERR_UNAVAILABLE);
	assert_int_equal(t->servers[0].commands, 1);
	assert_int_equal(ask(t, "INCR", "k"), KR_OK);
}

static const char *close_always(struct peer *peer, const char *name,
				const char *key)
{
	if (!strcmp(name, "CLIENT"))
		return answer_well(peer, name, key);
	close_peer(peer);
	return NULL;
}

static void a_server_that_always_breaks_gets_a_pause(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	t->servers[0].answer = close_always;
	assert_int_equal(ask(t, "GET", "k"), KR_ERR_UNAVAILABLE);
	assert_in_range(t->servers[0].commands, 1, 2);
	for (int i = 0; i < 100; i++)
		assert_int_equal(ask(t, "GET", "k"), KR_ERR_UNAVAILABLE);
	assert_in_range(t->servers[0].connections, 1, 4);
	t->servers[0].answer = NULL;
	await_back(t);
}

static void in_a_pause_calls_fail_before_submit_returns(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);

	open_client(t, 1, NULL);
	stop_server(t, &t->servers[0]);
	assert_int_equal(ask(t, "GET", "k"), KR_ERR_UNAVAILABLE);
	add_call(job, "GET", "k");
	submit(job);
	assert_true(job->done);
	assert_int_equal(job->calls[0].err, KR_ERR_UNAVAILABLE);
	free_job(job);
	start_server(t, &t->servers[0]);
	await_back(t);
}

/* More than sockets hold, so that not all can have been written. */
static const char *close_unread(struct peer *peer, const char *name,
				const char *key)
{
	if (!strcmp(name, "CLIENT"))
		return answer_well(peer, name, key);
	if (peer->server->count++)
		return answer_well(peer, name, key);
	close_peer(peer);
	return NULL;
}

static void what_was_not_written_is_sent_again_though_it_may_not_be_repeated(
	void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);
	size_t size = 8 << 20;
	char *much = malloc(size + 1);
	size_t doubted = 0;

	memset(much, 'x', size);
	much[size] = '\0';
	open_client(t, 1, NULL);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	t->servers[0].answer = close_unread;
	add_call(job, "INCR", "first");
	add_call(job, "SET", much);
	for (int i = 0; i < 8; i++)
		add_call(job, "INCR", "later");
	submit(job);
	await(job);
	assert_int_equal(job->calls[0].err, KR_ERR_UNAVAILABLE);
	assert_int_equal(job->calls[1].err, KR_ERR_UNAVAILABLE);
	for (size_t i = 2; i < job->pipeline.n; i++)
		doubted += job->calls[i].err != KR_OK;
	assert_int_equal(doubted, 0);
	/* What was sent again came once, what was in doubt not again. */
	assert_int_equal(t->servers[0].count, 1 + 8);
	free_job(job);
	free(much);
}

/* ---- replies that nobody asked for -------------------------------------- */

static void too_many_clients_is_told_by_who_closes(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	t->servers[0].hello = "-ERR max number of clients reached\r\n";
	assert_int_equal(ask(t, "GET", "k"), KR_ERR_UNAVAILABLE);
	t->servers[0].hello = NULL;
	await_back(t);
}

/* Says something to the connection that lies idle, and asks. */
static void expect_new_connection(struct trial *t, const char *text)
{
	size_t before;

	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	before = t->servers[0].connections;
	say(t->servers[0].last, text);
	run_for(t, 20);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	assert_int_equal(t->servers[0].connections, before + 1);
}

static void a_reply_that_nobody_asked_for_ends_its_connection(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	expect_new_connection(t, "+OK\r\n");
	expect_new_connection(t, "$3\r\nfoo\r\n");
	expect_new_connection(t, "*2\r\n:1\r\n:2\r\n");
	expect_new_connection(t, "-ERR max number of clients reached\r\n");
	expect_new_connection(t, ">2\r\n$7\r\nmessage\r\n$1\r\nx\r\n");
	expect_new_connection(t, "HTTP/1.1 400 Bad Request\r\n");
}

static void half_a_reply_that_nobody_asked_for_ends_it_too(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	expect_new_connection(t, "+O");
	expect_new_connection(t, "$100\r\nfoo");
}

static const char *answer_twice(struct peer *peer, const char *name,
				const char *key)
{
	return strcmp(name, "GET") ? answer_well(peer, name, key)
				   : "$1\r\na\r\n$1\r\nb\r\n";
}

static void a_second_reply_is_taken_for_no_other_call(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	t->servers[0].answer = answer_twice;
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	run_for(t, 20);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	assert_int_equal(t->servers[0].connections, 2);
}

static const char *speak_http(struct peer *peer, const char *name,
			      const char *key)
{
	(void)peer;
	(void)name;
	(void)key;
	return "HTTP/1.1 400 Bad Request\r\n\r\n";
}

static void another_protocol_is_called_so(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	t->servers[0].answer = speak_http;
	assert_int_equal(ask(t, "GET", "k"), KR_ERR_PROTOCOL);
	t->servers[0].answer = NULL;
	await_back(t);
}

static const char *push(struct peer *peer, const char *name, const char *key)
{
	return strcmp(name, "GET") ? answer_well(peer, name, key)
				   : ">2\r\n$9\r\nsubscribe\r\n:1\r\n";
}

static void a_push_is_no_reply(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	t->servers[0].answer = push;
	assert_int_not_equal(ask(t, "GET", "k"), KR_OK);
	t->servers[0].answer = NULL;
	await_back(t);
}

/* ---- silence ------------------------------------------------------------ */

static const char *say_nothing(struct peer *peer, const char *name,
			       const char *key)
{
	return strcmp(name, "CLIENT") ? NULL : answer_well(peer, name, key);
}

static void silence_is_a_timeout_and_a_reason_for_a_pause(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);
	int64_t since = kri_clock_ms();

	open_client(t, 1, NULL);
	t->servers[0].answer = say_nothing;
	assert_int_equal(ask(t, "GET", "k"), KR_ERR_TIMEOUT);
	assert_in_range(kri_clock_ms() - since, IO_TIMEOUT, 3 * IO_TIMEOUT);
	add_call(job, "GET", "k");
	submit(job);
	assert_true(job->done);
	free_job(job);
	t->servers[0].answer = NULL;
	await_back(t);
}

static const char *hang(struct peer *peer, const char *name, const char *key)
{
	(void)peer;
	(void)name;
	(void)key;
	return NULL;
}

static void a_greeting_without_an_answer_is_bounded(void **state)
{
	struct trial *t = *state;
	int64_t since = kri_clock_ms();

	open_client(t, 1, NULL);
	t->servers[0].answer = hang;
	assert_int_equal(ask(t, "GET", "k"), KR_ERR_TIMEOUT);
	assert_in_range(kri_clock_ms() - since, CONNECT_TIMEOUT - 10,
			3 * CONNECT_TIMEOUT);
	t->servers[0].answer = NULL;
	await_back(t);
}

static void trickle(uv_timer_t *timer)
{
	struct trial *t = timer->data;

	if (t->servers[0].last)
		say(t->servers[0].last, "x");
}

static const char *begin_trickle(struct peer *peer, const char *name,
				 const char *key)
{
	if (strcmp(name, "GET"))
		return answer_well(peer, name, key);
	return peer->server->count++ ? "$5\r\nvalue\r\n" : "$1000000\r\n";
}

/* A deadline is for the whole reply, and other calls do not pay for it. */
static void a_trickle_does_not_extend_the_deadline(void **state)
{
	struct trial *t = *state;
	struct job *slow = make_job(t), *other = make_job(t);
	int64_t since;

	open_client(t, 1, NULL);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	t->servers[0].answer = begin_trickle;
	uv_timer_start(&t->timer, trickle, 10, 10);
	add_call(slow, "GET", "slow");
	add_call(other, "GET", "other");
	since = kri_clock_ms();
	submit(slow);
	run_for(t, IO_TIMEOUT / 2);
	submit(other);
	await(slow);
	uv_timer_stop(&t->timer);
	assert_int_equal(slow->calls[0].err, KR_ERR_TIMEOUT);
	assert_in_range(kri_clock_ms() - since, IO_TIMEOUT, 2 * IO_TIMEOUT);
	await(other);
	assert_int_equal(other->calls[0].err, KR_OK);
	free_job(slow);
	free_job(other);
}

/* ---- a server that is far ----------------------------------------------- */

static void answer_late(uv_timer_t *timer)
{
	struct trial *t = timer->data;

	if (t->servers[0].last)
		say(t->servers[0].last, "+OK\r\n");
}

static const char *answer_later(struct peer *peer, const char *name,
				const char *key)
{
	uv_timer_t *timer = peer->server->arg;

	(void)name;
	(void)key;
	uv_timer_start(timer, answer_late, IO_TIMEOUT * 2 / 3, 0);
	return NULL;
}

/* The first call has waited for the connection most of its time, and is given
 * up; its connection serves the next ones. */
static void a_far_server_is_reached_in_the_end(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	t->servers[0].arg = &t->timer;
	t->servers[0].answer = answer_later;
	assert_int_equal(ask(t, "GET", "k"), KR_ERR_TIMEOUT);
	run_for(t, IO_TIMEOUT);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	assert_int_equal(t->servers[0].connections, 1);
}

/* Its replies, and the client's deadline, are due when it is let go. */
static void a_loop_that_was_held_up_reads_before_it_gives_up(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);

	open_client(t, 1, NULL);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	add_call(job, "GET", "k");
	submit(job);
	kri_client_flush(t->client);
	while (!t->servers[0].last || t->servers[0].last->commands < 3)
		uv_run(&t->loop, UV_RUN_NOWAIT);
	if (!job->done)
		uv_sleep(IO_TIMEOUT + 50);
	await(job);
	assert_int_equal(job->calls[0].err, KR_OK);
	free_job(job);
}

/* ---- a server that refuses ---------------------------------------------- */

static const char *load_at_first(struct peer *peer, const char *name,
				 const char *key)
{
	if (!strcmp(name, "CLIENT") || peer->server->count++)
		return answer_well(peer, name, key);
	return "-LOADING Redis is loading the dataset in memory\r\n";
}

/* Nothing was done, so even a call that may not be repeated is sent again. */
static void a_refused_call_is_sent_again_on_a_new_connection(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	t->servers[0].answer = load_at_first;
	assert_int_equal(ask(t, "INCR", "k"), KR_OK);
	assert_int_equal(t->servers[0].connections, 2);
}

static const char *be_busy(struct peer *peer, const char *name, const char *key)
{
	return strcmp(name, "CLIENT") ? "-BUSY Redis is busy\r\n"
				      : answer_well(peer, name, key);
}

static void a_server_that_always_refuses_gets_a_pause(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	t->servers[0].answer = be_busy;
	for (int i = 0; i < 50; i++)
		assert_int_equal(ask(t, "GET", "k"), KR_ERR_UNAVAILABLE);
	assert_in_range(t->servers[0].connections, 1, 4);
	t->servers[0].answer = NULL;
	await_back(t);
}

static const char *deny(struct peer *peer, const char *name, const char *key)
{
	return strcmp(name, "SET") ? answer_well(peer, name, key)
				   : "-NOPERM no permissions\r\n";
}

static void a_user_who_may_not_is_denied(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	t->servers[0].answer = deny;
	assert_int_equal(ask(t, "SET", "k"), KR_ERR_DENIED);
	await_back(t);
}

static const char *be_replica(struct peer *peer, const char *name,
			      const char *key)
{
	return strcmp(name, "SET") ? answer_well(peer, name, key)
				   : "-READONLY You can't write\r\n";
}

static void a_replica_leads_to_the_next_address(void **state)
{
	struct trial *t = *state;

	open_client(t, 2, NULL);
	t->servers[0].answer = be_replica;
	assert_int_equal(ask(t, "SET", "k"), KR_OK);
	assert_int_equal(t->servers[0].connections, 1);
	assert_int_equal(t->servers[1].connections, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_may_be_repeated_is_sent_again_once),
		TEST(what_may_not_be_repeated_is_in_doubt),
		TEST(a_server_that_always_breaks_gets_a_pause),
		TEST(in_a_pause_calls_fail_before_submit_returns),
		TEST(what_was_not_written_is_sent_again_though_it_may_not_be_repeated),
		TEST(too_many_clients_is_told_by_who_closes),
		TEST(a_reply_that_nobody_asked_for_ends_its_connection),
		TEST(half_a_reply_that_nobody_asked_for_ends_it_too),
		TEST(a_second_reply_is_taken_for_no_other_call),
		TEST(another_protocol_is_called_so),
		TEST(a_push_is_no_reply),
		TEST(silence_is_a_timeout_and_a_reason_for_a_pause),
		TEST(a_greeting_without_an_answer_is_bounded),
		TEST(a_trickle_does_not_extend_the_deadline),
		TEST(a_far_server_is_reached_in_the_end),
		TEST(a_loop_that_was_held_up_reads_before_it_gives_up),
		TEST(a_refused_call_is_sent_again_on_a_new_connection),
		TEST(a_server_that_always_refuses_gets_a_pause),
		TEST(a_user_who_may_not_is_denied),
		TEST(a_replica_leads_to_the_next_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
