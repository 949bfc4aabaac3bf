/*
 * The walk over all sessions, in order of their ids, and the sweep of those
 * that have ended.
 */
#include "store/postgresql_link.h"

#include <stdatomic.h>

#include "base/clock.h"

#define BITE 200             /* of each kind, by the statements */
#define SWEEP_PAUSE 60000    /* ms, when all has been swept */
#define SWEEP_PAUSE_FULL 100 /* ms, when there is more */

/* ---- the walk ----------------------------------------------------------- */

static void put_list(struct kri_pg_job *job, struct kri_pg_client *client)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;
	struct kri_pg_params *params = &batch->link->params;

	kri_pg_params_clear(params);
	kri_pg_put_text(params, kri_text_of(batch->listing->last));
	kri_pg_send(client, KRI_SQL_LIST, params);
}

static enum kr_err read_ids(const struct kri_pg_rows *rows,
			    struct kri_listing *listing)
{
	size_t n = kri_pg_rows_count(rows);

	listing->ids =
		kri_arena_alloc(listing->arena, n * sizeof(*listing->ids));
	if (!listing->ids)
		return KR_ERR_MEMORY;
	for (size_t i = 0; i < n; i++) {
		struct kri_text id = kri_pg_field(rows, i, 0);

		if (id.len != KRI_ID_LEN)
			return KR_ERR_PROTOCOL;
		memcpy(listing->last, id.data, KRI_ID_LEN + 1);
		id = kri_arena_dup(listing->arena, id);
		if (!id.data)
			return KR_ERR_MEMORY;
		listing->ids[listing->n++] = id.data;
	}
	listing->end = n == 0;
	return KR_OK;
}

static void listed(struct kri_pg_job *job)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;
	struct kri_listing *listing = batch->listing;

	listing->err = job->err;
	if (!job->err)
		listing->err = read_ids(job->rows[0], listing);
	kri_postgresql_batch_done(batch);
}

void kri_postgresql_list(struct kri_link *base, struct kri_listing *listing,
			 kri_store_done *done, void *arg)
{
	struct kri_postgresql_batch *batch = kri_postgresql_batch_take(
		(struct kri_postgresql_link *)base, 0);

	listing->n = 0;
	if (!batch) {
		listing->err = KR_ERR_MEMORY;
		done(arg);
		return;
	}
	batch->listing = listing;
	batch->done = done;
	batch->arg = arg;
	batch->job.put = put_list;
	batch->job.done = listed;
	batch->job.repeatable = true;
	kri_postgresql_batch_submit(batch);
}

/* ---- the sweep ---------------------------------------------------------- */

static struct kri_postgresql_store *store_of(
	const struct kri_postgresql_batch *batch)
{
	return (struct kri_postgresql_store *)batch->link->base.store;
}

static void put_sweep(struct kri_pg_job *job, struct kri_pg_client *client)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;

	kri_pg_send(client, KRI_SQL_SWEEP, &batch->params);
}

static void put_sweep_counters(struct kri_pg_job *job,
			       struct kri_pg_client *client)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;

	kri_pg_params_clear(&batch->params);
	kri_pg_send(client, KRI_SQL_SWEEP_COUNTERS, &batch->params);
}

/* The next one comes soon if this one had its fill. */
static void set_next(struct kri_postgresql_batch *batch, bool more)
{
	store_of(batch)->next_sweep =
		kri_clock_ms() + (more ? SWEEP_PAUSE_FULL : SWEEP_PAUSE);
}

static int64_t removed_by(const struct kri_pg_job *job)
{
	int64_t removed = 0;

	if (job->err || !kri_pg_field_int(job->rows[0], 0, 0, &removed))
		return -1;
	return removed;
}

static void finish_sweep(struct kri_postgresql_batch *batch)
{
	set_next(batch, batch->swept.more);
	if (batch->bite)
		*batch->bite = batch->swept;
	kri_postgresql_batch_done(batch);
}

static void swept_counters(struct kri_pg_job *job)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;

	batch->swept.more |= removed_by(job) == BITE;
	finish_sweep(batch);
}

/* Counters are a transaction of their own: who may not touch them still sweeps
 * sessions. */
static void swept(struct kri_pg_job *job)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;

	batch->swept.sessions = removed_by(job);
	batch->swept.more = batch->swept.sessions == BITE;
	if (job->err || !kri_pg_server_is_whole(store_of(batch)->server)) {
		finish_sweep(batch);
		return;
	}
	batch->job.put = put_sweep_counters;
	batch->job.done = swept_counters;
	kri_postgresql_batch_submit(batch);
}

static void nothing(void *arg)
{
	(void)arg;
}

void kri_postgresql_sweep(struct kri_postgresql_link *link, bool all,
			  struct kri_postgresql_bite *bite,
			  kri_store_done *done, void *arg)
{
	struct kri_postgresql_batch *batch = kri_postgresql_batch_take(link, 0);

	if (!batch) {
		if (bite)
			*bite = (struct kri_postgresql_bite){.sessions = -1};
		done(arg);
		return;
	}
	kri_pg_params_clear(&batch->params);
	kri_pg_put_bool(&batch->params, all);
	batch->bite = bite;
	batch->done = done;
	batch->arg = arg;
	batch->job.put = put_sweep;
	batch->job.done = swept;
	batch->job.repeatable = true;
	kri_postgresql_batch_submit(batch);
}

/* With the writes, which make what is to be swept one day. One loop of a
 * process at a time; the statement sees to it that of all processes one does
 * it. */
void kri_postgresql_sweep_at_times(struct kri_postgresql_link *link)
{
	struct kri_postgresql_store *store =
		(struct kri_postgresql_store *)link->base.store;
	int64_t now = kri_clock_ms(), next = atomic_load(&store->next_sweep);

	if (store->base.guest || now < next || link->closing ||
	    !kri_pg_client_is_open(link->client) ||
	    !atomic_compare_exchange_strong(&store->next_sweep, &next,
					    now + SWEEP_PAUSE))
		return;
	kri_postgresql_sweep(link, false, NULL, nothing, NULL);
}
