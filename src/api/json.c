/*
 * The functions of krsession.h that build JSON.
 */
#include "fcgi/exchange.h"

void kr_json_string(struct kr_context *c, const char *key, const char *value)
{
	if (c)
		kri_json_add_string(&c->response.json, key, value);
}

void kr_json_int(struct kr_context *c, const char *key, int64_t value)
{
	if (c)
		kri_json_add_int(&c->response.json, key, value);
}

void kr_json_double(struct kr_context *c, const char *key, double value)
{
	if (c)
		kri_json_add_double(&c->response.json, key, value);
}

void kr_json_bool(struct kr_context *c, const char *key, bool value)
{
	if (c)
		kri_json_add_bool(&c->response.json, key, value);
}

void kr_json_null(struct kr_context *c, const char *key)
{
	if (c)
		kri_json_add_null(&c->response.json, key);
}

void kr_json_raw(struct kr_context *c, const char *key, const char *json)
{
	if (c)
		kri_json_add_raw(&c->response.json, key, json);
}

void kr_json_object(struct kr_context *c, const char *key)
{
	if (c)
		kri_json_begin_object(&c->response.json, key);
}

void kr_json_array(struct kr_context *c, const char *key)
{
	if (c)
		kri_json_begin_array(&c->response.json, key);
}

void kr_json_close(struct kr_context *c)
{
	if (c)
		kri_json_close(&c->response.json);
}

enum kr_err kr_json_end(struct kr_context *c, int status)
{
	return c ? kri_response_json(&c->response, status) : KR_ERR_ARGUMENT;
}

enum kr_err kr_json_error(struct kr_context *c, int status, const char *text)
{
	if (!c)
		return KR_ERR_ARGUMENT;
	kri_json_builder_reset(&c->response.json);
	kr_json_string(c, "error", text);
	return kr_json_end(c, status);
}
