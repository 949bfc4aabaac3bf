/*
 * One datagram a word, never waited for: a service manager that does not listen
 * costs one line in the log and no request.
 */
#include "fcgi/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"

#define PATIENCE 1 /* s that a message which must arrive waits for room */

static void warn(struct kri_notify *notify, const char *what)
{
	if (!notify->warned)
		kri_log(KRI_LOG_WARNING, NULL,
			"the service manager is not told of us: NOTIFY_SOCKET "
			"= %s: %s",
			getenv("NOTIFY_SOCKET"), what);
	notify->warned = true;
}

/* A path, or a name in Linux' abstract space, which is written with @. */
static bool set_address(struct kri_notify *notify, const char *name)
{
	size_t len = strlen(name);

	if ((*name != '/' && *name != '@') || len < 2 ||
	    len >= sizeof(notify->address.sun_path))
		return false;
	notify->address.sun_family = AF_UNIX;
	memcpy(notify->address.sun_path, name, len + 1);
	notify->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				   len + (*name == '/'));
	if (*name == '@')
		notify->address.sun_path[0] = '\0';
	return true;
}

/* WATCHDOG_USEC, if it is meant for us. */
static int64_t read_watchdog(void)
{
	const char *text = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	int64_t us = 0;

	if (pid && strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	if (!text || kri_text_to_int(kri_text_of(text), 1, INT64_MAX / 2, &us))
		return 0;
	return us;
}

void kri_notify_open(struct kri_notify *notify)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct timeval patience = {.tv_sec = PATIENCE};

	*notify = (struct kri_notify){.fd = -1};
	if (!name || !*name)
		return;
	if (!set_address(notify, name)) {
		warn(notify, "it must be a path or begin with @");
		return;
	}
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify->fd < 0) {
		warn(notify, strerror(errno));
		return;
	}
	setsockopt(notify->fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		   sizeof(patience));
	notify->watchdog = read_watchdog();
}

void kri_notify_close(struct kri_notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

bool kri_notify_is_on(const struct kri_notify *notify)
{
	return notify->fd >= 0;
}

/* What comes again soon is not waited for: there may be no room while the
 * manager itself starts anew, and we accept connections on this thread. */
static void tell(struct kri_notify *notify, const struct kri_buffer *text,
		 bool wait)
{
	ssize_t n;

	do
		n = sendto(notify->fd, text->data, text->len,
			   MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT),
			   (const struct sockaddr *)&notify->address,
			   notify->size);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (wait || errno != EAGAIN))
		warn(notify, strerror(errno));
}

static void say(struct kri_notify *notify, const char *state,
		const char *status, bool wait)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;

	if (notify->fd < 0)
		return;
	kri_buffer_string(&text, state);
	if (status)
		kri_buffer_printf(&text, "STATUS=%s", status);
	if (!text.failed)
		tell(notify, &text, wait);
	kri_buffer_free(&text);
}

void kri_notify_ready(struct kri_notify *notify, const char *status)
{
	say(notify, "READY=1\n", status, true);
}

/* With the time, so that systemd can tell it from an earlier reload's. */
void kri_notify_reloading(struct kri_notify *notify, const char *status)
{
	struct kri_buffer state = KRI_BUFFER_EMPTY;

	kri_buffer_printf(&state, "RELOADING=1\nMONOTONIC_USEC=%lld\n",
			  (long long)kri_clock_us());
	if (!state.failed)
		say(notify, state.data, status, true);
	kri_buffer_free(&state);
}

void kri_notify_stopping(struct kri_notify *notify, const char *status)
{
	say(notify, "STOPPING=1\n", status, true);
}

void kri_notify_status(struct kri_notify *notify, const char *status)
{
	say(notify, "", status, false);
}

void kri_notify_ping(struct kri_notify *notify)
{
	int64_t now = kri_clock_ms();

	if (!notify->watchdog || now < notify->ping_due)
		return;
	notify->ping_due = now + notify->watchdog / 2000;
	say(notify, "WATCHDOG=1\n", NULL, false);
}
