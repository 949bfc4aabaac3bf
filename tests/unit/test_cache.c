/*
 * The cache around a store that tells of changes when the test says so: what is
 * served from memory, what is not, and which ends wait. Leases are long where
 * copies are to be there, so that a slow machine finds them too.
 */
#include "store/cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "fake_store.h"

#define ID "AAAAAAAAAAAAAAAAAAAAAA"
#define OTHER "BBBBBBBBBBBBBBBBBBBBBB"
#define SOURCE 7
#define LONG 10000 /* ms of a lease that does not run out in a test */
#define SHORT 20
#define PATIENCE 10000 /* ms */

/* What the keeper's thread is to be told next, by the test's. */
typedef void tell(struct kri_follower *follower);

struct following {
	uv_async_t async;
	struct kri_follower *follower;
	struct fake_store *store;
};

struct fixture {
	struct fake_store inner;
	struct kri_store *cache;
	struct kri_config config;
	struct kri_link *link;
	struct kri_arena arena;
	uv_loop_t loop;
	bool done;
};

static struct following *following;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tell *telling;        /* under the lock; NULL: it has been told */
static atomic_bool silent;   /* no question is answered */
static atomic_int questions; /* so far */

/* ---- a store that can be followed -------------------------------------- */

static void on_async(uv_async_t *async)
{
	struct following *own = async->data;

	pthread_mutex_lock(&lock);
	if (telling)
		telling(own->follower);
	telling = NULL;
	pthread_mutex_unlock(&lock);
}

static enum kr_err follow(struct kri_store *store, struct uv_loop_s *loop,
			  struct kri_follower *follower, int64_t lease,
			  struct kri_following **out)
{
	struct following *made = calloc(1, sizeof(*made));

	assert_non_null(made);
	assert_true(lease == LONG || lease == SHORT);
	made->follower = follower;
	made->store = (struct fake_store *)store;
	uv_async_init(loop, &made->async, on_async);
	made->async.data = made;
	following = made;
	*out = (struct kri_following *)made;
	return KR_OK;
}

static void ask(struct kri_following *own)
{
	struct kri_follower *follower = ((struct following *)own)->follower;

	atomic_fetch_add(&questions, 1);
	if (!atomic_load(&silent))
		follower->assured(follower, kri_clock_boot_us());
}

static bool follows(const struct kri_following *own, uint64_t source)
{
	(void)own;
	return source == SOURCE;
}

static void free_following(uv_handle_t *async)
{
	free(async->data);
}

static void unfollow(struct kri_following **own)
{
	uv_close((uv_handle_t *)&((struct following *)*own)->async,
		 free_following);
	*own = NULL;
}

static void load(struct kri_link *link, struct kri_record **records, size_t n,
		 kri_store_done *done, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		kri_record_clear(records[i]);
		records[i]->source = SOURCE;
	}
	fake_load(link, records, n, done, arg);
}

static void close_inner(struct kri_store **store)
{
	*store = NULL;
}

static void user_end(struct kri_link *link, struct kri_user_query *query,
		     kri_store_done *done, void *arg)
{
	(void)link;
	query->err = KR_OK;
	done(arg);
}

static const struct kri_store_ops inner_ops = {
	.attach = fake_attach,
	.detach = fake_detach,
	.load = load,
	.commit = fake_commit,
	.flush = fake_flush,
	.user_end = user_end,
	.follow = follow,
	.ask = ask,
	.follows = follows,
	.unfollow = unfollow,
	.close = close_inner,
};

/* Returns when the keeper has been told. */
static void tell_keeper(tell *what)
{
	int64_t until = kri_clock_ms() + PATIENCE;
	bool told = false;

	pthread_mutex_lock(&lock);
	telling = what;
	pthread_mutex_unlock(&lock);
	uv_async_send(&following->async);
	while (!told) {
		assert_true(kri_clock_ms() < until);
		pthread_mutex_lock(&lock);
		told = !telling;
		pthread_mutex_unlock(&lock);
	}
}

/* ---- the fixture ------------------------------------------------------- */

static void open_cache(struct fixture *f, int64_t lease, int64_t size)
{
	f->config.cache = lease;
	f->config.cache_size = size;
	f->config.idle_timeout = 3600000;
	fake_open(&f->inner);
	f->inner.base.ops = &inner_ops;
	f->inner.at_once = true;
	assert_int_equal(kri_cache_open(&f->config, &f->inner.base, &f->cache),
			 KR_OK);
	assert_int_equal(f->cache->ops->attach(f->cache, &f->loop, &f->link),
			 KR_OK);
}

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){0};
	telling = NULL;
	atomic_store(&silent, false);
	uv_loop_init(&f.loop);
	kri_arena_init(&f.arena, 65536, 64 << 20);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->link)
		f->cache->ops->detach(&f->link);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	f->cache->ops->close(&f->cache);
	kri_arena_free(&f->arena);
	return 0;
}

static void on_done(void *arg)
{
	((struct fixture *)arg)->done = true;
}

static struct kri_record record_of(struct fixture *f, const char *id)
{
	struct kri_record record = {.arena = &f->arena,
				    .trust = KRI_TRUST_COPY};

	memcpy(record.id, id, sizeof(record.id));
	return record;
}

static void begin_load(struct fixture *f, struct kri_record *record)
{
	static struct kri_record *records[1];

	records[0] = record;
	f->done = false;
	f->cache->ops->load(f->link, records, 1, on_done, f);
}

static struct kri_record load_with(struct fixture *f, const char *id,
				   enum kri_trust trust)
{
	struct kri_record record = record_of(f, id);

	record.trust = trust;
	begin_load(f, &record);
	assert_true(f->done);
	return record;
}

static struct kri_record load_one(struct fixture *f, const char *id)
{
	return load_with(f, id, KRI_TRUST_COPY);
}

/* Whether that load asked the store. */
static bool asks(struct fixture *f, const char *id, enum kri_trust trust)
{
	int before = f->inner.loads;

	assert_int_equal(load_with(f, id, trust).err, KR_OK);
	return f->inner.loads > before;
}

static void add(struct fixture *f, const char *id, const char *color)
{
	struct fake_session *session = fake_find(&f->inner, "");

	memcpy(session->id, id, sizeof(session->id));
	session->version = 1;
	session->born = 1;
	session->seen = kri_clock_epoch_ms();
	memset(session->auth, 'a', sizeof(session->auth));
	fake_set(session, "color", color);
}

/* A cache that serves this session from memory. */
static void warm(struct fixture *f, const char *id)
{
	int64_t until = kri_clock_ms() + PATIENCE;

	while (asks(f, id, KRI_TRUST_COPY))
		assert_true(kri_clock_ms() < until);
}

/* With that one session. */
static void open_warm(struct fixture *f, int64_t lease)
{
	open_cache(f, lease, 1 << 20);
	add(f, ID, "blue");
	warm(f, ID);
}

static void open_two_warm(struct fixture *f)
{
	open_warm(f, LONG);
	add(f, OTHER, "red");
	warm(f, OTHER);
}

static void commit(struct fixture *f, struct kri_record *record)
{
	static struct kri_record *records[1];

	records[0] = record;
	f->done = false;
	f->cache->ops->commit(f->link, records, 1, on_done, f);
}

static struct kri_record update_of(struct fixture *f, bool exact)
{
	struct kri_record record = load_with(f, ID, KRI_TRUST_STORE);

	assert_int_equal(kri_record_reserve(&record, 1), KR_OK);
	record.values[record.n++] = (struct kri_value){
		.key = KRI_TEXT("n"),
		.data = KRI_TEXT("1"),
		.change = KRI_CHANGE_SET,
	};
	record.operation = KRI_OP_UPDATE;
	record.exact = exact;
	return record;
}

static int64_t ms_until_done(struct fixture *f)
{
	int64_t begun = kri_clock_boot_us();

	while (!f->done)
		uv_run(&f->loop, UV_RUN_ONCE);
	return (kri_clock_boot_us() - begun) / 1000;
}

/* ---- copies ------------------------------------------------------------ */

static void a_session_is_served_from_memory_with_all_it_has(void **state)
{
	struct fixture *f = *state;
	struct kri_record record;

	open_warm(f, LONG);
	record = load_one(f, ID);
	assert_int_equal(record.err, KR_OK);
	assert_int_equal(record.version, 1);
	assert_int_equal(record.born, 1);
	assert_int_equal(record.auth[31], 'a');
	assert_int_equal(record.n, 1);
	assert_string_equal(record.values[0].key.data, "color");
	assert_string_equal(record.values[0].data.data, "blue");
	assert_false(record.unproven);
}

static void who_demands_the_store_is_given_the_store(void **state)
{
	struct fixture *f = *state;

	open_warm(f, LONG);
	assert_true(asks(f, ID, KRI_TRUST_STORE));
}

static void what_is_not_there_is_asked_for_each_time(void **state)
{
	struct fixture *f = *state;
	int before;

	open_warm(f, LONG);
	before = f->inner.loads;
	assert_int_equal(load_one(f, OTHER).err, KR_ERR_NOT_FOUND);
	assert_int_equal(load_one(f, OTHER).err, KR_ERR_NOT_FOUND);
	assert_int_equal(f->inner.loads, before + 2);
}

static void a_session_that_is_due_to_be_touched_goes_to_the_store(void **state)
{
	struct fixture *f = *state;

	open_warm(f, LONG);
	add(f, OTHER, "red");
	fake_find(&f->inner, OTHER)->seen -= f->config.idle_timeout / 16 + 1;
	for (int i = 0; i < 5; i++)
		assert_true(asks(f, OTHER, KRI_TRUST_COPY));
	fake_find(&f->inner, OTHER)->seen += f->config.idle_timeout / 8 + 2000;
	for (int i = 0; i < 5; i++)
		assert_true(asks(f, OTHER, KRI_TRUST_COPY));
}

static void copies_take_no_more_room_than_they_may(void **state)
{
	struct fixture *f = *state;
	struct kri_cached cached;
	char id[KRI_ID_LEN + 1] = ID;

	open_warm(f, LONG);
	for (int i = 0; i < 20000; i++) {
		snprintf(id + 10, sizeof(id) - 10, "%012d", i);
		memcpy(fake_find(&f->inner, "")->id, id, sizeof(id));
		load_one(f, id);
		memset(fake_find(&f->inner, id)->id, 0, sizeof(id));
		kri_arena_reset(&f->arena);
	}
	f->cache->ops->cached(f->cache, &cached);
	assert_in_range(cached.bytes, 1, 1 << 20);
	assert_in_range(cached.copies, 100, 19999);
}

/* ---- doubt ------------------------------------------------------------- */

static void tell_change(struct kri_follower *follower)
{
	follower->changed(follower, ID);
}

static void tell_all(struct kri_follower *follower)
{
	follower->changed(follower, NULL);
}

static void tell_users(struct kri_follower *follower)
{
	follower->users_changed(follower);
}

static void tell_loss(struct kri_follower *follower)
{
	follower->lost(follower, "a test", false);
}

static void tell_assured(struct kri_follower *follower)
{
	follower->assured(follower, kri_clock_boot_us());
}

static void a_change_takes_its_copy_and_no_other(void **state)
{
	struct fixture *f = *state;

	open_two_warm(f);
	tell_keeper(tell_change);
	assert_false(asks(f, OTHER, KRI_TRUST_COPY));
	assert_true(asks(f, ID, KRI_TRUST_COPY));
	assert_false(asks(f, ID, KRI_TRUST_COPY));
}

static void a_change_while_it_is_loaded_leaves_no_copy(void **state)
{
	struct fixture *f = *state;
	struct kri_record record;

	open_warm(f, LONG);
	tell_keeper(tell_change);
	f->inner.at_once = false;
	record = record_of(f, ID);
	begin_load(f, &record);
	tell_keeper(tell_change);
	fake_answer(&f->inner, 0);
	assert_true(f->done);
	f->inner.at_once = true;
	assert_true(asks(f, ID, KRI_TRUST_COPY));
}

static void a_change_of_all_takes_all(void **state)
{
	struct fixture *f = *state;

	open_two_warm(f);
	tell_keeper(tell_all);
	assert_true(asks(f, ID, KRI_TRUST_COPY));
	assert_true(asks(f, OTHER, KRI_TRUST_COPY));
}

/* Without a mark a session has no user. */
static void the_ends_of_users_leave_those_without_one(void **state)
{
	struct fixture *f = *state;

	open_warm(f, LONG);
	tell_keeper(tell_users);
	assert_false(asks(f, ID, KRI_TRUST_COPY));
}

static void a_loss_takes_all_until_it_is_assured_again(void **state)
{
	struct fixture *f = *state;

	open_warm(f, LONG);
	atomic_store(&silent, true);
	tell_keeper(tell_loss);
	for (int i = 0; i < 5; i++)
		assert_true(asks(f, ID, KRI_TRUST_COPY));
	assert_true(asks(f, ID, KRI_TRUST_GUESS));
	tell_keeper(tell_assured);
	atomic_store(&silent, false);
	warm(f, ID);
}

/* What changed between its load and the first assurance was not told. */
static void a_load_from_before_it_is_assured_leaves_no_copy(void **state)
{
	struct fixture *f = *state;
	struct kri_record record;

	open_warm(f, LONG);
	atomic_store(&silent, true);
	tell_keeper(tell_loss);
	f->inner.at_once = false;
	record = record_of(f, ID);
	begin_load(f, &record);
	tell_keeper(tell_assured);
	atomic_store(&silent, false);
	f->inner.at_once = true;
	add(f, OTHER, "red");
	warm(f, OTHER); /* its source is followed again */
	fake_answer(&f->inner, 0);
	assert_int_equal(record.err, KR_OK);
	assert_true(asks(f, ID, KRI_TRUST_COPY));
}

static void a_lease_that_runs_out_takes_all(void **state)
{
	struct fixture *f = *state;
	int64_t until = kri_clock_ms() + PATIENCE;

	open_warm(f, SHORT);
	atomic_store(&silent, true);
	while (!asks(f, ID, KRI_TRUST_COPY))
		assert_true(kri_clock_ms() < until);
	assert_true(asks(f, ID, KRI_TRUST_COPY));
	assert_true(asks(f, ID, KRI_TRUST_GUESS));
}

static void who_is_not_asked_rests_and_wakes(void **state)
{
	struct fixture *f = *state;
	int64_t until = kri_clock_ms() + PATIENCE;
	int before = -1, now = atomic_load(&questions);

	open_warm(f, SHORT);
	while (before != now) {
		assert_true(kri_clock_ms() < until);
		before = now;
		usleep(10 * SHORT * 1000); /* many thirds of a lease */
		now = atomic_load(&questions);
	}
	warm(f, ID);
}

/* ---- guesses ----------------------------------------------------------- */

static void what_was_written_exactly_is_a_guess(void **state)
{
	struct fixture *f = *state;
	struct kri_record record;

	open_warm(f, LONG);
	record = update_of(f, true);
	commit(f, &record);
	assert_true(f->done);
	tell_keeper(tell_change);
	assert_false(asks(f, ID, KRI_TRUST_GUESS));
	record = load_with(f, ID, KRI_TRUST_GUESS);
	assert_true(record.unproven);
	assert_int_equal(record.version, 2);
	assert_int_equal(record.n, 2);
	assert_true(asks(f, ID, KRI_TRUST_COPY));
	assert_false(load_with(f, ID, KRI_TRUST_GUESS).unproven);
}

static void what_was_written_beside_others_is_none(void **state)
{
	struct fixture *f = *state;
	struct kri_record record;

	open_warm(f, LONG);
	record = update_of(f, false);
	commit(f, &record);
	assert_true(asks(f, ID, KRI_TRUST_GUESS));
}

static void a_guess_that_was_wrong_is_gone(void **state)
{
	struct fixture *f = *state;
	struct kri_record record;

	open_warm(f, LONG);
	record = update_of(f, true);
	fake_find(&f->inner, ID)->version++;
	commit(f, &record);
	assert_int_equal(record.err, KR_ERR_CONFLICT);
	assert_true(asks(f, ID, KRI_TRUST_GUESS));
}

static void a_loss_under_way_leaves_no_guess(void **state)
{
	struct fixture *f = *state;
	struct kri_record record;

	open_warm(f, LONG);
	record = update_of(f, true);
	f->inner.at_once = false;
	commit(f, &record);
	tell_keeper(tell_loss);
	tell_keeper(tell_assured);
	fake_answer(&f->inner, 0);
	f->inner.at_once = true;
	assert_true(asks(f, ID, KRI_TRUST_GUESS));
}

/* ---- ends -------------------------------------------------------------- */

static void an_end_waits_for_the_lease(void **state)
{
	struct fixture *f = *state;
	struct kri_record record;

	open_cache(f, SHORT, 1 << 20);
	add(f, ID, "blue");
	record = load_one(f, ID);
	record.operation = KRI_OP_DESTROY;
	commit(f, &record);
	assert_false(f->done);
	assert_null(fake_find(&f->inner, ID));
	assert_in_range(ms_until_done(f), SHORT, PATIENCE);
	assert_int_equal(record.err, KR_OK);
}

static void a_renewal_waits_for_the_lease(void **state)
{
	struct fixture *f = *state;
	struct kri_record record;

	open_cache(f, SHORT, 1 << 20);
	add(f, ID, "blue");
	record = update_of(f, false);
	memcpy(record.was, record.auth, sizeof(record.was));
	record.renewed = true;
	commit(f, &record);
	assert_in_range(ms_until_done(f), SHORT, PATIENCE);
	assert_int_equal(record.err, KR_OK);
}

static void an_end_of_a_users_sessions_waits_for_the_lease(void **state)
{
	struct fixture *f = *state;
	struct kri_user_query query = {.user = KRI_TEXT("max"),
				       .arena = &f->arena};

	open_cache(f, SHORT, 1 << 20);
	f->cache->ops->user_end(f->link, &query, on_done, f);
	assert_in_range(ms_until_done(f), SHORT, PATIENCE);
	assert_int_equal(query.err, KR_OK);
}

static void an_end_that_failed_waits_for_nothing(void **state)
{
	struct fixture *f = *state;
	struct kri_record record;

	open_cache(f, LONG, 1 << 20);
	add(f, ID, "blue");
	record = load_one(f, ID);
	record.operation = KRI_OP_DESTROY;
	f->inner.commit_err = KR_ERR_UNAVAILABLE;
	commit(f, &record);
	assert_true(f->done);
}

static void a_change_waits_for_nothing(void **state)
{
	struct fixture *f = *state;
	struct kri_record record;

	open_cache(f, LONG, 1 << 20);
	add(f, ID, "blue");
	record = update_of(f, false);
	commit(f, &record);
	assert_true(f->done);
}

/* Nobody knows then whether the lease has run out. */
static void an_end_on_a_link_that_ends_is_not_said(void **state)
{
	struct fixture *f = *state;
	struct kri_record record;

	open_cache(f, LONG, 1 << 20);
	add(f, ID, "blue");
	record = load_one(f, ID);
	record.operation = KRI_OP_DESTROY;
	commit(f, &record);
	assert_false(f->done);
	f->cache->ops->detach(&f->link);
	assert_true(f->done);
	assert_int_equal(record.err, KR_ERR_UNAVAILABLE);
}

static void tell_longer(struct kri_follower *follower)
{
	follower->lease_seen(follower, (int64_t)10 * SHORT);
}

static void an_end_waits_for_the_longest_lease_of_all(void **state)
{
	struct fixture *f = *state;
	struct kri_record record;

	open_warm(f, SHORT);
	tell_keeper(tell_longer);
	record = load_one(f, ID);
	record.operation = KRI_OP_DESTROY;
	commit(f, &record);
	assert_in_range(ms_until_done(f), (int64_t)10 * SHORT, PATIENCE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_is_served_from_memory_with_all_it_has),
		TEST(who_demands_the_store_is_given_the_store),
		TEST(what_is_not_there_is_asked_for_each_time),
		TEST(a_session_that_is_due_to_be_touched_goes_to_the_store),
		TEST(copies_take_no_more_room_than_they_may),
		TEST(a_change_takes_its_copy_and_no_other),
		TEST(a_change_while_it_is_loaded_leaves_no_copy),
		TEST(a_change_of_all_takes_all),
		TEST(the_ends_of_users_leave_those_without_one),
		TEST(a_loss_takes_all_until_it_is_assured_again),
		TEST(a_load_from_before_it_is_assured_leaves_no_copy),
		TEST(a_lease_that_runs_out_takes_all),
		TEST(who_is_not_asked_rests_and_wakes),
		TEST(what_was_written_exactly_is_a_guess),
		TEST(what_was_written_beside_others_is_none),
		TEST(a_guess_that_was_wrong_is_gone),
		TEST(a_loss_under_way_leaves_no_guess),
		TEST(an_end_waits_for_the_lease),
		TEST(a_renewal_waits_for_the_lease),
		TEST(an_end_of_a_users_sessions_waits_for_the_lease),
		TEST(an_end_that_failed_waits_for_nothing),
		TEST(a_change_waits_for_nothing),
		TEST(an_end_on_a_link_that_ends_is_not_said),
		TEST(an_end_waits_for_the_longest_lease_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
