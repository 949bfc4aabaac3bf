/*
 * Owns the table of section [guard] and the rules between its options.
 */
#include "guard/options.h"

#include <stdio.h>
#include <string.h>

#define DAY (INT64_C(86400) * 1000) /* ms */
#define HOUR (INT64_C(3600) * 1000)

#define ORIGIN_MAX 300 /* bytes */

/* clang-format off */
static const struct kr_option table[] = {
	{.section = "guard", .key = "path",
	 .type = KR_OPTION_TEXT, .min = 2, .max = 64, .fallback = "/auth",
	 .help = "Path of the guard's own pages; the front server sends it all."},
	{.section = "guard", .key = "url",
	 .type = KR_OPTION_TEXT, .max = 256, .fallback = "",
	 .help = "Where they are if elsewhere: https://login.example.com."},
	{.section = "guard", .key = "home",
	 .type = KR_OPTION_TEXT, .min = 1, .max = 1024, .fallback = "/",
	 .help = "Where one goes after a login that did not say where."},
	{.section = "guard", .key = "title",
	 .type = KR_OPTION_TEXT, .min = 1, .max = 128, .fallback = "krsession",
	 .help = "What one signs in to, as the pages call it."},
	{.section = "guard", .key = "allow_hosts",
	 .type = KR_OPTION_TEXT, .max = 2048, .fallback = "",
	 .help = "Other hosts to go back to, such as app.example.com:8443."},
	{.section = "guard", .key = "password_file",
	 .type = KR_OPTION_TEXT, .max = 1024, .fallback = "",
	 .help = "Lines NAME:HASH or NAME:HASH:GROUP,GROUP (htpasswd -B)."},
	{.section = "guard", .key = "group_file",
	 .type = KR_OPTION_TEXT, .max = 1024, .fallback = "",
	 .help = "Lines GROUP: NAME NAME, as Apache has them."},
	{.section = "guard", .key = "saslauthd_socket",
	 .type = KR_OPTION_TEXT, .max = 107, .fallback = "",
	 .help = "Instead of password_file: /run/saslauthd/mux."},
	{.section = "guard", .key = "saslauthd_service",
	 .type = KR_OPTION_TEXT, .min = 1, .max = 64, .fallback = "krsession",
	 .help = "The service that saslauthd is told, a name of PAM's."},
	{.section = "guard", .key = "saslauthd_timeout",
	 .type = KR_OPTION_TIME, .min = 100, .max = HOUR, .fallback = "10s",
	 .help = "Time for saslauthd to answer."},
	{.section = "guard", .key = "fresh",
	 .type = KR_OPTION_TIME, .min = 1000, .max = DAY, .fallback = "5m",
	 .help = "Time after a login in which sessions end without a password."},
	{.section = "guard", .key = "remember",
	 .type = KR_OPTION_TIME, .max = 365 * DAY, .fallback = "0",
	 .help = "How long \"remember me\" lasts without a visit; 0: no such."},
	{.section = "guard", .key = "tries_window",
	 .type = KR_OPTION_TIME, .min = 1000, .max = DAY, .fallback = "15m",
	 .help = "Time over which failed logins are counted."},
	{.section = "guard", .key = "tries_user_address",
	 .type = KR_OPTION_NUMBER, .min = 1, .max = 1000000,
	 .unit = "failures", .fallback = "5",
	 .help = "Of one user from one address, or from one known device."},
	{.section = "guard", .key = "tries_address",
	 .type = KR_OPTION_NUMBER, .min = 1, .max = 1000000,
	 .unit = "failures", .fallback = "50",
	 .help = "From one address; of IPv6, from one network /64."},
	{.section = "guard", .key = "tries_user",
	 .type = KR_OPTION_NUMBER, .min = 1, .max = 1000000,
	 .unit = "failures", .fallback = "20",
	 .help = "Of one user from all addresses; known devices go on."},
};
/* clang-format on */

#define OPTIONS (sizeof(table) / sizeof(*table))

/* Where the guard wants something else than a program in general. */
static const char *const defaults[] = {
	"cookie.name=__Host-krguard",
	"redis.instance_name=krguard_",
	"store.path=/var/lib/krsession/guard.sqlite",
};

enum kr_err guard_options_declare(struct kr_config *config)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < OPTIONS && !err; i++)
		err = kr_config_declare(config, &table[i]);
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults) && !err;
	     i++)
		err = kr_config_set(config, defaults[i]);
	return err;
}

/* ---- values ----------------------------------------------------------- */

struct reading {
	struct kr_config *config;
	enum kr_err err; /* the first */
};

static const char *text(struct reading *reading, const char *name)
{
	const char *value = "";

	if (!reading->err)
		reading->err = kr_config_text(reading->config, name, &value);
	return value;
}

static int64_t number(struct reading *reading, const char *name)
{
	int64_t value = 0;

	if (!reading->err)
		reading->err = kr_config_number(reading->config, name, &value);
	return value;
}

static int64_t seconds(struct reading *reading, const char *name)
{
	return (number(reading, name) + 999) / 1000;
}

/* ---- rules ------------------------------------------------------------ */

/* Printable ASCII that means nothing else in a path, a form or a header. */
static bool is_path(const char *path)
{
	return *path == '/' && path[1] != '/' &&
	       !path[strspn(path, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "-._~/")];
}

static enum kr_err check_paths(struct kr_config *config,
			       const struct guard_options *options)
{
	size_t len = strlen(options->path);

	if (!is_path(options->path) || options->path[len - 1] == '/' ||
	    strstr(options->path, "//") || strstr(options->path, "/."))
		return kr_config_refuse(
			config,
			"guard.path = %s: must be a path such as /auth, of "
			"letters, digits, -, ., _, ~ and /",
			options->path);
	if (*options->home != '/' || options->home[1] == '/')
		return kr_config_refuse(
			config, "guard.home = %s: must be a path such as /",
			options->home);
	return KR_OK;
}

static enum kr_err check_backend(struct kr_config *config,
				 const struct guard_options *options)
{
	bool file = *options->password_file;
	bool daemon = *options->saslauthd_socket;

	if (file == daemon)
		return kr_config_refuse(
			config,
			"guard.password_file, guard.saslauthd_socket: %s",
			file ? "must not both be given"
			     : "one of them must be given");
	return KR_OK;
}

static enum kr_err check_remember(struct kr_config *config,
				  const struct guard_options *options)
{
	int64_t most = 0;
	enum kr_err err =
		kr_config_number(config, "session.absolute_timeout", &most);

	if (err || !most || options->remember * 1000 <= most)
		return err;
	return kr_config_refuse(config, "guard.remember: must not be more than "
					"session.absolute_timeout");
}

enum kr_err guard_options_read(struct kr_config *config,
			       struct guard_options *options)
{
	struct reading reading = {.config = config};
	struct guard_options read = {
		.path = text(&reading, "guard.path"),
		.url = text(&reading, "guard.url"),
		.home = text(&reading, "guard.home"),
		.title = text(&reading, "guard.title"),
		.allow_hosts = text(&reading, "guard.allow_hosts"),
		.password_file = text(&reading, "guard.password_file"),
		.group_file = text(&reading, "guard.group_file"),
		.saslauthd_socket = text(&reading, "guard.saslauthd_socket"),
		.saslauthd_service = text(&reading, "guard.saslauthd_service"),
		.saslauthd_timeout =
			number(&reading, "guard.saslauthd_timeout"),
		.fresh = seconds(&reading, "guard.fresh"),
		.remember = seconds(&reading, "guard.remember"),
		.tries_window = seconds(&reading, "guard.tries_window"),
		.tries_user_address =
			number(&reading, "guard.tries_user_address"),
		.tries_address = number(&reading, "guard.tries_address"),
		.tries_user = number(&reading, "guard.tries_user"),
	};
	enum kr_err err = reading.err;

	if (!err)
		err = check_paths(config, &read);
	if (!err)
		err = check_backend(config, &read);
	if (!err)
		err = check_remember(config, &read);
	if (!err)
		*options = read;
	return err;
}

/* ---- hosts ------------------------------------------------------------ */

enum kr_err guard_options_origins(const char *allow_hosts,
				  guard_origin_fn *each, void *arg)
{
	enum kr_err err = KR_OK;

	while (*allow_hosts && !err) {
		size_t len = strcspn(allow_hosts, " ,");
		char origin[ORIGIN_MAX];
		int size;

		size = snprintf(origin, sizeof(origin), "%s%.*s",
				memmem(allow_hosts, len, "://", 3) ? ""
								   : "https://",
				(int)len, allow_hosts);
		if (len)
			err = size < ORIGIN_MAX ? each(arg, origin)
						: KR_ERR_ARGUMENT;
		allow_hosts += len + strspn(allow_hosts + len, " ,");
	}
	return err;
}
