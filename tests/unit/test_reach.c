/*
 * How a connection is come by: several addresses, Sentinels, names.
 */
#include "redis_trial.h"

#include <netdb.h>
#include <semaphore.h>
#include <stdatomic.h>

/* ---- names: a resolver that answers when the test says ------------------- */

static sem_t answer_now;
static atomic_int lookups;

/* Stands in for the C library's, which libuv's threads call. */
int getaddrinfo(const char *host, const char *service,
		const struct addrinfo *hints, struct addrinfo **found)
{
	struct {
		struct addrinfo info;
		struct sockaddr_in at;
	} *made;

	(void)service;
	(void)hints;
	atomic_fetch_add(&lookups, 1);
	if (!strcmp(host, "hang.test"))
		sem_wait(&answer_now);
	if (!strcmp(host, "unknown.test"))
		return EAI_NONAME;
	made = calloc(1, sizeof(*made));
	made->at.sin_family = AF_INET;
	made->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	made->info.ai_family = AF_INET;
	made->info.ai_addr = (struct sockaddr *)&made->at;
	*found = &made->info;
	return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
	free(found);
}

static void open_named(struct trial *t, const char *host)
{
	struct kri_topology_options options = {
		.connect_timeout = CONNECT_TIMEOUT,
		.io_timeout = 2 * IO_TIMEOUT,
		.keep_alive = 60,
	};
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	char endpoint[64];

	sprintf(endpoint, "redis://%s:%d", host, t->servers[0].port);
	options.endpoint = endpoint;
	assert_int_equal(kri_topology_open(&options, &t->topology, &why),
			 KR_OK);
	assert_int_equal(kri_client_open(t->topology, &t->loop, &t->client),
			 KR_OK);
	atomic_store(&lookups, 0);
	sem_init(&answer_now, 0, 0);
}

static void a_name_is_looked_up(void **state)
{
	struct trial *t = *state;

	open_named(t, "good.test");
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	assert_int_equal(atomic_load(&lookups), 1);
}

static void a_name_that_nobody_has_is_unavailable(void **state)
{
	struct trial *t = *state;

	open_named(t, "unknown.test");
	assert_int_equal(ask(t, "GET", "k"), KR_ERR_UNAVAILABLE);
}

static void a_resolver_that_hangs_is_not_asked_twice(void **state)
{
	struct trial *t = *state;
	int64_t since = kri_clock_ms();

	open_named(t, "hang.test");
	assert_int_equal(ask(t, "GET", "k"), KR_ERR_TIMEOUT);
	assert_in_range(kri_clock_ms() - since, CONNECT_TIMEOUT - 10,
			2 * CONNECT_TIMEOUT);
	run_for(t, 150);
	assert_int_equal(ask(t, "GET", "k"), KR_ERR_TIMEOUT);
	assert_int_equal(atomic_load(&lookups), 1);
	/* When it comes back it serves who waits then. */
	run_for(t, 250);
	sem_post(&answer_now);
	await_back(t);
}

static void closing_does_not_wait_for_the_resolver(void **state)
{
	struct trial *t = *state;
	struct job *job = make_job(t);

	open_named(t, "hang.test");
	add_call(job, "GET", "k");
	submit(job);
	while (!atomic_load(&lookups))
		uv_run(&t->loop, UV_RUN_NOWAIT);
	kri_client_close(&t->client);
	assert_int_equal(job->calls[0].err, KR_ERR_UNAVAILABLE);
	free_job(job);
	run_for(t, 20);
	sem_post(&answer_now); /* the loop's end waits for the thread */
}

/* ---- several addresses -------------------------------------------------- */

static void an_address_where_nobody_listens_is_passed_over(void **state)
{
	struct trial *t = *state;

	open_client(t, 3, NULL);
	stop_server(t, &t->servers[0]);
	stop_server(t, &t->servers[1]);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	assert_int_equal(t->servers[2].connections, 1);
}

static const char *hang(struct peer *peer, const char *name, const char *key)
{
	(void)peer;
	(void)name;
	(void)key;
	return NULL;
}

static void an_address_that_hangs_has_only_its_share(void **state)
{
	struct trial *t = *state;
	int64_t since = kri_clock_ms();

	open_client(t, 3, NULL);
	t->servers[0].answer = hang;
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	assert_in_range(kri_clock_ms() - since, CONNECT_TIMEOUT / 3 - 10,
			CONNECT_TIMEOUT);
	assert_int_equal(t->servers[1].connections, 1);
}

static void the_address_that_worked_is_the_first_next_time(void **state)
{
	struct trial *t = *state;

	open_client(t, 2, NULL);
	stop_server(t, &t->servers[0]);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	start_server(t, &t->servers[0]);
	close_peer(t->servers[1].last);
	run_for(t, 20);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	assert_int_equal(t->servers[0].connections, 0);
	assert_int_equal(t->servers[1].connections, 2);
}

/* ---- logins ------------------------------------------------------------- */

static const char *forbid_name(struct peer *peer, const char *name,
			       const char *key)
{
	return strcmp(name, "CLIENT") ? answer_well(peer, name, key)
				      : "-NOPERM not you\r\n";
}

static void a_name_that_may_not_be_set_is_no_harm(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	t->servers[0].answer = forbid_name;
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
}

static const char *want_login(struct peer *peer, const char *name,
			      const char *key)
{
	(void)peer;
	(void)name;
	(void)key;
	return "-NOAUTH Authentication required.\r\n";
}

static void a_server_that_wants_another_login_denies(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	t->servers[0].answer = want_login;
	assert_int_equal(ask(t, "GET", "k"), KR_ERR_DENIED);
}

/* ---- Sentinels: the first two; the primary is the third ------------------ */

static struct trial *world;

static const char *name_primary(struct peer *peer, const char *name,
				const char *key)
{
	static char text[64];
	char port[8];

	if (strcmp(name, "SENTINEL"))
		return answer_well(peer, name, key);
	sprintf(port, "%d", world->servers[2].port);
	sprintf(text, "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port),
		port);
	return text;
}

static const char *be_primary(struct peer *peer, const char *name,
			      const char *key)
{
	return strcmp(name, "ROLE") ? answer_well(peer, name, key)
				    : "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
}

static void open_sentinels(struct trial *t)
{
	world = t;
	open_client(t, 2, "mymaster");
	t->servers[0].answer = t->servers[1].answer = name_primary;
	t->servers[2].answer = be_primary;
}

static void a_sentinel_names_the_primary(void **state)
{
	struct trial *t = *state;

	open_sentinels(t);
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	assert_int_equal(t->servers[2].connections, 1);
	assert_int_equal(t->servers[1].connections, 0);
}

static void a_sentinel_that_hangs_is_passed_over(void **state)
{
	struct trial *t = *state;

	open_sentinels(t);
	t->servers[0].answer = hang;
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	assert_int_equal(t->servers[1].connections, 1);
}

static const char *know_nobody(struct peer *peer, const char *name,
			       const char *key)
{
	return strcmp(name, "SENTINEL") ? answer_well(peer, name, key)
					: "*-1\r\n";
}

static const char *answer_oddly(struct peer *peer, const char *name,
				const char *key)
{
	static const char *const odd[] = {
		":1\r\n",	   "*2\r\n:1\r\n:2\r\n", "*1\r\n$1\r\nh\r\n",
		"-ERR what?\r\n", "*2\r\n$1\r\nh\r\n$1\r\nx\r\n",
	};

	return strcmp(name, "SENTINEL") ? answer_well(peer, name, key)
					: odd[peer->server->count++ % 5];
}

static void sentinels_that_do_not_know_make_it_unavailable(void **state)
{
	struct trial *t = *state;

	open_sentinels(t);
	t->servers[0].answer = t->servers[1].answer = know_nobody;
	assert_int_equal(ask(t, "GET", "k"), KR_ERR_UNAVAILABLE);
	t->servers[0].answer = t->servers[1].answer = answer_oddly;
	for (int i = 0; i < 5; i++) {
		run_for(t, 100);
		assert_int_not_equal(ask(t, "GET", "k"), KR_OK);
	}
	assert_int_equal(t->servers[2].connections, 0);
	t->servers[0].answer = name_primary;
	await_back(t);
}

static const char *be_replica(struct peer *peer, const char *name,
			      const char *key)
{
	return strcmp(name, "ROLE") ? answer_well(peer, name, key)
				    : "*2\r\n$5\r\nslave\r\n:0\r\n";
}

static void what_calls_itself_a_replica_is_not_used(void **state)
{
	struct trial *t = *state;

	open_sentinels(t);
	t->servers[2].answer = be_replica;
	assert_int_equal(ask(t, "GET", "k"), KR_ERR_UNAVAILABLE);
	t->servers[2].answer = be_primary;
	await_back(t);
}

static const char *step_down(struct peer *peer, const char *name,
			     const char *key)
{
	return strcmp(name, "SET") || peer->server->count++
		       ? be_primary(peer, name, key)
		       : "-READONLY You can't write\r\n";
}

static void a_primary_that_steps_down_is_looked_up_anew(void **state)
{
	struct trial *t = *state;

	open_sentinels(t);
	t->servers[2].answer = step_down;
	assert_int_equal(ask(t, "GET", "k"), KR_OK);
	assert_int_equal(ask(t, "SET", "k"), KR_OK);
	assert_int_equal(t->servers[0].connections, 2);
}

/* ---- the start ---------------------------------------------------------- */

static void a_ping_tells_that_nobody_is_there(void **state)
{
	struct trial *t = *state;

	open_client(t, 1, NULL);
	stop_server(t, &t->servers[0]);
	assert_int_equal(kri_topology_ping(t->topology), KR_ERR_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_is_looked_up),
		TEST(a_name_that_nobody_has_is_unavailable),
		TEST(a_resolver_that_hangs_is_not_asked_twice),
		TEST(closing_does_not_wait_for_the_resolver),
		TEST(an_address_where_nobody_listens_is_passed_over),
		TEST(an_address_that_hangs_has_only_its_share),
		TEST(the_address_that_worked_is_the_first_next_time),
		TEST(a_name_that_may_not_be_set_is_no_harm),
		TEST(a_server_that_wants_another_login_denies),
		TEST(a_sentinel_names_the_primary),
		TEST(a_sentinel_that_hangs_is_passed_over),
		TEST(sentinels_that_do_not_know_make_it_unavailable),
		TEST(what_calls_itself_a_replica_is_not_used),
		TEST(a_primary_that_steps_down_is_looked_up_anew),
		TEST(a_ping_tells_that_nobody_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
