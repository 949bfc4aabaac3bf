/*
 * Files that a program carries in itself, made of those in www/ by www/embed,
 * and served with an ETag. On krsession.h alone.
 */
#ifndef WWW_ASSET_H
#define WWW_ASSET_H

#include <stddef.h>

#include "krsession.h"

struct asset {
	const char *name; /* "start.css"; NULL behind the last of a table */
	const char *type; /* media type, with its charset if it is text */
	const char *etag; /* with its quotes */
	const unsigned char *bytes;
	size_t size;
};

/* krsessiond's: its start page and what belongs to it. */
extern const struct asset start_assets[];

/* The asset of that name, or NULL. */
const struct asset *asset_find(const struct asset *table, const char *name);

/*
 * Answers with the asset: 304 if the client says that it has it. It is to be
 * asked for each time, so that a new program shows with the next page.
 */
enum kr_err asset_send(struct kr_context *c,
		       const struct asset *asset) KR_MUST_CHECK;

/*
 * Headers for every answer to a browser: no content sniffing, no address of
 * ours to other sites, in no frame, and nothing on a page but what `policy`
 * adds to "default-src 'none'" and the like (CSP Level 3), such as
 * "style-src 'self'"; "" adds nothing.
 */
enum kr_err asset_protect(struct kr_context *c,
			  const char *policy) KR_MUST_CHECK;

#endif
