/*
 * What Redis says of itself, server after server, as an operator should hear
 * it: INFO and TIME, which read nothing of sessions.
 * (redis.io/commands/info, redis.io/commands/time)
 */
#include "store/redis_link.h"

#include <stdlib.h>

#include "base/clock.h"
#include "redis/command.h"
#include "redis/info.h"
#include "redis/watch.h"

#define ROOM ((size_t)64 << 10) /* bytes of INFO's reply */
#define CLOCK_MOST 2000         /* ms that clocks may differ */

/* ---- INFO ------------------------------------------------------------- */

static void tell(struct kri_examination *examination, enum kri_finding finding,
		 struct kri_buffer *text, const char *mend)
{
	if (!text->failed)
		examination->tell(examination->arg, finding, text->data, mend);
	kri_buffer_clear(text);
}

/* "redis 7.0.15 at ..." */
static void tell_server(struct kri_examination *examination,
			struct kri_text info, struct kri_buffer *text)
{
	struct kri_text version = kri_info_value(info, "valkey_version");
	const char *name = "Valkey";
	bool replica = kri_info_says(info, "role", "slave");

	if (!version.data) {
		version = kri_info_value(info, "redis_version");
		name = "Redis";
	}
	kri_buffer_printf(text, "%s %.*s, a %s, port %.*s", name,
			  (int)version.len, version.data ? version.data : "?",
			  replica ? "replica" : "primary",
			  (int)kri_info_value(info, "tcp_port").len,
			  kri_info_value(info, "tcp_port").data);
	tell(examination, replica ? KRI_FINDING_BAD : KRI_FINDING_GOOD, text,
	     replica ? "name the primary, or the Sentinels and "
		       "redis.service_name"
		     : NULL);
}

static void tell_eviction(struct kri_examination *examination,
			  struct kri_text info, struct kri_buffer *text)
{
	struct kri_text policy = kri_info_value(info, "maxmemory_policy");
	bool bounded = !kri_info_says(info, "maxmemory", "0");

	if (!policy.data)
		return;
	kri_buffer_printf(text, "maxmemory-policy is %.*s", (int)policy.len,
			  policy.data);
	if (kri_text_equal(policy, KRI_TEXT("noeviction"))) {
		tell(examination, KRI_FINDING_GOOD, text, NULL);
		return;
	}
	kri_buffer_string(text, ": a full Redis drops sessions without a word");
	if (!bounded)
		kri_buffer_string(text, "; for now it has no maxmemory");
	tell(examination, bounded ? KRI_FINDING_BAD : KRI_FINDING_WARNING, text,
	     "CONFIG SET maxmemory-policy noeviction, and the same in "
	     "redis.conf");
}

static void tell_persistence(struct kri_examination *examination,
			     struct kri_text info, struct kri_buffer *text)
{
	bool aof = kri_info_says(info, "aof_enabled", "1");
	bool failed =
		(aof && kri_info_says(info, "aof_last_write_status", "err")) ||
		kri_info_says(info, "rdb_last_bgsave_status", "err");

	if (!kri_info_value(info, "aof_enabled").data)
		return;
	if (failed)
		kri_buffer_string(text,
				  "Redis cannot write to its disk; it may "
				  "refuse changes, and a restart loses them");
	else
		kri_buffer_printf(text, "its append-only file is %s",
				  aof ? "on"
				      : "off: sessions since the last snapshot "
					"do not outlive it");
	tell(examination, failed ? KRI_FINDING_BAD : KRI_FINDING_GOOD, text,
	     failed ? "look at its log and its disk" : NULL);
}

static void tell_info(struct kri_examination *examination, struct kri_text info)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;

	tell_server(examination, info, &text);
	tell_eviction(examination, info, &text);
	tell_persistence(examination, info, &text);
	kri_buffer_free(&text);
}

/* ---- TIME ------------------------------------------------------------- */

static bool read_time(const struct kri_reply *reply, int64_t *seconds)
{
	return reply->type == KRI_REPLY_ARRAY && reply->n == 2 &&
	       reply->elements[0]->type == KRI_REPLY_STRING &&
	       !kri_text_to_int(reply->elements[0]->text, 0, INT64_MAX / 2000,
				seconds);
}

static void tell_time(struct kri_examination *examination, int64_t seconds)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;
	int64_t apart = seconds * 1000 - kri_clock_epoch_ms();
	bool far = apart > CLOCK_MOST || apart < -CLOCK_MOST;

	kri_buffer_printf(&text, "its clock is %lld s %s ours",
			  (long long)(apart < 0 ? -apart : apart) / 1000,
			  apart < 0 ? "behind" : "ahead of");
	if (!far) {
		kri_buffer_clear(&text);
		kri_buffer_string(&text, "its clock agrees with ours");
	}
	tell(examination, far ? KRI_FINDING_WARNING : KRI_FINDING_GOOD, &text,
	     far ? "let a time service run on both machines" : NULL);
	kri_buffer_free(&text);
}

/* ---- the questions ---------------------------------------------------- */

static void put_question(struct kri_redis_batch *batch, const char *command,
			 size_t place)
{
	struct kri_buffer *out = &batch->pipeline.commands;
	struct kri_call *call = kri_redis_batch_call(batch);
	const char *const words[] = {command, NULL};

	kri_command_strings(out, words);
	call->cuts[++call->replies] = out->len;
	call->place = place;
	call->repeatable = true;
	call->room = ROOM;
}

static void tell_refused(struct kri_examination *examination,
			 const char *command, const char *right)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;

	kri_buffer_printf(&text, "Redis does not let us ask: %s", command);
	tell(examination, KRI_FINDING_UNKNOWN, &text, right);
	kri_buffer_free(&text);
}

static void tell_reply(struct kri_examination *examination,
		       const struct kri_call *info, const struct kri_call *time)
{
	int64_t seconds;

	if (!info->err && info->reply[0]->type == KRI_REPLY_STRING)
		tell_info(examination, info->reply[0]->text);
	else
		tell_refused(examination, "INFO (eviction, persistence)",
			     "ACL SETUSER ... +info");
	if (!time->err && read_time(time->reply[0], &seconds))
		tell_time(examination, seconds);
	else
		tell_refused(examination, "TIME (its clock)",
			     "ACL SETUSER ... +time");
}

/* ---- session.cache ---------------------------------------------------- */

/* Whether it can be followed is found out by following it. */
struct trial {
	struct kri_watch *watch;
	struct kri_redis_batch *batch; /* whose end waits for it */
};

static void end_trial(struct trial *trial)
{
	struct kri_redis_batch *batch = trial->batch;

	kri_watch_close(&trial->watch);
	free(trial);
	kri_redis_batch_done(batch);
}

static void on_assured(void *arg, int64_t since)
{
	struct trial *trial = arg;
	struct kri_examination *examination = trial->batch->examination;

	(void)since;
	examination->tell(examination->arg, KRI_FINDING_GOOD,
			  "Redis tells what changes: session.cache can keep "
			  "its promise",
			  NULL);
	end_trial(trial);
}

static void on_lost(void *arg, const char *why, bool hopeless)
{
	struct trial *trial = arg;
	struct kri_buffer text = KRI_BUFFER_EMPTY;

	kri_buffer_printf(&text,
			  "session.cache does nothing: Redis does not tell "
			  "what changes: %s",
			  why);
	tell(trial->batch->examination, KRI_FINDING_BAD, &text,
	     hopeless ? "Redis 6 or later, and ACL SETUSER ... " KRI_FOLLOW_ACL
		      : NULL);
	kri_buffer_free(&text);
	end_trial(trial);
}

static void on_changed(void *arg, struct kri_text rest)
{
	(void)arg;
	(void)rest;
}

static void on_heard(void *arg, int64_t lease)
{
	(void)arg;
	(void)lease;
}

static const struct kri_watch_owner trier = {
	.changed = on_changed,
	.heard = on_heard,
	.assured = on_assured,
	.lost = on_lost,
};

static void try_to_follow(struct kri_redis_batch *batch)
{
	struct kri_redis_store *store =
		(struct kri_redis_store *)batch->link->base.store;
	struct trial *trial = calloc(1, sizeof(*trial));
	enum kr_err err = KR_ERR_MEMORY;

	if (trial)
		err = kri_watch_open(store->topology, batch->link->loop,
				     batch->link->writer.prefix,
				     store->config->cache, &trier, trial,
				     &trial->watch);
	if (err) {
		free(trial);
		kri_redis_batch_done(batch);
		return;
	}
	trial->batch = batch;
	kri_watch_ask(trial->watch);
}

static void examined(struct kri_redis_batch *batch)
{
	struct kri_pipeline *pipeline = &batch->pipeline;
	const struct kri_redis_store *store =
		(const struct kri_redis_store *)batch->link->base.store;

	for (size_t i = 0; i + 1 < pipeline->n; i += 2)
		tell_reply(batch->examination, &pipeline->calls[i],
			   &pipeline->calls[i + 1]);
	if (store->config->cache && !batch->link->closing)
		try_to_follow(batch);
	else
		kri_redis_batch_done(batch);
}

void kri_redis_examine(struct kri_link *base,
		       struct kri_examination *examination,
		       kri_store_done *done, void *arg)
{
	struct kri_redis_link *link = (struct kri_redis_link *)base;
	size_t places = kri_client_places(link->client);
	struct kri_redis_batch *batch = kri_redis_batch_take(link, 2 * places);

	if (!batch) {
		done(arg);
		return;
	}
	batch->done = done;
	batch->arg = arg;
	batch->examination = examination;
	for (size_t i = 0; i < places; i++) {
		put_question(batch, "INFO", i);
		put_question(batch, "TIME", i);
	}
	kri_redis_batch_submit(batch, examined);
}
