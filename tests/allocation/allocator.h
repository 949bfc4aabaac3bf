/*
 * The program's own malloc and its kin, one of which fails when it is told to.
 * They stand in the program, so that what the libraries ask for on our behalf
 * comes by here too; memory itself is still the C library's or a sanitizer's.
 */
#ifndef TESTS_ALLOCATION_ALLOCATOR_H
#define TESTS_ALLOCATION_ALLOCATOR_H

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

enum failing {
	FAIL_ONE, /* the nth alone */
	FAIL_REST /* the nth and all after it */
};

/* Once, before any thread: spares what cannot be survived. */
void allocator_setup(void);

/* The nth allocation from now on, counted from 1, fails; n = 0: none does,
 * but they are counted. */
void allocator_arm(long n, enum failing how);

/* Stops that; returns how many allocations there were. _go_on goes on where it
 * was stopped. */
long allocator_disarm(void);
void allocator_go_on(void);

/* Prints where an allocation fails, for who looks for a cause. */
void allocator_tell(bool tell);

/* Allocations that have not been freed, of all threads. */
long allocator_live(void);

#endif
