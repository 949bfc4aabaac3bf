/*
 * Which sessions are a user's, in memory: a list a user, which its sessions
 * leave when they end, so that it is always exact.
 *
 * Locks. `login` is held by who enters a session or ends a user's, from the
 * look at the list to the last change, so that a limit is never exceeded; it
 * is taken before a shard's. `lock` guards the table and the lists, and is
 * taken last: a session joins or leaves with its shard's lock held.
 */
#ifndef KRI_STORE_MEMORY_USER_H
#define KRI_STORE_MEMORY_USER_H

#include <pthread.h>

#include "store/memory_session.h"

struct kri_memory_users {
	pthread_mutex_t login;
	pthread_mutex_t lock;
	struct kri_memory_user **buckets;
	size_t size; /* of them: 0 at first, then a power of two */
	size_t n;    /* users with sessions, or about to have one */
	uint64_t seed;
	struct kri_memory_room *room;
};

/* KR_ERR_SYSTEM without random bytes: users choose their names. */
enum kr_err kri_memory_users_init(struct kri_memory_users *users,
				  struct kri_memory_room *room) KR_MUST_CHECK;

/* When all sessions have been freed. */
void kri_memory_users_free(struct kri_memory_users *users);

/* The user, made if need be, and held for a session that is to join.
 * KR_ERR_FULL, KR_ERR_MEMORY. */
enum kr_err kri_memory_users_hold(struct kri_memory_users *users,
				  struct kri_text name,
				  struct kri_memory_user **user) KR_MUST_CHECK;

/* The session, if there is one, leaves the user that it had and is this one's.
 * Ends the hold. */
void kri_memory_users_join(struct kri_memory_user *user,
			   struct kri_memory_session *session);

/* The session is nobody's any more. */
void kri_memory_users_leave(struct kri_memory_session *session);

/* The ids of the user's sessions, in the query's arena: some may end at any
 * time. KR_ERR_MEMORY past its cap. */
enum kr_err kri_memory_users_list(struct kri_memory_users *users,
				  struct kri_user_query *query) KR_MUST_CHECK;

/* Whether the session is that user's. */
bool kri_memory_session_is_of(const struct kri_memory_session *session,
			      struct kri_text name);

#endif
