#include "redis/deadline.h"

#include <errno.h>
#include <poll.h>

#include "base/clock.h"

void kri_deadline_start(struct kri_deadline *deadline,
			const struct kri_wait *wait, int64_t ms)
{
	*deadline = (struct kri_deadline){
		.wait = wait,
		.at = kri_clock_ms() + ms,
	};
}

struct kri_deadline kri_deadline_share(const struct kri_deadline *whole,
				       size_t parts)
{
	struct kri_deadline share = *whole;
	int64_t now = kri_clock_ms();

	if (share.at > now)
		share.at = now + (share.at - now) / (int64_t)parts;
	return share;
}

void kri_deadline_wait(struct kri_deadline *deadline)
{
	int64_t soon;

	if (deadline->waiting)
		return;
	deadline->waiting = true;
	if (deadline->wait->begin(deadline->wait->arg))
		return;
	soon = kri_clock_ms() + KRI_WAIT_ALONE;
	if (soon < deadline->at)
		deadline->at = soon;
}

/* The milliseconds that are left, or a moment if nobody knows we wait. */
static int64_t left(const struct kri_deadline *deadline)
{
	int64_t ms = deadline->at - kri_clock_ms();

	if (ms < 0)
		return 0;
	return !deadline->waiting && ms > KRI_PATIENCE ? KRI_PATIENCE : ms;
}

enum kr_err kri_deadline_poll(struct kri_deadline *deadline, int fd,
			      short events)
{
	struct pollfd ready = {.fd = fd, .events = events};

	for (;;) {
		int n = poll(&ready, 1, (int)left(deadline));

		if (n > 0)
			return KR_OK;
		if (n < 0 && errno != EINTR)
			return KR_ERR_SYSTEM;
		if (kri_clock_ms() >= deadline->at)
			return KR_ERR_TIMEOUT;
		if (n == 0)
			kri_deadline_wait(deadline);
	}
}

void kri_deadline_end(struct kri_deadline *deadline)
{
	if (deadline->waiting)
		deadline->wait->end(deadline->wait->arg);
	deadline->waiting = false;
}
