/*
 * Scripts: what Redis has to do in one step, in Lua. They use no command that
 * a user of version 0.1 was not given.
 */
#ifndef KRI_STORE_REDIS_SCRIPT_H
#define KRI_STORE_REDIS_SCRIPT_H

#include "base/text.h"

struct kri_script {
	struct kri_text text;
	char sha1[41]; /* Redis' name for it (EVALSHA) */
};

/* KEYS[1] is the session in each of them. */
enum kri_redis_script {
	/* ARGV: ms to live, the digest, @born, @seen, the fields to set, each
	 * followed by its value. Answers 1, or KRI_COMMIT_CONFLICT. */
	KRI_SCRIPT_CREATE,
	/* ARGV: ms to live, or "" to leave it; the version demanded, or "";
	 * the index of the last argument that belongs to the fields to set;
	 * those, each followed by its value, and @was before all others: then
	 * the digest in it is demanded; the fields to remove, and @was before
	 * all others: then with its value, without which it stays. Answers the
	 * new version, or one of the below. */
	KRI_SCRIPT_COMMIT,
	/* ARGV: ms to live, @seen; the value of @was, if that is to be removed
	 * where it still has it. Answers whether it did so, 1 or 0. */
	KRI_SCRIPT_TOUCH,
	/* ARGV: the version demanded; the one after it; the fields to set, each
	 * followed by its value. Answers 1, or one of the below. */
	KRI_SCRIPT_SWAP,
	KRI_SCRIPTS
};

struct kri_redis_scripts {
	struct kri_script of[KRI_SCRIPTS];
};

#define KRI_COMMIT_GONE (-1)
#define KRI_COMMIT_CONFLICT (-2)
#define KRI_COMMIT_RENEWED (-3)

/* KR_ERR_MEMORY. */
enum kr_err kri_redis_scripts_init(struct kri_redis_scripts *scripts)
	KR_MUST_CHECK;

#endif
