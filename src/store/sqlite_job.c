/*
 * Copies what a job needs of the caller's records into its own memory when
 * the link takes it, and its results back when it is delivered: both on the
 * link's thread, so that records need no lock.
 */
#include "store/sqlite_job.h"

#include <stdlib.h>

#include "base/clock.h"

#define CHUNK (16 << 10) /* bytes that an idle job keeps */

struct kri_sqlite_job *kri_sqlite_job_make(void)
{
	struct kri_sqlite_job *job = calloc(1, sizeof(*job));

	/* What it holds is bounded by the limits of sessions. */
	if (job)
		kri_arena_init(&job->arena, CHUNK, SIZE_MAX);
	return job;
}

void kri_sqlite_job_free(struct kri_sqlite_job *job)
{
	kri_arena_free(&job->arena);
	free(job);
}

void kri_sqlite_job_reset(struct kri_sqlite_job *job)
{
	struct kri_arena arena = job->arena;

	kri_arena_reset(&arena);
	*job = (struct kri_sqlite_job){.arena = arena};
}

/* ---- taking ----------------------------------------------------------- */

static enum kr_err make_room(struct kri_sqlite_job *job, size_t n)
{
	job->now = kri_clock_epoch_ms();
	job->n = n;
	job->records =
		kri_arena_alloc(&job->arena, n * sizeof(struct kri_record *));
	job->copies = kri_arena_alloc(&job->arena, n * sizeof(*job->copies));
	job->versions = kri_arena_alloc(&job->arena, n * sizeof(int64_t));
	return job->records && job->copies && job->versions ? KR_OK
							    : KR_ERR_MEMORY;
}

enum kr_err kri_sqlite_job_load(struct kri_sqlite_job *job,
				struct kri_record **records, size_t n)
{
	enum kr_err err = make_room(job, n);

	for (size_t i = 0; i < n && !err; i++) {
		job->records[i] = records[i];
		job->copies[i] = (struct kri_record){.arena = &job->arena};
		memcpy(job->copies[i].id, records[i]->id,
		       sizeof(records[i]->id));
	}
	return err;
}

/* Of the values, only those that the commit changes. */
static enum kr_err copy_values(struct kri_record *copy,
			       const struct kri_record *record)
{
	enum kr_err err;

	copy->values = NULL;
	copy->n = copy->cap = 0;
	err = kri_record_reserve(copy, record->n);
	for (size_t i = 0; i < record->n && !err; i++) {
		const struct kri_value *value = &record->values[i];
		struct kri_value *to = &copy->values[copy->n];

		if (value->change == KRI_CHANGE_KEPT)
			continue;
		to->change = value->change;
		to->key = kri_arena_dup(copy->arena, value->key);
		to->data = kri_arena_dup(copy->arena, value->data);
		if (!to->key.data || !to->data.data)
			err = KR_ERR_MEMORY;
		copy->n++;
	}
	return err;
}

static enum kr_err copy_record(struct kri_sqlite_job *job, size_t i,
			       struct kri_record *record)
{
	struct kri_record *copy = &job->copies[i];
	bool touch = record->operation == KRI_OP_TOUCH;

	*copy = *record;
	copy->arena = &job->arena;
	job->records[i] = touch ? NULL : record;
	job->patient &= touch;
	if (touch) {
		copy->n = 0;
		return KR_OK;
	}
	copy->user = kri_arena_dup(&job->arena, record->user);
	return copy->user.data ? copy_values(copy, record) : KR_ERR_MEMORY;
}

enum kr_err kri_sqlite_job_commit(struct kri_sqlite_job *job,
				  struct kri_record **records, size_t n)
{
	enum kr_err err = make_room(job, n);

	job->writes = job->patient = true;
	for (size_t i = 0; i < n && !err; i++)
		err = copy_record(job, i, records[i]);
	return err;
}

void kri_sqlite_job_list(struct kri_sqlite_job *job,
			 struct kri_listing *listing)
{
	job->now = kri_clock_epoch_ms();
	job->listing = listing;
	job->walk = *listing;
	job->walk.arena = &job->arena;
}

void kri_sqlite_job_examine(struct kri_sqlite_job *job,
			    struct kri_examination *examination)
{
	job->now = kri_clock_epoch_ms();
	job->examination = examination;
	job->last_finding = &job->findings;
}

/* A copy of an id, which is NULL if it is. */
static enum kr_err copy_id(struct kri_arena *arena, const char **id)
{
	if (*id)
		*id = kri_arena_dup(arena, kri_text_of(*id)).data;
	else
		return KR_OK;
	return *id ? KR_OK : KR_ERR_MEMORY;
}

enum kr_err kri_sqlite_job_query(struct kri_sqlite_job *job,
				 struct kri_user_query *query, bool writes)
{
	struct kri_user_query *asked = &job->asked;
	enum kr_err err;

	job->now = kri_clock_epoch_ms();
	job->query = query;
	job->writes = writes;
	*asked = *query;
	asked->arena = &job->arena;
	asked->user = kri_arena_dup(&job->arena, query->user);
	err = asked->user.data ? KR_OK : KR_ERR_MEMORY;
	if (!err)
		err = copy_id(&job->arena, &asked->keep);
	if (!err)
		err = copy_id(&job->arena, &asked->only);
	return err;
}

enum kr_err kri_sqlite_job_count(struct kri_sqlite_job *job,
				 struct kri_counter *counter)
{
	job->now = kri_clock_epoch_ms();
	job->counter = counter;
	job->writes = counter->add != 0;
	job->counted = *counter;
	job->counted.name = kri_arena_dup(&job->arena, counter->name);
	return job->counted.name.data ? KR_OK : KR_ERR_MEMORY;
}

void kri_sqlite_job_find(struct kri_sqlite_job *job, enum kri_finding finding,
			 const struct kri_buffer *text, const char *mend)
{
	struct kri_sqlite_finding *found =
		kri_arena_alloc(&job->arena, sizeof(*found));
	struct kri_text copy = kri_text(NULL, 0);

	if (!text->failed)
		copy = kri_arena_dup(&job->arena,
				     kri_text(text->data, text->len + 1));
	if (!found || !copy.data)
		return;
	*found = (struct kri_sqlite_finding){
		.finding = finding, .text = copy.data, .mend = mend};
	*job->last_finding = found;
	job->last_finding = &found->next;
}

/* ---- delivering ------------------------------------------------------- */

static enum kr_err deliver_values(struct kri_record *record,
				  const struct kri_record *copy)
{
	enum kr_err err = kri_record_reserve(record, copy->n);

	for (size_t i = 0; i < copy->n && !err; i++) {
		struct kri_value *to = &record->values[i];

		*to = (struct kri_value){
			.key = kri_arena_dup(record->arena,
					     copy->values[i].key),
			.data = kri_arena_dup(record->arena,
					      copy->values[i].data),
		};
		if (!to->key.data || !to->data.data)
			err = KR_ERR_MEMORY;
		else
			record->n++;
	}
	return err;
}

static void deliver_load(struct kri_record *record,
			 const struct kri_record *copy)
{
	kri_record_clear(record);
	record->err = copy->err;
	if (record->err)
		return;
	memcpy(record->auth, copy->auth, KRI_DIGEST_SIZE);
	memcpy(record->was, copy->was, KRI_DIGEST_SIZE);
	record->was_at = copy->was_at;
	record->born = copy->born;
	record->version = copy->version;
	record->seen = copy->seen;
	record->left = copy->left;
	record->err = deliver_values(record, copy);
}

static void deliver_commit(struct kri_record *record, enum kr_err err,
			   int64_t version)
{
	record->err = err;
	if (!err && record->operation != KRI_OP_DESTROY)
		record->version = version;
}

static enum kr_err deliver_ids(struct kri_arena *arena, const char ***to,
			       const char **ids, size_t n)
{
	*to = kri_arena_alloc(arena, n * sizeof(**to));
	if (!*to)
		return KR_ERR_MEMORY;
	for (size_t i = 0; i < n; i++) {
		struct kri_text id =
			kri_arena_dup(arena, kri_text(ids[i], KRI_ID_LEN));

		if (!id.data)
			return KR_ERR_MEMORY;
		(*to)[i] = id.data;
	}
	return KR_OK;
}

static void deliver_listing(struct kri_listing *listing,
			    const struct kri_listing *walk)
{
	listing->n = 0;
	listing->err = walk->err;
	if (!listing->err)
		listing->err = deliver_ids(listing->arena, &listing->ids,
					   walk->ids, walk->n);
	if (listing->err)
		return;
	listing->n = walk->n;
	memcpy(listing->last, walk->last, sizeof(listing->last));
	listing->end = walk->end;
}

static void deliver_query(struct kri_user_query *query,
			  const struct kri_user_query *asked)
{
	query->n = 0;
	query->ended = asked->ended;
	query->err = asked->err;
	if (!query->err && asked->n)
		query->err = deliver_ids(query->arena, &query->ids, asked->ids,
					 asked->n);
	if (!query->err)
		query->n = asked->n;
}

static void deliver_count(struct kri_counter *counter,
			  const struct kri_counter *counted)
{
	counter->value = counted->value;
	counter->left = counted->left;
	counter->err = counted->err;
}

static void tell_not_examined(const struct kri_examination *examination,
			      enum kr_err err)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;

	kri_buffer_printf(&text, "the file was not examined: %s",
			  kr_strerror(err));
	if (!text.failed)
		examination->tell(examination->arg, KRI_FINDING_UNKNOWN,
				  text.data, NULL);
	kri_buffer_free(&text);
}

static void deliver_findings(const struct kri_sqlite_job *job)
{
	const struct kri_examination *examination = job->examination;

	if (job->walk.err)
		tell_not_examined(examination, job->walk.err);
	for (const struct kri_sqlite_finding *at = job->findings; at;
	     at = at->next)
		examination->tell(examination->arg, at->finding, at->text,
				  at->mend);
}

void kri_sqlite_job_deliver(struct kri_sqlite_job *job)
{
	if (job->examination)
		deliver_findings(job);
	if (job->listing)
		deliver_listing(job->listing, &job->walk);
	if (job->query)
		deliver_query(job->query, &job->asked);
	if (job->counter)
		deliver_count(job->counter, &job->counted);
	for (size_t i = 0; i < job->n; i++) {
		if (!job->records[i])
			continue;
		if (job->writes)
			deliver_commit(job->records[i], job->copies[i].err,
				       job->versions[i]);
		else
			deliver_load(job->records[i], &job->copies[i]);
	}
}

void kri_sqlite_job_fail(struct kri_sqlite_job *job, enum kr_err err)
{
	if (job->listing) {
		job->listing->n = 0;
		job->listing->err = err;
	}
	if (job->examination)
		tell_not_examined(job->examination, err);
	if (job->query) {
		job->query->n = 0;
		job->query->err = err;
	}
	if (job->counter)
		job->counter->err = err;
	for (size_t i = 0; i < job->n; i++) {
		if (!job->records[i])
			continue;
		if (!job->writes)
			kri_record_clear(job->records[i]);
		job->records[i]->err = err;
	}
}

void kri_sqlite_job_fail_copies(struct kri_sqlite_job *job, enum kr_err err)
{
	job->walk.err = job->asked.err = job->counted.err = err;
	for (size_t i = 0; i < job->n; i++)
		job->copies[i].err = err;
}
