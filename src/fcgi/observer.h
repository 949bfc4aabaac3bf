/*
 * One observer, from its request to its answer to its end; observers.c has all
 * of them.
 */
#ifndef KRI_FCGI_OBSERVER_H
#define KRI_FCGI_OBSERVER_H

#include "fcgi/monitor.h"

#define KRI_OBSERVER_REQUEST                                                   \
	4096 /* bytes of a line and headers, with a NUL                        \
	      */

struct kri_loop;

enum kri_observer_state {
	KRI_OBSERVER_READING, /* its request */
	KRI_OBSERVER_PROBING, /* the store is asked */
	KRI_OBSERVER_WRITING, /* the answer */
	KRI_OBSERVER_LEAVING  /* half-closed: the end is the observer's to make
			       */
};

struct kri_observer {
	int fd;
	enum kri_observer_state state;
	int64_t until; /* kri_clock_ms(): the end of its state */
	char request[KRI_OBSERVER_REQUEST];
	size_t len;
	bool head;
	struct kri_loop *asked; /* the loop that asks the store */
	int64_t since;          /* kri_clock_us() of the question */
	struct kri_buffer answer;
	size_t sent;
};

/* Takes the descriptor; NULL without memory. */
struct kri_observer *kri_observer_open(int fd);
void kri_observer_close(struct kri_observer *observer);

/* Does what can be done without waiting. False: it is over. */
bool kri_observer_go_on(const struct kri_monitor *monitor,
			struct kri_observer *observer);

#endif
