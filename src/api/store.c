/*
 * The functions of krsession.h for programs without an app: checks what a
 * caller can get wrong, then hands over.
 */
#include "alone/blocking.h"
#include "alone/link.h"
#include "api/app.h"
#include "base/log.h"

enum kr_err kr_store_open(struct kr_config *config, struct kr_store **store)
{
	if (!config || !store)
		return KR_ERR_ARGUMENT;
	kri_buffer_clear(&config->why);
	kri_log_setup((enum kri_log_level)config->options->log_level,
		      (enum kri_log_format)config->options->log_format);
	return kri_alone_store_open(config->options, store, &config->why);
}

/* A handler's is the app's. */
void kr_store_close(struct kr_store **store)
{
	if (store && *store && (*store)->lent)
		*store = NULL;
	else if (store)
		kri_alone_store_close(store);
}

/* ---- sessions --------------------------------------------------------- */

static bool may_open(const struct kr_store *store, unsigned flags)
{
	return store && !(flags & ~(unsigned)KR_ATOMIC) &&
	       kri_alone_store_is_ours(store);
}

/* The one that is meant, if something may be begun with it; else NULL. */
static struct kri_alone *usable(struct kr_session *session)
{
	struct kri_alone *alone = session ? kri_alone_of(session) : NULL;

	if (!alone || alone->busy || alone->done ||
	    !kri_alone_store_is_ours(alone->store))
		return NULL;
	return alone;
}

static struct kri_alone *blocking(struct kr_session *session)
{
	struct kri_alone *alone = usable(session);

	return alone && !alone->host ? alone : NULL;
}

static enum kr_err load(struct kri_alone *alone)
{
	return kri_alone_names_any(alone) ? kri_blocking_load(alone) : KR_OK;
}

enum kr_err kr_session_open(struct kr_store *store, const char *const *cookies,
			    unsigned flags, struct kr_session **session)
{
	struct kri_alone *alone = NULL;
	enum kr_err err;

	if (!session || !may_open(store, flags))
		return KR_ERR_ARGUMENT;
	err = kri_alone_open(store, cookies, flags & KR_ATOMIC, &alone);
	if (!err)
		err = load(alone);
	if (err)
		kri_alone_close(&alone);
	else
		*session = &alone->visit.session;
	return err;
}

enum kr_err kr_session_commit(struct kr_session *session)
{
	struct kri_alone *alone = blocking(session);
	bool waits;
	enum kr_err err;

	if (!alone)
		return KR_ERR_ARGUMENT;
	err = kri_alone_change(alone, &waits);
	return waits ? kri_blocking_commit(alone) : err;
}

enum kr_err kr_session_reload(struct kr_session *session)
{
	struct kri_alone *alone = blocking(session);

	if (!alone)
		return KR_ERR_ARGUMENT;
	kri_alone_again(alone);
	return load(alone);
}

enum kr_err kr_session_cookie(struct kr_session *session, bool https,
			      const char **text)
{
	struct kri_alone *alone = usable(session);
	const struct kri_buffer *cookie;

	if (!alone || !text)
		return KR_ERR_ARGUMENT;
	cookie = &alone->cookies[kri_cookie_is_secure(alone->store->config,
						      https)];
	*text = cookie->len ? cookie->data : "";
	return KR_OK;
}

void kr_session_close(struct kr_session **session)
{
	struct kri_alone *alone =
		session && *session ? kri_alone_of(*session) : NULL;

	if (!alone)
		return;
	*session = NULL;
	if (alone->host)
		kri_link_close(&alone);
	else
		kri_alone_close(&alone);
}

/* ---- without blocking ------------------------------------------------- */

enum kr_err kr_store_attach(struct kr_store *store, struct uv_loop_s *loop,
			    struct kr_link **link)
{
	if (!store || !loop || !link || !kri_alone_store_is_ours(store))
		return KR_ERR_ARGUMENT;
	return kri_link_attach(store, loop, link);
}

/* In another process its loop is shared with the one that attached it. */
void kr_store_detach(struct kr_link **link)
{
	if (!link || !*link)
		return;
	if (kri_alone_store_is_ours((*link)->store))
		kri_link_detach(link);
	*link = NULL;
}

enum kr_err kr_session_open_on(struct kr_link *link, const char *const *cookies,
			       unsigned flags, kr_session_done *done, void *arg)
{
	struct kri_alone *alone = NULL;
	enum kr_err err;

	if (!link || !done || !may_open(link->store, flags))
		return KR_ERR_ARGUMENT;
	err = kri_alone_open(link->store, cookies, flags & KR_ATOMIC, &alone);
	if (!err)
		kri_link_open(link, alone, done, arg);
	return err;
}

static struct kri_alone *attached(struct kr_session *session)
{
	struct kri_alone *alone = usable(session);

	return alone && alone->host && alone->host->link ? alone : NULL;
}

enum kr_err kr_session_commit_on(struct kr_session *session,
				 kr_session_done *done, void *arg)
{
	struct kri_alone *alone = attached(session);

	if (!alone || !done)
		return KR_ERR_ARGUMENT;
	kri_link_commit(alone, done, arg);
	return KR_OK;
}

enum kr_err kr_session_reload_on(struct kr_session *session,
				 kr_session_done *done, void *arg)
{
	struct kri_alone *alone = attached(session);

	if (!alone || !done)
		return KR_ERR_ARGUMENT;
	kri_link_reload(alone, done, arg);
	return KR_OK;
}
