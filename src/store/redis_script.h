/*
 * Scripts: what Redis has to do in one step, in Lua. They use no command that
 * a user of version 0.1 was not given.
 */
#ifndef KRI_STORE_REDIS_SCRIPT_H
#define KRI_STORE_REDIS_SCRIPT_H

#include "base/text.h"

struct kri_script {
	struct kri_text text;
	char sha1[41]; /* Redis' name for it; "": it is sent in full */
};

/* KEYS[1] is the session in each of them. */
struct kri_redis_scripts {
	/* ARGV: ms to live, @auth, the digest, other fields each followed by
	 * its value. Answers 1, or KRI_COMMIT_CONFLICT. */
	struct kri_script create;
	/* ARGV: ms to live, or "" to leave it; the version demanded, or "";
	 * the digest demanded, or ""; the index of the last argument that
	 * belongs to the fields to set; those, each followed by its value;
	 * the fields to remove. Answers the new version, or one of the
	 * below. */
	struct kri_script commit;
	/* ARGV: ms to live, the time. Answers whether it did so. */
	struct kri_script touch;
};

#define KRI_COMMIT_GONE (-1)
#define KRI_COMMIT_CONFLICT (-2)
#define KRI_COMMIT_RENEWED (-3)

/* KR_ERR_MEMORY. */
enum kr_err kri_redis_scripts_init(struct kri_redis_scripts *scripts)
	KR_MUST_CHECK;

#endif
