/*
 * Reading JSON. The children of an object or array that is being read lie on a
 * stack, and are copied to the arena together when it ends: so an item is found
 * by its number, and a member by halving. Strings are decoded into one piece of
 * the arena as large as the text, as none gets longer.
 */
#include "http/json.h"

#include <math.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "http/number.h"

struct reader {
	const char *at, *end; /* a NUL is at the end */
	struct kri_arena *arena;
	char *strings;           /* where the next one goes */
	struct kri_buffer stack; /* of struct kr_json */
	size_t values;
	unsigned depth;
};

static enum kr_err read_value(struct reader *reader, struct kr_json *out);

static void skip_space(struct reader *reader)
{
	while (*reader->at == ' ' || *reader->at == '\t' ||
	       *reader->at == '\n' || *reader->at == '\r')
		reader->at++;
}

/* Skips that character and the space around it; false if another is there. */
static bool skip(struct reader *reader, char wanted)
{
	skip_space(reader);
	if (*reader->at != wanted)
		return false;
	reader->at++;
	skip_space(reader);
	return true;
}

/* ---- strings ---------------------------------------------------------- */

/* Four hexadecimal digits, as a number; -1 if they are none. */
static int32_t read_unit(struct reader *reader)
{
	int32_t unit = 0;

	for (int i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdefABCDEF";
		char c = *reader->at;
		const char *digit = c ? strchr(digits, c) : NULL;
		int32_t value;

		if (!digit)
			return -1;
		value = (int32_t)(digit - digits);
		unit = unit * 16 + (value < 16 ? value : value - 6);
		reader->at++;
	}
	return unit;
}

/* A character outside the first plane is a pair of units; half of one is no
 * character. -1 for that. */
static int32_t read_escaped(struct reader *reader)
{
	int32_t high = read_unit(reader), low;

	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high > 0xdbff || reader->at[0] != '\\' || reader->at[1] != 'u')
		return -1;
	reader->at += 2;
	low = read_unit(reader);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static char *put_utf8(char *out, int32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (c & 0x3f));
	return out;
}

/* Behind a backslash. */
static bool unescape(struct reader *reader, char **out)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	char name = *reader->at;
	const char *found = name ? strchr(names, name) : NULL;
	int32_t c;

	if (found || name == 'u')
		reader->at++;
	if (found)
		*(*out)++ = values[found - names];
	if (found || name != 'u')
		return found;
	c = read_escaped(reader);
	if (c >= 0)
		*out = put_utf8(*out, c);
	return c >= 0;
}

static enum kr_err read_string(struct reader *reader, struct kri_text *text)
{
	char *out = reader->strings;

	if (*reader->at++ != '"')
		return KR_ERR_INPUT;
	while (*reader->at != '"') {
		unsigned char c = (unsigned char)*reader->at++;

		if (c < 0x20) /* the NUL at the end too */
			return KR_ERR_INPUT;
		if (c != '\\')
			*out++ = (char)c;
		else if (!unescape(reader, &out))
			return KR_ERR_INPUT;
	}
	reader->at++;
	*out = '\0';
	*text = kri_text(reader->strings, (size_t)(out - reader->strings));
	reader->strings = out + 1;
	return KR_OK;
}

static enum kr_err read_text(struct reader *reader, struct kr_json *out)
{
	struct kri_text text;
	enum kr_err err = read_string(reader, &text);

	if (err)
		return err;
	out->kind = KR_JSON_STRING;
	out->text = text.data;
	out->n = (uint32_t)text.len;
	return KR_OK;
}

/* ---- numbers and words ------------------------------------------------ */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool skip_digits(const char **at)
{
	const char *begin = *at;

	while (is_digit(**at))
		++*at;
	return *at != begin;
}

/* The end of the number; NULL if it is none. *whole: it has neither fraction
 * nor exponent. */
static const char *end_of_number(const char *at, bool *whole)
{
	const char *point;

	at += *at == '-';
	if (*at == '0')
		at++;
	else if (!skip_digits(&at))
		return NULL;
	point = at;
	if (*at == '.' && (at++, !skip_digits(&at)))
		return NULL;
	if (*at == 'e' || *at == 'E') {
		at++;
		at += *at == '+' || *at == '-';
		if (!skip_digits(&at))
			return NULL;
	}
	*whole = at == point;
	return at;
}

static enum kr_err read_number(struct reader *reader, struct kr_json *out)
{
	bool whole = false;
	const char *begin = reader->at;
	const char *end = end_of_number(begin, &whole);
	enum kr_err err;

	if (!end)
		return KR_ERR_INPUT;
	reader->at = end;
	out->kind = KR_JSON_INT;
	if (whole && !kri_text_to_int(kri_text(begin, (size_t)(end - begin)),
				      INT64_MIN, INT64_MAX, &out->number))
		return KR_OK;
	out->kind = KR_JSON_DOUBLE;
	err = kri_double_read(begin, &out->real);
	if (err == KR_ERR_TYPE)
		out->real = HUGE_VAL;
	return err == KR_ERR_TYPE ? KR_OK : err;
}

static enum kr_err read_word(struct reader *reader, struct kr_json *out)
{
	static const struct {
		struct kri_text word;
		enum kr_json_kind kind;
	} words[] = {
		{KRI_TEXT("true"), KR_JSON_BOOL},
		{KRI_TEXT("false"), KR_JSON_BOOL},
		{KRI_TEXT("null"), KR_JSON_NULL},
	};
	struct kri_text rest =
		kri_text(reader->at, (size_t)(reader->end - reader->at));

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!kri_text_starts(rest, words[i].word))
			continue;
		reader->at += words[i].word.len;
		out->kind = words[i].kind;
		out->truth = i == 0;
		return KR_OK;
	}
	return KR_ERR_INPUT;
}

/* ---- objects and arrays ----------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct kr_json *)a)->name,
		      ((const struct kr_json *)b)->name);
}

static enum kr_err sort_members(struct kr_json *members, size_t n)
{
	qsort(members, n, sizeof(*members), by_name);
	for (size_t i = 1; i < n; i++)
		if (!by_name(&members[i - 1], &members[i]))
			return KR_ERR_INPUT;
	return KR_OK;
}

/* What lies on the stack from `begin` on are its children. */
static enum kr_err take_children(struct reader *reader, size_t begin,
				 struct kr_json *out)
{
	size_t size = reader->stack.len - begin;
	size_t n = size / sizeof(struct kr_json);
	struct kr_json *items = kri_arena_alloc(reader->arena, size);

	if (!items)
		return KR_ERR_MEMORY;
	if (n)
		memcpy(items, reader->stack.data + begin, size);
	reader->stack.len = begin;
	out->items = items;
	out->n = (uint32_t)n;
	return out->kind == KR_JSON_OBJECT ? sort_members(items, n) : KR_OK;
}

static enum kr_err read_name(struct reader *reader, struct kr_json *out)
{
	struct kri_text name;
	enum kr_err err = read_string(reader, &name);

	if (err)
		return err;
	if (memchr(name.data, '\0', name.len) || !skip(reader, ':'))
		return KR_ERR_INPUT;
	out->name = name.data;
	return KR_OK;
}

static enum kr_err read_child(struct reader *reader, bool member)
{
	struct kr_json child = {0};
	enum kr_err err = member ? read_name(reader, &child) : KR_OK;

	if (!err)
		err = read_value(reader, &child);
	if (err)
		return err;
	kri_buffer_append(&reader->stack,
			  kri_text((const char *)&child, sizeof(child)));
	return reader->stack.failed ? KR_ERR_MEMORY : KR_OK;
}

static enum kr_err read_children(struct reader *reader, struct kr_json *out)
{
	bool member = out->kind == KR_JSON_OBJECT;
	char close = member ? '}' : ']';
	size_t begin = reader->stack.len;
	enum kr_err err = KR_OK;

	skip_space(reader);
	if (!skip(reader, close)) {
		do
			err = read_child(reader, member);
		while (!err && skip(reader, ','));
		if (!err && !skip(reader, close))
			err = KR_ERR_INPUT;
	}
	return err ? err : take_children(reader, begin, out);
}

static enum kr_err read_group(struct reader *reader, struct kr_json *out)
{
	enum kr_err err;

	if (reader->depth == KRI_JSON_DEPTH)
		return KR_ERR_INPUT;
	out->kind = *reader->at++ == '{' ? KR_JSON_OBJECT : KR_JSON_ARRAY;
	reader->depth++;
	err = read_children(reader, out);
	reader->depth--;
	return err;
}

static enum kr_err read_value(struct reader *reader, struct kr_json *out)
{
	if (reader->values++ == KRI_JSON_VALUES)
		return KR_ERR_INPUT;
	switch (*reader->at) {
	case '{':
	case '[':
		return read_group(reader, out);
	case '"':
		return read_text(reader, out);
	case 't':
	case 'f':
	case 'n':
		return read_word(reader, out);
	default:
		return read_number(reader, out);
	}
}

enum kr_err kri_json_read(struct kri_text text, struct kri_arena *arena,
			  const struct kr_json **json)
{
	struct reader reader = {
		.at = text.data, .end = text.data + text.len, .arena = arena};
	struct kr_json *made;
	enum kr_err err;

	if (!kri_text_is_utf8(text))
		return KR_ERR_INPUT;
	made = kri_arena_alloc(arena, sizeof(*made));
	reader.strings = kri_arena_alloc(arena, text.len + 1);
	if (!made || !reader.strings)
		return KR_ERR_MEMORY;
	*made = (struct kr_json){0};
	skip_space(&reader);
	err = read_value(&reader, made);
	if (!err)
		skip_space(&reader);
	if (!err && reader.at != reader.end)
		err = KR_ERR_INPUT;
	kri_buffer_free(&reader.stack);
	if (!err)
		*json = made;
	return err;
}
