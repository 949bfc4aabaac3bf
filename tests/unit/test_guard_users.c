/*
 * The guard: files of passwords and of groups, good and bad.
 */
#include "guard/users.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define BCRYPT "$2y$05$S2A2PoAyeVSB1QqVyU9HSuljHP84v1QUw/OxdEdtzDiW3I7o1JyWm"
#define YESCRYPT                                                               \
	"$y$j9T$C157x3UuqjueYXF7YfNLd.$xTBbo7HEnTEjBuB41Qdxx1DsxVJatJ5Mq."     \
	"durspOe84"
#define SHA512                                                                 \
	"$6$abcdefgh$M4qF0Z0yZsXn8XxWq0lVtYAC0x1F3qjYhB4nA1k9m6V2uP1jv2b1bZ3"  \
	"Z0Z5kq3wJrJ8l7hK5b0QmYwqk9G0u1/"

static char path[] = "/tmp/krsession-test-users-XXXXXX";
static char why[GUARD_WHY_MAX];

static int make_file(void **state)
{
	int file = mkstemp(path);

	(void)state;
	if (file >= 0)
		close(file);
	return file < 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void put_bytes(const char *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

static struct guard_users *users_of(const char *text)
{
	put_bytes(text, strlen(text));
	return guard_users_read(path, why);
}

static struct guard_users *groups_of(const char *text)
{
	put_bytes(text, strlen(text));
	return guard_groups_read(path, why);
}

static void is_refused(struct guard_users *users, const char *complaint)
{
	char wanted[200];

	assert_null(users);
	snprintf(wanted, sizeof(wanted), "%s%s", path, complaint);
	if (strncmp(why, wanted, strlen(wanted)) != 0)
		fail_msg("'%s' is not '%s'", why, wanted);
}

static void users_have_hashes_and_groups(void **state)
{
	struct guard_users *users = users_of("# people\n\n"
					     "max:" BCRYPT "\n"
					     "eve:" YESCRYPT ":admin,staff\r\n"
					     "j\303\266rg:" SHA512 ":\n"
					     "out:!" BCRYPT ":staff");
	const struct guard_user *user;

	(void)state;
	assert_non_null(users);
	assert_int_equal(users->n, 4);
	user = guard_users_find(users, "max");
	assert_string_equal(user->hash, BCRYPT);
	assert_null(user->groups);
	user = guard_users_find(users, "eve");
	assert_string_equal(user->hash, YESCRYPT);
	assert_string_equal(user->groups, "admin,staff");
	assert_non_null(guard_users_find(users, "j\303\266rg"));
	assert_string_equal(guard_users_find(users, "out")->hash, "!" BCRYPT);
	assert_null(guard_users_find(users, "Max"));
	assert_null(guard_users_find(users, ""));
	guard_users_free(users);
}

static void a_mark_changes_with_the_hash_and_the_name(void **state)
{
	struct guard_users *before = users_of("a:" BCRYPT "\nb:" BCRYPT "\n");
	struct guard_users *after = users_of("a:" SHA512 "\nb:" BCRYPT ":g\n");
	const char *a = guard_users_find(before, "a")->mark;
	const char *b = guard_users_find(before, "b")->mark;

	(void)state;
	assert_int_equal(strlen(a), GUARD_DIGEST_SIZE - 1);
	assert_string_not_equal(a, b);
	assert_string_not_equal(a, guard_users_find(after, "a")->mark);
	assert_string_equal(b, guard_users_find(after, "b")->mark);
	guard_users_free(before);
	guard_users_free(after);
}

static void a_bad_line_is_named(void **state)
{
	(void)state;
	is_refused(users_of("a:" BCRYPT "\nnonsense\n"), ":2: must be NAME:");
	is_refused(users_of(":" BCRYPT "\n"), ":1: must be NAME:HASH");
	is_refused(users_of("a:\n"), ":1: has no password");
	is_refused(users_of("\n\na:secret\n"), ":3: has no password");
	is_refused(users_of("a:$apr1$x$y\n"), ":1: has a password of Apache");
	is_refused(users_of("a:{SHA}x\n"), ":1: has a password of Apache");
	is_refused(users_of("a:$1$abc$def\n"), ":1: has no password");
	is_refused(users_of("a:rqXexS6ZhobKA\n"), ":1: has no password");
	is_refused(users_of("a\001b:" BCRYPT "\n"), ":1: must be NAME");
	is_refused(users_of("a\377:" BCRYPT "\n"), ":1: must be NAME");
	is_refused(users_of("a\302\205:" BCRYPT "\n"), ":1: must be NAME");
	is_refused(users_of("a:" BCRYPT ":x y\n"), ":1: must be a group");
	is_refused(users_of("a:" BCRYPT ":x:y\n"), ":1: must be a group");
	is_refused(users_of("a:" BCRYPT "\nb:" BCRYPT "\na:" BCRYPT "\n"),
		   ": has the user a twice");
}

static void what_is_no_file_of_text_is_refused(void **state)
{
	(void)state;
	put_bytes("a:\0b\n", 5);
	is_refused(guard_users_read(path, why), ": has a NUL");
	assert_null(guard_users_read("/nowhere/at/all", why));
	assert_string_equal(why, "/nowhere/at/all: cannot be read: No such "
				 "file or directory");
	assert_null(guard_users_read("/dev/zero", why));
	assert_string_equal(why, "/dev/zero: cannot be read: it is no plain "
				 "file");
	assert_null(guard_users_read("/tmp", why));
}

static void an_empty_file_has_nobody(void **state)
{
	struct guard_users *users = users_of("");

	(void)state;
	assert_non_null(users);
	assert_null(guard_users_find(users, "a"));
	guard_users_free(users);
	users = groups_of("# none\n");
	assert_non_null(users);
	assert_int_equal(users->n, 0);
	guard_users_free(users);
}

static void names_are_bounded(void **state)
{
	char name[GUARD_NAME_MAX + 2];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[GUARD_NAME_MAX + 1] = '\0';
	assert_false(guard_name_is_sound(name));
	name[GUARD_NAME_MAX] = '\0';
	assert_true(guard_name_is_sound(name));
	assert_false(guard_name_is_sound(""));
	assert_false(guard_name_is_sound("a\nb"));
	assert_false(guard_name_is_sound("\300\200"));
	assert_false(guard_name_is_sound("\355\240\200"));
	assert_false(guard_name_is_sound("\364\220\200\200"));
	assert_false(guard_name_is_sound("\342\202"));
	assert_true(guard_name_is_sound("\360\237\230\200"));
	assert_true(guard_name_is_sound("a b"));
}

static void groups_are_by_user(void **state)
{
	struct guard_users *groups = groups_of("# Apache's form\n"
					       "admin: eve\tmax  eve\n"
					       "staff: max bob\n"
					       "empty:\n"
					       "admin: bob\n");

	(void)state;
	assert_non_null(groups);
	assert_int_equal(groups->n, 3);
	assert_string_equal(guard_users_find(groups, "eve")->groups, "admin");
	assert_true(guard_groups_have(guard_users_find(groups, "max")->groups,
				      "admin"));
	assert_true(guard_groups_have(guard_users_find(groups, "max")->groups,
				      "staff"));
	assert_true(guard_groups_have(guard_users_find(groups, "bob")->groups,
				      "admin"));
	assert_null(guard_users_find(groups, "empty"));
	guard_users_free(groups);
	is_refused(groups_of("no colon\n"), ":1: must be GROUP");
	is_refused(groups_of("a b: x\n"), ":1: must be GROUP");
	is_refused(groups_of("a: x\377\n"), ":1: must be GROUP");
}

static void a_group_is_compared_whole(void **state)
{
	(void)state;
	assert_true(guard_groups_have("a,bc,d", "a"));
	assert_true(guard_groups_have("a,bc,d", "bc"));
	assert_true(guard_groups_have("a,bc,d", "d"));
	assert_false(guard_groups_have("a,bc,d", "b"));
	assert_false(guard_groups_have("a,bc,d", "c"));
	assert_false(guard_groups_have("a,bc,d", "a,bc"));
	assert_false(guard_groups_have("a,bc,d", ""));
	assert_false(guard_groups_have("", "a"));
	assert_false(guard_groups_have("", ""));
}

static void too_many_groups_are_refused(void **state)
{
	char text[3000] = "a:" BCRYPT ":";
	size_t len = strlen(text);

	(void)state;
	for (int i = 0; i < 300; i++)
		len += (size_t)sprintf(text + len, "group%d,", i);
	is_refused(users_of(text), ":1: gives a user more than 1024 bytes");
}

static void a_large_file_is_read(void **state)
{
	FILE *file = fopen(path, "w");
	struct guard_users *users;
	char name[20];

	(void)state;
	for (int i = 0; i < 20000; i++)
		fprintf(file, "user%d:" BCRYPT "\n", i * 7919 % 20000);
	fclose(file);
	users = guard_users_read(path, why);
	assert_non_null(users);
	for (int i = 0; i < 20000; i += 777) {
		sprintf(name, "user%d", i);
		assert_non_null(guard_users_find(users, name));
	}
	guard_users_free(users);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_have_hashes_and_groups),
		cmocka_unit_test(a_mark_changes_with_the_hash_and_the_name),
		cmocka_unit_test(a_bad_line_is_named),
		cmocka_unit_test(what_is_no_file_of_text_is_refused),
		cmocka_unit_test(an_empty_file_has_nobody),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(groups_are_by_user),
		cmocka_unit_test(a_group_is_compared_whole),
		cmocka_unit_test(too_many_groups_are_refused),
		cmocka_unit_test(a_large_file_is_read),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
