/*
 * The sessions of a user, found by the index on the value @user: the limit of
 * them, which is part of a commit, and their list and end. And counters.
 */
#include "store/postgresql_link.h"

static struct kri_pg_params *begin_params(struct kri_postgresql_batch *batch)
{
	kri_pg_params_clear(&batch->link->params);
	return &batch->link->params;
}

static void submit(struct kri_postgresql_batch *batch,
		   void (*put)(struct kri_pg_job *job,
			       struct kri_pg_client *client),
		   void (*done)(struct kri_pg_job *job), bool repeatable)
{
	batch->job.put = put;
	batch->job.done = done;
	batch->job.repeatable = repeatable;
	kri_postgresql_batch_submit(batch);
}

static void put_id(struct kri_pg_params *params, const char *id)
{
	kri_pg_put_text(params, kri_text_of(id));
}

/* ---- the limit of a user's sessions -------------------------------------- */

static const struct kri_config *config_of(
	const struct kri_postgresql_link *link)
{
	return ((const struct kri_postgresql_store *)link->base.store)->config;
}

bool kri_postgresql_refuses(const struct kri_postgresql_link *link)
{
	return config_of(link)->max_per_user_rule == KRI_USER_REFUSE;
}

bool kri_postgresql_is_limited(const struct kri_postgresql_link *link,
			       const struct kri_record *record)
{
	return record->entering && config_of(link)->max_per_user;
}

/* Where others make room, there is always some. */
void kri_postgresql_put_room(struct kri_postgresql_batch *batch)
{
	struct kri_pg_params *params = &batch->link->params;

	kri_pg_put_text(params, batch->records[0]->user);
	kri_pg_put_int(params, kri_postgresql_refuses(batch->link)
				       ? config_of(batch->link)->max_per_user
				       : INT64_MAX);
}

/* The user's lock first; and where others may have to make room, theirs with
 * its own. */
void kri_postgresql_send_enter(struct kri_postgresql_batch *batch,
			       struct kri_pg_client *client)
{
	struct kri_pg_params *params = begin_params(batch);

	kri_pg_put_text(params, batch->records[0]->user);
	kri_pg_send(client, KRI_SQL_ENTER, params);
	if (kri_postgresql_refuses(batch->link))
		return;
	params = begin_params(batch);
	kri_pg_put_array(params, KRI_PG_TEXT, 1);
	put_id(params, batch->records[0]->id);
	kri_pg_put_text(params, batch->records[0]->user);
	kri_pg_send(client, KRI_SQL_LOCK_USER, params);
}

void kri_postgresql_send_limit(struct kri_postgresql_batch *batch,
			       struct kri_pg_client *client)
{
	struct kri_pg_params *params = begin_params(batch);

	kri_pg_put_text(params, batch->records[0]->user);
	put_id(params, batch->records[0]->id);
	kri_pg_put_int(params, config_of(batch->link)->max_per_user - 1);
	kri_pg_send(client, KRI_SQL_LIMIT, params);
}

/* ---- list and end -------------------------------------------------------- */

static void put_list(struct kri_pg_job *job, struct kri_pg_client *client)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;
	struct kri_pg_params *params = begin_params(batch);

	kri_pg_put_text(params, batch->query->user);
	kri_pg_send(client, KRI_SQL_LIST_USER, params);
}

static void put_end(struct kri_pg_job *job, struct kri_pg_client *client)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;
	struct kri_pg_params *params = begin_params(batch);

	kri_pg_put_text(params, batch->query->user);
	put_id(params, batch->query->keep ? batch->query->keep : "");
	put_id(params, batch->query->only ? batch->query->only : "");
	kri_pg_send(client, KRI_SQL_END_USER, params);
}

static enum kr_err read_ids(const struct kri_pg_rows *rows,
			    struct kri_user_query *query)
{
	size_t n = kri_pg_rows_count(rows);

	query->ids = kri_arena_alloc(query->arena, n * sizeof(*query->ids));
	if (!query->ids)
		return KR_ERR_MEMORY;
	for (size_t i = 0; i < n; i++) {
		struct kri_text id = kri_pg_field(rows, i, 0);

		if (id.len != KRI_ID_LEN)
			continue; /* none of ours */
		id = kri_arena_dup(query->arena, id);
		if (!id.data)
			return KR_ERR_MEMORY;
		query->ids[query->n++] = id.data;
	}
	return KR_OK;
}

static void listed(struct kri_pg_job *job)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;
	struct kri_user_query *query = batch->query;

	query->err = job->err;
	if (!job->err)
		query->err = read_ids(job->rows[0], query);
	if (query->err)
		query->n = 0;
	kri_postgresql_batch_done(batch);
}

static void ended(struct kri_pg_job *job)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;
	struct kri_user_query *query = batch->query;

	query->err = job->err;
	if (!job->err && !kri_pg_field_int(job->rows[0], 0, 0, &query->ended))
		query->err = KR_ERR_PROTOCOL;
	kri_postgresql_batch_done(batch);
}

static struct kri_postgresql_batch *begin_query(struct kri_link *base,
						struct kri_user_query *query,
						kri_store_done *done, void *arg)
{
	struct kri_postgresql_batch *batch = kri_postgresql_batch_take(
		(struct kri_postgresql_link *)base, 0);

	query->n = 0;
	query->ended = 0;
	if (!batch) {
		query->err = KR_ERR_MEMORY;
		done(arg);
		return NULL;
	}
	batch->query = query;
	batch->done = done;
	batch->arg = arg;
	return batch;
}

void kri_postgresql_user_list(struct kri_link *base,
			      struct kri_user_query *query,
			      kri_store_done *done, void *arg)
{
	struct kri_postgresql_batch *batch =
		begin_query(base, query, done, arg);

	if (batch)
		submit(batch, put_list, listed, true);
}

/* Sent twice it ends what is there, though it may count what is left only. */
void kri_postgresql_user_end(struct kri_link *base,
			     struct kri_user_query *query, kri_store_done *done,
			     void *arg)
{
	struct kri_postgresql_batch *batch =
		begin_query(base, query, done, arg);

	if (!batch)
		return;
	batch->job.patient = true;
	submit(batch, put_end, ended, true);
}

/* ---- counters ------------------------------------------------------------ */

static void put_count(struct kri_pg_job *job, struct kri_pg_client *client)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;
	const struct kri_counter *counter = batch->counter;
	struct kri_pg_params *params = begin_params(batch);

	kri_pg_put_text(params, counter->name);
	if (counter->add) {
		kri_pg_put_int(params, counter->add);
		kri_pg_put_int(params, counter->ttl);
	}
	kri_pg_send(client, counter->add ? KRI_SQL_COUNT : KRI_SQL_COUNTED,
		    params);
}

/* One that is only looked at need not be there. */
static enum kr_err read_counter(const struct kri_pg_rows *rows,
				struct kri_counter *counter)
{
	if (!kri_pg_rows_count(rows))
		return counter->add ? KR_ERR_PROTOCOL : KR_OK;
	if (!kri_pg_field_int(rows, 0, 0, &counter->value) ||
	    !kri_pg_field_int(rows, 0, 1, &counter->left))
		return KR_ERR_PROTOCOL;
	return KR_OK;
}

static void counted(struct kri_pg_job *job)
{
	struct kri_postgresql_batch *batch = (struct kri_postgresql_batch *)job;
	struct kri_counter *counter = batch->counter;

	counter->err = job->err;
	if (!job->err)
		counter->err = read_counter(job->rows[0], counter);
	kri_postgresql_batch_done(batch);
}

void kri_postgresql_count_up(struct kri_link *base, struct kri_counter *counter,
			     kri_store_done *done, void *arg)
{
	struct kri_postgresql_batch *batch = kri_postgresql_batch_take(
		(struct kri_postgresql_link *)base, 0);

	counter->value = counter->left = 0;
	if (!batch) {
		counter->err = KR_ERR_MEMORY;
		done(arg);
		return;
	}
	batch->counter = counter;
	batch->done = done;
	batch->arg = arg;
	submit(batch, put_count, counted, !counter->add);
}
