/*
 * Loads, looks and commits: each batch of records one pipeline.
 */
#include "store/redis_link.h"

#include "base/clock.h"

static void fail_all(struct kri_record **records, size_t n, enum kr_err err)
{
	for (size_t i = 0; i < n; i++)
		records[i]->err = err;
}

static void read_all(struct kri_redis_batch *batch, kri_redis_read *read)
{
	for (size_t i = 0; i < batch->pipeline.n; i++)
		batch->records[i]->err =
			read(batch->records[i], &batch->pipeline.calls[i]);
}

/* Without a call there is nothing to wait for. */
static void begin(struct kri_redis_batch *batch,
		  void (*settled)(struct kri_redis_batch *batch),
		  kri_store_done *done, void *arg)
{
	if (!batch) {
		done(arg);
		return;
	}
	batch->done = done;
	batch->arg = arg;
	if (batch->pipeline.n)
		kri_redis_batch_submit(batch, settled);
	else
		kri_redis_batch_done(batch);
}

/* ---- load and peek ---------------------------------------------------- */

static void loaded(struct kri_redis_batch *batch)
{
	read_all(batch, kri_redis_read_load);
	kri_redis_batch_done(batch);
}

static void peeked(struct kri_redis_batch *batch)
{
	read_all(batch, kri_redis_read_peek);
	kri_redis_batch_done(batch);
}

/* A batch whose replies are read into the records, or NULL: then all is
 * said. */
static struct kri_redis_batch *ask(struct kri_link *base,
				   struct kri_record **records, size_t n,
				   kri_redis_put *put)
{
	struct kri_redis_link *link = (struct kri_redis_link *)base;
	struct kri_redis_batch *batch = kri_redis_batch_take(link, n);

	for (size_t i = 0; i < n && batch; i++) {
		struct kri_call *call =
			kri_redis_batch_add(batch, records[i], put);

		call->repeatable = true;
		call->arena = records[i]->arena;
		call->room = link->load_room;
	}
	if (!batch)
		fail_all(records, n, KR_ERR_MEMORY);
	return batch;
}

void kri_redis_load(struct kri_link *base, struct kri_record **records,
		    size_t n, kri_store_done *done, void *arg)
{
	struct kri_redis_batch *batch =
		ask(base, records, n, kri_redis_put_load);

	begin(batch, loaded, done, arg);
}

void kri_redis_peek(struct kri_link *base, struct kri_record **records,
		    size_t n, kri_store_done *done, void *arg)
{
	struct kri_redis_batch *batch =
		ask(base, records, n, kri_redis_put_peek);

	begin(batch, peeked, done, arg);
}

/* ---- touches ---------------------------------------------------------- */

/* Nobody waits for them; but that none can be made must be seen. */
static void touched(struct kri_redis_batch *batch)
{
	for (size_t i = 0; i < batch->pipeline.n; i++) {
		const struct kri_call *call = &batch->pipeline.calls[i];

		if (!call->err && call->reply[0]->type != KRI_REPLY_INTEGER)
			(void)!kri_redis_refused(NULL, "touch", call->reply[0]);
	}
	kri_redis_batch_give(batch);
}

static size_t count_touches(struct kri_record **records, size_t n)
{
	size_t touches = 0;

	for (size_t i = 0; i < n; i++)
		touches += records[i]->operation == KRI_OP_TOUCH;
	return touches;
}

/* In a batch of their own, as the records are the caller's again at once. */
static void touch(struct kri_redis_link *link, struct kri_record **records,
		  size_t n, size_t touches)
{
	struct kri_redis_batch *batch = kri_redis_batch_take(link, touches);

	for (size_t i = 0; i < n; i++) {
		if (records[i]->operation != KRI_OP_TOUCH)
			continue;
		records[i]->err = KR_OK;
		if (batch)
			kri_redis_batch_add(batch, records[i],
					    kri_redis_put_commit)
				->repeatable = true;
	}
	if (batch)
		kri_redis_batch_submit(batch, touched);
}

/* ---- commits ---------------------------------------------------------- */

static bool is_forgotten(const struct kri_call *call)
{
	return !call->err && kri_reply_is_error(call->reply[0], "NOSCRIPT");
}

static void committed_in_full(struct kri_redis_batch *batch)
{
	read_all(batch, kri_redis_read_commit);
	kri_redis_batch_done(batch);
}

/* An update done twice would be counted twice. A creation finds itself, and
 * an end nothing. */
static void add(struct kri_redis_batch *batch, struct kri_record *record,
		kri_redis_put *put)
{
	kri_redis_batch_add(batch, record, put)->repeatable =
		record->operation != KRI_OP_UPDATE;
}

/*
 * Sends the script's text where the server had forgotten it: NOSCRIPT wrote
 * nothing, and no other call of the batch is about the same session. Flushed
 * here, as the caller's turn may have been flushed already.
 */
static void commit_in_full(struct kri_redis_batch *batch, size_t n)
{
	struct kri_redis_link *link = batch->link;
	struct kri_redis_batch *full = kri_redis_batch_take(link, n);
	kri_store_done *done = batch->done;
	void *arg = batch->arg;

	for (size_t i = 0; i < batch->pipeline.n; i++) {
		if (!is_forgotten(&batch->pipeline.calls[i]))
			continue;
		batch->records[i]->err = KR_ERR_MEMORY;
		if (full)
			add(full, batch->records[i], kri_redis_put_in_full);
	}
	kri_redis_batch_give(batch);
	begin(full, committed_in_full, done, arg);
	if (!link->closing)
		kri_client_flush(link->client);
}

static void committed(struct kri_redis_batch *batch)
{
	size_t forgotten = 0;

	for (size_t i = 0; i < batch->pipeline.n; i++) {
		const struct kri_call *call = &batch->pipeline.calls[i];

		if (is_forgotten(call))
			forgotten++;
		else
			batch->records[i]->err =
				kri_redis_read_commit(batch->records[i], call);
	}
	if (forgotten)
		commit_in_full(batch, forgotten);
	else
		kri_redis_batch_done(batch);
}

void kri_redis_commit(struct kri_link *base, struct kri_record **records,
		      size_t n, kri_store_done *done, void *arg)
{
	struct kri_redis_link *link = (struct kri_redis_link *)base;
	size_t touches = count_touches(records, n);
	struct kri_redis_batch *batch = NULL;

	link->writer.now = kri_clock_epoch_ms();
	if (touches < n)
		batch = kri_redis_batch_take(link, n - touches);
	for (size_t i = 0; i < n; i++) {
		if (records[i]->operation == KRI_OP_TOUCH)
			continue;
		records[i]->err = KR_ERR_MEMORY;
		if (batch)
			add(batch, records[i], kri_redis_put_commit);
	}
	if (touches)
		touch(link, records, n, touches);
	begin(batch, committed, done, arg);
}
