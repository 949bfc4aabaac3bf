/*
 * The handover: what goes through the environment and comes out again, and
 * what of the configuration must not change.
 */
#include "fcgi/handover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define VARIABLE "KRSESSION_RELOAD"

static char unix_listen[] = "unix:/run/with a space/socket";
static char no_group[] = "", group[] = "www-data";
static char other[] = "tcp:127.0.0.1:9000";
static char name[] = "program";
static char *argv[] = {name, NULL};

struct trial {
	struct kri_handover given, taken;
	struct kri_config config;
	struct kri_buffer why;
};

static int setup(void **state)
{
	struct trial *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	t->given = (struct kri_handover){
		.argv = argv,
		.role = KRI_ROLE_STAND_IN,
		.listener = 97, /* none of these is open here */
		.channel = 98,
		.pid = 4711,
		.device = 0xfffffffff,
		.inode = INT64_MAX,
		.since = 123456789012,
		.mode = 0660,
		.group = no_group,
		.listen = unix_listen,
	};
	t->config = (struct kri_config){
		.listen = unix_listen,
		.socket_mode = 0660,
		.socket_group = no_group,
	};
	unsetenv(VARIABLE);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct trial *t = *state;

	kri_handover_free(&t->taken);
	kri_buffer_free(&t->why);
	free(t);
	return 0;
}

/* The member of that name, or NULL. */
static const char *find(char **env, const char *variable)
{
	size_t len = strlen(variable);

	for (; *env; env++)
		if (!strncmp(*env, variable, len) && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

static void free_environment(char **env)
{
	free(env[0]);
	free(env);
}

static enum kr_err take(struct trial *t, const char *value)
{
	if (value)
		setenv(VARIABLE, value, 1);
	kri_buffer_clear(&t->why);
	return kri_handover_take(&t->taken, argv, &t->why);
}

static void pass(struct trial *t)
{
	char **env = kri_handover_environment(&t->given);
	enum kr_err err;

	assert_non_null(env);
	err = take(t, find(env, VARIABLE));
	free_environment(env);
	assert_int_equal(err, KR_OK);
}

/* ---- the variable ----------------------------------------------------- */

static void without_the_variable_a_process_is_the_only_one(void **state)
{
	struct trial *t = *state;

	assert_int_equal(take(t, NULL), KR_OK);
	assert_int_equal(t->taken.role, KRI_ROLE_ONLY);
	assert_int_equal(t->taken.channel, -1);
	assert_ptr_equal(t->taken.argv, argv);
}

static void what_is_handed_over_arrives(void **state)
{
	struct trial *t = *state;
	const struct kri_handover *a = &t->given, *b = &t->taken;

	pass(t);
	assert_int_equal(b->role, a->role);
	assert_int_equal(b->listener, a->listener);
	assert_int_equal(b->channel, a->channel);
	assert_int_equal(b->pid, a->pid);
	assert_int_equal(b->device, a->device);
	assert_int_equal(b->inode, a->inode);
	assert_int_equal(b->since, a->since);
	assert_int_equal(b->mode, a->mode);
	assert_string_equal(b->group, a->group);
	assert_string_equal(b->listen, a->listen);
	assert_ptr_equal(b->argv, argv);
}

static void so_does_a_group_and_no_channel(void **state)
{
	struct trial *t = *state;

	t->given.role = KRI_ROLE_SUCCESSOR;
	t->given.group = group;
	t->given.channel = -1;
	pass(t);
	assert_int_equal(t->taken.role, KRI_ROLE_SUCCESSOR);
	assert_string_equal(t->taken.group, group);
	assert_int_equal(t->taken.channel, -1);
}

static void who_has_read_it_has_it_no_more(void **state)
{
	pass(*state);
	assert_null(getenv(VARIABLE));
}

static void another_form_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"nonsense",
		"2 1 97 98 1 0 0 0 432 : unix:s",
		"1 0 97 98 1 0 0 0 432 : unix:s",
		"1 3 97 98 1 0 0 0 432 : unix:s",
		"1 1 97 98 1 0 0 0 432 :",
		"1 1 97 98 1 0 0 0 432 unix:s",
		"1 1 97 x 1 0 0 0 432 : unix:s",
		"1 1 97 98 1 0 0 0",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct trial *t = *state;

		assert_int_equal(take(t, bad[i]), KR_ERR_CONFIG);
		assert_non_null(strstr(t->why.data, "another version"));
		assert_int_equal(t->taken.role, KRI_ROLE_ONLY);
		assert_null(getenv(VARIABLE));
	}
}

/* ---- the environment -------------------------------------------------- */

static void an_environment_has_it_once(void **state)
{
	struct trial *t = *state;
	char **env;
	int n = 0;

	setenv(VARIABLE, "old", 1);
	setenv("KRSESSION_TEST", "kept", 1);
	env = kri_handover_environment(&t->given);
	assert_non_null(env);
	for (size_t i = 0; env[i]; i++)
		n += !strncmp(env[i], VARIABLE "=", sizeof(VARIABLE));
	assert_int_equal(n, 1);
	assert_string_not_equal(find(env, VARIABLE), "old");
	assert_string_equal(find(env, "KRSESSION_TEST"), "kept");
	free_environment(env);
	unsetenv("KRSESSION_TEST");
}

/* The manager's are for the process that it knows, before and after. */
static void the_managers_variables_are_not_for_a_stand_in(void **state)
{
	static const char *const names[] = {
		"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
		"LISTEN_PID",    "LISTEN_FDS",    "LISTEN_FDNAMES",
	};
	struct trial *t = *state;
	char **env[2];

	for (size_t i = 0; i < 6; i++)
		setenv(names[i], "1", 1);
	env[0] = kri_handover_environment(&t->given);
	t->given.role = KRI_ROLE_SUCCESSOR;
	env[1] = kri_handover_environment(&t->given);
	for (size_t i = 0; i < 6; i++) {
		assert_null(find(env[0], names[i]));
		assert_string_equal(find(env[1], names[i]), "1");
		unsetenv(names[i]);
	}
	free_environment(env[0]);
	free_environment(env[1]);
}

/* ---- the configuration ------------------------------------------------ */

static enum kr_err check(struct trial *t)
{
	kri_buffer_clear(&t->why);
	return kri_handover_check(&t->given, &t->config, &t->why);
}

static void the_same_socket_is_good(void **state)
{
	assert_int_equal(check(*state), KR_OK);
}

static void another_socket_is_refused(void **state)
{
	struct trial *t = *state;

	t->config.listen = other;
	assert_int_equal(check(t), KR_ERR_CONFIG);
	assert_non_null(strstr(t->why.data, "server.listen is 'tcp:127.0.0.1:"
					    "9000' and was 'unix:/run/with "));
}

static void so_is_another_mode_or_group_of_its_file(void **state)
{
	struct trial *t = *state;

	t->config.socket_mode = 0600;
	assert_int_equal(check(t), KR_ERR_CONFIG);
	assert_non_null(strstr(t->why.data,
			       "server.socket_mode is '0600' and was '0660'"));
	t->config.socket_mode = 0660;
	t->config.socket_group = group;
	assert_int_equal(check(t), KR_ERR_CONFIG);
	assert_non_null(strstr(t->why.data, "server.socket_group"));
}

static void a_socket_without_a_file_has_neither(void **state)
{
	struct trial *t = *state;

	t->given.listen = t->config.listen = other;
	t->config.socket_mode = 0600;
	t->config.socket_group = group;
	assert_int_equal(check(t), KR_OK);
}

static void sessions_in_memory_are_refused(void **state)
{
	struct trial *t = *state;

	t->config.store_kind = KRI_STORE_MEMORY;
	assert_int_equal(check(t), KR_ERR_CONFIG);
	assert_non_null(strstr(t->why.data, "store.kind = memory"));
}

static void an_only_process_may_have_any(void **state)
{
	struct trial *t = *state;

	t->given.role = KRI_ROLE_ONLY;
	t->config.listen = other;
	t->config.store_kind = KRI_STORE_MEMORY;
	assert_int_equal(check(t), KR_OK);
}

/* ---- the program ------------------------------------------------------ */

static void the_program_is_this_file_by_its_name(void **state)
{
	struct trial *t = *state;
	const char *program = kri_handover_program(&t->given);
	char mine[4096], found[4096];

	assert_non_null(realpath("/proc/self/exe", mine));
	assert_non_null(realpath(program, found));
	assert_string_equal(found, mine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_the_variable_a_process_is_the_only_one),
		TEST(what_is_handed_over_arrives),
		TEST(so_does_a_group_and_no_channel),
		TEST(who_has_read_it_has_it_no_more),
		TEST(another_form_is_refused),
		TEST(an_environment_has_it_once),
		TEST(the_managers_variables_are_not_for_a_stand_in),
		TEST(the_same_socket_is_good),
		TEST(another_socket_is_refused),
		TEST(so_is_another_mode_or_group_of_its_file),
		TEST(a_socket_without_a_file_has_neither),
		TEST(sessions_in_memory_are_refused),
		TEST(an_only_process_may_have_any),
		TEST(the_program_is_this_file_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
