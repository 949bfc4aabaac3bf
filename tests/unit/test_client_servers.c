/*
 * The client and servers that differ: several addresses, replicas, users who
 * may not do everything, nodes whose map is no use; and what a turn costs.
 */
#include "redis_trial.h"

static void open_two(int64_t ms)
{
	char endpoint[96];

	snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%d,127.0.0.1:%d",
		 trial.servers[0].port, trial.servers[1].port);
	open_client(endpoint, ms);
}

/* ---- replicas ----------------------------------------------------------- */

static void be_replica(struct peer *peer, const char *command)
{
	say(peer, starts(command, "INCR") ? "-READONLY You can't write\r\n"
					  : "+OK\r\n");
}

static void a_replica_leads_to_the_next_address(void **state)
{
	struct trip trip = {0};

	(void)state;
	open_two(300);
	trial.servers[0].serve = be_replica;
	incr(&trip, "k");
	travel(&trip);
	assert_said(&trip.calls[0], "OK");
	assert_heard(1, "INCR k\n");
	end_trip(&trip);
}

static void replicas_alone_get_a_pause(void **state)
{
	(void)state;
	open_two(300);
	trial.servers[0].serve = trial.servers[1].serve = be_replica;
	for (int i = 0; i < 20; i++) {
		struct trip trip = {0};

		incr(&trip, "k");
		travel(&trip);
		assert_int_equal(trip.calls[0].err, KR_ERR_UNAVAILABLE);
		end_trip(&trip);
	}
	assert_in_range(trial.servers[0].connections +
				trial.servers[1].connections,
			2, 8);
}

/* ---- users -------------------------------------------------------------- */

static void forbid_name(struct peer *peer, const char *command)
{
	say(peer,
	    starts(command, "CLIENT ") ? "-NOPERM not you\r\n" : "+OK\r\n");
}

static void a_name_that_may_not_be_set_does_no_harm(void **state)
{
	(void)state;
	open_first(300);
	trial.servers[0].served[15] = 1;
	trial.servers[0].serve = forbid_name;
	assert_int_equal(try_get("k"), KR_OK);
}

static void want_login(struct peer *peer, const char *command)
{
	(void)command;
	say(peer, "-NOAUTH Authentication required.\r\n");
}

static void a_server_that_wants_a_login_denies(void **state)
{
	(void)state;
	open_first(300);
	trial.servers[0].served[15] = 1;
	trial.servers[0].serve = want_login;
	assert_int_equal(try_get("k"), KR_ERR_DENIED);
}

static void forbid_writes(struct peer *peer, const char *command)
{
	say(peer,
	    starts(command, "INCR") ? "-NOPERM no permissions\r\n" : "+OK\r\n");
}

/* Each time it looks well until the next write: the pauses get longer. */
static void a_user_who_may_only_read_does_not_make_it_dial_on_and_on(
	void **state)
{
	int64_t end = kri_clock_ms() + 1000;

	(void)state;
	open_first(300);
	trial.servers[0].serve = forbid_writes;
	while (kri_clock_ms() < end) {
		struct trip trip = {0};

		get(&trip, "k");
		incr(&trip, "k");
		travel(&trip);
		assert_int_not_equal(trip.calls[1].err, KR_OK);
		end_trip(&trip);
		run_for(5);
	}
	assert_in_range(trial.servers[0].connections, 2, 6);
}

/* ---- other protocols ---------------------------------------------------- */

static void speak_http(struct peer *peer, const char *command)
{
	(void)command;
	say(peer, "HTTP/1.1 400 Bad Request\r\n\r\n");
}

static void another_protocol_is_called_so(void **state)
{
	(void)state;
	open_first(300);
	trial.servers[0].served[15] = 1;
	trial.servers[0].serve = speak_http;
	assert_int_equal(try_get("k"), KR_ERR_PROTOCOL);
}

static void push(struct peer *peer, const char *command)
{
	(void)command;
	say(peer, ">3\r\n$9\r\nsubscribe\r\n$1\r\nk\r\n:1\r\n");
}

static void a_push_answers_no_call(void **state)
{
	(void)state;
	open_first(300);
	trial.servers[0].serve = push;
	assert_int_not_equal(try_get("k"), KR_OK);
	trial.servers[0].serve = serve_well;
	run_for(150);
	assert_int_equal(try_get("k"), KR_OK);
}

/* ---- maps --------------------------------------------------------------- */

/* Slots up to 9999 are the first server's, the others the second's: foo has
 * slot 12182, bar 5061. */
static void say_map(struct peer *peer)
{
	char text[256];

	sprintf(text,
		"*2\r\n"
		"*3\r\n:0\r\n:9999\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n"
		"*3\r\n:10000\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n",
		trial.servers[0].port, trial.servers[1].port);
	say(peer, text);
}

static void say_moved(struct peer *peer)
{
	char text[64];

	sprintf(text, "-MOVED 12182 127.0.0.1:%d\r\n", trial.servers[1].port);
	say(peer, text);
}

static void give_no_map(struct peer *peer, const char *command)
{
	if (starts(command, "CLUSTER"))
		say(peer, "+OK\r\n");
	else if (strstr(command, "foo"))
		say_moved(peer);
	else
		say(peer, "+OK\r\n");
}

static void give_map(struct peer *peer, const char *command)
{
	if (starts(command, "CLUSTER"))
		say_map(peer);
	else
		say(peer, "+OK\r\n");
}

static void who_gives_no_map_is_passed_over(void **state)
{
	(void)state;
	open_two(300);
	trial.servers[0].serve = give_no_map;
	trial.servers[1].serve = give_map;
	assert_int_equal(try_get("foo"), KR_OK);
	assert_int_equal(try_get("bar"), KR_OK);
	assert_int_equal(kri_client_places(trial.client), 2);
}

/* All slots are the first server's. */
static void take_over(struct peer *peer, const char *command)
{
	char text[128];

	sprintf(text,
		"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n",
		trial.servers[0].port);
	say(peer, starts(command, "CLUSTER") ? text : "+OK\r\n");
}

static void a_node_that_is_gone_is_replaced_by_whom_the_map_says(void **state)
{
	(void)state;
	open_two(300);
	trial.servers[0].serve = give_no_map;
	trial.servers[1].serve = give_map;
	assert_int_equal(try_get("foo"), KR_OK);
	assert_int_equal(try_get("bar"), KR_OK);
	run_for(150); /* or no map would be asked for again */
	trial.servers[0].serve = take_over;
	close_server(&trial.servers[1]);
	assert_int_equal(try_get("foo"), KR_OK);
	assert_int_equal(kri_client_places(trial.client), 1);
}

/* ---- a turn ------------------------------------------------------------- */

static void what_is_submitted_in_a_turn_is_one_write(void **state)
{
	static struct trip trips[20];
	int before;

	(void)state;
	open_first(300);
	assert_int_equal(try_get("k"), KR_OK);
	before = trial.servers[0].reads;
	for (size_t i = 0; i < 20; i++) {
		get(&trips[i], "k");
		incr(&trips[i], "k");
		kri_client_submit(trial.client, &trips[i].pipeline);
	}
	kri_client_flush(trial.client);
	run_until(&trips[19].done, 1);
	/* Read in one piece, as it was written. */
	assert_int_equal(trial.servers[0].reads, before + 1);
	for (size_t i = 0; i < 20; i++)
		end_trip(&trips[i]);
}

/* What a caller forgets to flush goes before the loop waits. */
static void what_nobody_flushes_goes_all_the_same(void **state)
{
	struct trip trip = {0};

	(void)state;
	open_first(300);
	assert_int_equal(try_get("k"), KR_OK);
	get(&trip, "k");
	kri_client_submit(trial.client, &trip.pipeline);
	run_until(&trip.done, 1);
	assert_said(&trip.calls[0], "OK");
	end_trip(&trip);
}

/* ---- writes that do not all go ------------------------------------------ */

static void close_once(struct peer *peer, const char *command)
{
	if (peer->server->served[0]++)
		say(peer, "+OK\r\n");
	else
		hang_up(peer);
	(void)command;
}

/* More is between than sockets hold, so the last calls were not written. */
static void what_was_not_written_is_sent_again_all_the_same(void **state)
{
	struct trip trip = {0};
	size_t size = 8 << 20;
	char *much = malloc(size + 1);

	(void)state;
	memset(much, 'x', size);
	much[size] = '\0';
	open_first(1000);
	assert_int_equal(try_get("k"), KR_OK);
	trial.servers[0].serve = close_once;
	incr(&trip, "first");
	incr(&trip, much);
	incr(&trip, "last");
	travel(&trip);
	assert_int_equal(trip.calls[0].err, KR_ERR_UNAVAILABLE);
	assert_int_equal(trip.calls[1].err, KR_ERR_UNAVAILABLE);
	assert_said(&trip.calls[2], "OK");
	assert_heard(0, "GET k\nINCR first\nINCR last\n");
	end_trip(&trip);
	free(much);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_replica_leads_to_the_next_address),
		TEST(replicas_alone_get_a_pause),
		TEST(a_name_that_may_not_be_set_does_no_harm),
		TEST(a_server_that_wants_a_login_denies),
		TEST(a_user_who_may_only_read_does_not_make_it_dial_on_and_on),
		TEST(another_protocol_is_called_so),
		TEST(a_push_answers_no_call),
		TEST(who_gives_no_map_is_passed_over),
		TEST(a_node_that_is_gone_is_replaced_by_whom_the_map_says),
		TEST(what_is_submitted_in_a_turn_is_one_write),
		TEST(what_nobody_flushes_goes_all_the_same),
		TEST(what_was_not_written_is_sent_again_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
