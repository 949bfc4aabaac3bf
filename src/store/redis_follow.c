/*
 * Following Redis: keys that have changed become ids of sessions, and the log
 * hears once what became of it. Who connects to whom is redis/watch.h.
 */
#include "store/redis_link.h"

#include <stdlib.h>

#include "base/log.h"
#include "redis/topology.h"
#include "redis/watch.h"
#include "store/redis_user_script.h"

#define LOST_EVERY 10000 /* ms between lines on what comes and goes */

/* What the log was told last. */
enum word { NOTHING, FOLLOWED, LOST, HOPELESS };

struct kri_following {
	struct kri_follower *follower;
	struct kri_watch *watch;
	struct kri_text prefix;
	const char *name; /* of the server, for the log */
	int64_t lease;    /* ms, ours */
	int64_t longest;  /* of all that were heard of */
	bool warned;      /* that they differ */
	enum word word;
	_Atomic int64_t next_lost;
};

/* ---- what the log hears -------------------------------------------------- */

static void say_assured(struct kri_following *following)
{
	size_t n = kri_watch_count(following->watch);

	if (following->word == FOLLOWED)
		return;
	following->word = FOLLOWED;
	kri_log(KRI_LOG_INFO, NULL,
		"redis %s: tells what changes (%zu server%s); sessions may be "
		"answered from memory",
		following->name, n, n == 1 ? "" : "s");
}

static void say_hopeless(struct kri_following *following, const char *why)
{
	const char *prefix = following->prefix.data;

	if (following->word == HOPELESS)
		return;
	following->word = HOPELESS;
	kri_log(KRI_LOG_WARNING, NULL,
		"redis %s: cannot tell what changes: %s; session.cache does "
		"nothing until it can: it takes Redis 6 or later, and a user "
		"with +info +set +client|tracking ~%s* (in a cluster "
		"+cluster|info +cluster|slots too); asked again every minute",
		following->name, why, prefix);
}

static void say_lost(struct kri_following *following, const char *why)
{
	if (following->word == LOST || following->word == HOPELESS ||
	    !kri_log_is_due_every(&following->next_lost, LOST_EVERY))
		return;
	following->word = LOST;
	kri_log(KRI_LOG_WARNING, NULL,
		"redis %s: does not tell what changes: %s; all sessions are "
		"loaded from there until it does",
		following->name, why);
}

static void say_lease(struct kri_following *following, int64_t lease)
{
	if (following->warned)
		return;
	following->warned = true;
	kri_log(KRI_LOG_WARNING, NULL,
		"redis %s: another program has session.cache = %lldms, we have "
		"%lldms; it must be the same in all programs with "
		"redis.instance_name = %s, else the end of a session may be "
		"said before all know of it",
		following->name, (long long)lease, (long long)following->lease,
		following->prefix.data);
}

/* ---- what the watch says ------------------------------------------------- */

/* The follower comes last in each: it may end all this. */

/* Indexes of users have names of any length, but no session's begins with @. */
static bool is_session(struct kri_text rest)
{
	return rest.len == KRI_ID_LEN && *rest.data != '@';
}

static void on_changed(void *arg, struct kri_text rest)
{
	struct kri_following *following = arg;
	struct kri_follower *follower = following->follower;
	char id[KRI_ID_LEN + 1];

	if (!rest.data) {
		follower->changed(follower, NULL);
	} else if (is_session(rest)) {
		memcpy(id, rest.data, KRI_ID_LEN);
		id[KRI_ID_LEN] = '\0';
		follower->changed(follower, id);
	} else if (kri_text_equal(rest, KRI_KIND_ENDED)) {
		follower->users_changed(follower);
	}
}

static void on_heard(void *arg, int64_t lease)
{
	struct kri_following *following = arg;
	struct kri_follower *follower = following->follower;

	if (lease == following->lease)
		return;
	say_lease(following, lease);
	if (lease <= following->longest)
		return;
	following->longest = lease;
	if (follower->lease_seen)
		follower->lease_seen(follower, lease);
}

static void on_assured(void *arg, int64_t since)
{
	struct kri_following *following = arg;

	say_assured(following);
	following->follower->assured(following->follower, since);
}

static void on_lost(void *arg, const char *why, bool hopeless)
{
	struct kri_following *following = arg;

	if (hopeless)
		say_hopeless(following, why);
	else
		say_lost(following, why);
	following->follower->lost(following->follower, why, hopeless);
}

static const struct kri_watch_owner owner = {
	.changed = on_changed,
	.heard = on_heard,
	.assured = on_assured,
	.lost = on_lost,
};

/* ---- the operations ------------------------------------------------------ */

enum kr_err kri_redis_follow(struct kri_store *base, struct uv_loop_s *loop,
			     struct kri_follower *follower, int64_t lease,
			     struct kri_following **following)
{
	struct kri_redis_store *store = (struct kri_redis_store *)base;
	struct kri_following *made = calloc(1, sizeof(*made));
	enum kr_err err;

	if (!made)
		return KR_ERR_MEMORY;
	made->follower = follower;
	made->prefix = kri_text_of(store->config->redis_instance_name);
	made->name = kri_topology_name(store->topology);
	made->lease = made->longest = lease;
	err = kri_watch_open(store->topology, loop, made->prefix, lease, &owner,
			     made, &made->watch);
	if (err)
		free(made);
	else
		*following = made;
	return err;
}

void kri_redis_ask(struct kri_following *following)
{
	kri_watch_ask(following->watch);
}

bool kri_redis_follows(const struct kri_following *following, uint64_t source)
{
	return kri_watch_has(following->watch, source);
}

void kri_redis_unfollow(struct kri_following **following)
{
	if (!*following)
		return;
	kri_watch_close(&(*following)->watch);
	free(*following);
	*following = NULL;
}
