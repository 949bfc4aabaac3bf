/*
 * Who there is: the file of passwords and the file of groups, as they are now.
 * Read at the start, and again when they change; a file that is wrong then is
 * said so in the log, and what was known before goes on. Any thread may ask at
 * any time.
 */
#ifndef GUARD_DIRECTORY_H
#define GUARD_DIRECTORY_H

#include "guard/users.h"

struct guard_directory;

/* What is known of a user. */
struct guard_entry {
	bool known;                   /* in the file of passwords */
	char mark[GUARD_DIGEST_SIZE]; /* of its hash */
	char groups[2 * GUARD_GROUPS_MAX + 2];
};

/* Reads the files; "" is none. NULL with a complaint in `why`. */
struct guard_directory *guard_directory_open(const char *passwords,
					     const char *groups,
					     char why[GUARD_WHY_MAX]);

void guard_directory_close(struct guard_directory *directory);

/* Whether there is a file of passwords. */
bool guard_directory_has_passwords(const struct guard_directory *directory);

void guard_directory_look(struct guard_directory *directory, const char *user,
			  struct guard_entry *entry);

#define GUARD_HASH_MAX 384 /* CRYPT_OUTPUT_SIZE */

/*
 * The hash to try a password of that user on. An unknown user gets another
 * one's, always the same, so that it takes the time that users' take, and false
 * is returned.
 */
bool guard_directory_hash(struct guard_directory *directory, const char *user,
			  char hash[GUARD_HASH_MAX],
			  char mark[GUARD_DIGEST_SIZE]);

#endif
