/*
 * The index of a user's sessions, their end, and counters.
 *
 * A sorted set of ids at `<instance name>@user:<name>`, by when they end. It
 * may name what has ended, as nobody waits for its upkeep, and lose what has
 * not; so that all are ended is written into the stream of ends first.
 * (store/redis_epoch.h)
 */
#include "store/redis_link.h"

#include <stdlib.h>

#include "redis/command.h"
#include "store/redis_user_script.h"

#define STEP 512                      /* entries that are looked at at once */
#define STEP_ROOM ((size_t)256 << 10) /* bytes of a reply with their ids */

int64_t kri_redis_life(const struct kri_redis_link *link)
{
	const struct kri_config *config =
		((struct kri_redis_store *)link->base.store)->config;

	if (!config->absolute_timeout)
		return 0;
	return config->absolute_timeout + config->idle_timeout +
	       config->idle_timeout / 16;
}

enum kr_err kri_redis_user_check(const struct kri_call *call,
				 enum kri_reply_type type, const char *what)
{
	const struct kri_reply *reply = call->reply[0];
	enum kr_err err = call->err;

	if (err == KR_ERR_LIMIT) {
		kri_redis_complain(NULL, what, "a reply beyond all measure");
		return KR_ERR_PROTOCOL;
	}
	if (err || reply->type == type)
		return err;
	err = kri_redis_refused(NULL, what, reply);
	if (err == KR_ERR_DENIED)
		kri_redis_complain(NULL, what, reply->text.data);
	return err;
}

/* ---- upkeep ------------------------------------------------------------ */

static void nothing(void *arg)
{
	(void)arg;
}

static void kept_up(struct kri_redis_batch *batch)
{
	for (size_t i = 0; i < batch->pipeline.n; i++)
		(void)!kri_redis_user_check(&batch->pipeline.calls[i],
					    KRI_REPLY_INTEGER,
					    "the index of a user's sessions");
	kri_redis_batch_done(batch);
}

static bool is_kept_up(const struct kri_record *record)
{
	if (!record->user.len || kri_redis_is_login(record))
		return false;
	return record->operation == KRI_OP_DESTROY ||
	       (record->ttl && (record->operation == KRI_OP_TOUCH ||
				record->operation == KRI_OP_UPDATE));
}

static void put_refresh(struct kri_redis_batch *batch,
			const struct kri_record *record)
{
	struct kri_buffer *out = &batch->pipeline.commands;

	kri_redis_batch_begin_script(batch, kri_script_refresh, KRI_KIND_INDEX,
				     record->user, 2)
		->repeatable = true;
	kri_command_int(out, record->ttl);
	kri_command_text(out, kri_text(record->id, KRI_ID_LEN));
	kri_redis_batch_end(batch);
}

static void put_forget(struct kri_redis_batch *batch, struct kri_text user,
		       const char *id)
{
	kri_redis_batch_begin(batch, "ZREM", KRI_KIND_INDEX, user, 1)
		->repeatable = true;
	kri_command_text(&batch->pipeline.commands, kri_text(id, KRI_ID_LEN));
	kri_redis_batch_end(batch);
}

void kri_redis_users_keep_up(struct kri_redis_link *link,
			     struct kri_record **records, size_t n)
{
	struct kri_redis_batch *batch = kri_redis_batch_take(link, n);

	for (size_t i = 0; i < n && batch; i++) {
		if (!is_kept_up(records[i]))
			continue;
		if (records[i]->operation == KRI_OP_DESTROY)
			put_forget(batch, records[i]->user, records[i]->id);
		else
			put_refresh(batch, records[i]);
	}
	kri_redis_batch_start(batch, kept_up, nothing, NULL);
}

void kri_redis_user_forget(struct kri_redis_link *link, struct kri_text user,
			   const char *id)
{
	struct kri_redis_batch *batch = kri_redis_batch_take(link, 1);

	if (batch)
		put_forget(batch, user, id);
	kri_redis_batch_start(batch, kept_up, nothing, NULL);
}

/* ---- a walk through the index ------------------------------------------ */

struct walk {
	struct kri_redis_link *link;
	struct kri_user_query *query;
	kri_store_done *done;
	void *arg;
	size_t rank; /* of the first entry that was not looked at */
	/* Of the page that is looked at: */
	const char *ids[STEP];
	size_t n, all; /* those to end, and with what is kept */
};

/* NULL, and then the query's err is done. */
static struct walk *walk_begin(struct kri_link *base,
			       struct kri_user_query *query,
			       kri_store_done *done, void *arg)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	query->ids = NULL;
	query->n = 0;
	query->ended = 0;
	query->err = walk ? KR_OK : KR_ERR_MEMORY;
	if (!walk) {
		done(arg);
		return NULL;
	}
	walk->link = (struct kri_redis_link *)base;
	walk->query = query;
	walk->done = done;
	walk->arg = arg;
	walk->link->users++; /* until the end, between batches too */
	return walk;
}

static void walk_end(struct walk *walk, enum kr_err err)
{
	kri_store_done *done = walk->done;
	void *arg = walk->arg;

	walk->query->err = err;
	kri_redis_link_release(walk->link);
	free(walk);
	done(arg);
}

/* Each step has a batch whose `arg` is the walk. */
static struct kri_redis_batch *step(struct walk *walk, size_t n)
{
	struct kri_redis_batch *batch = kri_redis_batch_take(walk->link, n);

	if (batch)
		batch->arg = walk;
	else
		walk_end(walk, KR_ERR_MEMORY);
	return batch;
}

/* Back to the pool; the walk goes on. */
static struct walk *step_done(struct kri_redis_batch *batch)
{
	struct walk *walk = batch->arg;

	kri_redis_batch_give(batch);
	return walk;
}

static void ask_page(struct walk *walk,
		     void (*settled)(struct kri_redis_batch *batch))
{
	struct kri_redis_batch *batch = step(walk, 1);
	struct kri_call *call;

	if (!batch)
		return;
	call = kri_redis_batch_begin(batch, "ZRANGE", KRI_KIND_INDEX,
				     walk->query->user, 2);
	call->repeatable = true;
	call->room = STEP_ROOM;
	kri_command_int(&batch->pipeline.commands, (int64_t)walk->rank);
	kri_command_int(&batch->pipeline.commands,
			(int64_t)walk->rank + STEP - 1);
	kri_redis_batch_end(batch);
	kri_redis_batch_submit(batch, settled);
}

/* The ids of a page; what is none is passed over. */
static enum kr_err read_page(struct walk *walk,
			     const struct kri_redis_batch *batch)
{
	const struct kri_call *call = &batch->pipeline.calls[0];
	enum kr_err err = kri_redis_user_check(call, KRI_REPLY_ARRAY,
					       "the list of a user's sessions");
	const struct kri_reply *page = call->reply[0];

	walk->n = walk->all = 0;
	if (err)
		return err;
	for (size_t i = 0; i < page->n && i < STEP; i++) {
		const struct kri_reply *id = page->elements[i];
		struct kri_text copy;

		walk->all++;
		if (id->type != KRI_REPLY_STRING || id->text.len != KRI_ID_LEN)
			continue;
		copy = kri_arena_dup(walk->query->arena, id->text);
		if (!copy.data)
			return KR_ERR_MEMORY;
		walk->ids[walk->n++] = copy.data;
	}
	return KR_OK;
}

/* ---- the list --------------------------------------------------------- */

static enum kr_err keep_page(struct walk *walk)
{
	struct kri_user_query *query = walk->query;
	const char **ids = kri_arena_alloc(query->arena,
					   (query->n + walk->n) * sizeof(*ids));

	if (!ids)
		return KR_ERR_MEMORY;
	if (query->n)
		memcpy(ids, query->ids, query->n * sizeof(*ids));
	memcpy(ids + query->n, walk->ids, walk->n * sizeof(*ids));
	query->ids = ids;
	query->n += walk->n;
	walk->rank += walk->all;
	return KR_OK;
}

static void listed(struct kri_redis_batch *batch)
{
	struct walk *walk = batch->arg;
	enum kr_err err = read_page(walk, batch);

	step_done(batch);
	if (!err)
		err = keep_page(walk);
	if (err || walk->all < STEP)
		walk_end(walk, err);
	else
		ask_page(walk, listed);
}

void kri_redis_user_list(struct kri_link *base, struct kri_user_query *query,
			 kri_store_done *done, void *arg)
{
	struct walk *walk = walk_begin(base, query, done, arg);

	if (walk)
		ask_page(walk, listed);
}

/* ---- the end ---------------------------------------------------------- */

static void end_page(struct kri_redis_batch *batch);

static void forgotten(struct kri_redis_batch *batch)
{
	enum kr_err err = kri_redis_user_check(
		&batch->pipeline.calls[0], KRI_REPLY_INTEGER,
		"the index of a user's sessions");
	struct walk *walk = step_done(batch);

	if (err || walk->all < STEP)
		walk_end(walk, err);
	else
		ask_page(walk, end_page);
}

/* Only those that were ended here: an entry without a session may be of one
 * that is about to be. */
static void forget_ended(struct walk *walk)
{
	struct kri_redis_batch *batch;

	walk->rank += walk->all - walk->n;
	if (!walk->n) {
		if (walk->all < STEP)
			walk_end(walk, KR_OK);
		else
			ask_page(walk, end_page);
		return;
	}
	batch = step(walk, 1);
	if (!batch)
		return;
	kri_redis_batch_begin(batch, "ZREM", KRI_KIND_INDEX, walk->query->user,
			      walk->n)
		->repeatable = true;
	for (size_t i = 0; i < walk->n; i++)
		kri_command_text(&batch->pipeline.commands,
				 kri_text(walk->ids[i], KRI_ID_LEN));
	kri_redis_batch_end(batch);
	kri_redis_batch_submit(batch, forgotten);
}

static void finished(struct kri_redis_batch *batch)
{
	struct walk *walk = batch->arg;
	enum kr_err err = KR_OK;
	size_t ended = 0;

	for (size_t i = 0; i < batch->pipeline.n; i++) {
		const struct kri_call *call = &batch->pipeline.calls[i];
		enum kr_err failed = kri_redis_user_check(
			call, KRI_REPLY_INTEGER, "the end of a session");

		if (!err)
			err = failed;
		if (!failed && call->reply[0]->integer > 0)
			walk->ids[ended++] = walk->ids[i];
	}
	walk->n = ended;
	walk->query->ended += (int64_t)ended;
	step_done(batch);
	if (err)
		walk_end(walk, err);
	else
		forget_ended(walk);
}

static void put_finish(struct kri_redis_batch *batch, struct kri_text user,
		       const char *id)
{
	kri_redis_batch_begin_script(batch, kri_script_finish, KRI_KIND_SESSION,
				     kri_text(id, KRI_ID_LEN), 1)
		->repeatable = true;
	kri_command_text(&batch->pipeline.commands, user);
	kri_redis_batch_end(batch);
}

static void finish(struct walk *walk)
{
	struct kri_redis_batch *batch = step(walk, walk->n);

	for (size_t i = 0; i < walk->n && batch; i++)
		put_finish(batch, walk->query->user, walk->ids[i]);
	if (batch)
		kri_redis_batch_submit(batch, finished);
}

static void take_out_kept(struct walk *walk)
{
	const char *keep = walk->query->keep;
	size_t n = 0;

	for (size_t i = 0; i < walk->n; i++)
		if (!keep || memcmp(walk->ids[i], keep, KRI_ID_LEN) != 0)
			walk->ids[n++] = walk->ids[i];
	walk->n = n;
}

static void end_page(struct kri_redis_batch *batch)
{
	struct walk *walk = batch->arg;
	enum kr_err err = read_page(walk, batch);

	step_done(batch);
	take_out_kept(walk);
	if (err)
		walk_end(walk, err);
	else if (walk->n)
		finish(walk);
	else
		forget_ended(walk);
}

static void end_written(struct kri_redis_batch *batch)
{
	enum kr_err err = kri_redis_user_check(&batch->pipeline.calls[0],
					       KRI_REPLY_STRING,
					       "the end of a user's sessions");
	struct walk *walk = step_done(batch);

	if (err)
		walk_end(walk, err);
	else
		ask_page(walk, end_page);
}

/* From here on no session that there was is found, listed or not. Written
 * twice, it only says so twice. */
static void write_end(struct walk *walk)
{
	const struct kri_user_query *query = walk->query;
	struct kri_redis_batch *batch = step(walk, 1);
	struct kri_text keep = {0};

	if (!batch)
		return;
	if (query->keep)
		keep = kri_text(query->keep, KRI_ID_LEN);
	kri_redis_batch_begin_script(batch, kri_script_end, KRI_KIND_ENDED,
				     KRI_TEXT(""), 3)
		->repeatable = true;
	kri_command_text(&batch->pipeline.commands, query->user);
	kri_command_text(&batch->pipeline.commands, keep);
	kri_command_int(&batch->pipeline.commands, kri_redis_life(walk->link));
	kri_redis_batch_end(batch);
	kri_redis_batch_submit(batch, end_written);
}

void kri_redis_user_end(struct kri_link *base, struct kri_user_query *query,
			kri_store_done *done, void *arg)
{
	struct walk *walk = walk_begin(base, query, done, arg);

	if (!walk)
		return;
	if (!query->only) {
		write_end(walk);
		return;
	}
	walk->ids[0] = query->only;
	walk->n = walk->all = 1;
	finish(walk);
}

/* ---- counters ---------------------------------------------------------- */

static enum kr_err read_count(struct kri_counter *counter,
			      const struct kri_call *call)
{
	enum kr_err err =
		kri_redis_user_check(call, KRI_REPLY_ARRAY, "a counter");
	const struct kri_reply *pair = call->reply[0];

	if (err)
		return err;
	if (pair->n != 2 || pair->elements[0]->type != KRI_REPLY_INTEGER ||
	    pair->elements[1]->type != KRI_REPLY_INTEGER)
		return KR_ERR_PROTOCOL;
	counter->value = pair->elements[0]->integer;
	counter->left = pair->elements[1]->integer;
	return KR_OK;
}

static void counted(struct kri_redis_batch *batch)
{
	batch->counter->err =
		read_count(batch->counter, &batch->pipeline.calls[0]);
	kri_redis_batch_done(batch);
}

void kri_redis_count_up(struct kri_link *base, struct kri_counter *counter,
			kri_store_done *done, void *arg)
{
	struct kri_redis_batch *batch =
		kri_redis_batch_take((struct kri_redis_link *)base, 1);

	counter->err = KR_ERR_MEMORY;
	if (batch) {
		struct kri_buffer *out = &batch->pipeline.commands;

		batch->counter = counter;
		kri_redis_batch_begin_script(batch, kri_script_count,
					     KRI_KIND_COUNTER, counter->name, 2)
			->repeatable = counter->add == 0;
		kri_command_int(out, counter->add);
		kri_command_int(out, counter->ttl);
		kri_redis_batch_end(batch);
	}
	kri_redis_batch_start(batch, counted, done, arg);
}
