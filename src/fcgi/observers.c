/*
 * Each observer goes from its request to its answer to its end, as far as its
 * socket lets it, and is closed when its time is over. Whoever comes while all
 * places are taken has the place of the one that has said nothing for longest.
 */
#include "fcgi/observers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/crew.h"

#define REQUEST_MOST 4096 /* bytes of a request's line and headers */
#define REQUEST_TIME 5000 /* ms for them to come */
#define ANSWER_TIME 5000  /* ms for the answer to be taken */
#define LINGER_TIME 1000  /* ms for the end that the observer makes */
#define PROBE_SPARE 500   /* ms over session.io_timeout */
#define PROBE_TICK 10     /* ms between two looks at what came of it */
#define REST 1000         /* ms until the listener is tried again */

enum state {
	READING, /* its request */
	PROBING, /* the store is asked */
	WRITING, /* the answer */
	LEAVING  /* half-closed: the end is the observer's to make */
};

struct kri_observer {
	int fd;
	enum state state;
	int64_t until; /* kri_clock_ms(): the end of its state */
	char request[REQUEST_MOST];
	size_t len;
	bool head;
	struct kri_loop *asked; /* the loop that asks the store */
	int64_t since;          /* kri_clock_us() of the question */
	struct kri_buffer answer;
	size_t sent;
};

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

/* ---- an observer's answer --------------------------------------------- */

static const char *reason_of(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Service Unavailable";
	}
}

static void answer(struct kri_observer *observer, int status, const char *type,
		   struct kri_text body)
{
	struct kri_buffer *out = &observer->answer;

	kri_buffer_printf(out,
			  "HTTP/1.1 %d %s\r\n"
			  "Content-Type: %s\r\n"
			  "Content-Length: %zu\r\n"
			  "Cache-Control: no-store\r\n"
			  "X-Content-Type-Options: nosniff\r\n"
			  "%s"
			  "Connection: close\r\n\r\n",
			  status, reason_of(status), type, body.len,
			  status == 405 ? "Allow: GET, HEAD\r\n" : "");
	if (!observer->head)
		kri_buffer_append(out, body);
	observer->state = WRITING;
	observer->until = kri_clock_ms() + ANSWER_TIME;
}

static void refuse(struct kri_observer *observer, int status, const char *text)
{
	char body[80];
	int len = snprintf(body, sizeof(body), "{\"error\":\"%s\"}\n", text);

	answer(observer, status, KRI_TYPE_JSON, kri_text(body, (size_t)len));
}

static void show(struct kri_observers *observers, struct kri_observer *observer,
		 enum kri_page page, enum kr_err probe)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;
	int status = kri_monitor_page(observers->monitor, page, probe, &text);

	if (page != KRI_PAGE_METRICS)
		kri_buffer_byte(&text, '\n');
	if (text.failed)
		refuse(observer, 503, "Out of memory");
	else
		answer(observer, status, kri_monitor_type(page),
		       kri_buffer_text(&text));
	kri_buffer_free(&text);
}

/* ---- the store is asked ----------------------------------------------- */

/* A loop that comes round; NULL: none does, or they end. */
static struct kri_loop *free_loop(const struct kri_monitor *monitor)
{
	const struct kri_crew *crew = monitor->crew;

	if (atomic_load(&monitor->draining))
		return NULL;
	for (int i = 0; i < crew->started; i++)
		if (kri_loop_turn(crew->loops[i]) < PROBE_SPARE * 1000)
			return crew->loops[i];
	return NULL;
}

static void ask_store(struct kri_observers *observers,
		      struct kri_observer *observer)
{
	int64_t io = observers->monitor->config->io_timeout;

	observer->asked = free_loop(observers->monitor);
	if (!observer->asked) {
		show(observers, observer, KRI_PAGE_READY, KR_OK);
		return;
	}
	observer->since = kri_clock_us();
	observer->state = PROBING;
	observer->until = kri_clock_ms() + io + PROBE_SPARE;
	kri_loop_probe(observer->asked);
}

/* One that was under way already is not ours: asked again, there is another. */
static void await_probe(struct kri_observers *observers,
			struct kri_observer *observer)
{
	struct kri_loop *loop = observer->asked;
	bool over = atomic_load(&loop->probe.begun) >= observer->since;
	enum kr_err err = KR_ERR_TIMEOUT;

	if (over)
		err = (enum kr_err)atomic_load(&loop->probe.err);
	if (over || kri_clock_ms() >= observer->until ||
	    atomic_load(&observers->monitor->draining))
		show(observers, observer, KRI_PAGE_READY, err);
	else
		kri_loop_probe(loop);
}

/* ---- an observer's request -------------------------------------------- */

/* Where headers end: an empty line. NULL: they have not come yet. */
static const char *end_of(const char *request)
{
	const char *crlf = strstr(request, "\r\n\r\n");

	return crlf ? crlf : strstr(request, "\n\n");
}

/* Pages that are off for front servers are here under their usual names. */
static bool is_page(const struct kri_monitor *monitor, enum kri_page page,
		    struct kri_text path)
{
	static const char *const usual[KRI_PAGES] = {
		[KRI_PAGE_METRICS] = "/metrics",
		[KRI_PAGE_HEALTH] = "/healthz",
		[KRI_PAGE_READY] = "/readyz",
	};
	const char *own = monitor->pages[page].path;

	return kri_text_equal(path, kri_text_of(*own ? own : usual[page]));
}

static void serve(struct kri_observers *observers,
		  struct kri_observer *observer, struct kri_text target)
{
	struct kri_text path = kri_text_cut(&target, '?');

	for (int page = 0; page < KRI_PAGES; page++) {
		if (!is_page(observers->monitor, (enum kri_page)page, path))
			continue;
		if (page == KRI_PAGE_READY)
			ask_store(observers, observer);
		else
			show(observers, observer, (enum kri_page)page, KR_OK);
		return;
	}
	refuse(observer, 404, "Not found");
}

/* RFC 9112 section 3: method, target and version, a space between each. */
static void read_request(struct kri_observers *observers,
			 struct kri_observer *observer)
{
	struct kri_text line =
		kri_text(observer->request, strcspn(observer->request, "\r\n"));
	struct kri_text method, target;

	if (kri_text_has_control(line)) {
		refuse(observer, 400, "Bad request");
		return;
	}
	method = kri_text_cut(&line, ' ');
	target = kri_text_cut(&line, ' ');
	observer->head = kri_text_equal(method, KRI_TEXT("HEAD"));
	if (!method.len || !kri_text_starts(target, KRI_TEXT("/")))
		refuse(observer, 400, "Bad request");
	else if (!kri_text_starts(line, KRI_TEXT("HTTP/1.")))
		refuse(observer, 505, "HTTP/1.1 is spoken here");
	else if (!observer->head && !kri_text_equal(method, KRI_TEXT("GET")))
		refuse(observer, 405, "Method not allowed");
	else
		serve(observers, observer, target);
}

/* False: it is over. A NUL would end the text before its end. */
static bool receive(struct kri_observers *observers,
		    struct kri_observer *observer)
{
	size_t room = sizeof(observer->request) - 1 - observer->len;
	char *at = observer->request + observer->len;
	ssize_t n = recv(observer->fd, at, room, MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	at[n] = '\0';
	observer->len += (size_t)n;
	if (memchr(at, '\0', (size_t)n))
		refuse(observer, 400, "Bad request");
	else if (end_of(observer->request))
		read_request(observers, observer);
	else if ((size_t)n == room)
		refuse(observer, 431, "Request is too long");
	return true;
}

static bool write_answer(struct kri_observer *observer)
{
	const struct kri_buffer *answer = &observer->answer;
	ssize_t n;

	if (answer->failed)
		return false;
	while (observer->sent < answer->len) {
		n = send(observer->fd, answer->data + observer->sent,
			 answer->len - observer->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		observer->sent += (size_t)n;
	}
	if (shutdown(observer->fd, SHUT_WR))
		return false;
	observer->state = LEAVING;
	observer->until = kri_clock_ms() + LINGER_TIME;
	return true;
}

/* What it still sends is taken, for the answer to reach it. */
static bool linger(struct kri_observer *observer)
{
	char trash[4096];
	ssize_t n = recv(observer->fd, trash, sizeof(trash), MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* False: it is over. */
static bool go_on(struct kri_observers *observers,
		  struct kri_observer *observer)
{
	bool more = true;

	if (observer->state != PROBING && kri_clock_ms() >= observer->until)
		return false;
	if (observer->state == READING)
		more = receive(observers, observer);
	if (more && observer->state == PROBING)
		await_probe(observers, observer);
	if (more && observer->state == WRITING)
		more = write_answer(observer);
	if (more && observer->state == LEAVING)
		more = linger(observer);
	return more;
}

/* ---- all of them ------------------------------------------------------ */

static void dismiss(struct kri_observers *observers, size_t at)
{
	struct kri_observer *old = observers->all[at];

	close(old->fd);
	kri_buffer_free(&old->answer);
	free(old);
	observers->n--;
	memmove(&observers->all[at], &observers->all[at + 1],
		(observers->n - at) * sizeof(observers->all[0]));
}

/* Of those who owe us something. False: all are at work. */
static bool make_place(struct kri_observers *observers)
{
	for (size_t i = 0; i < observers->n; i++) {
		enum state state = observers->all[i]->state;

		if (state != READING && state != LEAVING)
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
		made = calloc(1, sizeof(*made));
	if (!made) {
		close(fd);
		return;
	}
	made->fd = fd;
	made->until = kri_clock_ms() + REQUEST_TIME;
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
		if (go_on(observers, observers->all[i]))
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

		if (observer->state != PROBING)
			fds[n++] = (struct pollfd){
				.fd = observer->fd,
				.events = observer->state == WRITING ? POLLOUT
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
		int64_t end = observer->state == PROBING ? now + PROBE_TICK
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
