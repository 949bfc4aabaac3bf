/*
 * A session in memory: what it holds and what it takes. Knows nothing of
 * where it is kept; whoever uses one has the lock of its shard.
 */
#ifndef KRI_STORE_MEMORY_SESSION_H
#define KRI_STORE_MEMORY_SESSION_H

#include "store/store.h"

struct kri_memory_value;
struct kri_memory_user;

struct kri_memory_session {
	struct kri_memory_session *next; /* in its bucket */
	char id[KRI_ID_LEN + 1];
	unsigned char auth[KRI_DIGEST_SIZE], was[KRI_DIGEST_SIZE];
	int64_t was_at, born, version, seen; /* as a record has them */
	int64_t ends;                        /* kri_clock_ms() */
	struct kri_memory_value *values;
	size_t n;
	/* Its user, or NULL, and its place in the user's list; under the lock
	 * of that table. (store/memory_user.h) */
	struct kri_memory_user *user;
	struct kri_memory_session *before, *after;
};

/* How much of a limit is used. Shared by all threads. */
struct kri_memory_room {
	_Atomic size_t used;
	size_t limit; /* bytes */
};

/* Whether there was room for so many bytes more, which is taken then. */
bool kri_memory_room_take(struct kri_memory_room *room, size_t size);
void kri_memory_room_give(struct kri_memory_room *room, size_t size);

/*
 * A session as that record wants it created, without a time to end. KR_ERR_FULL
 * if there is no room for it, KR_ERR_MEMORY.
 */
enum kr_err kri_memory_session_make(
	const struct kri_record *record, struct kri_memory_room *room,
	struct kri_memory_session **session) KR_MUST_CHECK;

void kri_memory_session_free(struct kri_memory_session *session,
			     struct kri_memory_room *room);

/* Sets and removes values as the record wants, all or none of them. Errors as
 * above. */
enum kr_err kri_memory_session_write(
	struct kri_memory_session *session, const struct kri_record *record,
	struct kri_memory_room *room) KR_MUST_CHECK;

/* Copies all of it into the record. KR_ERR_MEMORY past its arena's cap. */
enum kr_err kri_memory_session_read(const struct kri_memory_session *session,
				    struct kri_record *record) KR_MUST_CHECK;

#endif
