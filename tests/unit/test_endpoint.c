/*
 * Endpoints: what a URL says of where Redis is. What does not fit is refused
 * with a reason, never read as something else, and no reason shows the
 * password.
 */
#include "redis/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* What an endpoint should be. */
struct expected {
	const char *host;
	int port;
	const char *path;
	const char *user;
	const char *password;
	int database;
};

static void assert_string_or_null(const char *is, const char *expected)
{
	if (expected) {
		assert_non_null(is);
		assert_string_equal(is, expected);
	} else {
		assert_null(is);
	}
}

static void assert_endpoint(const char *text, struct expected expected)
{
	struct kri_endpoint is = {0};
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	assert_int_equal(kri_endpoint_parse(text, false, &is, &why), KR_OK);
	assert_int_equal(why.len, 0);
	assert_int_equal(is.n, 1);
	assert_string_or_null(is.addresses[0].host, expected.host);
	assert_int_equal(is.addresses[0].port, expected.port);
	assert_string_or_null(is.addresses[0].path, expected.path);
	assert_string_or_null(is.login.user, expected.user);
	assert_string_or_null(is.login.password, expected.password);
	assert_int_equal(is.database, expected.database);
	kri_endpoint_free(&is);
	kri_buffer_free(&why);
}

/* Refused in one line, and without having touched the output. */
static void assert_refused(const char *text)
{
	struct kri_endpoint is = {.database = -7};
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	enum kr_err err = kri_endpoint_parse(text, false, &is, &why);

	if (!err)
		print_error("not refused: %s\n", text);
	assert_int_equal(err, KR_ERR_CONFIG);
	assert_null(is.addresses);
	assert_int_equal(is.database, -7);
	assert_non_null(strstr(why.data, "redis.endpoint"));
	assert_null(strchr(why.data, '\n'));
	assert_null(strstr(why.data, "sesame"));
	kri_buffer_free(&why);
}

static struct kri_endpoint parsed(const char *text)
{
	struct kri_endpoint endpoint = {0};
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	assert_int_equal(kri_endpoint_parse(text, false, &endpoint, &why),
			 KR_OK);
	kri_buffer_free(&why);
	return endpoint;
}

static void assert_printed(const char *text, const char *expected)
{
	struct kri_endpoint endpoint = parsed(text);
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	kri_address_print(&endpoint.addresses[0], &out);
	assert_string_equal(out.data, expected);
	kri_buffer_free(&out);
	kri_endpoint_free(&endpoint);
}

/* ---- TCP -------------------------------------------------------------- */

static void a_host_alone_has_the_default_port(void **state)
{
	struct expected expected = {.host = "localhost", .port = 6379};

	(void)state;
	assert_endpoint("redis://localhost", expected);
	assert_endpoint("redis://localhost/", expected);
	assert_endpoint("redis://localhost:", expected);
}

static void a_port_and_a_database_are_read(void **state)
{
	(void)state;
	assert_endpoint("redis://r.example:6380/15",
			(struct expected){.host = "r.example",
					  .port = 6380,
					  .database = 15});
}

static void the_scheme_is_read_in_any_case(void **state)
{
	(void)state;
	assert_endpoint("REDIS://h",
			(struct expected){.host = "h", .port = 6379});
}

static void addresses_of_both_kinds_are_hosts(void **state)
{
	(void)state;
	assert_endpoint("redis://127.0.0.1:1",
			(struct expected){.host = "127.0.0.1", .port = 1});
	assert_endpoint(
		"redis://[::1]:65535/2",
		(struct expected){.host = "::1", .port = 65535, .database = 2});
}

static void user_and_password_are_read(void **state)
{
	(void)state;
	assert_endpoint("redis://max:secret@h",
			(struct expected){.host = "h",
					  .port = 6379,
					  .user = "max",
					  .password = "secret"});
}

static void a_password_may_stand_without_a_user(void **state)
{
	(void)state;
	assert_endpoint("redis://:secret@h",
			(struct expected){.host = "h",
					  .port = 6379,
					  .password = "secret"});
}

static void a_user_may_stand_without_a_password(void **state)
{
	(void)state;
	assert_endpoint(
		"redis://max@h",
		(struct expected){.host = "h", .port = 6379, .user = "max"});
}

static void user_and_password_are_percent_decoded(void **state)
{
	(void)state;
	assert_endpoint("redis://m%40x:a%2Fb%3ac%25+d@h",
			(struct expected){.host = "h",
					  .port = 6379,
					  .user = "m@x",
					  .password = "a/b:c%+d"});
}

static void a_password_may_contain_colons(void **state)
{
	(void)state;
	assert_endpoint("redis://max:a:b:@h",
			(struct expected){.host = "h",
					  .port = 6379,
					  .user = "max",
					  .password = "a:b:"});
}

static void a_missing_host_is_refused(void **state)
{
	(void)state;
	assert_refused("redis://");
	assert_refused("redis:///0");
	assert_refused("redis://:6379");
	assert_refused("redis://max:sesame@");
	assert_refused("redis:localhost");
	assert_refused("redis:/localhost");
}

static void a_port_that_is_none_is_refused(void **state)
{
	(void)state;
	assert_refused("redis://h:0");
	assert_refused("redis://h:65536");
	assert_refused("redis://h:-1");
	assert_refused("redis://h:+1");
	assert_refused("redis://h:redis");
	assert_refused("redis://h:18446744073709557995");
	assert_refused("redis://h:6379:6380");
}

static void a_database_that_is_none_is_refused(void **state)
{
	(void)state;
	assert_refused("redis://h/one");
	assert_refused("redis://h/-1");
	assert_refused("redis://h/0x1");
	assert_refused("redis://h/65536");
	assert_refused("redis://h/18446744073709551617");
	assert_refused("redis://h/1/");
	assert_refused("redis://h/1/2");
}

/* Not database 0, which nobody has asked for. */
static void a_database_behind_two_slashes_is_refused(void **state)
{
	(void)state;
	assert_refused("redis://h//1");
}

static void a_query_is_refused(void **state)
{
	(void)state;
	assert_refused("redis://h?db=1");
	assert_refused("redis://h/1?timeout=3");
}

/* A '#' that was not escaped in a password cuts the URL short there: this
 * one would go to port 12 of a host called max. */
static void a_fragment_is_refused(void **state)
{
	(void)state;
	assert_refused("redis://max:12#sesame@h");
	assert_refused("redis://h:6379/1#2");
	assert_refused("unix:///run/redis#1.sock");
}

/* ---- Unix sockets ----------------------------------------------------- */

static void the_path_of_a_unix_socket_is_read(void **state)
{
	(void)state;
	assert_endpoint("unix:///run/redis/redis.sock",
			(struct expected){.path = "/run/redis/redis.sock"});
}

static void a_unix_socket_may_have_a_database(void **state)
{
	(void)state;
	assert_endpoint("unix:///r.sock?db=3",
			(struct expected){.path = "/r.sock", .database = 3});
}

static void a_unix_socket_may_have_user_and_password(void **state)
{
	(void)state;
	assert_endpoint("unix://max:secret@/r.sock",
			(struct expected){.path = "/r.sock",
					  .user = "max",
					  .password = "secret"});
}

static void the_path_of_a_unix_socket_is_percent_decoded(void **state)
{
	(void)state;
	assert_endpoint("unix:///my%20redis/%23%3f",
			(struct expected){.path = "/my redis/#?"});
}

static void a_unix_url_with_a_host_is_refused(void **state)
{
	(void)state;
	assert_refused("unix://run/redis.sock");
	assert_refused("unix://h:1/redis.sock");
	assert_refused("unix://:1/redis.sock");
}

static void a_unix_url_without_a_path_is_refused(void **state)
{
	(void)state;
	assert_refused("unix://");
	assert_refused("unix:///");
	assert_refused("unix:");
}

static void a_relative_path_of_a_unix_socket_is_refused(void **state)
{
	(void)state;
	assert_refused("unix:redis.sock");
	assert_refused("unix:run/redis.sock");
}

static void another_query_of_a_unix_url_is_refused(void **state)
{
	(void)state;
	assert_refused("unix:///r.sock?db=");
	assert_refused("unix:///r.sock?db=x");
	assert_refused("unix:///r.sock?db=1&db=2");
	assert_refused("unix:///r.sock?database=1");
	assert_refused("unix:///r.sock?");
}

/* ---- what is no endpoint ---------------------------------------------- */

static void what_is_no_url_is_refused(void **state)
{
	(void)state;
	assert_refused("");
	assert_refused(" ");
	assert_refused("redis://h h");
	assert_refused("redis://h\n");
	assert_refused("redis://h\\1");
	assert_refused("redis://[::1");
	assert_refused("redis://[::1]]");
	assert_refused("redis://h\xff");
	assert_refused("://h");
}

static void another_scheme_is_refused(void **state)
{
	(void)state;
	assert_refused("http://h");
	assert_refused("redisx://h");
	assert_refused("//h");
	assert_refused("/run/redis.sock");
}

static void a_bad_percent_escape_is_refused(void **state)
{
	(void)state;
	assert_refused("redis://max:sesame%@h");
	assert_refused("redis://max:sesame%4@h");
	assert_refused("redis://%zz:sesame@h");
	assert_refused("redis://h%4");
	assert_refused("unix:///r%.sock");
}

/* What follows it would silently be cut off. */
static void a_nul_is_refused(void **state)
{
	(void)state;
	assert_refused("redis://max:sesame%00x@h");
	assert_refused("redis://m%00x:sesame@h");
	assert_refused("redis://h%00.example");
	assert_refused("unix:///r%00.sock");
}

static void a_password_with_a_bare_at_sign_is_refused(void **state)
{
	(void)state;
	assert_refused("redis://max:ses@sesame@h");
	assert_refused("redis://max:sesame@h@h");
}

static void a_reason_never_shows_the_password(void **state)
{
	(void)state;
	assert_refused("redis://max:sesame@h:99999");
	assert_refused("redis://max:sesame@h/x");
	assert_refused("redis://max:sesame@h?sesame");
	assert_refused("http://max:sesame@h");
	assert_refused("unix://max:sesame@h/r.sock");
}

static void a_very_long_url_is_survived(void **state)
{
	static char text[1 << 20];

	(void)state;
	memset(text, '1', sizeof(text) - 1);
	memcpy(text, "redis://h/", 10);
	assert_refused(text);
	memset(text, '/', sizeof(text) - 1);
	memcpy(text, "redis://h/1", 11);
	assert_refused(text);
}

/* ---- another login, printing, freeing --------------------------------- */

static void another_login_replaces_the_urls(void **state)
{
	struct kri_endpoint endpoint = parsed("redis://max:secret@h");

	(void)state;
	assert_int_equal(kri_login_set(&endpoint.login, "eva", "other"), KR_OK);
	assert_string_equal(endpoint.login.user, "eva");
	assert_string_equal(endpoint.login.password, "other");
	kri_endpoint_free(&endpoint);
}

static void another_login_is_added_where_there_is_none(void **state)
{
	struct kri_endpoint endpoint = parsed("redis://h");

	(void)state;
	assert_int_equal(kri_login_set(&endpoint.login, "eva", "other"), KR_OK);
	assert_string_equal(endpoint.login.user, "eva");
	assert_string_equal(endpoint.login.password, "other");
	kri_endpoint_free(&endpoint);
}

static void an_empty_login_leaves_what_is_there(void **state)
{
	struct kri_endpoint endpoint = parsed("redis://max:secret@h");

	(void)state;
	assert_int_equal(kri_login_set(&endpoint.login, NULL, ""), KR_OK);
	assert_int_equal(kri_login_set(&endpoint.login, "", NULL), KR_OK);
	assert_string_equal(endpoint.login.user, "max");
	assert_string_equal(endpoint.login.password, "secret");
	kri_endpoint_free(&endpoint);
}

static void another_login_is_not_percent_decoded(void **state)
{
	struct kri_endpoint endpoint = parsed("redis://h");

	(void)state;
	assert_int_equal(kri_login_set(&endpoint.login, NULL, "a%20b%"), KR_OK);
	assert_null(endpoint.login.user);
	assert_string_equal(endpoint.login.password, "a%20b%");
	kri_endpoint_free(&endpoint);
}

static void what_is_printed_has_no_login(void **state)
{
	(void)state;
	assert_printed("redis://max:secret@h:1/2", "h:1");
	assert_printed("redis://max:secret@[::1]", "[::1]:6379");
	assert_printed("unix://max:secret@/r.sock?db=1", "/r.sock");
}

static void an_endpoint_may_be_freed_twice(void **state)
{
	struct kri_endpoint endpoint = parsed("redis://max:secret@h");

	(void)state;
	kri_endpoint_free(&endpoint);
	assert_null(endpoint.addresses);
	assert_null(endpoint.login.password);
	kri_endpoint_free(&endpoint);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_alone_has_the_default_port),
		cmocka_unit_test(a_port_and_a_database_are_read),
		cmocka_unit_test(the_scheme_is_read_in_any_case),
		cmocka_unit_test(addresses_of_both_kinds_are_hosts),
		cmocka_unit_test(user_and_password_are_read),
		cmocka_unit_test(a_password_may_stand_without_a_user),
		cmocka_unit_test(a_user_may_stand_without_a_password),
		cmocka_unit_test(user_and_password_are_percent_decoded),
		cmocka_unit_test(a_password_may_contain_colons),
		cmocka_unit_test(a_missing_host_is_refused),
		cmocka_unit_test(a_port_that_is_none_is_refused),
		cmocka_unit_test(a_database_that_is_none_is_refused),
		cmocka_unit_test(a_database_behind_two_slashes_is_refused),
		cmocka_unit_test(a_query_is_refused),
		cmocka_unit_test(a_fragment_is_refused),
		cmocka_unit_test(the_path_of_a_unix_socket_is_read),
		cmocka_unit_test(a_unix_socket_may_have_a_database),
		cmocka_unit_test(a_unix_socket_may_have_user_and_password),
		cmocka_unit_test(the_path_of_a_unix_socket_is_percent_decoded),
		cmocka_unit_test(a_unix_url_with_a_host_is_refused),
		cmocka_unit_test(a_unix_url_without_a_path_is_refused),
		cmocka_unit_test(a_relative_path_of_a_unix_socket_is_refused),
		cmocka_unit_test(another_query_of_a_unix_url_is_refused),
		cmocka_unit_test(what_is_no_url_is_refused),
		cmocka_unit_test(another_scheme_is_refused),
		cmocka_unit_test(a_bad_percent_escape_is_refused),
		cmocka_unit_test(a_nul_is_refused),
		cmocka_unit_test(a_password_with_a_bare_at_sign_is_refused),
		cmocka_unit_test(a_reason_never_shows_the_password),
		cmocka_unit_test(a_very_long_url_is_survived),
		cmocka_unit_test(another_login_replaces_the_urls),
		cmocka_unit_test(another_login_is_added_where_there_is_none),
		cmocka_unit_test(an_empty_login_leaves_what_is_there),
		cmocka_unit_test(another_login_is_not_percent_decoded),
		cmocka_unit_test(what_is_printed_has_no_login),
		cmocka_unit_test(an_endpoint_may_be_freed_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
