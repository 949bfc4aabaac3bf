/*
 * Connection strings: what StackExchange.Redis calls its configuration, and
 * what it means here.
 */
#include "redis/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct kri_endpoint parsed(const char *text)
{
	struct kri_endpoint endpoint = {0};
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	assert_int_equal(kri_endpoint_parse(text, false, &endpoint, &why),
			 KR_OK);
	kri_buffer_free(&why);
	return endpoint;
}

/* Refused in one line that names `what` and shows no password. */
static void assert_refused(const char *text, const char *what)
{
	struct kri_endpoint endpoint = {0};
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	assert_int_equal(kri_endpoint_parse(text, false, &endpoint, &why),
			 KR_ERR_CONFIG);
	assert_null(endpoint.addresses);
	assert_non_null(strstr(why.data, what));
	assert_null(strstr(why.data, "sesame"));
	assert_null(strchr(why.data, '\n'));
	kri_buffer_free(&why);
}

static void a_host_alone_has_the_default_port(void **state)
{
	struct kri_endpoint e = parsed("localhost");

	(void)state;
	assert_int_equal(e.n, 1);
	assert_string_equal(e.addresses[0].host, "localhost");
	assert_int_equal(e.addresses[0].port, 6379);
	assert_false(e.tls);
	assert_int_equal(e.connect_timeout, KRI_UNSAID);
	kri_endpoint_free(&e);
}

static void several_hosts_are_read_in_their_order(void **state)
{
	struct kri_endpoint e = parsed("a:1, b ,[::1]:3,::2");

	(void)state;
	assert_int_equal(e.n, 4);
	assert_string_equal(e.addresses[0].host, "a");
	assert_string_equal(e.addresses[1].host, "b");
	assert_string_equal(e.addresses[2].host, "::1");
	assert_int_equal(e.addresses[2].port, 3);
	assert_string_equal(e.addresses[3].host, "::2");
	kri_endpoint_free(&e);
}

static void every_key_means_what_it_means_there(void **state)
{
	struct kri_endpoint e = parsed(
		"h,abortConnect=false,connectRetry=3,connectTimeout=5000,"
		"syncTimeout=1000,keepAlive=60,name=web,user=max,"
		"password=a=b://c,defaultDatabase=2,ssl=true,sslHost=r,"
		"sslProtocols=tls12|tls13");

	(void)state;
	assert_int_equal(e.abort_on_connect_fail, 0);
	assert_int_equal(e.connect_retry, 3);
	assert_int_equal(e.connect_timeout, 5000);
	assert_int_equal(e.io_timeout, 1000);
	assert_int_equal(e.keep_alive, 60);
	assert_string_equal(e.client_name, "web");
	assert_string_equal(e.login.user, "max");
	assert_string_equal(e.login.password, "a=b://c");
	assert_int_equal(e.database, 2);
	assert_true(e.tls);
	assert_string_equal(e.tls_host, "r");
	assert_int_equal(e.tls_minimum, 12);
	kri_endpoint_free(&e);
}

static void a_service_makes_the_hosts_sentinels(void **state)
{
	struct kri_endpoint e =
		parsed("a,b:7,serviceName=m,sentinelUser=u,sentinelPassword=p");

	(void)state;
	assert_string_equal(e.service, "m");
	assert_string_equal(e.sentinel_login.user, "u");
	assert_string_equal(e.sentinel_login.password, "p");
	assert_int_equal(e.addresses[0].port, 26379);
	assert_int_equal(e.addresses[1].port, 7);
	kri_endpoint_free(&e);
}

static void keys_are_read_in_any_case(void **state)
{
	struct kri_endpoint e = parsed("h,SSL=True,DEFAULTDATABASE=1");

	(void)state;
	assert_true(e.tls);
	assert_int_equal(e.database, 1);
	kri_endpoint_free(&e);
}

static void keys_without_meaning_here_are_named(void **state)
{
	struct kri_endpoint e = parsed("h,allowAdmin=true,proxy=None");

	(void)state;
	assert_string_equal(e.ignored.data, "allowAdmin, proxy");
	kri_endpoint_free(&e);
}

static void an_unknown_key_is_named(void **state)
{
	(void)state;
	assert_refused("h,paswrd=sesame", "'paswrd'");
	assert_refused("h,sesame1!=x", "cannot be understood");
}

static void a_bad_value_is_named_with_what_is_allowed(void **state)
{
	(void)state;
	assert_refused("h,ssl=maybe", "ssl must be true or false");
	assert_refused("h,connectTimeout=0", "milliseconds");
	assert_refused("h,sslProtocols=tls10", "tls12");
	assert_refused("h,defaultDatabase=-1", "defaultDatabase");
	assert_refused("h,user=", "user");
}

static void a_server_must_be_named(void **state)
{
	(void)state;
	assert_refused("", "no server");
	assert_refused("ssl=true", "no server");
	assert_refused(":6379", "host:port");
	assert_refused("h:0", "1 to 65535");
	assert_refused("h:port", "1 to 65535");
	assert_refused("//h", "host:port");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_alone_has_the_default_port),
		cmocka_unit_test(several_hosts_are_read_in_their_order),
		cmocka_unit_test(every_key_means_what_it_means_there),
		cmocka_unit_test(a_service_makes_the_hosts_sentinels),
		cmocka_unit_test(keys_are_read_in_any_case),
		cmocka_unit_test(keys_without_meaning_here_are_named),
		cmocka_unit_test(an_unknown_key_is_named),
		cmocka_unit_test(a_bad_value_is_named_with_what_is_allowed),
		cmocka_unit_test(a_server_must_be_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
