/*
 * A life on a store, from the options to the end, while allocations may fail.
 * What cannot be carried out is to be refused; what was answered is to be true;
 * and when there is memory again, all is as it should be.
 */
#ifndef TESTS_ALLOCATION_LIFE_H
#define TESTS_ALLOCATION_LIFE_H

#include <stdarg.h>
#include <stdbool.h>

#include "allocator.h"
#include "krsession.h"

#define RECOVERY 10000 /* ms that a store may take to come back */

struct life {
	void (*lead)(struct life *life); /* one of those below */
	const char *const *options; /* "SECTION.KEY=VALUE", ended by NULL */
	long n;                     /* the allocation that fails; 0: none */
	enum failing how;
	long asked;     /* allocations there were */
	int refused;    /* calls and requests that were */
	char doing[32]; /* what it is at */
	char why[1024]; /* what was wrong; "" if nothing was */
};

/* Configuration, routes, store, loop, requests, an operator's walk. */
void life_of_a_program(struct life *life);

/* The session layer alone, with calls that block. (alone.c) */
void life_alone(struct life *life);

/* The sessions of a user, and counters. (users.c) */
void life_of_users(struct life *life);

/* A handler's test: the browser of krsession.h. (browser.c) */
void life_of_a_test(struct life *life);

/* Leads it, with the allocator armed. False if something was wrong. */
bool life_run(struct life *life);

/* ---- for those that are led ------------------------------------------- */

/* Notes what it is at. */
void life_say(struct life *life, const char *doing);

/* Notes what was wrong, the first time; returns false. */
bool life_wrong(struct life *life, const char *format, ...) KR_PRINTF(2, 3);
void life_wrong_list(struct life *life, const char *format, va_list args)
	KR_PRINTF(2, 0);

/* Whether a call went well; if not it is to have been for want of memory. */
bool life_goes_on(struct life *life, const char *what, enum kr_err err);

#endif
