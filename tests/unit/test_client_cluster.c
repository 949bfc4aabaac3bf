/*
 * The client and a cluster: whom it asks, what it learns, and how it ends.
 */
#include "redis_trial.h"

/* Keys of slot 12182 and of slots below 10000. */
#define HIGH "foo"
#define LOW "bar" /* 5061 */

static struct trial *world; /* of the running test, for the servers' answers */

static int port_of(size_t server)
{
	return world->servers[server].port;
}

static size_t index_of(const struct peer *peer)
{
	return (size_t)(peer->server - world->servers);
}

/* Slots up to 9999 are the first server's, the others the second's. */
static const char *map(void)
{
	static char text[256];

	sprintf(text,
		"*2\r\n"
		"*3\r\n:0\r\n:9999\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n"
		"*3\r\n:10000\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n",
		port_of(0), port_of(1));
	return text;
}

static const char *moved(const char *slot, size_t server)
{
	static char text[64];

	sprintf(text, "-MOVED %s 127.0.0.1:%d\r\n", slot, port_of(server));
	return text;
}

/* A node of a whole cluster of two. */
static const char *be_node(struct peer *peer, const char *name, const char *key)
{
	bool high = !strcmp(key, HIGH);

	if (!strcmp(name, "CLUSTER"))
		return map();
	if (strcmp(name, "GET") && strcmp(name, "INCR"))
		return answer_well(peer, name, key);
	if (high != (index_of(peer) == 1))
		return moved(high ? "12182" : "5061", high);
	peer->server->count++;
	return answer_well(peer, name, key);
}

static void begin(struct trial *t, size_t seeds)
{
	world = t;
	open_client(t, seeds, NULL);
	t->servers[0].answer = t->servers[1].answer = be_node;
}

/* So that the map is known. */
static void learn(struct trial *t)
{
	assert_int_equal(ask(t, "GET", HIGH), KR_OK);
	assert_int_equal(ask(t, "GET", LOW), KR_OK);
	run_for(t, 20);
	assert_int_equal(kri_client_places(t->client), 2);
}

static void a_redirection_makes_it_a_cluster(void **state)
{
	struct trial *t = *state;

	begin(t, 1);
	assert_int_equal(ask(t, "INCR", HIGH), KR_OK);
	assert_int_equal(t->servers[1].count, 1);
	run_for(t, 20);
	assert_int_equal(kri_client_places(t->client), 2);
}

static void with_the_map_each_call_goes_straight(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);

	begin(t, 1);
	learn(t);
	t->servers[0].commands = t->servers[1].commands = 0;
	for (int i = 0; i < 6; i++)
		add_call(job, "INCR", i % 2 ? HIGH : LOW);
	submit(job);
	await(job);
	for (int i = 0; i < 6; i++)
		assert_int_equal(job->calls[i].err, KR_OK);
	assert_int_equal(t->servers[0].commands, 3);
	assert_int_equal(t->servers[1].commands, 3);
	free_job(job);
}

static void calls_without_a_key_go_to_their_place(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);

	begin(t, 1);
	learn(t);
	t->servers[0].commands = t->servers[1].commands = 0;
	add_call(job, "PING", NULL)->place = 0;
	add_call(job, "PING", NULL)->place = 1;
	add_call(job, "PING", NULL)->place = 2;
	submit(job);
	await(job);
	assert_int_equal(job->calls[0].err, KR_OK);
	assert_int_equal(job->calls[1].err, KR_OK);
	assert_int_equal(job->calls[2].err, KR_ERR_UNAVAILABLE);
	assert_int_equal(t->servers[0].commands, 1);
	assert_int_equal(t->servers[1].commands, 1);
	free_job(job);
}

static const char *move_in_circles(struct peer *peer, const char *name,
				   const char *key)
{
	return strcmp(name, "GET") ? answer_well(peer, name, key)
				   : moved("12182", 1 - index_of(peer));
}

static void a_circle_of_redirections_ends(void **state)
{
	struct trial *t = *state;

	begin(t, 1);
	t->servers[0].answer = t->servers[1].answer = move_in_circles;
	assert_int_equal(ask(t, "GET", HIGH), KR_ERR_UNAVAILABLE);
	assert_in_range(t->servers[0].commands + t->servers[1].commands, 2, 20);
}

/* ---- ASK ---------------------------------------------------------------- */

/* All slots are the first server's. */
static const char *take_over(struct peer *peer, const char *name,
			     const char *key)
{
	static char text[128];

	if (strcmp(name, "CLUSTER"))
		return answer_well(peer, name, key);
	sprintf(text,
		"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n",
		port_of(0));
	return text;
}

/* The slot is on its way to the second server. */
static const char *migrate(struct peer *peer, const char *name, const char *key)
{
	static char text[64];

	if (!strcmp(name, "ASKING") || !strcmp(name, "CLUSTER") ||
	    !strcmp(name, "CLIENT"))
		return take_over(peer, name, key);
	if (!index_of(peer)) {
		if (!strcmp(name, "EXEC"))
			return "-EXECABORT Transaction discarded\r\n";
		if (!strcmp(name, "MULTI"))
			return "+OK\r\n";
		sprintf(text, "-ASK 12182 127.0.0.1:%d\r\n", port_of(1));
		return text;
	}
	if (!peer->asking && strcmp(name, "INCR") && strcmp(name, "EXEC"))
		return moved("12182", 0);
	return answer_well(peer, name, key);
}

static void an_ask_is_followed_with_asking(void **state)
{
	struct trial *t = *state;

	begin(t, 1);
	t->servers[0].answer = t->servers[1].answer = migrate;
	assert_int_equal(ask(t, "GET", HIGH), KR_OK);
	assert_int_equal(t->servers[1].askings, 1);
	/* It was for once: the owner is the same. */
	assert_int_equal(ask(t, "GET", HIGH), KR_OK);
	assert_int_equal(t->servers[1].askings, 2);
}

static void a_transaction_asks_once(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);
	struct kri_call *call = add_transaction(job, HIGH);

	begin(t, 1);
	t->servers[0].answer = t->servers[1].answer = migrate;
	submit(job);
	await(job);
	assert_int_equal(call->err, KR_OK);
	assert_int_equal(call->reply[2]->type, KRI_REPLY_STATUS);
	assert_int_equal(t->servers[1].askings, 1);
	free_job(job);
}

/* ---- nonsense ----------------------------------------------------------- */

static const char *talk_nonsense(struct peer *peer, const char *name,
				 const char *key)
{
	return strcmp(key, HIGH) ? answer_well(peer, name, key)
				 : "-MOVED 1\r\n";
}

static void a_malformed_redirection_makes_no_cluster(void **state)
{
	struct trial *t = *state;

	begin(t, 1);
	t->servers[0].answer = talk_nonsense;
	assert_int_equal(ask(t, "GET", HIGH), KR_ERR_PROTOCOL);
	assert_int_equal(ask(t, "GET", LOW), KR_OK);
	assert_int_equal(ask(t, "GET", HIGH), KR_ERR_PROTOCOL);
	assert_int_equal(t->servers[0].connections, 1);
	assert_int_equal(t->servers[0].commands, 3);
}

static const char *give_no_map(struct peer *peer, const char *name,
			       const char *key)
{
	return strcmp(name, "CLUSTER") ? be_node(peer, name, key) : "+OK\r\n";
}

static void who_gives_no_map_is_passed_over(void **state)
{
	struct trial *t = *state;

	begin(t, 2);
	t->servers[0].answer = give_no_map;
	learn(t);
}

/* ---- nodes that go ------------------------------------------------------ */

static void a_node_that_is_gone_is_replaced_by_whom_the_map_says(void **state)
{
	struct trial *t = *state;

	begin(t, 1);
	learn(t);
	run_for(t, 150); /* or no map would be asked for yet */
	t->servers[0].answer = take_over;
	stop_server(t, &t->servers[1]);
	assert_int_equal(ask(t, "GET", HIGH), KR_OK);
	assert_int_equal(kri_client_places(t->client), 1);
}

static void a_node_that_comes_back_in_place_is_tried_again(void **state)
{
	struct trial *t = *state;
	int64_t end = kri_clock_ms() + 10000;

	begin(t, 1);
	learn(t);
	stop_server(t, &t->servers[1]);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(ask(t, "GET", HIGH), KR_ERR_UNAVAILABLE);
		assert_int_equal(ask(t, "GET", LOW), KR_OK);
	}
	start_server(t, &t->servers[1]);
	while (ask(t, "GET", HIGH) && kri_clock_ms() < end)
		run_for(t, 20);
	assert_int_equal(ask(t, "GET", HIGH), KR_OK);
}

static const char *load(struct peer *peer, const char *name, const char *key)
{
	return strcmp(name, "CLIENT") ? "-LOADING Redis is loading\r\n"
				      : answer_well(peer, name, key);
}

static void a_node_that_loads_is_tried_again(void **state)
{
	struct trial *t = *state;
	int64_t end = kri_clock_ms() + 10000;

	begin(t, 1);
	learn(t);
	t->servers[1].answer = load;
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask(t, "GET", HIGH), KR_ERR_UNAVAILABLE);
	t->servers[1].answer = be_node;
	while (ask(t, "GET", HIGH) && kri_clock_ms() < end)
		run_for(t, 20);
	assert_int_equal(ask(t, "GET", HIGH), KR_OK);
}

static const char *break_counter(struct peer *peer, const char *name,
				 const char *key)
{
	if (strcmp(name, "INCR"))
		return be_node(peer, name, key);
	peer->server->count++;
	close_peer(peer);
	return NULL;
}

static void a_commit_in_doubt_is_not_sent_twice(void **state)
{
	struct trial *t = *state;

	begin(t, 1);
	learn(t);
	t->servers[1].answer = break_counter;
	t->servers[1].count = 0;
	assert_int_equal(ask(t, "INCR", HIGH), KR_ERR_UNAVAILABLE);
	run_for(t, 20);
	assert_int_equal(t->servers[1].count, 1);
}

static const char *say_nothing(struct peer *peer, const char *name,
			       const char *key)
{
	return strcmp(name, "CLIENT") ? NULL : answer_well(peer, name, key);
}

static void a_node_that_hangs_costs_only_its_own_calls(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t), *other = make_job(t);

	begin(t, 1);
	learn(t);
	t->servers[1].answer = say_nothing;
	add_call(job, "GET", HIGH);
	add_call(other, "GET", LOW);
	submit(job);
	submit(other);
	await(job);
	assert_int_equal(job->calls[0].err, KR_ERR_TIMEOUT);
	assert_int_equal(other->calls[0].err, KR_OK);
	assert_int_equal(ask(t, "GET", LOW), KR_OK);
	free_job(job);
	free_job(other);
}

/* ---- the end of a cluster ----------------------------------------------- */

static const char *be_single(struct peer *peer, const char *name,
			     const char *key)
{
	return strcmp(name, "CLUSTER")
		       ? answer_well(peer, name, key)
		       : "-ERR This instance has cluster support disabled\r\n";
}

static void a_single_server_in_place_of_a_cluster_ends_it(void **state)
{
	struct trial *t = *state;
	int64_t end = kri_clock_ms() + 10000;

	begin(t, 1);
	learn(t);
	stop_server(t, &t->servers[1]);
	t->servers[0].answer = be_single;
	while (ask(t, "GET", HIGH) && kri_clock_ms() < end)
		run_for(t, 20);
	assert_int_equal(ask(t, "GET", HIGH), KR_OK);
	assert_int_equal(kri_client_places(t->client), 1);
	/* And a cluster in place of the single server begins another. */
	start_server(t, &t->servers[1]);
	t->servers[0].answer = be_node;
	learn(t);
}

static void calls_wait_while_a_map_is_asked_for(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);

	begin(t, 1);
	add_call(job, "GET", HIGH);
	for (int i = 1; i < 10; i++)
		add_call(job, "GET", LOW);
	add_call(job, "PING", NULL);
	submit(job);
	await(job);
	for (size_t i = 0; i < job->pipeline.n; i++)
		assert_int_equal(job->calls[i].err, KR_OK);
	free_job(job);
}

static void closing_settles_what_waits_for_a_map(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t), *late = make_job(t);

	begin(t, 1);
	t->servers[1].answer = say_nothing;
	add_call(job, "GET", HIGH);
	submit(job);
	while (!t->servers[1].commands)
		uv_run(&t->loop, UV_RUN_ONCE);
	add_call(late, "GET", LOW);
	submit(late);
	kri_client_close(&t->client);
	assert_int_equal(job->calls[0].err, KR_ERR_UNAVAILABLE);
	assert_int_equal(late->calls[0].err, KR_ERR_UNAVAILABLE);
	free_job(job);
	free_job(late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_redirection_makes_it_a_cluster),
		TEST(with_the_map_each_call_goes_straight),
		TEST(calls_without_a_key_go_to_their_place),
		TEST(a_circle_of_redirections_ends),
		TEST(an_ask_is_followed_with_asking),
		TEST(a_transaction_asks_once),
		TEST(a_malformed_redirection_makes_no_cluster),
		TEST(who_gives_no_map_is_passed_over),
		TEST(a_node_that_is_gone_is_replaced_by_whom_the_map_says),
		TEST(a_node_that_comes_back_in_place_is_tried_again),
		TEST(a_node_that_loads_is_tried_again),
		TEST(a_commit_in_doubt_is_not_sent_twice),
		TEST(a_node_that_hangs_costs_only_its_own_calls),
		TEST(a_single_server_in_place_of_a_cluster_ends_it),
		TEST(calls_wait_while_a_map_is_asked_for),
		TEST(closing_settles_what_waits_for_a_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
