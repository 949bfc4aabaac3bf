/*
 * Others look at three numbers: until when copies are good, when somebody last
 * wanted one, and the sources that are followed. All else is the thread's own.
 */
#include "store/cache_keeper.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/thread.h"

#define SOURCES 1024       /* servers: a cluster's primaries */
#define REST_AFTER 1000000 /* us without anybody who wants a copy */
#define NOTED_EVERY 100000 /* us between two notes that one is wanted */
#define SLOW_AFTER 16      /* leases in a row that ran out on the way */
#define SLOW_EVERY 600000  /* ms between two lines about that */
#define STACK (1 << 20)    /* bytes of the thread's */

enum state { NEVER, RUNNING, ENDING };

struct kri_keeper {
	struct kri_follower follower; /* first: it is handed back as that */
	struct kri_store *store;
	struct kri_copies *copies;
	int64_t lease; /* us */

	atomic_llong good_until; /* kri_clock_boot_us(); 0: not good */
	atomic_llong wanted_at;  /* likewise */
	atomic_llong longest;    /* us: lease of any that follow the store */
	atomic_bool rests;       /* nobody wanted one for a while */
	atomic_ullong question;  /* a source that may be followed; 0: none */
	atomic_size_t sources_n;
	atomic_ullong sources[SOURCES]; /* that are followed, in this era */

	pthread_mutex_t lock; /* of the state */
	enum state state;
	pthread_t thread;
	uv_async_t
		async; /* tells the thread; its loop is there while RUNNING */

	/* The thread's own: */
	uv_loop_t loop;
	uv_timer_t timer;
	struct kri_following *following;
	bool told;     /* changes are, since it was lost last */
	unsigned slow; /* leases in a row that were over when they came */
};

/* ---- what is told of --------------------------------------------------- */

static struct kri_keeper *keeper_of(struct kri_follower *follower)
{
	return (struct kri_keeper *)(void *)follower;
}

static void changed(struct kri_follower *follower, const char *id)
{
	struct kri_keeper *keeper = keeper_of(follower);

	if (id)
		kri_copies_change(keeper->copies, id);
	else
		kri_copies_drop(keeper->copies);
}

static void users_changed(struct kri_follower *follower)
{
	kri_copies_drop_users(keeper_of(follower)->copies);
}

/* It is of no use to keep a lease that is over when it begins. */
static void complain(struct kri_keeper *keeper, int64_t took)
{
	static _Atomic int64_t next;

	if (keeper->slow < SLOW_AFTER)
		keeper->slow++;
	else if (kri_log_is_due_every(&next, SLOW_EVERY))
		kri_log(KRI_LOG_WARNING, NULL,
			"cache: no session is served from memory, as the store "
			"takes %lld ms to answer, and session.cache is %lld "
			"ms; it had better be five times as much",
			(long long)took / 1000,
			(long long)keeper->lease / 1000);
}

/* What was asked of the store before it began to tell may have changed untold:
 * its replies, which may still come, make no copies. */
static void assured(struct kri_follower *follower, int64_t since)
{
	struct kri_keeper *keeper = keeper_of(follower);
	int64_t took = kri_clock_boot_us() - since;

	if (!keeper->told)
		kri_copies_drop(keeper->copies);
	keeper->told = true;
	if (took >= keeper->lease)
		complain(keeper, took);
	else
		keeper->slow = 0;
	atomic_store(&keeper->good_until, since + keeper->lease);
}

/* In this order: who still finds copies good has not been told of less than
 * the lease promises; who makes one from now on has an old stamp. */
static void lost(struct kri_follower *follower, const char *why, bool hopeless)
{
	struct kri_keeper *keeper = keeper_of(follower);

	(void)why; /* it has been said where it was found out */
	(void)hopeless;
	keeper->told = false;
	atomic_store(&keeper->good_until, 0);
	atomic_store(&keeper->sources_n, 0);
	kri_copies_drop(keeper->copies);
	kri_count(KRI_METRIC_CACHE_LOST);
}

static void lease_seen(struct kri_follower *follower, int64_t ms)
{
	struct kri_keeper *keeper = keeper_of(follower);

	if (ms * 1000 > atomic_load(&keeper->longest))
		atomic_store(&keeper->longest, ms * 1000);
}

/* ---- the thread -------------------------------------------------------- */

/* One that is not followed stays, so that its next load does not wake us. */
static void answer_question(struct kri_keeper *keeper)
{
	unsigned long long source = atomic_load(&keeper->question);
	size_t n = atomic_load(&keeper->sources_n);

	if (!source || n == SOURCES ||
	    !keeper->store->ops->follows(keeper->following, source))
		return;
	atomic_compare_exchange_strong(&keeper->question, &source, 0);
	for (size_t i = 0; i < n; i++)
		if (atomic_load(&keeper->sources[i]) == source)
			return;
	atomic_store(&keeper->sources[n], source);
	atomic_store(&keeper->sources_n, n + 1);
}

static bool is_wanted(struct kri_keeper *keeper)
{
	return kri_clock_boot_us() - atomic_load(&keeper->wanted_at) <
	       REST_AFTER;
}

/* Who wants one while it falls asleep finds `rests`, and wakes it. */
static void on_time(uv_timer_t *timer)
{
	struct kri_keeper *keeper = timer->data;

	answer_question(keeper);
	atomic_store(&keeper->rests, true);
	if (is_wanted(keeper)) {
		atomic_store(&keeper->rests, false);
		keeper->store->ops->ask(keeper->following);
	} else {
		uv_timer_stop(timer);
	}
}

static void end(struct kri_keeper *keeper)
{
	if (keeper->following)
		keeper->store->ops->unfollow(&keeper->following);
	uv_close((uv_handle_t *)&keeper->timer, NULL);
	uv_close((uv_handle_t *)&keeper->async, NULL);
}

static bool is_ending(struct kri_keeper *keeper)
{
	bool ending;

	pthread_mutex_lock(&keeper->lock);
	ending = keeper->state == ENDING;
	pthread_mutex_unlock(&keeper->lock);
	return ending;
}

static void on_async(uv_async_t *async)
{
	struct kri_keeper *keeper = async->data;
	uint64_t third = (uint64_t)keeper->lease / 3000;

	if (uv_is_closing((uv_handle_t *)async))
		return;
	if (is_ending(keeper)) {
		end(keeper);
		return;
	}
	answer_question(keeper);
	if (!uv_is_active((uv_handle_t *)&keeper->timer))
		uv_timer_start(&keeper->timer, on_time, 0, third);
}

static void *run(void *arg)
{
	struct kri_keeper *keeper = arg;
	const struct kri_store_ops *ops = keeper->store->ops;

	pthread_setname_np(pthread_self(), "kr-cache");
	if (ops->follow(keeper->store, &keeper->loop, &keeper->follower,
			keeper->lease / 1000, &keeper->following))
		kri_log(KRI_LOG_WARNING, NULL,
			"cache: no session is served from memory: out of "
			"memory");
	else
		on_async(&keeper->async);
	uv_run(&keeper->loop, UV_RUN_DEFAULT);
	return NULL;
}

/* ---- life -------------------------------------------------------------- */

enum kr_err kri_keeper_open(struct kri_store *store, struct kri_copies *copies,
			    int64_t lease, struct kri_keeper **keeper)
{
	struct kri_keeper *made = calloc(1, sizeof(*made));

	if (!made)
		return KR_ERR_MEMORY;
	made->follower = (struct kri_follower){
		.changed = changed,
		.users_changed = users_changed,
		.assured = assured,
		.lost = lost,
		.lease_seen = lease_seen,
	};
	made->store = store;
	made->copies = copies;
	made->lease = lease * 1000;
	atomic_store(&made->longest, made->lease);
	pthread_mutex_init(&made->lock, NULL);
	*keeper = made;
	return KR_OK;
}

static bool open_loop(struct kri_keeper *keeper)
{
	if (uv_loop_init(&keeper->loop))
		return false;
	if (uv_async_init(&keeper->loop, &keeper->async, on_async)) {
		uv_loop_close(&keeper->loop);
		return false;
	}
	uv_timer_init(&keeper->loop, &keeper->timer);
	keeper->timer.data = keeper->async.data = keeper;
	return true;
}

static void close_loop(struct kri_keeper *keeper)
{
	uv_close((uv_handle_t *)&keeper->timer, NULL);
	uv_close((uv_handle_t *)&keeper->async, NULL);
	uv_run(&keeper->loop, UV_RUN_DEFAULT);
	uv_loop_close(&keeper->loop);
}

void kri_keeper_start(struct kri_keeper *keeper)
{
	pthread_mutex_lock(&keeper->lock);
	if (keeper->state == NEVER && open_loop(keeper)) {
		if (kri_thread_start(&keeper->thread, STACK, run, keeper))
			close_loop(keeper);
		else
			keeper->state = RUNNING;
	}
	pthread_mutex_unlock(&keeper->lock);
}

void kri_keeper_close(struct kri_keeper **keeper)
{
	struct kri_keeper *closed = *keeper;
	bool runs;

	*keeper = NULL;
	if (!closed)
		return;
	pthread_mutex_lock(&closed->lock);
	runs = closed->state == RUNNING;
	if (runs)
		closed->state = ENDING;
	pthread_mutex_unlock(&closed->lock);
	if (runs) {
		uv_async_send(&closed->async);
		pthread_join(closed->thread, NULL);
		uv_loop_close(&closed->loop);
	}
	pthread_mutex_destroy(&closed->lock);
	free(closed);
}

/* ---- what others ask --------------------------------------------------- */

static void wake(struct kri_keeper *keeper)
{
	pthread_mutex_lock(&keeper->lock);
	if (keeper->state == RUNNING)
		uv_async_send(&keeper->async);
	pthread_mutex_unlock(&keeper->lock);
}

bool kri_keeper_is_good(struct kri_keeper *keeper)
{
	int64_t now = kri_clock_boot_us();

	if (now - atomic_load_explicit(&keeper->wanted_at,
				       memory_order_relaxed) >
	    NOTED_EVERY)
		atomic_store(&keeper->wanted_at, now);
	if (atomic_load(&keeper->rests) &&
	    atomic_exchange(&keeper->rests, false))
		wake(keeper);
	return now < atomic_load(&keeper->good_until);
}

bool kri_keeper_looks_good(struct kri_keeper *keeper)
{
	return kri_clock_boot_us() < atomic_load(&keeper->good_until);
}

bool kri_keeper_follows(struct kri_keeper *keeper, uint64_t source)
{
	size_t n = atomic_load(&keeper->sources_n);

	for (size_t i = 0; i < n; i++)
		if (atomic_load(&keeper->sources[i]) == source)
			return true;
	if (source && atomic_load(&keeper->question) != source) {
		atomic_store(&keeper->question, source);
		wake(keeper);
	}
	return false;
}

/* A little more than the lease, for clocks that do not run alike. */
int64_t kri_keeper_end_of_wait(struct kri_keeper *keeper)
{
	int64_t lease = atomic_load(&keeper->longest);

	return kri_clock_boot_us() + lease + lease / 64 + 1000;
}
