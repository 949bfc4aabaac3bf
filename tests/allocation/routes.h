/*
 * The program that is tried: routes that use what a handler can, on sessions
 * with a colour, a count, a note and a user.
 */
#ifndef TESTS_ALLOCATION_ROUTES_H
#define TESTS_ALLOCATION_ROUTES_H

#include "krsession.h"

enum kr_err routes_map(struct kr_app *app) KR_MUST_CHECK;

#endif
