/*
 * What goes to PostgreSQL and what comes from it, without a server: arrays in
 * its binary form, its errors, and what conninfo is made into.
 */
#include "postgresql/inside.h"
#include "postgresql/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* ---- parameters --------------------------------------------------------- */

static void assert_params(struct kri_pg_params *params, struct kri_text bytes,
			  size_t n)
{
	assert_false(params->bytes.failed);
	assert_int_equal(params->bytes.len, bytes.len);
	assert_memory_equal(params->bytes.data, bytes.data, bytes.len);
	assert_int_equal(params->n, n);
	assert_int_equal(params->cuts[0], 0);
	assert_int_equal(params->cuts[n], bytes.len);
	kri_pg_params_free(params);
}

static void an_array_says_its_type_and_size(void **state)
{
	struct kri_pg_params params = {0};

	(void)state;
	kri_pg_put_array(&params, KRI_PG_TEXT, 2);
	kri_pg_put_text(&params, KRI_TEXT("ab"));
	kri_pg_put_null(&params);
	assert_params(&params,
		      KRI_TEXT("\0\0\0\1"
			       "\0\0\0\0"
			       "\0\0\0\x19"
			       "\0\0\0\2"
			       "\0\0\0\1"
			       "\0\0\0\2ab"
			       "\xff\xff\xff\xff"),
		      1);
}

static void an_empty_array_has_no_dimension(void **state)
{
	struct kri_pg_params params = {0};

	(void)state;
	kri_pg_put_array(&params, KRI_PG_INT8, 0);
	assert_params(&params,
		      KRI_TEXT("\0\0\0\0"
			       "\0\0\0\0"
			       "\0\0\0\x14"),
		      1);
}

static void parameters_follow_each_other(void **state)
{
	struct kri_pg_params params = {0};

	(void)state;
	kri_pg_put_array(&params, KRI_PG_BOOL, 1);
	kri_pg_put_bool(&params, true);
	kri_pg_put_int(&params, -2);
	assert_int_equal(params.n, 2);
	assert_int_equal(params.cuts[1], 25);
	assert_int_equal(kri_pg_read_int(params.bytes.data + 25), -2);
	kri_pg_params_free(&params);
}

static void times_are_counted_from_2000(void **state)
{
	struct kri_pg_params params = {0};

	(void)state;
	kri_pg_put_time(&params, 946684800001);
	assert_int_equal(kri_pg_read_int(params.bytes.data), 1000);
	assert_int_equal(kri_pg_read_time(params.bytes.data), 946684800001);
	kri_pg_params_free(&params);
}

/* ---- errors ------------------------------------------------------------- */

static void assert_words(const char *message, const char *words,
			 const char *code)
{
	char out[200], state[6];

	kri_pg_words(message, out, sizeof(out), state);
	assert_string_equal(out, words);
	assert_string_equal(state, code);
}

static void words_are_one_line_without_place_and_code(void **state)
{
	(void)state;
	assert_words("connection to server at \"::1\", port 1 failed: FATAL:  "
		     "28P01: password authentication failed for user \"x\"\n"
		     "LOCATION:  auth_failed, auth.c:326\n",
		     "password authentication failed for user \"x\"", "28P01");
	assert_words("connection to server on socket \"/s\" failed: No such "
		     "file or directory\n\tIs the server running?\n",
		     "No such file or directory", "");
	assert_words("ERROR:  42501: permission denied: a:  b\n",
		     "permission denied: a:  b", "42501");
	assert_words("", "the server closed the connection", "");
}

static void a_state_says_who_is_to_blame(void **state)
{
	(void)state;
	assert_int_equal(kri_pg_error_of("53100"), KR_ERR_FULL);
	assert_int_equal(kri_pg_error_of("53300"), KR_ERR_UNAVAILABLE);
	assert_int_equal(kri_pg_error_of("57P03"), KR_ERR_UNAVAILABLE);
	assert_int_equal(kri_pg_error_of("25006"), KR_ERR_UNAVAILABLE);
	assert_int_equal(kri_pg_error_of("57014"), KR_ERR_TIMEOUT);
	assert_int_equal(kri_pg_error_of("55P03"), KR_ERR_TIMEOUT);
	assert_int_equal(kri_pg_error_of("42501"), KR_ERR_DENIED);
	assert_int_equal(kri_pg_error_of("28P01"), KR_ERR_DENIED);
	assert_int_equal(kri_pg_error_of("42P01"), KR_ERR_PROTOCOL);
	assert_int_equal(kri_pg_error_of(""), KR_ERR_UNAVAILABLE);
}

/* ---- conninfo ----------------------------------------------------------- */

static struct kri_pg_server *open_server(const char *conninfo)
{
	const struct kri_pg_options options = {
		.conninfo = conninfo,
		.password = "",
		.schema = "krsession",
		.io_timeout = 5000,
	};
	struct kri_pg_server *server = NULL;
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	if (kri_pg_server_open(&options, &server, &why))
		assert_true(why.len);
	kri_buffer_free(&why);
	return server;
}

static const char *value_of(const struct kri_pg_server *server,
			    const char *keyword)
{
	for (size_t i = 0; server->keywords[i]; i++)
		if (!strcmp(server->keywords[i], keyword))
			return server->values[i];
	return "";
}

static void assert_value(const char *conninfo, const char *keyword,
			 const char *value)
{
	struct kri_pg_server *server = open_server(conninfo);

	assert_non_null(server);
	assert_string_equal(value_of(server, keyword), value);
	kri_pg_server_close(&server);
}

static void far_hosts_are_verified_unless_something_is_said(void **state)
{
	(void)state;
	assert_value("host=db.example.com", "sslmode", "verify-full");
	assert_value("host=localhost,db.example.com", "sslmode", "verify-full");
	assert_value("hostaddr=192.0.2.1", "sslmode", "verify-full");
	assert_value("host=db.example.com sslmode=require", "sslmode",
		     "require");
	assert_value("host=localhost", "sslmode", "");
	assert_value("host=127.0.0.1", "sslmode", "");
	assert_value("host=/run/postgresql", "sslmode", "");
	assert_value("dbname=x", "sslmode", "");
	assert_value("postgresql://[::1]:5/x", "sslmode", "");
}

static void what_is_said_wins(void **state)
{
	(void)state;
	assert_value("dbname=x", "target_session_attrs", "read-write");
	assert_value("dbname=x target_session_attrs=any",
		     "target_session_attrs", "any");
	assert_value("dbname=x", "tcp_user_timeout", "5000");
	assert_value("dbname=x application_name=shop", "application_name",
		     "shop");
}

static void the_name_shows_no_password(void **state)
{
	struct kri_pg_server *server =
		open_server("postgresql://u:hush@a:1,b:2/app");

	(void)state;
	assert_non_null(server);
	assert_string_equal(server->name.data, "a:1,b:2/app");
	assert_int_equal(server->n, 2);
	assert_string_equal(server->hosts[1].name, "b");
	assert_string_equal(server->hosts[1].port, "2");
	assert_string_equal(value_of(server, "password"), "hush");
	kri_pg_server_close(&server);
}

static void what_makes_no_sense_is_refused(void **state)
{
	(void)state;
	assert_null(open_server("host"));
	assert_null(open_server("nonsense=1"));
	assert_null(open_server("host=a,b port=1,2,3"));
	assert_null(open_server("host=a hostaddr=192.0.2.1,192.0.2.2"));
	assert_null(open_server("service=mine"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_array_says_its_type_and_size),
		cmocka_unit_test(an_empty_array_has_no_dimension),
		cmocka_unit_test(parameters_follow_each_other),
		cmocka_unit_test(times_are_counted_from_2000),
		cmocka_unit_test(words_are_one_line_without_place_and_code),
		cmocka_unit_test(a_state_says_who_is_to_blame),
		cmocka_unit_test(
			far_hosts_are_verified_unless_something_is_said),
		cmocka_unit_test(what_is_said_wins),
		cmocka_unit_test(the_name_shows_no_password),
		cmocka_unit_test(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
