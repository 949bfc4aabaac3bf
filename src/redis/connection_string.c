/*
 * An endpoint as a StackExchange.Redis configuration string:
 *
 *     host[:port][,host[:port]]...[,key=value]...
 *
 * The keys mean what they mean there (StackExchange.Redis, Configuration);
 * case does not matter. Those that only steer that library are ignored and
 * named; a key nobody knows is an error.
 */
#include "redis/endpoint.h"

#include <stdlib.h>

/* One key: how its value is read, and into what. */
struct key {
	const char *name;
	enum kr_err (*read)(struct kri_endpoint *endpoint,
			    struct kri_text value, size_t offset);
	size_t offset;
	const char *allowed;
};

static enum kr_err read_text(struct kri_endpoint *endpoint,
			     struct kri_text value, size_t offset)
{
	char **member = (char **)((char *)endpoint + offset);

	if (!value.len)
		return KR_ERR_INPUT;
	free(*member);
	*member = strndup(value.data, value.len);
	return *member ? KR_OK : KR_ERR_MEMORY;
}

static bool parse_flag(struct kri_text value, bool *flag)
{
	*flag = kri_text_equal_nocase(value, KRI_TEXT("true"));
	return *flag || kri_text_equal_nocase(value, KRI_TEXT("false"));
}

static enum kr_err read_ssl(struct kri_endpoint *endpoint,
			    struct kri_text value, size_t offset)
{
	(void)offset;
	return parse_flag(value, &endpoint->tls) ? KR_OK : KR_ERR_INPUT;
}

static enum kr_err read_flag(struct kri_endpoint *endpoint,
			     struct kri_text value, size_t offset)
{
	bool flag;

	if (!parse_flag(value, &flag))
		return KR_ERR_INPUT;
	*(int *)((char *)endpoint + offset) = flag;
	return KR_OK;
}

static enum kr_err read_number(struct kri_endpoint *endpoint,
			       struct kri_text value, size_t offset)
{
	int64_t number;

	if (kri_text_to_int(value, 0, KRI_DATABASE_MAX, &number))
		return KR_ERR_INPUT;
	*(int *)((char *)endpoint + offset) = (int)number;
	return KR_OK;
}

static enum kr_err read_time(struct kri_endpoint *endpoint,
			     struct kri_text value, size_t offset)
{
	return kri_text_to_int(value, 1, INT32_MAX,
			       (int64_t *)((char *)endpoint + offset));
}

/* A list such as "tls12|tls13": the least of it is our minimum. */
static enum kr_err read_protocols(struct kri_endpoint *endpoint,
				  struct kri_text value, size_t offset)
{
	(void)offset;
	while (value.data) {
		struct kri_text name = kri_text_trim(kri_text_cut(&value, '|'));
		int version = 0;

		if (kri_text_equal_nocase(name, KRI_TEXT("tls12")))
			version = 12;
		if (kri_text_equal_nocase(name, KRI_TEXT("tls13")))
			version = 13;
		if (!version)
			return KR_ERR_INPUT;
		if (endpoint->tls_minimum == KRI_UNSAID ||
		    version < endpoint->tls_minimum)
			endpoint->tls_minimum = version;
	}
	return KR_OK;
}

#define MEMBER(name) offsetof(struct kri_endpoint, name)

static const struct key keys[] = {
	{"abortConnect", read_flag, MEMBER(abort_on_connect_fail),
	 "true or false"},
	{"connectRetry", read_number, MEMBER(connect_retry), "0 to 65535"},
	{"connectTimeout", read_time, MEMBER(connect_timeout),
	 "milliseconds, 1 or more"},
	{"syncTimeout", read_time, MEMBER(io_timeout),
	 "milliseconds, 1 or more"},
	{"keepAlive", read_time, MEMBER(keep_alive), "seconds, 1 or more"},
	{"name", read_text, MEMBER(client_name), "some text"},
	{"user", read_text, MEMBER(login.user), "some text"},
	{"password", read_text, MEMBER(login.password), "some text"},
	{"defaultDatabase", read_number, MEMBER(database), "0 to 65535"},
	{"ssl", read_ssl, 0, "true or false"},
	{"sslHost", read_text, MEMBER(tls_host), "some text"},
	{"sslProtocols", read_protocols, 0, "tls12 and tls13, with | between"},
	{"serviceName", read_text, MEMBER(service), "some text"},
	{"sentinelUser", read_text, MEMBER(sentinel_login.user), "some text"},
	{"sentinelPassword", read_text, MEMBER(sentinel_login.password),
	 "some text"},
};

/* They steer StackExchange.Redis itself. */
static const char *const ignored[] = {
	"allowAdmin",
	"asyncTimeout",
	"channelPrefix",
	"checkCertificateRevocation",
	"configChannel",
	"configCheckSeconds",
	"defaultVersion",
	"highIntegrity",
	"heartbeatInterval",
	"libraryName",
	"preserveAsyncOrder",
	"protocol",
	"proxy",
	"resolveDns",
	"responseTimeout",
	"setlib",
	"tiebreaker",
	"tunnel",
	"version",
	"writeBuffer",
};

static bool is_ignored(struct kri_text name)
{
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		if (kri_text_equal_nocase(name, kri_text_of(ignored[i])))
			return true;
	return false;
}

/* Only what looks like a key is shown: a stray piece may be a password. */
static enum kr_err refuse_key(struct kri_text name, struct kri_buffer *why)
{
	bool shown = name.len > 0 && name.len <= 32;

	for (size_t i = 0; i < name.len && shown; i++)
		shown = (name.data[i] | 32) >= 'a' &&
			(name.data[i] | 32) <= 'z';
	kri_buffer_string(why, "redis.endpoint: ");
	if (shown)
		kri_buffer_printf(why, "unknown key '%.*s'", (int)name.len,
				  name.data);
	else
		kri_buffer_string(why, "a key cannot be understood");
	kri_buffer_string(why, "; allowed are");
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		kri_buffer_printf(why, "%s %s", i ? "," : "", keys[i].name);
	return KR_ERR_CONFIG;
}

static enum kr_err read_key(struct kri_endpoint *endpoint, struct kri_text name,
			    struct kri_text value, struct kri_buffer *why)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		enum kr_err err;

		if (!kri_text_equal_nocase(name, kri_text_of(keys[i].name)))
			continue;
		err = keys[i].read(endpoint, value, keys[i].offset);
		if (!err || err == KR_ERR_MEMORY)
			return err;
		kri_buffer_printf(why, "redis.endpoint: %s must be %s",
				  keys[i].name, keys[i].allowed);
		return KR_ERR_CONFIG;
	}
	if (!is_ignored(name))
		return refuse_key(name, why);
	kri_buffer_printf(&endpoint->ignored, "%s%.*s",
			  endpoint->ignored.len ? ", " : "", (int)name.len,
			  name.data);
	return endpoint->ignored.failed ? KR_ERR_MEMORY : KR_OK;
}

/* Where the port begins, or NULL: [::1]:6379, host:6379, and ::1 alone. */
static const char *find_port(struct kri_text host)
{
	const char *first = memchr(host.data, ':', host.len);
	const char *last = memrchr(host.data, ':', host.len);

	if (host.data[0] == '[')
		return last && last > host.data && last[-1] == ']' ? last
								   : NULL;
	return first == last ? last : NULL;
}

static enum kr_err refuse_host(struct kri_buffer *why)
{
	kri_buffer_string(why, "redis.endpoint: a server must be host or "
			       "host:port, with a port from 1 to 65535");
	return KR_ERR_CONFIG;
}

/* A name or an address: no part of a URL, and no space. */
static bool is_host(struct kri_text host)
{
	for (size_t i = 0; i < host.len; i++)
		if (strchr("/?#@%\\ \t", host.data[i]))
			return false;
	return host.len > 0;
}

static enum kr_err read_host(struct kri_endpoint *endpoint,
			     struct kri_text host, struct kri_buffer *why)
{
	const char *colon = find_port(host);
	const char *end = host.data + host.len;
	struct kri_address address = {0};
	int64_t port = 0;

	if (colon) {
		host.len = (size_t)(colon - host.data);
		if (kri_text_to_int(
			    kri_text(colon + 1, (size_t)(end - colon - 1)), 1,
			    65535, &port))
			return refuse_host(why);
	}
	if (host.len > 2 && host.data[0] == '[')
		host = kri_text(host.data + 1, host.len - 2);
	if (!is_host(host))
		return refuse_host(why);
	address.host = strndup(host.data, host.len);
	address.port = (int)port;
	if (!address.host)
		return KR_ERR_MEMORY;
	return kri_endpoint_add(endpoint, address);
}

static enum kr_err read_piece(struct kri_endpoint *endpoint,
			      struct kri_text piece, struct kri_buffer *why)
{
	struct kri_text value = piece;
	struct kri_text name = kri_text_cut(&value, '=');

	if (!piece.len)
		return KR_OK;
	if (!value.data)
		return read_host(endpoint, piece, why);
	return read_key(endpoint, kri_text_trim(name), kri_text_trim(value),
			why);
}

enum kr_err kri_endpoint_parse_string(const char *text,
				      struct kri_endpoint *endpoint,
				      struct kri_buffer *why)
{
	struct kri_text rest = kri_text_of(text);
	enum kr_err err = KR_OK;

	while (rest.data && !err)
		err = read_piece(endpoint,
				 kri_text_trim(kri_text_cut(&rest, ',')), why);
	if (!err && !endpoint->n) {
		kri_buffer_string(why, "redis.endpoint: no server is named; "
				       "it begins with host or host:port");
		err = KR_ERR_CONFIG;
	}
	return err;
}
