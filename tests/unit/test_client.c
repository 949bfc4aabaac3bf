/*
 * The client and one server: what comes of calls when all is well.
 */
#include "redis_trial.h"

static void a_client_does_not_connect_before_the_first_call(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	run_for(t, 20);
	assert_int_equal(t->servers[0].connections, 0);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	assert_int_equal(t->servers[0].connections, 1);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	assert_int_equal(t->servers[0].connections, 1);
}

static const char *echo(struct peer *peer, const char *name, const char *key)
{
	static char text[64];

	if (strcmp(name, "GET"))
		return answer_well(peer, name, key);
	sprintf(text, "$%zu\r\n%s\r\n", strlen(key), key);
	return text;
}

static void replies_go_to_the_calls_they_answer(void **state)
{
	struct trial *t = *state;
	char keys[CALLS][8];
	struct job *job = make_job(t);

	open_client(t, 1, NULL);
	t->servers[0].answer = echo;
	for (size_t i = 0; i < CALLS; i++) {
		sprintf(keys[i], "k%zu", i);
		add_call(job, "GET", keys[i]);
	}
	submit(job);
	await(job);
	for (size_t i = 0; i < CALLS; i++) {
		assert_int_equal(job->calls[i].err, KR_OK);
		assert_string_equal(job->calls[i].reply[0]->text.data, keys[i]);
	}
	free_job(job);
}

static void a_call_has_a_reply_for_each_command(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);
	struct kri_call *call = add_transaction(job, "k");

	open_client(t, 1, NULL);
	submit(job);
	await(job);
	assert_int_equal(call->err, KR_OK);
	assert_int_equal(call->reply[2]->type, KRI_REPLY_STATUS);
	assert_int_equal(t->servers[0].commands, 3);
	free_job(job);
}

static void what_is_submitted_in_a_turn_is_one_write(void **state)
{
	struct trial *t = *state;
	struct job *jobs[20];
	size_t reads;

	open_client(t, 1, NULL);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	reads = t->servers[0].reads;
	for (size_t i = 0; i < 20; i++) {
		jobs[i] = make_job(t);
		add_call(jobs[i], "GET", "a");
		add_call(jobs[i], "SET", "b");
		submit(jobs[i]);
	}
	kri_client_flush(t->client);
	await(jobs[19]);
	assert_int_equal(t->servers[0].reads, reads + 1);
	for (size_t i = 0; i < 20; i++)
		free_job(jobs[i]);
}

static const char *say_wrongtype(struct peer *peer, const char *name,
				 const char *key)
{
	return strcmp(name, "GET") ? answer_well(peer, name, key)
				   : "-WRONGTYPE Operation\r\n";
}

static void an_error_that_says_nothing_of_the_server_is_a_reply(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);
	struct kri_call *call = add_call(job, "GET", "k");

	open_client(t, 1, NULL);
	t->servers[0].answer = say_wrongtype;
	submit(job);
	await(job);
	assert_int_equal(call->err, KR_OK);
	assert_int_equal(call->reply[0]->type, KRI_REPLY_ERROR);
	free_job(job);
	assert_int_equal(ask(t, "SET", "k"), KR_OK);
	assert_int_equal(t->servers[0].connections, 1);
}

static void a_pipeline_of_nothing_is_done_at_once(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);

	open_client(t, 1, NULL);
	submit(job);
	assert_true(job->done);
	free_job(job);
}

static void without_a_cluster_there_is_one_place(void **state)
{
	struct trial *t = *state;

	open_client(t, 2, NULL);
	assert_int_equal(kri_client_places(t->client), 1);
	assert_int_equal(ask(t, "PING", NULL), KR_OK);
	assert_int_equal(kri_client_places(t->client), 1);
}

/* ---- giant replies ------------------------------------------------------ */

static const char *say_much(struct peer *peer, const char *name,
			    const char *key)
{
	static char text[70000] = "$65536\r\n";

	if (strcmp(key, "giant"))
		return answer_well(peer, name, key);
	memset(text + 8, 'x', 65536);
	strcpy(text + 8 + 65536, "\r\n");
	return text;
}

static void a_giant_reply_is_the_misfortune_of_its_call_alone(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);

	open_client(t, 1, NULL);
	t->servers[0].answer = say_much;
	add_call(job, "GET", "small");
	add_call(job, "GET", "giant");
	add_call(job, "GET", "small");
	submit(job);
	await(job);
	assert_int_equal(job->calls[0].err, KR_OK);
	assert_int_equal(job->calls[1].err, KR_ERR_LIMIT);
	assert_int_equal(job->calls[2].err, KR_OK);
	assert_string_equal(job->calls[2].reply[0]->text.data, "value");
	free_job(job);
	assert_int_equal(t->servers[0].connections, 1);
}

/* ---- in the callback ---------------------------------------------------- */

static void submit_next(struct kri_pipeline *pipeline)
{
	struct job *job = pipeline->arg;

	on_done(pipeline);
	submit(job->next);
}

static void who_is_done_may_submit_more(void **state)
{
	struct trial *t = *state;
	struct job *first = make_job(t), *second = make_job(t);

	open_client(t, 1, NULL);
	add_call(first, "GET", "k");
	add_call(second, "GET", "k");
	first->next = second;
	first->pipeline.done = submit_next;
	submit(first);
	await(second);
	assert_int_equal(second->calls[0].err, KR_OK);
	free_job(first);
	free_job(second);
}

static void close_client(struct kri_pipeline *pipeline)
{
	struct job *job = pipeline->arg;

	on_done(pipeline);
	kri_client_close(&job->trial->client);
}

static void who_is_done_may_close_the_client(void **state)
{
	struct trial *t = *state;
	struct job *first = make_job(t), *second = make_job(t);

	open_client(t, 1, NULL);
	add_call(first, "GET", "k");
	add_call(second, "SET", "k");
	first->pipeline.done = close_client;
	submit(first);
	submit(second);
	await(second);
	assert_int_equal(first->calls[0].err, KR_OK);
	assert_int_equal(second->calls[0].err, KR_ERR_UNAVAILABLE);
	free_job(first);
	free_job(second);
}

/* ---- closing ------------------------------------------------------------ */

static void closing_settles_what_waits_for_a_connection(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);

	open_client(t, 1, NULL);
	add_call(job, "GET", "k");
	submit(job);
	kri_client_close(&t->client);
	assert_true(job->done);
	assert_int_equal(job->calls[0].err, KR_ERR_UNAVAILABLE);
	free_job(job);
}

static const char *say_nothing(struct peer *peer, const char *name,
			       const char *key)
{
	return strcmp(name, "GET") ? answer_well(peer, name, key) : NULL;
}

static void closing_settles_what_is_under_way(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);

	open_client(t, 1, NULL);
	t->servers[0].answer = say_nothing;
	add_call(job, "GET", "k");
	submit(job);
	while (!t->servers[0].commands)
		uv_run(&t->loop, UV_RUN_ONCE);
	kri_client_close(&t->client);
	assert_int_equal(job->calls[0].err, KR_ERR_UNAVAILABLE);
	free_job(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_client_does_not_connect_before_the_first_call),
		TEST(replies_go_to_the_calls_they_answer),
		TEST(a_call_has_a_reply_for_each_command),
		TEST(what_is_submitted_in_a_turn_is_one_write),
		TEST(an_error_that_says_nothing_of_the_server_is_a_reply),
		TEST(a_pipeline_of_nothing_is_done_at_once),
		TEST(without_a_cluster_there_is_one_place),
		TEST(a_giant_reply_is_the_misfortune_of_its_call_alone),
		TEST(who_is_done_may_submit_more),
		TEST(who_is_done_may_close_the_client),
		TEST(closing_settles_what_waits_for_a_connection),
		TEST(closing_settles_what_is_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
