/*
 * The request's and the response's functions of krsession.h.
 */
#include "fcgi/exchange.h"

const char *kr_request_method(struct kr_context *c)
{
	return c ? c->request.method_name : NULL;
}

const char *kr_request_path(struct kr_context *c)
{
	return c ? c->request.path : NULL;
}

const char *kr_request_param(struct kr_context *c, const char *name)
{
	return c && name ? kri_request_param(&c->request, name) : NULL;
}

const char *kr_input(struct kr_context *c, const char *name)
{
	return c && name ? kri_request_field(&c->request, name) : NULL;
}

enum kr_err kr_text(struct kr_context *c, int status, const char *text)
{
	if (!c || !text)
		return KR_ERR_ARGUMENT;
	return kri_response_text(&c->response, status, text);
}

void kr_json_string(struct kr_context *c, const char *key, const char *value)
{
	if (c)
		kri_response_json_string(&c->response, key, value);
}

void kr_json_int(struct kr_context *c, const char *key, int64_t value)
{
	if (c)
		kri_response_json_int(&c->response, key, value);
}

enum kr_err kr_json_end(struct kr_context *c, int status)
{
	return c ? kri_response_json_end(&c->response, status)
		 : KR_ERR_ARGUMENT;
}

enum kr_err kr_json_error(struct kr_context *c, int status, const char *text)
{
	kr_json_string(c, "error", text);
	return kr_json_end(c, status);
}

enum kr_err kr_header(struct kr_context *c, const char *name, const char *value)
{
	if (!c || !name || !value)
		return KR_ERR_ARGUMENT;
	return kri_response_header(&c->response, kri_text_of(name),
				   kri_text_of(value));
}
