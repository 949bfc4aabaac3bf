/*
 * Owns the wording of complaints about options, and the search for the name
 * that was meant. Knows neither files nor the environment.
 */
#include "config/explain.h"

#include <ctype.h>
#include <inttypes.h>

#include "config/parse.h"

#define SHOWN_MAX 60 /* bytes of a name or value, enough to find it again */
#define TYPOS_MAX 2  /* letters wrong, missing or too many */

static void put_choices(const char *const *choices, struct kri_buffer *out)
{
	if (choices[1])
		kri_buffer_string(out, "one of ");
	kri_buffer_string(out, choices[0]);
	while (*++choices)
		kri_buffer_printf(out, ", %s", *choices);
}

static void put_text_range(const struct kri_option *option,
			   struct kri_buffer *out)
{
	if (option->min)
		kri_buffer_printf(out, "a text of %" PRId64 " to ",
				  option->min);
	else
		kri_buffer_string(out, "a text of at most ");
	kri_buffer_printf(out, "%" PRId64 " bytes, without control characters",
			  option->max);
}

static void put_integer_range(const struct kri_option *option,
			      struct kri_buffer *out)
{
	kri_buffer_printf(out, "a number of %s from %" PRId64 " to %" PRId64,
			  option->unit, option->min, option->max);
	if (option->zero)
		kri_buffer_printf(out, ", or %s", option->zero);
}

static void put_unit_range(const struct kri_option *option,
			   struct kri_buffer *out)
{
	bool duration = option->type == KRI_OPTION_DURATION;
	void (*print)(struct kri_buffer *, int64_t) =
		duration ? kri_print_duration : kri_print_size;
	bool telling = strcmp(option->fallback, "0") != 0;

	kri_buffer_string(out, duration ? "a time from " : "a size from ");
	print(out, option->min);
	kri_buffer_string(out, " to ");
	print(out, option->max);
	kri_buffer_printf(out, ", such as %s",
			  telling ? option->fallback : "30m");
}

void kri_explain_allowed(const struct kri_option *option,
			 struct kri_buffer *out)
{
	switch (option->type) {
	case KRI_OPTION_TEXT:
		put_text_range(option, out);
		break;
	case KRI_OPTION_INTEGER:
		put_integer_range(option, out);
		break;
	case KRI_OPTION_BOOLEAN:
		kri_buffer_string(out, "yes or no");
		break;
	case KRI_OPTION_DURATION:
	case KRI_OPTION_SIZE:
		put_unit_range(option, out);
		break;
	case KRI_OPTION_MODE:
		kri_buffer_printf(
			out, "an octal mode up to %04" PRIo64 ", such as %s",
			(uint64_t)option->max, option->fallback);
		break;
	case KRI_OPTION_CHOICE:
		put_choices(option->choices, out);
		break;
	}
}

static void put_value(struct kri_text value, struct kri_buffer *out)
{
	size_t i;

	for (i = 0; i < value.len && i < SHOWN_MAX; i++)
		kri_buffer_byte(out,
				value.data[i] >= ' ' && value.data[i] < 0x7f
					? value.data[i]
					: '?');
	if (i < value.len)
		kri_buffer_string(out, "...");
}

void kri_explain_value(const struct kri_option *option, const char *equals,
		       struct kri_text value, struct kri_buffer *out)
{
	kri_buffer_printf(out, "%s.%s", option->section, option->key);
	if (!option->secret) {
		kri_buffer_string(out, equals);
		put_value(value, out);
	}
	kri_buffer_string(out, ": must be ");
	kri_explain_allowed(option, out);
}

/* A slip of the hand can put a URL with its password where a name belongs,
 * so what follows the first character that no name has stays hidden. */
static void put_name(struct kri_text name, struct kri_buffer *out)
{
	size_t i;

	for (i = 0; i < name.len && i < SHOWN_MAX; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (!isalnum(c) && c != '_' && c != '-')
			break;
		kri_buffer_byte(out, name.data[i]);
	}
	if (i < name.len)
		kri_buffer_string(out, "...");
}

/* A '.' in option names is a '_' in those of variables. */
static bool same_letter(char a, char b)
{
	return tolower((unsigned char)(a == '.' ? '_' : a)) ==
	       tolower((unsigned char)(b == '.' ? '_' : b));
}

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's distance, a row at a time. Both are at most
 * KRI_OPTION_NAME_MAX bytes. */
static size_t distance(struct kri_text a, struct kri_text b)
{
	size_t row[KRI_OPTION_NAME_MAX + 1];
	size_t corner, above, i, j;

	for (j = 0; j <= b.len; j++)
		row[j] = j;
	for (i = 1; i <= a.len; i++) {
		corner = row[0];
		row[0] = i;
		for (j = 1; j <= b.len; j++) {
			above = row[j];
			corner += !same_letter(a.data[i - 1], b.data[j - 1]);
			row[j] = least(corner, above + 1, row[j - 1] + 1);
			corner = above;
		}
	}
	return row[b.len];
}

/* The option whose full name is nearest to `name`, or NULL. */
static const struct kri_option *find_nearest(const struct kri_config *config,
					     struct kri_text name)
{
	const struct kri_option *nearest = NULL;
	struct kri_buffer full = KRI_BUFFER_EMPTY;
	size_t best = TYPOS_MAX + 1;
	size_t i, found;

	for (i = 0;
	     name.len <= KRI_OPTION_NAME_MAX && i < kri_config_count(config);
	     i++) {
		const struct kri_option *option = kri_config_option(config, i);

		kri_buffer_clear(&full);
		kri_buffer_printf(&full, "%s.%s", option->section, option->key);
		found = distance(name, kri_buffer_text(&full));
		if (full.failed || found >= best)
			continue;
		best = found;
		nearest = option;
	}
	kri_buffer_free(&full);
	return nearest;
}

static void put_sections(const struct kri_config *config,
			 struct kri_buffer *out)
{
	const char *last = NULL;
	size_t i;

	for (i = 0; i < kri_config_count(config); i++) {
		const char *section = kri_config_option(config, i)->section;

		if (last && !strcmp(last, section))
			continue;
		if (last)
			kri_buffer_string(out, ", ");
		kri_buffer_string(out, section);
		last = section;
	}
}

static void put_keys(const struct kri_config *config, struct kri_text section,
		     struct kri_buffer *out)
{
	const char *separator = "";
	size_t i;

	for (i = 0; i < kri_config_count(config); i++) {
		const struct kri_option *option = kri_config_option(config, i);

		if (!kri_text_equal(section, kri_text_of(option->section)))
			continue;
		kri_buffer_printf(out, "%s%s", separator, option->key);
		separator = ", ";
	}
}

static void put_instead(const struct kri_config *config,
			struct kri_text section, struct kri_text key,
			struct kri_buffer *out)
{
	struct kri_buffer full = KRI_BUFFER_EMPTY;
	const struct kri_option *nearest;

	kri_buffer_append(&full, section);
	kri_buffer_byte(&full, '.');
	kri_buffer_append(&full, key);
	nearest = find_nearest(config, kri_buffer_text(&full));
	kri_buffer_free(&full);
	if (nearest) {
		kri_buffer_printf(out, "no such option; did you mean %s.%s?",
				  nearest->section, nearest->key);
	} else if (kri_config_section(config, section)) {
		kri_buffer_string(out, "no such option; this section has ");
		put_keys(config, section, out);
	} else {
		kri_buffer_string(out, "no such section; there are ");
		put_sections(config, out);
	}
}

void kri_explain_unknown(const struct kri_config *config,
			 struct kri_text section, struct kri_text key,
			 struct kri_buffer *out)
{
	if (section.len) {
		put_name(section, out);
		kri_buffer_byte(out, '.');
	}
	put_name(key, out);
	kri_buffer_string(out, ": ");
	if (section.len) {
		put_instead(config, section, key, out);
	} else {
		kri_buffer_string(out, "stands in no section; there are ");
		put_sections(config, out);
	}
}

void kri_explain_variable(const struct kri_config *config, struct kri_text name,
			  struct kri_buffer *out)
{
	const size_t prefix = sizeof("KRSESSION_") - 1;
	const struct kri_option *nearest = find_nearest(
		config, kri_text(name.data + prefix, name.len - prefix));
	char variable[KRI_OPTION_NAME_MAX];

	put_name(name, out);
	kri_buffer_string(out, ": names no option");
	if (!nearest)
		return;
	kri_option_variable(nearest, variable);
	kri_buffer_printf(out, "; did you mean %s?", variable);
}
