/*
 * The store of a program without an app: options of its own, the store that
 * they name, and desks, at which calls that block are served. Or an app's, with
 * desks for those of its handlers that block.
 */
#ifndef KRI_ALONE_STORE_H
#define KRI_ALONE_STORE_H

#include <pthread.h>
#include <sys/types.h>

#include "http/cookie.h"
#include "store/store.h"

struct kri_desk;

struct kr_store {
	struct kri_config own; /* a copy, unless it is lent */
	const struct kri_config *config;
	struct kri_cookie cookie;
	struct kri_store *store;
	bool lent; /* it is the app's, and so are the options */
	pid_t pid; /* the process that opened it */
	pthread_mutex_t lock;
	struct kri_desk *idle; /* those that no call is at */
};

/* Copies the options, which are checked. KR_ERR_CONFIG, and what a store's
 * check may give, with one line in `why`; KR_ERR_MEMORY. */
enum kr_err kri_alone_store_open(const struct kri_config *config,
				 struct kr_store **store,
				 struct kri_buffer *why) KR_MUST_CHECK;

/* Over an app's store, which that closes after this one. Both are borrowed.
 * KR_ERR_MEMORY. */
enum kr_err kri_alone_store_lend(const struct kri_config *config,
				 struct kri_store *lent,
				 struct kr_store **store) KR_MUST_CHECK;

/* No desk is taken. In another process than the one that opened it nothing is
 * given back, as loops and connections are shared with that one. */
void kri_alone_store_close(struct kr_store **store);

/* Whether this is still the process that opened it. */
bool kri_alone_store_is_ours(const struct kr_store *store);

#endif
