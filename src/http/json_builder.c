/*
 * Building JSON: json-c, whose errors become ours here, keeps and writes it.
 */
#include "http/json_builder.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <json-c/printbuf.h>

#include "http/number.h"

#define RAW_CHUNK 4096
#define SPARE 16 /* bytes, of the root's braces and what json-c adds */

static void fail(struct kri_json_builder *json, enum kr_err err)
{
	if (!json->err)
		json->err = err;
}

void kri_json_builder_reset(struct kri_json_builder *json)
{
	if (json->depth)
		json_object_put(json->open[0]); /* and all in it */
	json->depth = 0;
	json->most = 0;
	json->err = KR_OK;
}

static bool is_text(const char *string)
{
	return string && kri_text_is_utf8(kri_text_of(string));
}

static void open_it(struct kri_json_builder *json, struct json_object *group)
{
	json->open[json->depth++] = group;
}

/* Without a root, what is built is an object. */
static struct json_object *innermost(struct kri_json_builder *json)
{
	if (!json->depth) {
		struct json_object *root = json_object_new_object();

		if (!root)
			return NULL;
		open_it(json, root);
	}
	return json->open[json->depth - 1];
}

/* Bytes of a string as json-c writes it, at most. */
static size_t escaped(const char *string)
{
	size_t n = sizeof("\"\"") - 1;

	for (; *string; string++)
		n += (unsigned char)*string < ' ' ? sizeof("\\u0000") - 1
		     : strchr("\"\\", *string)    ? 2
						  : 1;
	return n;
}

/* Whether something may be added under that key; else the error is noted. */
static bool may_add(struct kri_json_builder *json, const char *key)
{
	const struct json_object *to;

	if (json->err)
		return false;
	to = innermost(json);
	if (!to)
		fail(json, KR_ERR_MEMORY);
	else if (json_object_is_type(to, json_type_array) ? key != NULL
							  : !is_text(key))
		fail(json, KR_ERR_ARGUMENT);
	return !json->err;
}

/* Takes `value`, of so many bytes as text. */
static void put(struct kri_json_builder *json, const char *key,
		struct json_object *value, size_t size)
{
	struct json_object *to = json->open[json->depth - 1];
	int failed = key ? json_object_object_add(to, key, value)
			 : json_object_array_add(to, value);

	json->most += (key ? escaped(key) : 0) + sizeof(":,") - 1 + size;
	if (!failed)
		return;
	json_object_put(value);
	fail(json, KR_ERR_MEMORY);
}

/* The same; NULL means that there was no memory to make it. */
static void put_made(struct kri_json_builder *json, const char *key,
		     struct json_object *value, size_t size)
{
	if (value)
		put(json, key, value, size);
	else
		fail(json, KR_ERR_MEMORY);
}

/* ---- values ----------------------------------------------------------- */

void kri_json_add_string(struct kri_json_builder *json, const char *key,
			 const char *value)
{
	if (!may_add(json, key))
		return;
	if (is_text(value))
		put_made(json, key, json_object_new_string(value),
			 escaped(value));
	else
		fail(json, KR_ERR_ARGUMENT);
}

void kri_json_add_int(struct kri_json_builder *json, const char *key,
		      int64_t value)
{
	if (may_add(json, key))
		put_made(json, key, json_object_new_int64(value), KRI_INT_SIZE);
}

void kri_json_add_double(struct kri_json_builder *json, const char *key,
			 double value)
{
	char text[KRI_DOUBLE_SIZE];
	enum kr_err err;

	if (!may_add(json, key))
		return;
	err = kri_double_print(value, text);
	if (err)
		fail(json, err);
	else
		put_made(json, key, json_object_new_double_s(value, text),
			 strlen(text));
}

void kri_json_add_bool(struct kri_json_builder *json, const char *key,
		       bool value)
{
	if (may_add(json, key))
		put_made(json, key, json_object_new_boolean(value),
			 sizeof("false") - 1);
}

/* To json-c, NULL is null. */
void kri_json_add_null(struct kri_json_builder *json, const char *key)
{
	if (may_add(json, key))
		put(json, key, NULL, sizeof("null") - 1);
}

/* Whether it is one JSON value, and no more. */
static enum kr_err check_raw(const char *text)
{
	struct kri_text raw = kri_text_of(text);
	const struct kr_json *read;
	struct kri_arena arena;
	enum kr_err err;

	kri_arena_init(&arena, RAW_CHUNK, kri_json_room(raw.len));
	err = kri_json_read(raw, &arena, &read);
	kri_arena_free(&arena);
	return err == KR_ERR_INPUT ? KR_ERR_ARGUMENT : err;
}

/* A value that json-c writes as it is. */
static struct json_object *make_raw(const char *text)
{
	struct json_object *value = json_object_new_boolean(0);
	char *copy = strdup(text);

	if (value && copy) {
		json_object_set_serializer(value,
					   json_object_userdata_to_json_string,
					   copy, json_object_free_userdata);
		return value;
	}
	free(copy);
	json_object_put(value);
	return NULL;
}

void kri_json_add_raw(struct kri_json_builder *json, const char *key,
		      const char *text)
{
	enum kr_err err;

	if (!may_add(json, key))
		return;
	err = text ? check_raw(text) : KR_ERR_ARGUMENT;
	if (err)
		fail(json, err);
	else
		put_made(json, key, make_raw(text), strlen(text));
}

/* ---- objects and arrays ----------------------------------------------- */

static void begin(struct kri_json_builder *json, const char *key,
		  struct json_object *(*make)(void))
{
	bool root = !json->depth && !key && !json->err;
	struct json_object *made;

	if (!root && !may_add(json, key))
		return;
	if (json->depth == KRI_JSON_DEPTH) {
		fail(json, KR_ERR_ARGUMENT);
		return;
	}
	made = make();
	if (!root || !made)
		put_made(json, key, made, sizeof("{}") - 1);
	if (!json->err)
		open_it(json, made);
}

void kri_json_begin_object(struct kri_json_builder *json, const char *key)
{
	begin(json, key, json_object_new_object);
}

void kri_json_begin_array(struct kri_json_builder *json, const char *key)
{
	begin(json, key, json_object_new_array);
}

void kri_json_close(struct kri_json_builder *json)
{
	if (json->depth > 1)
		json->depth--;
	else
		fail(json, KR_ERR_ARGUMENT);
}

/* ---- the text --------------------------------------------------------- */

static int reserve(struct json_object *root, struct printbuf *out, int level,
		   int flags)
{
	const struct kri_json_builder *json = json_object_get_userdata(root);

	(void)level;
	(void)flags;
	return printbuf_memset(out, 0, 0, (int)json->most + SPARE);
}

/* json-c leaves out what its buffer finds no memory for, and goes on: an answer
 * would be wrong, or no JSON. So the buffer, which the root keeps, gets its
 * room first; printing into it then asks for none. */
static enum kr_err make_room(const struct kri_json_builder *json)
{
	struct json_object *root = json->open[0];
	const char *made;

	if (json->most > INT_MAX - SPARE)
		return KR_ERR_MEMORY;
	json_object_set_serializer(root, reserve, (void *)(uintptr_t)json,
				   NULL);
	made = json_object_to_json_string(root);
	json_object_set_serializer(root, NULL, NULL, NULL);
	return made ? KR_OK : KR_ERR_MEMORY;
}

enum kr_err kri_json_builder_text(const struct kri_json_builder *json,
				  struct kri_text *text)
{
	const int form =
		JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
	struct kri_text made = KRI_TEXT("{}");
	enum kr_err err = json->err;

	if (!err && json->depth > 1)
		err = KR_ERR_ARGUMENT;
	if (!err && json->depth)
		err = make_room(json);
	if (err)
		return err;
	if (json->depth)
		made.data = json_object_to_json_string_length(json->open[0],
							      form, &made.len);
	if (!made.data)
		return KR_ERR_MEMORY;
	*text = made;
	return KR_OK;
}
