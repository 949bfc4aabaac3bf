/*
 * Commits: each batch of records one pipeline. Logins go their own way
 * (redis_login.c).
 */
#include "store/redis_link.h"

#include "base/clock.h"

static void read_all(struct kri_redis_batch *batch)
{
	for (size_t i = 0; i < batch->pipeline.n; i++)
		batch->records[i]->err = kri_redis_read_commit(
			batch->records[i], &batch->pipeline.calls[i]);
}

/* ---- scripts that a server has forgotten ------------------------------- */

static bool is_forgotten(const struct kri_call *call)
{
	return !call->err && kri_reply_is_error(call->reply[0], "NOSCRIPT");
}

static size_t count_forgotten(const struct kri_redis_batch *batch)
{
	size_t n = 0;

	for (size_t i = 0; i < batch->pipeline.n; i++)
		n += is_forgotten(&batch->pipeline.calls[i]);
	return n;
}

static void add_in_full(struct kri_redis_batch *full,
			const struct kri_redis_batch *batch, size_t i)
{
	const struct kri_call *from = &batch->pipeline.calls[i];
	struct kri_text command =
		kri_text(batch->pipeline.commands.data + from->cuts[0],
			 from->cuts[1] - from->cuts[0]);
	struct kri_call *call = kri_redis_batch_call(full);
	size_t to = full->pipeline.n - 1;

	full->records[to] = batch->records[i];
	full->keys[to].at = kri_redis_put_in_full(
		full->link->writer.scripts, command,
		batch->keys[i].at - from->cuts[0], &full->pipeline.commands);
	full->keys[to].len = batch->keys[i].len;
	call->cuts[++call->replies] = full->pipeline.commands.len;
	call->repeatable = from->repeatable;
}

/*
 * Sends those calls again with the script's text: NOSCRIPT wrote nothing, and
 * no other call of the batch is about the same session. The batch goes back.
 */
static void send_in_full(struct kri_redis_batch *batch, size_t n,
			 void (*settled)(struct kri_redis_batch *batch))
{
	struct kri_redis_batch *full = kri_redis_batch_take(batch->link, n);
	kri_store_done *done = batch->done;
	void *arg = batch->arg;

	for (size_t i = 0; i < batch->pipeline.n && full; i++)
		if (is_forgotten(&batch->pipeline.calls[i]))
			add_in_full(full, batch, i);
	kri_redis_batch_give(batch);
	kri_redis_batch_start(full, settled, done, arg);
}

/* ---- touches ---------------------------------------------------------- */

static void nothing(void *arg)
{
	(void)arg;
}

/* Nobody waits for them; but that none can be made must be seen. */
static void touched_in_full(struct kri_redis_batch *batch)
{
	for (size_t i = 0; i < batch->pipeline.n; i++) {
		const struct kri_call *call = &batch->pipeline.calls[i];

		if (!call->err && call->reply[0]->type != KRI_REPLY_INTEGER)
			(void)!kri_redis_refused(NULL, "touch", call->reply[0]);
	}
	kri_redis_batch_done(batch);
}

static void touched(struct kri_redis_batch *batch)
{
	size_t forgotten = count_forgotten(batch);

	if (forgotten)
		send_in_full(batch, forgotten, touched_in_full);
	else
		touched_in_full(batch);
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
	kri_redis_batch_start(batch, touched, nothing, NULL);
}

/* ---- commits ---------------------------------------------------------- */

static void committed_in_full(struct kri_redis_batch *batch)
{
	read_all(batch);
	kri_redis_batch_done(batch);
}

static void committed(struct kri_redis_batch *batch)
{
	size_t forgotten = count_forgotten(batch);

	if (!forgotten) {
		committed_in_full(batch);
		return;
	}
	for (size_t i = 0; i < batch->pipeline.n; i++) {
		struct kri_record *record = batch->records[i];
		const struct kri_call *call = &batch->pipeline.calls[i];

		record->err = KR_ERR_MEMORY;
		if (!is_forgotten(call))
			record->err = kri_redis_read_commit(record, call);
	}
	send_in_full(batch, forgotten, committed_in_full);
}

/* An update done twice would be counted twice. A creation finds itself, and
 * an end nothing. */
static void add(struct kri_redis_batch *batch, struct kri_record *record)
{
	kri_redis_batch_add(batch, record, kri_redis_put_commit)->repeatable =
		record->operation != KRI_OP_UPDATE;
}

void kri_redis_commit_one(struct kri_redis_link *link,
			  struct kri_record *record, kri_store_done *done,
			  void *arg)
{
	struct kri_redis_batch *batch = kri_redis_batch_take(link, 1);

	link->writer.now = kri_clock_epoch_ms();
	record->err = KR_ERR_MEMORY;
	if (batch)
		add(batch, record);
	kri_redis_batch_start(batch, committed, done, arg);
}

static bool is_waited_for(const struct kri_record *record)
{
	return record->operation != KRI_OP_TOUCH && !kri_redis_is_login(record);
}

static void change(struct kri_redis_link *link, struct kri_record **records,
		   size_t n, size_t changes, kri_store_done *done, void *arg)
{
	struct kri_redis_batch *batch = NULL;

	if (changes)
		batch = kri_redis_batch_take(link, changes);
	for (size_t i = 0; i < n; i++) {
		if (!is_waited_for(records[i]))
			continue;
		records[i]->err = KR_ERR_MEMORY;
		if (batch)
			add(batch, records[i]);
	}
	kri_redis_batch_start(batch, committed, done, arg);
}

void kri_redis_commit(struct kri_link *base, struct kri_record **records,
		      size_t n, kri_store_done *done, void *arg)
{
	struct kri_redis_link *link = (struct kri_redis_link *)base;
	size_t touches = 0, logins = 0, users = 0;

	link->writer.now = kri_clock_epoch_ms();
	for (size_t i = 0; i < n; i++) {
		touches += records[i]->operation == KRI_OP_TOUCH;
		logins += kri_redis_is_login(records[i]);
		users += records[i]->user.len > 0;
	}
	if (touches)
		touch(link, records, n, touches);
	if (users)
		kri_redis_users_keep_up(link, records, n);
	if (logins)
		kri_redis_login(link, records, n, logins, &done, &arg);
	change(link, records, n, n - touches - logins, done, arg);
}
