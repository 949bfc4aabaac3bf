/*
 * Batches and their pool. Knows nothing of what the commands say.
 */
#include "store/redis_link.h"

#include <stdlib.h>

#include "redis/command.h"

#define REPLY_CHUNK (8 << 10)
#define REPLY_ROOM (4 << 10) /* a number, or an error's text */
#define KEPT (1 << 20)       /* bytes of commands that the pool keeps */

static void batch_free(struct kri_redis_batch *batch)
{
	kri_buffer_free(&batch->pipeline.commands);
	kri_arena_free(&batch->replies);
	free(batch->pipeline.calls);
	free(batch->records);
	free(batch->keys);
	free(batch);
}

void kri_redis_link_release(struct kri_redis_link *link)
{
	struct kri_redis_batch *batch;

	if (--link->users || !link->closing)
		return;
	while ((batch = link->idle)) {
		link->idle = batch->next;
		batch_free(batch);
	}
	kri_redis_epoch_free(&link->epoch);
	kri_redis_writer_free(&link->writer);
	free(link);
}

static bool reserve(struct kri_redis_batch *batch, size_t n)
{
	if (n <= batch->cap)
		return true;
	free(batch->pipeline.calls);
	free(batch->records);
	free(batch->keys);
	batch->pipeline.calls = malloc(n * sizeof(*batch->pipeline.calls));
	batch->records = malloc(n * sizeof(struct kri_record *));
	batch->keys = malloc(n * sizeof(*batch->keys));
	batch->cap = 0;
	if (!batch->pipeline.calls || !batch->records || !batch->keys)
		return false;
	batch->cap = n;
	return true;
}

static struct kri_redis_batch *batch_make(struct kri_redis_link *link)
{
	struct kri_redis_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->link = link;
	kri_arena_init(&batch->replies, REPLY_CHUNK, SIZE_MAX);
	return batch;
}

struct kri_redis_batch *kri_redis_batch_take(struct kri_redis_link *link,
					     size_t n)
{
	struct kri_redis_batch *batch = link->idle;

	if (batch)
		link->idle = batch->next;
	else
		batch = batch_make(link);
	if (batch && !reserve(batch, n)) {
		batch_free(batch);
		batch = NULL;
	}
	link->users += batch != NULL;
	return batch;
}

/* A batch of giants must not keep their memory for ever. */
void kri_redis_batch_give(struct kri_redis_batch *batch)
{
	struct kri_redis_link *link = batch->link;

	if (batch->pipeline.commands.cap > KEPT)
		kri_buffer_free(&batch->pipeline.commands);
	kri_buffer_clear(&batch->pipeline.commands);
	kri_arena_reset(&batch->replies);
	batch->pipeline.n = 0;
	batch->asks = false;
	batch->next = link->idle;
	link->idle = batch;
	kri_redis_link_release(link);
}

struct kri_call *kri_redis_batch_call(struct kri_redis_batch *batch)
{
	struct kri_pipeline *pipeline = &batch->pipeline;
	struct kri_call *call = &pipeline->calls[pipeline->n];

	*call = (struct kri_call){
		.cuts = {pipeline->commands.len},
		.arena = &batch->replies,
		.room = REPLY_ROOM,
	};
	batch->keys[pipeline->n++].at = SIZE_MAX;
	return call;
}

struct kri_call *kri_redis_batch_add(struct kri_redis_batch *batch,
				     struct kri_record *record,
				     kri_redis_put *put)
{
	size_t i = batch->pipeline.n;
	struct kri_call *call = kri_redis_batch_call(batch);

	batch->records[i] = record;
	batch->keys[i].at = put(&batch->link->writer, record,
				&batch->pipeline.commands, call);
	batch->keys[i].len = batch->link->writer.prefix.len + KRI_ID_LEN;
	return call;
}

void kri_redis_batch_key(struct kri_redis_batch *batch, struct kri_text kind,
			 struct kri_text name)
{
	struct kri_text prefix = batch->link->writer.prefix;
	struct kri_buffer *out = &batch->pipeline.commands;
	struct kri_redis_key *key = &batch->keys[batch->pipeline.n - 1];

	key->len = prefix.len + kind.len + name.len;
	kri_buffer_byte(out, '$');
	kri_buffer_int(out, (int64_t)key->len);
	kri_buffer_append(out, KRI_TEXT("\r\n"));
	key->at = out->len;
	kri_buffer_append(out, prefix);
	kri_buffer_append(out, kind);
	kri_buffer_append(out, name);
	kri_buffer_append(out, KRI_TEXT("\r\n"));
}

struct kri_call *kri_redis_batch_begin(struct kri_redis_batch *batch,
				       const char *command,
				       struct kri_text kind,
				       struct kri_text name, size_t argc)
{
	struct kri_call *call = kri_redis_batch_call(batch);

	call->lenient = true;
	kri_command_begin(&batch->pipeline.commands, 2 + argc);
	kri_command_text(&batch->pipeline.commands, kri_text_of(command));
	kri_redis_batch_key(batch, kind, name);
	return call;
}

struct kri_call *kri_redis_batch_begin_script(struct kri_redis_batch *batch,
					      const char *script,
					      struct kri_text kind,
					      struct kri_text name, size_t argc)
{
	struct kri_call *call = kri_redis_batch_call(batch);

	call->lenient = true;
	kri_command_begin(&batch->pipeline.commands, 4 + argc);
	kri_command_text(&batch->pipeline.commands, KRI_TEXT("EVAL"));
	kri_command_text(&batch->pipeline.commands, kri_text_of(script));
	kri_command_text(&batch->pipeline.commands, KRI_TEXT("1"));
	kri_redis_batch_key(batch, kind, name);
	return call;
}

void kri_redis_batch_end(struct kri_redis_batch *batch)
{
	struct kri_call *call = &batch->pipeline.calls[batch->pipeline.n - 1];

	call->cuts[++call->replies] = batch->pipeline.commands.len;
}

static void all_settled(struct kri_pipeline *pipeline)
{
	struct kri_redis_batch *batch = pipeline->arg;

	batch->settled(batch);
}

static void fail(struct kri_redis_batch *batch, enum kr_err err)
{
	for (size_t i = 0; i < batch->pipeline.n; i++)
		batch->pipeline.calls[i].err = err;
	batch->settled(batch);
}

/* The keys stand in the commands, which stay where they are from now on. */
static void find_keys(struct kri_redis_batch *batch)
{
	struct kri_pipeline *pipeline = &batch->pipeline;

	for (size_t i = 0; i < pipeline->n; i++)
		if (batch->keys[i].at != SIZE_MAX)
			pipeline->calls[i].key = kri_text(
				pipeline->commands.data + batch->keys[i].at,
				batch->keys[i].len);
}

void kri_redis_batch_submit(struct kri_redis_batch *batch,
			    void (*settled)(struct kri_redis_batch *batch))
{
	struct kri_pipeline *pipeline = &batch->pipeline;

	batch->settled = settled;
	pipeline->done = all_settled;
	pipeline->arg = batch;
	if (pipeline->commands.failed) {
		fail(batch, KR_ERR_MEMORY);
	} else if (batch->link->closing) {
		fail(batch, KR_ERR_UNAVAILABLE);
	} else {
		find_keys(batch);
		kri_client_submit(batch->link->client, pipeline);
	}
}

void kri_redis_batch_start(struct kri_redis_batch *batch,
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

void kri_redis_batch_done(struct kri_redis_batch *batch)
{
	kri_store_done *done = batch->done;
	void *arg = batch->arg;

	kri_redis_batch_give(batch);
	done(arg);
}
