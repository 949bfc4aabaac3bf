/*
 * What struct kr_app is, for the files of this folder.
 */
#ifndef KRI_API_APP_H
#define KRI_API_APP_H

#include "config/config.h"
#include "http/router.h"

struct kr_app {
	struct kri_config config;
	struct kri_router router;
};

/* Checks the configuration and serves; returns the exit status. With `test`
 * it only checks. */
int kri_app_run(struct kr_app *app, bool test);

#endif
