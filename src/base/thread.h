/*
 * Threads that serve beside the program's own, and take no signal: those are
 * the program's.
 */
#ifndef KRI_BASE_THREAD_H
#define KRI_BASE_THREAD_H

#include <pthread.h>
#include <stddef.h>

/* As pthread_create(), with a stack of so many bytes. */
int kri_thread_start(pthread_t *thread, size_t stack, void *(*run)(void *arg),
		     void *arg);

#endif
