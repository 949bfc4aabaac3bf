/*
 * The client and a cluster: the map, redirections, nodes that are away, and
 * the way out of being a cluster's.
 */
#include "redis_trial.h"

#define NODES 2 /* of the servers; slots 0 to 8191, and the rest */

/* "bar" and "foo" are in slots 5061 and 12182. */
#define LOW "bar"
#define HIGH "foo"

static int port_of(int node)
{
	return trial.servers[node].port;
}

static void say_map(struct peer *peer)
{
	char map[256];

	snprintf(map, sizeof(map),
		 "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n"
		 "*3\r\n:8192\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n",
		 port_of(0), port_of(1));
	say(peer, map);
}

static void say_redirect(struct peer *peer, const char *word, int slot,
			 int node)
{
	char text[64];

	snprintf(text, sizeof(text), "-%s %d 127.0.0.1:%d\r\n", word, slot,
		 port_of(node));
	say(peer, text);
}

static int index_of(const struct server *server)
{
	return (int)(server - trial.servers);
}

/* A node as it should be. */
static void serve_node(struct peer *peer, const char *command)
{
	int at = index_of(peer->server);
	bool high = strstr(command, HIGH) != NULL;

	if (starts(command, "CLUSTER"))
		say_map(peer);
	else if (high && at != 1)
		say_redirect(peer, "MOVED", 12182, 1);
	else if (!high && at != 0)
		say_redirect(peer, "MOVED", 5061, 0);
	else
		say(peer, "+OK\r\n");
}

static void serve_both(void (*serve)(struct peer *, const char *))
{
	for (int i = 0; i < NODES; i++)
		trial.servers[i].serve = serve;
}

static void open_cluster(void)
{
	serve_both(serve_node);
	open_first(500);
	assert_int_equal(try_get(HIGH), KR_OK);
	assert_int_equal(try_get(LOW), KR_OK);
	for (int i = 0; i < SERVERS; i++) {
		trial.servers[i].heard.len = 0;
		trial.servers[i].served[0] = 0;
	}
}

static void a_moved_makes_it_a_cluster(void **state)
{
	(void)state;
	serve_both(serve_node);
	open_first(500);
	assert_int_equal(kri_client_places(trial.client), 1);
	assert_int_equal(try_get(HIGH), KR_OK);
	assert_heard(0, "GET foo\n");
	assert_heard(1, "CLUSTER SLOTS\nGET foo\n");
	assert_int_equal(try_get(LOW), KR_OK);
	assert_int_equal(kri_client_places(trial.client), 2);
}

static void each_call_goes_to_its_owner(void **state)
{
	struct trip trip = {0};

	(void)state;
	open_cluster();
	get(&trip, LOW);
	get(&trip, HIGH);
	travel(&trip);
	assert_said(&trip.calls[0], "OK");
	assert_said(&trip.calls[1], "OK");
	assert_heard(0, "GET bar\n");
	assert_heard(1, "GET foo\n");
	end_trip(&trip);
}

static void a_call_without_a_key_goes_to_its_place(void **state)
{
	struct trip trip = {0};

	(void)state;
	open_cluster();
	for (size_t i = 0; i < 3; i++) {
		struct kri_call *call = get(&trip, "DBSIZE");

		call->key = (struct kri_text){0};
		call->place = i;
	}
	travel(&trip);
	assert_said(&trip.calls[0], "OK");
	assert_said(&trip.calls[1], "OK");
	assert_int_equal(trip.calls[2].err, KR_ERR_UNAVAILABLE);
	end_trip(&trip);
}

/* ---- slots on the move -------------------------------------------------- */

static void ask_third(struct peer *peer, const char *command)
{
	if (starts(command, "GET " HIGH) && index_of(peer->server) == 1)
		say_redirect(peer, "ASK", 12182, 2);
	else
		serve_node(peer, command);
}

static void an_ask_is_followed_for_this_call_alone(void **state)
{
	struct trip trip = {0};
	struct kri_call *call;

	(void)state;
	open_cluster();
	serve_both(ask_third);
	call = get(&trip, HIGH);
	add_command(&trip, call, "TTL");
	travel(&trip);
	assert_int_equal(call->err, KR_OK);
	assert_heard(2, "ASKING\nGET foo\nASKING\nTTL foo\n");
	assert_int_equal(try_get(HIGH), KR_OK);
	assert_heard(1, "GET foo\nTTL foo\nGET foo\n");
	end_trip(&trip);
}

static void try_later(struct peer *peer, const char *command)
{
	if (starts(command, "GET " HIGH) && peer->server->served[0]++ < 2)
		say(peer, "-TRYAGAIN Multiple keys request\r\n");
	else
		serve_node(peer, command);
}

static void a_tryagain_is_tried_again(void **state)
{
	(void)state;
	open_cluster();
	serve_both(try_later);
	assert_int_equal(try_get(HIGH), KR_OK);
}

/* Each says that the other has it. */
static void send_round(struct peer *peer, const char *command)
{
	int other = 1 - index_of(peer->server);

	if (starts(command, "CLUSTER"))
		say_map(peer);
	else
		say_redirect(peer, (peer->server->served[0]++, "MOVED"), 12182,
			     other);
}

static void calls_that_are_sent_round_in_circles_fail(void **state)
{
	(void)state;
	open_cluster();
	serve_both(send_round);
	assert_int_equal(try_get(HIGH), KR_ERR_UNAVAILABLE);
	assert_in_range(trial.servers[0].served[0] + trial.servers[1].served[0],
			2, 8);
	serve_both(serve_node);
	run_for(110); /* until the next map */
	assert_int_equal(try_get(HIGH), KR_OK);
}

static void ask_round(struct peer *peer, const char *command)
{
	int other = 1 - index_of(peer->server);

	if (starts(command, "CLUSTER"))
		say_map(peer);
	else if (starts(command, "ASKING"))
		say(peer, "+OK\r\n");
	else
		say_redirect(peer, (peer->server->served[0]++, "ASK"), 12182,
			     other);
}

static void calls_that_are_asked_round_in_circles_fail(void **state)
{
	(void)state;
	open_cluster();
	serve_both(ask_round);
	assert_int_equal(try_get(HIGH), KR_ERR_UNAVAILABLE);
	assert_in_range(trial.servers[0].served[0] + trial.servers[1].served[0],
			2, 8);
}

/* ---- nodes that are away ------------------------------------------------ */

static void a_node_that_is_away_takes_its_own_slots_along(void **state)
{
	struct trip trip = {0};

	(void)state;
	open_cluster();
	close_server(&trial.servers[1]);
	run_for(20);
	get(&trip, LOW);
	get(&trip, HIGH);
	travel(&trip);
	assert_said(&trip.calls[0], "OK");
	assert_int_equal(trip.calls[1].err, KR_ERR_UNAVAILABLE);
	end_trip(&trip);
}

static void a_node_that_comes_back_in_place_is_used_again(void **state)
{
	(void)state;
	open_cluster();
	close_server(&trial.servers[1]);
	run_for(20);
	assert_int_equal(try_get(HIGH), KR_ERR_UNAVAILABLE);
	listen_at(&trial.servers[1], port_of(1));
	run_for(110);
	assert_int_equal(try_get(HIGH), KR_OK);
}

static void load(struct peer *peer, const char *command)
{
	if (index_of(peer->server) == 1)
		say(peer, "-LOADING Redis is loading the dataset\r\n");
	else
		serve_node(peer, command);
}

/* Defect 1 of 0.1: for ever. */
static void a_node_that_was_loading_is_used_again(void **state)
{
	(void)state;
	open_cluster();
	serve_both(load);
	assert_int_equal(try_get(HIGH), KR_ERR_UNAVAILABLE);
	assert_int_equal(try_get(LOW), KR_OK);
	serve_both(serve_node);
	run_for(220);
	assert_int_equal(try_get(HIGH), KR_OK);
}

/* The second hangs, whatever it is asked. */
static void hang_second(struct peer *peer, const char *command)
{
	peer->server->served[0]++;
	if (index_of(peer->server) == 0)
		serve_node(peer, command);
}

static void a_node_that_hangs_holds_up_its_own_slots_alone(void **state)
{
	struct trip hung = {0};
	int64_t began = kri_clock_ms();

	(void)state;
	open_cluster();
	serve_both(hang_second);
	get(&hung, HIGH);
	submit(&hung);
	run_until(&trial.servers[1].served[0], 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(try_get(LOW), KR_OK);
	assert_true(kri_clock_ms() - began < 400);
	run_until(&hung.done, 1);
	assert_int_equal(hung.calls[0].err, KR_ERR_TIMEOUT);
	assert_int_equal(try_get(LOW), KR_OK);
	end_trip(&hung);
}

/* ---- in and out of being a cluster's ------------------------------------ */

static void say_nonsense(struct peer *peer, const char *command)
{
	(void)command;
	say(peer, peer->server->served[0]++ ? "+OK\r\n" : "-MOVED 1\r\n");
}

static void a_malformed_redirection_fails_its_call_alone(void **state)
{
	(void)state;
	trial.servers[0].serve = say_nonsense;
	open_first(500);
	assert_int_equal(try_get("a"), KR_ERR_PROTOCOL);
	assert_int_equal(try_get("b"), KR_OK);
	assert_int_equal(trial.servers[0].connections, 1);
}

static const char *no_cluster;

static void serve_alone(struct peer *peer, const char *command)
{
	say(peer, starts(command, "CLUSTER") ? no_cluster : "+OK\r\n");
}

static void assert_leaves(const char *answer)
{
	open_cluster();
	no_cluster = answer;
	close_server(&trial.servers[1]);
	trial.servers[0].serve = serve_alone;
	run_for(110);
	(void)!try_get(HIGH); /* finds out that its node is away */
	assert_int_equal(try_get(HIGH), KR_OK);
	assert_int_equal(kri_client_places(trial.client), 1);
}

static void a_single_server_where_a_cluster_was_gets_all(void **state)
{
	(void)state;
	assert_leaves("-ERR This instance has cluster support disabled\r\n");
}

static void so_does_one_that_has_never_heard_of_clusters(void **state)
{
	(void)state;
	assert_leaves("-ERR unknown command 'CLUSTER'\r\n");
}

static void lie_once(struct peer *peer, const char *command)
{
	if (starts(command, "GET") && !peer->server->served[0]++)
		say_redirect(peer, "MOVED", 12182, 2);
	else
		serve_alone(peer, command);
}

static void a_moved_from_a_single_server_does_no_lasting_harm(void **state)
{
	(void)state;
	no_cluster = "-ERR This instance has cluster support disabled\r\n";
	trial.servers[0].serve = trial.servers[2].serve = lie_once;
	trial.servers[2].served[0] = 1;
	open_first(500);
	assert_int_equal(try_get(HIGH), KR_OK);
	run_for(20);
	assert_int_equal(try_get(HIGH), KR_OK);
	assert_int_equal(kri_client_places(trial.client), 1);
}

/* ---- closing ------------------------------------------------------------ */

static void close_client(struct trip *trip)
{
	(void)trip;
	kri_client_close(&trial.client);
}

static void closing_ends_all_of_a_cluster(void **state)
{
	struct trip low = {.then = close_client}, high = {0};

	(void)state;
	open_cluster();
	serve_both(hang_second);
	get(&high, HIGH);
	submit(&high);
	get(&low, LOW);
	travel(&low);
	assert_int_equal(high.done, 1);
	assert_int_equal(high.calls[0].err, KR_ERR_UNAVAILABLE);
	end_trip(&low);
	end_trip(&high);
}

static void hang_but_redirect(struct peer *peer, const char *command)
{
	if (index_of(peer->server) == 0)
		serve_node(peer, command);
	else
		peer->server->served[0]++;
}

static void closing_ends_the_wait_for_a_map(void **state)
{
	struct trip high = {0}, low = {0};

	(void)state;
	serve_both(hang_but_redirect);
	open_first(500);
	get(&high, HIGH);
	submit(&high);
	run_until(&trial.servers[1].served[0], 1);
	get(&low, LOW);
	submit(&low);
	assert_int_equal(low.done, 0);
	kri_client_close(&trial.client);
	assert_int_equal(high.done + low.done, 2);
	assert_int_equal(low.calls[0].err, KR_ERR_UNAVAILABLE);
	end_trip(&high);
	end_trip(&low);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_moved_makes_it_a_cluster),
		TEST(each_call_goes_to_its_owner),
		TEST(a_call_without_a_key_goes_to_its_place),
		TEST(an_ask_is_followed_for_this_call_alone),
		TEST(a_tryagain_is_tried_again),
		TEST(calls_that_are_sent_round_in_circles_fail),
		TEST(calls_that_are_asked_round_in_circles_fail),
		TEST(a_node_that_is_away_takes_its_own_slots_along),
		TEST(a_node_that_comes_back_in_place_is_used_again),
		TEST(a_node_that_was_loading_is_used_again),
		TEST(a_node_that_hangs_holds_up_its_own_slots_alone),
		TEST(a_malformed_redirection_fails_its_call_alone),
		TEST(a_single_server_where_a_cluster_was_gets_all),
		TEST(so_does_one_that_has_never_heard_of_clusters),
		TEST(a_moved_from_a_single_server_does_no_lasting_harm),
		TEST(closing_ends_all_of_a_cluster),
		TEST(closing_ends_the_wait_for_a_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
