/*
 * The log: one line an event on stderr, as text or as JSON, each within one
 * write(2). Lines that belong to a request carry its ids. Never pass it a
 * secret, a cookie or a password.
 *
 * Until kri_log_start() a line is written by who logs it. From then on lines
 * go into a bounded queue and one thread writes them: a pipe that nobody
 * reads costs lines, which are counted, and never holds up who logs.
 */
#ifndef KRI_BASE_LOG_H
#define KRI_BASE_LOG_H

#include <stdarg.h>

#include "base/text.h"

enum kri_log_level {
	KRI_LOG_ERROR,   /* something is broken and wants a person */
	KRI_LOG_WARNING, /* a request suffered, or will if this goes on */
	KRI_LOG_INFO,    /* start, end, connections */
	KRI_LOG_DEBUG    /* one line a request */
};

enum kri_log_format { KRI_LOG_TEXT, KRI_LOG_JSON };

/* What a line is about; either may be NULL. */
struct kri_log_ids {
	const char *request; /* the front server's REQUEST_ID */
	const char *session; /* the session's public id */
	/* As kri_request_trace() has proven it: version-trace-span-flags. */
	const char *trace;
};

/* Sets what is written from here on. The default is info, as text. */
void kri_log_setup(enum kri_log_level level, enum kri_log_format format);

/* Starts the thread that writes; KR_OK if it is there already, else
 * KR_ERR_SYSTEM, and all stays as it was. A forked child is without. */
enum kr_err kri_log_start(void) KR_MUST_CHECK;

/* Writes what is queued, for at most `ms`, and ends the thread; afterwards
 * lines are written by who logs them again, who waits a second for room at
 * most. Nothing if none was started. Before exit: the queue ends with it. */
void kri_log_stop(int64_t ms);

/* Lines that were lost, ever: see above. */
uint64_t kri_log_count_lost(void);

/* Whether a line of that level would be written. */
bool kri_log_enabled(enum kri_log_level level);

/*
 * Whether a line that many requests have cause for is due again: once in `ms`,
 * or once a second. `next` is the caller's, one for each such line, zero at
 * first.
 */
bool kri_log_is_due_every(_Atomic int64_t *next, int64_t ms);
bool kri_log_is_due(_Atomic int64_t *next);

/* `ids` may be NULL. Control characters in the message come out as '?'. */
void kri_log(enum kri_log_level level, const struct kri_log_ids *ids,
	     const char *format, ...) KR_PRINTF(3, 4);
void kri_log_list(enum kri_log_level level, const struct kri_log_ids *ids,
		  const char *format, va_list list) KR_PRINTF(3, 0);

#endif
