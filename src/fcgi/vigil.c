/*
 * Says what hinders us, feeds the watchdog, and waits: for SIGHUP, to try
 * again, for SIGTERM, to end both, or for the stand-in's end.
 */
#include "fcgi/vigil.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/notify.h"
#include "fcgi/signals.h"
#include "fcgi/standin.h"

#define LONGEST 3600000 /* ms; the most that server.drain_timeout can be */
#define TICK 1000       /* ms between two looks at the watchdog's time */

struct vigil {
	struct kri_standin standin;
	struct kri_notify notify;
	int signals;
	bool ending; /* SIGTERM has come */
};

static void begin(struct vigil *vigil, const char *why)
{
	struct kri_buffer status = KRI_BUFFER_EMPTY;

	kri_buffer_printf(&status,
			  "cannot start anew: %s; process %d serves on; SIGHUP "
			  "tries again",
			  why, (int)vigil->standin.pid);
	if (!status.failed) {
		kri_log(KRI_LOG_ERROR, NULL, "%s", status.data);
		kri_notify_ready(&vigil->notify, status.data);
	}
	kri_buffer_free(&status);
}

static int timeout_of(const struct vigil *vigil)
{
	int standin = kri_standin_timeout(&vigil->standin);
	int64_t left = vigil->notify.ping_due - kri_clock_ms();

	if (!vigil->notify.watchdog)
		return standin;
	if (left < 1)
		left = 1;
	return standin >= 0 && standin < left ? standin : (int)left;
}

static void end(struct vigil *vigil)
{
	if (vigil->ending)
		return;
	vigil->ending = true;
	kri_notify_stopping(&vigil->notify, "draining");
	kri_standin_part(&vigil->standin);
	kri_standin_expect_end(&vigil->standin, LONGEST);
}

static void hear(struct vigil *vigil)
{
	struct kri_message message;

	if (kri_standin_fd(&vigil->standin) < 0)
		return;
	kri_channel_hear(vigil->standin.channel, &message);
	if (message.fd >= 0)
		close(message.fd);
	if (message.word == KRI_WORD_ENDED)
		kri_standin_hung_up(&vigil->standin);
}

/* Until SIGHUP, then true, or the stand-in's end. */
static bool wait(struct vigil *vigil)
{
	int number;

	do {
		struct pollfd ready[] = {
			{.fd = vigil->signals, .events = POLLIN},
			{.fd = kri_standin_fd(&vigil->standin),
			 .events = POLLIN},
		};

		poll(ready, 2, timeout_of(vigil));
		kri_notify_ping(&vigil->notify);
		hear(vigil);
		number = kri_signals_read(vigil->signals);
		if (number == SIGTERM || number == SIGINT)
			end(vigil);
		if (number == SIGHUP && !vigil->ending)
			return true;
	} while (!kri_standin_reap(&vigil->standin));
	return false;
}

static bool keep(struct vigil *vigil, const struct kri_handover *handover,
		 struct kri_buffer *why)
{
	bool again = true;

	while (again) {
		begin(vigil, why->failed ? "out of memory" : why->data);
		again = wait(vigil);
		kri_buffer_clear(why);
		if (again)
			kri_handover_exec(handover, why);
	}
	if (vigil->ending)
		return vigil->standin.status == 0;
	kri_standin_describe(&vigil->standin, why);
	kri_log(KRI_LOG_ERROR, NULL, "process %d stood in and %s",
		(int)vigil->standin.pid, why->failed ? "ended" : why->data);
	return false;
}

bool kri_vigil_keep(struct kri_handover *handover, struct kri_buffer *why)
{
	struct vigil vigil = {.standin = {.channel = -1}};
	bool ended;

	if (!why->len)
		kri_handover_exec(handover, why);
	if (!handover->pid) {
		kri_log(KRI_LOG_ERROR, NULL, "cannot start anew: %s",
			why->failed ? "out of memory" : why->data);
		return false;
	}
	kri_standin_adopt(&vigil.standin, handover);
	vigil.signals = kri_signals_open();
	kri_notify_open(&vigil.notify);
	ended = keep(&vigil, handover, why);
	kri_notify_close(&vigil.notify);
	kri_standin_close(&vigil.standin);
	if (vigil.signals >= 0)
		close(vigil.signals);
	return ended;
}
