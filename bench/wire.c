/* The FastCGI wire: requests out, answers in. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

enum {
	BEGIN_REQUEST = 1,
	END_REQUEST = 3,
	PARAMS = 4,
	STDIN = 5,
	STDOUT = 6,
	HEADER = 8 /* bytes of a record's header */
};

/* ---- a request -------------------------------------------------------- */

/* A writer that remembers when it had no room left. */
struct writer {
	unsigned char *at;
	unsigned char *end;
	bool full;
};

static void put(struct writer *w, const void *data, size_t size)
{
	if ((size_t)(w->end - w->at) < size) {
		w->full = true;
		return;
	}
	memcpy(w->at, data, size);
	w->at += size;
}

static void put_header(struct writer *w, unsigned char type, size_t size)
{
	unsigned char header[HEADER] = {1, type, 0, 1};

	header[4] = (unsigned char)(size >> 8);
	header[5] = (unsigned char)size;
	put(w, header, sizeof(header));
}

static void put_length(struct writer *w, size_t size)
{
	unsigned char four[4] = {
		(unsigned char)(size >> 24 | 0x80), (unsigned char)(size >> 16),
		(unsigned char)(size >> 8), (unsigned char)size};

	if (size < 128)
		put(w, four + 3, 1);
	else
		put(w, four, 4);
}

static void put_pair(struct writer *w, const char *name, size_t name_len,
		     const char *value, size_t value_len)
{
	put_length(w, name_len);
	put_length(w, value_len);
	put(w, name, name_len);
	put(w, value, value_len);
}

static void put_param(struct writer *w, const char *name, const char *value)
{
	put_pair(w, name, strlen(name), value, strlen(value));
}

static void put_params(struct writer *w, const struct wire_request *r,
		       const char *cookie)
{
	size_t path = strcspn(r->target, "?");
	const char *query = r->target + path + !!r->target[path];

	put_param(w, "REQUEST_METHOD", r->method);
	put_pair(w, "PATH_INFO", 9, r->target, path);
	put_param(w, "QUERY_STRING", query);
	put_param(w, "CONTENT_TYPE", "");
	put_param(w, "CONTENT_LENGTH", "");
	put_param(w, "HTTPS", "on");
	for (size_t i = 0; i < r->params_n; i++) {
		size_t name = strcspn(r->params[i], "=");
		const char *value = r->params[i] + name + 1;

		put_pair(w, r->params[i], name, value, strlen(value));
	}
	put_param(w, "HTTP_HOST", "localhost");
	if (cookie)
		put_param(w, "HTTP_COOKIE", cookie);
}

size_t wire_request(const struct wire_request *request, const char *cookie,
		    unsigned char *out)
{
	unsigned char pairs[WIRE_REQUEST_MAX];
	unsigned char begin[8] = {0, 1, request->keep};
	struct writer inner = {pairs, pairs + sizeof(pairs), false};
	struct writer w = {out, out + WIRE_REQUEST_MAX, false};
	size_t size;

	put_params(&inner, request, cookie);
	size = (size_t)(inner.at - pairs);
	put_header(&w, BEGIN_REQUEST, sizeof(begin));
	put(&w, begin, sizeof(begin));
	put_header(&w, PARAMS, size);
	put(&w, pairs, size);
	put_header(&w, PARAMS, 0);
	put_header(&w, STDIN, 0);
	return inner.full || w.full ? 0 : (size_t)(w.at - out);
}

/* ---- an answer -------------------------------------------------------- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

void wire_begin(struct wire_answer *a)
{
	a->header_len = 0;
	a->content_left = 0;
	a->padding_left = 0;
	a->head_len = 0;
	a->head[0] = '\0';
	a->complete = false;
	a->broken = false;
}

static size_t feed_header(struct wire_answer *a, const unsigned char *bytes,
			  size_t size)
{
	size_t n = least(size, HEADER - a->header_len);

	memcpy(a->header + a->header_len, bytes, n);
	a->header_len += n;
	if (a->header_len < HEADER)
		return n;
	a->content_left = (size_t)a->header[4] << 8 | a->header[5];
	a->padding_left = a->header[6];
	a->broken = a->header[0] != 1;
	return n;
}

static void keep_head(struct wire_answer *a, const unsigned char *bytes,
		      size_t size)
{
	size_t n = least(size, WIRE_HEAD_MAX - 1 - a->head_len);

	memcpy(a->head + a->head_len, bytes, n);
	a->head_len += n;
	a->head[a->head_len] = '\0';
}

static size_t feed_content(struct wire_answer *a, const unsigned char *bytes,
			   size_t size)
{
	size_t content = least(size, a->content_left);
	size_t padding = least(size - content, a->padding_left);

	if (a->header[1] == STDOUT)
		keep_head(a, bytes, content);
	a->content_left -= content;
	a->padding_left -= padding;
	return content + padding;
}

static bool record_ends(const struct wire_answer *a)
{
	return a->header_len == HEADER && !a->content_left && !a->padding_left;
}

void wire_feed(struct wire_answer *a, const unsigned char *bytes, size_t size)
{
	size_t i = 0;

	while (i < size && !a->broken && !a->complete) {
		if (a->header_len < HEADER)
			i += feed_header(a, bytes + i, size - i);
		else
			i += feed_content(a, bytes + i, size - i);
		if (!record_ends(a))
			continue;
		a->complete = a->header[1] == END_REQUEST;
		a->header_len = 0;
	}
	if (i < size)
		a->broken = true;
}

/* The text behind "\nNAME: " among the answer's headers, or NULL. */
static const char *header_text(const struct wire_answer *a, const char *name)
{
	const char *end = strstr(a->head, "\r\n\r\n");
	const char *at = strcasestr(a->head, name);

	if (!end || !at || at > end)
		return NULL;
	return at + strlen(name);
}

int wire_status(const struct wire_answer *a)
{
	const char *status;

	if (!a->complete || a->broken || !strstr(a->head, "\r\n\r\n"))
		return 0;
	status = header_text(a, "Status: ");
	return status ? atoi(status) : 200;
}

bool wire_cookie(const struct wire_answer *a, char *out, size_t size)
{
	const char *text = header_text(a, "Set-Cookie: ");
	size_t len = text ? strcspn(text, ";\r") : 0;

	if (!len || len >= size)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}
