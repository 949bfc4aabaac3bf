/*
 * Batches and their pool. Knows nothing of what the statements say.
 */
#include "store/postgresql_link.h"

#include <stdlib.h>

#include "base/log.h"

#define KEPT (1 << 20) /* bytes of parameters that the pool keeps */

static void batch_free(struct kri_postgresql_batch *batch)
{
	kri_pg_params_free(&batch->params);
	free(batch->records);
	free(batch);
}

void kri_postgresql_link_release(struct kri_postgresql_link *link)
{
	struct kri_postgresql_batch *batch;

	if (--link->users || !link->closing)
		return;
	while ((batch = link->idle)) {
		link->idle = batch->next;
		batch_free(batch);
	}
	kri_pg_params_free(&link->params);
	free(link);
}

static bool reserve(struct kri_postgresql_batch *batch, size_t n)
{
	if (n <= batch->cap)
		return true;
	free(batch->records);
	batch->records = malloc(n * sizeof(struct kri_record *));
	batch->cap = batch->records ? n : 0;
	return batch->records;
}

struct kri_postgresql_batch *kri_postgresql_batch_take(
	struct kri_postgresql_link *link, size_t n)
{
	struct kri_postgresql_batch *batch = link->idle;

	if (batch)
		link->idle = batch->next;
	else
		batch = calloc(1, sizeof(*batch));
	if (batch && !reserve(batch, n)) {
		batch_free(batch);
		batch = NULL;
	}
	if (!batch)
		return NULL;
	batch->link = link;
	batch->n = 0;
	batch->job.patient = false;
	link->users++;
	return batch;
}

/* A batch of giants must not keep their memory for ever. */
void kri_postgresql_batch_give(struct kri_postgresql_batch *batch)
{
	struct kri_postgresql_link *link = batch->link;

	if (link->params.bytes.cap > KEPT)
		kri_pg_params_free(&link->params);
	kri_pg_params_clear(&batch->params);
	batch->next = link->idle;
	link->idle = batch;
	kri_postgresql_link_release(link);
}

void kri_postgresql_batch_done(struct kri_postgresql_batch *batch)
{
	kri_store_done *done = batch->done;
	void *arg = batch->arg;

	kri_postgresql_batch_give(batch);
	done(arg);
}

void kri_postgresql_batch_submit(struct kri_postgresql_batch *batch)
{
	struct kri_postgresql_link *link = batch->link;

	if (link->closing) {
		batch->job.err = KR_ERR_UNAVAILABLE;
		batch->job.done(&batch->job);
	} else {
		kri_pg_client_submit(link->client, &batch->job);
	}
}

void kri_postgresql_complain(const char *id, const char *what)
{
	struct kri_log_ids ids = {.session = id};
	static _Atomic int64_t next;

	if (kri_log_is_due(&next))
		kri_log(KRI_LOG_ERROR, &ids, "postgresql: %s", what);
}
