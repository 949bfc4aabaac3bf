/*
 * What struct kr_app is, for the files of this folder.
 */
#ifndef KRI_API_APP_H
#define KRI_API_APP_H

#include "config/config.h"
#include "fcgi/handover.h"
#include "http/router.h"

struct kr_app {
	struct kri_config config;
	struct kri_router router;
};

/* Checks the configuration and serves; returns the exit status. With `test`
 * it only checks. */
int kri_app_run(struct kr_app *app, struct kri_handover *handover, bool test);

/* Says why it cannot come to that, to whom it concerns; returns the exit
 * status. */
int kri_app_refuse(enum kr_err err, struct kri_handover *handover,
		   struct kri_buffer *why);

#endif
