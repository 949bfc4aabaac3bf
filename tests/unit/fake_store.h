/*
 * A store that keeps sessions in an array, for tests: it answers when it is
 * told to, or at once; it can be told to fail, and that another program comes
 * in between. Does what store/store.h says and no more; a session that
 * outgrows it ends the test.
 */
#ifndef TESTS_UNIT_FAKE_STORE_H
#define TESTS_UNIT_FAKE_STORE_H

#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define FAKE_SESSIONS 16
#define FAKE_VALUES 8
#define FAKE_TEXT 32
#define FAKE_CALLS 16    /* that wait for their answer */
#define FAKE_RECORDS 256 /* of one call */

struct fake_value {
	char key[FAKE_TEXT]; /* "": free */
	char data[FAKE_TEXT];
};

struct fake_session {
	char id[KRI_ID_LEN + 1]; /* "": free */
	unsigned char auth[KRI_DIGEST_SIZE], was[KRI_DIGEST_SIZE];
	int64_t born, version, seen, ttl, was_at;
	struct fake_value values[FAKE_VALUES];
};

struct fake_store;

/* What was asked for and not answered yet. */
struct fake_call {
	void (*carry_out)(struct fake_store *store, struct fake_call *call);
	struct kri_record *records[FAKE_RECORDS];
	size_t n;
	kri_store_done *done;
	void *arg;
};

struct fake_store {
	struct kri_store base;
	struct kri_link link;
	struct fake_session sessions[FAKE_SESSIONS];
	struct fake_call calls[FAKE_CALLS]; /* the oldest first */
	size_t waiting;                     /* of them */
	bool at_once;              /* answers before the call returns */
	int loads, commits;        /* calls so far */
	size_t loaded, committed;  /* records of the last call */
	int touches, flushes;      /* so far */
	int breaks;                /* flushes that fail all that waits */
	enum kr_err load_err;      /* every load fails so */
	const char *load_err_id;   /* but only of that id, if not NULL */
	enum kr_err commit_err;    /* every commit fails so */
	const char *commit_err_id; /* likewise */
	int intruders; /* commits before which another program writes */
	bool ends;     /* it ends the sessions instead */
	bool detached;
};

/* ---- what is kept ----------------------------------------------------- */

/* The session, or NULL; of the empty id, a free place. */
static inline struct fake_session *fake_find(struct fake_store *store,
					     const char *id)
{
	for (size_t i = 0; i < FAKE_SESSIONS; i++)
		if (!strcmp(store->sessions[i].id, id))
			return &store->sessions[i];
	return NULL;
}

static inline size_t fake_count(const struct fake_store *store)
{
	size_t n = 0;

	for (size_t i = 0; i < FAKE_SESSIONS; i++)
		n += *store->sessions[i].id != '\0';
	return n;
}

static inline struct fake_value *fake_place(struct fake_session *session,
					    const char *key)
{
	for (size_t i = 0; i < FAKE_VALUES; i++)
		if (!strcmp(session->values[i].key, key))
			return &session->values[i];
	return NULL;
}

/* The value, or NULL. */
static inline const char *fake_get(struct fake_session *session,
				   const char *key)
{
	struct fake_value *value = fake_place(session, key);

	return value ? value->data : NULL;
}

static inline void fake_set(struct fake_session *session, const char *key,
			    const char *data)
{
	struct fake_value *value = fake_place(session, key);

	if (!value)
		value = fake_place(session, "");
	assert_non_null(value);
	assert_in_range(snprintf(value->key, FAKE_TEXT, "%s", key), 1,
			FAKE_TEXT - 1);
	assert_in_range(snprintf(value->data, FAKE_TEXT, "%s", data), 0,
			FAKE_TEXT - 1);
}

/* ---- loads ------------------------------------------------------------ */

static inline bool fake_fails(enum kr_err err, const char *only, const char *id)
{
	return err && (!only || !strcmp(only, id));
}

static inline enum kr_err fake_load_one(struct fake_store *store,
					struct kri_record *record)
{
	const struct fake_session *session = fake_find(store, record->id);
	enum kr_err err;

	if (fake_fails(store->load_err, store->load_err_id, record->id))
		return store->load_err;
	if (!session)
		return KR_ERR_NOT_FOUND;
	memcpy(record->auth, session->auth, KRI_DIGEST_SIZE);
	memcpy(record->was, session->was, KRI_DIGEST_SIZE);
	record->was_at = session->was_at;
	record->born = session->born;
	record->version = session->version;
	record->seen = session->seen;
	err = kri_record_reserve(record, FAKE_VALUES);
	for (size_t i = 0; i < FAKE_VALUES && !err; i++) {
		const struct fake_value *value = &session->values[i];

		if (!*value->key)
			continue;
		record->values[record->n++] = (struct kri_value){
			.key = kri_arena_dup(record->arena,
					     kri_text_of(value->key)),
			.data = kri_arena_dup(record->arena,
					      kri_text_of(value->data)),
		};
	}
	return err;
}

static inline void fake_carry_out_load(struct fake_store *store,
				       struct fake_call *call)
{
	for (size_t i = 0; i < call->n; i++)
		call->records[i]->err = fake_load_one(store, call->records[i]);
}

/* ---- commits ---------------------------------------------------------- */

static inline void fake_write(struct fake_session *session,
			      const struct kri_record *record)
{
	if (record->ttl) {
		session->ttl = record->ttl;
		session->seen = 1;
	}
	session->version++;
	for (size_t i = 0; i < record->n; i++) {
		const struct kri_value *value = &record->values[i];
		struct fake_value *old = fake_place(session, value->key.data);

		if (value->change == KRI_CHANGE_SET)
			fake_set(session, value->key.data, value->data.data);
		else if (value->change == KRI_CHANGE_REMOVED && old)
			*old = (struct fake_value){0};
	}
}

static inline enum kr_err fake_create(struct fake_store *store,
				      const struct kri_record *record)
{
	struct fake_session *session = fake_find(store, "");

	assert_non_null(session);
	assert_null(fake_find(store, record->id));
	assert_int_not_equal(record->ttl, 0);
	memcpy(session->id, record->id, sizeof(session->id));
	memcpy(session->auth, record->auth, KRI_DIGEST_SIZE);
	session->born = record->born;
	fake_write(session, record);
	return KR_OK;
}

static inline enum kr_err fake_update(struct fake_store *store,
				      const struct kri_record *record)
{
	struct fake_session *session = fake_find(store, record->id);

	if (!session)
		return KR_ERR_GONE;
	if (record->renewed &&
	    memcmp(record->was, session->auth, KRI_DIGEST_SIZE) != 0)
		return KR_ERR_RENEWED;
	if (record->exact && record->version != session->version)
		return KR_ERR_CONFLICT;
	if (record->renewed) {
		memcpy(session->auth, record->auth, KRI_DIGEST_SIZE);
		memcpy(session->was, record->was, KRI_DIGEST_SIZE);
		session->was_at = record->was_at;
	}
	fake_write(session, record);
	return KR_OK;
}

static inline enum kr_err fake_commit_one(struct fake_store *store,
					  const struct kri_record *record)
{
	struct fake_session *session = fake_find(store, record->id);

	if (fake_fails(store->commit_err, store->commit_err_id, record->id))
		return store->commit_err;
	switch (record->operation) {
	case KRI_OP_CREATE:
		return fake_create(store, record);
	case KRI_OP_UPDATE:
		return fake_update(store, record);
	case KRI_OP_DESTROY:
		if (session)
			*session = (struct fake_session){0};
		return KR_OK;
	default:
		fail_msg("a commit of nothing");
		return KR_OK;
	}
}

/* Another program counts one up in every session, or ends them all. */
static inline void fake_intrude(struct fake_store *store)
{
	for (size_t i = 0; i < FAKE_SESSIONS; i++) {
		struct fake_session *session = &store->sessions[i];
		const char *counter;
		char text[FAKE_TEXT];

		if (!*session->id)
			continue;
		counter = fake_get(session, "counter");
		snprintf(text, sizeof(text), "%d",
			 counter ? atoi(counter) + 1 : 1);
		fake_set(session, "counter", text);
		session->version++;
		if (store->ends)
			*session = (struct fake_session){0};
	}
}

static inline void fake_carry_out_commit(struct fake_store *store,
					 struct fake_call *call)
{
	if (store->intruders && store->intruders--)
		fake_intrude(store);
	for (size_t i = 0; i < call->n; i++) {
		struct kri_record *record = call->records[i];
		const struct fake_session *session;

		record->err = fake_commit_one(store, record);
		session = fake_find(store, record->id);
		if (!record->err && session)
			record->version = session->version;
	}
}

/* ---- calls ------------------------------------------------------------ */

/* The call is over: it is forgotten before its caller hears of that. */
static inline void fake_finish(struct fake_store *store, size_t i)
{
	struct fake_call call = store->calls[i];

	store->waiting--;
	memmove(&store->calls[i], &store->calls[i + 1],
		(store->waiting - i) * sizeof(call));
	call.done(call.arg);
}

/* Answers what was asked for; 0 is the oldest that waits. */
static inline void fake_answer(struct fake_store *store, size_t i)
{
	struct fake_call *call = &store->calls[i];

	assert_true(i < store->waiting);
	call->carry_out(store, call);
	fake_finish(store, i);
}

/* The connection breaks: all that waits has failed. */
static inline void fake_break(struct fake_store *store)
{
	while (store->waiting) {
		struct fake_call *call = &store->calls[0];

		for (size_t i = 0; i < call->n; i++)
			call->records[i]->err = KR_ERR_UNAVAILABLE;
		fake_finish(store, 0);
	}
}

static inline void fake_call(struct fake_store *store,
			     const struct fake_call *call)
{
	assert_false(store->detached);
	assert_true(store->waiting < FAKE_CALLS);
	store->calls[store->waiting++] = *call;
	if (store->at_once)
		fake_answer(store, store->waiting - 1);
}

static inline void fake_load(struct kri_link *link, struct kri_record **records,
			     size_t n, kri_store_done *done, void *arg)
{
	struct fake_store *store = (struct fake_store *)link->store;
	struct fake_call call = {fake_carry_out_load, .n = n, done, arg};

	assert_in_range(n, 1, FAKE_RECORDS);
	memcpy(call.records, records, n * sizeof(*records));
	store->loads++;
	store->loaded = n;
	fake_call(store, &call);
}

/* A touch is carried out at once, and not waited for. */
static inline void fake_touch(struct fake_store *store,
			      struct kri_record *record)
{
	struct fake_session *session = fake_find(store, record->id);

	assert_int_not_equal(record->ttl, 0);
	store->touches++;
	record->err = KR_OK;
	if (session) {
		session->seen = 1;
		session->ttl = record->ttl;
	}
}

static inline void fake_commit(struct kri_link *link,
			       struct kri_record **records, size_t n,
			       kri_store_done *done, void *arg)
{
	struct fake_store *store = (struct fake_store *)link->store;
	struct fake_call call = {fake_carry_out_commit, .done = done,
				 .arg = arg};

	assert_in_range(n, 1, FAKE_RECORDS);
	store->commits++;
	store->committed = n;
	for (size_t i = 0; i < n; i++)
		if (records[i]->operation == KRI_OP_TOUCH)
			fake_touch(store, records[i]);
		else
			call.records[call.n++] = records[i];
	if (call.n)
		fake_call(store, &call);
	else
		done(arg);
}

static inline void fake_flush(struct kri_link *link)
{
	struct fake_store *store = (struct fake_store *)link->store;

	store->flushes++;
	if (store->breaks && store->breaks--)
		fake_break(store);
}

/* ---- links ------------------------------------------------------------ */

static inline enum kr_err fake_attach(struct kri_store *base,
				      struct uv_loop_s *loop,
				      struct kri_link **link)
{
	struct fake_store *store = (struct fake_store *)base;

	(void)loop;
	store->link.store = base;
	*link = &store->link;
	return KR_OK;
}

static inline void fake_detach(struct kri_link **link)
{
	struct fake_store *store = (struct fake_store *)(*link)->store;

	*link = NULL;
	fake_break(store);
	store->detached = true;
}

/* The store is the caller's. */
static inline void fake_open(struct fake_store *store)
{
	static const struct kri_store_ops ops = {
		.attach = fake_attach,
		.detach = fake_detach,
		.load = fake_load,
		.commit = fake_commit,
		.flush = fake_flush,
	};

	*store = (struct fake_store){.base.ops = &ops};
}

#endif
