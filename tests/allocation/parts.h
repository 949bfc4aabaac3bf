/*
 * What needs neither a store nor a loop, and has few allocations: each fails in
 * turn within one process, every time.
 */
#ifndef TESTS_ALLOCATION_PARTS_H
#define TESTS_ALLOCATION_PARTS_H

/* Returns how many faults there were, each told on standard output. */
int parts_run(void);

#endif
