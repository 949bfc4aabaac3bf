/*
 * What struct kr_app is, for the files of this folder.
 */
#ifndef KRI_API_APP_H
#define KRI_API_APP_H

#include "config/config.h"
#include "fcgi/exchange.h"
#include "fcgi/handover.h"
#include "fcgi/monitor.h"
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
	struct kri_body_room bodies;
	struct kri_route authorizer; /* without handler: none */
	kr_error_handler *on_error;  /* NULL: the library's JSON */
	void *on_error_user;
	kr_prepare *prepare; /* NULL, or called once */
	void *prepare_user;
	struct kri_monitor monitor;
	struct kri_site site;            /* while it serves */
	struct kr_store *blocking;       /* likewise: of handlers that block */
	struct kri_rehearsal *rehearsal; /* of its tests; NULL: none yet */
	bool left; /* threads still use all of this: it is kept */
};

/* Checks the configuration and serves; returns the exit status. With `test`
 * it only checks. */
int kri_app_run(struct kr_app *app, struct kri_handover *handover, bool test);

/* Calls what kr_app_prepare() was given, once. */
enum kr_err kri_app_prepare(struct kr_app *app, struct kri_buffer *why);

/* What all exchanges share, but for the configuration and its cookie. */
struct kri_site kri_app_site(struct kr_app *app);

/* Says why it cannot come to that, to whom it concerns; returns the exit
 * status. */
int kri_app_refuse(enum kr_err err, struct kri_handover *handover,
		   struct kri_buffer *why);

#endif
