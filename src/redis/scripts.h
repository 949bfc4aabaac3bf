/*
 * Scripts: what Redis has to do in one step, in Lua. Each is called by its
 * SHA-1 (EVALSHA), and by its text (EVAL) when the server has forgotten it.
 */
#ifndef KRI_REDIS_SCRIPTS_H
#define KRI_REDIS_SCRIPTS_H

#include "base/text.h"

struct kri_script {
	struct kri_text text;
	char sha1[41];
};

/* What the commit script answers instead of the new version. */
#define KRI_COMMIT_GONE (-1)
#define KRI_COMMIT_CONFLICT (-2)

/*
 * KEYS[1] the session; ARGV: ms to live, or "" to leave its time as it is; the
 * version demanded, or ""; the number of fields to set, those fields each
 * followed by its value, the fields to remove. Answers the new version, or one
 * of the two above.
 */
enum kr_err kri_script_commit(struct kri_script *script) KR_MUST_CHECK;

#endif
