/*
 * Reads a request as far as its socket lets it, has the monitor make the page,
 * and writes it. Bounded in size and time at every step.
 */
#include "fcgi/observer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fcgi/crew.h"

#define REQUEST_TIME 5000 /* ms for a request to come */
#define ANSWER_TIME 5000  /* ms for the answer to be taken */
#define LINGER_TIME 1000  /* ms for the end that the observer makes */
#define PROBE_SPARE 500   /* ms over session.io_timeout */

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
	observer->state = KRI_OBSERVER_WRITING;
	observer->until = kri_clock_ms() + ANSWER_TIME;
}

static void refuse(struct kri_observer *observer, int status, const char *text)
{
	char body[80];
	int len = snprintf(body, sizeof(body), "{\"error\":\"%s\"}\n", text);

	answer(observer, status, KRI_TYPE_JSON, kri_text(body, (size_t)len));
}

static void show(const struct kri_monitor *monitor,
		 struct kri_observer *observer, enum kri_page page,
		 enum kr_err probe)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;
	int status = kri_monitor_page(monitor, page, probe, &text);

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

static void ask_store(const struct kri_monitor *monitor,
		      struct kri_observer *observer)
{
	int64_t io = monitor->config->io_timeout;

	observer->asked = free_loop(monitor);
	if (!observer->asked) {
		show(monitor, observer, KRI_PAGE_READY, KR_OK);
		return;
	}
	observer->since = kri_clock_us();
	observer->state = KRI_OBSERVER_PROBING;
	observer->until = kri_clock_ms() + io + PROBE_SPARE;
	kri_loop_probe(observer->asked);
}

/* One that was under way already is not ours: asked again, there is another. */
static void await_probe(const struct kri_monitor *monitor,
			struct kri_observer *observer)
{
	struct kri_loop *loop = observer->asked;
	bool over = atomic_load(&loop->probe.begun) >= observer->since;
	enum kr_err err = KR_ERR_TIMEOUT;

	if (over)
		err = (enum kr_err)atomic_load(&loop->probe.err);
	if (over || kri_clock_ms() >= observer->until ||
	    atomic_load(&monitor->draining))
		show(monitor, observer, KRI_PAGE_READY, err);
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

static void serve(const struct kri_monitor *monitor,
		  struct kri_observer *observer, struct kri_text target)
{
	struct kri_text path = kri_text_cut(&target, '?');

	for (int page = 0; page < KRI_PAGES; page++) {
		if (!is_page(monitor, (enum kri_page)page, path))
			continue;
		if (page == KRI_PAGE_READY)
			ask_store(monitor, observer);
		else
			show(monitor, observer, (enum kri_page)page, KR_OK);
		return;
	}
	refuse(observer, 404, "Not found");
}

/* RFC 9112 section 3: method, target and version, a space between each. */
static void read_request(const struct kri_monitor *monitor,
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
		serve(monitor, observer, target);
}

/* False: it is over. A NUL would end the text before its end. */
static bool receive(const struct kri_monitor *monitor,
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
		read_request(monitor, observer);
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
	observer->state = KRI_OBSERVER_LEAVING;
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

bool kri_observer_go_on(const struct kri_monitor *monitor,
			struct kri_observer *observer)
{
	bool more = true;

	if (observer->state != KRI_OBSERVER_PROBING &&
	    kri_clock_ms() >= observer->until)
		return false;
	if (observer->state == KRI_OBSERVER_READING)
		more = receive(monitor, observer);
	if (more && observer->state == KRI_OBSERVER_PROBING)
		await_probe(monitor, observer);
	if (more && observer->state == KRI_OBSERVER_WRITING)
		more = write_answer(observer);
	if (more && observer->state == KRI_OBSERVER_LEAVING)
		more = linger(observer);
	return more;
}

/* ---- life ------------------------------------------------------------- */

struct kri_observer *kri_observer_open(int fd)
{
	struct kri_observer *made = calloc(1, sizeof(*made));

	if (made) {
		made->fd = fd;
		made->until = kri_clock_ms() + REQUEST_TIME;
	}
	return made;
}

void kri_observer_close(struct kri_observer *observer)
{
	close(observer->fd);
	kri_buffer_free(&observer->answer);
	free(observer);
}
