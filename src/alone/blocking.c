/*
 * A peer that has gone makes the system send SIGPIPE to the thread that writes
 * to it, which would end a program that has not thought of it. Signals are the
 * program's: so the thread does not take this one meanwhile, and what came of
 * us is taken away.
 */
#include "alone/blocking.h"

#include <signal.h>

#include "alone/desk.h"

struct hush {
	sigset_t before, pipe;
	bool pending; /* it was, before us */
};

static bool is_pending(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGPIPE);
}

static void hush_begin(struct hush *hush)
{
	sigemptyset(&hush->pipe);
	sigaddset(&hush->pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &hush->pipe, &hush->before);
	hush->pending = is_pending();
}

static void hush_end(const struct hush *hush)
{
	const struct timespec now = {0};

	if (!hush->pending && is_pending())
		sigtimedwait(&hush->pipe, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &hush->before, NULL);
}

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
	struct hush hush;
	enum kr_err err;

	hush_begin(&hush);
	err = serve(alone, step);
	hush_end(&hush);
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
