/*
 * Owns the table of options and the way of a value into its member of struct
 * kri_config. Knows neither where a value comes from nor what it is for.
 */
#include "config/options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "config/parse.h"

#define MEMBER(name) offsetof(struct kri_config, name)
#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)

/* In the order of their enums. */
static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const formats[] = {"text", "json", NULL};
static const char *const stores[] = {"redis", "memory", "sqlite", "postgresql",
				     NULL};
static const char *const same_sites[] = {"strict", "lax", "none", NULL};
static const char *const user_rules[] = {"end_oldest", "refuse", NULL};
static const char *const protocols[] = {"1.2", "1.3", NULL};
static const char *const secures[] = {"always", "same_as_request", "never",
				      NULL};

/* clang-format off */
const struct kri_option kri_options[] = {
	{.section = "server", .key = "listen",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(listen),
	 .max = 256, .fallback = "",
	 .help = "unix:PATH or tcp:HOST:PORT; empty: fd 0 or systemd's."},
	{.section = "server", .key = "socket_mode",
	 .type = KRI_OPTION_MODE, .offset = MEMBER(socket_mode),
	 .max = 0777, .fallback = "0660",
	 .help = "Permission bits of a unix: listener."},
	{.section = "server", .key = "socket_group",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(socket_group),
	 .max = 64, .fallback = "",
	 .help = "Group of a unix: listener; empty: that of the process."},
	{.section = "server", .key = "backlog",
	 .type = KRI_OPTION_INTEGER, .offset = MEMBER(backlog),
	 .min = 1, .max = 65535, .unit = "connections", .fallback = "511",
	 .help = "Connections the kernel may queue for us."},
	{.section = "server", .key = "workers",
	 .type = KRI_OPTION_INTEGER, .offset = MEMBER(workers),
	 .max = 256, .unit = "threads", .zero = "auto", .fallback = "0",
	 .help = "Event loops that take requests; 0: one a processor."},
	{.section = "server", .key = "threads",
	 .type = KRI_OPTION_INTEGER, .offset = MEMBER(threads),
	 .min = 1, .max = 1024, .unit = "threads", .fallback = "4",
	 .help = "Threads for blocking handlers and for looking up names."},
	{.section = "server", .key = "batch",
	 .type = KRI_OPTION_INTEGER, .offset = MEMBER(batch),
	 .min = 1, .max = 256, .unit = "requests", .fallback = "32",
	 .help = "Requests that a loop walks together, at most."},
	{.section = "server", .key = "receive_timeout",
	 .type = KRI_OPTION_DURATION, .offset = MEMBER(receive_timeout),
	 .min = 10, .max = HOUR, .fallback = "10s",
	 .help = "Time for a whole request to arrive from the front server."},
	{.section = "server", .key = "drain_timeout",
	 .type = KRI_OPTION_DURATION, .offset = MEMBER(drain_timeout),
	 .max = HOUR, .fallback = "10s",
	 .help = "Time for requests in flight when the program ends."},
	{.section = "server", .key = "max_body",
	 .type = KRI_OPTION_SIZE, .offset = MEMBER(max_body),
	 .min = 8 * KIB, .max = 16 * MIB, .fallback = "64KiB",
	 .help = "Bytes of a body, on routes that take any; else 8 KiB."},
	{.section = "server", .key = "body_memory",
	 .type = KRI_OPTION_SIZE, .offset = MEMBER(body_memory),
	 .min = MIB, .max = 64 * 1024 * MIB, .fallback = "64MiB",
	 .help = "Bytes that all bodies may take at once; then 503."},
	{.section = "server", .key = "reload_timeout",
	 .type = KRI_OPTION_DURATION, .offset = MEMBER(reload_timeout),
	 .min = 100, .max = HOUR, .fallback = "30s",
	 .help = "Time at a reload (SIGHUP) for the new process to be ready."},
	{.section = "server", .key = "metrics_path",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(metrics_path),
	 .max = 256, .fallback = "/metrics",
	 .help = "Answers metrics, to keep from the outside; empty: not."},
	{.section = "server", .key = "health_path",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(health_path),
	 .max = 256, .fallback = "/healthz",
	 .help = "Answers whether the program lives, likewise; empty: not."},
	{.section = "server", .key = "ready_path",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(ready_path),
	 .max = 256, .fallback = "/readyz",
	 .help = "Answers whether it can serve sessions, likewise."},
	{.section = "server", .key = "metrics_listen",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(metrics_listen),
	 .max = 256, .fallback = "",
	 .help = "unix:PATH or tcp:HOST:PORT for these in HTTP; empty: none."},

	{.section = "log", .key = "level",
	 .type = KRI_OPTION_CHOICE, .offset = MEMBER(log_level),
	 .choices = levels, .fallback = "info",
	 .help = "The least important lines that are written."},
	{.section = "log", .key = "format",
	 .type = KRI_OPTION_CHOICE, .offset = MEMBER(log_format),
	 .choices = formats, .fallback = "text",
	 .help = "One line an event on stderr, as text or as JSON."},

	{.section = "store", .key = "kind",
	 .type = KRI_OPTION_CHOICE, .offset = MEMBER(store_kind),
	 .choices = stores, .fallback = "redis",
	 .help = "Where sessions are kept."},
	{.section = "store", .key = "memory_limit",
	 .type = KRI_OPTION_SIZE, .offset = MEMBER(memory_limit),
	 .min = MIB, .max = 64 * 1024 * MIB, .fallback = "64MiB",
	 .help = "Bytes that kind = memory may take; then writes answer 503."},
	{.section = "store", .key = "path",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(store_path),
	 .min = 1, .max = 1024,
	 .fallback = "/var/lib/krsession/sessions.sqlite",
	 .help = "The file of kind = sqlite, in a folder that is there."},
	{.section = "store", .key = "file_limit",
	 .type = KRI_OPTION_SIZE, .offset = MEMBER(file_limit),
	 .min = MIB, .max = 1024 * 1024 * MIB, .fallback = "1GiB",
	 .help = "Bytes that this file may take; then writes answer 503."},
	{.section = "store", .key = "durable",
	 .type = KRI_OPTION_BOOLEAN, .offset = MEMBER(durable),
	 .max = 1, .fallback = "yes",
	 .help = "Wait for the disk at each write; no: a power cut costs some."},

	{.section = "session", .key = "idle_timeout",
	 .type = KRI_OPTION_DURATION, .offset = MEMBER(idle_timeout),
	 .min = SECOND, .max = 365 * DAY, .fallback = "20m",
	 .help = "Time after its last request when a session ends."},
	{.section = "session", .key = "absolute_timeout",
	 .type = KRI_OPTION_DURATION, .offset = MEMBER(absolute_timeout),
	 .max = 365 * DAY, .fallback = "24h",
	 .help = "Time after its start when a session ends; 0: never."},
	{.section = "session", .key = "io_timeout",
	 .type = KRI_OPTION_DURATION, .offset = MEMBER(io_timeout),
	 .min = 10, .max = HOUR, .fallback = "5s",
	 .help = "Time for one exchange with the store."},
	{.section = "session", .key = "max_key",
	 .type = KRI_OPTION_SIZE, .offset = MEMBER(max_key),
	 .min = 1, .max = KIB, .fallback = "128",
	 .help = "Bytes of a key."},
	{.section = "session", .key = "max_value",
	 .type = KRI_OPTION_SIZE, .offset = MEMBER(max_value),
	 .min = 1, .max = MIB, .fallback = "64KiB",
	 .help = "Bytes of a value."},
	{.section = "session", .key = "max_values",
	 .type = KRI_OPTION_INTEGER, .offset = MEMBER(max_values),
	 .min = 1, .max = 1024, .unit = "values", .fallback = "128",
	 .help = "Values of a session."},
	{.section = "session", .key = "max_size",
	 .type = KRI_OPTION_SIZE, .offset = MEMBER(max_size),
	 .min = 1, .max = 4 * MIB, .fallback = "256KiB",
	 .help = "Bytes of all keys and values of a session."},
	{.section = "session", .key = "max_per_user",
	 .type = KRI_OPTION_INTEGER, .offset = MEMBER(max_per_user),
	 .max = 1000, .unit = "sessions", .zero = "no limit", .fallback = "0",
	 .help = "Sessions that a user may have at once; 0: any number."},
	{.section = "session", .key = "max_per_user_rule",
	 .type = KRI_OPTION_CHOICE, .offset = MEMBER(max_per_user_rule),
	 .choices = user_rules, .fallback = "end_oldest",
	 .help = "At a login past that number: end the oldest, or refuse."},
	{.section = "session", .key = "cache",
	 .type = KRI_OPTION_DURATION, .offset = MEMBER(cache),
	 .max = 10 * SECOND, .fallback = "0",
	 .help = "Lease of copies in memory, and the wait of each end; 0: none."},
	{.section = "session", .key = "cache_size",
	 .type = KRI_OPTION_SIZE, .offset = MEMBER(cache_size),
	 .min = MIB, .max = 1024 * 1024 * MIB, .fallback = "64MiB",
	 .help = "Bytes that those copies may take."},

	{.section = "cookie", .key = "name",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(cookie_name),
	 .min = 1, .max = 128, .fallback = "__Host-krsession",
	 .help = "Its name; __Host- demands Secure, path / and no domain."},
	{.section = "cookie", .key = "domain",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(cookie_domain),
	 .max = 253, .fallback = "",
	 .help = "Domain whose hosts get the cookie; empty: our host alone."},
	{.section = "cookie", .key = "path",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(cookie_path),
	 .min = 1, .max = 256, .fallback = "/",
	 .help = "Path below which browsers send the cookie."},
	{.section = "cookie", .key = "http_only",
	 .type = KRI_OPTION_BOOLEAN, .offset = MEMBER(cookie_http_only),
	 .max = 1, .fallback = "yes",
	 .help = "Hides the cookie from scripts in the page."},
	{.section = "cookie", .key = "same_site",
	 .type = KRI_OPTION_CHOICE, .offset = MEMBER(cookie_same_site),
	 .choices = same_sites, .fallback = "lax",
	 .help = "Which requests from other sites carry the cookie."},
	{.section = "cookie", .key = "secure",
	 .type = KRI_OPTION_CHOICE, .offset = MEMBER(cookie_secure),
	 .choices = secures, .fallback = "always",
	 .help = "Whether browsers send the cookie over HTTPS only."},
	{.section = "cookie", .key = "max_age",
	 .type = KRI_OPTION_DURATION, .offset = MEMBER(cookie_max_age),
	 .max = 400 * DAY, .fallback = "0",
	 .help = "Time from its making that browsers keep it; 0: until they close."},

	{.section = "redis", .key = "endpoint",
	 .type = KRI_OPTION_TEXT, .secret = true,
	 .offset = MEMBER(redis_endpoint),
	 .min = 1, .max = 4096, .fallback = "redis://127.0.0.1:6379",
	 .help = "A redis:// or rediss:// URL, or a configuration string."},
	{.section = "redis", .key = "instance_name",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(redis_instance_name),
	 .max = 128, .fallback = "krsession:",
	 .help = "What every key in Redis begins with."},
	{.section = "redis", .key = "user",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(redis_user),
	 .max = 256, .fallback = "",
	 .help = "ACL user, in place of the endpoint's."},
	{.section = "redis", .key = "password",
	 .type = KRI_OPTION_TEXT, .secret = true,
	 .offset = MEMBER(redis_password),
	 .max = 1024, .fallback = "",
	 .help = "In place of the endpoint's; password_file is safer."},
	{.section = "redis", .key = "password_file",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(redis_password_file),
	 .max = 1024, .fallback = "",
	 .help = "A file whose first line is the password."},
	{.section = "redis", .key = "client_name",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(redis_client_name),
	 .max = 128, .fallback = "",
	 .help = "Our name in CLIENT LIST; empty: krsession-<hostname>."},
	{.section = "redis", .key = "connect_timeout",
	 .type = KRI_OPTION_DURATION, .offset = MEMBER(redis_connect_timeout),
	 .min = 10, .max = HOUR, .fallback = "5s",
	 .help = "Time for a connection to be made, TLS and login included."},
	{.section = "redis", .key = "abort_on_connect_fail",
	 .type = KRI_OPTION_BOOLEAN,
	 .offset = MEMBER(redis_abort_on_connect_fail),
	 .max = 1, .fallback = "no",
	 .help = "Refuse to start when Redis cannot be reached."},
	{.section = "redis", .key = "service_name",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(redis_service_name),
	 .max = 256, .fallback = "",
	 .help = "The primary's name; the endpoint's servers are Sentinels."},
	{.section = "redis", .key = "sentinel_user",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(redis_sentinel_user),
	 .max = 256, .fallback = "",
	 .help = "ACL user at the Sentinels."},
	{.section = "redis", .key = "sentinel_password",
	 .type = KRI_OPTION_TEXT, .secret = true,
	 .offset = MEMBER(redis_sentinel_password),
	 .max = 1024, .fallback = "",
	 .help = "Password there; sentinel_password_file is safer."},
	{.section = "redis", .key = "sentinel_password_file",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(redis_sentinel_password_file),
	 .max = 1024, .fallback = "",
	 .help = "A file whose first line is that password."},
	{.section = "redis", .key = "keep_alive",
	 .type = KRI_OPTION_DURATION, .offset = MEMBER(redis_keep_alive),
	 .min = SECOND, .max = HOUR, .fallback = "60s",
	 .help = "Silence after which the kernel asks if Redis is there."},
	{.section = "redis", .key = "tls_ca_file",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(redis_tls_ca_file),
	 .max = 1024, .fallback = "",
	 .help = "Authorities to trust, PEM; empty: the system's."},
	{.section = "redis", .key = "tls_cert_file",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(redis_tls_cert_file),
	 .max = 1024, .fallback = "",
	 .help = "Our certificate with its chain, PEM, if Redis wants one."},
	{.section = "redis", .key = "tls_key_file",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(redis_tls_key_file),
	 .max = 1024, .fallback = "",
	 .help = "The key of tls_cert_file, PEM."},
	{.section = "redis", .key = "tls_server_name",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(redis_tls_server_name),
	 .max = 256, .fallback = "",
	 .help = "Name in Redis' certificate; empty: the endpoint's host."},
	{.section = "redis", .key = "tls_minimum",
	 .type = KRI_OPTION_CHOICE, .offset = MEMBER(redis_tls_minimum),
	 .choices = protocols, .fallback = "1.2",
	 .help = "The oldest TLS that will do."},
	{.section = "redis", .key = "tls_verify",
	 .type = KRI_OPTION_BOOLEAN, .offset = MEMBER(redis_tls_verify),
	 .max = 1, .fallback = "yes",
	 .help = "Check Redis' certificate; no leaves sessions unprotected."},

	{.section = "postgresql", .key = "conninfo",
	 .type = KRI_OPTION_TEXT, .secret = true,
	 .offset = MEMBER(postgresql_conninfo),
	 .max = 4096, .fallback = "dbname=krsession",
	 .help = "The database: a postgresql:// URI, or keywords as for psql."},
	{.section = "postgresql", .key = "password",
	 .type = KRI_OPTION_TEXT, .secret = true,
	 .offset = MEMBER(postgresql_password),
	 .max = 1024, .fallback = "",
	 .help = "In place of conninfo's; password_file is safer."},
	{.section = "postgresql", .key = "password_file",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(postgresql_password_file),
	 .max = 1024, .fallback = "",
	 .help = "A file whose first line is the password."},
	{.section = "postgresql", .key = "schema",
	 .type = KRI_OPTION_TEXT, .offset = MEMBER(postgresql_schema),
	 .min = 1, .max = 63, .fallback = "krsession",
	 .help = "Where the tables are; made at the start if it is not there."},
	{.section = "postgresql", .key = "connect_timeout",
	 .type = KRI_OPTION_DURATION,
	 .offset = MEMBER(postgresql_connect_timeout),
	 .min = 10, .max = HOUR, .fallback = "5s",
	 .help = "Time for a connection to be made, TLS and login included."},
	{.section = "postgresql", .key = "abort_on_connect_fail",
	 .type = KRI_OPTION_BOOLEAN,
	 .offset = MEMBER(postgresql_abort_on_connect_fail),
	 .max = 1, .fallback = "no",
	 .help = "Refuse to start when PostgreSQL cannot be reached."},
};
/* clang-format on */

const size_t kri_option_count = sizeof(kri_options) / sizeof(kri_options[0]);

const struct kri_option *kri_option_find(struct kri_text section,
					 struct kri_text key)
{
	size_t i;

	for (i = 0; i < kri_option_count; i++)
		if (kri_text_equal(section,
				   kri_text_of(kri_options[i].section)) &&
		    kri_text_equal(key, kri_text_of(kri_options[i].key)))
			return &kri_options[i];
	return NULL;
}

bool kri_option_section(struct kri_text section)
{
	size_t i;

	for (i = 0; i < kri_option_count; i++)
		if (kri_text_equal(section,
				   kri_text_of(kri_options[i].section)))
			return true;
	return false;
}

void kri_option_variable(const struct kri_option *option,
			 char out[KRI_OPTION_NAME_MAX])
{
	char *at = out;

	snprintf(out, KRI_OPTION_NAME_MAX, "KRSESSION_%s_%s", option->section,
		 option->key);
	for (; *at; at++)
		*at = (char)toupper((unsigned char)*at);
}

static char **text_member(const struct kri_option *option,
			  struct kri_config *config)
{
	if (option->declared)
		return &config->declared.settings[option->offset].text;
	return (char **)(void *)((char *)config + option->offset);
}

static int64_t *number_member(const struct kri_option *option,
			      struct kri_config *config)
{
	if (option->declared)
		return &config->declared.settings[option->offset].number;
	return (int64_t *)(void *)((char *)config + option->offset);
}

const char *kri_option_text(const struct kri_option *option,
			    const struct kri_config *config)
{
	return *text_member(option, (struct kri_config *)config);
}

int64_t kri_option_number(const struct kri_option *option,
			  const struct kri_config *config)
{
	return *number_member(option, (struct kri_config *)config);
}

static enum kr_err set_text(const struct kri_option *option,
			    struct kri_config *config, struct kri_text value)
{
	char *copy;

	/* Line ends and their like have no place in a path or a header. */
	if ((int64_t)value.len < option->min ||
	    (int64_t)value.len > option->max || kri_text_has_control(value))
		return KR_ERR_CONFIG;
	copy = strndup(value.len ? value.data : "", value.len);
	if (!copy)
		return KR_ERR_MEMORY;
	kri_option_free(option, config);
	*text_member(option, config) = copy;
	return KR_OK;
}

static enum kr_err parse(const struct kri_option *option, struct kri_text value,
			 int64_t *out)
{
	switch (option->type) {
	case KRI_OPTION_BOOLEAN:
		return kri_parse_boolean(value, out);
	case KRI_OPTION_DURATION:
		return kri_parse_duration(value, out);
	case KRI_OPTION_SIZE:
		return kri_parse_size(value, out);
	case KRI_OPTION_MODE:
		return kri_parse_mode(value, out);
	case KRI_OPTION_CHOICE:
		return kri_parse_choice(value, option->choices, out);
	default:
		return kri_parse_integer(value, out);
	}
}

static enum kr_err set_number(const struct kri_option *option,
			      struct kri_config *config, struct kri_text value)
{
	bool choice = option->type == KRI_OPTION_CHOICE;
	int64_t number = 0;

	if (!option->zero || !kri_text_equal(value, kri_text_of(option->zero)))
		if (parse(option, value, &number))
			return KR_ERR_CONFIG;
	if (!choice && (number < option->min || number > option->max))
		return KR_ERR_CONFIG;
	*number_member(option, config) = number;
	return KR_OK;
}

enum kr_err kri_option_set(const struct kri_option *option,
			   struct kri_config *config, struct kri_text value)
{
	if (option->type == KRI_OPTION_TEXT)
		return set_text(option, config, value);
	return set_number(option, config, value);
}

void kri_option_free(const struct kri_option *option, struct kri_config *config)
{
	char **text;

	if (option->type != KRI_OPTION_TEXT)
		return;
	text = text_member(option, config);
	if (*text && option->secret)
		kri_wipe(*text, strlen(*text));
	free(*text);
	*text = NULL;
}
