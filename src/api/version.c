/*
 * The version, which configure.ac and krsession.h both name: the one for
 * packages, the other for programs. This file compiles only when they agree.
 */
#include "krsession.h"

_Static_assert(!__builtin_strcmp(KR_VERSION, PACKAGE_VERSION),
	       "krsession.h and configure.ac name different versions");

const char *kr_version(void)
{
	return KR_VERSION;
}
