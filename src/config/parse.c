/*
 * Owns the spelling of values: units, yes and no, octal. Knows no option.
 */
#include "config/parse.h"

struct unit {
	const char *name;
	int64_t factor;
};

/* Both lists rise, so that printing can take the last that divides. */
static const struct unit times[] = {
	{"ms", 1},
	{"s", 1000},
	{"m", 60 * 1000},
	{"h", 60 * 60 * 1000},
	{"d", 24 * 60 * 60 * 1000},
	{NULL, 0},
};

static const struct unit sizes[] = {
	{"", 1},
	{"k", 1024},
	{"K", 1024},
	{"KiB", 1024},
	{"m", 1024 * 1024},
	{"M", 1024 * 1024},
	{"MiB", 1024 * 1024},
	{"g", 1024 * 1024 * 1024},
	{"G", 1024 * 1024 * 1024},
	{"GiB", 1024 * 1024 * 1024},
	{NULL, 0},
};

enum kr_err kri_parse_integer(struct kri_text text, int64_t *out)
{
	if (kri_text_to_int(text, INT64_MIN, INT64_MAX, out))
		return KR_ERR_CONFIG;
	return KR_OK;
}

enum kr_err kri_parse_boolean(struct kri_text text, int64_t *out)
{
	/* Every second one means yes. */
	static const char *const words[] = {"no", "yes", "false", "true", "off",
					    "on", "0",   "1",     NULL};
	int64_t index;

	if (kri_parse_choice(text, words, &index))
		return KR_ERR_CONFIG;
	*out = index % 2;
	return KR_OK;
}

static size_t count_digits(struct kri_text text)
{
	size_t n = 0;

	while (n < text.len && text.data[n] >= '0' && text.data[n] <= '9')
		n++;
	return n;
}

static const struct unit *find_unit(const struct unit *units,
				    struct kri_text name)
{
	for (; units->name; units++)
		if (kri_text_equal(name, kri_text_of(units->name)))
			return units;
	return NULL;
}

static enum kr_err parse_with_unit(struct kri_text text,
				   const struct unit *units, int64_t *out)
{
	size_t digits = count_digits(text);
	const struct unit *unit = find_unit(
		units, kri_text(text.data + digits, text.len - digits));
	int64_t number;

	if (!unit || kri_text_to_int(kri_text(text.data, digits), 0,
				     INT64_MAX / unit->factor, &number))
		return KR_ERR_CONFIG;
	*out = number * unit->factor;
	return KR_OK;
}

enum kr_err kri_parse_duration(struct kri_text text, int64_t *out)
{
	if (kri_text_equal(text, KRI_TEXT("0"))) {
		*out = 0;
		return KR_OK;
	}
	return parse_with_unit(text, times, out);
}

enum kr_err kri_parse_size(struct kri_text text, int64_t *out)
{
	return parse_with_unit(text, sizes, out);
}

enum kr_err kri_parse_mode(struct kri_text text, int64_t *out)
{
	int64_t mode = 0;
	size_t i;

	if (text.len < 1 || text.len > 5)
		return KR_ERR_CONFIG;
	for (i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '7')
			return KR_ERR_CONFIG;
		mode = mode * 8 + (text.data[i] - '0');
	}
	*out = mode;
	return KR_OK;
}

enum kr_err kri_parse_choice(struct kri_text text, const char *const *choices,
			     int64_t *out)
{
	int64_t i;

	for (i = 0; choices[i]; i++) {
		if (!kri_text_equal_nocase(text, kri_text_of(choices[i])))
			continue;
		*out = i;
		return KR_OK;
	}
	return KR_ERR_CONFIG;
}

static void print_with_unit(struct kri_buffer *out, const struct unit *units,
			    int64_t number)
{
	const struct unit *best = units;

	for (; units->name; units++)
		if (number % units->factor == 0)
			best = units;
	kri_buffer_int(out, number / best->factor);
	kri_buffer_string(out, best->name);
}

void kri_print_duration(struct kri_buffer *out, int64_t ms)
{
	if (ms == 0)
		kri_buffer_byte(out, '0');
	else
		print_with_unit(out, times, ms);
}

void kri_print_size(struct kri_buffer *out, int64_t bytes)
{
	if (bytes == 0)
		kri_buffer_byte(out, '0');
	else
		print_with_unit(out, sizes, bytes);
}
