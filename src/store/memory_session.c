/*
 * One session's values in a list, and an exact account of the bytes that it
 * takes, so that store.memory_limit holds.
 */
#include "store/memory_session.h"

#include <stdatomic.h>
#include <stdlib.h>

struct kri_memory_value {
	struct kri_memory_value *next;
	size_t key, data; /* their lengths */
	char bytes[];     /* key and data */
};

/* ---- the room that it takes ------------------------------------------- */

/* With what malloc adds to it. */
static size_t cost_of(size_t size)
{
	return (size + 8 + 15) / 16 * 16;
}

/* A session's place in its shard's table, too, which has at most two a
 * session. */
static size_t session_cost(void)
{
	return cost_of(sizeof(struct kri_memory_session)) + 2 * sizeof(void *);
}

static size_t value_cost(const struct kri_memory_value *value)
{
	return cost_of(sizeof(*value) + value->key + value->data);
}

bool kri_memory_room_take(struct kri_memory_room *room, size_t size)
{
	if (atomic_fetch_add(&room->used, size) + size <= room->limit)
		return true;
	atomic_fetch_sub(&room->used, size);
	return false;
}

void kri_memory_room_give(struct kri_memory_room *room, size_t size)
{
	atomic_fetch_sub(&room->used, size);
}

/* ---- values ----------------------------------------------------------- */

static struct kri_text key_of(const struct kri_memory_value *value)
{
	return kri_text(value->bytes, value->key);
}

static struct kri_text data_of(const struct kri_memory_value *value)
{
	return kri_text(value->bytes + value->key, value->data);
}

static void free_values(struct kri_memory_value *value,
			struct kri_memory_room *room)
{
	while (value) {
		struct kri_memory_value *next = value->next;

		kri_memory_room_give(room, value_cost(value));
		free(value);
		value = next;
	}
}

static enum kr_err make_value(const struct kri_value *from,
			      struct kri_memory_room *room,
			      struct kri_memory_value **list)
{
	struct kri_memory_value *value =
		malloc(sizeof(*value) + from->key.len + from->data.len);

	if (!value)
		return KR_ERR_MEMORY;
	value->key = from->key.len;
	value->data = from->data.len;
	if (!kri_memory_room_take(room, value_cost(value))) {
		free(value);
		return KR_ERR_FULL;
	}
	memcpy(value->bytes, from->key.data, from->key.len);
	if (from->data.len)
		memcpy(value->bytes + value->key, from->data.data,
		       from->data.len);
	value->next = *list;
	*list = value;
	return KR_OK;
}

/* All that the record sets, or none of it. */
static enum kr_err make_values(const struct kri_record *record,
			       struct kri_memory_room *room,
			       struct kri_memory_value **list)
{
	enum kr_err err = KR_OK;

	*list = NULL;
	for (size_t i = 0; i < record->n && !err; i++)
		if (record->values[i].change == KRI_CHANGE_SET)
			err = make_value(&record->values[i], room, list);
	if (!err)
		return KR_OK;
	free_values(*list, room);
	*list = NULL;
	return err;
}

static void remove_value(struct kri_memory_session *session,
			 struct kri_text key, struct kri_memory_room *room)
{
	struct kri_memory_value **at = &session->values;
	struct kri_memory_value *value;

	while (*at && !kri_text_equal(key_of(*at), key))
		at = &(*at)->next;
	value = *at;
	if (!value)
		return;
	*at = value->next;
	value->next = NULL;
	free_values(value, room);
	session->n--;
}

static void take_values(struct kri_memory_session *session,
			struct kri_memory_value *list,
			struct kri_memory_room *room)
{
	while (list) {
		struct kri_memory_value *value = list;

		list = value->next;
		remove_value(session, key_of(value), room);
		value->next = session->values;
		session->values = value;
		session->n++;
	}
}

/* ---- sessions --------------------------------------------------------- */

void kri_memory_session_free(struct kri_memory_session *session,
			     struct kri_memory_room *room)
{
	free_values(session->values, room);
	kri_memory_room_give(room, session_cost());
	free(session);
}

enum kr_err kri_memory_session_make(const struct kri_record *record,
				    struct kri_memory_room *room,
				    struct kri_memory_session **session)
{
	struct kri_memory_session *made = calloc(1, sizeof(*made));
	enum kr_err err;

	if (!made)
		return KR_ERR_MEMORY;
	if (!kri_memory_room_take(room, session_cost())) {
		free(made);
		return KR_ERR_FULL;
	}
	memcpy(made->id, record->id, KRI_ID_LEN);
	memcpy(made->auth, record->auth, KRI_DIGEST_SIZE);
	made->born = record->born;
	err = kri_memory_session_write(made, record, room);
	if (err)
		kri_memory_session_free(made, room);
	else
		*session = made;
	return err;
}

enum kr_err kri_memory_session_write(struct kri_memory_session *session,
				     const struct kri_record *record,
				     struct kri_memory_room *room)
{
	struct kri_memory_value *list;
	enum kr_err err = make_values(record, room, &list);

	if (err)
		return err;
	take_values(session, list, room);
	for (size_t i = 0; i < record->n; i++)
		if (record->values[i].change == KRI_CHANGE_REMOVED)
			remove_value(session, record->values[i].key, room);
	session->version++;
	return KR_OK;
}

static enum kr_err read_value(const struct kri_memory_value *value,
			      struct kri_record *record)
{
	struct kri_value *to = &record->values[record->n];

	*to = (struct kri_value){
		.key = kri_arena_dup(record->arena, key_of(value)),
		.data = kri_arena_dup(record->arena, data_of(value)),
	};
	if (!to->key.data || !to->data.data)
		return KR_ERR_MEMORY;
	record->n++;
	return KR_OK;
}

enum kr_err kri_memory_session_read(const struct kri_memory_session *session,
				    struct kri_record *record)
{
	enum kr_err err = kri_record_reserve(record, session->n);

	memcpy(record->auth, session->auth, KRI_DIGEST_SIZE);
	memcpy(record->was, session->was, KRI_DIGEST_SIZE);
	record->was_at = session->was_at;
	record->born = session->born;
	record->version = session->version;
	record->seen = session->seen;
	for (const struct kri_memory_value *value = session->values;
	     value && !err; value = value->next)
		err = read_value(value, record);
	return err;
}
