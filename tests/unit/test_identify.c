/*
 * Which server it is that answers: asked on each new connection, if at all, and
 * of no weight to the connection itself.
 */
#include "redis_trial.h"

#include "redis/info.h"

#define RUN_ID "0123456789abcdef0123456789abcdef01234567"
#define SERVER 0x0123456789abcdefu

static const char *said; /* to INFO */

static void serve(struct peer *peer, const char *command)
{
	say(peer, starts(command, "INFO") ? said : "+OK\r\n");
}

/* Who answered one GET, which has to succeed. */
static uint64_t ask_who(const char *info)
{
	struct trip trip = {0};
	uint64_t server;

	said = info;
	trial.servers[0].serve = serve;
	open_first(3000);
	get(&trip, "a");
	trip.calls[0].server = 1;
	travel(&trip);
	assert_said(&trip.calls[0], "OK");
	server = trip.calls[0].server;
	end_trip(&trip);
	return server;
}

static void who_is_not_asked_is_not_known(void **state)
{
	(void)state;
	assert_int_equal(ask_who("-ERR\r\n"), 0);
	assert_heard(0, "GET a\n");
}

static void who_is_asked_is_known(void **state)
{
	(void)state;
	trial.identify = true;
	assert_int_equal(ask_who("$48\r\nrun_id:" RUN_ID "\n\r\n"), SERVER);
	assert_heard(0, "INFO server\nGET a\n");
}

static void who_may_not_be_asked_serves_all_the_same(void **state)
{
	(void)state;
	trial.identify = true;
	assert_int_equal(ask_who("-NOPERM this user has no\r\n"), 0);
}

static void who_does_not_know_the_question_serves_all_the_same(void **state)
{
	(void)state;
	trial.identify = true;
	assert_int_equal(ask_who("-ERR unknown command\r\n"), 0);
}

static void who_answers_something_else_serves_all_the_same(void **state)
{
	(void)state;
	trial.identify = true;
	assert_int_equal(ask_who("*1\r\n:1\r\n"), 0);
}

static void who_says_too_much_serves_all_the_same(void **state)
{
	enum { SIZE = 40000 };
	char *text = malloc(SIZE + 32);
	int n = sprintf(text, "$%d\r\nrun_id:" RUN_ID "\r\n", SIZE);
	size_t head = strlen("$40000\r\n");

	(void)state;
	memset(text + n, 'x', SIZE - ((size_t)n - head));
	strcpy(text + head + SIZE, "\r\n");
	trial.identify = true;
	assert_int_equal(ask_who(text), 0);
	free(text);
}

static void another_connection_may_lead_to_another_server(void **state)
{
	struct trip trip = {0};

	(void)state;
	trial.identify = true;
	assert_int_equal(ask_who("$48\r\nrun_id:" RUN_ID "\n\r\n"), SERVER);
	said = "$28\r\nrun_id:ffffffffffffffffffff\n\r\n";
	hang_up(trial.servers[0].peers);
	uv_run(&trial.loop, UV_RUN_NOWAIT);
	get(&trip, "b");
	travel(&trip);
	assert_said(&trip.calls[0], "OK");
	assert_true(trip.calls[0].server == UINT64_MAX);
	end_trip(&trip);
}

/* ---- what INFO says ----------------------------------------------------- */

static uint64_t server_of(const char *info)
{
	return kri_info_server(kri_text_of(info));
}

static void a_run_id_is_read(void **state)
{
	(void)state;
	assert_true(server_of("# Server\r\nrun_id:" RUN_ID "\r\n") == SERVER);
	assert_true(server_of("run_id:ffffffffffffffff") == UINT64_MAX);
}

static void what_is_no_run_id_is_none(void **state)
{
	(void)state;
	assert_true(!server_of(""));
	assert_true(!server_of("run_id:\r\n"));
	assert_true(!server_of("run_id:0123456789abcde\r\n")); /* too short */
	assert_true(!server_of("run_id:0123456789abcdeg\r\n"));
	assert_true(!server_of("run_id:0123456789ABCDEF\r\n"));
	assert_true(!server_of("master_run_id:" RUN_ID "\r\n"));
}

static void values_are_found_by_their_names(void **state)
{
	struct kri_text info = KRI_TEXT("# A\r\na:1\r\nab:2:3\r\nb:\r\n");

	(void)state;
	assert_true(kri_info_says(info, "a", "1"));
	assert_true(kri_info_says(info, "ab", "2:3"));
	assert_true(kri_info_says(info, "b", ""));
	assert_false(kri_info_says(info, "a", "2:3"));
	assert_null(kri_info_value(info, "c").data);
}

static bool is_cluster(const char *info)
{
	return kri_info_is_cluster(kri_text_of(info));
}

static void a_cluster_says_so_in_redis_words_or_valkeys(void **state)
{
	(void)state;
	assert_true(is_cluster("# Server\r\nredis_mode:cluster\r\n"));
	assert_true(is_cluster("# Server\r\nserver_mode:cluster\r\n"));
	assert_false(is_cluster("redis_mode:standalone\r\n"));
	assert_false(is_cluster("server_mode:sentinel\r\n"));
	assert_false(is_cluster("mode:cluster\r\n"));
	assert_false(is_cluster(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_not_asked_is_not_known),
		TEST(who_is_asked_is_known),
		TEST(who_may_not_be_asked_serves_all_the_same),
		TEST(who_does_not_know_the_question_serves_all_the_same),
		TEST(who_answers_something_else_serves_all_the_same),
		TEST(who_says_too_much_serves_all_the_same),
		TEST(another_connection_may_lead_to_another_server),
		cmocka_unit_test(a_run_id_is_read),
		cmocka_unit_test(what_is_no_run_id_is_none),
		cmocka_unit_test(values_are_found_by_their_names),
		cmocka_unit_test(a_cluster_says_so_in_redis_words_or_valkeys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
