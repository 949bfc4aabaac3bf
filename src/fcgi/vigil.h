/*
 * The vigil: a process that has nothing to serve with while its stand-in
 * does. It comes to that when the program cannot be executed anew, or cannot
 * begin: the file or the configuration changed once more between the
 * stand-in's start and ours.
 */
#ifndef KRI_FCGI_VIGIL_H
#define KRI_FCGI_VIGIL_H

#include "base/buffer.h"
#include "fcgi/handover.h"

/*
 * Executes the program in this process's place, at once if `why` is empty;
 * else, and if that fails, waits for SIGHUP and tries again. Returns true after
 * SIGTERM, when the stand-in has ended in an orderly way; false when it is
 * gone, or there is none: then nobody serves.
 */
bool kri_vigil_keep(struct kri_handover *handover, struct kri_buffer *why);

#endif
