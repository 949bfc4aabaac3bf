/*
 * Where a client goes after it has signed in: what it asks for is a text from
 * outside, and must not lead it to another site or round in a circle.
 */
#ifndef GUARD_AIM_H
#define GUARD_AIM_H

#include <stdbool.h>

#include "guard/options.h"

#define GUARD_AIM_MAX 2048 /* bytes; longer ones are dropped */

/* `wanted` if it is a path of this site, or a URL of a host of
 * guard.allow_hosts, that is none of the guard's own pages but the list of
 * sessions; else guard.home. NULL is no wish. */
const char *guard_aim_of(const struct guard_options *options,
			 const char *wanted);

/* Whether it could be that. */
bool guard_aim_is_sound(const struct guard_options *options,
			const char *wanted);

#endif
