/*
 * The exposition and what reads it back: each metric of the table, how labels
 * are spelt, and times that a histogram tells of.
 */
#include "base/exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/figures.h"

#define TIME "krsession_request_duration_seconds"
#define NEAR(a, b) ((a) > (b)-1e-9 && (a) < (b) + 1e-9)

struct trial {
	struct kri_figures figures;
	struct kri_buffer text;
	struct kri_reading reading;
};

static const char *const routes[] = {"none", "/a\"b\\c\nd", NULL, "/x/*"};
static const char *const methods[] = {"GET", "POST"};
static const int64_t busy[] = {1500000, 0};

static int setup(void **state)
{
	struct trial *t = aligned_alloc(_Alignof(struct trial), sizeof(*t));

	if (!t)
		return -1;
	memset(t, 0, sizeof(*t));
	t->figures.routes = routes;
	t->figures.routes_n = 4;
	t->figures.methods = methods;
	t->figures.methods_n = 2;
	t->figures.busy_us = busy;
	t->figures.loops = 2;
	t->figures.version = "1.2.3";
	t->figures.store = "memory";
	t->figures.sum.routes_n = 4;
	t->figures.sum.routes = calloc(4, sizeof(struct kri_route_counts));
	*state = t;
	return t->figures.sum.routes ? 0 : -1;
}

static int teardown(void **state)
{
	struct trial *t = *state;

	kri_reading_free(&t->reading);
	kri_buffer_free(&t->text);
	free(t->figures.sum.routes);
	free(t);
	return 0;
}

static void write_all(struct trial *t)
{
	kri_buffer_clear(&t->text);
	kri_reading_free(&t->reading);
	kri_exposition_write(&t->figures, &t->text);
	assert_false(t->text.failed);
	assert_int_equal(
		kri_reading_take(&t->reading, kri_buffer_text(&t->text)),
		KR_OK);
}

static void assert_line(const struct trial *t, const char *line)
{
	const char *at = strstr(t->text.data, line);

	if (!at)
		fail_msg("%s is not in\n%s", line, t->text.data);
	assert_true(at == t->text.data || at[-1] == '\n');
}

/* ---- writing ---------------------------------------------------------- */

static void every_metric_has_its_help_and_type(void **state)
{
	struct trial *t = *state;

	write_all(t);
	for (size_t i = 0; i < KRI_METRIC_N; i++) {
		char line[256];

		snprintf(line, sizeof(line), "# HELP %s %s\n# TYPE %s ",
			 kri_metrics[i].name, kri_metrics[i].help,
			 kri_metrics[i].name);
		assert_line(t, line);
	}
}

static void every_error_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < KRI_ERRORS; i++) {
		assert_string_not_equal(kri_error_name((enum kr_err)i),
					"unknown");
		for (int j = 0; j < i; j++)
			assert_string_not_equal(kri_error_name((enum kr_err)i),
						kri_error_name((enum kr_err)j));
	}
	assert_string_equal(kri_error_name((enum kr_err)KRI_ERRORS), "unknown");
	assert_string_equal(kri_error_name((enum kr_err) - 1), "unknown");
	/* One past the last of the header: the table ends where that does. */
	assert_string_equal(kr_strerror((enum kr_err)KRI_ERRORS),
			    "unknown error");
	assert_string_not_equal(kr_strerror((enum kr_err)(KRI_ERRORS - 1)),
				"unknown error");
}

static void numbers_are_written_whole_or_to_the_microsecond(void **state)
{
	struct trial *t = *state;

	t->figures.sum.n[KRI_METRIC_CREATED] = UINT64_MAX;
	t->figures.sum.errors[KR_ERR_CROSS_SITE] = 7;
	t->figures.values[KRI_METRIC_MEMORY] = 123456789;
	t->figures.values[KRI_METRIC_CPU] = 1.25;
	write_all(t);
	assert_line(t, "krsession_sessions_created_total "
		       "18446744073709551615\n");
	assert_line(t, "krsession_request_errors_total{kind=\"cross_site\"} "
		       "7\n");
	assert_line(t, "process_resident_memory_bytes 123456789\n");
	assert_line(t, "process_cpu_seconds_total 1.250000\n");
	assert_line(t, "krsession_loop_busy_seconds_total{loop=\"0\"} "
		       "1.500000\n");
	assert_line(t, "krsession_build_info{version=\"1.2.3\",store=\"memory\""
		       "} 1\n");
}

static void set_cell(struct trial *t, size_t route, uint32_t key, uint64_t n)
{
	static size_t at;
	struct kri_cell *cell =
		&t->figures.sum.routes[route].cells[at++ % KRI_CELLS];

	cell->key = key;
	cell->n = n;
}

static void labels_are_escaped(void **state)
{
	struct trial *t = *state;

	set_cell(t, 1, 1 << 16 | 201, 3);
	write_all(t);
	assert_line(t, "krsession_requests_total{route=\"/a\\\"b\\\\c\\nd\","
		       "method=\"POST\",code=\"201\"} 3\n");
}

static void what_has_no_name_is_other_or_nothing(void **state)
{
	struct trial *t = *state;

	set_cell(t, 0, 9 << 16 | 200, 1);
	set_cell(t, 3, KRI_CELL_OTHER, 2);
	set_cell(t, 2, 200, 4); /* a page that is off */
	write_all(t);
	assert_line(t, "krsession_requests_total{route=\"none\","
		       "method=\"other\",code=\"200\"} 1\n");
	assert_line(t, "krsession_requests_total{route=\"/x/*\","
		       "method=\"other\",code=\"other\"} 2\n");
	assert_true(NEAR(
		kri_reading_sum(&t->reading, "krsession_requests_total", NULL),
		3));
}

static void buckets_add_up(void **state)
{
	struct trial *t = *state;
	struct kri_histogram *time =
		&t->figures.sum.histograms[KRI_HISTOGRAM_REQUEST];

	time->buckets[0] = 2;
	time->buckets[3] = 1;
	time->buckets[KRI_TIME_BUCKETS - 1] = 1;
	time->sum = 20000123;
	write_all(t);
	assert_line(t, TIME "_bucket{le=\"1.6e-05\"} 2\n");
	assert_line(t, TIME "_bucket{le=\"6.4e-05\"} 2\n");
	assert_line(t, TIME "_bucket{le=\"0.000128\"} 3\n");
	assert_line(t, TIME "_bucket{le=\"16.777216\"} 3\n");
	assert_line(t, TIME "_bucket{le=\"+Inf\"} 4\n");
	assert_line(t, TIME "_sum 20.000123\n");
	assert_line(t, TIME "_count 4\n");
	assert_line(t, "krsession_stage_duration_seconds_count{stage=\"commit\""
		       "} 0\n");
	assert_line(t, "krsession_batch_requests_bucket{le=\"256\"} 0\n");
}

/* ---- reading ---------------------------------------------------------- */

static struct kri_reading read_text(const char *text)
{
	struct kri_reading reading;

	assert_int_equal(kri_reading_take(&reading, kri_text_of(text)), KR_OK);
	return reading;
}

static void what_was_written_is_read_back(void **state)
{
	struct trial *t = *state;

	set_cell(t, 3, 200, 5);
	set_cell(t, 1, 503, 6);
	write_all(t);
	assert_true(NEAR(
		kri_reading_sum(&t->reading, "krsession_requests_total", NULL),
		11));
	assert_true(
		NEAR(kri_reading_sum(&t->reading, "krsession_requests_total",
				     "code=\"503\""),
		     6));
}

static void a_label_is_found_by_its_whole_name(void **state)
{
	struct kri_reading reading =
		read_text("m{a=\"1\",aa=\"2\",b=\"x\\\"y,c=\",c=\"3\"} 4 99\n");

	(void)state;
	assert_int_equal(reading.n, 1);
	assert_true(NEAR(reading.samples[0].value, 4));
	assert_true(kri_text_equal(kri_sample_label(reading.samples, "aa"),
				   KRI_TEXT("2")));
	assert_true(kri_text_equal(kri_sample_label(reading.samples, "c"),
				   KRI_TEXT("3")));
	assert_true(kri_text_equal(kri_sample_label(reading.samples, "b"),
				   KRI_TEXT("x\\\"y,c=")));
	assert_null(kri_sample_label(reading.samples, "d").data);
	assert_null(kri_sample_label(reading.samples, "").data);
	kri_reading_free(&reading);
}

static void what_is_no_sample_is_passed_over(void **state)
{
	static const char *const none[] = {
		"",
		"\n\n",
		"# HELP m x\n",
		"m\n",
		"m \n",
		"m x\n",
		"m{\n",
		"m{a=\"\n",
		"m{a=\"}\" 1\n",
		"m{a=\"1\"}\n",
		"m{a=\"1\"}1\n",
		" 1\n",
		"{a=\"1\"} 1\n",
		"m 1e\n",
		"m{a=\"\\",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct kri_reading reading = read_text(none[i]);

		assert_int_equal(reading.n, 0);
		kri_reading_free(&reading);
	}
}

static void labels_that_are_none_hang_nothing_up(void **state)
{
	struct kri_reading reading = read_text("m{\"\"\"\"\"\"} 1\n"
					       "m{,,,=\"a\"\\\\\\} 1\n"
					       "m{le=\"\\\"} 1\n"
					       "m{x} 1\nm{le=\"1} 1");

	(void)state;
	for (size_t i = 0; i < reading.n; i++)
		assert_null(kri_sample_label(&reading.samples[i], "le").data);
	assert_true(kri_reading_quantile(&reading, &reading, "m", NULL, 0.5) <
		    0);
	kri_reading_free(&reading);
}

static void a_counter_that_shrank_has_begun_anew(void **state)
{
	struct kri_reading before = read_text("n 100\n");
	struct kri_reading now = read_text("n 7\n");

	(void)state;
	assert_true(NEAR(kri_reading_growth(&before, &now, "n", NULL), 7));
	assert_true(NEAR(kri_reading_growth(&now, &before, "n", NULL), 93));
	assert_true(NEAR(kri_reading_growth(&now, &before, "x", NULL), 0));
	kri_reading_free(&before);
	kri_reading_free(&now);
}

/* ---- quantiles -------------------------------------------------------- */

#define BUCKETS(a, b, c, inf)                                                  \
	"h_bucket{le=\"1\"} " #a "\nh_bucket{le=\"2\"} " #b                    \
	"\nh_bucket{le=\"4\"} " #c "\nh_bucket{le=\"+Inf\"} " #inf "\n"

static void assert_quantile(const char *before, const char *now, double q,
			    double expected)
{
	struct kri_reading then = read_text(before), reading = read_text(now);
	double got = kri_reading_quantile(&then, &reading, "h", NULL, q);

	if (!NEAR(got, expected))
		fail_msg("%g is not %g", got, expected);
	kri_reading_free(&then);
	kri_reading_free(&reading);
}

static void a_quantile_lies_between_bounds_in_proportion(void **state)
{
	(void)state;
	assert_quantile("", BUCKETS(10, 10, 10, 10), 0.5, 0.5);
	assert_quantile("", BUCKETS(0, 10, 10, 10), 0.5, 1.5);
	assert_quantile("", BUCKETS(0, 0, 100, 100), 0.99, 3.98);
	assert_quantile("", BUCKETS(50, 100, 100, 100), 0.5, 1);
	assert_quantile("", BUCKETS(0, 0, 0, 10), 0.5, 4);
	assert_quantile("", BUCKETS(0, 0, 0, 0), 0.5, -1);
}

static void only_what_was_added_counts(void **state)
{
	(void)state;
	assert_quantile(BUCKETS(100, 100, 100, 100),
			BUCKETS(100, 110, 110, 110), 0.5, 1.5);
	assert_quantile(BUCKETS(9, 9, 9, 9), BUCKETS(9, 9, 9, 9), 0.5, -1);
	/* After a reload all of it is new. */
	assert_quantile(BUCKETS(900, 900, 900, 900), BUCKETS(0, 10, 10, 10),
			0.5, 1.5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_metric_has_its_help_and_type),
		TEST(every_error_has_a_name_of_its_own),
		TEST(numbers_are_written_whole_or_to_the_microsecond),
		TEST(labels_are_escaped),
		TEST(what_has_no_name_is_other_or_nothing),
		TEST(buckets_add_up),
		TEST(what_was_written_is_read_back),
		TEST(a_label_is_found_by_its_whole_name),
		TEST(what_is_no_sample_is_passed_over),
		TEST(labels_that_are_none_hang_nothing_up),
		TEST(a_counter_that_shrank_has_begun_anew),
		TEST(a_quantile_lies_between_bounds_in_proportion),
		TEST(only_what_was_added_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
