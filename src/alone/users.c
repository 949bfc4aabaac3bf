/*
 * The index names sessions; what is shown of them, and whether they still are
 * the user's, is what a load finds: so a program needs no rights at the store
 * beyond those that its requests need.
 */
#include "alone/users.h"

#include "alone/desk.h"
#include "alone/hush.h"
#include "base/clock.h"
#include "session/session.h"

#define CHUNK 4096
#define ROOM ((size_t)64 << 20) /* bytes of one user's ids */
#define PAGE 64                 /* sessions that are loaded at once */

/* A call at a desk. */
struct call {
	struct kr_store *store;
	struct kri_desk *desk;
	struct kri_hush hush;
	bool busy;
	int64_t since, waited; /* ms, for the store */
};

static enum kr_err take(struct call *call, struct kr_store *store)
{
	struct kri_hush hush;
	enum kr_err err;

	*call = (struct call){.store = store};
	kri_hush_begin(&hush);
	err = kri_desk_take(store, &call->desk);
	kri_hush_end(&hush);
	return err;
}

static void give(struct call *call, enum kr_err err)
{
	kri_desk_give(call->store, call->desk, err == KR_ERR_TIMEOUT);
}

/* Around a question to the store, which calls `answered` with the call. */
static const struct kri_store_ops *begin(struct call *call)
{
	call->since = kri_clock_ms();
	call->busy = true;
	kri_hush_begin(&call->hush);
	return call->desk->link->store->ops;
}

static void answered(void *arg)
{
	((struct call *)arg)->busy = false;
}

static void wait(struct call *call)
{
	kri_desk_wait(call->desk, &call->busy);
	kri_hush_end(&call->hush);
	call->waited += kri_clock_ms() - call->since;
}

/* ---- the list --------------------------------------------------------- */

struct page {
	struct kri_record records[PAGE];
	struct kri_record *list[PAGE];
	size_t n;
	struct kri_arena arena; /* what was loaded */
};

static enum kr_err ask(struct call *call, struct kri_user_query *query)
{
	begin(call)->user_list(call->desk->link, query, answered, call);
	wait(call);
	return query->err;
}

static void load(struct call *call, struct page *page, const char **ids)
{
	kri_arena_reset(&page->arena);
	for (size_t i = 0; i < page->n; i++) {
		struct kri_record *record = &page->records[i];

		*record = (struct kri_record){.arena = &page->arena};
		memcpy(record->id, ids[i], KRI_ID_LEN);
		page->list[i] = record;
	}
	begin(call)->load(call->desk->link, page->list, page->n, answered,
			  call);
	wait(call);
}

/* Whether it is one of the user's, still; another error than that there is no
 * such session is the call's. */
static bool is_one(const struct call *call, struct kri_text user,
		   const struct kri_record *record, enum kr_err *err)
{
	if (record->err == KR_ERR_NOT_FOUND)
		return false;
	*err = record->err;
	return !record->err &&
	       kri_text_equal(kri_session_user_of(record), user) &&
	       !kri_session_is_expired(call->store->config, record);
}

static struct kr_user_session shown(const struct call *call,
				    const struct kri_record *record)
{
	return (struct kr_user_session){
		.id = record->id,
		.label = kri_session_label_of(record).data,
		.created = record->born,
		.login = kri_session_login_of(record),
		.seen = record->seen / 1000,
		.ends = kri_session_ends(call->store->config, record),
	};
}

static enum kr_err show(const struct call *call, struct kri_text user,
			const struct page *page, kr_user_sessions_fn *each,
			void *arg)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < page->n && !err; i++) {
		struct kr_user_session session;

		if (!is_one(call, user, page->list[i], &err))
			continue;
		session = shown(call, page->list[i]);
		err = each(arg, &session);
	}
	return err;
}

/* Each page is a question of its own, but all of them together must not take
 * longer than one may. */
static enum kr_err show_all(struct call *call,
			    const struct kri_user_query *query,
			    struct page *page, kr_user_sessions_fn *each,
			    void *arg)
{
	enum kr_err err = KR_OK;

	call->waited = 0;
	for (size_t at = 0; at < query->n && !err; at += page->n) {
		if (call->waited >= call->store->config->io_timeout)
			return KR_ERR_TIMEOUT;
		page->n = query->n - at < PAGE ? query->n - at : PAGE;
		load(call, page, query->ids + at);
		err = show(call, query->user, page, each, arg);
	}
	return err;
}

enum kr_err kri_users_list(struct kr_store *store, struct kri_text user,
			   kr_user_sessions_fn *each, void *arg)
{
	struct kri_arena ids;
	struct kri_user_query query = {.user = user, .arena = &ids};
	struct page page = {.n = 0};
	struct call call;
	enum kr_err err = take(&call, store);

	if (err)
		return err;
	kri_arena_init(&ids, CHUNK, ROOM);
	kri_arena_init(&page.arena, CHUNK, SIZE_MAX);
	err = ask(&call, &query);
	if (!err)
		err = show_all(&call, &query, &page, each, arg);
	kri_arena_free(&page.arena);
	kri_arena_free(&ids);
	give(&call, err);
	return err;
}

/* ---- the others ------------------------------------------------------- */

enum kr_err kri_users_end(struct kr_store *store, struct kri_user_query *query)
{
	struct kri_arena ids;
	struct call call;
	enum kr_err err = take(&call, store);

	if (err)
		return err;
	kri_arena_init(&ids, CHUNK, ROOM);
	query->arena = &ids;
	begin(&call)->user_end(call.desk->link, query, answered, &call);
	wait(&call);
	kri_arena_free(&ids);
	give(&call, query->err);
	return query->err;
}

enum kr_err kri_users_count_up(struct kr_store *store,
			       struct kri_counter *counter)
{
	struct call call;
	enum kr_err err = take(&call, store);

	if (err)
		return err;
	begin(&call)->count_up(call.desk->link, counter, answered, &call);
	wait(&call);
	give(&call, counter->err);
	return counter->err;
}
