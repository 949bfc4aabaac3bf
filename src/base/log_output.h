/*
 * Standard error, as log lines are written to it. log_queue.c writes, log.c
 * asks what it is.
 */
#ifndef KRI_BASE_LOG_OUTPUT_H
#define KRI_BASE_LOG_OUTPUT_H

#include <limits.h>
#include <stdint.h>

#include "base/text.h"

/* Bytes of a line with its end, at most: a write of that many to a pipe is
 * undivided. */
#define KRI_LOG_LINE_MAX PIPE_BUF

/* Writes a line after waiting for room for a second at most, and drops it if
 * there is none. */
void kri_log_write_soon(struct kri_text line);

/*
 * Writes lines, however long that takes, until the descriptor `stop` becomes
 * readable. Returns how many were not written: the first that fails loses
 * all that follow.
 */
uint64_t kri_log_write_lines(struct kri_text lines, int stop);

/* Whether lines go to systemd's journal, which wants to know how important
 * each is. Found out once. */
bool kri_log_to_journal(void);

#endif
