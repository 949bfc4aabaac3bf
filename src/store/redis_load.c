/*
 * Loads and looks: each batch of records one pipeline. A session that a user
 * has logged in to may have been ended without a trace at its own key; so the
 * stream of ends is asked, in the same pipeline if loads of late met such
 * sessions, else once one is met. (store/redis_epoch.h)
 */
#include "store/redis_link.h"

#include <stdio.h>

#include "redis/command.h"
#include "store/redis_user_script.h"

#define CALM 64                /* loads without a mark, and none is expected */
#define ROOM ((size_t)1 << 20) /* bytes of a reply to XREAD */

static void fail_all(struct kri_record **records, size_t n, enum kr_err err)
{
	for (size_t i = 0; i < n; i++)
		records[i]->err = err;
}

/* Those of the batch, without the question. */
static size_t count(const struct kri_redis_batch *batch)
{
	return batch->pipeline.n - batch->asks;
}

/* ---- the stream of ends ------------------------------------------------ */

/* The batch has room for one more call. */
static void put_question(struct kri_redis_batch *batch,
			 struct kri_stream_id behind)
{
	struct kri_buffer *out = &batch->pipeline.commands;
	struct kri_call *call = kri_redis_batch_call(batch);
	char text[48];

	snprintf(text, sizeof(text), "%llu-%llu", (unsigned long long)behind.ms,
		 (unsigned long long)behind.seq);
	kri_command_begin(out, 6);
	kri_command_text(out, KRI_TEXT("XREAD"));
	kri_command_text(out, KRI_TEXT("COUNT"));
	kri_command_int(out, KRI_EPOCH_STEP);
	kri_command_text(out, KRI_TEXT("STREAMS"));
	kri_redis_batch_key(batch, KRI_KIND_ENDED, KRI_TEXT(""));
	kri_command_text(out, kri_text_of(text));
	kri_redis_batch_end(batch);
	call->lenient = call->repeatable = true;
	call->room = ROOM;
	batch->asks = true;
	batch->since = batch->until = behind;
	batch->link->epoch.asking++;
}

/* What came of the question, the last call. *more: it was not all. */
static enum kr_err take_answer(struct kri_redis_batch *batch, bool *more)
{
	struct kri_redis_epoch *epoch = &batch->link->epoch;
	const struct kri_call *call =
		&batch->pipeline.calls[batch->pipeline.n - 1];
	enum kr_err err = KR_ERR_PROTOCOL;

	*more = false;
	epoch->asking--;
	if (!call->err)
		err = kri_redis_epoch_take(epoch, call->reply[0], &batch->until,
					   more);
	if (err == KR_ERR_PROTOCOL)
		err = kri_redis_user_check(call, KRI_REPLY_NIL,
					   "XREAD of the ends of sessions");
	if (!err && !*more)
		kri_redis_epoch_cover(epoch, batch->since, batch->until);
	return err;
}

/* ---- judgement --------------------------------------------------------- */

static bool is_marked(const struct kri_record *record)
{
	return record->err == KR_OK && record->mark.len;
}

/* Whether there is a mark, and the least of them. One that is no id is none
 * of ours. */
static bool find_marks(struct kri_redis_batch *batch,
		       struct kri_stream_id *least)
{
	bool any = false;

	for (size_t i = 0; i < count(batch); i++) {
		struct kri_record *record = batch->records[i];
		struct kri_stream_id mark;

		if (!is_marked(record))
			continue;
		if (kri_stream_id_read(record->mark, &mark))
			record->err = KR_ERR_PROTOCOL;
		else if (!any || kri_stream_id_compare(mark, *least) < 0)
			*least = mark;
		any |= record->err == KR_OK;
	}
	return any;
}

static void judge_one(const struct kri_redis_epoch *epoch,
		      struct kri_record *record, enum kr_err err)
{
	const struct kri_value *user;
	struct kri_stream_id mark;

	if (!is_marked(record))
		return;
	record->err = err;
	user = kri_record_find(record, KRI_TEXT("@user"));
	if (err || !user || kri_stream_id_read(record->mark, &mark))
		return;
	if (kri_redis_epoch_is_over(epoch, user->data, record->id, mark))
		record->err = KR_ERR_NOT_FOUND;
}

/* With an error, nothing is known of those that have a mark. */
static void judge(struct kri_redis_batch *batch, enum kr_err err)
{
	struct kri_redis_epoch *epoch = &batch->link->epoch;

	for (size_t i = 0; i < count(batch); i++)
		judge_one(epoch, batch->records[i], err);
	kri_redis_epoch_trim(epoch);
	kri_redis_batch_done(batch);
}

/* ---- a question of its own --------------------------------------------- */

/* Which batch it is for, is its `arg`. */
static void asked(struct kri_redis_batch *question)
{
	struct kri_redis_batch *batch = question->arg;
	bool more;
	enum kr_err err = take_answer(question, &more);

	if (!err && more) {
		struct kri_stream_id since = question->since;

		kri_buffer_clear(&question->pipeline.commands);
		kri_arena_reset(&question->replies);
		question->pipeline.n = 0;
		put_question(question, question->until);
		question->since = since;
		kri_redis_batch_submit(question, asked);
		return;
	}
	kri_redis_batch_give(question);
	judge(batch, err);
}

/* For marks that are older than what is known, the whole stream is read: a
 * third time will not be needed. */
static void ask(struct kri_redis_batch *batch, struct kri_stream_id least)
{
	struct kri_redis_epoch *epoch = &batch->link->epoch;
	struct kri_redis_batch *question = kri_redis_batch_take(batch->link, 1);
	struct kri_stream_id behind = least;

	if (!question) {
		judge(batch, KR_ERR_MEMORY);
		return;
	}
	if (epoch->begun && kri_stream_id_compare(least, epoch->from) >= 0)
		behind = epoch->to;
	else if (epoch->begun)
		behind = (struct kri_stream_id){0};
	question->arg = batch;
	put_question(question, behind);
	kri_redis_batch_submit(question, asked);
}

static void heed_connections(struct kri_redis_link *link)
{
	if (!link->closing)
		kri_redis_epoch_heed(&link->epoch,
				     kri_client_connections(link->client));
}

/* Sessions without a user need none of it, whatever became of the question. */
static void judge_all(struct kri_redis_batch *batch)
{
	struct kri_redis_epoch *epoch = &batch->link->epoch;
	struct kri_stream_id least;
	bool more = false, marks = find_marks(batch, &least);
	enum kr_err err = KR_OK;

	if (batch->asks)
		err = take_answer(batch, &more);
	if (err || (!marks && ++epoch->calm >= CALM))
		epoch->wanted = false;
	if (!marks) {
		kri_redis_batch_done(batch);
		return;
	}
	epoch->calm = 0;
	epoch->wanted = !err;
	heed_connections(batch->link);
	if (err || (batch->asks && !more && epoch->begun &&
		    kri_stream_id_compare(least, epoch->from) >= 0))
		judge(batch, err);
	else
		ask(batch, least);
}

/* ---- load and peek ---------------------------------------------------- */

static void read_all(struct kri_redis_batch *batch, kri_redis_read *read)
{
	for (size_t i = 0; i < count(batch); i++)
		batch->records[i]->err =
			read(batch->records[i], &batch->pipeline.calls[i]);
	judge_all(batch);
}

static void loaded(struct kri_redis_batch *batch)
{
	read_all(batch, kri_redis_read_load);
}

static void peeked(struct kri_redis_batch *batch)
{
	read_all(batch, kri_redis_read_peek);
}

/* A batch whose replies are read into the records, or NULL: then all is
 * said. */
static struct kri_redis_batch *make(struct kri_redis_link *link,
				    struct kri_record **records, size_t n,
				    kri_redis_put *put)
{
	struct kri_redis_batch *batch = kri_redis_batch_take(link, n + 1);

	for (size_t i = 0; i < n && batch; i++) {
		struct kri_call *call =
			kri_redis_batch_add(batch, records[i], put);

		call->repeatable = true;
		call->arena = records[i]->arena;
		call->room = link->load_room;
	}
	if (!batch)
		fail_all(records, n, KR_ERR_MEMORY);
	heed_connections(link);
	if (batch && n && link->epoch.wanted && link->epoch.begun)
		put_question(batch, link->epoch.to);
	return batch;
}

void kri_redis_load(struct kri_link *base, struct kri_record **records,
		    size_t n, kri_store_done *done, void *arg)
{
	struct kri_redis_batch *batch = make((struct kri_redis_link *)base,
					     records, n, kri_redis_put_load);

	kri_redis_batch_start(batch, loaded, done, arg);
}

void kri_redis_peek(struct kri_link *base, struct kri_record **records,
		    size_t n, kri_store_done *done, void *arg)
{
	struct kri_redis_batch *batch = make((struct kri_redis_link *)base,
					     records, n, kri_redis_put_peek);

	kri_redis_batch_start(batch, peeked, done, arg);
}
