/*
 * The response while it is being filled: status, headers, body. Becomes
 * bytes only in _render.
 */
#ifndef KRI_HTTP_RESPONSE_H
#define KRI_HTTP_RESPONSE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/text.h"
#include "http/json_builder.h"

#define KRI_TYPE_TEXT "text/plain; charset=utf-8"
#define KRI_TYPE_HTML "text/html; charset=utf-8"
#define KRI_TYPE_JSON "application/json; charset=utf-8"

struct kri_response {
	int status;                 /* 0: not answered yet */
	struct kri_buffer type;     /* of the content; empty: none */
	struct kri_buffer location; /* of a redirect; empty: none */
	struct kri_buffer headers;  /* "Name: value\r\n" lines */
	struct kri_buffer body;
	struct kri_json_builder json; /* what is being built */
};

/* All zero is an empty response. Empties it and keeps its memory, as far as
 * that is little. */
void kri_response_reset(struct kri_response *response);

/* Gives its memory back. */
void kri_response_free(struct kri_response *response);

/*
 * Adds a header. KR_ERR_ARGUMENT if name is no token, value has a control
 * character, or it is one that _render writes (Status, Content-Type,
 * Content-Length); KR_ERR_MEMORY.
 */
enum kr_err kri_response_header(struct kri_response *response,
				struct kri_text name,
				struct kri_text value) KR_MUST_CHECK;

/* Adds header lines of our own, each with its CRLF, as they are. */
enum kr_err kri_response_lines(struct kri_response *response,
			       struct kri_text lines) KR_MUST_CHECK;

/*
 * Answers with content of that type, or with neither if the type is NULL, in
 * place of what had been answered. KR_ERR_ARGUMENT for a status outside 200 to
 * 599 or a type without '/' or with a control character; KR_ERR_MEMORY, and
 * nothing is answered then.
 */
enum kr_err kri_response_send(struct kri_response *response, int status,
			      const char *type,
			      struct kri_text body) KR_MUST_CHECK;

/* Answers with a Location, which is safe, and no content. KR_ERR_ARGUMENT for
 * a status that is no redirect (RFC 9110 section 15.4); KR_ERR_MEMORY. */
enum kr_err kri_response_redirect(struct kri_response *response, int status,
				  const char *location) KR_MUST_CHECK;

/* Answers with the JSON that was built, and is done with it, also when it
 * fails: errors of kri_json_builder_text(), and of _send. */
enum kr_err kri_response_json(struct kri_response *response,
			      int status) KR_MUST_CHECK;

/*
 * Drops whatever was filled in, headers too, and answers {"error": text}.
 * Without memory for that, or if text is NULL or not UTF-8, answers with the
 * status alone. A status outside 200 to 599 becomes 500.
 */
void kri_response_error(struct kri_response *response, int status,
			const char *text);

/*
 * Appends the whole as a CGI response (RFC 3875 section 6): Status,
 * Content-Type, Content-Length, Location, the headers, and the body unless
 * `head`. A response that was never answered is a 500; 204 and 304 have no
 * content.
 */
void kri_response_render(const struct kri_response *response, bool head,
			 struct kri_buffer *out);

#endif
