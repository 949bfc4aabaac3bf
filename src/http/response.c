/*
 * The response: what a handler filled in, and its rendering as a CGI
 * response. The only user of json-c, whose errors become ours here. Must not
 * know sockets, nor why a status was chosen.
 */
#include "http/response.h"

#include <json-c/json.h>

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_JSON "application/json; charset=utf-8"

#define BODY_KEPT (16 << 10) /* bytes of room that serve the next one */

/* The phrases of RFC 9110 section 15 for the statuses that we expect; the
 * commonest stands first. */
static const struct {
	int status;
	const char *line;
} status_lines[] = {
	{200, "200 OK"},
	{201, "201 Created"},
	{204, "204 No Content"},
	{302, "302 Found"},
	{303, "303 See Other"},
	{304, "304 Not Modified"},
	{400, "400 Bad Request"},
	{401, "401 Unauthorized"},
	{403, "403 Forbidden"},
	{404, "404 Not Found"},
	{405, "405 Method Not Allowed"},
	{409, "409 Conflict"},
	{413, "413 Content Too Large"},
	{415, "415 Unsupported Media Type"},
	{429, "429 Too Many Requests"},
	{500, "500 Internal Server Error"},
	{501, "501 Not Implemented"},
	{502, "502 Bad Gateway"},
	{503, "503 Service Unavailable"},
	{504, "504 Gateway Timeout"},
};

static void drop_json(struct kri_response *response)
{
	json_object_put(response->json); /* accepts NULL */
	response->json = NULL;
	response->json_err = KR_OK;
}

void kri_response_reset(struct kri_response *response)
{
	drop_json(response);
	/* A Set-Cookie header holds a secret. */
	kri_buffer_wipe(&response->headers);
	kri_buffer_clear(&response->body);
	if (response->body.cap > BODY_KEPT)
		kri_buffer_free(&response->body);
	response->status = 0;
	response->content_type = NULL;
}

void kri_response_free(struct kri_response *response)
{
	kri_response_reset(response);
	kri_buffer_free(&response->headers);
	kri_buffer_free(&response->body);
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

/* Without memory for the body, it is as if nothing had been answered. */
static enum kr_err answer(struct kri_response *response, int status,
			  const char *content_type, struct kri_text body)
{
	kri_buffer_clear(&response->body);
	kri_buffer_append(&response->body, body);
	if (response->body.failed) {
		kri_buffer_clear(&response->body);
		response->status = 0;
		return KR_ERR_MEMORY;
	}
	response->status = status;
	response->content_type = content_type;
	return KR_OK;
}

enum kr_err kri_response_text(struct kri_response *response, int status,
			      const char *text)
{
	if (!is_status(status) || !text)
		return KR_ERR_ARGUMENT;
	return answer(response, status, TYPE_TEXT, kri_text_of(text));
}

static bool can_be_json(const char *string)
{
	return string && kri_text_is_utf8(kri_text_of(string));
}

static void json_fail(struct kri_response *response, enum kr_err err)
{
	if (!response->json_err)
		response->json_err = err;
}

/* Takes `value`; NULL means that there was no memory to make it. */
static void json_add(struct kri_response *response, const char *key,
		     struct json_object *value)
{
	if (!response->json)
		response->json = json_object_new_object();
	if (value && response->json &&
	    !json_object_object_add(response->json, key, value))
		return;
	json_object_put(value);
	json_fail(response, KR_ERR_MEMORY);
}

void kri_response_json_string(struct kri_response *response, const char *key,
			      const char *value)
{
	if (can_be_json(key) && can_be_json(value))
		json_add(response, key, json_object_new_string(value));
	else
		json_fail(response, KR_ERR_ARGUMENT);
}

void kri_response_json_int(struct kri_response *response, const char *key,
			   int64_t value)
{
	if (can_be_json(key))
		json_add(response, key, json_object_new_int64(value));
	else
		json_fail(response, KR_ERR_ARGUMENT);
}

static enum kr_err json_answer(struct kri_response *response, int status)
{
	int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
	struct kri_text body = KRI_TEXT("{}");

	if (response->json_err)
		return response->json_err;
	if (!is_status(status))
		return KR_ERR_ARGUMENT;
	if (response->json)
		body.data = json_object_to_json_string_length(response->json,
							      flags, &body.len);
	if (!body.data)
		return KR_ERR_MEMORY;
	return answer(response, status, TYPE_JSON, body);
}

enum kr_err kri_response_json_end(struct kri_response *response, int status)
{
	enum kr_err err = json_answer(response, status);

	drop_json(response);
	return err;
}

void kri_response_error(struct kri_response *response, int status,
			const char *text)
{
	if (!is_status(status))
		status = 500;
	kri_response_reset(response);
	kri_response_json_string(response, "error", text);
	if (kri_response_json_end(response, status))
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

static void render_content(const char *type, size_t length,
			   struct kri_buffer *out)
{
	if (type) {
		kri_buffer_append(out, KRI_TEXT("Content-Type: "));
		kri_buffer_string(out, type);
		kri_buffer_append(out, KRI_TEXT("\r\n"));
	}
	kri_buffer_append(out, KRI_TEXT("Content-Length: "));
	kri_buffer_int(out, (int64_t)length);
	kri_buffer_append(out, KRI_TEXT("\r\n"));
}

void kri_response_render(const struct kri_response *response, bool head,
			 struct kri_buffer *out)
{
	struct kri_text body = kri_buffer_text(&response->body);
	const char *type = response->content_type;
	int status = response->status;
	/* RFC 9110 sections 15.3.5 and 15.4.5: these have no content. */
	bool bare = status == 204 || status == 304;

	if (!status) {
		status = 500;
		type = TYPE_JSON;
		body = KRI_TEXT("{\"error\":\"The request got no answer\"}");
	}
	render_status(status, out);
	if (!bare)
		render_content(type, body.len, out);
	kri_buffer_append(out, kri_buffer_text(&response->headers));
	kri_buffer_append(out, KRI_TEXT("\r\n"));
	if (!bare && !head)
		kri_buffer_append(out, body);
}
