/*
 * Whom a thread tells that it has to wait, so that another can take its
 * place meanwhile.
 */
#ifndef KRI_BASE_WAIT_H
#define KRI_BASE_WAIT_H

#include <stdbool.h>

/* ms that a thread may wait for which no substitute could be found. */
#define KRI_WAIT_ALONE 50

struct kri_wait {
	/* Returns whether somebody takes the caller's place. */
	bool (*begin)(void *arg);
	/* Follows every begin. */
	void (*end)(void *arg);
	void *arg;
};

/* For a thread that nobody else depends on: it may wait as it likes. */
extern const struct kri_wait kri_wait_alone;

#endif
