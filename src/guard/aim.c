/*
 * What browsers make of a location decides (URL Standard, section 4.4): "//x",
 * "/\x" and "\/x" are other hosts to them, tabs and line ends are dropped
 * before they look, and what stands before an "@" is no host.
 */
#include "guard/aim.h"

#include <string.h>
#include <strings.h>

/* ASCII that a URL may have unescaped, without "\" (RFC 3986 section 2). */
static bool is_url_text(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || strchr("\\\"<>^`{|}", *text))
			return false;
	return true;
}

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at && *at ? (int)(at - digits) : -1;
}

/* The path as servers see it: decoded, without empty segments and dots, up to
 * query and fragment. */
static void normalize(const char *path, char out[GUARD_AIM_MAX + 1])
{
	size_t len = 0;

	for (; *path && *path != '?' && *path != '#'; path++) {
		char c = *path;

		if (c == '%' && hex(path[1]) >= 0 && hex(path[2]) >= 0) {
			c = (char)(hex(path[1]) << 4 | hex(path[2]));
			path += 2;
		}
		if (c == '/' && len && out[len - 1] == '/')
			continue;
		out[len++] = c;
		if (c == '/' && len >= 3 && !memcmp(out + len - 3, "/./", 3))
			len -= 2;
	}
	out[len] = '\0';
}

/* Whether the path is below guard.path, and not the list of sessions. One that
 * climbs is taken for such: no honest link has it. */
static bool is_own_page(const struct guard_options *options, const char *path)
{
	size_t len = strlen(options->path);
	char plain[GUARD_AIM_MAX + 1];

	normalize(path, plain);
	if (strstr(plain, "/../") ||
	    (strlen(plain) >= 3 && !strcmp(plain + strlen(plain) - 3, "/..")))
		return true;
	if (strncasecmp(plain, options->path, len) != 0 ||
	    (plain[len] && plain[len] != '/'))
		return false;
	return strcmp(plain + len, "/sessions") != 0;
}

struct search {
	const char *wanted;
	const char *path; /* of the URL, once its origin is found */
};

static enum kr_err match(void *arg, const char *origin)
{
	struct search *search = arg;
	size_t len = strlen(origin);
	char end = strncasecmp(search->wanted, origin, len) == 0
			   ? search->wanted[len]
			   : 'x';

	if (!end || strchr("/?#", end))
		search->path = search->wanted + len;
	return KR_OK;
}

bool guard_aim_is_sound(const struct guard_options *options, const char *wanted)
{
	struct search search = {.wanted = wanted};

	if (strlen(wanted) > GUARD_AIM_MAX || !is_url_text(wanted))
		return false;
	if (*wanted == '/')
		return wanted[1] != '/' && !is_own_page(options, wanted);
	if (guard_options_origins(options->allow_hosts, match, &search))
		return false;
	return search.path && !is_own_page(options, search.path);
}

const char *guard_aim_of(const struct guard_options *options,
			 const char *wanted)
{
	if (wanted && *wanted && guard_aim_is_sound(options, wanted))
		return wanted;
	return options->home;
}
