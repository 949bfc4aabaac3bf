/*
 * What a place requires of who comes, as its front server says it in
 * KR_REQUIRE: words between spaces.
 *
 *     user:NAME      this user, or another that is named, or of a group
 *     group:NAME     one of that group, likewise
 *     fresh:SECONDS  who has given the password in the last so many seconds
 *     optional       visitors too
 *
 * Without any, everybody who has signed in.
 */
#ifndef GUARD_REQUIRE_H
#define GUARD_REQUIRE_H

#include "guard/guard.h"

enum guard_verdict {
	GUARD_PASS,
	GUARD_NOBODY, /* it has to sign in */
	GUARD_STALE,  /* it has to give its password again */
	GUARD_DENIED, /* it is another */
	GUARD_UNCLEAR /* `require` is none: nobody gets in */
};

/* `require` may be NULL. */
enum guard_verdict guard_judge(const char *require,
			       const struct guard_who *who);

#endif
