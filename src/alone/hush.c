/*
 * A peer that has gone makes the system send SIGPIPE to the thread that writes
 * to it, which would end a program that has not thought of it. Signals are the
 * program's: so the thread does not take this one meanwhile, and what came of
 * us is taken away.
 */
#include "alone/hush.h"

#include <stddef.h>
#include <time.h>

static bool is_pending(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGPIPE);
}

void kri_hush_begin(struct kri_hush *hush)
{
	sigemptyset(&hush->pipe);
	sigaddset(&hush->pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &hush->pipe, &hush->before);
	hush->pending = is_pending();
}

void kri_hush_end(const struct kri_hush *hush)
{
	const struct timespec now = {0};

	if (!hush->pending && is_pending())
		sigtimedwait(&hush->pipe, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &hush->before, NULL);
}
