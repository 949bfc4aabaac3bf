/*
 * What struct kr_app is, for the files of this folder.
 */
#ifndef KRI_API_APP_H
#define KRI_API_APP_H

#include "config/config.h"
#include "http/redirect.h"
#include "http/router.h"

/* Options with what was wrong with the last that was given. */
struct kr_config {
	struct kri_config *options; /* its own, or an app's */
	struct kri_config own;
	struct kri_buffer why;
};

struct kr_app {
	struct kri_config config;
	struct kr_config handle; /* on it, for the program */
	struct kri_router router;
	struct kri_origins origins;
};

/* Checks the configuration and serves; returns the exit status. With `test`
 * it only checks. */
int kri_app_run(struct kr_app *app, bool test);

#endif
