/*
 * Touches: sent with the batch that they come with, and not waited for.
 */
#include "store/postgresql_link.h"

#include "base/clock.h"

static void put_touches(struct kri_pg_job *job, struct kri_pg_client *client)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;

	kri_pg_send(client, KRI_SQL_TOUCH, &batch->params);
}

static void touched(struct kri_pg_job *job)
{
	kri_postgresql_batch_give((struct kri_postgresql_batch *)job);
}

/* An element of an array for each of them, by `add`. */
static void put_touched(struct kri_pg_params *params,
			struct kri_record **records, size_t n,
			void (*add)(struct kri_pg_params *params,
				    const struct kri_record *record))
{
	for (size_t i = 0; i < n; i++)
		if (records[i]->operation == KRI_OP_TOUCH)
			add(params, records[i]);
}

/* The records are the caller's again at once, so the parameters are made
 * here. */
void kri_postgresql_touch(struct kri_postgresql_link *link,
			  struct kri_record **records, size_t n, size_t touches)
{
	struct kri_postgresql_batch *batch = kri_postgresql_batch_take(link, 0);
	struct kri_pg_params *params;

	if (!batch)
		return; /* the next touch makes up for it */
	params = &batch->params;
	kri_pg_params_clear(params);
	kri_pg_put_array(params, KRI_PG_TEXT, touches);
	put_touched(params, records, n, kri_postgresql_put_id);
	kri_pg_put_array(params, KRI_PG_INT8, touches);
	put_touched(params, records, n, kri_postgresql_put_ttl);
	kri_pg_put_time(params, kri_clock_epoch_ms());
	kri_pg_put_array(params, KRI_PG_TIMESTAMPTZ, touches);
	put_touched(params, records, n, kri_postgresql_put_was_at);
	batch->job.put = put_touches;
	batch->job.done = touched;
	batch->job.repeatable = true;
	kri_postgresql_batch_submit(batch);
}
