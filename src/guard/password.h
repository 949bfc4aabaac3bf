/*
 * Whether a password is a user's. Blocks, for as long as crypt(3) or saslauthd
 * take, which is meant to be long; how many are tried at once is bounded by the
 * threads of KR_BLOCKING handlers.
 */
#ifndef GUARD_PASSWORD_H
#define GUARD_PASSWORD_H

#include "guard/directory.h"
#include "guard/options.h"
#include "guard/saslauthd.h"

#define GUARD_PASSWORD_MAX 512 /* bytes; crypt(3) takes no longer one */

/* An unknown user takes as long as a known one. `mark` is "" of users that are
 * in no file. */
enum guard_proof guard_password_try(const struct guard_options *options,
				    struct guard_directory *directory,
				    const char *user, const char *password,
				    char mark[GUARD_DIGEST_SIZE]);

#endif
