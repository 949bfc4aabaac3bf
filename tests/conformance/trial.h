/*
 * One suite for all stores, written over store/store.h alone. Which store is
 * tried, the command line says ("SECTION.KEY=VALUE" ...); without a word, the
 * one in memory. Each operation is waited for here, so that tests read as if
 * they blocked.
 */
#ifndef TESTS_CONFORMANCE_TRIAL_H
#define TESTS_CONFORMANCE_TRIAL_H

#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <uv.h>

#include "base/clock.h"

#define AUTH 'a'   /* what the digests of most sessions consist of */
#define LONG 60000 /* ms to live, where the end does not matter */

/* One loop's way to the store. */
struct trial {
	struct kri_config config;
	struct kri_store *store;
	uv_loop_t loop;
	struct kri_link *link;
	struct kri_arena arena; /* all records of a test */
};

/* The options of all trials, ended by NULL. */
extern const char *const *trial_options;

/* Whether they name that kind of store; without a word it is redis. */
bool trial_is(const char *kind);

/* A store with no session in it, and for cmocka the same as *state. */
int trial_setup(void **state);
int trial_teardown(void **state);

/* A store besides, with one option more; its sessions are not touched. */
void trial_open(struct trial *trial, const char *option);
void trial_open_with(struct trial *trial, const char *option,
		     const char *second); /* each may be NULL */
void trial_close(struct trial *trial);

/* A second link, with a loop of its own, to the same store. */
void trial_attach(struct trial *trial, struct kri_store *store);
void trial_detach(struct trial *trial);

/* A record about session number `i`; of another batch than the last one. */
struct kri_record *record_of(struct trial *trial, unsigned i);

/* A new session as above, stored, with KR_OK. */
struct kri_record *created(struct trial *trial, unsigned i);

/* To be committed with it; text and key are borrowed. */
void set(struct kri_record *record, const char *key, struct kri_text data);
void take_away(struct kri_record *record, const char *key);

/* Each returns record->err. */
enum kr_err load(struct trial *trial, struct kri_record *record);
enum kr_err peek(struct trial *trial, struct kri_record *record);
enum kr_err commit(struct trial *trial, struct kri_record *record,
		   enum kri_operation operation);

/* For operations that are given by hand: sets a bool, and waits for it. */
void trial_done(void *arg);
void trial_await(struct trial *trial, const bool *flag);

/* Several in one batch. */
void load_all(struct trial *trial, struct kri_record **records, size_t n);
void commit_all(struct trial *trial, struct kri_record **records, size_t n);

/* What is stored of session `i` now; NULL if there is none. */
struct kri_record *stored(struct trial *trial, unsigned i);
/* ms that it will live on, or -2 if it has ended. */
int64_t left_of(struct trial *trial, unsigned i);
/* That it will live on for more than LONG; a touch is not waited for. */
void assert_prolonged(struct trial *trial, unsigned i);
void assert_value(const struct kri_record *record, const char *key,
		  struct kri_text data);
void assert_no_value(const struct kri_record *record, const char *key);

/* All sessions' ids, each once and in order. */
size_t list_all(struct trial *trial, const char ***ids);
int64_t count_all(struct trial *trial);

/* Ends them all. */
void remove_all(struct trial *trial);

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, trial_setup, trial_teardown)

int run_batches(void);
int run_counters(void);
int run_follow(void);
int run_full(void);
int run_limit(void);
int run_listing(void);
int run_others(void);
int run_renewal(void);
int run_sessions(void);
int run_threads(void);
int run_time(void);
int run_users(void);
int run_values(void);

#endif
