/*
 * Owns the files' contents and when they are read again. A file is looked at
 * once a second at most, by who happens to ask; one that has changed is read
 * when it has been the same for a second, as some editors write in place.
 */
#include "guard/directory.h"

#include <crypt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "krsession.h"

#define LOOK_EVERY INT64_C(1000) /* ms */

/* What tells one state of a file from another. */
struct signature {
	struct timespec changed, written;
	ino_t inode;
	dev_t device;
	off_t size;
};

typedef struct guard_users *reader(const char *path, char why[GUARD_WHY_MAX]);

struct source {
	char *path; /* "": none */
	reader *read;
	struct guard_users *users; /* NULL: none */
	struct signature taken;    /* what `users` was read from */
	struct signature seen;     /* at the last look */
};

struct guard_directory {
	pthread_rwlock_t lock; /* around the users of both */
	struct source passwords, groups;
	_Atomic int64_t due; /* ms, monotonic: of the next look */
	char *dummy;         /* a hash, for a file without users */
};

_Static_assert(GUARD_HASH_MAX >= CRYPT_OUTPUT_SIZE, "a hash would be cut off");

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* ---- files ------------------------------------------------------------ */

static bool sign(const char *path, struct signature *signature)
{
	struct stat about;

	*signature = (struct signature){0};
	if (stat(path, &about))
		return false;
	signature->changed = about.st_ctim;
	signature->written = about.st_mtim;
	signature->inode = about.st_ino;
	signature->device = about.st_dev;
	signature->size = about.st_size;
	return true;
}

static bool is_same(const struct signature *a, const struct signature *b)
{
	return a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec &&
	       a->written.tv_sec == b->written.tv_sec &&
	       a->written.tv_nsec == b->written.tv_nsec &&
	       a->inode == b->inode && a->device == b->device &&
	       a->size == b->size;
}

static bool open_source(struct source *source, const char *path, reader *read,
			char why[GUARD_WHY_MAX])
{
	source->path = strdup(path);
	source->read = read;
	if (!source->path) {
		snprintf(why, GUARD_WHY_MAX, "out of memory");
		return false;
	}
	if (!*path)
		return true;
	sign(path, &source->taken);
	source->seen = source->taken;
	source->users = read(path, why);
	return source->users != NULL;
}

static void close_source(struct source *source)
{
	guard_users_free(source->users);
	free(source->path);
}

/* Reads it anew. Whatever comes of it, it is not tried again before the file
 * changes once more. */
static void take(struct guard_directory *directory, struct source *source)
{
	char why[GUARD_WHY_MAX];
	struct guard_users *read = source->read(source->path, why), *old;

	source->taken = source->seen;
	if (!read) {
		kr_log(NULL, KR_LOG_ERROR,
		       "%s; what was read before stays in force", why);
		return;
	}
	pthread_rwlock_wrlock(&directory->lock);
	old = source->users;
	source->users = read;
	pthread_rwlock_unlock(&directory->lock);
	guard_users_free(old);
	kr_log(NULL, KR_LOG_INFO,
	       "%s has changed and was read again, %zu users", source->path,
	       read->n);
}

static void look_at(struct guard_directory *directory, struct source *source)
{
	struct signature before = source->seen;

	if (!*source->path)
		return;
	sign(source->path, &source->seen);
	if (!is_same(&source->seen, &source->taken) &&
	    is_same(&source->seen, &before))
		take(directory, source);
}

/* Who finds that it is time has the sources to itself until the next time. */
static void look(struct guard_directory *directory)
{
	int64_t now = now_ms();
	int64_t due = atomic_load(&directory->due);

	if (now < due ||
	    !atomic_compare_exchange_strong(&directory->due, &due, INT64_MAX))
		return;
	look_at(directory, &directory->passwords);
	look_at(directory, &directory->groups);
	atomic_store(&directory->due, now_ms() + LOOK_EVERY);
}

/* ---- life ------------------------------------------------------------- */

/* Of the kind and at the cost that mkpasswd(1) takes. */
static char *make_dummy(void)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *room = calloc(1, sizeof(*room));
	char *dummy = NULL;

	if (room &&
	    crypt_gensalt_rn(NULL, 0, NULL, 0, setting, sizeof(setting)) &&
	    crypt_r("nobody", setting, room))
		dummy = strdup(room->output);
	free(room);
	return dummy;
}

struct guard_directory *guard_directory_open(const char *passwords,
					     const char *groups,
					     char why[GUARD_WHY_MAX])
{
	struct guard_directory *made = calloc(1, sizeof(*made));

	if (!made) {
		snprintf(why, GUARD_WHY_MAX, "out of memory");
		return NULL;
	}
	pthread_rwlock_init(&made->lock, NULL);
	if (open_source(&made->passwords, passwords, guard_users_read, why) &&
	    open_source(&made->groups, groups, guard_groups_read, why)) {
		made->dummy = make_dummy();
		if (made->dummy)
			return made;
		snprintf(why, GUARD_WHY_MAX, "crypt(3) makes no hash");
	}
	guard_directory_close(made);
	return NULL;
}

void guard_directory_close(struct guard_directory *directory)
{
	if (!directory)
		return;
	close_source(&directory->passwords);
	close_source(&directory->groups);
	pthread_rwlock_destroy(&directory->lock);
	free(directory->dummy);
	free(directory);
}

/* ---- asking ----------------------------------------------------------- */

bool guard_directory_has_passwords(const struct guard_directory *directory)
{
	return *directory->passwords.path;
}

static void join(char *groups, size_t size, const struct guard_user *user)
{
	size_t len = strlen(groups);

	if (user && user->groups && *user->groups)
		snprintf(groups + len, size - len, "%s%s", len ? "," : "",
			 user->groups);
}

void guard_directory_look(struct guard_directory *directory, const char *user,
			  struct guard_entry *entry)
{
	const struct guard_user *found;

	look(directory);
	entry->known = false;
	*entry->mark = *entry->groups = '\0';
	pthread_rwlock_rdlock(&directory->lock);
	found = guard_users_find(directory->passwords.users, user);
	if (found) {
		entry->known = true;
		memcpy(entry->mark, found->mark, sizeof(entry->mark));
	}
	join(entry->groups, sizeof(entry->groups), found);
	join(entry->groups, sizeof(entry->groups),
	     guard_users_find(directory->groups.users, user));
	pthread_rwlock_unlock(&directory->lock);
}

/* FNV-1a: the same user meets the same other one. */
static size_t pick(const char *user, size_t n)
{
	uint32_t hash = 2166136261U;

	for (; *user; user++)
		hash = (hash ^ (unsigned char)*user) * 16777619U;
	return hash % n;
}

static bool can_be_tried(const struct guard_user *user)
{
	return *user->hash == '$' || *user->hash == '_';
}

/* The next from there on that can be computed. */
static const char *stand_in(const struct guard_directory *directory,
			    const char *name)
{
	const struct guard_users *users = directory->passwords.users;
	size_t n = users ? users->n : 0;
	size_t first = n ? pick(name, n) : 0;

	for (size_t i = 0; i < n; i++) {
		const struct guard_user *user = &users->users[(first + i) % n];

		if (can_be_tried(user))
			return user->hash;
	}
	return directory->dummy;
}

bool guard_directory_hash(struct guard_directory *directory, const char *user,
			  char hash[GUARD_HASH_MAX],
			  char mark[GUARD_DIGEST_SIZE])
{
	const struct guard_user *found;
	bool open;

	look(directory);
	pthread_rwlock_rdlock(&directory->lock);
	found = guard_users_find(directory->passwords.users, user);
	open = found && can_be_tried(found);
	snprintf(hash, GUARD_HASH_MAX, "%s",
		 open ? found->hash : stand_in(directory, user));
	if (open)
		memcpy(mark, found->mark, GUARD_DIGEST_SIZE);
	pthread_rwlock_unlock(&directory->lock);
	return open;
}
