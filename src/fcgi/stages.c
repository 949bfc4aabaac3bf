#include "fcgi/stages.h"

#include <stdlib.h>

#include "base/clock.h"

#define RECORDS_CHUNK (16 << 10)

static enum kr_err open_exchanges(struct kri_batch *batch,
				  const struct kri_site *site)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < batch->cap && !err; i++)
		err = kri_exchange_open(&batch->exchanges[i], site);
	return err;
}

/* Room for the records of one round of all exchanges, and again for each
 * time that some are run once more. */
static size_t records_limit(const struct kri_site *site, size_t cap)
{
	return (KRI_TRIES + KRI_CANDIDATES) * cap *
	       ((size_t)site->config->max_size + (64 << 10));
}

enum kr_err kri_batch_open(struct kri_batch *batch, const struct kri_site *site,
			   struct kri_store *store, const struct kri_wait *wait,
			   size_t cap)
{
	enum kr_err err = KR_ERR_MEMORY;

	*batch = (struct kri_batch){.cap = cap, .wait = wait};
	kri_arena_init(&batch->arena, RECORDS_CHUNK, records_limit(site, cap));
	batch->exchanges = calloc(cap, sizeof(*batch->exchanges));
	batch->records =
		calloc(cap * KRI_CANDIDATES, sizeof(struct kri_record *));
	batch->commits =
		calloc(cap * (KRI_CANDIDATES + 1), sizeof(struct kri_record *));
	batch->turns = calloc(cap, sizeof(*batch->turns));
	if (batch->exchanges && batch->records && batch->commits &&
	    batch->turns)
		err = open_exchanges(batch, site);
	if (!err)
		err = store->ops->attach(store, wait, &batch->link);
	if (err)
		kri_batch_close(batch);
	return err;
}

void kri_batch_close(struct kri_batch *batch)
{
	if (batch->link)
		batch->link->store->ops->detach(&batch->link);
	for (size_t i = 0; batch->exchanges && i < batch->cap; i++)
		kri_exchange_close(&batch->exchanges[i]);
	kri_arena_free(&batch->arena);
	kri_buffer_free(&batch->out);
	free(batch->exchanges);
	free(batch->records);
	free(batch->commits);
	free(batch->turns);
	*batch = (struct kri_batch){0};
}

struct kr_context *kri_batch_add(struct kri_batch *batch)
{
	return &batch->exchanges[batch->n++];
}

/* Whether any exchange stands in that phase. */
static bool has(const struct kri_batch *batch, enum kri_phase phase)
{
	for (size_t i = 0; i < batch->n; i++)
		if (batch->exchanges[i].phase == phase)
			return true;
	return false;
}

/* ---- load ------------------------------------------------------------- */

/* The record of that id in this round: exchanges of one session share it. */
static struct kri_record *record_of(struct kri_batch *batch, const char *id)
{
	struct kri_record *record;

	for (size_t i = 0; i < batch->records_n; i++)
		if (!memcmp(batch->records[i]->id, id, KRI_ID_LEN))
			return batch->records[i];
	record = kri_arena_alloc(&batch->arena, sizeof(*record));
	if (!record)
		return NULL;
	*record = (struct kri_record){.arena = &batch->arena};
	memcpy(record->id, id, sizeof(record->id));
	batch->records[batch->records_n++] = record;
	return record;
}

/*
 * Whether the exchange may go on: it is not KR_ATOMIC, or has its session's
 * turn. Several cookies of our name are rare; the first stands for all, and
 * the version check for the rest.
 */
static bool has_turn(struct kri_batch *batch, const struct kr_context *c)
{
	struct kri_turns *turns = c->site->turns;
	unsigned turn;

	if (!turns || !(c->route->flags & KR_ATOMIC))
		return true;
	turn = kri_turns_of(c->candidates[0].token.id);
	for (size_t i = 0; i < batch->turns_n; i++)
		if (batch->turns[i] == turn)
			return true;
	if (!kri_turns_try(turns, turn, batch))
		return false;
	batch->turns[batch->turns_n++] = turn;
	return true;
}

static void collect(struct kri_batch *batch, struct kr_context *c)
{
	if (!has_turn(batch, c)) {
		c->phase = KRI_TO_QUEUE;
		return;
	}
	for (size_t i = 0; i < c->candidates_n; i++) {
		struct kri_candidate *candidate = &c->candidates[i];

		candidate->record = record_of(batch, candidate->token.id);
		if (!candidate->record) {
			kri_exchange_fail(c, KR_ERR_MEMORY);
			return;
		}
	}
}

static void load(struct kri_batch *batch)
{
	int64_t begin = kri_clock_us(), took;

	for (size_t i = 0; i < batch->n; i++)
		if (batch->exchanges[i].phase == KRI_TO_LOAD)
			collect(batch, &batch->exchanges[i]);
	if (!batch->records_n)
		return;
	batch->link->store->ops->load(batch->link, batch->records,
				      batch->records_n);
	took = kri_clock_us() - begin;
	batch->store_us += took;
	for (size_t i = 0; i < batch->n; i++) {
		struct kr_context *c = &batch->exchanges[i];

		if (c->phase != KRI_TO_LOAD)
			continue;
		c->load_us += took;
		kri_exchange_adopt(c);
	}
}

/* ---- handle ----------------------------------------------------------- */

static void handle(struct kri_batch *batch)
{
	int64_t begin = kri_clock_us();

	for (size_t i = 0; i < batch->n; i++) {
		struct kr_context *c = &batch->exchanges[i];
		int64_t end;

		if (c->phase != KRI_TO_HANDLE)
			continue;
		kri_exchange_handle(c);
		end = kri_clock_us();
		c->handle_us += end - begin;
		begin = end;
	}
}

/* ---- commit ----------------------------------------------------------- */

/* What was loaded and changed, and what was made. */
static size_t collect_commits(struct kri_batch *batch)
{
	size_t n = 0;

	for (size_t i = 0; i < batch->records_n; i++)
		if (batch->records[i]->operation != KRI_OP_NONE)
			batch->commits[n++] = batch->records[i];
	for (size_t i = 0; i < batch->n; i++) {
		const struct kr_context *c = &batch->exchanges[i];

		if (c->phase == KRI_TO_COMMIT && c->session.record &&
		    c->session.record->operation == KRI_OP_CREATE)
			batch->commits[n++] = c->session.record;
	}
	return n;
}

static void commit(struct kri_batch *batch)
{
	size_t n = collect_commits(batch);
	int64_t begin, took;

	batch->records_n = 0;
	if (!n)
		return;
	begin = kri_clock_us();
	batch->link->store->ops->commit(batch->link, batch->commits, n);
	took = kri_clock_us() - begin;
	batch->store_us += took;
	for (size_t i = 0; i < batch->n; i++) {
		struct kr_context *c = &batch->exchanges[i];

		if (c->phase != KRI_TO_COMMIT)
			continue;
		c->commit_us += took;
		kri_exchange_settle(c);
	}
}

/* ---- respond ---------------------------------------------------------- */

static void respond(struct kri_batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		struct kr_context *c = &batch->exchanges[i];

		if (c->phase != KRI_TO_RESPOND)
			continue;
		kri_exchange_render(c, &batch->out);
		kri_exchange_log(c);
		batch->send(batch->arg, c, kri_buffer_text(&batch->out));
		if (kri_session_cookie(&c->session) == KRI_COOKIE_SET)
			kri_buffer_wipe(&batch->out);
		c->phase = KRI_DONE;
	}
}

/* ---- the whole -------------------------------------------------------- */

static void give_turns(struct kri_batch *batch)
{
	for (size_t i = 0; i < batch->turns_n; i++)
		kri_turns_give(batch->exchanges[0].site->turns,
			       batch->turns[i]);
	batch->turns_n = 0;
}

/* Those that need no store are answered before the others are loaded. */
static void walk(struct kri_batch *batch)
{
	handle(batch);
	respond(batch);
	while (has(batch, KRI_TO_LOAD) || has(batch, KRI_TO_COMMIT)) {
		load(batch);
		handle(batch);
		commit(batch);
		/* Those that another process made run again keep theirs. */
		if (!has(batch, KRI_TO_LOAD))
			give_turns(batch);
		respond(batch);
	}
}

/* What may hold a thread up comes last, each by itself. */
static void walk_slow(struct kri_batch *batch, enum kri_phase phase)
{
	for (size_t i = 0; i < batch->n; i++) {
		struct kr_context *c = &batch->exchanges[i];

		if (c->phase != phase)
			continue;
		batch->wait->begin(batch->wait->arg);
		if (phase == KRI_TO_RECEIVE)
			batch->receive(batch->arg, c);
		else
			kri_exchange_unblock(c);
		walk(batch);
		batch->wait->end(batch->wait->arg);
	}
}

static unsigned turn_of(const struct kr_context *c)
{
	return kri_turns_of(c->candidates[0].token.id);
}

/* All that queue for that turn: they share it, and so a load and a commit. */
static void go_on(struct kri_batch *batch, unsigned turn)
{
	for (size_t i = 0; i < batch->n; i++) {
		struct kr_context *c = &batch->exchanges[i];

		if (c->phase == KRI_TO_QUEUE && turn_of(c) == turn)
			c->phase = KRI_TO_LOAD;
	}
}

/* One turn at a time, so that nobody waits for one while having another. */
static void walk_turn(struct kri_batch *batch, struct kr_context *c)
{
	int64_t ms = c->site->config->io_timeout;

	if (kri_turns_take(c->site->turns, turn_of(c), batch, batch->wait,
			   ms)) {
		batch->turns[batch->turns_n++] = turn_of(c);
		go_on(batch, turn_of(c));
	} else {
		kri_exchange_fail(c, KR_ERR_CONFLICT);
	}
	walk(batch);
}

/* Who had another's turn, and has to run again, may queue once more. */
static void walk_queued(struct kri_batch *batch)
{
	while (has(batch, KRI_TO_QUEUE))
		for (size_t i = 0; i < batch->n; i++)
			if (batch->exchanges[i].phase == KRI_TO_QUEUE)
				walk_turn(batch, &batch->exchanges[i]);
}

/* The ends come last too: records may lie in any exchange's memory. */
void kri_batch_run(struct kri_batch *batch)
{
	batch->store_us = 0;
	walk(batch);
	walk_queued(batch);
	walk_slow(batch, KRI_TO_RECEIVE);
	walk_slow(batch, KRI_TO_BLOCK);
	walk_queued(batch);
	for (size_t i = 0; i < batch->n; i++)
		kri_exchange_end(&batch->exchanges[i]);
	batch->n = 0;
	batch->records_n = 0;
	kri_arena_reset(&batch->arena);
}
