/*
 * Short names for things that must not be read back from them, such as a
 * password's hash in a session, or an address in a counter's name; and random
 * bytes.
 */
#ifndef GUARD_DIGEST_H
#define GUARD_DIGEST_H

#include <stdbool.h>

#define GUARD_DIGEST_SIZE 33 /* 128 bits in hex and NUL */

/* Of two texts together, neither of which can be mistaken for a part of the
 * other. False without memory. */
bool guard_digest(const char *a, const char *b, char out[GUARD_DIGEST_SIZE]);

#define GUARD_TOKEN_SIZE 65 /* 256 random bits in hex and NUL */

bool guard_token(char out[GUARD_TOKEN_SIZE]);

/* Takes the same time wherever the two differ; their lengths are no secret. */
bool guard_is_equal(const char *a, const char *b);

#endif
