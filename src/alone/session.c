/*
 * The steps, one at a time: while the store is asked, the program's changes
 * are refused, as they would be lost. After a step that failed everything is
 * refused, until the program begins again with what the store has then.
 */
#include "alone/session.h"

#include <stdlib.h>

#include "base/clock.h"

#define ARENA_CHUNK 2048
#define ARENA_SPARE ((size_t)256 << 10) /* over what a session may hold */

struct kri_alone *kri_alone_of(struct kr_session *session)
{
	struct kri_visit *visit =
		(void *)((char *)session - offsetof(struct kri_visit, session));

	return visit->alone;
}

/* ---- life ------------------------------------------------------------- */

/* The loads have bounds of their own, and are few. */
static void open_arenas(struct kri_alone *alone)
{
	size_t most = (size_t)alone->store->config->max_size;

	kri_arena_init(&alone->arena, ARENA_CHUNK, ARENA_SPARE + 4 * most);
	kri_arena_init(&alone->loads, ARENA_CHUNK, SIZE_MAX);
}

enum kr_err kri_alone_open(struct kr_store *store, const char *const *cookies,
			   bool atomic, struct kri_alone **alone)
{
	struct kri_alone *made = calloc(1, sizeof(*made));

	if (!made)
		return KR_ERR_MEMORY;
	made->store = store;
	made->atomic = atomic;
	open_arenas(made);
	kri_visit_begin(&made->visit, store->config, &store->cookie,
			&made->arena);
	made->visit.alone = made;
	for (; cookies && *cookies; cookies++)
		kri_visit_cookies(&made->visit, kri_text_of(*cookies));
	*alone = made;
	return KR_OK;
}

static void wipe_cookies(struct kri_alone *alone)
{
	kri_buffer_wipe(&alone->cookies[0]);
	kri_buffer_wipe(&alone->cookies[1]);
}

void kri_alone_close(struct kri_alone **alone)
{
	struct kri_alone *closed = *alone;

	*alone = NULL;
	if (!closed)
		return;
	kri_visit_end(&closed->visit);
	wipe_cookies(closed);
	kri_buffer_free(&closed->cookies[0]);
	kri_buffer_free(&closed->cookies[1]);
	kri_arena_free(&closed->arena);
	kri_arena_free(&closed->loads);
	free(closed);
}

/* ---- steps ------------------------------------------------------------ */

/* Until it is finished nobody else may change the session. */
static void start(struct kri_alone *alone, struct kri_link *link,
		  kri_alone_finished *finished)
{
	alone->busy = true;
	alone->link = link;
	alone->finished = finished;
	alone->visit.session.refusal = KR_ERR_ARGUMENT;
}

void kri_alone_keep(struct kri_alone *alone, enum kr_err err)
{
	alone->failed = err;
	alone->visit.session.refusal = err;
	/* The client's cookie is old, and ours may be older. */
	if (err == KR_ERR_RENEWED || err == KR_ERR_GONE)
		wipe_cookies(alone);
}

static void finish(struct kri_alone *alone, enum kr_err err)
{
	alone->busy = false;
	alone->result = err;
	kri_alone_keep(alone, err);
	alone->finished(alone, err);
}

/* ---- load ------------------------------------------------------------- */

bool kri_alone_names_any(const struct kri_alone *alone)
{
	return alone->visit.n > 0;
}

static void tidied(void *arg)
{
	struct kri_alone *alone = arg;
	struct kri_record *record = alone->visit.session.record;

	if (record) {
		record->operation = KRI_OP_NONE;
		record->ttl = 0;
	}
	finish(alone, KR_OK);
}

/* Not later: who only reads, and who never comes to close it, are served as
 * well. */
static void tidy(struct kri_alone *alone)
{
	size_t kept = 0;

	for (size_t i = 0; i < alone->n; i++)
		if (alone->records[i]->operation != KRI_OP_NONE)
			alone->records[kept++] = alone->records[i];
	if (kept)
		alone->link->store->ops->commit(alone->link, alone->records,
						kept, tidied, alone);
	else
		tidied(alone);
}

static void loaded(void *arg)
{
	struct kri_alone *alone = arg;
	enum kr_err err = kri_visit_adopt(&alone->visit);

	if (err)
		finish(alone, err);
	else
		tidy(alone);
}

/* Two candidates may name the same session with other secrets. */
static struct kri_record *record_of(struct kri_alone *alone, const char *id)
{
	struct kri_record *record;

	for (size_t i = 0; i < alone->n; i++)
		if (!memcmp(alone->records[i]->id, id, KRI_ID_LEN))
			return alone->records[i];
	record = kri_arena_alloc(&alone->loads, sizeof(*record));
	if (!record)
		return NULL;
	*record = (struct kri_record){
		.arena = &alone->loads,
		.trust = alone->anew ? KRI_TRUST_STORE : KRI_TRUST_COPY,
	};
	memcpy(record->id, id, sizeof(record->id));
	alone->records[alone->n++] = record;
	return record;
}

void kri_alone_load(struct kri_alone *alone, struct kri_link *link,
		    kri_alone_finished *finished)
{
	struct kri_visit *visit = &alone->visit;

	start(alone, link, finished);
	alone->n = 0;
	for (size_t i = 0; i < visit->n; i++) {
		struct kri_candidate *candidate = &visit->candidates[i];

		candidate->record = record_of(alone, candidate->token.id);
		if (!candidate->record) {
			finish(alone, KR_ERR_MEMORY);
			return;
		}
	}
	link->store->ops->load(link, alone->records, alone->n, loaded, alone);
}

/* ---- commit ----------------------------------------------------------- */

/* An older text stays where there is no newer one: the program may ask after
 * several commits. Also that of a session which has ended since, so that the
 * client forgets what it may have been told. */
static bool keep_cookie(struct kri_alone *alone, bool secure)
{
	struct kri_buffer *kept = &alone->cookies[secure];
	struct kri_buffer text = KRI_BUFFER_EMPTY;
	bool failed;

	kri_visit_cookie(&alone->visit, secure, &text);
	failed = text.failed;
	if (text.len && !failed) {
		kri_buffer_wipe(kept);
		kri_buffer_append(kept, kri_buffer_text(&text));
		failed = kept->failed;
	}
	kri_buffer_wipe(&text);
	kri_buffer_free(&text);
	return !failed;
}

/* What was to be written is what has been loaded, as it were. */
static void make_loaded(struct kri_record *record)
{
	size_t kept = 0;

	for (size_t i = 0; i < record->n; i++) {
		if (record->values[i].change == KRI_CHANGE_REMOVED)
			continue;
		record->values[kept] = record->values[i];
		record->values[kept++].change = KRI_CHANGE_KEPT;
	}
	record->n = kept;
	if (record->ttl)
		record->seen = kri_clock_epoch_ms();
	record->operation = KRI_OP_NONE;
	if (record->outlived)
		record->was_at = 0;
	record->exact = record->renewed = record->outlived = false;
	record->entering = false;
	record->ttl = 0;
}

/* The claim is the token that the client gets, if it gets one. */
static void make_claim(struct kri_visit *visit)
{
	const struct kr_session *session = &visit->session;
	struct kri_candidate *own = &visit->candidates[0];

	if (session->record && *session->token.id) {
		own->token = session->token;
		visit->n = 1;
		if (!visit->parsed)
			visit->parsed = 1;
		visit->proven = visit->has_cookie = true;
		visit->standing = KRI_STANDING_OPEN;
	} else if (session->destroyed) {
		visit->n = 0;
		visit->proven = false;
	}
}

/* All is stored: further changes are to it as it is now. */
static void go_on(struct kri_alone *alone)
{
	struct kri_visit *visit = &alone->visit;
	struct kri_record *record = visit->session.record;

	make_claim(visit);
	if (record)
		make_loaded(record);
	kri_session_begin(&visit->session, visit->config, &alone->arena);
	visit->session.record = record;
}

static enum kr_err succeed(struct kri_alone *alone)
{
	bool kept = keep_cookie(alone, false) && keep_cookie(alone, true);

	go_on(alone);
	/* It is stored, but the client would not learn of it. */
	return kept ? KR_OK : KR_ERR_MEMORY;
}

enum kr_err kri_alone_change(struct kri_alone *alone, bool *waits)
{
	struct kri_visit *visit = &alone->visit;
	enum kr_err err = alone->failed;

	*waits = false;
	if (err)
		return err;
	kri_visit_enter(visit);
	err = kri_visit_leave(visit, alone->atomic, waits);
	if (!err && !*waits)
		err = succeed(alone);
	if (!err)
		return KR_OK;
	*waits = false;
	kri_alone_keep(alone, err);
	return err;
}

static void committed(void *arg)
{
	struct kri_alone *alone = arg;
	enum kr_err err = kri_visit_settle(&alone->visit);

	alone->outrun = err == KR_ERR_RENEWED;
	finish(alone, err ? err : succeed(alone));
}

static void collect(struct kri_alone *alone, struct kri_record *record)
{
	if (record && record->operation != KRI_OP_NONE)
		alone->records[alone->n++] = record;
}

void kri_alone_commit(struct kri_alone *alone, struct kri_link *link,
		      kri_alone_finished *finished)
{
	start(alone, link, finished);
	alone->n = 0;
	collect(alone, alone->visit.session.ended);
	collect(alone, alone->visit.session.record);
	link->store->ops->commit(link, alone->records, alone->n, committed,
				 alone);
}

/* ---- again ------------------------------------------------------------ */

void kri_alone_again(struct kri_alone *alone)
{
	kri_visit_again(&alone->visit,
			alone->outrun ? KR_ERR_RENEWED : KR_ERR_CONFLICT);
	alone->failed = KR_OK;
	alone->outrun = false;
	alone->anew = true;
	kri_arena_reset(&alone->arena);
	kri_arena_reset(&alone->loads);
}
