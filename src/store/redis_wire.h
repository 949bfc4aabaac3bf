/*
 * How records travel to Redis and back: pure translation, no connection.
 *
 * A session is a hash at <instance name><id>:
 *
 *     @auth   SHA-256 of the secret, 32 bytes
 *     @born   seconds since the epoch, decimal
 *     @ver    count of writes, decimal
 *     @seen   ms since the epoch of the last touch, decimal; sessions of 0.1
 *             have none
 *     @was    the digest that @auth replaced, 32 bytes, and when, ms since
 *             the epoch, decimal; only after a renewal, until it is outlived
 *     @mark   the last id of the stream of ends (store/redis_epoch.h) when a
 *             user logged in, as Redis writes it, but without a "-0" behind it;
 *             without one nobody has
 *     <key>   a value, as it is; session/ has some with '@' too, which the
 *             store knows nothing of: @user, @login, @idle,
 *             @label
 */
#ifndef KRI_STORE_REDIS_WIRE_H
#define KRI_STORE_REDIS_WIRE_H

#include "redis/client.h"
#include "store/redis_script.h"
#include "store/store.h"

#define KRI_FIELD_AUTH KRI_TEXT("@auth")
#define KRI_FIELD_BORN KRI_TEXT("@born")
#define KRI_FIELD_VERSION KRI_TEXT("@ver")
#define KRI_FIELD_SEEN KRI_TEXT("@seen")
#define KRI_FIELD_WAS KRI_TEXT("@was")
#define KRI_FIELD_MARK KRI_TEXT("@mark")
#define KRI_OWN_FIELDS 6

/* What all commands of a store have in common. Filled in, then _prepare. */
struct kri_redis_writer {
	struct kri_text prefix; /* of every key */
	const struct kri_redis_scripts *scripts;
	int64_t now; /* of the batch, ms since the epoch: for @seen */

	/* A load's command: only the id differs from one to the next. */
	struct kri_buffer load;
	size_t load_key; /* where its key begins */
};

/* KR_ERR_MEMORY. */
enum kr_err kri_redis_writer_prepare(struct kri_redis_writer *writer)
	KR_MUST_CHECK;
void kri_redis_writer_free(struct kri_redis_writer *writer);

/* Each appends one record's commands, notes in the call where each ends and
 * so how many replies will come, and returns where the key stands. */
typedef size_t kri_redis_put(const struct kri_redis_writer *writer,
			     const struct kri_record *record,
			     struct kri_buffer *out, struct kri_call *call);

kri_redis_put kri_redis_put_load;
kri_redis_put kri_redis_put_peek;
kri_redis_put kri_redis_put_commit;

/* Whether all that an update does is to set values of the version it demands:
 * a script of its own does that (KRI_SCRIPT_SWAP), which leaves it to
 * kri_redis_read_commit to know the version after it. */
bool kri_redis_is_swap(const struct kri_record *record);

/* Appends a call of a script once more, with its text in place of its name,
 * for a server that has forgotten it. `key` is where the key stands in the
 * command; returns where it stands now. */
size_t kri_redis_put_in_full(const struct kri_redis_scripts *scripts,
			     struct kri_text command, size_t key,
			     struct kri_buffer *out);

/* Each reads what became of one record's call, and returns its err. A loaded
 * record's keys and values lie in the replies. */
typedef enum kr_err kri_redis_read(struct kri_record *record,
				   const struct kri_call *call);

kri_redis_read kri_redis_read_load;
kri_redis_read kri_redis_read_peek;
kri_redis_read kri_redis_read_commit;

/* Bytes of arena that the replies to a load may take. */
size_t kri_redis_load_room(const struct kri_config *config);

/* An error reply's meaning, said in the log if it is a surprise; a reply that
 * is none is KR_ERR_PROTOCOL. `id` may be NULL. */
enum kr_err kri_redis_refused(const char *id, const char *what,
			      const struct kri_reply *reply) KR_MUST_CHECK;

/* Says it in the log, now and then, in those words of Redis. */
void kri_redis_complain(const char *id, const char *what, const char *words);

#endif
