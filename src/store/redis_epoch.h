/*
 * The ends of users' sessions, as one link knows them: what the stream at
 * `<instance name>@ended` says. An entry {u, user, k, keep} ends all sessions
 * that the user had logged in to when it was added, but for the one that it
 * keeps; a session says with its mark which entries were there before.
 *
 * Both are ids that the stream gave, so no clocks are compared. Knows nothing
 * of batches: who asks is redis_load.c.
 */
#ifndef KRI_STORE_REDIS_EPOCH_H
#define KRI_STORE_REDIS_EPOCH_H

#include "base/arena.h"
#include "base/text.h"
#include "redis/reply.h"
#include "store/store.h"

#define KRI_EPOCH_STEP 512 /* entries that are asked for at once */

/* "1700000000000-0", as two numbers. */
struct kri_stream_id {
	uint64_t ms, seq;
};

struct kri_ending;

struct kri_redis_epoch {
	/* Known are all entries behind `from`, up to `to`, if `begun`. */
	bool begun;
	struct kri_stream_id from, to;
	struct kri_ending **buckets; /* by user */
	size_t size, n, most;
	uint64_t seed;
	uint64_t connections; /* the client's, when it was begun */
	size_t asking; /* questions under way: nothing is forgotten meanwhile */
	bool wanted;   /* a load of late met a mark: ask with each */
	unsigned calm; /* loads since then that met none */
};

/* KR_ERR_SYSTEM without random bytes. */
enum kr_err kri_redis_epoch_init(struct kri_redis_epoch *epoch) KR_MUST_CHECK;
void kri_redis_epoch_free(struct kri_redis_epoch *epoch);

/* "1700000000000" is "1700000000000-0". KR_ERR_INPUT for what is no id. */
enum kr_err kri_stream_id_read(struct kri_text text,
			       struct kri_stream_id *id) KR_MUST_CHECK;
int kri_stream_id_compare(struct kri_stream_id a, struct kri_stream_id b);

/*
 * Takes the reply to XREAD: the entries behind *at, which becomes the last
 * one's. *more: there may be others behind it. KR_ERR_PROTOCOL for a reply that
 * is none; entries that are none of ours are passed over. KR_ERR_MEMORY.
 */
enum kr_err kri_redis_epoch_take(struct kri_redis_epoch *epoch,
				 const struct kri_reply *reply,
				 struct kri_stream_id *at,
				 bool *more) KR_MUST_CHECK;

/* All entries from behind `from` up to `to`, the last, have been taken. */
void kri_redis_epoch_cover(struct kri_redis_epoch *epoch,
			   struct kri_stream_id from, struct kri_stream_id to);

/* With another connection the stream may be another, whose ids go on from an
 * earlier one: what is known stays, but is not all. */
void kri_redis_epoch_heed(struct kri_redis_epoch *epoch, uint64_t connections);

/* Forgets all if it has become too much, and no question is under way. */
void kri_redis_epoch_trim(struct kri_redis_epoch *epoch);

/* Whether the session, of that user and mark, has been ended. */
bool kri_redis_epoch_is_over(const struct kri_redis_epoch *epoch,
			     struct kri_text user, const char *id,
			     struct kri_stream_id mark);

#endif
