/*
 * Makes of conninfo, the environment and our options the keywords that each
 * connection is opened with. Where they leave the choice, it is the safe
 * one: verified TLS for every host that is not this machine.
 */
#include "postgresql/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"

#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

/* ---- what the log is told ----------------------------------------------- */

void kri_pg_server_lost(struct kri_pg_server *server, const char *why)
{
	int64_t none = 0;

	if (atomic_compare_exchange_strong(&server->gone, &none,
					   kri_clock_ms()))
		kri_log(KRI_LOG_ERROR, NULL,
			"postgresql %s: %s; sessions answer 503 until it is "
			"back",
			server->name.data, why);
}

void kri_pg_server_found(struct kri_pg_server *server)
{
	int64_t since = atomic_exchange(&server->gone, 0);

	if (since)
		kri_log(KRI_LOG_WARNING, NULL,
			"postgresql %s: back after %lld ms", server->name.data,
			(long long)(kri_clock_ms() - since + 1));
}

/* ---- conninfo ----------------------------------------------------------- */

static const char *find(const PQconninfoOption *options, const char *keyword)
{
	for (; options && options->keyword; options++)
		if (!strcmp(options->keyword, keyword))
			return options->val && *options->val ? options->val
							     : NULL;
	return NULL;
}

/* What is said, or else what the environment says. */
static const char *value_of(const struct kri_pg_server *server,
			    const char *keyword)
{
	const char *value = find(server->parsed, keyword);

	return value ? value : find(server->defaults, keyword);
}

static void add(struct kri_pg_server *server, const char *keyword,
		const char *value)
{
	size_t n = 0;

	while (server->keywords[n])
		n++;
	if (value && n < KRI_PG_KEYWORDS - 1) {
		server->keywords[n] = keyword;
		server->values[n] = value;
	}
}

/* What conninfo says, or the variable that libpq has for it; not libpq's own
 * default. */
static const char *given(const struct kri_pg_server *server,
			 const char *keyword)
{
	const PQconninfoOption *option = server->parsed;
	const char *value = find(option, keyword);

	if (value)
		return value;
	while (option->keyword && strcmp(option->keyword, keyword))
		option++;
	value = option->envvar ? getenv(option->envvar) : NULL;
	return value && *value ? value : NULL;
}

static void add_default(struct kri_pg_server *server, const char *keyword,
			const char *value)
{
	if (!given(server, keyword))
		add(server, keyword, value);
}

/* ---- where it is -------------------------------------------------------- */

bool kri_pg_is_local(const char *host)
{
	return !host || host[0] == '/' || host[0] == '@';
}

static bool is_near(const struct kri_pg_host *host)
{
	static const char *const near[] = {"localhost", "127.0.0.1", "::1"};

	if (kri_pg_is_local(host->name) && !host->address)
		return true;
	for (size_t i = 0; i < sizeof(near) / sizeof(*near); i++)
		if (!strcmp(host->name ? host->name : host->address, near[i]))
			return true;
	return false;
}

static bool all_near(const struct kri_pg_server *server)
{
	for (size_t i = 0; i < server->n; i++)
		if (!is_near(&server->hosts[i]))
			return false;
	return true;
}

static size_t count(const char *list)
{
	size_t n = 1;

	for (; list && *list; list++)
		n += *list == ',';
	return n;
}

/* The i-th of a list, as a copy; NULL if it is not there or empty. A list of
 * one is for all. */
static enum kr_err pick(const char *list, size_t i, char **out)
{
	if (!list)
		return KR_OK;
	for (i = count(list) == 1 ? 0 : i; i; i--) {
		list = strchr(list, ',');
		if (!list++)
			return KR_OK;
	}
	if (!*list || *list == ',')
		return KR_OK;
	*out = strndup(list, strcspn(list, ","));
	return *out ? KR_OK : KR_ERR_MEMORY;
}

static enum kr_err read_hosts(struct kri_pg_server *server,
			      struct kri_buffer *why)
{
	const char *names = value_of(server, "host");
	const char *addresses = value_of(server, "hostaddr");
	const char *ports = value_of(server, "port");
	enum kr_err err = KR_OK;

	server->n = count(addresses ? addresses : names);
	if ((names && count(names) != server->n) ||
	    (ports && count(ports) != 1 && count(ports) != server->n)) {
		kri_buffer_string(why, "postgresql.conninfo: must have as many "
				       "hosts as addresses and ports");
		return KR_ERR_CONFIG;
	}
	server->hosts = calloc(server->n, sizeof(*server->hosts));
	if (!server->hosts)
		return KR_ERR_MEMORY;
	for (size_t i = 0; i < server->n && !err; i++) {
		struct kri_pg_host *host = &server->hosts[i];

		err = pick(names, i, &host->name);
		if (!err)
			err = pick(addresses, i, &host->address);
		if (!err)
			err = pick(ports, i, &host->port);
	}
	return err;
}

static void name_server(struct kri_pg_server *server)
{
	for (size_t i = 0; i < server->n; i++) {
		const struct kri_pg_host *host = &server->hosts[i];
		const char *name = host->name ? host->name : host->address;

		kri_buffer_printf(&server->name, "%s%s:%s", i ? "," : "",
				  name ? name : "(local)",
				  host->port ? host->port : "5432");
	}
	if (value_of(server, "dbname"))
		kri_buffer_printf(&server->name, "/%s",
				  value_of(server, "dbname"));
}

/* ---- how one gets in ---------------------------------------------------- */

/*
 * libpq's own default would take a password to whoever answers. The authority
 * is then the system's, which libpq has by name since 16.
 */
static void demand_tls(struct kri_pg_server *server)
{
	if (given(server, "sslmode") || all_near(server))
		return;
	add(server, "sslmode", "verify-full");
	add_default(server, "sslrootcert",
		    PQlibVersion() >= 160000 ? "system" : SYSTEM_CA);
}

static void warn_of_tls(const struct kri_pg_server *server)
{
	const char *mode = given(server, "sslmode");

	if (mode && strncmp(mode, "verify-", 7) != 0 && !all_near(server))
		kri_log(KRI_LOG_WARNING, NULL,
			"postgresql: sslmode=%s lets anybody in between read "
			"and change all sessions; verify-full does not",
			mode);
}

static void collect(struct kri_pg_server *server)
{
	static const char *const ours[] = {"host", "hostaddr", "port",
					   "password", NULL};

	for (const PQconninfoOption *option = server->parsed; option->keyword;
	     option++) {
		size_t i = 0;

		while (ours[i] && strcmp(ours[i], option->keyword))
			i++;
		if (!ours[i] && option->val)
			add(server, option->keyword, option->val);
	}
	add(server, "password",
	    *server->options.password ? server->options.password
				      : find(server->parsed, "password"));
	demand_tls(server);
	snprintf(server->timeout, sizeof(server->timeout), "%lld",
		 (long long)server->options.io_timeout);
	add_default(server, "target_session_attrs", "read-write");
	add_default(server, "tcp_user_timeout", server->timeout);
	add_default(server, "keepalives_idle", "60");
	add_default(server, "gssencmode", "disable");
	add_default(server, "application_name", "krsession");
	add(server, "client_encoding", "UTF8");
}

static bool is_plain_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz_0123456789";

	return name[strspn(name, allowed)] == '\0' &&
	       (name[0] < '0' || name[0] > '9') && strncmp(name, "pg_", 3) != 0;
}

static enum kr_err check(const struct kri_pg_server *server,
			 struct kri_buffer *why)
{
	if (find(server->parsed, "service")) {
		kri_buffer_string(why,
				  "postgresql.conninfo: must name host, port "
				  "and dbname itself, not a service");
		return KR_ERR_CONFIG;
	}
	if (is_plain_name(server->options.schema))
		return KR_OK;
	kri_buffer_printf(why,
			  "postgresql.schema = %s: must be of a-z, 0-9 and _, "
			  "not begin with a digit or pg_",
			  server->options.schema);
	return KR_ERR_CONFIG;
}

/* libpq's complaint would cite from it, maybe the password. */
static enum kr_err parse(struct kri_pg_server *server, struct kri_buffer *why)
{
	char *complaint = NULL;
	bool starved;

	server->parsed = PQconninfoParse(server->options.conninfo, &complaint);
	server->defaults = PQconndefaults();
	if (server->parsed)
		return server->defaults ? KR_OK : KR_ERR_MEMORY;
	starved = !complaint || strstr(complaint, "out of memory");
	PQfreemem(complaint);
	if (starved)
		return KR_ERR_MEMORY;
	kri_buffer_string(why,
			  "postgresql.conninfo: must be a postgresql:// "
			  "URI or keyword=value pairs, as psql takes them");
	return KR_ERR_CONFIG;
}

/* ---- its life ----------------------------------------------------------- */

enum kr_err kri_pg_server_open(const struct kri_pg_options *options,
			       struct kri_pg_server **out,
			       struct kri_buffer *why)
{
	struct kri_pg_server *server = calloc(1, sizeof(*server));
	enum kr_err err;

	if (!server)
		return KR_ERR_MEMORY;
	server->options = *options;
	err = parse(server, why);
	if (!err)
		err = check(server, why);
	if (!err)
		err = read_hosts(server, why);
	if (!err) {
		collect(server);
		warn_of_tls(server);
		name_server(server);
		err = server->name.failed ? KR_ERR_MEMORY : KR_OK;
	}
	if (err)
		kri_pg_server_close(&server);
	else
		*out = server;
	return err;
}

static void forget(PQconninfoOption *options)
{
	for (PQconninfoOption *at = options; at && at->keyword; at++)
		if (!strcmp(at->keyword, "password") && at->val)
			kri_wipe(at->val, strlen(at->val));
	PQconninfoFree(options);
}

void kri_pg_server_close(struct kri_pg_server **server)
{
	struct kri_pg_server *closed = *server;

	*server = NULL;
	if (!closed)
		return;
	for (size_t i = 0; i < closed->n && closed->hosts; i++) {
		free(closed->hosts[i].name);
		free(closed->hosts[i].address);
		free(closed->hosts[i].port);
	}
	free(closed->hosts);
	forget(closed->parsed);
	forget(closed->defaults);
	kri_buffer_free(&closed->name);
	free(closed);
}

void kri_pg_server_leave_tables(struct kri_pg_server *server)
{
	server->leaves_tables = true;
}

bool kri_pg_server_is_whole(const struct kri_pg_server *server)
{
	return atomic_load(&server->whole);
}

bool kri_pg_server_aborts(const struct kri_pg_server *server)
{
	return server->options.abort_on_connect_fail;
}
