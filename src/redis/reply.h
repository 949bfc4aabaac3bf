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
	enum kri_reply_type type; /* first: hiredis looks at it too */
	int64_t integer;
	struct kri_text text; /* NUL-terminated */
	struct kri_reply **elements;
	size_t n;
};

/* Where the next reply of a connection goes. */
struct kri_sink {
	struct kri_arena *arena; /* NULL: nobody waits for a reply */
	size_t room;             /* bytes it may still take of the arena */
	bool over;    /* it did not fit: what there is of it is not it */
	bool starved; /* and that is for want of memory, not of room */
	bool refused; /* a reply came that nobody waited for */
	bool pushing; /* what is being read is a PUSH, which goes here: */
	struct kri_sink *pushes; /* NULL: none may come */
	char said[96];           /* what that one said, if it was an error */
};

/* Makes hiredis' reader (a struct redisReader) build replies of ours, in the
 * sink, which is borrowed. */
struct redisReader;
void kri_reply_hook(struct redisReader *reader, struct kri_sink *sink);

/* The reply that a PUSH of hiredis' asynchronous interface is: an array, or
 * NIL if there was no room for it. */
const struct kri_reply *kri_reply_of_push(const void *push);

/* Makes the sink ready for the next reply. */
static inline void kri_sink_set(struct kri_sink *sink, struct kri_arena *arena,
				size_t room)
{
	sink->arena = arena;
	sink->room = room;
	sink->over = sink->starved = false;
}

/* Whether the reply is whole, for those that a sane server keeps short; if it
 * is not, *why is for the log. KR_ERR_PROTOCOL, KR_ERR_MEMORY. */
static inline enum kr_err kri_sink_check(const struct kri_sink *sink,
					 const char **why)
{
	if (!sink->over)
		return KR_OK;
	*why = sink->starved ? "out of memory" : "a reply beyond all measure";
	return sink->starved ? KR_ERR_MEMORY : KR_ERR_PROTOCOL;
}

/* Whether an error reply begins with that code, such as "NOSCRIPT". */
bool kri_reply_is_error(const struct kri_reply *reply, const char *code);

/* Whether it is that our user may not run the command, or a script's. */
bool kri_reply_is_forbidden(const struct kri_reply *reply);

/*
 * KR_OK for any reply but an error, else what the error means:
 * KR_ERR_UNAVAILABLE (ask another node or later), KR_ERR_FULL, KR_ERR_DENIED,
 * or KR_ERR_PROTOCOL for what should not happen.
 */
enum kr_err kri_reply_check(const struct kri_reply *reply) KR_MUST_CHECK;

#endif
