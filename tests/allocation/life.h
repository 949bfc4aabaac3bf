/*
 * A program's whole life on a store: configuration, routes, store, loop,
 * requests, an operator's walk, and the end, while allocations may fail. What
 * cannot be carried out is to be refused; what was answered is to be true; and
 * when there is memory again, all is as it should be.
 */
#ifndef TESTS_ALLOCATION_LIFE_H
#define TESTS_ALLOCATION_LIFE_H

#include <stdbool.h>

#include "allocator.h"

struct life {
	const char *const *options; /* "SECTION.KEY=VALUE", ended by NULL */
	long n;                     /* the allocation that fails; 0: none */
	enum failing how;
	long asked;     /* allocations there were */
	int refused;    /* calls and requests that were */
	char doing[32]; /* what it is at */
	char why[1024]; /* what was wrong; "" if nothing was */
};

/* False if something was wrong. */
bool life_run(struct life *life);

#endif
