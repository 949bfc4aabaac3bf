/*
 * Log: the form of a line, what is written at which level, and that nothing
 * in a message can break out of its line. Standard error is a file meanwhile.
 */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include <json-c/json.h>

#define STAMP "2026-11-23T01:42:15.123Z"
#define THREADS 4
#define LINES 200

static FILE *caught; /* what stderr is during a test */
static int real_stderr;
static char text[1 << 18]; /* all that was written, from caught_text() */

static int catch_stderr(void **state)
{
	(void)state;
	kri_log_setup(KRI_LOG_DEBUG, KRI_LOG_TEXT);
	caught = tmpfile();
	real_stderr = dup(STDERR_FILENO);
	if (!caught || real_stderr < 0)
		return -1;
	return dup2(fileno(caught), STDERR_FILENO) < 0 ? -1 : 0;
}

static int release_stderr(void **state)
{
	(void)state;
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	fclose(caught);
	return 0;
}

static char *caught_text(void)
{
	ssize_t len = pread(fileno(caught), text, sizeof(text) - 1, 0);

	assert_true(len >= 0);
	text[len] = '\0';
	return text;
}

/* The line behind its time stamp. */
static const char *caught_line(void)
{
	char *line = caught_text();

	assert_true(strlen(line) > sizeof(STAMP));
	return line + sizeof(STAMP);
}

static const char *member(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		return NULL;
	return json_object_get_string(value);
}

static void begins_a_line_with_time_and_level(void **state)
{
	const char *form = "dddd-dd-ddTdd:dd:dd.dddZ warning hello 7\n";
	char *line;
	size_t i;

	(void)state;
	kri_log(KRI_LOG_WARNING, NULL, "hello %d", 7);
	line = caught_text();
	for (i = 0; i < strlen(STAMP); i++)
		if (line[i] >= '0' && line[i] <= '9')
			line[i] = 'd';
	assert_string_equal(line, form);
}

static void names_every_level(void **state)
{
	static const char *const names[] = {"error", "warning", "info",
					    "debug"};
	const char *at;
	int level;

	(void)state;
	for (level = KRI_LOG_ERROR; level <= KRI_LOG_DEBUG; level++)
		kri_log((enum kri_log_level)level, NULL, "x");
	at = caught_text();
	for (level = KRI_LOG_ERROR; level <= KRI_LOG_DEBUG; level++) {
		at = strstr(at, names[level]);
		assert_non_null(at);
	}
}

static void shows_both_ids_in_brackets(void **state)
{
	struct kri_log_ids ids = {.request = "r1", .session = "s2"};

	(void)state;
	kri_log(KRI_LOG_INFO, &ids, "hello");
	assert_string_equal(caught_line(),
			    "info request=r1 session=s2 hello\n");
}

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static void shows_trace_and_span(void **state)
{
	struct kri_log_ids ids = {
		.session = "s2",
		.trace = "00-" TRACE "-" SPAN "-01",
	};

	(void)state;
	kri_log(KRI_LOG_INFO, &ids, "hello");
	assert_string_equal(caught_line(), "info session=s2 trace=" TRACE
					   " span=" SPAN " hello\n");
}

static void shows_the_only_id_it_knows(void **state)
{
	struct kri_log_ids ids = {.session = "s2"};

	(void)state;
	kri_log(KRI_LOG_INFO, &ids, "hello");
	assert_string_equal(caught_line(), "info session=s2 hello\n");
}

static void shows_no_brackets_without_ids(void **state)
{
	struct kri_log_ids ids = {NULL, NULL, NULL};

	(void)state;
	kri_log(KRI_LOG_INFO, &ids, "hello");
	assert_string_equal(caught_line(), "info hello\n");
}

static void leaves_out_what_is_below_its_level(void **state)
{
	(void)state;
	kri_log_setup(KRI_LOG_WARNING, KRI_LOG_TEXT);
	kri_log(KRI_LOG_INFO, NULL, "unheard");
	kri_log(KRI_LOG_DEBUG, NULL, "unheard");
	assert_string_equal(caught_text(), "");
	kri_log(KRI_LOG_WARNING, NULL, "heard");
	assert_string_equal(caught_line(), "warning heard\n");
}

static void tells_which_levels_would_be_written(void **state)
{
	(void)state;
	kri_log_setup(KRI_LOG_INFO, KRI_LOG_TEXT);
	assert_true(kri_log_enabled(KRI_LOG_ERROR));
	assert_true(kri_log_enabled(KRI_LOG_INFO));
	assert_false(kri_log_enabled(KRI_LOG_DEBUG));
}

static void shows_control_characters_as_question_marks(void **state)
{
	struct kri_log_ids ids = {.request = "r\n1", .session = "s\x1b[2J"};

	(void)state;
	/* The last one is U+009B, which starts terminal commands too. */
	kri_log(KRI_LOG_INFO, &ids,
		"a\nb\tc\x7f"
		"d\xc2\x9b"
		"e");
	assert_string_equal(caught_line(),
			    "info request=r?1 session=s?[2J a?b?c?d??e\n");
}

static void keeps_utf8_as_it_is(void **state)
{
	(void)state;
	kri_log(KRI_LOG_INFO, NULL, "%s", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac");
	assert_string_equal(caught_line(),
			    "info gr\xc3\xbc\xc3\x9f \xe2\x82\xac\n");
}

static void shows_bytes_that_are_not_utf8_as_question_marks(void **state)
{
	(void)state;
	kri_log(KRI_LOG_INFO, NULL, "%s", "a\xff\xc3");
	assert_string_equal(caught_line(), "info a??\n");
}

static void cuts_a_long_message_between_characters(void **state)
{
	char message[8001];
	const char *line;
	size_t i;

	(void)state;
	for (i = 0; i < 8000; i += 2)
		memcpy(message + i, "\xc3\xbc", 3);
	kri_log(KRI_LOG_INFO, NULL, "%s", message);
	line = caught_line();
	assert_in_range(strlen(line), 1000, 4095);
	assert_null(strchr(line, '?'));
	assert_string_equal(strstr(line, "..."), "...\n");
}

static void cuts_a_long_id(void **state)
{
	char id[1001];
	struct kri_log_ids ids = {.request = id};

	(void)state;
	memset(id, 'r', 1000);
	id[1000] = '\0';
	kri_log(KRI_LOG_INFO, &ids, "hello");
	assert_in_range(strlen(caught_line()), 20, 200);
	assert_string_equal(strstr(caught_line(), "..."), "... hello\n");
}

static void writes_json_with_all_members(void **state)
{
	struct kri_log_ids ids = {.request = "r1", .session = "s2"};
	struct json_object *line;

	(void)state;
	kri_log_setup(KRI_LOG_INFO, KRI_LOG_JSON);
	kri_log(KRI_LOG_INFO, &ids, "say \"%s\" \\ /", "hi\n");
	line = json_tokener_parse(caught_text());
	assert_non_null(line);
	assert_int_equal(strlen(member(line, "time")), strlen(STAMP));
	assert_string_equal(member(line, "level"), "info");
	assert_string_equal(member(line, "request"), "r1");
	assert_string_equal(member(line, "session"), "s2");
	assert_string_equal(member(line, "message"), "say \"hi?\" \\ /");
	json_object_put(line);
}

static void writes_trace_and_span_as_members(void **state)
{
	struct kri_log_ids ids = {.trace = "00-" TRACE "-" SPAN "-01"};
	struct json_object *line;

	(void)state;
	kri_log_setup(KRI_LOG_INFO, KRI_LOG_JSON);
	kri_log(KRI_LOG_INFO, &ids, "hello");
	line = json_tokener_parse(caught_text());
	assert_non_null(line);
	assert_string_equal(member(line, "trace"), TRACE);
	assert_string_equal(member(line, "span"), SPAN);
	assert_null(member(line, "request"));
	json_object_put(line);
}

static void leaves_unknown_ids_out_of_json(void **state)
{
	struct json_object *line;

	(void)state;
	kri_log_setup(KRI_LOG_INFO, KRI_LOG_JSON);
	kri_log(KRI_LOG_INFO, NULL, "hello");
	line = json_tokener_parse(caught_text());
	assert_non_null(line);
	assert_null(member(line, "request"));
	assert_null(member(line, "session"));
	json_object_put(line);
}

static void ends_a_json_line_with_one_newline(void **state)
{
	(void)state;
	kri_log_setup(KRI_LOG_INFO, KRI_LOG_JSON);
	kri_log(KRI_LOG_INFO, NULL, "a\nb");
	assert_string_equal(strchr(caught_text(), '\n'), "\n");
}

static void fits_the_longest_json_line_into_one_write(void **state)
{
	char quotes[3001];
	struct kri_log_ids ids = {.request = quotes, .session = quotes};

	(void)state;
	memset(quotes, '"', 3000);
	quotes[3000] = '\0';
	kri_log_setup(KRI_LOG_INFO, KRI_LOG_JSON);
	kri_log(KRI_LOG_WARNING, &ids, "%s", quotes);
	assert_in_range(strlen(caught_text()), 3900, PIPE_BUF);
}

static void leaves_errno_as_it_was(void **state)
{
	int after;

	(void)state;
	dup2(real_stderr, STDERR_FILENO);
	close(STDERR_FILENO);
	errno = ENOENT;
	kri_log(KRI_LOG_INFO, NULL, "to nowhere");
	after = errno;
	dup2(fileno(caught), STDERR_FILENO);
	assert_int_equal(after, ENOENT);
}

static void *log_often(void *mark)
{
	int i;

	for (i = 0; i < LINES; i++)
		kri_log(KRI_LOG_INFO, NULL, "%s%s%s", (char *)mark,
			(char *)mark, (char *)mark);
	return NULL;
}

static void keeps_lines_of_many_threads_whole(void **state)
{
	static char marks[THREADS][11];
	pthread_t threads[THREADS];
	char *line, *rest;
	int i, lines = 0;

	(void)state;
	for (i = 0; i < THREADS; i++) {
		memset(marks[i], 'a' + i, 10);
		assert_int_equal(
			pthread_create(&threads[i], NULL, log_often, marks[i]),
			0);
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	line = strtok_r(caught_text(), "\n", &rest);
	for (; line; line = strtok_r(NULL, "\n", &rest)) {
		line += sizeof(STAMP) + strlen("info ");
		assert_int_equal(strlen(line), 30);
		assert_int_equal(strspn(line, (char[]){line[0], '\0'}), 30);
		lines++;
	}
	assert_int_equal(lines, THREADS * LINES);
}

#define caught_test(name)                                                      \
	cmocka_unit_test_setup_teardown(name, catch_stderr, release_stderr)

int main(void)
{
	const struct CMUnitTest tests[] = {
		caught_test(begins_a_line_with_time_and_level),
		caught_test(names_every_level),
		caught_test(shows_both_ids_in_brackets),
		caught_test(shows_trace_and_span),
		caught_test(shows_the_only_id_it_knows),
		caught_test(shows_no_brackets_without_ids),
		caught_test(leaves_out_what_is_below_its_level),
		caught_test(tells_which_levels_would_be_written),
		caught_test(shows_control_characters_as_question_marks),
		caught_test(keeps_utf8_as_it_is),
		caught_test(shows_bytes_that_are_not_utf8_as_question_marks),
		caught_test(cuts_a_long_message_between_characters),
		caught_test(cuts_a_long_id),
		caught_test(writes_json_with_all_members),
		caught_test(writes_trace_and_span_as_members),
		caught_test(leaves_unknown_ids_out_of_json),
		caught_test(ends_a_json_line_with_one_newline),
		caught_test(fits_the_longest_json_line_into_one_write),
		caught_test(leaves_errno_as_it_was),
		caught_test(keeps_lines_of_many_threads_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
