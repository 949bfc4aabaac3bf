/*
 * A tag is found by trying: about as many times as there are primaries.
 */
#include "redis/beat.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/crypto.h"

#define NAME KRI_TEXT("@beat:")
/* With a single slot of 16384 it takes more than that once in ten million. */
#define TRIES_MAX (1 << 18)

enum kr_err kri_beats_init(struct kri_beats *beats, struct kri_text prefix,
			   int64_t lease)
{
	*beats = (struct kri_beats){.prefix = prefix, .lease = lease};
	return kri_random(&beats->who, sizeof(beats->who));
}

static void put_start(const struct kri_beats *beats, struct kri_buffer *key)
{
	kri_buffer_append(key, beats->prefix);
	kri_buffer_append(key, NAME);
	kri_buffer_int(key, beats->lease);
	kri_buffer_byte(key, ':');
	if (*beats->tag)
		kri_buffer_printf(key, "{%s}", beats->tag);
}

void kri_beats_next(struct kri_beats *beats, struct kri_buffer *key)
{
	kri_buffer_clear(key);
	put_start(beats, key);
	kri_buffer_printf(key, "%016" PRIx64 ".%" PRIu64, beats->who,
			  ++beats->count);
}

/* A tag of its own in the prefix puts all keys into one slot. */
static bool is_fixed(struct kri_text prefix)
{
	const char *open = memchr(prefix.data, '{', prefix.len);
	const char *end = prefix.data + prefix.len;
	const char *close;

	if (!open)
		return false;
	close = memchr(open, '}', (size_t)(end - open));
	return close && close > open + 1;
}

bool kri_beats_aim(struct kri_beats *beats, const struct kri_slots *slots,
		   const struct kri_node *node)
{
	int most = is_fixed(beats->prefix) ? 1 : TRIES_MAX;
	struct kri_buffer key = KRI_BUFFER_EMPTY;
	bool found = false;

	for (int i = 0; i < most && !found && !key.failed; i++) {
		snprintf(beats->tag, sizeof(beats->tag), "%x", (unsigned)i);
		kri_buffer_clear(&key);
		put_start(beats, &key);
		found = !key.failed &&
			slots->owners[kri_slot_of(kri_buffer_text(&key))] ==
				node;
	}
	kri_buffer_free(&key);
	return found;
}

bool kri_beat_read(struct kri_text rest, int64_t *lease)
{
	if (!kri_text_starts(rest, NAME))
		return false;
	rest = kri_text(rest.data + NAME.len, rest.len - NAME.len);
	return !kri_text_to_int(kri_text_cut(&rest, ':'), 1, INT64_MAX, lease);
}
