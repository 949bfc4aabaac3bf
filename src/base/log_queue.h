/*
 * The way of finished log lines to standard error: straight from who logs,
 * or, between start and stop, through a bounded queue that a thread of its
 * own empties. Only log.c uses it. Knows nothing of what a line says.
 */
#ifndef KRI_BASE_LOG_QUEUE_H
#define KRI_BASE_LOG_QUEUE_H

#include "base/log_output.h"

/* A line with its end; no memory of the heap's. */
struct kri_log_line {
	char data[KRI_LOG_LINE_MAX];
	size_t len;
};

/* Makes the line which says that `n` lines were lost. */
typedef void kri_log_lost(struct kri_log_line *out, uint64_t n);

/* Starts the thread; KR_OK if it is there already, else KR_ERR_SYSTEM. */
enum kr_err kri_log_queue_start(kri_log_lost *lost) KR_MUST_CHECK;

/* Has the queue written for at most `ms`, then ends the thread in any case.
 * What is left is lost. Nothing if none was started. */
void kri_log_queue_stop(int64_t ms);

/*
 * A line with its end, KRI_LOG_LINE_MAX bytes at most. With the thread: copied,
 * and dropped and counted if the queue is full. Without: written, after waiting
 * at most a second for room, and dropped if there is none.
 */
void kri_log_queue_put(struct kri_text line);

/* Lines that the queue or standard error had no room for, ever. */
uint64_t kri_log_queue_lost(void);

#endif
