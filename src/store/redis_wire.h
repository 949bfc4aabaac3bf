/*
 * How records travel to Redis and back: pure translation, no connection.
 *
 * A session is a hash at <instance name><id>:
 *
 *     @auth   SHA-256 of the secret, 32 bytes
 *     @born   seconds since the epoch, decimal
 *     @ver    count of writes, decimal
 *     <key>   a value, as it is
 */
#ifndef KRI_STORE_REDIS_WIRE_H
#define KRI_STORE_REDIS_WIRE_H

#include "redis/scripts.h"
#include "redis/topology.h"
#include "store/store.h"

#define KRI_FIELD_AUTH KRI_TEXT("@auth")
#define KRI_FIELD_BORN KRI_TEXT("@born")
#define KRI_FIELD_VERSION KRI_TEXT("@ver")

/* What all commands of a store have in common. Filled in, then _prepare. */
struct kri_redis_writer {
	struct kri_buffer *out;
	struct kri_text prefix; /* of every key */
	const struct kri_script *commit;
	int64_t idle_timeout; /* ms */
	int64_t now;          /* kri_clock_ms() of the batch */

	/* A load's commands: only the id differs from one to the next. */
	struct kri_buffer load;
	size_t load_ids[2]; /* the id's offsets in them */
	struct kri_call load_call;
};

/* KR_ERR_MEMORY. */
enum kr_err kri_redis_writer_prepare(struct kri_redis_writer *writer)
	KR_MUST_CHECK;
void kri_redis_writer_free(struct kri_redis_writer *writer);

/* Each appends one record's commands, and notes in the call where each ends
 * and so how many replies will come. */
typedef void kri_redis_put(const struct kri_redis_writer *writer,
			   const struct kri_record *record,
			   struct kri_call *call);

kri_redis_put kri_redis_put_load;
kri_redis_put kri_redis_put_commit;

/* An update with the script's text, for a server that has forgotten it. */
kri_redis_put kri_redis_put_update_in_full;

/* Each reads one record's replies, and returns its err. A loaded record's keys
 * and values lie in the replies. */
typedef enum kr_err kri_redis_read(struct kri_record *record,
				   const struct kri_call *call);

kri_redis_read kri_redis_read_load;
kri_redis_read kri_redis_read_commit;
kri_redis_read kri_redis_read_update;

#endif
