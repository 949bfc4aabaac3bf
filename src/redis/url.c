/*
 * An endpoint as a URL:
 *
 *     redis://[[user]:password@]host[:port][,host[:port]]...[/database]
 *     rediss://...                              the same over TLS
 *     unix://[[user]:password@]/path[?db=database]
 *
 * liburiparser takes it apart, one host at a time: the URI grammar (RFC 3986)
 * knows one host only. User, password, host and path are percent-decoded.
 */
#include "redis/endpoint.h"

#include <stdlib.h>
#include <sys/un.h>
#include <uriparser/Uri.h>

#include "base/encoding.h"

#define PATH_LIMIT sizeof(((struct sockaddr_un *)NULL)->sun_path)

static struct kri_text range(const UriTextRangeA *part)
{
	if (!part->first)
		return kri_text(NULL, 0);
	return kri_text(part->first, (size_t)(part->afterLast - part->first));
}

static enum kr_err refuse(struct kri_buffer *why, const char *what)
{
	kri_buffer_printf(why,
			  "redis.endpoint: %s; allowed are "
			  "redis[s]://[[user]:password@]host[:port][,...]"
			  "[/database], unix:///path[?db=database] and a "
			  "StackExchange.Redis configuration string",
			  what);
	return KR_ERR_CONFIG;
}

/* What is wrong with a part, unless there was no memory to read it. */
static enum kr_err refuse_for(enum kr_err err, struct kri_buffer *why,
			      const char *what)
{
	return err == KR_ERR_MEMORY ? err : refuse(why, what);
}

/* A percent-decoded copy on the heap; NULs would cut it short. */
static enum kr_err decode(struct kri_text text, char **out)
{
	char *copy = malloc(text.len + 1);
	size_t len = 0;
	enum kr_err err = copy ? KR_OK : KR_ERR_MEMORY;

	if (!err)
		err = kri_percent_decode(text, false, copy, &len);
	if (!err && memchr(copy, '\0', len))
		err = KR_ERR_INPUT;
	if (err) {
		free(copy);
		return err;
	}
	copy[len] = '\0';
	*out = copy;
	return KR_OK;
}

static enum kr_err read_database(struct kri_text text, int *database)
{
	int64_t number;

	if (kri_text_to_int(text, 0, KRI_DATABASE_MAX, &number))
		return KR_ERR_INPUT;
	*database = (int)number;
	return KR_OK;
}

/* "[user]:password", or "user" alone. */
static enum kr_err read_login(struct kri_login *login, struct kri_text info)
{
	struct kri_text user = kri_text_cut(&info, ':');
	enum kr_err err = KR_OK;

	if (user.len)
		err = decode(user, &login->user);
	if (!err && info.data)
		err = decode(info, &login->password);
	return err;
}

/* The path of a Unix socket: all segments, joined again. */
static enum kr_err read_path(struct kri_endpoint *endpoint,
			     const UriPathSegmentA *segment)
{
	struct kri_buffer path = KRI_BUFFER_EMPTY;
	struct kri_address address = {0};
	enum kr_err err;

	for (; segment; segment = segment->next) {
		kri_buffer_byte(&path, '/');
		kri_buffer_append(&path, range(&segment->text));
	}
	err = path.failed ? KR_ERR_MEMORY : KR_OK;
	/* A longer one would be cut off in silence. */
	if (!err && (path.len < 2 || path.len >= PATH_LIMIT))
		err = KR_ERR_INPUT;
	if (!err)
		err = decode(kri_buffer_text(&path), &address.path);
	kri_buffer_free(&path);
	return err ? err : kri_endpoint_add(endpoint, address);
}

static enum kr_err read_unix(struct kri_endpoint *endpoint, const UriUriA *uri,
			     struct kri_buffer *why)
{
	struct kri_text query = range(&uri->query);
	enum kr_err err;

	if (range(&uri->hostText).len || range(&uri->portText).len)
		return refuse(why, "a unix: URL has three slashes and no host");
	err = read_path(endpoint, uri->pathHead);
	if (err)
		return refuse_for(err, why,
				  "a unix: URL needs an absolute path of at "
				  "most 107 bytes");
	if (!query.data)
		return KR_OK;
	if (!kri_text_starts(query, KRI_TEXT("db=")) ||
	    read_database(kri_text(query.data + 3, query.len - 3),
			  &endpoint->database))
		return refuse(why, "after ? only db=NUMBER may stand");
	return KR_OK;
}

static enum kr_err read_host(struct kri_endpoint *endpoint, const UriUriA *uri,
			     struct kri_buffer *why)
{
	struct kri_text port = range(&uri->portText);
	struct kri_address address = {0};
	int64_t number = 0;
	enum kr_err err;

	if (!range(&uri->hostText).len)
		return refuse(why, "a host is missing");
	if (port.len && kri_text_to_int(port, 1, 65535, &number))
		return refuse(why, "a port must be 1 to 65535");
	err = decode(range(&uri->hostText), &address.host);
	if (err)
		return refuse_for(err, why, "a host cannot be read");
	address.port = (int)number;
	return kri_endpoint_add(endpoint, address);
}

static enum kr_err read_tcp(struct kri_endpoint *endpoint, const UriUriA *uri,
			    struct kri_buffer *why)
{
	const UriPathSegmentA *path = uri->pathHead;

	if (path && (path->next ||
		     (range(&path->text).len &&
		      read_database(range(&path->text), &endpoint->database))))
		return refuse(why, "the path must be a database number");
	if (range(&uri->query).len)
		return refuse(why, "a redis: URL takes nothing after ?");
	return read_host(endpoint, uri, why);
}

static enum kr_err read_uri(struct kri_endpoint *endpoint, const UriUriA *uri,
			    struct kri_buffer *why)
{
	struct kri_text scheme = range(&uri->scheme);
	enum kr_err err;

	if (uri->fragment.first)
		return refuse(why, "nothing may stand after #; a # in a "
				   "password is written %23");
	err = read_login(&endpoint->login, range(&uri->userInfo));
	if (err)
		return refuse_for(err, why,
				  "user or password has a bad %-escape");
	endpoint->tls = kri_text_equal_nocase(scheme, KRI_TEXT("rediss"));
	if (endpoint->tls || kri_text_equal_nocase(scheme, KRI_TEXT("redis")))
		return read_tcp(endpoint, uri, why);
	if (kri_text_equal_nocase(scheme, KRI_TEXT("unix")))
		return read_unix(endpoint, uri, why);
	return refuse(why, "the scheme must be redis:, rediss: or unix:");
}

typedef enum kr_err reader(struct kri_endpoint *, const UriUriA *,
			   struct kri_buffer *);

static enum kr_err read_text(const char *text, reader *read,
			     struct kri_endpoint *endpoint,
			     struct kri_buffer *why)
{
	UriUriA uri;
	enum kr_err err;
	int parsed = uriParseSingleUriA(&uri, text, NULL);

	if (parsed != URI_SUCCESS)
		return refuse_for(parsed == URI_ERROR_MALLOC ? KR_ERR_MEMORY
							     : KR_ERR_INPUT,
				  why, "this is no URL");
	err = read(endpoint, &uri, why);
	uriFreeUriMembersA(&uri);
	return err;
}

/* The further hosts: each as the host of a URL of its own. */
static enum kr_err read_others(struct kri_endpoint *endpoint,
			       struct kri_text hosts, struct kri_buffer *why)
{
	struct kri_buffer url = KRI_BUFFER_EMPTY;
	enum kr_err err = KR_OK;

	while (hosts.data && !err) {
		kri_buffer_clear(&url);
		kri_buffer_string(&url, "redis://");
		kri_buffer_append(&url, kri_text_cut(&hosts, ','));
		err = url.failed
			      ? KR_ERR_MEMORY
			      : read_text(url.data, read_host, endpoint, why);
	}
	kri_buffer_free(&url);
	return err;
}

/* Where the first host ends in a comma, and where the last one ends: both
 * lie between "://[user:password@]" and the path. */
static bool find_others(const char *text, const char **comma, const char **end)
{
	const char *begin = strstr(text, "://") + 3;
	const char *at;

	*end = begin + strcspn(begin, "/?#");
	at = memchr(begin, '@', (size_t)(*end - begin));
	if (at)
		begin = at + 1;
	*comma = memchr(begin, ',', (size_t)(*end - begin));
	return *comma != NULL;
}

enum kr_err kri_endpoint_parse_url(const char *text,
				   struct kri_endpoint *endpoint,
				   struct kri_buffer *why)
{
	struct kri_buffer first = KRI_BUFFER_EMPTY;
	const char *comma, *end;
	enum kr_err err;

	if (!find_others(text, &comma, &end))
		return read_text(text, read_uri, endpoint, why);
	kri_buffer_append(&first, kri_text(text, (size_t)(comma - text)));
	kri_buffer_string(&first, end);
	err = first.failed ? KR_ERR_MEMORY
			   : read_text(first.data, read_uri, endpoint, why);
	kri_buffer_wipe(&first);
	kri_buffer_free(&first);
	if (!err)
		err = read_others(
			endpoint,
			kri_text(comma + 1, (size_t)(end - comma - 1)), why);
	return err;
}
