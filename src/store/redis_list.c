/*
 * The walk over all sessions: SCAN, server after server. SCAN has no key, so
 * no server redirects it: a cluster is found out before, by keys of many
 * slots. (redis.io/commands/scan)
 */
#include "store/redis_link.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/encoding.h"
#include "redis/command.h"

#define COUNT 512              /* keys that a step looks at, about */
#define ROOM (size_t)(4 << 20) /* bytes of a step's reply */

#define PROBES 32
#define ROUNDS 2

/* Only keys as long as ours match, so that the reply has a bound. */
static struct kri_text pattern(const struct kri_redis_link *link,
			       struct kri_buffer *out)
{
	struct kri_text prefix = link->writer.prefix;

	for (size_t i = 0; i < prefix.len; i++) {
		if (memchr("*?[\\", prefix.data[i], 4))
			kri_buffer_byte(out, '\\');
		kri_buffer_byte(out, prefix.data[i]);
	}
	for (size_t i = 0; i < KRI_ID_LEN; i++)
		kri_buffer_byte(out, '?');
	return kri_buffer_text(out);
}

static void put_scan(struct kri_redis_batch *batch, uint64_t cursor)
{
	struct kri_buffer *out = &batch->pipeline.commands;
	struct kri_buffer match = KRI_BUFFER_EMPTY;
	struct kri_call *call = kri_redis_batch_call(batch);
	char text[21];

	snprintf(text, sizeof(text), "%" PRIu64, cursor);
	kri_command_begin(out, 6);
	kri_command_text(out, KRI_TEXT("SCAN"));
	kri_command_text(out, kri_text_of(text));
	kri_command_text(out, KRI_TEXT("MATCH"));
	kri_command_text(out, pattern(batch->link, &match));
	kri_command_text(out, KRI_TEXT("COUNT"));
	kri_command_int(out, COUNT);
	out->failed |= match.failed;
	kri_buffer_free(&match);
	call->cuts[++call->replies] = out->len;
	call->place = batch->listing->place;
	call->repeatable = true;
	call->room = ROOM;
}

/* A cursor takes all 64 bits. */
static bool read_cursor(const struct kri_reply *reply, uint64_t *cursor)
{
	uint64_t number = 0;

	if (reply->type != KRI_REPLY_STRING || !reply->text.len)
		return false;
	for (size_t i = 0; i < reply->text.len; i++) {
		unsigned digit = (unsigned char)reply->text.data[i] - '0';

		if (digit > 9 || number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*cursor = number;
	return true;
}

/* The id in a key of one of our sessions, else no text. */
static struct kri_text id_of(struct kri_text prefix,
			     const struct kri_reply *key)
{
	unsigned char bytes[KRI_ID_SIZE];
	struct kri_text id;

	if (key->type != KRI_REPLY_STRING ||
	    !kri_text_starts(key->text, prefix))
		return kri_text(NULL, 0);
	id = kri_text(key->text.data + prefix.len, key->text.len - prefix.len);
	if (kri_base64url_decode(id, bytes, sizeof(bytes)))
		return kri_text(NULL, 0);
	return id;
}

static enum kr_err take_ids(struct kri_listing *listing, struct kri_text prefix,
			    const struct kri_reply *keys)
{
	listing->ids = kri_arena_alloc(listing->arena,
				       keys->n * sizeof(*listing->ids));
	if (!listing->ids)
		return KR_ERR_MEMORY;
	for (size_t i = 0; i < keys->n; i++) {
		struct kri_text id = id_of(prefix, keys->elements[i]);

		if (!id.data)
			continue;
		id = kri_arena_dup(listing->arena, id);
		if (!id.data)
			return KR_ERR_MEMORY;
		listing->ids[listing->n++] = id.data;
	}
	return KR_OK;
}

static enum kr_err read_scan(const struct kri_redis_batch *batch,
			     const struct kri_call *call)
{
	struct kri_listing *listing = batch->listing;
	const struct kri_reply *reply = call->reply[0];

	if (call->err)
		return call->err == KR_ERR_LIMIT ? KR_ERR_PROTOCOL : call->err;
	if (reply->type != KRI_REPLY_ARRAY || reply->n != 2 ||
	    reply->elements[1]->type != KRI_REPLY_ARRAY ||
	    !read_cursor(reply->elements[0], &listing->cursor))
		return kri_redis_refused(NULL, "SCAN", reply);
	return take_ids(listing, batch->link->writer.prefix,
			reply->elements[1]);
}

static void scanned(struct kri_redis_batch *batch)
{
	struct kri_listing *listing = batch->listing;
	struct kri_redis_link *link = batch->link;

	listing->err = KR_ERR_UNAVAILABLE;
	if (!link->closing)
		listing->err = read_scan(batch, &batch->pipeline.calls[0]);
	if (!listing->err && !listing->cursor)
		listing->end =
			++listing->place >= kri_client_places(link->client);
	kri_redis_batch_done(batch);
}

/* ---- probes ----------------------------------------------------------- */

static void put_probes(struct kri_redis_batch *batch)
{
	for (unsigned i = 0; i < PROBES; i++) {
		struct kri_record probe = {.id = "probe-of-the-slot-map."};

		probe.id[0] = (char)('A' + i);
		probe.id[1] = (char)('A' + batch->round);
		kri_redis_batch_add(batch, &probe, kri_redis_put_load)
			->repeatable = true;
	}
}

/*
 * Of a cluster, one of the first round's keys lives elsewhere, so the client
 * learns that it is one, and asks for the map. The second round's have slots
 * whose owner is not known before the map is.
 */
static void probed(struct kri_redis_batch *batch)
{
	struct kri_pipeline *pipeline = &batch->pipeline;
	enum kr_err err = pipeline->calls[0].err;

	kri_buffer_clear(&pipeline->commands);
	kri_arena_reset(&batch->replies);
	pipeline->n = 0;
	if (err) {
		batch->listing->err = err;
		kri_redis_batch_done(batch);
	} else if (++batch->round < ROUNDS) {
		put_probes(batch);
		kri_redis_batch_submit(batch, probed);
	} else {
		put_scan(batch, 0);
		kri_redis_batch_submit(batch, scanned);
	}
}

void kri_redis_list(struct kri_link *base, struct kri_listing *listing,
		    kri_store_done *done, void *arg)
{
	struct kri_redis_link *link = (struct kri_redis_link *)base;
	struct kri_redis_batch *batch = kri_redis_batch_take(link, PROBES);

	listing->n = 0;
	if (!batch) {
		listing->err = KR_ERR_MEMORY;
		done(arg);
		return;
	}
	batch->listing = listing;
	batch->done = done;
	batch->arg = arg;
	batch->round = 0;
	if (listing->place || listing->cursor) {
		put_scan(batch, listing->cursor);
		kri_redis_batch_submit(batch, scanned);
	} else {
		put_probes(batch);
		kri_redis_batch_submit(batch, probed);
	}
}
