/*
 * The observers: who looks at the process through a socket of its own
 * (server.metrics_listen), in HTTP/1.1 and without a front server. One answer
 * a connection, to GET and HEAD; few connections at once, each for a short
 * time, so that nothing they send costs anybody else. Used by the main thread.
 */
#ifndef KRI_FCGI_OBSERVERS_H
#define KRI_FCGI_OBSERVERS_H

#include <poll.h>

#include "fcgi/listener.h"
#include "fcgi/monitor.h"

#define KRI_OBSERVERS 16 /* at once */
#define KRI_OBSERVERS_FDS (KRI_OBSERVERS + 1)

struct kri_observer;

struct kri_observers {
	const struct kri_monitor *monitor; /* borrowed */
	struct kri_config place; /* the configuration, with its own listener */
	struct kri_listener listener;
	struct kri_observer
		*all[KRI_OBSERVERS]; /* n of them, the oldest first */
	size_t n;
	int64_t due; /* kri_clock_ms() when the listener is tried again */
	bool wanted; /* there is to be one */
};

/* Whether server.metrics_listen and the pages' paths can be meant.
 * KR_ERR_CONFIG with one line in `why`. */
enum kr_err kri_observers_check(const struct kri_config *config,
				struct kri_buffer *why) KR_MUST_CHECK;

/*
 * Opens the listener, if there is to be one. Where another process of ours may
 * still have it, at a reload, that is no error: it is tried again every second
 * then. KR_ERR_CONFIG or KR_ERR_SYSTEM with one line in `why`.
 */
enum kr_err kri_observers_open(struct kri_observers *observers,
			       const struct kri_monitor *monitor, bool may_wait,
			       struct kri_buffer *why) KR_MUST_CHECK;
void kri_observers_close(struct kri_observers *observers);

/* What poll(2) is to watch: returns how many. */
size_t kri_observers_fill(const struct kri_observers *observers,
			  struct pollfd fds[KRI_OBSERVERS_FDS]);

/* Does what can be done without waiting. */
void kri_observers_look(struct kri_observers *observers);

/* ms until it wants to be called though nothing has come; -1: never. */
int kri_observers_timeout(const struct kri_observers *observers);

#endif
