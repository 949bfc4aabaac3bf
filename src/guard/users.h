/*
 * A file of passwords or of groups as it was read: who is in it, and in which
 * groups. Knows neither when it is read nor who asks.
 */
#ifndef GUARD_USERS_H
#define GUARD_USERS_H

#include <stdbool.h>
#include <stddef.h>

#include "guard/digest.h"

#define GUARD_NAME_MAX 256    /* bytes of a user's name */
#define GUARD_GROUPS_MAX 1024 /* bytes of all groups of a user */
#define GUARD_WHY_MAX 512     /* bytes of a complaint */

struct guard_user {
	const char *name;
	const char *hash;             /* as crypt(3) has it; "": of groups */
	char *groups;                 /* "admin,staff", or "" */
	char mark[GUARD_DIGEST_SIZE]; /* tells whether name or hash changed */
};

struct guard_users {
	char *text;               /* what the names lie in */
	struct guard_user *users; /* by name */
	size_t n;
};

/*
 * Reads lines "NAME:HASH" or "NAME:HASH:GROUP,GROUP"; or, of a file of groups,
 * "GROUP: NAME NAME". Blank lines and those that begin with # are skipped.
 * NULL with a complaint that names file and line in `why`.
 */
struct guard_users *guard_users_read(const char *path, char why[GUARD_WHY_MAX]);
struct guard_users *guard_groups_read(const char *path,
				      char why[GUARD_WHY_MAX]);

/* Frees it; NULL is none. */
void guard_users_free(struct guard_users *users);

/* The user, or NULL. */
const struct guard_user *guard_users_find(const struct guard_users *users,
					  const char *name);

/* Whether `groups`, as above, has that one. */
bool guard_groups_have(const char *groups, const char *group);

/* Whether it can be a user's name: 1 to 256 bytes of UTF-8 without control
 * characters. */
bool guard_name_is_sound(const char *name);

#endif
