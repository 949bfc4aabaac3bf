/*
 * The request: what is read from CGI parameters and how query and form are
 * decoded, with what front servers send and what attackers do.
 */
#include "http/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define PARAMS_MAX 16

/* One request and what it borrows from. */
struct fixture {
	struct kri_request request;
	struct kri_arena arena;
	char *params[PARAMS_MAX + 1];
	const char *why;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	kri_arena_init(&f->arena, 1024, 65536);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kri_arena_free(&f->arena);
	free(f);
	return 0;
}

/* Reads parameters given as strings, ended by NULL. */
static void read_params(struct fixture *f, ...)
{
	char *param;
	size_t n = 0;
	va_list list;

	va_start(list, f);
	while ((param = va_arg(list, char *))) {
		assert_true(n < PARAMS_MAX);
		f->params[n++] = param;
	}
	va_end(list);
	f->params[n] = NULL;
	kri_request_read(&f->request, f->params);
}

#define READ(f, ...) read_params((f), __VA_ARGS__, (char *)NULL)

static enum kr_err decode(struct fixture *f, struct kri_text query,
			  struct kri_text body)
{
	f->why = NULL;
	f->request.query = query;
	return kri_request_decode(&f->request, body, &f->arena, &f->why);
}

static enum kr_err decode_query(struct fixture *f, const char *query)
{
	return decode(f, kri_text_of(query), kri_text(NULL, 0));
}

static void assert_refused(struct fixture *f, const char *query,
			   const char *why)
{
	assert_int_equal(decode_query(f, query), KR_ERR_INPUT);
	assert_string_equal(f->why, why);
	assert_int_equal(f->request.fields_n, 0);
	assert_null(kri_request_field(&f->request, "a", 0));
}

static void assert_field(struct fixture *f, const char *name, const char *value)
{
	const char *found = kri_request_field(&f->request, name, 0);

	assert_non_null(found);
	assert_string_equal(found, value);
}

static void assert_id(struct fixture *f, const char *id, bool taken)
{
	char param[128];

	snprintf(param, sizeof(param), "REQUEST_ID=%s", id);
	READ(f, param);
	if (taken)
		assert_string_equal(f->request.id, id);
	else
		assert_null(f->request.id);
}

static int64_t length_of(struct fixture *f, char *param)
{
	READ(f, param);
	return f->request.content_length;
}

static bool is_form(struct fixture *f, char *param)
{
	READ(f, param);
	return kri_request_is_form(&f->request);
}

/* "a=1&a=1..." `n` times. */
static void fill_query(char *query, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		memcpy(query + i * 4, "a=1&", 4);
	query[n * 4] = '\0';
}

static void a_request_of_nginx_is_read(void **state)
{
	struct fixture *f = *state;
	struct kri_request *r = &f->request;

	READ(f, "QUERY_STRING=key=color", "REQUEST_METHOD=GET",
	     "CONTENT_TYPE=", "CONTENT_LENGTH=", "SCRIPT_NAME=/session/get",
	     "DOCUMENT_URI=/session/get", "REMOTE_ADDR=127.0.0.1", "HTTPS=on",
	     "REQUEST_ID=0123456789abcdef", "HTTP_COOKIE=sid=abc",
	     "HTTP_SEC_FETCH_SITE=same-origin");
	assert_int_equal(r->method, KRI_METHOD_GET);
	assert_string_equal(r->method_name, "GET");
	assert_string_equal(r->path, "/session/get");
	assert_string_equal(r->id, "0123456789abcdef");
	assert_true(kri_text_equal(r->query, KRI_TEXT("key=color")));
	assert_true(kri_text_equal(r->cookies[0], KRI_TEXT("sid=abc")));
	assert_int_equal(r->cookie_headers, 1);
	assert_true(r->content_length == KRI_LENGTH_UNSAID);
	assert_true(r->https);
	assert_false(r->cross_site);
}

static void no_parameters_make_an_empty_request(void **state)
{
	struct fixture *f = *state;
	struct kri_request *r = &f->request;

	f->params[0] = NULL;
	kri_request_read(r, f->params);
	assert_int_equal(r->method, KRI_METHOD_OTHER);
	assert_string_equal(r->method_name, "");
	assert_string_equal(r->path, "/");
	assert_null(r->id);
	assert_int_equal(r->query.len, 0);
	assert_int_equal(r->cookie_headers, 0);
	assert_true(r->content_length == KRI_LENGTH_UNSAID);
	assert_false(r->https);
	assert_false(r->cross_site);
}

static void nothing_stays_of_the_request_before(void **state)
{
	struct fixture *f = *state;

	READ(f, "REQUEST_METHOD=POST", "HTTP_COOKIE=a=1", "HTTPS=on",
	     "QUERY_STRING=a=1");
	assert_int_equal(decode_query(f, "a=1"), KR_OK);
	READ(f, "PATH_INFO=/x");
	assert_int_equal(f->request.method, KRI_METHOD_OTHER);
	assert_int_equal(f->request.cookie_headers, 0);
	assert_int_equal(f->request.query.len, 0);
	assert_false(f->request.https);
	assert_null(kri_request_field(&f->request, "a", 0));
}

static void a_parameter_without_equals_is_passed_over(void **state)
{
	struct fixture *f = *state;

	READ(f, "HTTPS", "", "=", "=on", "REQUEST_METHOD", "PATH_INFO=/x");
	assert_false(f->request.https);
	assert_int_equal(f->request.method, KRI_METHOD_OTHER);
	assert_string_equal(f->request.path, "/x");
}

static void names_are_compared_whole(void **state)
{
	struct fixture *f = *state;

	READ(f, "HTTPS_=on", "HTTP=on", "https=on", "XHTTPS=on",
	     "HTTP_HTTPS=on", "HTTP_COOKIES=a=1", "PATH_INF=/a");
	assert_false(f->request.https);
	assert_int_equal(f->request.cookie_headers, 0);
	assert_string_equal(f->request.path, "/");
}

static void the_methods_are_told_apart(void **state)
{
	struct fixture *f = *state;

	READ(f, "REQUEST_METHOD=HEAD");
	assert_int_equal(f->request.method, KRI_METHOD_HEAD);
	READ(f, "REQUEST_METHOD=POST");
	assert_int_equal(f->request.method, KRI_METHOD_POST);
	READ(f, "REQUEST_METHOD=PUT");
	assert_int_equal(f->request.method, KRI_METHOD_PUT);
	READ(f, "REQUEST_METHOD=PATCH");
	assert_int_equal(f->request.method, KRI_METHOD_PATCH);
	READ(f, "REQUEST_METHOD=DELETE");
	assert_int_equal(f->request.method, KRI_METHOD_DELETE);
	READ(f, "REQUEST_METHOD=delete");
	assert_int_equal(f->request.method, KRI_METHOD_OTHER);
	READ(f, "REQUEST_METHOD=BREW");
	assert_int_equal(f->request.method, KRI_METHOD_OTHER);
	assert_string_equal(f->request.method_name, "BREW");
}

static void a_method_is_compared_with_regard_to_case(void **state)
{
	struct fixture *f = *state;

	READ(f, "REQUEST_METHOD=get");
	assert_int_equal(f->request.method, KRI_METHOD_OTHER);
	READ(f, "REQUEST_METHOD=GETS");
	assert_int_equal(f->request.method, KRI_METHOD_OTHER);
}

static void path_info_wins_over_the_other_paths(void **state)
{
	struct fixture *f = *state;

	READ(f, "SCRIPT_NAME=/s", "DOCUMENT_URI=/d", "PATH_INFO=/p");
	assert_string_equal(f->request.path, "/p");
}

static void an_empty_path_info_gives_way(void **state)
{
	struct fixture *f = *state;

	READ(f, "PATH_INFO=", "DOCUMENT_URI=/d", "SCRIPT_NAME=/s");
	assert_string_equal(f->request.path, "/d");
	READ(f, "PATH_INFO=", "DOCUMENT_URI=", "SCRIPT_NAME=/s");
	assert_string_equal(f->request.path, "/s");
	READ(f, "PATH_INFO=", "DOCUMENT_URI=", "SCRIPT_NAME=");
	assert_string_equal(f->request.path, "/");
}

static void the_first_of_two_parameters_counts(void **state)
{
	struct fixture *f = *state;

	READ(f, "PATH_INFO=/one", "PATH_INFO=/two", "HTTPS=", "HTTPS=on");
	assert_string_equal(f->request.path, "/one");
	assert_false(f->request.https);
	assert_string_equal(kri_request_param(&f->request, "PATH_INFO"),
			    "/one");
}

static void several_cookie_headers_are_all_kept(void **state)
{
	struct fixture *f = *state;

	READ(f, "HTTP_COOKIE=a=1", "HTTPS=on", "HTTP_COOKIE=b=2");
	assert_int_equal(f->request.cookie_headers, 2);
	assert_true(kri_text_equal(f->request.cookies[0], KRI_TEXT("a=1")));
	assert_true(kri_text_equal(f->request.cookies[1], KRI_TEXT("b=2")));
}

static void more_than_four_cookie_headers_do_not_count(void **state)
{
	struct fixture *f = *state;

	READ(f, "HTTP_COOKIE=1", "HTTP_COOKIE=2", "HTTP_COOKIE=3",
	     "HTTP_COOKIE=4", "HTTP_COOKIE=5", "HTTP_COOKIE=6");
	assert_int_equal(f->request.cookie_headers, 4);
	assert_true(kri_text_equal(f->request.cookies[3], KRI_TEXT("4")));
}

static void a_harmless_id_is_taken(void **state)
{
	struct fixture *f = *state;

	assert_id(f, "a", true);
	assert_id(f, "AZaz09_.:@-", true);
	assert_id(f,
		  "0123456789abcdef0123456789abcdef"
		  "0123456789abcdef0123456789abcdef",
		  true);
}

static void an_id_that_could_forge_a_log_line_is_not_taken(void **state)
{
	struct fixture *f = *state;

	assert_id(f, "", false);
	assert_id(f, "a b", false);
	assert_id(f, "a\nerror: forged", false);
	assert_id(f, "a\x1b[31m", false);
	assert_id(f, "\"", false);
	assert_id(f, "\xc3\xa4", false);
}

static void an_id_that_is_too_long_is_not_taken(void **state)
{
	struct fixture *f = *state;

	assert_id(f,
		  "0123456789abcdef0123456789abcdef"
		  "0123456789abcdef0123456789abcdef0",
		  false);
}

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static void assert_trace(struct fixture *f, const char *value, bool taken)
{
	char param[256];

	snprintf(param, sizeof(param), "HTTP_TRACEPARENT=%s", value);
	READ(f, param);
	assert_true((f->request.trace != NULL) == taken);
	if (taken)
		assert_string_equal(f->request.trace, value);
}

static void a_traceparent_is_taken(void **state)
{
	struct fixture *f = *state;

	assert_trace(f, "00-" TRACE "-" SPAN "-01", true);
	assert_trace(f, "00-" TRACE "-" SPAN "-ff", true);
	assert_trace(f, "cc-" TRACE "-" SPAN "-00", true);
	assert_trace(f, "01-" TRACE "-" SPAN "-03-more", true);
	READ(f, "X=1");
	assert_null(f->request.trace);
}

static void a_traceparent_that_is_none_is_as_if_it_had_not_come(void **state)
{
	static const char *const bad[] = {
		"",
		"00",
		"00-",
		"00-" TRACE,
		"00-" TRACE "-" SPAN,
		"00-" TRACE "-" SPAN "-",
		"00-" TRACE "-" SPAN "-0",
		"00-" TRACE "-" SPAN "-01-",
		"00-" TRACE "-" SPAN "-01-more",
		"01-" TRACE "-" SPAN "-01.",
		"01-" TRACE "-" SPAN "-012",
		"ff-" TRACE "-" SPAN "-01",
		"0g-" TRACE "-" SPAN "-01",
		"00_" TRACE "-" SPAN "-01",
		"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
		"00-" TRACE "-B7AD6B7169203331-01",
		"00-00000000000000000000000000000000-" SPAN "-01",
		"00-" TRACE "-0000000000000000-01",
		"00-" TRACE "0-" SPAN "-01",
		"00-" TRACE "-" SPAN "0-01",
		"00-" TRACE "-b7ad6b716920333-01",
		" 00-" TRACE "-" SPAN "-01",
		"00-" TRACE "-" SPAN "-01 ",
		"00-" TRACE "-" SPAN "-0\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_trace(f, bad[i], false);
}

static void of_two_traceparents_the_first_counts(void **state)
{
	struct fixture *f = *state;

	READ(f, "HTTP_TRACEPARENT=x",
	     "HTTP_TRACEPARENT=00-" TRACE "-" SPAN "-01");
	assert_null(f->request.trace);
}

static void https_is_on_or_1(void **state)
{
	struct fixture *f = *state;

	READ(f, "HTTPS=on");
	assert_true(f->request.https);
	READ(f, "HTTPS=1");
	assert_true(f->request.https);
	READ(f, "HTTPS=off");
	assert_false(f->request.https);
	READ(f, "HTTPS=");
	assert_false(f->request.https);
}

static void the_clients_word_does_not_make_it_https(void **state)
{
	struct fixture *f = *state;

	READ(f, "HTTP_HTTPS=on", "HTTP_X_FORWARDED_PROTO=https",
	     "REQUEST_SCHEME=https");
	assert_false(f->request.https);
}

static void only_cross_site_is_cross_site(void **state)
{
	struct fixture *f = *state;

	READ(f, "HTTP_SEC_FETCH_SITE=cross-site");
	assert_true(f->request.cross_site);
	READ(f, "HTTP_SEC_FETCH_SITE=same-site");
	assert_false(f->request.cross_site);
	READ(f, "HTTP_SEC_FETCH_SITE=none");
	assert_false(f->request.cross_site);
}

static void a_content_length_is_read(void **state)
{
	struct fixture *f = *state;

	assert_true(length_of(f, "CONTENT_LENGTH=0") == 0);
	assert_true(length_of(f, "CONTENT_LENGTH=8192") == 8192);
	assert_true(length_of(f, "CONTENT_LENGTH=9223372036854775807") ==
		    INT64_MAX);
}

static void an_empty_or_missing_content_length_is_unsaid(void **state)
{
	struct fixture *f = *state;

	assert_true(length_of(f, "CONTENT_LENGTH=") == KRI_LENGTH_UNSAID);
	assert_true(length_of(f, "HTTPS=on") == KRI_LENGTH_UNSAID);
}

static void a_content_length_that_is_no_number_is_told(void **state)
{
	static char *const params[] = {"CONTENT_LENGTH=-1",
				       "CONTENT_LENGTH=-2",
				       "CONTENT_LENGTH=-5",
				       "CONTENT_LENGTH=+5",
				       "CONTENT_LENGTH=5, 5",
				       "CONTENT_LENGTH=0x10",
				       "CONTENT_LENGTH= 5",
				       "CONTENT_LENGTH=abc",
				       "CONTENT_LENGTH=9223372036854775808"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(params) / sizeof(*params); i++)
		assert_true(length_of(f, params[i]) == KRI_LENGTH_BAD);
}

static void a_form_is_known_by_its_media_type(void **state)
{
	struct fixture *f = *state;

	assert_true(
		is_form(f, "CONTENT_TYPE=application/x-www-form-urlencoded"));
	assert_true(is_form(f, "CONTENT_TYPE=Application/X-WWW-Form-"
			       "URLEncoded ; charset=UTF-8"));
}

static void another_media_type_is_no_form(void **state)
{
	struct fixture *f = *state;

	assert_false(is_form(f, "CONTENT_TYPE="));
	assert_false(is_form(f, "HTTPS=on"));
	assert_false(is_form(f, "CONTENT_TYPE=application/json"));
	assert_false(
		is_form(f, "CONTENT_TYPE=application/x-www-form-urlencodedx"));
	assert_false(is_form(f, "CONTENT_TYPE=text/plain; "
				"application/x-www-form-urlencoded"));
}

static void a_query_is_split_and_decoded(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode_query(f, "key=my+color&value=%C3%A4%26%3d"),
			 KR_OK);
	assert_int_equal(f->request.fields_n, 2);
	assert_field(f, "key", "my color");
	assert_field(f, "value", "\xc3\xa4&=");
	assert_null(f->why);
}

static void names_are_decoded_too(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode_query(f, "my%20k%65y=1&a+b=2"), KR_OK);
	assert_field(f, "my key", "1");
	assert_field(f, "a b", "2");
}

static void a_name_without_equals_has_an_empty_value(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode_query(f, "a&b="), KR_OK);
	assert_field(f, "a", "");
	assert_field(f, "b", "");
}

static void an_empty_name_is_a_name(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode_query(f, "=x"), KR_OK);
	assert_field(f, "", "x");
}

static void a_value_may_contain_equals_signs(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode_query(f, "a=b=c"), KR_OK);
	assert_field(f, "a", "b=c");
}

static void empty_pieces_are_passed_over(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode_query(f, "&&a=1&&&b=2&"), KR_OK);
	assert_int_equal(f->request.fields_n, 2);
	assert_int_equal(decode_query(f, "&&&"), KR_OK);
	assert_int_equal(f->request.fields_n, 0);
}

static void an_empty_query_has_no_fields(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode_query(f, ""), KR_OK);
	assert_int_equal(f->request.fields_n, 0);
	assert_int_equal(decode_query(f, NULL), KR_OK);
	assert_null(kri_request_field(&f->request, "", 0));
}

static void the_first_field_of_a_name_counts(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode_query(f, "a=1&a=2"), KR_OK);
	assert_field(f, "a", "1");
}

static void field_names_are_compared_with_regard_to_case(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode_query(f, "Key=1"), KR_OK);
	assert_null(kri_request_field(&f->request, "key", 0));
}

static void a_form_adds_to_the_query(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		decode(f, KRI_TEXT("a=q"), KRI_TEXT("a=f&b=two+words")), KR_OK);
	assert_field(f, "a", "q");
	assert_field(f, "b", "two words");
}

static void decoding_again_gives_the_same(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode_query(f, "a=1"), KR_OK);
	assert_int_equal(decode_query(f, "a=1"), KR_OK);
	assert_int_equal(f->request.fields_n, 1);
	assert_field(f, "a", "1");
}

static void a_bad_escape_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, "a=%", "Bad percent-escape in query");
	assert_refused(f, "a=1&b=%4", "Bad percent-escape in query");
	assert_refused(f, "%zz=1", "Bad percent-escape in query");
	/* What follows the '&' does not complete it. */
	assert_refused(f, "a=%4&1", "Bad percent-escape in query");
}

static void a_bad_escape_in_the_form_is_told_apart(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode(f, KRI_TEXT("a=1"), KRI_TEXT("b=%")),
			 KR_ERR_INPUT);
	assert_string_equal(f->why, "Bad percent-escape in form");
	assert_null(kri_request_field(&f->request, "a", 0));
}

static void a_nul_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, "a=x%00y", "NUL in a parameter");
	assert_refused(f, "a%00=1", "NUL in a parameter");
	assert_int_equal(decode(f, KRI_TEXT(""), KRI_TEXT("a=\0")),
			 KR_ERR_INPUT);
	assert_string_equal(f->why, "NUL in a parameter");
}

static void what_is_not_utf8_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, "a=%ff", "A parameter is not UTF-8");
	assert_refused(f, "a=%C0%80", "A parameter is not UTF-8");
	assert_refused(f, "%ED%A0%80=1", "A parameter is not UTF-8");
	assert_refused(f, "a=\xe4", "A parameter is not UTF-8");
}

static void a_character_split_over_two_fields_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, "a=%C3&%A4=1", "A parameter is not UTF-8");
	assert_refused(f, "%C3=%A4", "A parameter is not UTF-8");
}

static void sixty_four_parameters_are_accepted(void **state)
{
	struct fixture *f = *state;
	char query[512];

	fill_query(query, 64);
	assert_int_equal(decode_query(f, query), KR_OK);
	assert_int_equal(f->request.fields_n, 64);
}

static void sixty_five_parameters_are_refused(void **state)
{
	struct fixture *f = *state;
	char query[512];

	fill_query(query, 65);
	assert_refused(f, query, "More than 64 parameters");
}

static void query_and_form_are_counted_together(void **state)
{
	struct fixture *f = *state;
	char query[512];

	fill_query(query, 63);
	assert_int_equal(decode(f, kri_text_of(query), KRI_TEXT("b=1")), KR_OK);
	assert_int_equal(decode(f, kri_text_of(query), KRI_TEXT("b=1&c=1")),
			 KR_ERR_INPUT);
	assert_string_equal(f->why, "More than 64 parameters");
}

static void a_query_past_the_arenas_cap_is_refused(void **state)
{
	struct fixture *f = *state;
	struct kri_arena small;

	kri_arena_init(&small, 64, 64);
	f->request.query = KRI_TEXT("a=0123456789012345678901234567890123456789"
				    "0123456789012345678901234567890123456789");
	f->why = NULL;
	assert_int_equal(kri_request_decode(&f->request, kri_text(NULL, 0),
					    &small, &f->why),
			 KR_ERR_MEMORY);
	assert_null(f->why);
	assert_null(kri_request_field(&f->request, "a", 0));
	kri_arena_free(&small);
}

static void a_parameter_is_found_by_its_whole_name(void **state)
{
	struct fixture *f = *state;

	READ(f, "REMOTE_ADDRESS=no", "REMOTE_ADDR=127.0.0.1", "EMPTY=");
	assert_string_equal(kri_request_param(&f->request, "REMOTE_ADDR"),
			    "127.0.0.1");
	assert_string_equal(kri_request_param(&f->request, "EMPTY"), "");
	assert_null(kri_request_param(&f->request, "REMOTE"));
	assert_null(kri_request_param(&f->request, "remote_addr"));
	assert_null(kri_request_param(&f->request, "REMOTE_ADDR_2"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_of_nginx_is_read),
		TEST(no_parameters_make_an_empty_request),
		TEST(nothing_stays_of_the_request_before),
		TEST(a_parameter_without_equals_is_passed_over),
		TEST(names_are_compared_whole),
		TEST(the_methods_are_told_apart),
		TEST(a_method_is_compared_with_regard_to_case),
		TEST(path_info_wins_over_the_other_paths),
		TEST(an_empty_path_info_gives_way),
		TEST(the_first_of_two_parameters_counts),
		TEST(several_cookie_headers_are_all_kept),
		TEST(more_than_four_cookie_headers_do_not_count),
		TEST(a_harmless_id_is_taken),
		TEST(an_id_that_could_forge_a_log_line_is_not_taken),
		TEST(an_id_that_is_too_long_is_not_taken),
		TEST(a_traceparent_is_taken),
		TEST(a_traceparent_that_is_none_is_as_if_it_had_not_come),
		TEST(of_two_traceparents_the_first_counts),
		TEST(https_is_on_or_1),
		TEST(the_clients_word_does_not_make_it_https),
		TEST(only_cross_site_is_cross_site),
		TEST(a_content_length_is_read),
		TEST(an_empty_or_missing_content_length_is_unsaid),
		TEST(a_content_length_that_is_no_number_is_told),
		TEST(a_form_is_known_by_its_media_type),
		TEST(another_media_type_is_no_form),
		TEST(a_query_is_split_and_decoded),
		TEST(names_are_decoded_too),
		TEST(a_name_without_equals_has_an_empty_value),
		TEST(an_empty_name_is_a_name),
		TEST(a_value_may_contain_equals_signs),
		TEST(empty_pieces_are_passed_over),
		TEST(an_empty_query_has_no_fields),
		TEST(the_first_field_of_a_name_counts),
		TEST(field_names_are_compared_with_regard_to_case),
		TEST(a_form_adds_to_the_query),
		TEST(decoding_again_gives_the_same),
		TEST(a_bad_escape_is_refused),
		TEST(a_bad_escape_in_the_form_is_told_apart),
		TEST(a_nul_is_refused),
		TEST(what_is_not_utf8_is_refused),
		TEST(a_character_split_over_two_fields_is_refused),
		TEST(sixty_four_parameters_are_accepted),
		TEST(sixty_five_parameters_are_refused),
		TEST(query_and_form_are_counted_together),
		TEST(a_query_past_the_arenas_cap_is_refused),
		TEST(a_parameter_is_found_by_its_whole_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
