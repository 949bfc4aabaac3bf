/*
 * Each step is begun at a desk, on the caller's thread, which runs the desk's
 * loop until it is done.
 */
#include "alone/blocking.h"

#include "alone/desk.h"
#include "alone/hush.h"

static void finished(struct kri_alone *alone, enum kr_err err)
{
	(void)alone;
	(void)err;
}

typedef void start(struct kri_alone *alone, struct kri_link *link,
		   kri_alone_finished *finished);

static enum kr_err serve(struct kri_alone *alone, start *step)
{
	struct kri_desk *desk = NULL;
	enum kr_err err = kri_desk_take(alone->store, &desk);

	if (err) {
		kri_alone_keep(alone, err);
		return err;
	}
	step(alone, desk->link, finished);
	kri_desk_wait(desk, &alone->busy);
	kri_desk_give(alone->store, desk, alone->result == KR_ERR_TIMEOUT);
	return alone->result;
}

static enum kr_err serve_hushed(struct kri_alone *alone, start *step)
{
	struct kri_hush hush;
	enum kr_err err;

	kri_hush_begin(&hush);
	err = serve(alone, step);
	kri_hush_end(&hush);
	return err;
}

enum kr_err kri_blocking_load(struct kri_alone *alone)
{
	return serve_hushed(alone, kri_alone_load);
}

enum kr_err kri_blocking_commit(struct kri_alone *alone)
{
	return serve_hushed(alone, kri_alone_commit);
}
