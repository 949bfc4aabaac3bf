/*
 * The listener and all who came through it. Whoever comes while all places are
 * taken has the place of the one that has said nothing for longest.
 */
#include "fcgi/observers.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "fcgi/observer.h"

#define PROBE_TICK 10 /* ms between two looks at what came of a question */
#define REST 1000     /* ms until the listener is tried again */

/* ---- what is configured ----------------------------------------------- */

static enum kr_err refuse_path(struct kri_buffer *why, const char *key,
			       const char *path, const char *what)
{
	kri_buffer_printf(why, "server.%s = %s: %s", key, path, what);
	return KR_ERR_CONFIG;
}

static enum kr_err check_paths(const struct kri_config *config,
			       struct kri_buffer *why)
{
	const struct {
		const char *key, *path;
	} paths[KRI_PAGES] = {
		{"metrics_path", config->metrics_path},
		{"health_path", config->health_path},
		{"ready_path", config->ready_path},
	};

	for (size_t i = 0; i < KRI_PAGES; i++) {
		const char *path = paths[i].path;

		if (*path && *path != '/')
			return refuse_path(why, paths[i].key, path,
					   "a path begins with /");
		for (size_t j = 0; *path && j < i; j++)
			if (!strcmp(path, paths[j].path))
				return refuse_path(why, paths[i].key, path,
						   "it is another page's");
	}
	return KR_OK;
}

static struct kri_config place_of(const struct kri_config *config)
{
	struct kri_config place = *config;

	place.listen = config->metrics_listen;
	return place;
}

enum kr_err kri_observers_check(const struct kri_config *config,
				struct kri_buffer *why)
{
	struct kri_config place = place_of(config);
	enum kr_err err = check_paths(config, why);

	if (!err)
		err = kri_listener_check(&place, why);
	if (!err && *place.listen && !strcmp(place.listen, config->listen)) {
		kri_buffer_string(why, "server.metrics_listen must not be "
				       "server.listen");
		err = KR_ERR_CONFIG;
	}
	return err;
}

/* ---- all of them ------------------------------------------------------ */

static void dismiss(struct kri_observers *observers, size_t at)
{
	kri_observer_close(observers->all[at]);
	observers->n--;
	memmove(&observers->all[at], &observers->all[at + 1],
		(observers->n - at) * sizeof(observers->all[0]));
}

/* Of those who owe us something. False: all are at work. */
static bool make_place(struct kri_observers *observers)
{
	for (size_t i = 0; i < observers->n; i++) {
		enum kri_observer_state state = observers->all[i]->state;

		if (state != KRI_OBSERVER_READING &&
		    state != KRI_OBSERVER_LEAVING)
			continue;
		dismiss(observers, i);
		return true;
	}
	return false;
}

static void welcome(struct kri_observers *observers, int fd)
{
	struct kri_observer *made = NULL;

	if (observers->n < KRI_OBSERVERS || make_place(observers))
		made = kri_observer_open(fd);
	if (!made) {
		close(fd);
		return;
	}
	observers->all[observers->n++] = made;
}

static bool is_open(const struct kri_observers *observers)
{
	return observers->wanted && observers->listener.fd >= 0;
}

/* Not all who come at once: the main thread has connections to accept. */
static void take(struct kri_observers *observers)
{
	int64_t now = kri_clock_ms();
	int fd;

	if (!is_open(observers) || now < observers->due)
		return;
	for (size_t i = 0; i < KRI_OBSERVERS; i++) {
		fd = kri_listener_accept(&observers->listener);
		if (fd >= 0)
			welcome(observers, fd);
		else if (errno != ECONNABORTED && errno != EINTR)
			break;
	}
	if (fd < 0 && errno != EAGAIN && errno != EINTR &&
	    errno != ECONNABORTED)
		observers->due = now + REST;
}

/* At a reload, the process that has the socket ends sooner or later. */
static void try_again(struct kri_observers *observers)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	if (!observers->wanted || observers->listener.fd >= 0 ||
	    kri_clock_ms() < observers->due)
		return;
	if (kri_listener_open(&observers->listener, &observers->place, &why))
		observers->due = kri_clock_ms() + REST;
	kri_buffer_free(&why);
}

void kri_observers_look(struct kri_observers *observers)
{
	try_again(observers);
	take(observers);
	for (size_t i = 0; i < observers->n;)
		if (kri_observer_go_on(observers->monitor, observers->all[i]))
			i++;
		else
			dismiss(observers, i);
}

size_t kri_observers_fill(const struct kri_observers *observers,
			  struct pollfd fds[KRI_OBSERVERS_FDS])
{
	size_t n = 0;

	if (is_open(observers) && kri_clock_ms() >= observers->due)
		fds[n++] = (struct pollfd){
			.fd = observers->listener.fd,
			.events = POLLIN,
		};
	for (size_t i = 0; i < observers->n; i++) {
		const struct kri_observer *observer = observers->all[i];

		if (observer->state != KRI_OBSERVER_PROBING)
			fds[n++] = (struct pollfd){
				.fd = observer->fd,
				.events =
					observer->state == KRI_OBSERVER_WRITING
						? POLLOUT
						: POLLIN,
			};
	}
	return n;
}

int kri_observers_timeout(const struct kri_observers *observers)
{
	int64_t now = kri_clock_ms(), due = INT64_MAX;

	if (observers->wanted &&
	    (observers->listener.fd < 0 || now < observers->due))
		due = observers->due;
	for (size_t i = 0; i < observers->n; i++) {
		const struct kri_observer *observer = observers->all[i];
		int64_t end = observer->state == KRI_OBSERVER_PROBING
				      ? now + PROBE_TICK
				      : observer->until;

		due = end < due ? end : due;
	}
	if (due == INT64_MAX)
		return -1;
	return due <= now ? 1 : (int)(due - now);
}

/* ---- life ------------------------------------------------------------- */

enum kr_err kri_observers_open(struct kri_observers *observers,
			       const struct kri_monitor *monitor, bool may_wait,
			       struct kri_buffer *why)
{
	struct kri_buffer taken = KRI_BUFFER_EMPTY;
	enum kr_err err;

	*observers = (struct kri_observers){
		.monitor = monitor,
		.place = place_of(monitor->config),
		.listener = {.fd = -1},
		.wanted = *monitor->config->metrics_listen != '\0',
	};
	if (!observers->wanted)
		return KR_OK;
	err = kri_listener_open(&observers->listener, &observers->place,
				may_wait ? &taken : why);
	kri_buffer_free(&taken);
	if (!err || !may_wait)
		return err;
	observers->due = kri_clock_ms() + REST;
	return KR_OK;
}

void kri_observers_close(struct kri_observers *observers)
{
	while (observers->n)
		dismiss(observers, observers->n - 1);
	if (observers->wanted)
		kri_listener_close(&observers->listener);
	observers->wanted = false;
}
