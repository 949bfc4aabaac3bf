/*
 * The client and time: a deadline is for the whole reply, what hangs is thrown
 * away, and nothing that hangs (connecting, a login, a look-up) outlives a
 * client that is closed.
 */
#include "redis_trial.h"

#include <netdb.h>
#include <semaphore.h>
#include <stdatomic.h>

#define MS 200 /* io_timeout and connect_timeout */

/* ---- a resolver that does not answer ------------------------------------ */

static sem_t resolver;
static atomic_int asked;
static atomic_bool resolver_hangs;

/* Stands in for the C library's. */
int getaddrinfo(const char *host, const char *service,
		const struct addrinfo *hints, struct addrinfo **found)
{
	static struct sockaddr_in place = {.sin_family = AF_INET};
	static struct addrinfo here = {.ai_family = AF_INET,
				       .ai_socktype = SOCK_STREAM,
				       .ai_addrlen = sizeof(place),
				       .ai_addr = (struct sockaddr *)&place};

	(void)service;
	(void)hints;
	atomic_fetch_add(&asked, 1);
	place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	while (resolver_hangs && sem_wait(&resolver))
		;
	*found = &here;
	return strcmp(host, "nowhere.example") ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *found)
{
	(void)found;
}

static void open_named(const char *host)
{
	char endpoint[64];

	asked = 0;
	snprintf(endpoint, sizeof(endpoint), "redis://%s:%d", host,
		 trial.servers[0].port);
	open_client(endpoint, MS);
}

static void a_name_is_looked_up(void **state)
{
	(void)state;
	open_named("somewhere.example");
	assert_int_equal(try_get("a"), KR_OK);
}

static void a_name_that_is_none_is_unavailable(void **state)
{
	(void)state;
	open_named("nowhere.example");
	assert_int_equal(try_get("a"), KR_ERR_UNAVAILABLE);
}

static void resolver_goes_on(int n)
{
	resolver_hangs = false;
	while (n--)
		sem_post(&resolver);
}

static void a_look_up_that_hangs_ends_in_time_and_is_out_once(void **state)
{
	int64_t began = kri_clock_ms();

	(void)state;
	resolver_hangs = true;
	open_named("somewhere.example");
	assert_int_equal(try_get("a"), KR_ERR_TIMEOUT);
	assert_in_range(kri_clock_ms() - began, MS - 10, 3 * MS);
	run_for(150); /* the pause */
	assert_int_equal(try_get("b"), KR_ERR_TIMEOUT);
	assert_int_equal(asked, 1);
	resolver_goes_on(1);
	run_for(250);
	assert_int_equal(try_get("c"), KR_OK);
}

static void closing_leaves_a_look_up_to_itself(void **state)
{
	struct trip trip = {0};

	(void)state;
	resolver_hangs = true;
	open_named("somewhere.example");
	get(&trip, "a");
	submit(&trip);
	while (!atomic_load(&asked))
		uv_run(&trial.loop, UV_RUN_NOWAIT);
	kri_client_close(&trial.client);
	assert_int_equal(trip.done, 1);
	resolver_goes_on(1);
	end_trip(&trip);
}

/* ---- connecting that hangs ---------------------------------------------- */

static void stay_silent(struct peer *peer, const char *command)
{
	(void)command;
	peer->server->served[0]++;
}

static void a_login_that_hangs_ends_in_time(void **state)
{
	int64_t began = kri_clock_ms();

	(void)state;
	trial.servers[0].served[15] = 1;
	trial.servers[0].serve = stay_silent;
	open_first(MS);
	assert_int_equal(try_get("a"), KR_ERR_TIMEOUT);
	assert_in_range(kri_clock_ms() - began, MS - 10, 3 * MS);
	assert_int_equal(try_get("b"), KR_ERR_UNAVAILABLE); /* a pause */
}

static void closing_ends_a_login(void **state)
{
	struct trip trip = {0};

	(void)state;
	trial.servers[0].served[15] = 1;
	trial.servers[0].serve = stay_silent;
	open_first(MS);
	get(&trip, "a");
	submit(&trip);
	run_until(&trial.servers[0].served[0], 1);
	kri_client_close(&trial.client);
	assert_int_equal(trip.done, 1);
	end_trip(&trip);
}

static void open_two(int first, int second)
{
	char endpoint[96];

	snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%d,127.0.0.1:%d",
		 trial.servers[first].port, trial.servers[second].port);
	open_client(endpoint, MS);
}

static void the_next_address_gets_its_share_of_the_time(void **state)
{
	(void)state;
	trial.servers[0].served[15] = 1;
	trial.servers[0].serve = stay_silent;
	open_two(0, 1);
	assert_int_equal(try_get("a"), KR_OK);
	assert_heard(1, "GET a\n");
}

static void the_address_that_worked_comes_first(void **state)
{
	(void)state;
	close_server(&trial.servers[0]);
	open_two(0, 1);
	assert_int_equal(try_get("a"), KR_OK);
	hang_up(trial.servers[1].peers);
	run_for(20);
	listen_at(&trial.servers[0], trial.servers[0].port);
	assert_int_equal(try_get("b"), KR_OK);
	assert_heard(0, "");
	assert_heard(1, "GET a\nGET b\n");
}

/* ---- replies that hang -------------------------------------------------- */

static void a_silent_server_times_out_and_gets_a_pause(void **state)
{
	int64_t began = kri_clock_ms();

	(void)state;
	trial.servers[0].serve = stay_silent;
	open_first(MS);
	assert_int_equal(try_get("a"), KR_ERR_TIMEOUT);
	assert_in_range(kri_clock_ms() - began, MS - 10, 3 * MS);
	assert_int_equal(try_get("b"), KR_ERR_UNAVAILABLE);
	assert_int_equal(trial.servers[0].served[0], 1);
}

static void drip_one(uv_timer_t *timer)
{
	for (struct peer *peer = trial.servers[0].peers; peer;
	     peer = peer->next)
		if (peer->number == 1)
			say(peer, "x");
	(void)timer;
}

/* One byte each few milliseconds, of the first that comes by. */
static void trickle(struct peer *peer, const char *command)
{
	if (peer->number > 1 || strcmp(command, "GET slow") != 0) {
		say(peer, "+OK\r\n");
	} else if (!peer->server->served[0]++) {
		say(peer, "$10000\r\n");
	}
}

static void start_dripping(void)
{
	trial.servers[0].serve = trickle;
	uv_timer_init(&trial.loop, &trial.drip);
	uv_timer_start(&trial.drip, drip_one, 100, 5);
}

static void stop_dripping(void)
{
	uv_close((uv_handle_t *)&trial.drip, NULL);
	uv_run(&trial.loop, UV_RUN_NOWAIT);
}

static void a_reply_that_trickles_ends_in_time(void **state)
{
	int64_t began;

	(void)state;
	open_first(MS);
	assert_int_equal(try_get("warm"), KR_OK);
	began = kri_clock_ms();
	start_dripping();
	assert_int_equal(try_get("slow"), KR_ERR_TIMEOUT);
	assert_in_range(kri_clock_ms() - began, MS - 10, 3 * MS);
	stop_dripping();
	/* Who says something is not away. */
	assert_int_equal(try_get("b"), KR_OK);
	assert_int_equal(trial.servers[0].connections, 2);
}

static void others_on_a_connection_that_hangs_go_to_a_new_one(void **state)
{
	struct trip slow = {0}, quick = {0};

	(void)state;
	open_first(MS);
	assert_int_equal(try_get("warm"), KR_OK);
	start_dripping();
	get(&slow, "slow");
	submit(&slow);
	run_until(&trial.servers[0].served[0], 1);
	run_for(MS / 2);
	get(&quick, "a");
	incr(&quick, "b");
	submit(&quick);
	run_until(&quick.done, 1);
	assert_int_equal(slow.calls[0].err, KR_ERR_TIMEOUT);
	assert_said(&quick.calls[0], "OK");
	assert_int_equal(quick.calls[1].err, KR_ERR_UNAVAILABLE);
	stop_dripping();
	end_trip(&slow);
	end_trip(&quick);
}

/* ---- calls that went out late ------------------------------------------- */

static uv_timer_t delay;

static void say_hello(uv_timer_t *timer)
{
	say(timer->data, "+OK\r\n");
}

/* A login takes most of the time, and the first call is answered late. */
static void greet_late(struct peer *peer, const char *command)
{
	struct server *server = peer->server;

	if (is_greeting(command) && peer->number == 1) {
		delay.data = peer;
		uv_timer_start(&delay, say_hello, MS * 3 / 4, 0);
	} else if (is_greeting(command) || server->served[1]++) {
		say(peer, "+OK\r\n");
	}
}

static void begin_late(struct trip *trip)
{
	uv_timer_init(&trial.loop, &delay);
	trial.servers[0].served[15] = 1;
	trial.servers[0].serve = greet_late;
	open_first(MS);
	get(trip, "a");
	submit(trip);
	run_until(&trial.servers[0].served[1], 1);
}

static void end_late(struct trip *trip)
{
	uv_close((uv_handle_t *)&delay, NULL);
	end_trip(trip);
}

static void a_call_that_went_out_late_leaves_the_connection(void **state)
{
	struct trip trip = {0}, next = {0};

	(void)state;
	begin_late(&trip);
	run_until(&trip.done, 1);
	assert_int_equal(trip.calls[0].err, KR_ERR_TIMEOUT);
	end_late(&trip);
	get(&next, "b");
	submit(&next);
	say(trial.servers[0].peers, "$4\r\nlate\r\n");
	run_until(&next.done, 1);
	assert_said(&next.calls[0], "OK");
	assert_int_equal(trial.servers[0].connections, 1);
	end_trip(&next);
}

/* The rest of its reply would be put into what is its caller's again. */
static void assert_half_is_thrown_away(const char *half, const char *rest)
{
	struct trip trip = {0};

	begin_late(&trip);
	say(trial.servers[0].peers, half);
	run_until(&trip.done, 1);
	assert_int_equal(trip.calls[0].err, KR_ERR_TIMEOUT);
	end_late(&trip);
	if (trial.servers[0].peers)
		say(trial.servers[0].peers, rest);
	run_for(110); /* it never did good before: a pause */
	assert_int_equal(try_get("b"), KR_OK);
	assert_int_equal(trial.servers[0].connections, 2);
}

static void half_a_string_of_it_does_not(void **state)
{
	(void)state;
	assert_half_is_thrown_away("$6\r\npur", "ple\r\n");
}

static void half_an_array_of_it_does_not(void **state)
{
	(void)state;
	assert_half_is_thrown_away("*2\r\n$1\r\na\r\n", "$1\r\nb\r\n");
}

/* ---- a loop that is held up --------------------------------------------- */

static void what_came_while_the_loop_was_held_up_counts(void **state)
{
	struct trip trip = {0};

	(void)state;
	open_first(MS);
	assert_int_equal(try_get("warm"), KR_OK);
	trial.servers[0].serve = stay_silent;
	get(&trip, "a");
	submit(&trip);
	run_until(&trial.servers[0].served[0], 1);
	say(trial.servers[0].peers, "+OK\r\n");
	usleep(2 * MS * 1000);
	run_until(&trip.done, 1);
	assert_said(&trip.calls[0], "OK");
	end_trip(&trip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_is_looked_up),
		TEST(a_name_that_is_none_is_unavailable),
		TEST(a_look_up_that_hangs_ends_in_time_and_is_out_once),
		TEST(closing_leaves_a_look_up_to_itself),
		TEST(a_login_that_hangs_ends_in_time),
		TEST(closing_ends_a_login),
		TEST(the_next_address_gets_its_share_of_the_time),
		TEST(the_address_that_worked_comes_first),
		TEST(a_silent_server_times_out_and_gets_a_pause),
		TEST(a_reply_that_trickles_ends_in_time),
		TEST(others_on_a_connection_that_hangs_go_to_a_new_one),
		TEST(a_call_that_went_out_late_leaves_the_connection),
		TEST(half_a_string_of_it_does_not),
		TEST(half_an_array_of_it_does_not),
		TEST(what_came_while_the_loop_was_held_up_counts),
	};

	sem_init(&resolver, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
