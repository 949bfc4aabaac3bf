/*
 * A hash table of users, each with a list through its sessions.
 */
#include "store/memory_user.h"

#include <stdlib.h>

#include "base/crypto.h"

#define SIZE_FIRST 16 /* buckets */

struct kri_memory_user {
	struct kri_memory_users *users;
	struct kri_memory_user *next;     /* in its bucket */
	struct kri_memory_session *first; /* of its sessions */
	size_t n;                         /* sessions and holds */
	size_t len;                       /* of the name */
	char name[];
};

enum kr_err kri_memory_users_init(struct kri_memory_users *users,
				  struct kri_memory_room *room)
{
	*users = (struct kri_memory_users){.room = room};
	pthread_mutex_init(&users->login, NULL);
	pthread_mutex_init(&users->lock, NULL);
	return kri_random(&users->seed, sizeof(users->seed));
}

void kri_memory_users_free(struct kri_memory_users *users)
{
	free(users->buckets);
	pthread_mutex_destroy(&users->lock);
	pthread_mutex_destroy(&users->login);
}

/* ---- the table -------------------------------------------------------- */

/* FNV-1a from a secret beginning. */
static uint64_t hash(const struct kri_memory_users *users, struct kri_text name)
{
	uint64_t sum = 0xcbf29ce484222325 ^ users->seed;

	for (size_t i = 0; i < name.len; i++)
		sum = (sum ^ (unsigned char)name.data[i]) * 0x100000001b3;
	return (sum ^ sum >> 32) * 0x9e3779b97f4a7c15 >> 32;
}

static struct kri_text name_of(const struct kri_memory_user *user)
{
	return kri_text(user->name, user->len);
}

static struct kri_memory_user **bucket_of(const struct kri_memory_users *users,
					  struct kri_text name)
{
	return &users->buckets[hash(users, name) & (users->size - 1)];
}

static struct kri_memory_user *find(const struct kri_memory_users *users,
				    struct kri_text name)
{
	struct kri_memory_user *user =
		users->size ? *bucket_of(users, name) : NULL;

	while (user && !kri_text_equal(name_of(user), name))
		user = user->next;
	return user;
}

static void put(struct kri_memory_users *users, struct kri_memory_user *user)
{
	struct kri_memory_user **at = bucket_of(users, name_of(user));

	user->next = *at;
	*at = user;
}

/* Twice as many buckets. A table that cannot grow does its work more slowly. */
static void grow(struct kri_memory_users *users)
{
	struct kri_memory_user **old = users->buckets;
	size_t old_size = users->size;
	size_t size = old_size ? 2 * old_size : SIZE_FIRST;
	struct kri_memory_user **buckets = calloc(size, sizeof(*buckets));

	if (!buckets)
		return;
	users->buckets = buckets;
	users->size = size;
	for (size_t i = 0; i < old_size; i++)
		for (struct kri_memory_user *user = old[i], *next; user;
		     user = next) {
			next = user->next;
			put(users, user);
		}
	free(old);
}

/* ---- users ------------------------------------------------------------ */

/* With what malloc adds to it, and its place in the table. */
static size_t cost_of(size_t len)
{
	return (sizeof(struct kri_memory_user) + len + 8 + 15) / 16 * 16 +
	       2 * sizeof(void *);
}

static enum kr_err make(struct kri_memory_users *users, struct kri_text name,
			struct kri_memory_user **made)
{
	struct kri_memory_user *user;

	if (users->n >= users->size)
		grow(users);
	user = users->size ? malloc(sizeof(*user) + name.len) : NULL;
	if (!user)
		return KR_ERR_MEMORY;
	if (!kri_memory_room_take(users->room, cost_of(name.len))) {
		free(user);
		return KR_ERR_FULL;
	}
	*user = (struct kri_memory_user){.users = users, .len = name.len};
	memcpy(user->name, name.data, name.len);
	put(users, user);
	users->n++;
	*made = user;
	return KR_OK;
}

/* One session or hold less: the last one takes the user with it. */
static void release(struct kri_memory_user *user)
{
	struct kri_memory_users *users = user->users;
	struct kri_memory_user **at = bucket_of(users, name_of(user));

	if (--user->n)
		return;
	while (*at != user)
		at = &(*at)->next;
	*at = user->next;
	users->n--;
	kri_memory_room_give(users->room, cost_of(user->len));
	free(user);
}

enum kr_err kri_memory_users_hold(struct kri_memory_users *users,
				  struct kri_text name,
				  struct kri_memory_user **user)
{
	enum kr_err err = KR_OK;

	pthread_mutex_lock(&users->lock);
	*user = find(users, name);
	if (!*user)
		err = make(users, name, user);
	if (!err)
		(*user)->n++;
	pthread_mutex_unlock(&users->lock);
	return err;
}

/* ---- their sessions --------------------------------------------------- */

static void leave(struct kri_memory_session *session)
{
	struct kri_memory_user *user = session->user;

	if (!user)
		return;
	*(session->before ? &session->before->after : &user->first) =
		session->after;
	if (session->after)
		session->after->before = session->before;
	session->user = NULL;
	session->before = session->after = NULL;
	release(user);
}

void kri_memory_users_leave(struct kri_memory_session *session)
{
	struct kri_memory_users *users =
		session->user ? session->user->users : NULL;

	if (!users)
		return;
	pthread_mutex_lock(&users->lock);
	leave(session);
	pthread_mutex_unlock(&users->lock);
}

void kri_memory_users_join(struct kri_memory_user *user,
			   struct kri_memory_session *session)
{
	struct kri_memory_users *users = user->users;

	pthread_mutex_lock(&users->lock);
	if (session) {
		leave(session);
		session->user = user;
		session->after = user->first;
		if (user->first)
			user->first->before = session;
		user->first = session;
		user->n++;
	}
	release(user);
	pthread_mutex_unlock(&users->lock);
}

static enum kr_err list(const struct kri_memory_user *user,
			struct kri_user_query *query)
{
	query->ids = kri_arena_alloc(query->arena, user->n * sizeof(char *));
	if (!query->ids)
		return KR_ERR_MEMORY;
	for (const struct kri_memory_session *session = user->first; session;
	     session = session->after) {
		struct kri_text id = kri_arena_dup(
			query->arena, kri_text(session->id, KRI_ID_LEN));

		if (!id.data)
			return KR_ERR_MEMORY;
		query->ids[query->n++] = id.data;
	}
	return KR_OK;
}

enum kr_err kri_memory_users_list(struct kri_memory_users *users,
				  struct kri_user_query *query)
{
	const struct kri_memory_user *user;
	enum kr_err err;

	query->ids = NULL;
	query->n = 0;
	pthread_mutex_lock(&users->lock);
	user = find(users, query->user);
	err = user ? list(user, query) : KR_OK;
	pthread_mutex_unlock(&users->lock);
	return err;
}

bool kri_memory_session_is_of(const struct kri_memory_session *session,
			      struct kri_text name)
{
	return session->user && kri_text_equal(name_of(session->user), name);
}
