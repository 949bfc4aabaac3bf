/*
 * Who follows a store hears of every change before the next assurance. On
 * servers of all topologies; a store that cannot be followed is not tried.
 */
#include "users.h"

#include "store/redis.h"

#define SESSIONS 64 /* enough for a few on each primary of a cluster */

static struct watcher {
	struct kri_follower follower;
	struct trial trial; /* its store is what is followed */
	struct kri_following *following;
	int assured, lost, users;
	int64_t since, lease;
	bool changed[SESSIONS];
	char ids[SESSIONS][KRI_ID_LEN + 1];
} first, second;

static void on_changed(struct kri_follower *follower, const char *id)
{
	struct watcher *watcher = (struct watcher *)follower;

	for (size_t i = 0; i < SESSIONS; i++)
		if (!id || !strcmp(watcher->ids[i], id))
			watcher->changed[i] = true;
}

static void on_users(struct kri_follower *follower)
{
	((struct watcher *)follower)->users++;
}

static void on_assured(struct kri_follower *follower, int64_t since)
{
	struct watcher *watcher = (struct watcher *)follower;

	watcher->assured++;
	watcher->since = since;
}

static void on_lost(struct kri_follower *follower, const char *why,
		    bool hopeless)
{
	((struct watcher *)follower)->lost++;
	print_message("lost: %s\n", why);
	if (hopeless)
		fail_msg("cannot be followed: %s", why);
}

static void on_lease(struct kri_follower *follower, int64_t lease)
{
	((struct watcher *)follower)->lease = lease;
}

/* An assurance, however often the cluster changes meanwhile. */
static void assure(struct watcher *watcher)
{
	const struct kri_store_ops *ops = watcher->trial.store->ops;
	int64_t begun = kri_clock_boot_us();
	int before = watcher->assured;

	while (watcher->assured == before) {
		ops->ask(watcher->following);
		uv_run(&watcher->trial.loop, UV_RUN_ONCE);
	}
	assert_true(watcher->since >= begun);
	assert_true(watcher->since <= kri_clock_boot_us());
}

/* As the trial's store has it, as that waits for the longest that it hears
 * of. */
static int64_t lease_of(const struct trial *trial)
{
	return trial->config.cache ? trial->config.cache : 1000;
}

/* A store of its own, whose loads say where they are from. */
static void follow(struct watcher *watcher, int64_t lease)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	struct trial *trial = &watcher->trial;

	*watcher = (struct watcher){
		.follower = {on_changed, on_users, on_assured, on_lost,
			     on_lease},
	};
	trial_open(trial, NULL);
	trial_detach(trial);
	trial->store->ops->close(&trial->store);
	trial->config.cache = lease;
	assert_int_equal(
		kri_redis_store_open(&trial->config, &trial->store, &why),
		KR_OK);
	trial_attach(trial, trial->store);
	assert_int_equal(trial->store->ops->follow(trial->store, &trial->loop,
						   &watcher->follower, lease,
						   &watcher->following),
			 KR_OK);
	for (unsigned i = 0; i < SESSIONS; i++)
		strcpy(watcher->ids[i], record_of(trial, i)->id);
	assure(watcher);
}

static void unfollow(struct watcher *watcher)
{
	watcher->trial.store->ops->unfollow(&watcher->following);
	assert_null(watcher->following);
	trial_close(&watcher->trial);
}

static void assert_all_changed(struct watcher *watcher)
{
	assure(watcher);
	for (unsigned i = 0; i < SESSIONS; i++) {
		assert_true(watcher->changed[i]);
		watcher->changed[i] = false;
	}
}

static void all_that_changes_is_told_before_it_is_assured(void **state)
{
	struct trial *trial = *state;

	follow(&first, lease_of(*state));
	for (unsigned i = 0; i < SESSIONS; i++)
		created(trial, i);
	assert_all_changed(&first);
	for (unsigned i = 0; i < SESSIONS; i++)
		assert_int_equal(commit(trial, stored(trial, i), KRI_OP_UPDATE),
				 KR_OK);
	assert_all_changed(&first);
	for (unsigned i = 0; i < SESSIONS; i++)
		assert_int_equal(
			commit(trial, record_of(trial, i), KRI_OP_DESTROY),
			KR_OK);
	assert_all_changed(&first);
	assert_int_equal(first.lost, 0);
	unfollow(&first);
}

static void all_that_is_loaded_is_from_where_it_is_followed(void **state)
{
	const struct kri_store_ops *ops;
	struct trial *trial = *state;

	follow(&first, lease_of(*state));
	ops = first.trial.store->ops;
	for (unsigned i = 0; i < SESSIONS; i++) {
		struct kri_record *record = record_of(&first.trial, i);

		created(*state, i);
		assert_int_equal(load(&first.trial, record), KR_OK);
		assert_true(ops->follows(first.following, record->source));
		assert_false(ops->follows(first.following, record->source + 1));
	}
	if (!trial->config.cache) /* it has not asked */
		assert_int_equal(stored(trial, 0)->source, 0);
	assert_false(ops->follows(first.following, 0));
	unfollow(&first);
}

static void the_end_of_a_users_sessions_is_told(void **state)
{
	int before;

	follow(&first, lease_of(*state));
	logged_in(*state, 1, USER);
	assure(&first);
	before = first.users;
	assert_int_equal(end_all(*state, USER), 1);
	assure(&first);
	assert_true(first.users > before);
	assert_true(first.changed[1]);
	unfollow(&first);
}

static void two_followers_hear_of_the_longer_lease(void **state)
{
	follow(&first, lease_of(*state));
	follow(&second, 2 * lease_of(*state));
	assure(&second);
	assure(&first);
	assert_int_equal(first.lease, 2 * lease_of(*state));
	assert_int_equal(second.lease, 0);
	created(*state, 1);
	assure(&first);
	assure(&second);
	assert_true(first.changed[1] && second.changed[1]);
	unfollow(&second);
	unfollow(&first);
}

/* Beats are tidied away, and are no sessions. */
static void no_beat_is_listed(void **state)
{
	follow(&first, lease_of(*state));
	created(*state, 1);
	assure(&first);
	assert_int_equal(count_all(*state), 1);
	unfollow(&first);
}

int run_follow(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_that_changes_is_told_before_it_is_assured),
		TEST(all_that_is_loaded_is_from_where_it_is_followed),
		TEST(the_end_of_a_users_sessions_is_told),
		TEST(two_followers_hear_of_the_longer_lease),
		TEST(no_beat_is_listed),
	};

	if (trial_is("memory") || trial_is("sqlite") || trial_is("postgresql"))
		return 0;
	return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
