/*
 * The rehearsal: what the browsers of one app's tests share. The app's routes,
 * its options as they were when the first browser was opened, and a store in
 * memory with the sessions.
 */
#ifndef KRI_API_REHEARSAL_H
#define KRI_API_REHEARSAL_H

#include "fcgi/exchange.h"

struct kr_app;

struct kri_rehearsal {
	struct kri_config config;
	struct kri_site site;
	struct kri_store *store;
};

/* The app's; made if there is none. KR_ERR_CONFIG with one line in `why`,
 * KR_ERR_MEMORY. */
enum kr_err kri_rehearsal_of(struct kr_app *app,
			     struct kri_rehearsal **rehearsal,
			     struct kri_buffer *why) KR_MUST_CHECK;

/* All browsers have been closed. */
void kri_rehearsal_close(struct kri_rehearsal **rehearsal);

#endif
