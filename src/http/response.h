/*
 * The response while it is being filled: status, headers, body. Becomes
 * bytes only in _render. The only user of json-c.
 */
#ifndef KRI_HTTP_RESPONSE_H
#define KRI_HTTP_RESPONSE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/text.h"

struct json_object;

struct kri_response {
	int status; /* 0: not answered yet */
	const char *content_type;
	struct kri_buffer headers; /* "Name: value\r\n" lines */
	struct kri_buffer body;
	struct json_object *json; /* the object being built, or NULL */
	enum kr_err json_err;     /* first error while building it */
};

/* All zero is an empty response. Empties it and keeps its memory. */
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
 * Answers with text; the body is replaced. KR_ERR_ARGUMENT for a status
 * outside 200 to 599 or no text; KR_ERR_MEMORY, and nothing is answered then.
 */
enum kr_err kri_response_text(struct kri_response *response, int status,
			      const char *text) KR_MUST_CHECK;

/* Adds a member to the JSON object; errors wait for _json_end. */
void kri_response_json_string(struct kri_response *response, const char *key,
			      const char *value);
void kri_response_json_int(struct kri_response *response, const char *key,
			   int64_t value);

/*
 * Answers with the JSON object ({} if it has no member), and is done with it,
 * also when it fails: KR_ERR_ARGUMENT for a bad status, or a key or value
 * that was NULL or not UTF-8; KR_ERR_MEMORY.
 */
enum kr_err kri_response_json_end(struct kri_response *response,
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
 * Content-Type, Content-Length, the headers, and the body unless `head`. A
 * response that was never answered is a 500; 204 and 304 have no content.
 */
void kri_response_render(const struct kri_response *response, bool head,
			 struct kri_buffer *out);

#endif
