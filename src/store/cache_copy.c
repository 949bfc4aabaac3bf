/*
 * A copy ends when the session is due to be touched, a sixteenth of the idle
 * timeout after it was: so one in use goes to the store then, which prolongs
 * it, and no copy outlives what the store would have ended for idleness.
 */
#include "store/cache_copy.h"

#include <stdlib.h>

#include "base/clock.h"

#define IDLE_FIELD KRI_TEXT("@idle")     /* session/session.h: KRI_KEY_IDLE */
#define IDLE_MOST (365 * INT64_C(86400)) /* seconds */

/* ---- making ----------------------------------------------------------- */

static bool is_kept(const struct kri_value *value)
{
	return value->change != KRI_CHANGE_REMOVED;
}

/* Bytes of all texts with their NULs, and how many values. */
static size_t measure(const struct kri_record *record, size_t *n)
{
	size_t bytes = record->mark.len + 1;

	*n = 0;
	for (size_t i = 0; i < record->n; i++) {
		const struct kri_value *value = &record->values[i];

		if (!is_kept(value))
			continue;
		bytes += value->key.len + value->data.len + 2;
		++*n;
	}
	return bytes;
}

static uint32_t put(char *bytes, uint32_t *at, struct kri_text text)
{
	uint32_t begin = *at;

	if (text.len)
		memcpy(bytes + begin, text.data, text.len);
	bytes[begin + text.len] = '\0';
	*at = begin + (uint32_t)text.len + 1;
	return begin;
}

static char *bytes_of(struct kri_copy *copy)
{
	return (char *)&copy->values[copy->n];
}

static void fill_values(struct kri_copy *copy, const struct kri_record *record)
{
	struct kri_copy_value *to = copy->values;
	char *bytes = bytes_of(copy);
	uint32_t at = 0;

	copy->mark = put(bytes, &at, record->mark);
	copy->mark_len = (uint32_t)record->mark.len;
	for (size_t i = 0; i < record->n; i++) {
		const struct kri_value *value = &record->values[i];

		if (!is_kept(value))
			continue;
		to->key = put(bytes, &at, value->key);
		to->key_len = (uint32_t)value->key.len;
		to->data = put(bytes, &at, value->data);
		to++->data_len = (uint32_t)value->data.len;
	}
}

static int64_t slack_of(const struct kri_record *record, int64_t idle_timeout)
{
	const struct kri_value *own = kri_record_find(record, IDLE_FIELD);
	int64_t seconds;

	if (own && !kri_text_to_int(own->data, 1, IDLE_MOST, &seconds))
		idle_timeout = seconds * 1000;
	return idle_timeout / 16;
}

struct kri_copy *kri_copy_make(const struct kri_record *record,
			       int64_t idle_timeout)
{
	size_t n, bytes = measure(record, &n), size;
	struct kri_copy *copy;

	if (bytes > INT32_MAX || n > INT32_MAX / sizeof(*copy->values))
		return NULL;
	size = sizeof(*copy) + n * sizeof(*copy->values) + bytes;
	copy = malloc(size);
	if (!copy)
		return NULL;
	*copy = (struct kri_copy){
		.size = (size + 8 + 15) / 16 * 16,
		.made = kri_clock_boot_us(),
		.slack = slack_of(record, idle_timeout),
		.was_at = record->was_at,
		.born = record->born,
		.version = record->version,
		.seen = record->seen,
		.source = record->source,
		.n = (uint32_t)n,
		.bytes = (uint32_t)bytes,
	};
	memcpy(copy->id, record->id, sizeof(copy->id));
	memcpy(copy->auth, record->auth, sizeof(copy->auth));
	memcpy(copy->was, record->was, sizeof(copy->was));
	fill_values(copy, record);
	return copy;
}

/* ---- reading ---------------------------------------------------------- */

bool kri_copy_is_fresh(const struct kri_copy *copy, int64_t now)
{
	int64_t gone;

	if (__builtin_sub_overflow(now, copy->seen, &gone) ||
	    gone > copy->slack || gone < -copy->slack)
		return false;
	return kri_clock_boot_us() - copy->made <= copy->slack * 1000;
}

static struct kri_text text_at(const char *bytes, uint32_t at, uint32_t len)
{
	return kri_text(bytes + at, len);
}

static void read_values(const struct kri_copy *copy, const char *bytes,
			struct kri_record *record)
{
	for (uint32_t i = 0; i < copy->n; i++) {
		const struct kri_copy_value *value = &copy->values[i];

		record->values[i] = (struct kri_value){
			.key = text_at(bytes, value->key, value->key_len),
			.data = text_at(bytes, value->data, value->data_len),
		};
	}
	record->n = record->cap = copy->n;
	record->mark = text_at(bytes, copy->mark, copy->mark_len);
}

bool kri_copy_read(const struct kri_copy *copy, struct kri_record *record)
{
	size_t values = copy->n * sizeof(*record->values);
	char *room;

	kri_record_clear(record);
	room = kri_arena_alloc(record->arena, values + copy->bytes);
	if (!room)
		return false;
	record->values = (struct kri_value *)(void *)room;
	memcpy(room + values, &copy->values[copy->n], copy->bytes);
	read_values(copy, room + values, record);
	memcpy(record->auth, copy->auth, sizeof(record->auth));
	memcpy(record->was, copy->was, sizeof(record->was));
	record->was_at = copy->was_at;
	record->born = copy->born;
	record->version = copy->version;
	record->seen = copy->seen;
	record->source = copy->source;
	record->err = KR_OK;
	return true;
}
