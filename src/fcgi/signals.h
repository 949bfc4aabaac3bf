/*
 * Signals, as something that the main thread reads: all threads have them
 * blocked, from the first thread on. They stay blocked across fork and exec,
 * so one that comes in between waits for who reads it next.
 */
#ifndef KRI_FCGI_SIGNALS_H
#define KRI_FCGI_SIGNALS_H

#include <stdbool.h>

#include "krsession.h"

/* Blocks them in this thread, and with it in all that it starts. A descriptor
 * that is readable when one has come; -1 with errno. */
int kri_signals_open(void);

/*
 * With `busy`, SIGHUP is left to wait: the kernel keeps one, however many
 * come, and it is read when we are ready for it again, even after an exec.
 */
enum kr_err kri_signals_busy(int signals, bool busy) KR_MUST_CHECK;

/* Its number, or 0 if none has come. */
int kri_signals_read(int signals);

#endif
