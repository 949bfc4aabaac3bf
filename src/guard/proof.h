/*
 * A password that was sent in a form, judged: throttled, tried, counted, and
 * told to the log. For the login, and wherever a password is wanted again.
 */
#ifndef GUARD_PROOF_H
#define GUARD_PROOF_H

#include "guard/guard.h"
#include "guard/throttle.h"

struct guard_judged {
	bool right;
	int status;        /* else: 401, 429 or 503, */
	const char *error; /* a sentence for the page, */
	int64_t wait;      /* and seconds until one may try again */
	char mark[GUARD_DIGEST_SIZE];
	struct guard_try try;
};

/* Judges the form's field "password" for that user. Errors are the store's. */
enum kr_err guard_prove(struct kr_context *c, const char *user,
			struct guard_judged *judged) KR_MUST_CHECK;

/* The headers of what was judged wrong, and for who wants JSON the answer:
 * `*done` tells. */
enum kr_err guard_prove_refuse(struct kr_context *c,
			       const struct guard_judged *judged,
			       bool *done) KR_MUST_CHECK;

#endif
