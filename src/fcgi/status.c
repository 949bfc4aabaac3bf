/*
 * Composes the line from what crew and store say, and sends it when it has
 * changed; feeds the watchdog while one loop at least comes round.
 */
#include "fcgi/status.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

#define LOOK_TICK 5000 /* ms between two looks at what the line would be */

/* ---- the line --------------------------------------------------------- */

static void put_outage(const struct kri_status *status, struct kri_buffer *line)
{
	int64_t since = kri_store_away(status->store);
	char text[sizeof("2026-11-24T17:02:11Z")] = "";
	struct tm utc;
	time_t then;

	if (!since)
		return;
	then = (time_t)(kri_clock_epoch_ms() - (kri_clock_ms() - since)) / 1000;
	if (gmtime_r(&then, &utc))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	kri_buffer_printf(line, "; store away since %s", text);
}

static void put_line(const struct kri_status *status, struct kri_buffer *line)
{
	kri_buffer_printf(line,
			  "serving on %s: %lld connections, %lld requests",
			  status->place->data,
			  (long long)kri_crew_connections(status->crew),
			  (long long)kri_crew_requests(status->crew));
	put_outage(status, line);
	if (status->refused.len)
		kri_buffer_printf(line, "; the last reload was refused: %s",
				  status->refused.data);
}

/* One line it is, whatever a reason quotes. */
static void tidy(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20)
			*text = ' ';
}

/* Composes the line; tells whether systemd was sent another one last. */
static bool renew(struct kri_status *status)
{
	struct kri_buffer line = KRI_BUFFER_EMPTY;
	bool is_new = false;

	put_line(status, &line);
	if (line.len >= KRI_STATUS_MAX)
		line.data[KRI_STATUS_MAX - 1] = '\0';
	if (!line.failed)
		tidy(line.data);
	if (!line.failed && strcmp(status->said, line.data)) {
		strcpy(status->said, line.data);
		is_new = true;
	}
	kri_buffer_free(&line);
	status->look_due = kri_clock_ms() + LOOK_TICK;
	return is_new;
}

/* ---- what happened ---------------------------------------------------- */

void kri_status_serving(struct kri_status *status)
{
	(void)renew(status);
	kri_notify_ready(&status->notify, status->said);
}

void kri_status_reloading(struct kri_status *status)
{
	kri_buffer_clear(&status->refused);
	kri_notify_reloading(&status->notify, "reloading");
}

void kri_status_refused(struct kri_status *status, const char *why)
{
	kri_buffer_clear(&status->refused);
	kri_buffer_string(&status->refused, why);
	kri_status_serving(status);
}

void kri_status_stopping(struct kri_status *status)
{
	kri_notify_stopping(&status->notify,
			    "draining: requests in flight are answered");
}

/* ---- the watchdog ----------------------------------------------------- */

/* Whether every loop has been in one turn for longer than the watchdog waits:
 * handlers hold them all, and nobody is served. */
static bool is_stuck(const struct kri_status *status)
{
	for (int i = 0; i < status->crew->started; i++)
		if (kri_loop_turn(status->crew->loops[i]) <=
		    status->notify.watchdog)
			return false;
	return true;
}

/* Says so once; then the watchdog does what it is there for. */
static bool is_alive(struct kri_status *status)
{
	bool stuck = is_stuck(status);

	if (stuck && !status->stuck)
		kri_log(KRI_LOG_ERROR, NULL,
			"handlers hold all loops for longer than the "
			"watchdog's %lld ms: it is not told any more that we "
			"are alive",
			(long long)(status->notify.watchdog / 1000));
	status->stuck = stuck;
	return !stuck;
}

void kri_status_ping(struct kri_status *status)
{
	kri_notify_ping(&status->notify);
}

void kri_status_tick(struct kri_status *status)
{
	if (!kri_notify_is_on(&status->notify))
		return;
	if (!status->notify.watchdog || is_alive(status))
		kri_status_ping(status);
	if (kri_clock_ms() >= status->look_due && renew(status))
		kri_notify_status(&status->notify, status->said);
}

int kri_status_timeout(const struct kri_status *status)
{
	int64_t due = status->look_due, left;

	if (!kri_notify_is_on(&status->notify))
		return -1;
	if (status->notify.watchdog && status->notify.ping_due < due)
		due = status->notify.ping_due;
	left = due - kri_clock_ms();
	return left < 1 ? 1 : (int)left;
}

/* ---- life ------------------------------------------------------------- */

void kri_status_open(struct kri_status *status, const struct kri_crew *crew,
		     struct kri_store *store, const struct kri_buffer *place)
{
	*status = (struct kri_status){
		.crew = crew,
		.store = store,
		.place = place,
	};
	kri_notify_open(&status->notify);
}

void kri_status_close(struct kri_status *status)
{
	kri_notify_close(&status->notify);
	kri_buffer_free(&status->refused);
}
