/*
 * What the tests of a user's sessions have in common.
 *
 * An index may name what has ended, and lose what has not: a ghost is made here
 * by ending a session without saying whose it was.
 */
#ifndef TESTS_CONFORMANCE_USERS_H
#define TESTS_CONFORMANCE_USERS_H

#include "trial.h"

#define USER "max"

/* Whether the store has what this is about. */
bool has_users(void);

/* A record that logs in, to be created. */
struct kri_record *login_of(struct trial *trial, unsigned i, const char *user);

enum kr_err try_login(struct trial *trial, unsigned i, const char *user);
void logged_in(struct trial *trial, unsigned i, const char *user);

/* The session that there is gets that user. */
enum kr_err log_in_again(struct trial *trial, unsigned i, const char *user);

void log_out(struct trial *trial, unsigned i, const char *user);
void make_ghost(struct trial *trial, unsigned i);

/* How many of those that are listed are the user's still, and whether that one
 * is. */
size_t count_of(struct trial *trial, const char *user);
bool has(struct trial *trial, const char *user, unsigned i);

/* Each returns how many were ended. */
int64_t end_all(struct trial *trial, const char *user);
int64_t end_others(struct trial *trial, const char *user, unsigned keep);
int64_t end_one(struct trial *trial, const char *user, unsigned i);

/* A test of its own file, user_threads.c. */
void all_are_ended_while_others_log_in(void **state);

#endif
