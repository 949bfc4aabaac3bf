/*
 * Builds JSON (RFC 8259) as text. A member whose name comes again stays in the
 * text until its object is closed: only then are names compared, once.
 */
#include "http/json_builder.h"

#include <stdlib.h>
#include <string.h>

#include "http/number.h"

#define RAW_CHUNK 4096
#define KEPT (16 << 10) /* bytes of room that serve the next one */

_Static_assert(sizeof(size_t) == sizeof(char *), "they take turns in names");

static void fail(struct kri_json_builder *json, enum kr_err err)
{
	if (!json->err)
		json->err = err;
}

/* Empties a buffer, and lets go of room that the next one will not need. */
static void clear(struct kri_buffer *buffer)
{
	kri_buffer_clear(buffer);
	if (buffer->cap > KEPT)
		kri_buffer_free(buffer);
}

void kri_json_builder_reset(struct kri_json_builder *json)
{
	clear(&json->text);
	clear(&json->names);
	json->depth = 0;
	json->err = KR_OK;
}

void kri_json_builder_free(struct kri_json_builder *json)
{
	kri_json_builder_reset(json);
	kri_buffer_free(&json->text);
	kri_buffer_free(&json->names);
}

/* ---- strings ---------------------------------------------------------- */

static bool is_text(const char *string)
{
	return string && kri_text_is_utf8(kri_text_of(string));
}

static bool is_plain(char c)
{
	return (unsigned char)c >= ' ' && c != '"' && c != '\\';
}

static void put_escape(struct kri_buffer *out, char c)
{
	static const char digits[] = "0123456789abcdef";
	static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	char escape[] = "\\u0000";

	for (size_t i = 0; named[i]; i += 2) {
		if (named[i] != c)
			continue;
		escape[1] = named[i + 1];
		kri_buffer_append(out, kri_text(escape, 2));
		return;
	}
	escape[4] = digits[c >> 4];
	escape[5] = digits[c & 15];
	kri_buffer_append(out, kri_text(escape, 6));
}

static void put_string(struct kri_buffer *out, const char *string)
{
	kri_buffer_byte(out, '"');
	while (*string) {
		size_t n = 0;

		while (is_plain(string[n]))
			n++;
		kri_buffer_append(out, kri_text(string, n));
		string += n;
		if (*string)
			put_escape(out, *string++);
	}
	kri_buffer_byte(out, '"');
}

/* ---- names that came again -------------------------------------------- */

/* Of two members' names, as they stand in the text. A quote, which ends them,
 * is no part of a name but behind a backslash. */
static int compare_names(const char *a, const char *b)
{
	size_t i = 1;

	while (a[i] == b[i] && a[i] != '"') {
		i += a[i] == '\\';
		if (a[i] != b[i])
			break;
		i++;
	}
	return (unsigned char)a[i] - (unsigned char)b[i];
}

static int by_place(const void *a, const void *b)
{
	const char *first = *(const char *const *)a;
	const char *second = *(const char *const *)b;

	return (first > second) - (first < second);
}

static int by_name(const void *a, const void *b)
{
	int order =
		compare_names(*(const char *const *)a, *(const char *const *)b);

	return order ? order : by_place(a, b);
}

/* Marks, with a NUL in place of its first quote, each member whose name comes
 * again further down. Whether there are any. */
static bool mark_replaced(char **names, size_t n)
{
	bool any = false;

	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 1; i < n; i++) {
		if (compare_names(names[i - 1], names[i]) != 0)
			continue;
		*names[i - 1] = '\0';
		any = true;
	}
	return any;
}

/* A member reaches up to the next one's name, so its comma goes with it; the
 * last one is never marked. */
static void drop_marked(struct kri_buffer *text, char **names, size_t n)
{
	char *end = text->data + text->len, *to;

	qsort(names, n, sizeof(*names), by_place);
	to = names[0];
	for (size_t i = 0; i < n; i++) {
		size_t size =
			(size_t)((i + 1 < n ? names[i + 1] : end) - names[i]);

		if (!*names[i])
			continue;
		memmove(to, names[i], size);
		to += size;
	}
	*to = '\0';
	text->len = (size_t)(to - text->data);
}

/* Of the object that is about to be closed. Where a name begins becomes a
 * pointer there, as its text moves no more. */
static void drop_replaced(struct kri_json_builder *json, size_t from)
{
	size_t n = (json->names.len - from) / sizeof(size_t);
	struct kri_buffer *text = &json->text;
	char **names = (void *)(json->names.data + from);

	if (n < 2 || text->failed || json->names.failed)
		return;
	for (size_t i = 0; i < n; i++) {
		char *name;
		size_t at;

		memcpy(&at, names + i, sizeof(at));
		name = text->data + at;
		memcpy(names + i, &name, sizeof(name));
	}
	if (mark_replaced(names, n))
		drop_marked(text, names, n);
}

/* ---- groups ----------------------------------------------------------- */

static void open_group(struct kri_json_builder *json, char end)
{
	json->open[json->depth++] = (struct kri_json_group){
		.end = end,
		.names = json->names.len,
	};
	kri_buffer_byte(&json->text, end == '}' ? '{' : '[');
}

static void open_root(struct kri_json_builder *json, char end)
{
	if (json->text.len)
		fail(json, KR_ERR_ARGUMENT); /* it has ended */
	else
		open_group(json, end);
}

static void close_group(struct kri_json_builder *json)
{
	const struct kri_json_group *group = &json->open[--json->depth];

	if (group->end == '}')
		drop_replaced(json, group->names);
	json->names.len = group->names;
	kri_buffer_byte(&json->text, group->end);
}

/* Whether something may be added under that key; else the error is noted.
 * Without a root, what is built is an object. */
static bool may_add(struct kri_json_builder *json, const char *key)
{
	if (json->err)
		return false;
	if (!json->depth)
		open_root(json, '}');
	if (json->err)
		return false;
	if (json->open[json->depth - 1].end == ']' ? key != NULL
						   : !is_text(key))
		fail(json, KR_ERR_ARGUMENT);
	return !json->err;
}

/* Whether there is something before what is to be added to the group. A value
 * ends in neither of these. */
static bool has_members(const struct kri_buffer *text)
{
	char last = text->len ? text->data[text->len - 1] : '{';

	return last != '{' && last != '[';
}

/* All that comes before a value. */
static void put_key(struct kri_json_builder *json, const char *key)
{
	struct kri_buffer *text = &json->text;
	size_t at;

	if (has_members(text))
		kri_buffer_byte(text, ',');
	if (!key)
		return;
	at = text->len;
	kri_buffer_append(&json->names,
			  kri_text((const char *)&at, sizeof(at)));
	put_string(text, key);
	kri_buffer_byte(text, ':');
}

static void begin(struct kri_json_builder *json, const char *key, char end)
{
	bool root = !json->depth && !key && !json->err;

	if (!root && !may_add(json, key))
		return;
	if (json->depth == KRI_JSON_DEPTH) {
		fail(json, KR_ERR_ARGUMENT);
		return;
	}
	if (root) {
		open_root(json, end);
		return;
	}
	put_key(json, key);
	open_group(json, end);
}

void kri_json_begin_object(struct kri_json_builder *json, const char *key)
{
	begin(json, key, '}');
}

void kri_json_begin_array(struct kri_json_builder *json, const char *key)
{
	begin(json, key, ']');
}

void kri_json_close(struct kri_json_builder *json)
{
	if (json->err)
		return;
	if (json->depth > 1)
		close_group(json);
	else
		fail(json, KR_ERR_ARGUMENT);
}

/* ---- values ----------------------------------------------------------- */

static void put(struct kri_json_builder *json, const char *key,
		struct kri_text value)
{
	put_key(json, key);
	kri_buffer_append(&json->text, value);
}

void kri_json_add_string(struct kri_json_builder *json, const char *key,
			 const char *value)
{
	if (!may_add(json, key))
		return;
	if (!is_text(value)) {
		fail(json, KR_ERR_ARGUMENT);
		return;
	}
	put_key(json, key);
	put_string(&json->text, value);
}

void kri_json_add_int(struct kri_json_builder *json, const char *key,
		      int64_t value)
{
	char room[KRI_INT_SIZE];

	if (may_add(json, key))
		put(json, key, kri_text_of_int(value, room));
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
		put(json, key, kri_text_of(text));
}

void kri_json_add_bool(struct kri_json_builder *json, const char *key,
		       bool value)
{
	if (may_add(json, key))
		put(json, key, value ? KRI_TEXT("true") : KRI_TEXT("false"));
}

void kri_json_add_null(struct kri_json_builder *json, const char *key)
{
	if (may_add(json, key))
		put(json, key, KRI_TEXT("null"));
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
		put(json, key, kri_text_of(text));
}

/* ---- the text --------------------------------------------------------- */

enum kr_err kri_json_builder_text(struct kri_json_builder *json,
				  struct kri_text *text)
{
	if (!json->err && json->depth > 1)
		fail(json, KR_ERR_ARGUMENT);
	if (!json->err && !json->text.len)
		open_group(json, '}');
	if (!json->err && json->depth)
		close_group(json);
	if (json->text.failed || json->names.failed)
		fail(json, KR_ERR_MEMORY);
	if (json->err)
		return json->err;
	*text = kri_buffer_text(&json->text);
	return KR_OK;
}
