/*
 * The options of section [guard]: one table, and its values as the guard uses
 * them.
 */
#ifndef GUARD_OPTIONS_H
#define GUARD_OPTIONS_H

#include "krsession.h"

/* Texts are borrowed from the configuration; times are seconds unless they say
 * otherwise. */
struct guard_options {
	const char *path, *url, *home, *title;
	const char *allow_hosts;
	const char *password_file, *group_file;
	const char *saslauthd_socket, *saslauthd_service;
	int64_t saslauthd_timeout; /* ms */
	int64_t fresh;
	int64_t remember; /* 0: not offered */
	int64_t tries_window;
	int64_t tries_user_address; /* failures in a window, */
	int64_t tries_address;      /* which are too many */
	int64_t tries_user;
};

/* Adds the options and sets the guard's own defaults of others. */
enum kr_err guard_options_declare(struct kr_config *config) KR_MUST_CHECK;

/* Reads their values and checks what no single one can tell. KR_ERR_CONFIG with
 * kr_config_why(). */
enum kr_err guard_options_read(struct kr_config *config,
			       struct guard_options *options) KR_MUST_CHECK;

/* Calls `each` for every host of guard.allow_hosts, as an origin such as
 * "https://app.example.com", and stops at the first error. */
typedef enum kr_err guard_origin_fn(void *arg, const char *origin);
enum kr_err guard_options_origins(const char *allow_hosts,
				  guard_origin_fn *each,
				  void *arg) KR_MUST_CHECK;

#endif
