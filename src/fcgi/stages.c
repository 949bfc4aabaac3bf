/*
 * The way of a batch, as it happens: begin, loaded, handled, committed. Who
 * lost a race on it goes back to the beginning, on its own.
 */
#include "fcgi/stages.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/crypto.h"
#include "fcgi/batch.h"

#define TURN_BATCHES 8 /* that a turn reads: more in one write gain nothing */

static void clear(struct kri_queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void push(struct kri_queue *queue, struct kr_context *c)
{
	c->next = NULL;
	*queue->last = c;
	queue->last = &c->next;
}

static struct kr_context *pop(struct kri_queue *queue)
{
	struct kr_context *c = queue->first;

	if (!c)
		return NULL;
	queue->first = c->next;
	if (!queue->first)
		queue->last = &queue->first;
	return c;
}

void kri_stages_wake(struct kri_stages *stages)
{
	if (!atomic_load_explicit(&stages->turn_at, memory_order_relaxed))
		atomic_store_explicit(&stages->turn_at, kri_clock_us(),
				      memory_order_relaxed);
}

/* ---- respond ---------------------------------------------------------- */

/* The exchanges that waited in line behind `c` go into the next batch. */
static void leave_line(struct kri_stages *stages, struct kr_context *c)
{
	struct kr_context *waiting = kri_lines_leave(&stages->lines, c);

	while (waiting) {
		struct kr_context *next = waiting->next;

		push(&stages->gathered, waiting);
		waiting = next;
	}
}

static void end(struct kri_stages *stages, struct kr_context *c)
{
	leave_line(stages, c);
	kri_exchange_end(c);
	kri_stages_drop(stages, c);
}

static void respond(struct kri_stages *stages, struct kr_context *c)
{
	kri_exchange_render(c, &stages->out);
	kri_exchange_log(c);
	stages->send(stages->arg, c, kri_exchange_rendered(&stages->out));
	kri_exchange_count(c, stages->out.failed ? 503 : c->response.status);
	if (kri_visit_sends_secret(&c->visit))
		kri_buffer_wipe(&stages->out); /* a secret was in it */
	end(stages, c);
}

/* ---- again ------------------------------------------------------------ */

static void arm(struct kri_stages *stages);

static void come_due(uv_timer_t *timer)
{
	struct kri_stages *stages = timer->data;
	struct kr_context *c = stages->repeating.first, *next;
	int64_t now = kri_clock_ms();

	kri_stages_wake(stages);
	clear(&stages->repeating);
	for (; c; c = next) {
		next = c->next;
		push(c->due <= now ? &stages->gathered : &stages->repeating, c);
	}
	arm(stages);
}

static void arm(struct kri_stages *stages)
{
	int64_t now = kri_clock_ms(), least = INT64_MAX;

	for (const struct kr_context *c = stages->repeating.first; c;
	     c = c->next)
		if (c->due < least)
			least = c->due;
	if (least != INT64_MAX)
		uv_timer_start(&stages->timer, come_due,
			       least > now ? (uint64_t)(least - now) : 0, 0);
}

/* When those of the batch that lost a race run again: at once after the first
 * one; then after a while that grows, and that is another elsewhere, so that
 * they do not meet again. All of a batch together, as they share records. */
static int64_t due_of(struct kri_batch *batch)
{
	unsigned tries = 0;

	for (size_t i = 0; i < batch->n; i++) {
		const struct kr_context *c = batch->members[i];

		if (c && c->phase == KRI_TO_REPEAT && c->tries > tries)
			tries = c->tries;
	}
	if (tries < 2)
		return 0;
	batch->stages->random = batch->stages->random * 1103515245u + 12345u;
	return kri_clock_ms() + 1 +
	       (batch->stages->random >> 16) % (1u << (tries < 6 ? tries : 6));
}

/* An exchange that lost a version race keeps its session's turn until it has
 * run again, or the next batch of this loop would make it lose once more. Its
 * line names no batch meanwhile: the old one is reused, and who joined it then
 * would be among strangers. */
static void repeat(struct kri_stages *stages, struct kr_context *c, int64_t due)
{
	if (c->line)
		c->line->batch = NULL;
	c->phase = c->visit.n ? KRI_TO_LOAD : KRI_TO_HANDLE;
	c->due = due;
	if (due) {
		push(&stages->repeating, c);
		arm(stages);
	} else {
		push(&stages->gathered, c);
	}
}

/* ---- the stages ------------------------------------------------------- */

/* Those whose way is over leave the batch. */
static void part(struct kri_batch *batch)
{
	int64_t due = due_of(batch);

	for (size_t i = 0; i < batch->n; i++) {
		struct kr_context *c = batch->members[i];

		if (!c || c->phase == KRI_TO_COMMIT)
			continue;
		batch->members[i] = NULL;
		if (c->phase == KRI_TO_REPEAT)
			repeat(batch->stages, c, due);
		else
			respond(batch->stages, c);
	}
}

/* What the store has done to sessions. An answer that has to be made again
 * takes the records of its exchange with it: so before that. */
static void count_commits(struct kri_record **commits, size_t n)
{
	static const enum kri_metric metrics[] = {
		[KRI_OP_CREATE] = KRI_METRIC_CREATED,
		[KRI_OP_TOUCH] = KRI_METRIC_TOUCHED,
		[KRI_OP_DESTROY] = KRI_METRIC_ENDED,
	};

	for (size_t i = 0; i < n; i++) {
		const struct kri_record *record = commits[i];

		if (record->err)
			continue;
		if (record->operation == KRI_OP_UPDATE) {
			if (record->renewed)
				kri_count(KRI_METRIC_RENEWED);
		} else {
			kri_count(metrics[record->operation]);
		}
	}
}

/* Whether its answer stands on what ends sessions. */
static bool stands_on_end(const struct kr_context *c)
{
	const struct kri_visit *visit = &c->visit;
	const struct kri_record *record = visit->session.record;

	return visit->session.ended ||
	       (visit->seen && kri_record_ends(visit->seen)) ||
	       (record && kri_record_ends(record));
}

/* A commit is over: the answers that stood on it go out. With `soon`, not those
 * that wait for another besides. */
static void settle(struct kri_batch *batch, bool soon)
{
	int64_t took = kri_clock_us() - batch->since;

	kri_stages_wake(batch->stages);
	for (size_t i = 0; i < batch->n; i++) {
		struct kr_context *c = batch->members[i];

		if (!c || (soon && stands_on_end(c)))
			continue;
		c->went |= 1u << KRI_STAGE_COMMIT;
		c->commit_us += took;
		kri_exchange_settle(c);
	}
	part(batch);
}

/* Of two commits the last one has answered. */
static void finish(struct kri_batch *batch)
{
	settle(batch, false);
	kri_batch_close(batch);
}

static void committed_soon(void *arg)
{
	struct kri_batch *batch = arg;

	count_commits(batch->commits, batch->soon_n);
	if (--batch->commits_left)
		settle(batch, true);
	else
		finish(batch);
}

/* What was ended; it may have come before the rest, if it failed. */
static void committed_late(void *arg)
{
	struct kri_batch *batch = arg;

	count_commits(batch->commits + batch->soon_n,
		      batch->commits_n - batch->soon_n);
	if (!--batch->commits_left)
		finish(batch);
}

/* Where ends wait for a lease, what stands beside them does not. */
static void commit(struct kri_batch *batch)
{
	struct kri_link *link = batch->stages->link;
	const struct kri_store_ops *ops = link->store->ops;
	struct kri_record **late;
	size_t late_n;

	kri_count(KRI_METRIC_COMMITS);
	if (!link->store->lease)
		batch->soon_n = batch->commits_n;
	late = batch->commits + batch->soon_n;
	late_n = batch->commits_n - batch->soon_n;
	batch->commits_left = 2;
	if (batch->soon_n)
		ops->commit(link, batch->commits, batch->soon_n, committed_soon,
			    batch);
	else
		committed_soon(batch);
	if (late_n)
		ops->commit(link, late, late_n, committed_late, batch);
	else
		committed_late(batch);
}

/* Only a store with copies in memory guesses. */
static void check(struct kri_batch *batch)
{
	size_t n = batch->stages->link->store->lease ? batch->n : 0;

	for (size_t i = 0; i < n; i++)
		kri_exchange_check(batch->members[i]);
}

/* The handlers have run: what needs no commit is answered, the changes of all
 * the others go to the store together. */
static void handled(struct kri_batch *batch)
{
	kri_stages_wake(batch->stages);
	check(batch);
	part(batch);
	kri_batch_collect(batch);
	batch->since = kri_clock_us();
	if (batch->commits_n)
		commit(batch);
	else
		finish(batch);
}

static void handle(struct kri_batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		struct kr_context *c = batch->members[i];

		if (c->phase != KRI_TO_HANDLE)
			continue;
		kri_visit_enter(&c->visit);
		kri_exchange_leave(c, kri_exchange_run(c));
	}
	handled(batch);
}

/* The records are there: who proves its claim has its session. Who does not
 * must not hold up its owner: an id is no secret. */
static void loaded(void *arg)
{
	struct kri_batch *batch = arg;
	int64_t took = kri_clock_us() - batch->since;

	kri_stages_wake(batch->stages);
	for (size_t i = 0; i < batch->n; i++) {
		struct kr_context *c = batch->members[i];

		if (c->phase != KRI_TO_LOAD)
			continue;
		c->went |= 1u << KRI_STAGE_LOAD;
		c->load_us += took;
		kri_exchange_adopt(c);
		if (!c->visit.session.record)
			leave_line(batch->stages, c);
	}
	if (kri_batch_is_blocking(batch))
		kri_batch_work(batch, handled);
	else
		handle(batch);
}

/* One that runs again has waited for its first run. */
static void note_accepted(struct kr_context *c, int64_t now)
{
	if (c->went)
		return;
	c->went = 1u << KRI_STAGE_ACCEPT;
	c->accept_us = now - c->begun;
}

static void begin(struct kri_batch *batch)
{
	struct kri_link *link = batch->stages->link;

	batch->since = kri_clock_us();
	batch->stages->requests += (int64_t)batch->n;
	batch->stages->batches += batch->n > 0;
	kri_count_batch(batch->n);
	for (size_t i = 0; i < batch->n; i++)
		note_accepted(batch->members[i], batch->since);
	if (batch->records_n)
		kri_count(KRI_METRIC_LOADS);
	if (batch->records_n)
		link->store->ops->load(link, batch->records, batch->records_n,
				       loaded, batch);
	else
		loaded(batch);
}

/* ---- from the turn to its batches ------------------------------------- */

/* Whether it is its turn to go with that batch. A session's line is no excuse
 * to be late: who has waited for as long as the store may take is told so. */
static bool has_turn(struct kri_stages *stages, struct kr_context *c,
		     const struct kri_batch *batch)
{
	bool turn = true;
	enum kr_err err = KR_OK;

	if (c->line)
		c->line->batch = batch;
	else if (c->phase == KRI_TO_LOAD && c->route->flags & KR_ATOMIC)
		err = kri_exchange_is_late(c)
			      ? KR_ERR_TIMEOUT
			      : kri_lines_enter(&stages->lines, c, batch,
						&turn);
	if (err) {
		kri_exchange_fail(c, err);
		respond(stages, c);
		return false;
	}
	return turn;
}

/* Into the batch at hand, which begins when it is full; a blocking handler
 * has a batch to itself. */
static void place(struct kri_stages *stages, struct kr_context *c,
		  struct kri_batch **batch)
{
	struct kri_batch *own = NULL;
	bool blocking = c->route->flags & KR_BLOCKING;
	struct kri_batch **at = blocking ? &own : batch;

	if (!*at)
		*at = kri_batch_open(stages);
	if (!*at) {
		kri_exchange_fail(c, KR_ERR_MEMORY);
		respond(stages, c);
		return;
	}
	if (has_turn(stages, c, *at) && !kri_batch_add(*at, c)) {
		kri_exchange_fail(c, KR_ERR_MEMORY);
		respond(stages, c);
	}
	if (blocking || (*at)->n == stages->cap) {
		begin(*at);
		*at = NULL;
	}
}

/* Exchanges without a session to load are handled at once, and do not wait for
 * the store with those that have one. */
static void walk(struct kri_stages *stages)
{
	struct kri_batch *loading = NULL, *ready = NULL;
	struct kr_context *c;

	while ((c = pop(&stages->gathered))) {
		if (c->phase == KRI_TO_RESPOND)
			respond(stages, c);
		else if (c->phase == KRI_TO_LOAD)
			place(stages, c, &loading);
		else
			place(stages, c, &ready);
	}
	if (ready)
		begin(ready);
	if (loading)
		begin(loading);
}

void kri_stages_add(struct kri_stages *stages, struct kr_context *c)
{
	push(&stages->gathered, c);
	stages->added++;
}

bool kri_stages_is_full(const struct kri_stages *stages)
{
	return stages->added >= TURN_BATCHES * stages->cap;
}

void kri_stages_turn(struct kri_stages *stages)
{
	stages->added = 0;
	do {
		while (stages->gathered.first)
			walk(stages);
		/* One that fails answers, and lets others have their turn. */
		stages->link->store->ops->flush(stages->link);
	} while (stages->gathered.first);
}

/* ---- life ------------------------------------------------------------- */

enum kr_err kri_stages_open(struct kri_stages *stages,
			    const struct kri_site *site,
			    struct kri_store *store, uv_loop_t *loop)
{
	*stages = (struct kri_stages){
		.site = site,
		.loop = loop,
		.cap = (size_t)site->config->batch,
	};
	clear(&stages->gathered);
	clear(&stages->repeating);
	uv_timer_init(loop, &stages->timer);
	stages->timer.data = stages;
	if (kri_random(&stages->random, sizeof(stages->random)))
		return KR_ERR_SYSTEM;
	return store->ops->attach(store, loop, &stages->link);
}

void kri_stages_close(struct kri_stages *stages)
{
	uv_close((uv_handle_t *)&stages->timer, NULL);
	if (stages->link)
		stages->link->store->ops->detach(&stages->link);
}
