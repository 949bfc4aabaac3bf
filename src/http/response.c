/*
 * The response: what a handler filled in, and its rendering as a CGI
 * response. Must not know sockets, nor why a status was chosen.
 */
#include "http/response.h"

#define BODY_KEPT (16 << 10) /* bytes of room that serve the next one */

/* The phrases of RFC 9110 section 15 for the statuses that we expect; the
 * commonest stands first. */
static const struct {
	int status;
	const char *line;
} status_lines[] = {
	{200, "200 OK"},
	{201, "201 Created"},
	{202, "202 Accepted"},
	{204, "204 No Content"},
	{301, "301 Moved Permanently"},
	{302, "302 Found"},
	{303, "303 See Other"},
	{304, "304 Not Modified"},
	{307, "307 Temporary Redirect"},
	{308, "308 Permanent Redirect"},
	{400, "400 Bad Request"},
	{401, "401 Unauthorized"},
	{403, "403 Forbidden"},
	{404, "404 Not Found"},
	{405, "405 Method Not Allowed"},
	{406, "406 Not Acceptable"},
	{409, "409 Conflict"},
	{410, "410 Gone"},
	{412, "412 Precondition Failed"},
	{413, "413 Content Too Large"},
	{415, "415 Unsupported Media Type"},
	{422, "422 Unprocessable Content"},
	{429, "429 Too Many Requests"},
	{500, "500 Internal Server Error"},
	{501, "501 Not Implemented"},
	{502, "502 Bad Gateway"},
	{503, "503 Service Unavailable"},
	{504, "504 Gateway Timeout"},
};

/* Empties a buffer, and lets go of room that the next one will not need. */
static void clear(struct kri_buffer *buffer)
{
	kri_buffer_clear(buffer);
	if (buffer->cap > BODY_KEPT)
		kri_buffer_free(buffer);
}

void kri_response_reset(struct kri_response *response)
{
	kri_json_builder_reset(&response->json);
	/* A Set-Cookie header holds a secret. */
	kri_buffer_wipe(&response->headers);
	clear(&response->body);
	kri_buffer_clear(&response->type);
	kri_buffer_clear(&response->location);
	response->status = 0;
}

void kri_response_free(struct kri_response *response)
{
	kri_response_reset(response);
	kri_json_builder_free(&response->json);
	kri_buffer_free(&response->headers);
	kri_buffer_free(&response->body);
	kri_buffer_free(&response->type);
	kri_buffer_free(&response->location);
}

/* The headers that _render writes; twice would break the answer. */
static bool is_rendered_by_us(struct kri_text name)
{
	return kri_text_equal_nocase(name, KRI_TEXT("Status")) ||
	       kri_text_equal_nocase(name, KRI_TEXT("Content-Type")) ||
	       kri_text_equal_nocase(name, KRI_TEXT("Content-Length"));
}

enum kr_err kri_response_header(struct kri_response *response,
				struct kri_text name, struct kri_text value)
{
	struct kri_buffer *headers = &response->headers;

	if (!kri_text_is_token(name) || kri_text_has_control(value) ||
	    is_rendered_by_us(name))
		return KR_ERR_ARGUMENT;
	/* First the room for all of it, so that half a line never stays. */
	if (!kri_buffer_reserve(headers, name.len + value.len + 4))
		return KR_ERR_MEMORY;
	kri_buffer_append(headers, name);
	kri_buffer_append(headers, KRI_TEXT(": "));
	kri_buffer_append(headers, value);
	kri_buffer_append(headers, KRI_TEXT("\r\n"));
	return headers->failed ? KR_ERR_MEMORY : KR_OK;
}

enum kr_err kri_response_lines(struct kri_response *response,
			       struct kri_text lines)
{
	kri_buffer_append(&response->headers, lines);
	return response->headers.failed ? KR_ERR_MEMORY : KR_OK;
}

static bool is_status(int status)
{
	return status >= 200 && status <= 599;
}

static bool is_type(const char *type)
{
	return strchr(type, '/') && !kri_text_has_control(kri_text_of(type));
}

/* Without memory, it is as if nothing had been answered. */
static enum kr_err answer(struct kri_response *response, int status)
{
	bool failed = response->body.failed || response->type.failed ||
		      response->location.failed;

	if (failed) {
		clear(&response->body);
		kri_buffer_clear(&response->type);
		kri_buffer_clear(&response->location);
	}
	response->status = failed ? 0 : status;
	return failed ? KR_ERR_MEMORY : KR_OK;
}

/* The type is known to be one. */
static enum kr_err send(struct kri_response *response, int status,
			struct kri_text type, struct kri_text body)
{
	kri_buffer_clear(&response->body);
	kri_buffer_append(&response->body, body);
	kri_buffer_clear(&response->type);
	kri_buffer_append(&response->type, type);
	kri_buffer_clear(&response->location);
	return answer(response, status);
}

enum kr_err kri_response_send(struct kri_response *response, int status,
			      const char *type, struct kri_text body)
{
	if (!is_status(status) || (type && !is_type(type)))
		return KR_ERR_ARGUMENT;
	return send(response, status, kri_text_of(type ? type : ""), body);
}

static bool is_redirect(int status)
{
	return (status >= 301 && status <= 303) || status == 307 ||
	       status == 308;
}

enum kr_err kri_response_redirect(struct kri_response *response, int status,
				  const char *location)
{
	if (!is_redirect(status))
		return KR_ERR_ARGUMENT;
	kri_buffer_clear(&response->body);
	kri_buffer_clear(&response->type);
	kri_buffer_clear(&response->location);
	kri_buffer_string(&response->location, location);
	return answer(response, status);
}

enum kr_err kri_response_json(struct kri_response *response, int status)
{
	struct kri_text body = {0};
	enum kr_err err = kri_json_builder_text(&response->json, &body);

	if (!err && !is_status(status))
		err = KR_ERR_ARGUMENT;
	if (!err)
		err = send(response, status, KRI_TEXT(KRI_TYPE_JSON), body);
	kri_json_builder_reset(&response->json);
	return err;
}

void kri_response_error(struct kri_response *response, int status,
			const char *text)
{
	if (!is_status(status))
		status = 500;
	kri_response_reset(response);
	kri_json_add_string(&response->json, "error", text);
	if (kri_response_json(response, status))
		response->status = status;
}

static void render_status(int status, struct kri_buffer *out)
{
	size_t i;

	kri_buffer_append(out, KRI_TEXT("Status: "));
	for (i = 0; i < sizeof(status_lines) / sizeof(status_lines[0]); i++) {
		if (status_lines[i].status == status) {
			kri_buffer_string(out, status_lines[i].line);
			kri_buffer_append(out, KRI_TEXT("\r\n"));
			return;
		}
	}
	kri_buffer_int(out, status);
	kri_buffer_append(out, KRI_TEXT(" Status\r\n"));
}

static void render_line(struct kri_text name, struct kri_text value,
			struct kri_buffer *out)
{
	if (!value.len)
		return;
	kri_buffer_append(out, name);
	kri_buffer_append(out, value);
	kri_buffer_append(out, KRI_TEXT("\r\n"));
}

static void render_content(struct kri_text type, size_t length,
			   struct kri_buffer *out)
{
	render_line(KRI_TEXT("Content-Type: "), type, out);
	kri_buffer_append(out, KRI_TEXT("Content-Length: "));
	kri_buffer_int(out, (int64_t)length);
	kri_buffer_append(out, KRI_TEXT("\r\n"));
}

void kri_response_render(const struct kri_response *response, bool head,
			 struct kri_buffer *out)
{
	struct kri_text body = kri_buffer_text(&response->body);
	struct kri_text type = kri_buffer_text(&response->type);
	int status = response->status;
	/* RFC 9110 sections 15.3.5 and 15.4.5: these have no content. */
	bool bare = status == 204 || status == 304;

	if (!status) {
		status = 500;
		type = KRI_TEXT(KRI_TYPE_JSON);
		body = KRI_TEXT("{\"error\":\"The request got no answer\"}");
	}
	render_status(status, out);
	if (!bare)
		render_content(type, body.len, out);
	render_line(KRI_TEXT("Location: "),
		    kri_buffer_text(&response->location), out);
	kri_buffer_append(out, kri_buffer_text(&response->headers));
	kri_buffer_append(out, KRI_TEXT("\r\n"));
	if (!bare && !head)
		kri_buffer_append(out, body);
}
