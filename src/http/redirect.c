/*
 * What of a location decides where a browser goes. Browsers take "//host" and
 * "/\host" for another site, and drop tabs and line ends before they look (URL
 * Standard, sections 4.1 and 4.4): so no location has such a character.
 */
#include "http/redirect.h"

#include <stdlib.h>
#include <strings.h>

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || *text == '\\')
			return false;
	return true;
}

/* What follows the scheme, or NULL. */
static const char *authority_of(const char *url)
{
	if (!strncasecmp(url, "https://", 8))
		return url + 8;
	return strncasecmp(url, "http://", 7) ? NULL : url + 7;
}

#define DIGITS "0123456789"
#define NAME                                                                   \
	DIGITS "abcdefghijklmnopqrstuvwxyz"                                    \
	       "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-"

/* The bytes of a host: a name, or an IPv6 address in brackets; 0: none. */
static size_t host_len(const char *at)
{
	size_t len;

	if (*at != '[')
		return strspn(at, NAME);
	len = strspn(at + 1, DIGITS "abcdefABCDEF:.");
	return len && at[1 + len] == ']' ? len + 2 : 0;
}

static bool is_origin(const char *origin)
{
	const char *host = authority_of(origin);
	size_t len = host ? host_len(host) : 0;
	const char *rest;

	if (!len)
		return false;
	rest = host + len;
	if (!*rest)
		return true;
	len = *rest == ':' ? strspn(rest + 1, DIGITS) : 0;
	return len && len <= 5 && !rest[1 + len];
}

enum kr_err kri_origins_add(struct kri_origins *origins, const char *origin)
{
	char **names, *copy;

	if (!is_origin(origin))
		return KR_ERR_ARGUMENT;
	names = reallocarray(origins->names, origins->n + 1, sizeof(*names));
	if (!names)
		return KR_ERR_MEMORY;
	origins->names = names;
	copy = strdup(origin);
	if (!copy)
		return KR_ERR_MEMORY;
	names[origins->n++] = copy;
	return KR_OK;
}

void kri_origins_free(struct kri_origins *origins)
{
	for (size_t i = 0; i < origins->n; i++)
		free(origins->names[i]);
	free(origins->names);
	*origins = (struct kri_origins){0};
}

/* The origin ends where path, query or fragment begins: behind it an '@' would
 * make it a user's name, a '.' the beginning of another host's. */
static bool is_below(const char *location, const char *origin)
{
	size_t len = strlen(origin);

	return !strncasecmp(location, origin, len) &&
	       (!location[len] || strchr("/?#", location[len]));
}

bool kri_location_is_safe(const struct kri_origins *origins,
			  const char *location)
{
	if (!is_printable(location))
		return false;
	if (*location == '/')
		return location[1] != '/';
	for (size_t i = 0; origins && i < origins->n; i++)
		if (is_below(location, origins->names[i]))
			return true;
	return false;
}
