/*
 * Sentinels: the first two servers; the primary they name is the third.
 */
#include "redis_trial.h"

static void name_primary(struct peer *peer, const char *command)
{
	char port[8], text[64];

	(void)command;
	sprintf(port, "%d", trial.servers[2].port);
	sprintf(text, "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port),
		port);
	say(peer, text);
}

static void be_primary(struct peer *peer, const char *command)
{
	say(peer, starts(command, "ROLE") ? "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
					  : "+OK\r\n");
}

static void open_sentinels(void)
{
	char endpoint[96];

	snprintf(endpoint, sizeof(endpoint),
		 "127.0.0.1:%d,127.0.0.1:%d,serviceName=mymaster",
		 trial.servers[0].port, trial.servers[1].port);
	trial.servers[0].serve = trial.servers[1].serve = name_primary;
	trial.servers[2].serve = be_primary;
	open_client(endpoint, 300);
}

/* Until the pauses are over. */
static void await_good(void)
{
	int64_t end = kri_clock_ms() + PATIENCE;

	while (try_get("k") && kri_clock_ms() < end)
		run_for(20);
	assert_int_equal(try_get("k"), KR_OK);
}

static void a_sentinel_names_the_primary(void **state)
{
	(void)state;
	open_sentinels();
	assert_int_equal(try_get("k"), KR_OK);
	assert_heard(0, "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster\n");
	assert_heard(1, "");
	assert_heard(2, "ROLE\nGET k\n");
}

static void a_connection_that_is_there_needs_no_sentinel(void **state)
{
	(void)state;
	open_sentinels();
	assert_int_equal(try_get("k"), KR_OK);
	close_server(&trial.servers[0]);
	close_server(&trial.servers[1]);
	assert_int_equal(try_get("k"), KR_OK);
}

static void say_nothing(struct peer *peer, const char *command)
{
	(void)peer;
	(void)command;
}

static void a_sentinel_that_hangs_is_passed_over(void **state)
{
	(void)state;
	open_sentinels();
	trial.servers[0].serve = say_nothing;
	assert_int_equal(try_get("k"), KR_OK);
	assert_int_equal(trial.servers[1].connections, 1);
}

static void a_sentinel_that_is_away_is_passed_over(void **state)
{
	(void)state;
	open_sentinels();
	close_server(&trial.servers[0]);
	assert_int_equal(try_get("k"), KR_OK);
	assert_int_equal(trial.servers[1].connections, 1);
}

static void know_nobody(struct peer *peer, const char *command)
{
	(void)command;
	say(peer, "*-1\r\n");
}

static void a_name_that_no_sentinel_knows_is_unavailable(void **state)
{
	(void)state;
	open_sentinels();
	trial.servers[0].serve = trial.servers[1].serve = know_nobody;
	assert_int_equal(try_get("k"), KR_ERR_UNAVAILABLE);
	assert_int_equal(trial.servers[0].connections, 1);
	assert_int_equal(trial.servers[1].connections, 1);
	trial.servers[1].serve = name_primary;
	await_good();
}

static void deny(struct peer *peer, const char *command)
{
	(void)command;
	say(peer, "-NOAUTH Authentication required.\r\n");
}

static void sentinels_that_want_another_login_deny(void **state)
{
	(void)state;
	open_sentinels();
	trial.servers[0].serve = trial.servers[1].serve = deny;
	assert_int_equal(try_get("k"), KR_ERR_DENIED);
}

static const char *const odd[] = {
	":1\r\n",
	"*2\r\n:1\r\n:2\r\n",
	"*1\r\n$1\r\nh\r\n",
	"*3\r\n$1\r\nh\r\n$1\r\n1\r\n$1\r\n1\r\n",
	"*2\r\n$1\r\nh\r\n$1\r\nx\r\n",
	"*2\r\n$1\r\nh\r\n$5\r\n65536\r\n",
	"-ERR what?\r\n",
};

static void answer_oddly(struct peer *peer, const char *command)
{
	(void)command;
	say(peer, odd[peer->server->served[0]]);
}

static void an_answer_that_is_no_address_is_passed_over(void **state)
{
	(void)state;
	open_sentinels();
	trial.servers[0].serve = answer_oddly;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		trial.servers[0].served[0] = (int)i;
		assert_int_equal(try_get("k"), KR_OK);
		assert_int_equal(trial.servers[1].connections, i + 1);
		/* Asked anew, from the first. */
		kri_client_close(&trial.client);
		run_for(1);
		kri_topology_close(&trial.topology);
		open_sentinels();
		trial.servers[0].serve = answer_oddly;
	}
}

/* ---- the primary -------------------------------------------------------- */

static void be_replica(struct peer *peer, const char *command)
{
	say(peer, starts(command, "ROLE") ? "*2\r\n$5\r\nslave\r\n:0\r\n"
					  : "+OK\r\n");
}

static void what_calls_itself_a_replica_is_not_used(void **state)
{
	(void)state;
	open_sentinels();
	trial.servers[2].serve = be_replica;
	assert_int_equal(try_get("k"), KR_ERR_UNAVAILABLE);
	assert_heard(2, "ROLE\nROLE\n"); /* as each Sentinel named it */
	trial.servers[2].serve = be_primary;
	await_good();
}

static void have_no_role(struct peer *peer, const char *command)
{
	say(peer, starts(command, "ROLE") ? ":1\r\n" : "+OK\r\n");
}

static void what_has_no_role_is_not_used(void **state)
{
	(void)state;
	open_sentinels();
	trial.servers[2].serve = have_no_role;
	assert_int_equal(try_get("k"), KR_ERR_UNAVAILABLE);
}

static void step_down(struct peer *peer, const char *command)
{
	if (starts(command, "INCR") && !peer->server->served[0]++)
		say(peer, "-READONLY You can't write\r\n");
	else
		be_primary(peer, command);
}

/* Nothing was done, so the call is sent again though it may not be repeated. */
static void a_primary_that_steps_down_is_looked_up_anew(void **state)
{
	struct trip trip = {0};

	(void)state;
	open_sentinels();
	trial.servers[2].serve = step_down;
	assert_int_equal(try_get("k"), KR_OK);
	incr(&trip, "k");
	travel(&trip);
	assert_said(&trip.calls[0], "OK");
	assert_int_equal(trial.servers[0].connections, 2);
	assert_heard(2, "ROLE\nGET k\nINCR k\nROLE\nINCR k\n");
	end_trip(&trip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sentinel_names_the_primary),
		TEST(a_connection_that_is_there_needs_no_sentinel),
		TEST(a_sentinel_that_hangs_is_passed_over),
		TEST(a_sentinel_that_is_away_is_passed_over),
		TEST(a_name_that_no_sentinel_knows_is_unavailable),
		TEST(sentinels_that_want_another_login_deny),
		TEST(an_answer_that_is_no_address_is_passed_over),
		TEST(what_calls_itself_a_replica_is_not_used),
		TEST(what_has_no_role_is_not_used),
		TEST(a_primary_that_steps_down_is_looked_up_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
