/*
 * Replies: what Redis answered, in an arena of the caller's, and what its
 * errors mean to us. Every reply's type is checked by whoever reads it.
 */
#ifndef KRI_REDIS_REPLY_H
#define KRI_REDIS_REPLY_H

#include "base/arena.h"
#include "base/text.h"

enum kri_reply_type {
	KRI_REPLY_STATUS,  /* text, such as OK or QUEUED */
	KRI_REPLY_ERROR,   /* text, such as "OOM command not allowed ..." */
	KRI_REPLY_INTEGER, /* integer */
	KRI_REPLY_STRING,  /* text */
	KRI_REPLY_ARRAY,   /* elements */
	KRI_REPLY_NIL
};

struct kri_reply {
	enum kri_reply_type type;
	int64_t integer;
	struct kri_text text; /* NUL-terminated */
	struct kri_reply **elements;
	size_t n;
};

/* Makes hiredis' reader (a struct redisReader) build replies of ours. */
struct redisReader;
void kri_reply_hook(struct redisReader *reader);

/* Whether an error reply begins with that code, such as "NOSCRIPT". */
bool kri_reply_is_error(const struct kri_reply *reply, const char *code);

/*
 * KR_OK for any reply but an error, else what the error means:
 * KR_ERR_UNAVAILABLE (ask another node or later), KR_ERR_FULL, KR_ERR_DENIED,
 * or KR_ERR_PROTOCOL for what should not happen.
 */
enum kr_err kri_reply_check(const struct kri_reply *reply) KR_MUST_CHECK;

#endif
