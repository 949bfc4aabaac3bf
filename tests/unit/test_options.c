/*
 * The table of options: that every row makes sense by itself, how values are
 * spelled, and that the sample file in conf/ and the manual page are what the
 * table makes.
 */
#include "config/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "config/explain.h"
#include "config/parse.h"

typedef enum kr_err parser(struct kri_text text, int64_t *out);

static void assert_reads(parser *parse, const char *text, int64_t expected)
{
	int64_t number = -77;

	if (parse(kri_text_of(text), &number) || number != expected)
		fail_msg("\"%s\" gives %lld", text, (long long)number);
}

static void assert_refused(parser *parse, const char *text)
{
	int64_t number = -77;

	if (parse(kri_text_of(text), &number) != KR_ERR_CONFIG || number != -77)
		fail_msg("\"%s\" gives %lld", text, (long long)number);
}

/* ---- how values are spelled ------------------------------------------- */

static void times_are_read_in_every_unit(void **state)
{
	(void)state;
	assert_reads(kri_parse_duration, "0", 0);
	assert_reads(kri_parse_duration, "500ms", 500);
	assert_reads(kri_parse_duration, "20s", 20000);
	assert_reads(kri_parse_duration, "20m", 1200000);
	assert_reads(kri_parse_duration, "24h", 86400000);
	assert_reads(kri_parse_duration, "2d", 172800000);
}

static void times_need_a_unit(void **state)
{
	(void)state;
	assert_refused(kri_parse_duration, "20");
	assert_refused(kri_parse_duration, "");
	assert_refused(kri_parse_duration, "s");
}

static void times_are_nothing_but_number_and_unit(void **state)
{
	(void)state;
	assert_refused(kri_parse_duration, "20x");
	assert_refused(kri_parse_duration, "20 s");
	assert_refused(kri_parse_duration, " 20s");
	assert_refused(kri_parse_duration, "20s ");
	assert_refused(kri_parse_duration, "20sec");
	assert_refused(kri_parse_duration, "20S");
	assert_refused(kri_parse_duration, "-20s");
	assert_refused(kri_parse_duration, "+20s");
	assert_refused(kri_parse_duration, "1.5h");
	assert_refused(kri_parse_duration, "1h30m");
}

static void times_too_long_to_count_are_refused(void **state)
{
	(void)state;
	assert_refused(kri_parse_duration, "9223372036854775808ms");
	assert_refused(kri_parse_duration, "9223372036854775807d");
	assert_refused(kri_parse_duration, "99999999999999999999999999s");
}

static void a_value_does_not_run_past_its_text(void **state)
{
	int64_t number = 0;

	(void)state;
	assert_int_equal(kri_parse_duration(kri_text("20sX", 3), &number),
			 KR_OK);
	assert_int_equal(number, 20000);
	assert_int_equal(kri_parse_duration(kri_text(NULL, 0), &number),
			 KR_ERR_CONFIG);
}

static void sizes_are_read_with_and_without_unit(void **state)
{
	(void)state;
	assert_reads(kri_parse_size, "128", 128);
	assert_reads(kri_parse_size, "64KiB", 65536);
	assert_reads(kri_parse_size, "64k", 65536);
	assert_reads(kri_parse_size, "1MiB", 1048576);
	assert_reads(kri_parse_size, "1m", 1048576);
	assert_reads(kri_parse_size, "64GiB", INT64_C(68719476736));
	assert_reads(kri_parse_size, "64g", INT64_C(68719476736));
	assert_reads(kri_parse_size, "64G", INT64_C(68719476736));
	assert_refused(kri_parse_size, "1KB");
	assert_refused(kri_parse_size, "1 KiB");
	assert_refused(kri_parse_size, "KiB");
	assert_refused(kri_parse_size, "9223372036854775807k");
	assert_refused(kri_parse_size, "8589934592g");
}

static void yes_and_no_have_four_spellings_each(void **state)
{
	(void)state;
	assert_reads(kri_parse_boolean, "yes", 1);
	assert_reads(kri_parse_boolean, "True", 1);
	assert_reads(kri_parse_boolean, "ON", 1);
	assert_reads(kri_parse_boolean, "1", 1);
	assert_reads(kri_parse_boolean, "no", 0);
	assert_reads(kri_parse_boolean, "False", 0);
	assert_reads(kri_parse_boolean, "OFF", 0);
	assert_reads(kri_parse_boolean, "0", 0);
	assert_refused(kri_parse_boolean, "");
	assert_refused(kri_parse_boolean, "2");
	assert_refused(kri_parse_boolean, "y");
}

static void modes_are_octal(void **state)
{
	(void)state;
	assert_reads(kri_parse_mode, "0660", 0660);
	assert_reads(kri_parse_mode, "600", 0600);
	assert_refused(kri_parse_mode, "0668");
	assert_refused(kri_parse_mode, "");
	assert_refused(kri_parse_mode, "-1");
	assert_refused(kri_parse_mode, "u=rw");
	assert_refused(kri_parse_mode, "0000000000000000000000777");
}

static void assert_printed(void (*print)(struct kri_buffer *, int64_t),
			   int64_t number, const char *expected)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	print(&out, number);
	assert_string_equal(out.data, expected);
	kri_buffer_free(&out);
}

static void numbers_are_printed_in_the_largest_unit_that_fits(void **state)
{
	(void)state;
	assert_printed(kri_print_duration, 0, "0");
	assert_printed(kri_print_duration, 1500, "1500ms");
	assert_printed(kri_print_duration, 90000, "90s");
	assert_printed(kri_print_duration, 1200000, "20m");
	assert_printed(kri_print_duration, 365 * INT64_C(86400000), "365d");
	assert_printed(kri_print_size, 0, "0");
	assert_printed(kri_print_size, 128, "128");
	assert_printed(kri_print_size, 65536, "64KiB");
	assert_printed(kri_print_size, 1048576, "1MiB");
	assert_printed(kri_print_size, INT64_C(68719476736), "64GiB");
}

/* ---- the table -------------------------------------------------------- */

static void every_default_is_allowed(void **state)
{
	struct kri_config config = {0};
	size_t i;

	(void)state;
	for (i = 0; i < kri_option_count; i++) {
		const struct kri_option *option = &kri_options[i];

		if (kri_option_set(option, &config,
				   kri_text_of(option->fallback)))
			fail_msg("%s.%s = %s", option->section, option->key,
				 option->fallback);
	}
	kri_config_free(&config);
}

static void every_option_has_what_its_type_needs(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < kri_option_count; i++) {
		const struct kri_option *option = &kri_options[i];

		assert_non_null(option->help);
		assert_in_range(strlen(option->help), 5, 77);
		assert_true(option->min <= option->max);
		assert_int_equal(option->type == KRI_OPTION_CHOICE,
				 option->choices != NULL);
		assert_int_equal(option->type == KRI_OPTION_INTEGER,
				 option->unit != NULL);
	}
}

static void every_option_has_a_member_and_a_name_of_its_own(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < kri_option_count; i++) {
		const struct kri_option *a = &kri_options[i];

		for (j = 0; j < i; j++)
			assert_int_not_equal(a->offset, kri_options[j].offset);
		assert_ptr_equal(kri_option_find(kri_text_of(a->section),
						 kri_text_of(a->key)),
				 a);
	}
}

static void every_member_has_an_option(void **state)
{
	size_t i, size = sizeof(struct kri_declared);

	(void)state;
	for (i = 0; i < kri_option_count; i++)
		size += kri_options[i].type == KRI_OPTION_TEXT
				? sizeof(char *)
				: sizeof(int64_t);
	/* What a member without an option takes cannot hide in padding. */
	assert_in_range(size, sizeof(struct kri_config) - sizeof(char *) + 1,
			sizeof(struct kri_config));
}

static void every_variable_names_one_option(void **state)
{
	char a[KRI_OPTION_NAME_MAX], b[KRI_OPTION_NAME_MAX];
	size_t i, j;

	(void)state;
	for (i = 0; i < kri_option_count; i++) {
		kri_option_variable(&kri_options[i], a);
		assert_true(strlen(a) < KRI_OPTION_NAME_MAX - 1);
		for (j = 0; j < i; j++) {
			kri_option_variable(&kri_options[j], b);
			assert_string_not_equal(a, b);
		}
	}
}

static void both_ends_of_a_range_are_allowed_and_no_more(void **state)
{
	const struct kri_option *option =
		kri_option_find(KRI_TEXT("server"), KRI_TEXT("backlog"));
	struct kri_config config = {0};

	(void)state;
	assert_int_equal(kri_option_set(option, &config, KRI_TEXT("1")), 0);
	assert_int_equal(kri_option_set(option, &config, KRI_TEXT("65535")), 0);
	assert_int_equal(kri_option_set(option, &config, KRI_TEXT("0")),
			 KR_ERR_CONFIG);
	assert_int_equal(kri_option_set(option, &config, KRI_TEXT("65536")),
			 KR_ERR_CONFIG);
	assert_int_equal(config.backlog, 65535);
}

static void a_text_that_is_refused_leaves_the_old_one(void **state)
{
	const struct kri_option *option =
		kri_option_find(KRI_TEXT("cookie"), KRI_TEXT("path"));
	struct kri_config config = {0};

	(void)state;
	assert_int_equal(kri_option_set(option, &config, KRI_TEXT("/a")), 0);
	assert_int_equal(kri_option_set(option, &config, KRI_TEXT("")),
			 KR_ERR_CONFIG);
	assert_int_equal(kri_option_set(option, &config, KRI_TEXT("/\r\nX:")),
			 KR_ERR_CONFIG);
	assert_int_equal(kri_option_set(option, &config, KRI_TEXT("/b\0c")),
			 KR_ERR_CONFIG);
	assert_string_equal(config.cookie_path, "/a");
	kri_config_free(&config);
}

static void what_is_allowed_can_be_said_of_every_option(void **state)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;
	size_t i;

	(void)state;
	for (i = 0; i < kri_option_count; i++) {
		kri_buffer_clear(&out);
		kri_explain_allowed(&kri_options[i], &out);
		assert_false(out.failed);
		assert_in_range(out.len, 5, 77);
	}
	kri_buffer_free(&out);
}

/* ---- what is made of the table ---------------------------------------- */

static void read_made(const char *name, struct kri_buffer *out)
{
	const char *srcdir = getenv("srcdir");
	char path[4096];
	FILE *file;
	int c;

	snprintf(path, sizeof(path), "%s/%s", srcdir ? srcdir : ".", name);
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s cannot be opened", path);
	while ((c = getc(file)) != EOF)
		kri_buffer_byte(out, (char)c);
	fclose(file);
}

static void the_sample_file_is_what_the_table_makes(void **state)
{
	struct kri_buffer file = KRI_BUFFER_EMPTY;
	struct kri_buffer made = KRI_BUFFER_EMPTY;

	(void)state;
	read_made("conf/krsessiond.conf", &file);
	kri_config_sample(&made);
	assert_false(made.failed);
	assert_string_equal(file.data, made.data);
	kri_buffer_free(&file);
	kri_buffer_free(&made);
}

static void the_manual_page_is_what_the_table_makes(void **state)
{
	struct kri_buffer file = KRI_BUFFER_EMPTY;
	struct kri_buffer made = KRI_BUFFER_EMPTY;

	(void)state;
	read_made("man/krsessiond.conf.5", &file);
	kri_config_manual(&made);
	assert_false(made.failed);
	assert_string_equal(file.data, made.data);
	kri_buffer_free(&file);
	kri_buffer_free(&made);
}

static void the_sample_file_fits_into_80_columns(void **state)
{
	struct kri_buffer made = KRI_BUFFER_EMPTY;
	struct kri_text rest, line;

	(void)state;
	kri_config_sample(&made);
	rest = kri_buffer_text(&made);
	while (rest.data) {
		line = kri_text_cut(&rest, '\n');
		assert_true(line.len <= 80);
	}
	kri_buffer_free(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_read_in_every_unit),
		cmocka_unit_test(times_need_a_unit),
		cmocka_unit_test(times_are_nothing_but_number_and_unit),
		cmocka_unit_test(times_too_long_to_count_are_refused),
		cmocka_unit_test(a_value_does_not_run_past_its_text),
		cmocka_unit_test(sizes_are_read_with_and_without_unit),
		cmocka_unit_test(yes_and_no_have_four_spellings_each),
		cmocka_unit_test(modes_are_octal),
		cmocka_unit_test(
			numbers_are_printed_in_the_largest_unit_that_fits),
		cmocka_unit_test(every_default_is_allowed),
		cmocka_unit_test(every_option_has_what_its_type_needs),
		cmocka_unit_test(
			every_option_has_a_member_and_a_name_of_its_own),
		cmocka_unit_test(every_member_has_an_option),
		cmocka_unit_test(every_variable_names_one_option),
		cmocka_unit_test(both_ends_of_a_range_are_allowed_and_no_more),
		cmocka_unit_test(a_text_that_is_refused_leaves_the_old_one),
		cmocka_unit_test(what_is_allowed_can_be_said_of_every_option),
		cmocka_unit_test(the_sample_file_is_what_the_table_makes),
		cmocka_unit_test(the_manual_page_is_what_the_table_makes),
		cmocka_unit_test(the_sample_file_fits_into_80_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
