/*
 * Configuration: the three places that options come from, which of them
 * wins, what is said of a mistake, and that no secret is ever said.
 */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"

struct fixture {
	struct kri_config config;
	struct kri_buffer why;
	char path[64]; /* a file of ours, empty at first */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int file;

	if (!f || kri_config_init(&f->config))
		return -1;
	strcpy(f->path, "/tmp/krsession-test-config-XXXXXX");
	file = mkstemp(f->path);
	if (file < 0)
		return -1;
	close(file);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	kri_config_free(&f->config);
	kri_buffer_free(&f->why);
	free(f);
	return 0;
}

static void write_file(struct fixture *f, struct kri_text text)
{
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
	assert_int_equal(fclose(file), 0);
}

static enum kr_err load_text(struct fixture *f, struct kri_text text)
{
	write_file(f, text);
	return kri_config_file(&f->config, f->path, &f->why);
}

static enum kr_err load(struct fixture *f, const char *text)
{
	return load_text(f, kri_text_of(text));
}

static enum kr_err assign(struct fixture *f, const char *text)
{
	return kri_config_assign(&f->config, text, &f->why);
}

/* One environment variable, or two. */
static enum kr_err surround(struct fixture *f, const char *one, const char *two)
{
	char *variables[] = {(char *)(uintptr_t)one, (char *)(uintptr_t)two,
			     NULL};

	return kri_config_environment(&f->config, variables, &f->why);
}

static void assert_why(struct fixture *f, const char *expected)
{
	assert_non_null(f->why.data);
	assert_string_equal(f->why.data, expected);
}

static void assert_why_has(struct fixture *f, const char *part)
{
	assert_non_null(f->why.data);
	if (!strstr(f->why.data, part))
		fail_msg("\"%s\" is not in: %s", part, f->why.data);
}

static void assert_silent_about(struct fixture *f, const char *secret)
{
	assert_non_null(f->why.data);
	if (strstr(f->why.data, secret))
		fail_msg("a secret is in: %s", f->why.data);
}

/* What the file, whose name is another in each test, is refused with. */
static void assert_file_refused(struct fixture *f, const char *text,
				const char *expected)
{
	assert_int_equal(load(f, text), KR_ERR_CONFIG);
	assert_int_equal(strncmp(f->why.data, f->path, strlen(f->path)), 0);
	assert_string_equal(f->why.data + strlen(f->path), expected);
}

/* ---- defaults --------------------------------------------------------- */

static void the_defaults_are_those_of_the_manual(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(f->config.listen, "");
	assert_int_equal(f->config.socket_mode, 0660);
	assert_int_equal(f->config.workers, 0);
	assert_int_equal(f->config.threads, 4);
	assert_int_equal(f->config.batch, 32);
	assert_int_equal(f->config.log_level, KRI_LOG_INFO);
	assert_int_equal(f->config.log_format, KRI_LOG_TEXT);
	assert_int_equal(f->config.store_kind, KRI_STORE_REDIS);
	assert_int_equal(f->config.memory_limit, 67108864);
	assert_int_equal(f->config.idle_timeout, 1200000);
	assert_int_equal(f->config.absolute_timeout, 86400000);
	assert_int_equal(f->config.max_size, 262144);
	assert_string_equal(f->config.cookie_name, "__Host-krsession");
	assert_int_equal(f->config.cookie_http_only, 1);
	assert_int_equal(f->config.cookie_same_site, KRI_SAME_SITE_LAX);
	assert_int_equal(f->config.cookie_secure, KRI_SECURE_ALWAYS);
	assert_string_equal(f->config.redis_endpoint, "redis://127.0.0.1:6379");
	assert_int_equal(f->config.redis_abort_on_connect_fail, 0);
}

static void the_defaults_go_together(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kri_config_check(&f->config, &f->why), KR_OK);
	assert_int_equal(kri_config_resolve(&f->config, &f->why), KR_OK);
}

/* ---- files ------------------------------------------------------------ */

static void a_file_sets_options(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "# a comment\n"
				 "[session]\n"
				 "idle_timeout = 20s\n"
				 "\n"
				 "[log]\n"
				 "level=debug ; another\n"
				 "[redis]\n"
				 "instance_name : KestrunSession_\n"),
			 KR_OK);
	assert_int_equal(f->config.idle_timeout, 20000);
	assert_int_equal(f->config.log_level, KRI_LOG_DEBUG);
	assert_string_equal(f->config.redis_instance_name, "KestrunSession_");
}

static void an_empty_file_changes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, ""), KR_OK);
	assert_int_equal(f->config.idle_timeout, 1200000);
}

static void a_file_may_come_from_windows(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "\xef\xbb\xbf[redis]\r\nuser = max\r\n"),
			 KR_OK);
	assert_string_equal(f->config.redis_user, "max");
}

static void a_last_line_needs_no_end(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "[redis]\nuser = max"), KR_OK);
	assert_string_equal(f->config.redis_user, "max");
}

static void an_indented_line_is_a_line_like_any_other(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "[session]\n"
				 "  idle_timeout = 30s\n"
				 "  io_timeout = 3s\n"),
			 KR_OK);
	assert_int_equal(f->config.idle_timeout, 30000);
	assert_int_equal(f->config.io_timeout, 3000);
}

static void a_value_may_be_empty(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "[redis]\ninstance_name =\n"), KR_OK);
	assert_string_equal(f->config.redis_instance_name, "");
}

static void auto_is_zero_workers(void **state)
{
	struct fixture *f = *state;

	f->config.workers = 7;
	assert_int_equal(load(f, "[server]\nworkers = auto\n"), KR_OK);
	assert_int_equal(f->config.workers, 0);
}

static void a_bad_value_is_named_with_file_and_line(void **state)
{
	assert_file_refused(*state, "[session]\n\n# here\nidle_timeout = 20x\n",
			    ":4: session.idle_timeout = 20x: must be a time "
			    "from 1s to 365d, such as 20m");
}

static void the_allowed_words_are_named(void **state)
{
	assert_file_refused(*state, "[log]\nlevel = loud\n",
			    ":2: log.level = loud: must be one of error, "
			    "warning, info, debug");
}

static void a_misspelt_option_is_put_right(void **state)
{
	assert_file_refused(*state, "[session]\nidle_timout = 20s\n",
			    ":2: session.idle_timout: no such option; did "
			    "you mean session.idle_timeout?");
}

static void a_misspelt_section_is_put_right(void **state)
{
	assert_file_refused(*state, "[sesion]\nidle_timeout = 20s\n",
			    ":2: sesion.idle_timeout: no such option; did "
			    "you mean session.idle_timeout?");
}

static void an_unknown_option_names_those_of_its_section(void **state)
{
	assert_file_refused(*state, "[log]\ncolour = red\n",
			    ":2: log.colour: no such option; this section "
			    "has level, format");
}

static void an_unknown_section_names_those_there_are(void **state)
{
	assert_file_refused(*state, "[mail]\nfrom = me\n",
			    ":2: mail.from: no such section; there are "
			    "server, log, store, session, cookie, redis, "
			    "postgresql");
}

static void an_option_outside_of_any_section_is_refused(void **state)
{
	assert_file_refused(*state, "idle_timeout = 20s\n",
			    ":1: idle_timeout: stands in no section; there "
			    "are server, log, store, session, cookie, redis, "
			    "postgresql");
}

static void an_option_set_twice_names_both_lines(void **state)
{
	assert_file_refused(*state, "[log]\nlevel = info\nlevel = debug\n",
			    ":3: log.level: is set on line 2 already; must "
			    "be there once");
}

static void a_line_that_sets_nothing_is_refused(void **state)
{
	assert_file_refused(*state, "[log]\nlevel\n",
			    ":2: must be [section], key = value, or a "
			    "comment that begins with #");
}

static void a_section_that_is_not_closed_is_refused_on_its_line(void **state)
{
	assert_file_refused(*state, "[log]\n[server\nworkers = 4\n",
			    ":2: must be [section], key = value, or a "
			    "comment that begins with #");
}

static void a_line_that_sets_nothing_is_refused_before_later_ones(void **state)
{
	assert_file_refused(*state, "[log]\nlevel\ncolour = red\n",
			    ":2: must be [section], key = value, or a "
			    "comment that begins with #");
}

static void only_the_first_mistake_is_told(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "[log]\nlevel = a\nformat = b\n"),
			 KR_ERR_CONFIG);
	assert_null(strstr(f->why.data, "format"));
}

static void a_line_holds_the_longest_value_there_is(void **state)
{
	struct fixture *f = *state;
	char text[4200] = "[redis]\nendpoint = ";

	memset(text + strlen(text), 'x', 4096);
	assert_int_equal(load(f, text), KR_OK);
	assert_int_equal(strlen(f->config.redis_endpoint), 4096);
}

static void a_line_too_long_to_read_is_not_cut(void **state)
{
	struct fixture *f = *state;
	char text[9100] = "[redis]\ninstance_name = ";

	memset(text + strlen(text), 'x', 9000);
	assert_int_equal(load(f, text), KR_ERR_CONFIG);
	assert_why_has(f, ":2: must be a line of at most 8190 bytes, ");
	assert_string_equal(f->config.redis_instance_name, "krsession:");
}

static void a_line_with_a_nul_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load_text(f, KRI_TEXT("[redis]\nuser = a\0b\n")),
			 KR_ERR_CONFIG);
	assert_why_has(f, ":2: ");
	assert_string_equal(f->config.redis_user, "");
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "[log]\nlevel = \x1b[2J\n"), KR_ERR_CONFIG);
	assert_why_has(f, ": log.level = ?[2J: must be ");
}

static void a_file_that_is_not_there_is_named(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		kri_config_file(&f->config, "/nonexistent/x.conf", &f->why),
		KR_ERR_CONFIG);
	assert_why(f, "/nonexistent/x.conf: cannot be read: No such file or "
		      "directory");
}

static void a_folder_is_no_file(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kri_config_file(&f->config, "/", &f->why),
			 KR_ERR_CONFIG);
	assert_why(f, "/: cannot be read: Is a directory");
}

static void the_whole_sample_can_be_loaded_uncommented(void **state)
{
	struct fixture *f = *state;
	struct kri_buffer sample = KRI_BUFFER_EMPTY;
	char *at;

	kri_config_sample(&sample);
	for (at = sample.data; (at = strstr(at, "\n#")); at += 2)
		if (at[2] >= 'a' && at[2] <= 'z')
			at[1] = ' ';
	assert_int_equal(load(f, sample.data), KR_OK);
	assert_string_equal(f->config.cookie_name, "__Host-krsession");
	assert_int_equal(kri_config_check(&f->config, &f->why), KR_OK);
	kri_buffer_free(&sample);
}

/* ---- the environment -------------------------------------------------- */

static void a_variable_sets_an_option(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		surround(f, "KRSESSION_SESSION_IDLE_TIMEOUT=30s", "PATH=/bin"),
		KR_OK);
	assert_int_equal(f->config.idle_timeout, 30000);
}

static void the_urls_of_hosting_platforms_are_the_endpoint(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(surround(f, "REDIS_URL=redis://a", NULL), KR_OK);
	assert_string_equal(f->config.redis_endpoint, "redis://a");
	assert_int_equal(surround(f, "UPSTASH_REDIS_URL=redis://b", NULL),
			 KR_OK);
	assert_string_equal(f->config.redis_endpoint, "redis://b");
}

static void upstash_wins_over_the_other_url_in_any_order(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(surround(f, "UPSTASH_REDIS_URL=redis://b",
				  "REDIS_URL=redis://a"),
			 KR_OK);
	assert_string_equal(f->config.redis_endpoint, "redis://b");
}

static void our_own_variable_wins_over_the_urls_in_any_order(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(surround(f, "KRSESSION_REDIS_ENDPOINT=redis://c",
				  "UPSTASH_REDIS_URL=redis://b"),
			 KR_OK);
	assert_string_equal(f->config.redis_endpoint, "redis://c");
}

static void an_empty_url_is_as_good_as_none(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		surround(f, "REDIS_URL=redis://a", "UPSTASH_REDIS_URL="),
		KR_OK);
	assert_string_equal(f->config.redis_endpoint, "redis://a");
}

static void other_variables_are_left_alone(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(surround(f, "KRSESSIONX=1", "REDIS_URLS=x"), KR_OK);
	assert_int_equal(surround(f, "no equals sign", ""), KR_OK);
	assert_string_equal(f->config.redis_endpoint, "redis://127.0.0.1:6379");
}

static void a_bad_variable_is_named(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(surround(f, "KRSESSION_SERVER_BATCH=0", NULL),
			 KR_ERR_CONFIG);
	assert_why(f, "environment KRSESSION_SERVER_BATCH: server.batch = 0: "
		      "must be a number of requests from 1 to 256");
}

static void a_misspelt_variable_is_put_right(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(surround(f, "KRSESSION_LOG_LEVLE=info", NULL),
			 KR_ERR_CONFIG);
	assert_why(f, "environment KRSESSION_LOG_LEVLE: names no option; did "
		      "you mean KRSESSION_LOG_LEVEL?");
}

static void a_variable_that_names_nothing_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(surround(f, "KRSESSION_=1", NULL), KR_ERR_CONFIG);
	assert_why(f, "environment KRSESSION_: names no option");
}

/* ---- the command line ------------------------------------------------- */

static void an_assignment_sets_an_option(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(assign(f, "server.threads=8"), KR_OK);
	assert_int_equal(f->config.threads, 8);
}

static void a_value_may_hold_the_sign_that_ends_the_key(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(assign(f, "redis.endpoint=h:1,password=a=b"), KR_OK);
	assert_string_equal(f->config.redis_endpoint, "h:1,password=a=b");
}

static void a_bad_assignment_is_named(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(assign(f, "session.idle_timeout=20x"), KR_ERR_CONFIG);
	assert_why(f, "-o session.idle_timeout=20x: must be a time from 1s "
		      "to 365d, such as 20m");
}

static void an_assignment_without_value_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(assign(f, "log.level"), KR_ERR_CONFIG);
	assert_why(f, "-o log.level: must be followed by =VALUE");
}

static void an_assignment_of_nothing_is_refused(void **state)
{
	static const char *const nothings[] = {
		"", "=", ".", ".=", "=.", "=x", ".=x", "log", "log.=x"};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(nothings) / sizeof(nothings[0]); i++)
		assert_int_equal(assign(f, nothings[i]), KR_ERR_CONFIG);
}

static void a_long_value_is_shown_in_part(void **state)
{
	struct fixture *f = *state;
	char text[9000] = "log.level=";

	memset(text + strlen(text), 'x', 8000);
	assert_int_equal(assign(f, text), KR_ERR_CONFIG);
	assert_true(f->why.len < 200);
	assert_why_has(f, "xxx...: must be ");
}

static void a_refused_assignment_changes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(assign(f, "session.idle_timeout=0"), KR_ERR_CONFIG);
	assert_int_equal(f->config.idle_timeout, 1200000);
}

static void the_later_place_wins(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "[server]\nbatch = 1\nbacklog = 1\n"
				 "threads = 1\n"),
			 KR_OK);
	assert_int_equal(surround(f, "KRSESSION_SERVER_BATCH=2",
				  "KRSESSION_SERVER_BACKLOG=2"),
			 KR_OK);
	assert_int_equal(assign(f, "server.batch=3"), KR_OK);
	assert_int_equal(f->config.batch, 3);
	assert_int_equal(f->config.backlog, 2);
	assert_int_equal(f->config.threads, 1);
}

/* ---- secrets ---------------------------------------------------------- */

static void a_bad_password_is_not_shown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(assign(f, "redis.password=hunter2\n"), KR_ERR_CONFIG);
	assert_why_has(f, "-o redis.password: must be ");
	assert_silent_about(f, "hunter2");
}

static void a_bad_endpoint_is_not_shown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(surround(f, "REDIS_URL=redis://u:hunter2\n@h", NULL),
			 KR_ERR_CONFIG);
	assert_why_has(f, "environment REDIS_URL: redis.endpoint: must be ");
	assert_silent_about(f, "hunter2");
}

static void the_value_of_a_misspelt_option_is_not_shown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(assign(f, "redis.pasword=hunter2"), KR_ERR_CONFIG);
	assert_int_equal(surround(f, "KRSESSION_REDIS_PASWORD=hunter2", NULL),
			 KR_ERR_CONFIG);
	assert_int_equal(load(f, "[redis]\npasword = hunter2\n"),
			 KR_ERR_CONFIG);
	assert_silent_about(f, "hunter2");
}

static void a_url_in_the_place_of_a_name_is_not_shown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(assign(f, "redis://u:hunter2@h.example/0?a=b"),
			 KR_ERR_CONFIG);
	assert_int_equal(load(f, "[redis]\nredis://u:hunter2@h.example/0\n"),
			 KR_ERR_CONFIG);
	assert_silent_about(f, "hunter2");
}

static void a_password_comes_from_the_first_line_of_its_file(void **state)
{
	struct fixture *f = *state;

	write_file(f, KRI_TEXT("hunter2\r\nand a remark\n"));
	free(f->config.redis_password_file);
	f->config.redis_password_file = strdup(f->path);
	assert_int_equal(kri_config_resolve(&f->config, &f->why), KR_OK);
	assert_string_equal(f->config.redis_password, "hunter2");
}

/* Resolves with that as the password file. */
static void assert_password_file_refused(struct fixture *f,
					 struct kri_text text)
{
	write_file(f, text);
	free(f->config.redis_password_file);
	f->config.redis_password_file = strdup(f->path);
	assert_int_equal(kri_config_resolve(&f->config, &f->why),
			 KR_ERR_CONFIG);
	assert_why_has(f, f->path);
	assert_string_equal(f->config.redis_password, "");
}

static void a_password_file_may_not_be_empty(void **state)
{
	assert_password_file_refused(*state, KRI_TEXT(""));
	assert_password_file_refused(*state, KRI_TEXT("\nsecond line"));
}

static void a_password_file_may_not_be_binary(void **state)
{
	assert_password_file_refused(*state, KRI_TEXT("hunter2\0x\n"));
	assert_silent_about(*state, "hunter2");
}

static void a_password_file_may_not_be_endless(void **state)
{
	struct fixture *f = *state;
	char text[5000];

	memset(text, 'x', sizeof(text));
	assert_password_file_refused(f, kri_text(text, sizeof(text)));
	assert_silent_about(f, "xxxxxxx");
}

static void a_password_file_that_is_not_there_is_named(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(assign(f, "redis.password_file=/nonexistent"), KR_OK);
	assert_int_equal(kri_config_resolve(&f->config, &f->why),
			 KR_ERR_CONFIG);
	assert_why(f, "redis.password_file = /nonexistent: cannot be read: No "
		      "such file or directory");
}

/* ---- rules between options -------------------------------------------- */

static void assert_check_refuses(struct fixture *f, const char *expected)
{
	assert_int_equal(kri_config_check(&f->config, &f->why), KR_ERR_CONFIG);
	assert_why(f, expected);
}

static void a_value_must_fit_into_a_session(void **state)
{
	struct fixture *f = *state;

	f->config.max_value = f->config.max_size + 1024;
	assert_check_refuses(f, "session.max_value = 257KiB: must not be more "
				"than session.max_size = 256KiB");
}

static void a_session_must_fit_into_the_memory_store(void **state)
{
	struct fixture *f = *state;

	f->config.memory_limit = 1 << 20;
	f->config.max_size = 2 << 20;
	assert_int_equal(kri_config_check(&f->config, &f->why), KR_OK);
	f->config.store_kind = KRI_STORE_MEMORY;
	assert_check_refuses(f, "session.max_size = 2MiB: must not be more "
				"than store.memory_limit = 1MiB");
}

static void the_idle_timeout_must_fit_into_the_absolute_one(void **state)
{
	struct fixture *f = *state;

	f->config.absolute_timeout = 60000;
	assert_check_refuses(f, "session.idle_timeout = 20m: must not be more "
				"than session.absolute_timeout = 1m");
}

static void no_absolute_timeout_suits_any_idle_timeout(void **state)
{
	struct fixture *f = *state;

	f->config.absolute_timeout = 0;
	assert_int_equal(kri_config_check(&f->config, &f->why), KR_OK);
}

static void a_password_comes_from_one_place(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(assign(f, "redis.password=hunter2"), KR_OK);
	assert_int_equal(assign(f, "redis.password_file=/x"), KR_OK);
	assert_check_refuses(f, "redis.password, redis.password_file: must "
				"not both be given");
}

#define config_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		config_test(the_defaults_are_those_of_the_manual),
		config_test(the_defaults_go_together),
		config_test(a_file_sets_options),
		config_test(an_empty_file_changes_nothing),
		config_test(a_file_may_come_from_windows),
		config_test(a_last_line_needs_no_end),
		config_test(an_indented_line_is_a_line_like_any_other),
		config_test(a_value_may_be_empty),
		config_test(auto_is_zero_workers),
		config_test(a_bad_value_is_named_with_file_and_line),
		config_test(the_allowed_words_are_named),
		config_test(a_misspelt_option_is_put_right),
		config_test(a_misspelt_section_is_put_right),
		config_test(an_unknown_option_names_those_of_its_section),
		config_test(an_unknown_section_names_those_there_are),
		config_test(an_option_outside_of_any_section_is_refused),
		config_test(an_option_set_twice_names_both_lines),
		config_test(a_line_that_sets_nothing_is_refused),
		config_test(
			a_section_that_is_not_closed_is_refused_on_its_line),
		config_test(
			a_line_that_sets_nothing_is_refused_before_later_ones),
		config_test(only_the_first_mistake_is_told),
		config_test(a_line_holds_the_longest_value_there_is),
		config_test(a_line_too_long_to_read_is_not_cut),
		config_test(a_line_with_a_nul_is_refused),
		config_test(control_characters_do_not_reach_the_terminal),
		config_test(a_file_that_is_not_there_is_named),
		config_test(a_folder_is_no_file),
		config_test(the_whole_sample_can_be_loaded_uncommented),
		config_test(a_variable_sets_an_option),
		config_test(the_urls_of_hosting_platforms_are_the_endpoint),
		config_test(upstash_wins_over_the_other_url_in_any_order),
		config_test(our_own_variable_wins_over_the_urls_in_any_order),
		config_test(an_empty_url_is_as_good_as_none),
		config_test(other_variables_are_left_alone),
		config_test(a_bad_variable_is_named),
		config_test(a_misspelt_variable_is_put_right),
		config_test(a_variable_that_names_nothing_is_refused),
		config_test(an_assignment_sets_an_option),
		config_test(a_value_may_hold_the_sign_that_ends_the_key),
		config_test(a_bad_assignment_is_named),
		config_test(an_assignment_without_value_is_refused),
		config_test(an_assignment_of_nothing_is_refused),
		config_test(a_long_value_is_shown_in_part),
		config_test(a_refused_assignment_changes_nothing),
		config_test(the_later_place_wins),
		config_test(a_bad_password_is_not_shown),
		config_test(a_bad_endpoint_is_not_shown),
		config_test(the_value_of_a_misspelt_option_is_not_shown),
		config_test(a_url_in_the_place_of_a_name_is_not_shown),
		config_test(a_password_comes_from_the_first_line_of_its_file),
		config_test(a_password_file_may_not_be_empty),
		config_test(a_password_file_may_not_be_binary),
		config_test(a_password_file_may_not_be_endless),
		config_test(a_password_file_that_is_not_there_is_named),
		config_test(a_value_must_fit_into_a_session),
		config_test(a_session_must_fit_into_the_memory_store),
		config_test(the_idle_timeout_must_fit_into_the_absolute_one),
		config_test(no_absolute_timeout_suits_any_idle_timeout),
		config_test(a_password_comes_from_one_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
