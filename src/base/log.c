/*
 * Owns the form of a log line; log_queue.c brings it to standard error.
 * Level and format are the only global state here, and atomic: any thread
 * may log at any time. Lines are made on the stack, and their JSON here: that
 * memory has run out is said when there is none. Knows nothing of who logs
 * what.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/log_output.h"
#include "base/log_queue.h"

/* Ids beyond theirs come from a front server gone wrong. */
#define MESSAGE_MAX 1700
#define ID_MAX 128

/* The names, quotes and the time of a line of JSON. */
#define FRAME_MAX 128

/* Of a traceparent (https://www.w3.org/TR/trace-context/): two characters and
 * a dash, the trace, a dash, the span. */
#define TRACE_AT 3
#define TRACE_LEN 32
#define SPAN_AT (TRACE_AT + TRACE_LEN + 1)
#define SPAN_LEN 16

/* JSON may spell each byte of a text with two. */
_Static_assert(2 * (MESSAGE_MAX + 2 * ID_MAX) + TRACE_LEN + SPAN_LEN +
			       FRAME_MAX <=
		       KRI_LOG_LINE_MAX,
	       "the longest line is written undivided");

#define PAUSE 1000 /* ms between lines that are said now and then */

struct line {
	char time[32];
	enum kri_log_level level;
	char request[ID_MAX];      /* "" if there is none */
	char session[ID_MAX];      /* likewise */
	char trace[TRACE_LEN + 1]; /* likewise, and so is the next */
	char span[SPAN_LEN + 1];
	char message[MESSAGE_MAX];
};

static atomic_int current_level = KRI_LOG_INFO;
static atomic_int current_format = KRI_LOG_TEXT;

static const char *const level_names[] = {
	[KRI_LOG_ERROR] = "error",
	[KRI_LOG_WARNING] = "warning",
	[KRI_LOG_INFO] = "info",
	[KRI_LOG_DEBUG] = "debug",
};

void kri_log_setup(enum kri_log_level level, enum kri_log_format format)
{
	atomic_store_explicit(&current_level, level, memory_order_relaxed);
	atomic_store_explicit(&current_format, format, memory_order_relaxed);
}

bool kri_log_enabled(enum kri_log_level level)
{
	return (int)level <=
	       atomic_load_explicit(&current_level, memory_order_relaxed);
}

/* Whether a character starts here with which a terminal could be made to do
 * something: C0, DEL, or C1 (U+0080 to U+009F) as UTF-8 spells it. */
static bool is_control(const unsigned char *at)
{
	return at[0] < 0x20 || at[0] == 0x7f ||
	       (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f);
}

/* Makes a text fit for one line: '?' for control characters, and for all
 * that is not ASCII if it is not UTF-8 (JSON must be). */
static void tidy(char *text)
{
	bool utf8 = kri_text_is_utf8(kri_text_of(text));
	unsigned char *at = (unsigned char *)text;

	for (; *at; at++) {
		if (!utf8 && *at >= 0x80)
			*at = '?';
		if (!is_control(at))
			continue;
		if (*at == 0xc2)
			*at++ = '?';
		*at = '?';
	}
}

/* Ends a text that was cut off with dots, and not within a character. */
static void mark_cut(char *text, size_t size)
{
	static const char dots[] = "...";
	size_t end = size - sizeof(dots);

	while (end && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	memcpy(text + end, dots, sizeof(dots));
}

static void set_id(char out[ID_MAX], const char *id)
{
	if (snprintf(out, ID_MAX, "%s", id ? id : "") >= ID_MAX)
		mark_cut(out, ID_MAX);
	tidy(out);
}

static void set_trace(struct line *line, const char *trace)
{
	if (!trace)
		return;
	memcpy(line->trace, trace + TRACE_AT, TRACE_LEN);
	memcpy(line->span, trace + SPAN_AT, SPAN_LEN);
}

static void set_time(char *out, size_t size)
{
	struct timespec now;
	struct tm utc;
	char seconds[sizeof("2026-11-23T01:42:15")] = "";

	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &utc))
		strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(out, size, "%s.%03dZ", seconds, (int)(now.tv_nsec / 1000000));
}

/* What has no room is cut off; the assertion above says that there is some. */
static void put(struct kri_log_line *out, const char *text)
{
	size_t len = strlen(text), room = sizeof(out->data) - out->len;

	len = len < room ? len : room;
	memcpy(out->data + out->len, text, len);
	out->len += len;
}

static void put_byte(struct kri_log_line *out, char byte)
{
	if (out->len < sizeof(out->data))
		out->data[out->len++] = byte;
}

static void put_id(struct kri_log_line *out, const char *name, const char *id)
{
	if (!id[0])
		return;
	put(out, name);
	put(out, id);
	put(out, " ");
}

static void put_text(struct kri_log_line *out, const struct line *line)
{
	put(out, line->time);
	put(out, " ");
	put(out, level_names[line->level]);
	put(out, " ");
	put_id(out, "request=", line->request);
	put_id(out, "session=", line->session);
	put_id(out, "trace=", line->trace);
	put_id(out, "span=", line->span);
	put(out, line->message);
}

/* A string of JSON. Texts were made tidy: they are UTF-8 without control
 * characters, so two characters alone need an escape (RFC 8259, section 7). */
static void put_string(struct kri_log_line *out, const char *text)
{
	put(out, "\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			put(out, "\\");
		put_byte(out, *text);
	}
	put(out, "\"");
}

static void put_member(struct kri_log_line *out, const char *name,
		       const char *value)
{
	if (!value[0])
		return;
	put(out, ",\"");
	put(out, name);
	put(out, "\":");
	put_string(out, value);
}

static void put_json(struct kri_log_line *out, const struct line *line)
{
	put(out, "{\"time\":");
	put_string(out, line->time);
	put_member(out, "level", level_names[line->level]);
	put_member(out, "request", line->request);
	put_member(out, "session", line->session);
	put_member(out, "trace", line->trace);
	put_member(out, "span", line->span);
	put_member(out, "message", line->message);
	put(out, "}");
}

/* In the journal, a line's priority stands before it (sd-daemon(3)), and is
 * taken away again: journalctl -p err finds errors. */
static void put_priority(struct kri_log_line *out, enum kri_log_level level)
{
	static const char *const priorities[] = {
		[KRI_LOG_ERROR] = "<3>",
		[KRI_LOG_WARNING] = "<4>",
		[KRI_LOG_INFO] = "<6>",
		[KRI_LOG_DEBUG] = "<7>",
	};

	if (kri_log_to_journal())
		put(out, priorities[level]);
}

static void put_line(struct kri_log_line *out, const struct line *line)
{
	out->len = 0;
	put_priority(out, line->level);
	if (atomic_load_explicit(&current_format, memory_order_relaxed) ==
	    KRI_LOG_JSON)
		put_json(out, line);
	else
		put_text(out, line);
	put(out, "\n");
}

static void emit(const struct line *line)
{
	struct kri_log_line out;

	put_line(&out, line);
	kri_log_queue_put(kri_text(out.data, out.len));
}

/* Said at any level: it may have been errors. */
static void put_lost(struct kri_log_line *out, uint64_t n)
{
	struct line line = {.level = KRI_LOG_WARNING};

	snprintf(line.message, MESSAGE_MAX,
		 "%" PRIu64 " log line%s lost here: standard error was not "
		 "read fast enough, or could not be written",
		 n, n == 1 ? " was" : "s were");
	set_time(line.time, sizeof(line.time));
	put_line(out, &line);
}

KR_PRINTF(3, 0)
static void log_line(enum kri_log_level level, const struct kri_log_ids *ids,
		     const char *format, va_list list)
{
	struct line line = {.level = level};

	if (vsnprintf(line.message, MESSAGE_MAX, format, list) >= MESSAGE_MAX)
		mark_cut(line.message, MESSAGE_MAX);
	tidy(line.message);
	set_id(line.request, ids ? ids->request : NULL);
	set_id(line.session, ids ? ids->session : NULL);
	set_trace(&line, ids ? ids->trace : NULL);
	set_time(line.time, sizeof(line.time));
	emit(&line);
}

enum kr_err kri_log_start(void)
{
	return kri_log_queue_start(put_lost);
}

void kri_log_stop(int64_t ms)
{
	kri_log_queue_stop(ms);
}

uint64_t kri_log_count_lost(void)
{
	return kri_log_queue_lost();
}

bool kri_log_is_due_every(_Atomic int64_t *next, int64_t ms)
{
	int64_t now = kri_clock_ms();
	int64_t due = atomic_load_explicit(next, memory_order_relaxed);

	return now >= due &&
	       atomic_compare_exchange_strong(next, &due, now + ms);
}

bool kri_log_is_due(_Atomic int64_t *next)
{
	return kri_log_is_due_every(next, PAUSE);
}

void kri_log_list(enum kri_log_level level, const struct kri_log_ids *ids,
		  const char *format, va_list list)
{
	int saved = errno; /* callers look at it after they have logged */

	if (kri_log_enabled(level))
		log_line(level, ids, format, list);
	errno = saved;
}

void kri_log(enum kri_log_level level, const struct kri_log_ids *ids,
	     const char *format, ...)
{
	va_list list;

	va_start(list, format);
	kri_log_list(level, ids, format, list);
	va_end(list);
}
