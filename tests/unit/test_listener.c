/*
 * The listener: which places can be meant, and whose socket is removed at
 * the end.
 */
#include "fcgi/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

struct trial {
	char folder[64];
	char listen[256];
	struct kri_config config;
	struct kri_buffer why;
};

static int setup(void **state)
{
	struct trial *trial = calloc(1, sizeof(*trial));

	assert_non_null(trial);
	strcpy(trial->folder, "/tmp/test_listener.XXXXXX");
	assert_non_null(mkdtemp(trial->folder));
	snprintf(trial->listen, sizeof(trial->listen), "unix:%s/socket",
		 trial->folder);
	trial->config.listen = trial->listen;
	trial->config.socket_group = (char *)"";
	trial->config.socket_mode = 0600;
	trial->config.backlog = 8;
	*state = trial;
	return 0;
}

static const char *path(const struct trial *trial)
{
	return trial->listen + strlen("unix:");
}

static int teardown(void **state)
{
	struct trial *trial = *state;

	unlink(path(trial));
	assert_false(rmdir(trial->folder));
	kri_buffer_free(&trial->why);
	free(trial);
	return 0;
}

static bool exists(const struct trial *trial)
{
	struct stat status;

	return !lstat(path(trial), &status);
}

static void open_listener(struct trial *trial, struct kri_listener *listener)
{
	assert_int_equal(
		kri_listener_open(listener, &trial->config, &trial->why),
		KR_OK);
}

static int connect_to(const struct trial *trial)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path(trial));
	assert_false(connect(fd, (const struct sockaddr *)&address,
			     sizeof(address)));
	return fd;
}

static enum kr_err check(struct trial *trial, const char *listen)
{
	struct kri_config config = trial->config;
	char copy[2048];

	assert_true(strlen(listen) < sizeof(copy));
	strcpy(copy, listen);
	config.listen = copy;
	kri_buffer_clear(&trial->why);
	return kri_listener_check(&config, &trial->why);
}

static void assert_bad(struct trial *trial, const char *listen, const char *why)
{
	assert_int_equal(check(trial, listen), KR_ERR_CONFIG);
	assert_non_null(strstr(trial->why.data, why));
}

/* ---- what can be meant ------------------------------------------------ */

static void good_places_are_good(void **state)
{
	assert_int_equal(check(*state, ""), KR_OK);
	assert_int_equal(check(*state, "tcp:127.0.0.1:1"), KR_OK);
	assert_int_equal(check(*state, "tcp:localhost:65535"), KR_OK);
	assert_int_equal(check(*state, "tcp:[::1]:9000"), KR_OK);
	assert_int_equal(check(*state, "tcp:::1:9000"), KR_OK);
	assert_int_equal(check(*state, "unix:socket"), KR_OK);
	assert_int_equal(check(*state, "unix:/socket"), KR_OK);
}

static void a_port_is_a_number_from_1_to_65535(void **state)
{
	assert_bad(*state, "tcp:127.0.0.1:99999", "1 to 65535");
	assert_bad(*state, "tcp:127.0.0.1:65536", "1 to 65535");
	assert_bad(*state, "tcp:127.0.0.1:0", "1 to 65535");
	assert_bad(*state, "tcp:127.0.0.1:-1", "1 to 65535");
	assert_bad(*state, "tcp:127.0.0.1:http", "1 to 65535");
	assert_bad(*state, "tcp:127.0.0.1:", "1 to 65535");
}

static void an_address_is_host_and_port(void **state)
{
	char longest[1200];

	assert_bad(*state, "tcp:9000", "tcp:HOST:PORT");
	assert_bad(*state, "tcp::9000", "tcp:HOST:PORT");
	assert_bad(*state, "tcp:[]:9000", "tcp:HOST:PORT");
	assert_bad(*state, "tcp:[::1:9000", "tcp:HOST:PORT");
	assert_bad(*state, "tcp:", "tcp:HOST:PORT");
	assert_bad(*state, "/run/socket", "unix:PATH or tcp:HOST:PORT");
	memset(longest, 'h', sizeof(longest));
	memcpy(longest, "tcp:", 4);
	strcpy(longest + sizeof(longest) - 6, ":9000");
	assert_bad(*state, longest, "tcp:HOST:PORT");
}

static void a_path_must_be_possible(void **state)
{
	char longest[5 + 108 + 1] = "unix:";

	assert_bad(*state, "unix:", "empty");
	assert_bad(*state, "unix:/nowhere/at/all/socket", "folder");
	assert_bad(*state, "unix:/dev/null/socket", "folder");
	memset(longest + 5, 'p', 107);
	assert_int_equal(check(*state, longest), KR_OK);
	memset(longest + 5, 'p', 108);
	assert_bad(*state, longest, "longer");
}

static void a_group_must_exist(void **state)
{
	struct trial *trial = *state;

	trial->config.socket_group = (char *)"no-such-group-here";
	assert_bad(trial, "unix:socket", "no-such-group-here");
	assert_bad(trial, "", "server.socket_group");
}

static void a_check_leaves_nothing_behind(void **state)
{
	struct trial *trial = *state;

	assert_int_equal(check(trial, trial->listen), KR_OK);
	assert_false(exists(trial));
}

static void what_cannot_be_meant_is_not_opened(void **state)
{
	struct trial *trial = *state;
	struct kri_listener listener;

	strcpy(trial->listen, "tcp:127.0.0.1:99999");
	assert_int_equal(
		kri_listener_open(&listener, &trial->config, &trial->why),
		KR_ERR_CONFIG);
	assert_int_equal(listener.fd, -1);
	snprintf(trial->listen, sizeof(trial->listen), "unix:%s/socket",
		 trial->folder);
}

/* ---- whose socket it is ------------------------------------------------ */

static void an_own_socket_is_removed(void **state)
{
	struct trial *trial = *state;
	struct kri_listener listener;

	open_listener(trial, &listener);
	assert_true(exists(trial));
	kri_listener_close(&listener);
	assert_false(exists(trial));
	assert_int_equal(listener.fd, -1);
	kri_listener_close(&listener);
}

static void a_successors_socket_is_left(void **state)
{
	struct trial *trial = *state;
	struct kri_listener old, next;

	open_listener(trial, &old);
	/* It has stopped listening and is busy with its last requests. */
	assert_false(shutdown(old.fd, SHUT_RDWR));
	open_listener(trial, &next);
	kri_listener_close(&old);
	assert_true(exists(trial));
	close(connect_to(trial));
	kri_listener_close(&next);
	assert_false(exists(trial));
}

static void a_living_servers_socket_is_not_taken(void **state)
{
	struct trial *trial = *state;
	struct kri_listener first, second;

	open_listener(trial, &first);
	assert_int_equal(
		kri_listener_open(&second, &trial->config, &trial->why),
		KR_ERR_SYSTEM);
	assert_non_null(strstr(trial->why.data, "another server"));
	assert_true(exists(trial));
	kri_listener_close(&first);
}

/* One that is stopped answers nobody, but is not dead. */
static void a_server_with_a_full_queue_lives(void **state)
{
	struct trial *trial = *state;
	struct kri_listener first, second;
	int clients[2];

	trial->config.backlog = 1;
	open_listener(trial, &first);
	for (int i = 0; i < 2; i++)
		clients[i] = connect_to(trial);
	assert_int_equal(
		kri_listener_open(&second, &trial->config, &trial->why),
		KR_ERR_SYSTEM);
	for (int i = 0; i < 2; i++)
		close(clients[i]);
	kri_listener_close(&first);
}

/* ---- accepting -------------------------------------------------------- */

static void connections_block_nobody_and_end_with_the_program(void **state)
{
	struct trial *trial = *state;
	struct kri_listener listener;
	int client, fd;

	open_listener(trial, &listener);
	assert_int_equal(kri_listener_accept(&listener), -1);
	assert_int_equal(errno, EAGAIN);
	client = connect_to(trial);
	fd = kri_listener_accept(&listener);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	close(client);
	kri_listener_close(&listener);
}

/* ---- its name ---------------------------------------------------------- */

static void describe(const struct kri_listener *listener, struct trial *trial)
{
	kri_buffer_clear(&trial->why);
	kri_listener_describe(listener, &trial->why);
}

static void a_socket_is_described_by_its_path(void **state)
{
	struct trial *trial = *state;
	struct kri_listener listener;

	open_listener(trial, &listener);
	describe(&listener, trial);
	assert_string_equal(trial->why.data, trial->listen);
	kri_listener_close(&listener);
}

static void a_port_is_described_by_address_and_number(void **state)
{
	struct trial *trial = *state;
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct kri_listener listener = {.fd = socket(AF_INET, SOCK_STREAM, 0)};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_false(bind(listener.fd, (struct sockaddr *)&address,
			  sizeof(address)));
	describe(&listener, trial);
	assert_int_equal(strncmp(trial->why.data, "tcp:127.0.0.1:", 14), 0);
	assert_true(atoi(trial->why.data + 14) > 0);
	kri_listener_close(&listener);
}

static void an_abstract_name_is_described_with_its_sign(void **state)
{
	struct trial *trial = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct kri_listener listener = {.fd = socket(AF_UNIX, SOCK_STREAM, 0)};

	memcpy(address.sun_path, "\0kr-test", 8);
	assert_false(
		bind(listener.fd, (struct sockaddr *)&address,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 8)));
	describe(&listener, trial);
	assert_string_equal(trial->why.data, "unix:@kr-test");
	kri_listener_close(&listener);
}

/* ---- in other hands ---------------------------------------------------- */

static void a_listener_that_is_left_keeps_its_file(void **state)
{
	struct trial *trial = *state;
	struct kri_listener listener;

	open_listener(trial, &listener);
	kri_listener_leave(&listener);
	assert_int_equal(listener.fd, -1);
	assert_true(exists(trial));
}

static void one_that_is_released_is_open_still(void **state)
{
	struct trial *trial = *state;
	struct kri_listener listener;
	int fd;

	open_listener(trial, &listener);
	fd = listener.fd;
	kri_listener_release(&listener);
	kri_listener_close(&listener);
	assert_true(kri_listener_is(fd));
	assert_true(exists(trial));
	close(fd);
}

static void who_owns_the_file_removes_it(void **state)
{
	struct trial *trial = *state;
	struct kri_listener first, second;

	open_listener(trial, &first);
	second = (struct kri_listener){.fd = dup(first.fd)};
	assert_int_equal(kri_listener_own(&second, &trial->config, first.device,
					  first.inode),
			 KR_OK);
	kri_listener_leave(&first);
	kri_listener_close(&second);
	assert_false(exists(trial));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(good_places_are_good),
		TEST(a_port_is_a_number_from_1_to_65535),
		TEST(an_address_is_host_and_port),
		TEST(a_path_must_be_possible),
		TEST(a_group_must_exist),
		TEST(a_check_leaves_nothing_behind),
		TEST(what_cannot_be_meant_is_not_opened),
		TEST(an_own_socket_is_removed),
		TEST(a_successors_socket_is_left),
		TEST(a_living_servers_socket_is_not_taken),
		TEST(a_server_with_a_full_queue_lives),
		TEST(connections_block_nobody_and_end_with_the_program),
		TEST(a_socket_is_described_by_its_path),
		TEST(a_port_is_described_by_address_and_number),
		TEST(an_abstract_name_is_described_with_its_sign),
		TEST(a_listener_that_is_left_keeps_its_file),
		TEST(one_that_is_released_is_open_still),
		TEST(who_owns_the_file_removes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
