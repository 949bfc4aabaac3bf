/*
 * The client with one server, as its caller sees it: replies, errors, broken
 * connections, and what a caller may do when a pipeline is done.
 */
#include "redis_trial.h"

/* ---- replies ------------------------------------------------------------ */

static void replies_go_to_the_calls_that_asked(void **state)
{
	struct trip trip = {0};

	(void)state;
	open_first(1000);
	get(&trip, "a");
	get(&trip, "b");
	travel(&trip);
	assert_said(&trip.calls[0], "OK");
	assert_said(&trip.calls[1], "OK");
	assert_heard(0, "GET a\nGET b\n");
	end_trip(&trip);
}

static void a_call_of_two_commands_has_two_replies(void **state)
{
	struct trip trip = {0};
	struct kri_call *call = get(&trip, "a");

	(void)state;
	open_first(1000);
	add_command(&trip, call, "TTL");
	travel(&trip);
	assert_int_equal(call->err, KR_OK);
	assert_string_equal(call->reply[1]->text.data, "OK");
	end_trip(&trip);
}

static void a_pipeline_of_no_calls_is_done_at_once(void **state)
{
	struct trip trip = {0};

	(void)state;
	open_first(1000);
	(void)get(&trip, "a");
	trip.pipeline.n = 0;
	submit(&trip);
	assert_int_equal(trip.done, 1);
	end_trip(&trip);
}

static void say_no(struct peer *peer, const char *command)
{
	(void)command;
	say(peer, "-ERR no such command\r\n");
}

static void an_error_reply_is_a_reply(void **state)
{
	struct trip trip = {0};

	(void)state;
	trial.servers[0].serve = say_no;
	open_first(1000);
	get(&trip, "a");
	travel(&trip);
	assert_said(&trip.calls[0], "ERR no such command");
	end_trip(&trip);
}

/* Each byte by itself, as fast as the loop turns. */
static void drip(struct peer *peer, const char *command)
{
	static const char reply[] = "$6\r\npurple\r\n";

	(void)command;
	for (size_t i = 0; i < sizeof(reply) - 1; i++)
		say(peer, (char[]){reply[i], '\0'});
}

static void a_reply_may_come_in_pieces(void **state)
{
	struct trip trip = {0};

	(void)state;
	trial.servers[0].serve = drip;
	open_first(1000);
	get(&trip, "a");
	get(&trip, "b");
	travel(&trip);
	assert_said(&trip.calls[0], "purple");
	assert_said(&trip.calls[1], "purple");
	end_trip(&trip);
}

static void say_much_of_big(struct peer *peer, const char *command)
{
	char reply[8192];

	if (strcmp(command, "GET big") != 0) {
		say(peer, "+OK\r\n");
		return;
	}
	memset(reply, 'x', sizeof(reply));
	memcpy(reply, "$8000\r\n", 7);
	strcpy(reply + 8007, "\r\n");
	say(peer, reply);
}

static void a_reply_beyond_its_room_fails_its_call_alone(void **state)
{
	struct trip trip = {0};

	(void)state;
	trial.servers[0].serve = say_much_of_big;
	open_first(1000);
	get(&trip, "a");
	get(&trip, "big");
	get(&trip, "b");
	travel(&trip);
	assert_said(&trip.calls[0], "OK");
	assert_int_equal(trip.calls[1].err, KR_ERR_LIMIT);
	assert_said(&trip.calls[2], "OK");
	assert_int_equal(try_get("c"), KR_OK);
	assert_int_equal(trial.servers[0].connections, 1);
	end_trip(&trip);
}

/* ---- connections that break --------------------------------------------- */

/* The first connection takes a command and ends with half a reply. */
static void cut_first(struct peer *peer, const char *command)
{
	(void)command;
	if (peer->number > 1) {
		say(peer, "+OK\r\n");
		return;
	}
	say(peer, "$6\r\npur");
	hang_up(peer);
}

static void what_may_be_repeated_is_sent_once_more(void **state)
{
	struct trip trip = {0};

	(void)state;
	assert_int_equal((open_first(1000), try_get("warm")), KR_OK);
	trial.servers[0].serve = cut_first;
	get(&trip, "a");
	travel(&trip);
	assert_said(&trip.calls[0], "OK");
	assert_heard(0, "GET warm\nGET a\nGET a\n");
	end_trip(&trip);
}

static void what_may_not_be_repeated_fails(void **state)
{
	struct trip trip = {0};

	(void)state;
	assert_int_equal((open_first(1000), try_get("warm")), KR_OK);
	trial.servers[0].serve = cut_first;
	incr(&trip, "a");
	travel(&trip);
	assert_int_equal(trip.calls[0].err, KR_ERR_UNAVAILABLE);
	assert_heard(0, "GET warm\nINCR a\n");
	end_trip(&trip);
}

static void cut_always(struct peer *peer, const char *command)
{
	(void)command;
	hang_up(peer);
}

static void nothing_is_sent_more_than_twice(void **state)
{
	(void)state;
	assert_int_equal((open_first(1000), try_get("warm")), KR_OK);
	trial.servers[0].serve = cut_always;
	assert_int_equal(try_get("a"), KR_ERR_UNAVAILABLE);
	assert_heard(0, "GET warm\nGET a\nGET a\n");
}

/* Of a call so big that no kernel takes it whole, a part has gone. */
static void what_has_gone_in_part_is_not_sent_again(void **state)
{
	static char big[8 << 20];
	struct trip trip = {0};

	(void)state;
	assert_int_equal((open_first(1000), try_get("warm")), KR_OK);
	uv_read_stop((uv_stream_t *)&trial.servers[0].peers->tcp);
	memset(big, 'k', sizeof(big) - 1);
	incr(&trip, big);
	incr(&trip, "behind");
	submit(&trip);
	hang_up(trial.servers[0].peers);
	run_until(&trip.done, 1);
	assert_int_equal(trip.calls[0].err, KR_ERR_UNAVAILABLE);
	/* Not one byte of the other had been written. */
	assert_said(&trip.calls[1], "OK");
	assert_heard(0, "GET warm\nINCR behind\n");
	end_trip(&trip);
}

static void a_connection_that_ends_while_idle_costs_nothing(void **state)
{
	struct trip trip = {0};

	(void)state;
	assert_int_equal((open_first(1000), try_get("warm")), KR_OK);
	hang_up(trial.servers[0].peers);
	run_for(20);
	incr(&trip, "a");
	travel(&trip);
	assert_said(&trip.calls[0], "OK");
	end_trip(&trip);
}

/* ---- what nobody asked for ----------------------------------------------- */

static void assert_survived(const char *unasked)
{
	struct trip trip = {0};

	assert_int_equal((open_first(1000), try_get("warm")), KR_OK);
	say(trial.servers[0].peers, unasked);
	run_for(20);
	incr(&trip, "a");
	travel(&trip);
	assert_said(&trip.calls[0], "OK");
	assert_int_equal(trial.servers[0].connections, 2);
	end_trip(&trip);
}

static void an_error_that_nobody_asked_for_ends_the_connection(void **state)
{
	(void)state;
	assert_survived("-ERR max number of clients reached\r\n");
}

static void a_reply_that_nobody_asked_for_ends_the_connection(void **state)
{
	(void)state;
	assert_survived("+OK\r\n");
}

static void half_a_reply_that_nobody_asked_for_ends_it_too(void **state)
{
	(void)state;
	assert_survived("$6\r\npur");
}

static void half_an_array_that_nobody_asked_for_ends_it_too(void **state)
{
	(void)state;
	assert_survived("*2\r\n:1\r\n");
}

static void say_two(struct peer *peer, const char *command)
{
	(void)command;
	say(peer, peer->number == 1 ? "+OK\r\n+more\r\n" : "+OK\r\n");
}

static void a_reply_too_many_is_not_taken_for_the_next_ones(void **state)
{
	(void)state;
	trial.servers[0].serve = say_two;
	open_first(1000);
	assert_int_equal(try_get("a"), KR_OK);
	assert_int_equal(try_get("b"), KR_OK);
	assert_int_equal(trial.servers[0].connections, 2);
}

/* ---- servers that refuse ------------------------------------------------ */

static void load_first(struct peer *peer, const char *command)
{
	(void)command;
	say(peer,
	    peer->number == 1 ? "-LOADING Redis is loading\r\n" : "+OK\r\n");
}

static void who_is_loading_is_asked_on_a_new_connection(void **state)
{
	(void)state;
	open_first(1000);
	assert_int_equal(try_get("warm"), KR_OK);
	trial.servers[0].peers->number = 1;
	trial.servers[0].serve = load_first;
	assert_int_equal(try_get("a"), KR_OK);
	assert_int_equal(trial.servers[0].connections, 2);
}

static void deny(struct peer *peer, const char *command)
{
	(void)command;
	say(peer, "-NOPERM this user has no permissions\r\n");
}

static void who_denies_is_not_asked_again(void **state)
{
	(void)state;
	trial.servers[0].serve = deny;
	open_first(1000);
	assert_int_equal(try_get("a"), KR_ERR_DENIED);
	assert_int_equal(try_get("b"), KR_ERR_UNAVAILABLE);
	assert_heard(0, "GET a\n");
}

/* ---- away and back ------------------------------------------------------ */

static void service_comes_back_after_a_pause(void **state)
{
	(void)state;
	close_server(&trial.servers[0]);
	uv_run(&trial.loop, UV_RUN_NOWAIT);
	open_first(1000);
	assert_int_equal(try_get("a"), KR_ERR_UNAVAILABLE);
	listen_at(&trial.servers[0], trial.servers[0].port);
	assert_int_equal(try_get("b"), KR_ERR_UNAVAILABLE); /* at once */
	run_for(110);
	assert_int_equal(try_get("c"), KR_OK);
	assert_heard(0, "GET c\n");
}

static void who_never_did_good_gets_a_pause(void **state)
{
	(void)state;
	trial.servers[0].serve = cut_always;
	open_first(1000);
	for (int i = 0; i < 20; i++)
		assert_int_equal(try_get("a"), KR_ERR_UNAVAILABLE);
	assert_in_range(trial.servers[0].connections, 1, 2);
}

/* ---- what a caller may do when it is done ------------------------------- */

static void submit_more(struct trip *trip)
{
	submit(trip->more);
}

static void who_is_done_may_submit(void **state)
{
	struct trip first = {.then = submit_more}, second = {0};

	(void)state;
	first.more = &second;
	get(&first, "a");
	get(&second, "b");
	open_first(1000);
	submit(&first);
	run_until(&second.done, 1);
	assert_said(&second.calls[0], "OK");
	assert_heard(0, "GET a\nGET b\n");
	end_trip(&first);
	end_trip(&second);
}

static void close_client(struct trip *trip)
{
	(void)trip;
	kri_client_close(&trial.client);
}

static void who_is_done_may_close(void **state)
{
	struct trip first = {.then = close_client}, second = {0};

	(void)state;
	get(&first, "a");
	get(&second, "b");
	open_first(1000);
	submit(&first);
	submit(&second);
	run_until(&second.done, 1);
	assert_int_equal(first.calls[0].err, KR_OK);
	assert_int_equal(second.calls[0].err, KR_ERR_UNAVAILABLE);
	end_trip(&first);
	end_trip(&second);
}

static void who_fails_at_once_may_close(void **state)
{
	struct trip trip = {.then = close_client};

	(void)state;
	close_server(&trial.servers[0]);
	open_first(1000);
	assert_int_equal(try_get("a"), KR_ERR_UNAVAILABLE);
	get(&trip, "b");
	submit(&trip);
	assert_int_equal(trip.done, 1);
	assert_null(trial.client);
	end_trip(&trip);
}

static void who_is_left_when_it_breaks_may_close(void **state)
{
	struct trip trip = {.then = close_client};

	(void)state;
	assert_int_equal((open_first(1000), try_get("warm")), KR_OK);
	trial.servers[0].serve = cut_always;
	incr(&trip, "a");
	travel(&trip);
	assert_null(trial.client);
	end_trip(&trip);
}

static void stay_silent(struct peer *peer, const char *command)
{
	(void)command;
	peer->server->served[0]++;
}

static void closing_settles_calls_that_are_out(void **state)
{
	struct trip trip = {0};

	(void)state;
	trial.servers[0].serve = stay_silent;
	open_first(1000);
	get(&trip, "a");
	submit(&trip);
	run_until(&trial.servers[0].served[0], 1);
	kri_client_close(&trial.client);
	assert_int_equal(trip.done, 1);
	assert_int_equal(trip.calls[0].err, KR_ERR_UNAVAILABLE);
	end_trip(&trip);
}

static void closing_settles_calls_that_wait_for_a_connection(void **state)
{
	struct trip trip = {0};

	(void)state;
	open_first(1000);
	get(&trip, "a");
	submit(&trip);
	kri_client_close(&trial.client);
	assert_int_equal(trip.done, 1);
	assert_int_equal(trip.calls[0].err, KR_ERR_UNAVAILABLE);
	end_trip(&trip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(replies_go_to_the_calls_that_asked),
		TEST(a_call_of_two_commands_has_two_replies),
		TEST(a_pipeline_of_no_calls_is_done_at_once),
		TEST(an_error_reply_is_a_reply),
		TEST(a_reply_may_come_in_pieces),
		TEST(a_reply_beyond_its_room_fails_its_call_alone),
		TEST(what_may_be_repeated_is_sent_once_more),
		TEST(what_may_not_be_repeated_fails),
		TEST(nothing_is_sent_more_than_twice),
		TEST(what_has_gone_in_part_is_not_sent_again),
		TEST(a_connection_that_ends_while_idle_costs_nothing),
		TEST(an_error_that_nobody_asked_for_ends_the_connection),
		TEST(a_reply_that_nobody_asked_for_ends_the_connection),
		TEST(half_a_reply_that_nobody_asked_for_ends_it_too),
		TEST(half_an_array_that_nobody_asked_for_ends_it_too),
		TEST(a_reply_too_many_is_not_taken_for_the_next_ones),
		TEST(who_is_loading_is_asked_on_a_new_connection),
		TEST(who_denies_is_not_asked_again),
		TEST(service_comes_back_after_a_pause),
		TEST(who_never_did_good_gets_a_pause),
		TEST(who_is_done_may_submit),
		TEST(who_is_done_may_close),
		TEST(who_fails_at_once_may_close),
		TEST(who_is_left_when_it_breaks_may_close),
		TEST(closing_settles_calls_that_are_out),
		TEST(closing_settles_calls_that_wait_for_a_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
