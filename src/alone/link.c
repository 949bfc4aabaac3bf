/*
 * Who waits for an end is told by the link's timer, not by the store's call:
 * a step may end while the program is still inside the call that began it,
 * and what it is told may make it close the session. The memory of a link
 * stays until its last session and its handles are closed.
 */
#include "alone/link.h"

#include <stdlib.h>

/* ---- life ------------------------------------------------------------- */

static void release(struct kr_link *link)
{
	if (!--link->users)
		free(link);
}

static void on_closed(uv_handle_t *handle)
{
	release(handle->data);
}

/* What was asked for in a turn of the loop goes out before it waits. */
static void on_prepare(uv_prepare_t *prepare)
{
	struct kr_link *link = prepare->data;

	if (link->link)
		link->link->store->ops->flush(link->link);
}

/* The loop may end though the link is there. */
static void open_handles(struct kr_link *link, uv_loop_t *loop)
{
	uv_timer_init(loop, &link->timer);
	uv_prepare_init(loop, &link->prepare);
	uv_prepare_start(&link->prepare, on_prepare);
	uv_unref((uv_handle_t *)&link->prepare);
	link->timer.data = link->prepare.data = link;
	link->users = 2;
}

enum kr_err kri_link_attach(struct kr_store *store, uv_loop_t *loop,
			    struct kr_link **link)
{
	struct kr_link *made = calloc(1, sizeof(*made));
	enum kr_err err;

	if (!made)
		return KR_ERR_MEMORY;
	err = store->store->ops->attach(store->store, loop, &made->link);
	if (err) {
		free(made);
		return err;
	}
	made->store = store;
	made->last = &made->ended;
	open_handles(made, loop);
	*link = made;
	return KR_OK;
}

static void close_handles(struct kr_link *link)
{
	if (link->closing || link->link || link->ended || link->calls)
		return;
	link->closing = true;
	uv_close((uv_handle_t *)&link->timer, on_closed);
	uv_close((uv_handle_t *)&link->prepare, on_closed);
}

void kri_link_detach(struct kr_link **link)
{
	struct kr_link *ended = *link;

	*link = NULL;
	ended->calls++;
	ended->link->store->ops->detach(&ended->link);
	ended->calls--;
	close_handles(ended);
}

/* ---- the ends --------------------------------------------------------- */

static void free_session(struct kri_alone *alone)
{
	struct kr_link *link = alone->host;

	kri_alone_close(&alone);
	release(link);
}

/* The session may be closed by who is told. */
static void tell(struct kri_alone *alone)
{
	struct kr_session *session = &alone->visit.session;
	kr_session_done *done = alone->done;
	void *arg = alone->arg;
	enum kr_err err = alone->result;

	alone->done = NULL;
	session->refusal = alone->failed;
	if (alone->abandoned) {
		free_session(alone);
		return;
	}
	if (err && alone->opening) {
		free_session(alone);
		session = NULL;
	} else {
		alone->opening = false;
	}
	done(arg, err, session);
}

static void tell_all(uv_timer_t *timer)
{
	struct kr_link *link = timer->data;
	struct kri_alone *alone;

	while ((alone = link->ended)) {
		link->ended = alone->next;
		if (!link->ended)
			link->last = &link->ended;
		tell(alone);
	}
	close_handles(link);
}

/* Those that end while a call of the program's begins or detaches them wait
 * for the loop. */
static void finished(struct kri_alone *alone, enum kr_err err)
{
	struct kr_link *link = alone->host;

	alone->result = err;
	if (!link->calls) {
		tell(alone);
		return;
	}
	alone->next = NULL;
	alone->visit.session.refusal = KR_ERR_ARGUMENT;
	*link->last = alone;
	link->last = &alone->next;
	uv_timer_start(&link->timer, tell_all, 0, 0);
}

/* ---- the steps -------------------------------------------------------- */

static void begin(struct kri_alone *alone, kr_session_done *done, void *arg)
{
	alone->done = done;
	alone->arg = arg;
	alone->host->calls++;
}

static void load(struct kri_alone *alone)
{
	if (kri_alone_names_any(alone))
		kri_alone_load(alone, alone->host->link, finished);
	else
		finished(alone, KR_OK);
	alone->host->calls--;
}

void kri_link_open(struct kr_link *link, struct kri_alone *alone,
		   kr_session_done *done, void *arg)
{
	alone->host = link;
	alone->opening = true;
	link->users++;
	begin(alone, done, arg);
	load(alone);
}

void kri_link_reload(struct kri_alone *alone, kr_session_done *done, void *arg)
{
	begin(alone, done, arg);
	kri_alone_again(alone);
	load(alone);
}

void kri_link_commit(struct kri_alone *alone, kr_session_done *done, void *arg)
{
	bool waits;
	enum kr_err err;

	begin(alone, done, arg);
	err = kri_alone_change(alone, &waits);
	if (waits)
		kri_alone_commit(alone, alone->host->link, finished);
	else
		finished(alone, err);
	alone->host->calls--;
}

void kri_link_close(struct kri_alone **alone)
{
	struct kri_alone *closed = *alone;

	*alone = NULL;
	if (closed->done)
		closed->abandoned = true;
	else
		free_session(closed);
}
