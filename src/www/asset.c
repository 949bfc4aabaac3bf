/*
 * Serves what a program carries in itself, and the headers that protect its
 * pages. Knows neither pages nor programs.
 */
#include <stdio.h>
#include <string.h>

#include "www/asset.h"

const struct asset *asset_find(const struct asset *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table;
	return NULL;
}

/* Weak comparison, in a list (RFC 9110 section 13.1.2): an ETag of ours has
 * its quotes, so it stands nowhere but where it is meant. */
static bool client_has(struct kr_context *c, const struct asset *asset)
{
	const char *tags = kr_header_in(c, "If-None-Match");

	return tags && (!strcmp(tags, "*") || strstr(tags, asset->etag));
}

enum kr_err asset_send(struct kr_context *c, const struct asset *asset)
{
	enum kr_err err = kr_header(c, "ETag", asset->etag);

	if (!err)
		err = kr_header(c, "Cache-Control", "no-cache");
	if (err)
		return err;
	if (client_has(c, asset))
		return kr_status(c, 304);
	return kr_send(c, 200, asset->type, asset->bytes, asset->size);
}

enum kr_err asset_protect(struct kr_context *c, const char *policy)
{
	static const char *const headers[][2] = {
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "same-origin"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Permissions-Policy", "camera=(), geolocation=(), "
				       "microphone=()"},
		{"X-Frame-Options", "DENY"}, /* browsers without CSP 2 */
	};
	char csp[512];
	enum kr_err err = KR_OK;
	int n = snprintf(csp, sizeof(csp),
			 "default-src 'none'; base-uri 'none'; "
			 "frame-ancestors 'none'%s%s",
			 *policy ? "; " : "", policy);

	if (n < 0 || (size_t)n >= sizeof(csp))
		return KR_ERR_ARGUMENT;
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers) && !err; i++)
		err = kr_header(c, headers[i][0], headers[i][1]);
	return err ? err : kr_header(c, "Content-Security-Policy", csp);
}
