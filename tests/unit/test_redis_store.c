/*
 * The store in Redis on a client that does nothing: what it is given, and what
 * becomes of records when the test has answered.
 */
#include "store/redis_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "redis/topology.h"
#include "store/redis.h"

/* ---- the client ------------------------------------------------------- */

static struct {
	struct kri_pipeline *given[8]; /* not yet settled */
	size_t n, flushes, places;
	bool closed, late; /* late: closing settles nothing */
	bool aborts;       /* without Redis nothing is to start */
} fake;

enum kr_err kri_topology_open(const struct kri_topology_options *options,
			      struct kri_topology **topology,
			      struct kri_buffer *why)
{
	(void)options;
	(void)why;
	*topology = (struct kri_topology *)&fake;
	return KR_OK;
}

void kri_topology_close(struct kri_topology **topology)
{
	*topology = NULL;
}

const char *kri_topology_name(const struct kri_topology *topology)
{
	(void)topology;
	return "fake";
}

bool kri_topology_aborts(const struct kri_topology *topology)
{
	(void)topology;
	return fake.aborts;
}

int64_t kri_topology_away(struct kri_topology *topology)
{
	(void)topology;
	return 0;
}

enum kr_err kri_topology_ping(struct kri_topology *topology, const char **fault)
{
	(void)topology;
	*fault = "redis a:1: Connection refused";
	return KR_ERR_UNAVAILABLE;
}

enum kr_err kri_client_open(struct kri_topology *topology,
			    struct uv_loop_s *loop, struct kri_client **client)
{
	(void)topology;
	(void)loop;
	*client = (struct kri_client *)&fake;
	return KR_OK;
}

/* Of the pipeline that was given first. */
static void settle(void)
{
	struct kri_pipeline *pipeline = fake.given[0];

	assert_true(fake.n > 0);
	fake.n--;
	memmove(fake.given, fake.given + 1, fake.n * sizeof(*fake.given));
	pipeline->done(pipeline);
}

void kri_client_close(struct kri_client **client)
{
	*client = NULL;
	fake.closed = true;
	while (fake.n && !fake.late) {
		for (size_t i = 0; i < fake.given[0]->n; i++)
			fake.given[0]->calls[i].err = KR_ERR_UNAVAILABLE;
		settle();
	}
}

void kri_client_submit(struct kri_client *client, struct kri_pipeline *pipeline)
{
	assert_non_null(client);
	assert_true(pipeline->n > 0);
	assert_in_range(fake.n, 0, 7);
	fake.given[fake.n++] = pipeline;
}

void kri_client_flush(struct kri_client *client)
{
	assert_non_null(client);
	fake.flushes++;
}

size_t kri_client_places(const struct kri_client *client)
{
	assert_non_null(client);
	return fake.places;
}

uint64_t kri_client_connections(const struct kri_client *client)
{
	(void)client;
	return 1;
}

/* ---- the fixture ------------------------------------------------------ */

struct fixture {
	struct kri_config config;
	struct kri_arena arena;
	struct kri_store *store;
	struct kri_link *link;
	struct kri_record one, two, three;
	struct kri_record *records[3];
	unsigned done;
};

static int setup(void **state)
{
	static struct fixture f;
	static char prefix[] = "s*:";
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	memset(&fake, 0, sizeof(fake));
	fake.places = 1;
	f = (struct fixture){
		.config = {.redis_instance_name = prefix,
			   .redis_client_name = prefix,
			   .max_values = 8,
			   .max_size = 1024},
		.one = {.id = "AAAAAAAAAAAAAAAAAAAAAA", .ttl = 1000},
		.two = {.id = "BBBBBBBBBBBBBBBBBBBBBA", .ttl = 1000},
		.three = {.id = "CCCCCCCCCCCCCCCCCCCCCA", .ttl = 1000},
		.records = {&f.one, &f.two, &f.three},
	};
	f.one.arena = f.two.arena = f.three.arena = &f.arena;
	kri_arena_init(&f.arena, 4096, 1 << 20);
	assert_int_equal(kri_redis_store_open(&f.config, &f.store, &why),
			 KR_OK);
	assert_int_equal(f.store->ops->attach(f.store, NULL, &f.link), KR_OK);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->store->ops->detach(&f->link);
	f->store->ops->close(&f->store);
	kri_arena_free(&f->arena);
	return 0;
}

static void count_done(void *arg)
{
	++*(unsigned *)arg;
}

static void load(struct fixture *f, size_t n)
{
	f->store->ops->load(f->link, f->records, n, count_done, &f->done);
}

static void commit(struct fixture *f, size_t n)
{
	f->store->ops->commit(f->link, f->records, n, count_done, &f->done);
}

static const struct kri_reply *number(int64_t integer)
{
	static struct kri_reply replies[8];
	static size_t n;
	struct kri_reply *reply = &replies[n++ % 8];

	*reply = (struct kri_reply){.type = KRI_REPLY_INTEGER,
				    .integer = integer};
	return reply;
}

static const struct kri_reply forgotten = {
	.type = KRI_REPLY_ERROR, .text = {"NOSCRIPT No matching script.", 28}};

static void assert_key(const struct kri_call *call,
		       const struct kri_record *record)
{
	assert_int_equal(call->key.len, 3 + KRI_ID_LEN);
	assert_memory_equal(call->key.data, "s*:", 3);
	assert_memory_equal(call->key.data + 3, record->id, KRI_ID_LEN);
}

static bool says(const struct kri_pipeline *pipeline, const char *text)
{
	return memmem(pipeline->commands.data, pipeline->commands.len, text,
		      strlen(text)) != NULL;
}

/* The probes that come before a walk find nothing. */
static void answer_probes(void)
{
	static const struct kri_reply none = {.type = KRI_REPLY_ARRAY};
	struct kri_pipeline *pipeline = fake.given[0];

	for (size_t i = 0; i < pipeline->n; i++) {
		assert_int_equal(pipeline->calls[i].key.len, 3 + KRI_ID_LEN);
		pipeline->calls[i].reply[0] = &none;
	}
	settle();
}

/* ---- loads ------------------------------------------------------------ */

static void a_batch_of_loads_is_one_pipeline(void **state)
{
	struct fixture *f = *state;
	const struct kri_reply none = {.type = KRI_REPLY_ARRAY};

	load(f, 3);
	assert_int_equal(fake.n, 1);
	assert_int_equal(fake.given[0]->n, 3);
	for (size_t i = 0; i < 3; i++) {
		struct kri_call *call = &fake.given[0]->calls[i];

		assert_key(call, f->records[i]);
		assert_ptr_equal(call->arena, &f->arena);
		assert_int_equal(call->room, kri_redis_load_room(&f->config));
		assert_true(call->repeatable);
		call->reply[0] = &none;
	}
	fake.given[0]->calls[2].err = KR_ERR_TIMEOUT;
	assert_int_equal(f->done, 0);
	settle();
	assert_int_equal(f->done, 1);
	assert_int_equal(f->one.err, KR_ERR_NOT_FOUND);
	assert_int_equal(f->three.err, KR_ERR_TIMEOUT);
}

static void a_giant_fails_alone(void **state)
{
	struct fixture *f = *state;
	const struct kri_reply none = {.type = KRI_REPLY_ARRAY};

	load(f, 2);
	fake.given[0]->calls[0].err = KR_ERR_LIMIT;
	fake.given[0]->calls[1].reply[0] = &none;
	settle();
	assert_int_equal(f->one.err, KR_ERR_PROTOCOL);
	assert_int_equal(f->two.err, KR_ERR_NOT_FOUND);
}

/* Also while others are under way. */
static void batches_are_used_again(void **state)
{
	struct fixture *f = *state;
	const struct kri_pipeline *first, *second;

	load(f, 1);
	load(f, 1);
	first = fake.given[0];
	second = fake.given[1];
	assert_ptr_not_equal(first, second);
	fake.given[0]->calls[0].err = KR_ERR_TIMEOUT;
	fake.given[1]->calls[0].err = KR_ERR_TIMEOUT;
	settle();
	load(f, 1);
	assert_ptr_equal(fake.given[1], first);
	fake.given[1]->calls[0].err = KR_ERR_TIMEOUT;
	settle();
	settle();
	assert_int_equal(f->done, 3);
}

/* ---- commits ---------------------------------------------------------- */

static void only_what_may_be_done_twice_is_sent_twice(void **state)
{
	struct fixture *f = *state;

	f->one.operation = KRI_OP_CREATE;
	f->two.operation = KRI_OP_UPDATE;
	f->three.operation = KRI_OP_DESTROY;
	commit(f, 3);
	assert_true(fake.given[0]->calls[0].repeatable);
	assert_false(fake.given[0]->calls[1].repeatable);
	assert_true(fake.given[0]->calls[2].repeatable);
}

static void touches_go_by_themselves_and_nobody_waits(void **state)
{
	struct fixture *f = *state;

	f->one.operation = f->two.operation = KRI_OP_TOUCH;
	f->one.err = f->two.err = KR_ERR_TIMEOUT;
	commit(f, 2);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->one.err, KR_OK);
	assert_int_equal(f->two.err, KR_OK);
	assert_int_equal(fake.n, 1);
	assert_int_equal(fake.given[0]->n, 2);
	assert_key(&fake.given[0]->calls[1], &f->two);
	assert_true(fake.given[0]->calls[1].repeatable);
	fake.given[0]->calls[0].reply[0] = number(1);
	fake.given[0]->calls[1].err = KR_ERR_TIMEOUT;
	memset(&f->one, 0, sizeof(f->one)); /* they are the caller's again */
	settle();
	assert_int_equal(f->done, 1);
}

static void touches_do_not_keep_the_others_of_a_batch(void **state)
{
	struct fixture *f = *state;

	f->one.operation = KRI_OP_DESTROY;
	f->two.operation = KRI_OP_TOUCH;
	f->three.operation = KRI_OP_DESTROY;
	commit(f, 3);
	assert_int_equal(fake.n, 2);
	assert_key(&fake.given[0]->calls[0], &f->two);
	assert_int_equal(fake.given[1]->n, 2);
	fake.given[1]->calls[0].reply[0] = number(1);
	fake.given[1]->calls[1].reply[0] = number(0);
	fake.given[0]->calls[0].reply[0] = number(1);
	settle();
	assert_int_equal(f->done, 0);
	settle();
	assert_int_equal(f->done, 1);
	assert_int_equal(f->one.err, KR_OK);
	assert_int_equal(f->three.err, KR_OK);
}

static void what_was_forgotten_is_sent_in_full(void **state)
{
	struct fixture *f = *state;

	f->one.operation = KRI_OP_UPDATE;
	f->two.operation = KRI_OP_UPDATE;
	f->three.operation = KRI_OP_CREATE;
	commit(f, 3);
	assert_true(says(fake.given[0], "EVALSHA"));
	fake.given[0]->calls[0].reply[0] = number(7);
	fake.given[0]->calls[1].reply[0] = &forgotten;
	fake.given[0]->calls[2].reply[0] = &forgotten;
	settle();
	assert_int_equal(f->done, 0);
	assert_int_equal(fake.n, 1);
	assert_int_equal(fake.given[0]->n, 2);
	assert_key(&fake.given[0]->calls[0], &f->two);
	assert_false(says(fake.given[0], "EVALSHA"));
	assert_false(fake.given[0]->calls[0].repeatable);
	assert_true(fake.given[0]->calls[1].repeatable);
	fake.given[0]->calls[0].reply[0] = number(-2);
	fake.given[0]->calls[1].reply[0] = number(1);
	settle();
	assert_int_equal(f->done, 1);
	assert_int_equal(f->one.err, KR_OK);
	assert_int_equal(f->one.version, 7);
	assert_int_equal(f->two.err, KR_ERR_CONFLICT);
	assert_int_equal(f->three.err, KR_OK);
}

static void a_forgotten_touch_is_sent_in_full_too(void **state)
{
	struct fixture *f = *state;

	f->one.operation = f->two.operation = KRI_OP_TOUCH;
	commit(f, 2);
	fake.given[0]->calls[0].reply[0] = number(1);
	fake.given[0]->calls[1].reply[0] = &forgotten;
	settle();
	assert_int_equal(fake.n, 1);
	assert_int_equal(fake.given[0]->n, 1);
	assert_key(&fake.given[0]->calls[0], &f->two);
	assert_true(says(fake.given[0], "$4\r\nEVAL\r\n"));
	fake.given[0]->calls[0].reply[0] = number(1);
	settle();
	assert_int_equal(f->done, 1);
}

static void a_script_that_is_forgotten_again_is_an_error(void **state)
{
	struct fixture *f = *state;

	f->one.operation = KRI_OP_UPDATE;
	commit(f, 1);
	fake.given[0]->calls[0].reply[0] = &forgotten;
	settle();
	fake.given[0]->calls[0].reply[0] = &forgotten;
	settle();
	assert_int_equal(f->done, 1);
	assert_int_equal(fake.n, 0);
	assert_int_equal(f->one.err, KR_ERR_PROTOCOL);
}

/* ---- the end ---------------------------------------------------------- */

/* Another operation from within the end of the first fails, too. */
static void again(void *arg)
{
	struct fixture *f = arg;

	load(f, 1);
}

static void what_is_under_way_at_the_end_is_settled(void **state)
{
	struct fixture *f = *state;

	f->two.operation = KRI_OP_UPDATE;
	f->store->ops->load(f->link, f->records, 1, again, f);
	f->store->ops->commit(f->link, f->records + 1, 1, count_done, &f->done);
	f->store->ops->detach(&f->link);
	assert_null(f->link);
	assert_true(fake.closed);
	assert_int_equal(f->done, 2);
	assert_int_equal(f->one.err, KR_ERR_UNAVAILABLE);
	assert_int_equal(f->two.err, KR_ERR_UNAVAILABLE);
}

/* Closed by one that is done: then the client settles the others later. */
static void end(void *arg)
{
	struct fixture *f = arg;

	fake.late = true;
	f->store->ops->detach(&f->link);
}

static void a_link_may_be_ended_by_one_that_is_done(void **state)
{
	struct fixture *f = *state;
	struct kri_listing listing = {.arena = &f->arena};
	const struct kri_reply none = {.type = KRI_REPLY_ARRAY};

	f->store->ops->load(f->link, f->records, 1, end, f);
	f->store->ops->list(f->link, &listing, count_done, &f->done);
	fake.given[0]->calls[0].reply[0] = &none;
	settle();
	assert_null(f->link);
	assert_int_equal(f->done, 0);
	answer_probes();
	assert_int_equal(f->done, 1);
	assert_int_equal(listing.err, KR_ERR_UNAVAILABLE);
}

static void only_a_start_that_depends_on_redis_asks_for_it(void **state)
{
	struct fixture *f = *state;
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	assert_int_equal(kri_store_check(f->store, &why), KR_OK);
	assert_int_equal(why.len, 0);
	fake.aborts = true;
	assert_int_equal(kri_store_check(f->store, &why), KR_ERR_UNAVAILABLE);
	assert_non_null(strstr(why.data, "redis.abort_on_connect_fail is on"));
	kri_buffer_free(&why);
}

/* ---- the walk --------------------------------------------------------- */

#define KEYS(key)                                                              \
	{                                                                      \
		.type = KRI_REPLY_STRING, .text = { key, sizeof(key) - 1 }     \
	}

static void step(struct fixture *f, struct kri_listing *listing)
{
	bool first = !listing->place && !listing->cursor;

	f->store->ops->list(f->link, listing, count_done, &f->done);
	for (int round = 0; first && round < 2; round++)
		answer_probes();
}

/* What SCAN answers: the cursor, and these keys. */
static const struct kri_reply *scan(const char *cursor, struct kri_reply *keys,
				    size_t n)
{
	static struct kri_reply parts[3], *both[] = {&parts[1], &parts[2]};
	static struct kri_reply *elements[8];

	for (size_t i = 0; i < n; i++)
		elements[i] = &keys[i];
	parts[0] = (struct kri_reply){
		.type = KRI_REPLY_ARRAY, .elements = both, .n = 2};
	parts[1] = (struct kri_reply){.type = KRI_REPLY_STRING,
				      .text = kri_text_of(cursor)};
	parts[2] = (struct kri_reply){
		.type = KRI_REPLY_ARRAY, .elements = elements, .n = n};
	return parts;
}

static void a_walk_goes_on_until_all_places_are_done(void **state)
{
	struct fixture *f = *state;
	struct kri_listing listing = {.arena = &f->arena};
	struct kri_reply key = KEYS("s*:AAAAAAAAAAAAAAAAAAAAAA");

	fake.places = 2;
	step(f, &listing);
	assert_int_equal(fake.given[0]->calls[0].place, 0);
	assert_null(fake.given[0]->calls[0].key.data);
	assert_true(says(fake.given[0], "$4\r\nSCAN\r\n$1\r\n0\r\n"));
	assert_true(says(fake.given[0], "\r\ns\\*:??????????????????????\r\n"));
	fake.given[0]->calls[0].reply[0] =
		scan("18446744073709551615", &key, 1);
	settle();
	assert_int_equal(listing.err, KR_OK);
	assert_false(listing.end);
	assert_int_equal(listing.n, 1);
	assert_string_equal(listing.ids[0], "AAAAAAAAAAAAAAAAAAAAAA");
	step(f, &listing);
	assert_true(says(fake.given[0], "$20\r\n18446744073709551615\r\n"));
	fake.given[0]->calls[0].reply[0] = scan("0", NULL, 0);
	settle();
	assert_int_equal(listing.n, 0);
	assert_false(listing.end);
	step(f, &listing);
	assert_int_equal(fake.given[0]->calls[0].place, 1);
	fake.given[0]->calls[0].reply[0] = scan("0", NULL, 0);
	settle();
	assert_true(listing.end);
}

static void a_walk_that_finds_no_server_fails_at_once(void **state)
{
	struct fixture *f = *state;
	struct kri_listing listing = {.arena = &f->arena};

	f->store->ops->list(f->link, &listing, count_done, &f->done);
	fake.given[0]->calls[0].err = KR_ERR_UNAVAILABLE;
	settle();
	assert_int_equal(f->done, 1);
	assert_int_equal(listing.err, KR_ERR_UNAVAILABLE);
	assert_false(listing.end);
}

static void only_keys_of_our_shape_are_listed(void **state)
{
	struct fixture *f = *state;
	struct kri_listing listing = {.arena = &f->arena};
	struct kri_reply keys[] = {
		KEYS("s*:AAAAAAAAAAAAAAAAAAAAA"), /* too short */
		KEYS("s*:AAAAAAAAAAAAAAAAAAAAAAA"),
		KEYS("s_:AAAAAAAAAAAAAAAAAAAAAA"),
		KEYS("s*:AAAAAAAAAAAAAAAAAAAA+A"),
		KEYS("s*:AAAAAAAAAAAAAAAAAAAAAB"), /* bits left over */
		KEYS("s*:BBBBBBBBBBBBBBBBBBBBBA"),
		{.type = KRI_REPLY_INTEGER},
	};

	step(f, &listing);
	fake.given[0]->calls[0].reply[0] = scan("0", keys, 7);
	settle();
	assert_int_equal(listing.n, 1);
	assert_string_equal(listing.ids[0], "BBBBBBBBBBBBBBBBBBBBBA");
}

static void a_walk_with_another_reply_is_not_good(void **state)
{
	struct fixture *f = *state;
	static const char *const cursors[] = {"", "x", "-1",
					      "18446744073709551616"};

	for (size_t i = 0; i < 5; i++) {
		struct kri_listing listing = {.arena = &f->arena};

		step(f, &listing);
		fake.given[0]->calls[0].reply[0] =
			i < 4 ? scan(cursors[i], NULL, 0) : number(1);
		settle();
		assert_int_equal(listing.err, KR_ERR_PROTOCOL);
		assert_false(listing.end);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_batch_of_loads_is_one_pipeline),
		TEST(a_giant_fails_alone),
		TEST(batches_are_used_again),
		TEST(only_what_may_be_done_twice_is_sent_twice),
		TEST(touches_go_by_themselves_and_nobody_waits),
		TEST(touches_do_not_keep_the_others_of_a_batch),
		TEST(what_was_forgotten_is_sent_in_full),
		TEST(a_forgotten_touch_is_sent_in_full_too),
		TEST(a_script_that_is_forgotten_again_is_an_error),
		TEST(what_is_under_way_at_the_end_is_settled),
		TEST(a_link_may_be_ended_by_one_that_is_done),
		TEST(only_a_start_that_depends_on_redis_asks_for_it),
		TEST(a_walk_goes_on_until_all_places_are_done),
		TEST(a_walk_that_finds_no_server_fails_at_once),
		TEST(only_keys_of_our_shape_are_listed),
		TEST(a_walk_with_another_reply_is_not_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
