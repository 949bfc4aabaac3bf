/*
 * Pools: batches and exchanges are made once and used again, so that a warm
 * loop asks for no memory.
 */
#include "fcgi/batch.h"

#include <stdlib.h>

#include "base/counters.h"
#include "fcgi/gateway.h"

#define RECORDS_CHUNK (16 << 10)
#define UNUSED_MOST 512 /* exchanges that are kept to be used again */

/* The arena's own cap bounds nothing here: each load has a bound of its own,
 * and a batch has a bounded number of them. */
static struct kri_batch *make(struct kri_stages *stages)
{
	size_t cap = stages->cap;
	struct kri_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->stages = stages;
	batch->members = calloc(cap, sizeof(struct kr_context *));
	batch->records =
		calloc(cap * KRI_CANDIDATES, sizeof(struct kri_record *));
	batch->commits =
		calloc(cap * (KRI_CANDIDATES + 1), sizeof(struct kri_record *));
	kri_arena_init(&batch->arena, RECORDS_CHUNK, SIZE_MAX);
	return batch;
}

static void free_batch(struct kri_batch *batch)
{
	kri_arena_free(&batch->arena);
	free(batch->members);
	free(batch->records);
	free(batch->commits);
	free(batch);
}

struct kri_batch *kri_batch_open(struct kri_stages *stages)
{
	struct kri_batch *batch = stages->spare;

	if (batch) {
		stages->spare = batch->next;
		return batch;
	}
	batch = make(stages);
	if (batch && (!batch->members || !batch->records || !batch->commits)) {
		free_batch(batch);
		return NULL;
	}
	return batch;
}

void kri_batch_close(struct kri_batch *batch)
{
	batch->n = batch->records_n = 0;
	kri_arena_reset(&batch->arena);
	batch->next = batch->stages->spare;
	batch->stages->spare = batch;
}

/* The most demanding of those that share it says how far it is trusted. */
static struct kri_record *record_of(struct kri_batch *batch, const char *id,
				    enum kri_trust trust)
{
	struct kri_record *record;

	for (size_t i = 0; i < batch->records_n; i++) {
		record = batch->records[i];
		if (memcmp(record->id, id, KRI_ID_LEN))
			continue;
		if (trust < record->trust)
			record->trust = trust;
		return record;
	}
	record = kri_arena_alloc(&batch->arena, sizeof(*record));
	if (!record)
		return NULL;
	*record = (struct kri_record){.arena = &batch->arena, .trust = trust};
	memcpy(record->id, id, sizeof(record->id));
	batch->records[batch->records_n++] = record;
	return record;
}

bool kri_batch_add(struct kri_batch *batch, struct kr_context *c)
{
	for (size_t i = 0; c->phase == KRI_TO_LOAD && i < c->visit.n; i++) {
		struct kri_candidate *candidate = &c->visit.candidates[i];

		candidate->record = record_of(batch, candidate->token.id,
					      kri_exchange_trust(c));
		if (!candidate->record)
			return false;
	}
	batch->members[batch->n++] = c;
	return true;
}

static void collect(struct kri_batch *batch, struct kri_record *record)
{
	size_t n = batch->commits_n++;

	batch->commits[n] = record;
	if (kri_record_ends(record))
		return;
	batch->commits[n] = batch->commits[batch->soon_n];
	batch->commits[batch->soon_n++] = record;
}

/* What was loaded and changed, and what was made. */
void kri_batch_collect(struct kri_batch *batch)
{
	batch->commits_n = batch->soon_n = 0;
	for (size_t i = 0; i < batch->records_n; i++)
		if (batch->records[i]->operation != KRI_OP_NONE)
			collect(batch, batch->records[i]);
	for (size_t i = 0; i < batch->n; i++) {
		const struct kr_context *c = batch->members[i];
		struct kri_record *record = c ? c->visit.session.record : NULL;

		if (record && record->operation == KRI_OP_CREATE)
			collect(batch, record);
	}
}

/* ---- the pool --------------------------------------------------------- */

bool kri_batch_is_blocking(const struct kri_batch *batch)
{
	const struct kr_context *c = batch->n == 1 ? batch->members[0] : NULL;

	return c && !batch->stages->alone && c->phase == KRI_TO_HANDLE &&
	       c->route->flags & KR_BLOCKING;
}

static atomic_int pool_busy, pool_queued; /* libuv does not tell */

struct kri_pool_load kri_batch_pool(void)
{
	return (struct kri_pool_load){
		.busy = atomic_load(&pool_busy),
		.queued = atomic_load(&pool_queued),
	};
}

static void work(uv_work_t *work)
{
	struct kri_batch *batch = work->data;

	atomic_fetch_sub(&pool_queued, 1);
	atomic_fetch_add(&pool_busy, 1);
	batch->work_err = kri_exchange_run(batch->members[0]);
	atomic_fetch_sub(&pool_busy, 1);
}

static void after_work(uv_work_t *work, int status)
{
	struct kri_batch *batch = work->data;

	(void)status; /* nobody cancels it */
	kri_exchange_leave(batch->members[0], batch->work_err);
	batch->handled(batch);
}

void kri_batch_work(struct kri_batch *batch,
		    void (*handled)(struct kri_batch *batch))
{
	batch->work.data = batch;
	batch->handled = handled;
	kri_visit_enter(&batch->members[0]->visit);
	kri_count(KRI_METRIC_POOL_TASKS);
	atomic_fetch_add(&pool_queued, 1);
	uv_queue_work(batch->stages->loop, &batch->work, work, after_work);
}

/* ---- the pools of exchanges ------------------------------------------- */

struct kr_context *kri_stages_take(struct kri_stages *stages)
{
	struct kr_context *c = stages->unused;

	if (c) {
		stages->unused = c->next;
		stages->unused_n--;
	} else {
		c = malloc(sizeof(*c));
		if (!c)
			return NULL;
		kri_exchange_open(c, stages->site);
	}
	stages->under_way++;
	return c;
}

static void free_exchange(struct kr_context *c)
{
	kri_gateway_close(&c->gateway);
	kri_exchange_close(c);
	free(c);
}

void kri_stages_drop(struct kri_stages *stages, struct kr_context *c)
{
	stages->under_way--;
	if (stages->unused_n == UNUSED_MOST) {
		free_exchange(c);
		return;
	}
	c->next = stages->unused;
	stages->unused = c;
	stages->unused_n++;
}

void kri_stages_free(struct kri_stages *stages)
{
	while (stages->spare) {
		struct kri_batch *batch = stages->spare;

		stages->spare = batch->next;
		free_batch(batch);
	}
	while (stages->unused) {
		struct kr_context *c = stages->unused;

		stages->unused = c->next;
		free_exchange(c);
	}
	kri_lines_free(&stages->lines);
	kri_buffer_free(&stages->out);
}
