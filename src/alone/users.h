/*
 * The sessions of a user, and counters: what concerns no session at hand, each
 * waited for at a desk of the store's.
 */
#ifndef KRI_ALONE_USERS_H
#define KRI_ALONE_USERS_H

#include "alone/store.h"

/* As kr_user_sessions(). */
enum kr_err kri_users_list(struct kr_store *store, struct kri_text user,
			   kr_user_sessions_fn *each, void *arg) KR_MUST_CHECK;

/* What the query says; its errors, and those of taking a desk. */
enum kr_err kri_users_end(struct kr_store *store,
			  struct kri_user_query *query) KR_MUST_CHECK;

enum kr_err kri_users_count_up(struct kr_store *store,
			       struct kri_counter *counter) KR_MUST_CHECK;

#endif
