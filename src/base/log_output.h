/*
 * Standard error, as log lines are written to it. Only log_queue.c uses it.
 */
#ifndef KRI_BASE_LOG_OUTPUT_H
#define KRI_BASE_LOG_OUTPUT_H

#include <stdint.h>

#include "base/text.h"

/* Writes a line after waiting for room for a second at most, and drops it if
 * there is none. */
void kri_log_write_soon(struct kri_text line);

/*
 * Writes lines, however long that takes, and returns how many could not be
 * written: a first failure loses all that follow. The calling thread, with
 * cancellation disabled, may be cancelled meanwhile.
 */
uint64_t kri_log_write_lines(struct kri_text lines);

#endif
