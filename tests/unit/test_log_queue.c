/*
 * The queue of the log: who logs never waits for who reads standard error,
 * what is lost is counted and said in its place, and stopping ends in time.
 * Standard error is a pipe meanwhile, or what a test puts in its place.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "base/clock.h"

#define STAMP "2026-11-23T01:42:15.123Z"
#define MANY 20000 /* lines, more than pipe and queue hold */
#define THREADS 4
#define SECOND 1000

struct fixture {
	FILE *reader; /* of the pipe */
	int stderr_was;
	char *line; /* the last one read, behind its time */
	size_t size;
};

static void set_stderr(int file)
{
	assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
	close(file);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int ends[2];

	if (!f || pipe(ends))
		return -1;
	kri_log_setup(KRI_LOG_INFO, KRI_LOG_TEXT);
	f->stderr_was = dup(STDERR_FILENO);
	f->reader = fdopen(ends[0], "r");
	set_stderr(ends[1]);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kri_log_stop(0);
	set_stderr(f->stderr_was);
	if (f->reader)
		fclose(f->reader);
	free(f->line);
	free(f);
	return 0;
}

static void start(void)
{
	assert_int_equal(kri_log_start(), KR_OK);
}

/* From here on the reader sees the end behind the last line. */
static void close_stderr(struct fixture *f)
{
	set_stderr(dup(f->stderr_was));
}

/* The next line without its time and its end, or NULL at the end. */
static const char *read_line(struct fixture *f)
{
	ssize_t len = getline(&f->line, &f->size, f->reader);

	if (len < 0)
		return NULL;
	assert_true(len > (ssize_t)sizeof(STAMP));
	assert_int_equal(f->line[len - 1], '\n');
	f->line[len - 1] = '\0';
	return f->line + sizeof(STAMP);
}

static void assert_next(struct fixture *f, const char *expected)
{
	const char *line = read_line(f);

	assert_non_null(line);
	assert_string_equal(line, expected);
}

static void log_numbers(int from, int to)
{
	for (int i = from; i < to; i++)
		kri_log(KRI_LOG_INFO, NULL, "number %d", i);
}

/* How many lines a text says were lost, or 0 for another text. */
static int lost_in(const char *line)
{
	int n = 0;

	if (sscanf(line, "warning %d log line", &n) != 1)
		return 0;
	assert_non_null(strstr(line, "lost here: standard error was not "));
	return n;
}

/* Reads numbers in their order up to `to`, where lost ones are said instead;
 * returns how many those are. */
static int read_numbers(struct fixture *f, int to)
{
	int next = 0, lost = 0, n;

	while (next < to) {
		const char *line = read_line(f);

		assert_non_null(line);
		n = lost_in(line);
		lost += n;
		next += n;
		if (n)
			continue;
		assert_int_equal(sscanf(line, "info number %d", &n), 1);
		assert_int_equal(n, next);
		next++;
	}
	assert_int_equal(next, to);
	return lost;
}

static void fill_pipe(void)
{
	static const char byte = '\n';
	int flags = fcntl(STDERR_FILENO, F_GETFL);

	fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
	while (write(STDERR_FILENO, &byte, 1) == 1)
		continue;
	assert_int_equal(errno, EAGAIN);
	fcntl(STDERR_FILENO, F_SETFL, flags);
}

/* To the first byte behind what fill_pipe() wrote. */
static void skip_filling(struct fixture *f)
{
	int c;

	do
		c = getc(f->reader);
	while (c == '\n');
	ungetc(c, f->reader);
}

/* ---- lines ------------------------------------------------------------ */

static void lines_arrive_in_order(void **state)
{
	struct fixture *f = *state;

	start();
	log_numbers(0, 1000);
	assert_int_equal(read_numbers(f, 1000), 0);
}

static void a_line_arrives_without_another(void **state)
{
	struct fixture *f = *state;

	start();
	for (int i = 0; i < 50; i++) {
		kri_log(KRI_LOG_INFO, NULL, "alone");
		assert_next(f, "info alone");
	}
}

static void a_non_blocking_pipe_gets_all_lines(void **state)
{
	struct fixture *f = *state;
	int flags = fcntl(STDERR_FILENO, F_GETFL);

	fill_pipe();
	fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
	start();
	log_numbers(0, 1000);
	skip_filling(f);
	assert_int_equal(read_numbers(f, 1000), 0);
}

static void a_socket_gets_all_lines(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	set_stderr(ends[1]);
	fclose(f->reader);
	f->reader = fdopen(ends[0], "r");
	start();
	log_numbers(0, 2000);
	assert_int_equal(read_numbers(f, 2000), 0);
}

/* ---- nobody reads ----------------------------------------------------- */

static void who_logs_does_not_wait_for_who_reads(void **state)
{
	struct fixture *f = *state;
	int lost;

	start();
	log_numbers(0, MANY); /* returns at all */
	lost = read_numbers(f, MANY);
	assert_in_range(lost, 1, MANY - 1);
}

static void after_a_loss_lines_arrive_again(void **state)
{
	struct fixture *f = *state;

	start();
	log_numbers(0, MANY);
	assert_true(read_numbers(f, MANY) > 0);
	kri_log(KRI_LOG_INFO, NULL, "again");
	assert_next(f, "info again");
}

static void a_loss_is_said_in_json_too(void **state)
{
	struct fixture *f = *state;
	struct json_object *line, *level = NULL;

	kri_log_setup(KRI_LOG_INFO, KRI_LOG_JSON);
	start();
	log_numbers(0, MANY);
	do
		assert_non_null(read_line(f));
	while (!strstr(f->line, "lost here"));
	line = json_tokener_parse(f->line);
	assert_non_null(line);
	assert_true(json_object_object_get_ex(line, "level", &level));
	assert_string_equal(json_object_get_string(level), "warning");
	json_object_put(line);
}

static void stopping_ends_in_its_time(void **state)
{
	int64_t began = kri_clock_ms();

	(void)state;
	start();
	log_numbers(0, MANY);
	kri_log_stop(200);
	assert_in_range(kri_clock_ms() - began, 200, 20 * SECOND);
}

static void stopping_without_time_ends_too(void **state)
{
	(void)state;
	start();
	log_numbers(0, MANY);
	kri_log_stop(0);
}

static void assert_ended_well(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A terminal says that it has room when it has it for a byte, and blocks a
 * longer write all the same. */
static void stopping_leaves_a_thread_that_is_stuck_in_its_write(void **state)
{
	int screen = posix_openpt(O_RDWR | O_NOCTTY);
	pid_t child;

	(void)state;
	assert_int_equal(grantpt(screen), 0);
	assert_int_equal(unlockpt(screen), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		set_stderr(open(ptsname(screen), O_WRONLY | O_NOCTTY));
		start();
		log_numbers(0, MANY);
		kri_log_stop(10);
		kri_log(KRI_LOG_INFO, NULL, "nobody reads this");
		_exit(kri_log_start() == KR_ERR_SYSTEM ? 0 : 1);
	}
	assert_ended_well(child);
	close(screen);
}

static void it_starts_again_after_it_was_stopped_in_vain(void **state)
{
	struct fixture *f = *state;
	const char *line;

	start();
	log_numbers(0, MANY);
	kri_log_stop(0);
	start();
	kri_log(KRI_LOG_INFO, NULL, "again");
	do
		line = read_line(f);
	while (line && strcmp(line, "info again") != 0);
	assert_non_null(line);
}

static void without_the_thread_a_full_pipe_costs_lines_and_no_more(void **state)
{
	struct fixture *f = *state;
	int64_t began = kri_clock_ms();

	fill_pipe();
	log_numbers(0, MANY);
	assert_in_range(kri_clock_ms() - began, SECOND, 20 * SECOND);
	close_stderr(f);
	skip_filling(f);
	assert_true(feof(f->reader));
}

/* ---- nobody can read -------------------------------------------------- */

static void a_closed_pipe_is_borne(void **state)
{
	struct fixture *f = *state;

	fclose(f->reader);
	f->reader = NULL;
	start();
	log_numbers(0, 1000);
	kri_log_stop(20 * SECOND); /* all of it, or SIGPIPE ends the test */
}

/* As a full disk, which fails with another errno. */
static void allow_file_bytes(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Returns how many lines were lost while nothing could be written. */
static int lose_lines_to_disk(struct fixture *f)
{
	int lost;

	fclose(f->reader);
	f->reader = tmpfile();
	assert_non_null(f->reader);
	set_stderr(dup(fileno(f->reader)));
	start();
	allow_file_bytes(0);
	log_numbers(0, 200);
	allow_file_bytes(RLIM_INFINITY);
	kri_log(KRI_LOG_INFO, NULL, "again");
	kri_log_stop(20 * SECOND);
	rewind(f->reader);
	lost = read_numbers(f, 200);
	assert_next(f, "info again");
	assert_null(read_line(f));
	return lost;
}

static void what_a_full_disk_lost_is_said_once_there_is_room(void **state)
{
	int64_t until = kri_clock_ms() + 20 * SECOND;

	/* Until the thread has run while nothing could be written. */
	while (!lose_lines_to_disk(*state))
		assert_true(kri_clock_ms() < until);
}

/* ---- start, stop, fork ------------------------------------------------ */

static void stopping_writes_what_is_queued(void **state)
{
	struct fixture *f = *state;

	start();
	log_numbers(0, 500);
	kri_log_stop(20 * SECOND);
	close_stderr(f);
	assert_int_equal(read_numbers(f, 500), 0);
	assert_null(read_line(f));
}

static void after_the_stop_lines_are_written_by_who_logs(void **state)
{
	struct fixture *f = *state;
	struct pollfd in = {.fd = fileno(f->reader), .events = POLLIN};

	start();
	kri_log_stop(20 * SECOND);
	assert_int_equal(poll(&in, 1, 0), 0);
	kri_log(KRI_LOG_INFO, NULL, "late");
	assert_int_equal(poll(&in, 1, 0), 1);
	assert_next(f, "info late");
}

static void what_is_started_twice_is_stopped_once(void **state)
{
	struct fixture *f = *state;

	start();
	start();
	kri_log_stop(20 * SECOND);
	kri_log_stop(20 * SECOND);
	kri_log(KRI_LOG_INFO, NULL, "late");
	assert_next(f, "info late");
}

static void a_forked_child_writes_its_lines_itself(void **state)
{
	struct fixture *f = *state;
	pid_t child;

	start();
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		kri_log(KRI_LOG_INFO, NULL, "from the child");
		_exit(0);
	}
	assert_ended_well(child);
	assert_next(f, "info from the child");
	kri_log(KRI_LOG_INFO, NULL, "from the parent");
	assert_next(f, "info from the parent");
}

static void the_last_words_before_exit_arrive(void **state)
{
	struct fixture *f = *state;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		start();
		kri_log(KRI_LOG_ERROR, NULL, "cannot go on");
		kri_log_stop(20 * SECOND);
		_exit(0);
	}
	assert_ended_well(child);
	assert_next(f, "error cannot go on");
}

/* ---- threads ---------------------------------------------------------- */

static void *log_letters(void *mark)
{
	for (int i = 0; i < MANY / THREADS; i++)
		kri_log(KRI_LOG_INFO, NULL, "%c %d", *(char *)mark, i);
	return NULL;
}

/* Counts a line of a thread, which must be later than the one before. */
static void check_letter(const char *line, int next[THREADS])
{
	char mark;
	int i;

	assert_int_equal(sscanf(line, "info %c %d", &mark, &i), 2);
	assert_in_range(mark, 'a', 'a' + THREADS - 1);
	assert_true(i >= next[mark - 'a']);
	next[mark - 'a'] = i + 1;
}

static void lines_of_many_threads_stay_in_their_order(void **state)
{
	static char marks[THREADS] = {'a', 'b', 'c', 'd'};
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	int next[THREADS] = {0};
	int seen = 0, lost;

	start();
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_letters,
						&marks[i]),
				 0);
	while (seen < MANY) {
		const char *line = read_line(f);

		assert_non_null(line);
		lost = lost_in(line);
		if (!lost)
			check_letter(line, next);
		seen += lost ? lost : 1;
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(seen, MANY);
}

#define queue_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		queue_test(lines_arrive_in_order),
		queue_test(a_line_arrives_without_another),
		queue_test(a_non_blocking_pipe_gets_all_lines),
		queue_test(a_socket_gets_all_lines),
		queue_test(who_logs_does_not_wait_for_who_reads),
		queue_test(after_a_loss_lines_arrive_again),
		queue_test(a_loss_is_said_in_json_too),
		queue_test(stopping_ends_in_its_time),
		queue_test(stopping_without_time_ends_too),
		queue_test(stopping_leaves_a_thread_that_is_stuck_in_its_write),
		queue_test(it_starts_again_after_it_was_stopped_in_vain),
		queue_test(
			without_the_thread_a_full_pipe_costs_lines_and_no_more),
		queue_test(a_closed_pipe_is_borne),
		queue_test(what_a_full_disk_lost_is_said_once_there_is_room),
		queue_test(stopping_writes_what_is_queued),
		queue_test(after_the_stop_lines_are_written_by_who_logs),
		queue_test(what_is_started_twice_is_stopped_once),
		queue_test(a_forked_child_writes_its_lines_itself),
		queue_test(the_last_words_before_exit_arrive),
		queue_test(lines_of_many_threads_stay_in_their_order),
	};

	alarm(300); /* where a line waits for who reads it, it is for ever */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
