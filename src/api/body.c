/*
 * The body's functions of krsession.h, and those that read JSON.
 */
#include <math.h>

#include "fcgi/exchange.h"

enum kr_err kr_body(struct kr_context *c, const void **bytes, size_t *size)
{
	if (!c || !bytes || !size)
		return KR_ERR_ARGUMENT;
	*bytes = c->body.len ? c->body.data : "";
	*size = c->body.len;
	return KR_OK;
}

enum kr_err kr_body_json(struct kr_context *c, const struct kr_json **json)
{
	struct kri_text text;
	enum kr_err err = KR_OK;

	if (!c || !json)
		return KR_ERR_ARGUMENT;
	if (!kri_request_is_json(&c->request))
		return KR_ERR_MEDIA;
	text = c->body.len ? kri_buffer_text(&c->body) : KRI_TEXT("");
	if (!c->json)
		err = kri_json_read(text, &c->arena, &c->json);
	if (!err)
		*json = c->json;
	return err;
}

enum kr_json_kind kr_json_kind(const struct kr_json *json)
{
	return json ? json->kind : KR_JSON_NULL;
}

static bool has(const struct kr_json *json, enum kr_json_kind kind)
{
	return json && json->kind == kind;
}

size_t kr_json_count(const struct kr_json *json)
{
	if (has(json, KR_JSON_ARRAY) || has(json, KR_JSON_OBJECT))
		return json->n;
	return 0;
}

const struct kr_json *kr_json_item(const struct kr_json *json, size_t i)
{
	return has(json, KR_JSON_ARRAY) && i < json->n ? &json->items[i] : NULL;
}

/* Members are in the order of their names. */
const struct kr_json *kr_json_member(const struct kr_json *json,
				     const char *name)
{
	size_t low = 0, high = kr_json_count(json);

	if (!name || !has(json, KR_JSON_OBJECT))
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int found = strcmp(json->items[middle].name, name);

		if (!found)
			return &json->items[middle];
		if (found < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Why a value of that kind cannot be had. */
static enum kr_err refusal(const struct kr_json *json, const void *value,
			   enum kr_json_kind kind)
{
	if (!value)
		return KR_ERR_ARGUMENT;
	if (!json)
		return KR_ERR_NOT_FOUND;
	return json->kind == kind ? KR_OK : KR_ERR_TYPE;
}

enum kr_err kr_json_get_string(const struct kr_json *json, const char **value)
{
	enum kr_err err = refusal(json, value, KR_JSON_STRING);

	if (err)
		return err;
	if (strlen(json->text) != json->n)
		return KR_ERR_TYPE;
	*value = json->text;
	return KR_OK;
}

enum kr_err kr_json_get_int(const struct kr_json *json, int64_t *value)
{
	enum kr_err err = refusal(json, value, KR_JSON_INT);

	if (!err)
		*value = json->number;
	return err;
}

enum kr_err kr_json_get_double(const struct kr_json *json, double *value)
{
	enum kr_err err = refusal(json, value, KR_JSON_DOUBLE);

	if (value && has(json, KR_JSON_INT)) {
		*value = (double)json->number;
		return KR_OK;
	}
	if (!err && !isfinite(json->real))
		err = KR_ERR_TYPE;
	if (!err)
		*value = json->real;
	return err;
}

enum kr_err kr_json_get_bool(const struct kr_json *json, bool *value)
{
	enum kr_err err = refusal(json, value, KR_JSON_BOOL);

	if (!err)
		*value = json->truth;
	return err;
}
