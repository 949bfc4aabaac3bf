/*
 * The response: what handlers fill in and what comes out as bytes.
 */
#include "http/response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define JSON_HEAD "Content-Type: application/json; charset=utf-8\r\n"
#define TEXT_HEAD "Content-Type: text/plain; charset=utf-8\r\n"

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct kri_response));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	kri_response_free(*state);
	free(*state);
	return 0;
}

static enum kr_err send_text(struct kri_response *r, int status,
			     const char *text)
{
	return kri_response_send(r, status, KRI_TYPE_TEXT, kri_text_of(text));
}

static void assert_renders(const struct kri_response *r, bool head,
			   const char *expected)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	kri_response_render(r, head, &out);
	assert_false(out.failed);
	assert_string_equal(out.data, expected);
	assert_int_equal(out.len, strlen(expected));
	kri_buffer_free(&out);
}

static void assert_body(const struct kri_response *r, const char *expected)
{
	assert_non_null(r->body.data);
	assert_string_equal(r->body.data, expected);
}

static void assert_status_line(struct kri_response *r, int status,
			       const char *line)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	assert_int_equal(send_text(r, status, ""), KR_OK);
	kri_response_render(r, false, &out);
	assert_true(kri_text_starts(kri_buffer_text(&out), kri_text_of(line)));
	kri_buffer_free(&out);
}

static enum kr_err add_header(struct kri_response *r, struct kri_text name,
			      struct kri_text value)
{
	return kri_response_header(r, name, value);
}

static void a_text_is_rendered(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(send_text(r, 200, "Hello"), KR_OK);
	assert_renders(r, false,
		       "Status: 200 OK\r\n" TEXT_HEAD "Content-Length: 5\r\n"
		       "\r\nHello");
}

static void head_has_the_headers_alone(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(send_text(r, 200, "Hello"), KR_OK);
	assert_renders(r, true,
		       "Status: 200 OK\r\n" TEXT_HEAD "Content-Length: 5\r\n"
		       "\r\n");
}

static void a_length_counts_bytes(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(send_text(r, 200, "\xc3\xa4"), KR_OK);
	assert_renders(r, true,
		       "Status: 200 OK\r\n" TEXT_HEAD "Content-Length: 2\r\n"
		       "\r\n");
}

static void rendering_appends_to_what_is_there(void **state)
{
	struct kri_response *r = *state;
	struct kri_buffer out = KRI_BUFFER_EMPTY;

	kri_buffer_string(&out, "before ");
	assert_int_equal(send_text(r, 200, ""), KR_OK);
	kri_response_render(r, false, &out);
	assert_true(kri_text_starts(kri_buffer_text(&out),
				    KRI_TEXT("before Status: ")));
	kri_buffer_free(&out);
}

static void headers_come_after_the_content_headers_in_order(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(
		add_header(r, KRI_TEXT("Cache-Control"), KRI_TEXT("no-store")),
		KR_OK);
	assert_int_equal(send_text(r, 200, "x"), KR_OK);
	assert_int_equal(add_header(r, KRI_TEXT("Vary"), KRI_TEXT("Cookie")),
			 KR_OK);
	assert_renders(r, false,
		       "Status: 200 OK\r\n" TEXT_HEAD "Content-Length: 1\r\n"
		       "Cache-Control: no-store\r\nVary: Cookie\r\n\r\nx");
}

static void lines_of_our_own_go_among_the_headers(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(add_header(r, KRI_TEXT("X"), KRI_TEXT("1")), KR_OK);
	assert_int_equal(kri_response_lines(r, KRI_TEXT("A: 1\r\nB: 2\r\n")),
			 KR_OK);
	assert_string_equal(r->headers.data, "X: 1\r\nA: 1\r\nB: 2\r\n");
}

static void a_header_may_occur_twice(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(add_header(r, KRI_TEXT("X"), KRI_TEXT("1")), KR_OK);
	assert_int_equal(add_header(r, KRI_TEXT("X"), KRI_TEXT("")), KR_OK);
	assert_string_equal(r->headers.data, "X: 1\r\nX: \r\n");
}

static void a_value_that_would_split_the_header_is_refused(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(add_header(r, KRI_TEXT("X"), KRI_TEXT("a\r\nY: b")),
			 KR_ERR_ARGUMENT);
	assert_int_equal(add_header(r, KRI_TEXT("X"), KRI_TEXT("a\nb")),
			 KR_ERR_ARGUMENT);
	assert_int_equal(add_header(r, KRI_TEXT("X"), KRI_TEXT("a\0b")),
			 KR_ERR_ARGUMENT);
	assert_int_equal(r->headers.len, 0);
}

static void a_name_that_is_no_token_is_refused(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(add_header(r, KRI_TEXT(""), KRI_TEXT("a")),
			 KR_ERR_ARGUMENT);
	assert_int_equal(add_header(r, KRI_TEXT("X Y"), KRI_TEXT("a")),
			 KR_ERR_ARGUMENT);
	assert_int_equal(add_header(r, KRI_TEXT("X: a\r\nY"), KRI_TEXT("a")),
			 KR_ERR_ARGUMENT);
	assert_int_equal(r->headers.len, 0);
}

static void the_headers_of_rendering_cannot_be_added(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(add_header(r, KRI_TEXT("status"), KRI_TEXT("200")),
			 KR_ERR_ARGUMENT);
	assert_int_equal(
		add_header(r, KRI_TEXT("CONTENT-LENGTH"), KRI_TEXT("0")),
		KR_ERR_ARGUMENT);
	assert_int_equal(
		add_header(r, KRI_TEXT("Content-type"), KRI_TEXT("text/html")),
		KR_ERR_ARGUMENT);
}

static void common_statuses_have_their_phrase(void **state)
{
	struct kri_response *r = *state;

	assert_status_line(r, 204, "Status: 204 No Content\r\n");
	assert_status_line(r, 303, "Status: 303 See Other\r\n");
	assert_status_line(r, 404, "Status: 404 Not Found\r\n");
	assert_status_line(r, 405, "Status: 405 Method Not Allowed\r\n");
	assert_status_line(r, 503, "Status: 503 Service Unavailable\r\n");
}

static void other_statuses_are_rendered_as_numbers(void **state)
{
	struct kri_response *r = *state;

	assert_status_line(r, 299, "Status: 299 Status\r\n");
	assert_status_line(r, 599, "Status: 599 Status\r\n");
}

static void a_status_outside_the_range_is_refused(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(send_text(r, 199, ""), KR_ERR_ARGUMENT);
	assert_int_equal(send_text(r, 600, ""), KR_ERR_ARGUMENT);
	assert_int_equal(send_text(r, -200, ""), KR_ERR_ARGUMENT);
	assert_int_equal(kri_response_json(r, 0), KR_ERR_ARGUMENT);
	assert_int_equal(r->status, 0);
}

static void no_content_has_no_content(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(send_text(r, 204, "ignored"), KR_OK);
	assert_renders(r, false, "Status: 204 No Content\r\n\r\n");
	assert_int_equal(send_text(r, 304, "ignored"), KR_OK);
	assert_renders(r, false, "Status: 304 Not Modified\r\n\r\n");
}

static void a_second_answer_replaces_the_first(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(send_text(r, 200, "a long first text"), KR_OK);
	kri_json_add_int(&r->json, "n", 1);
	assert_int_equal(kri_response_json(r, 404), KR_OK);
	assert_renders(r, false,
		       "Status: 404 Not Found\r\n" JSON_HEAD
		       "Content-Length: 7\r\n\r\n{\"n\":1}");
}

static void json_keeps_the_order_of_its_members(void **state)
{
	struct kri_response *r = *state;

	kri_json_add_string(&r->json, "message", "Counter incremented");
	kri_json_add_int(&r->json, "counter", 3);
	assert_int_equal(kri_response_json(r, 200), KR_OK);
	assert_renders(r, false,
		       "Status: 200 OK\r\n" JSON_HEAD
		       "Content-Length: 45\r\n\r\n"
		       "{\"message\":\"Counter incremented\",\"counter\":3}");
}

static void json_escapes_what_it_must(void **state)
{
	struct kri_response *r = *state;

	kri_json_add_string(&r->json, "a\"b", "\\ \" \n \x01");
	assert_int_equal(kri_response_json(r, 200), KR_OK);
	assert_body(r, "{\"a\\\"b\":\"\\\\ \\\" \\n \\u0001\"}");
}

static void json_leaves_slashes_and_umlauts_alone(void **state)
{
	struct kri_response *r = *state;

	kri_json_add_string(&r->json, "example", "/session/login?user=m\xc3\xa4");
	assert_int_equal(kri_response_json(r, 400), KR_OK);
	assert_body(r, "{\"example\":\"/session/login?user=m\xc3\xa4\"}");
}

static void json_holds_the_extremes_of_int64(void **state)
{
	struct kri_response *r = *state;

	kri_json_add_int(&r->json, "min", INT64_MIN);
	kri_json_add_int(&r->json, "max", INT64_MAX);
	assert_int_equal(kri_response_json(r, 200), KR_OK);
	assert_body(r, "{\"min\":-9223372036854775808,"
		       "\"max\":9223372036854775807}");
}

static void an_object_without_members_is_empty(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(kri_response_json(r, 200), KR_OK);
	assert_body(r, "{}");
}

static void the_next_object_starts_empty(void **state)
{
	struct kri_response *r = *state;

	kri_json_add_int(&r->json, "a", 1);
	assert_int_equal(kri_response_json(r, 200), KR_OK);
	kri_json_add_int(&r->json, "b", 2);
	assert_int_equal(kri_response_json(r, 200), KR_OK);
	assert_body(r, "{\"b\":2}");
}

static void a_null_member_is_refused_at_the_end(void **state)
{
	struct kri_response *r = *state;

	kri_json_add_string(&r->json, "a", NULL);
	kri_json_add_string(&r->json, "b", "fine");
	assert_int_equal(kri_response_json(r, 200), KR_ERR_ARGUMENT);
	kri_json_add_string(&r->json, NULL, "a");
	assert_int_equal(kri_response_json(r, 200), KR_ERR_ARGUMENT);
	kri_json_add_int(&r->json, NULL, 1);
	assert_int_equal(kri_response_json(r, 200), KR_ERR_ARGUMENT);
	assert_int_equal(r->status, 0);
}

static void a_member_that_is_not_utf8_is_refused_at_the_end(void **state)
{
	struct kri_response *r = *state;

	kri_json_add_string(&r->json, "a", "\xff");
	assert_int_equal(kri_response_json(r, 200), KR_ERR_ARGUMENT);
	kri_json_add_string(&r->json, "\xc0\x80", "a");
	assert_int_equal(kri_response_json(r, 200), KR_ERR_ARGUMENT);
	kri_json_add_int(&r->json, "\xed\xa0\x80", 1);
	assert_int_equal(kri_response_json(r, 200), KR_ERR_ARGUMENT);
}

static void a_refused_object_leaves_no_trace(void **state)
{
	struct kri_response *r = *state;

	kri_json_add_int(&r->json, "a", 1);
	kri_json_add_string(&r->json, "b", NULL);
	assert_int_equal(kri_response_json(r, 200), KR_ERR_ARGUMENT);
	kri_json_add_int(&r->json, "c", 3);
	assert_int_equal(kri_response_json(r, 200), KR_OK);
	assert_body(r, "{\"c\":3}");
}

static void an_error_drops_all_that_was_filled_in(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(
		add_header(r, KRI_TEXT("Set-Cookie"), KRI_TEXT("sid=secret")),
		KR_OK);
	assert_int_equal(send_text(r, 200, "stored"), KR_OK);
	kri_json_add_int(&r->json, "half", 1);
	kri_response_error(r, 503, "The store cannot be reached");
	assert_renders(r, false,
		       "Status: 503 Service Unavailable\r\n" JSON_HEAD
		       "Content-Length: 39\r\n\r\n"
		       "{\"error\":\"The store cannot be reached\"}");
}

static void an_error_that_cannot_be_told_is_the_status_alone(void **state)
{
	struct kri_response *r = *state;

	kri_response_error(r, 400, "\xff");
	assert_renders(r, false,
		       "Status: 400 Bad Request\r\n"
		       "Content-Length: 0\r\n\r\n");
	kri_response_error(r, 404, NULL);
	assert_renders(r, false,
		       "Status: 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

static void an_error_of_an_impossible_status_is_a_500(void **state)
{
	struct kri_response *r = *state;

	kri_response_error(r, 7, "x");
	assert_int_equal(r->status, 500);
	assert_body(r, "{\"error\":\"x\"}");
}

static void a_response_never_answered_is_a_500(void **state)
{
	struct kri_response *r = *state;

	kri_json_add_int(&r->json, "half", 1);
	assert_renders(r, false,
		       "Status: 500 Internal Server Error\r\n" JSON_HEAD
		       "Content-Length: 37\r\n\r\n"
		       "{\"error\":\"The request got no answer\"}");
}

static void a_reset_response_is_empty(void **state)
{
	struct kri_response *r = *state;

	assert_int_equal(add_header(r, KRI_TEXT("X"), KRI_TEXT("1")), KR_OK);
	assert_int_equal(send_text(r, 200, "x"), KR_OK);
	kri_json_add_string(&r->json, "bad", NULL);
	kri_json_add_int(&r->json, "half", 1);
	kri_response_reset(r);
	assert_int_equal(r->status, 0);
	assert_int_equal(r->headers.len, 0);
	assert_int_equal(r->body.len, 0);
	assert_int_equal(kri_response_json(r, 200), KR_OK);
	assert_body(r, "{}");
}

static void a_reset_overwrites_the_cookies_secret(void **state)
{
	struct kri_response *r = *state;
	const char *at;

	assert_int_equal(
		add_header(r, KRI_TEXT("Set-Cookie"), KRI_TEXT("sid=secret")),
		KR_OK);
	at = r->headers.data;
	kri_response_reset(r);
	assert_ptr_equal(r->headers.data, at);
	assert_null(memmem(at, r->headers.cap, "secret", 6));
}

static void a_reset_gives_the_room_of_a_large_body_back(void **state)
{
	struct kri_response *r = *state;
	static char large[100000];

	memset(large, 'x', sizeof(large) - 1);
	assert_int_equal(send_text(r, 200, "x"), KR_OK);
	kri_response_reset(r);
	assert_in_range(r->body.cap, 1, 4096); /* for the next one */
	assert_int_equal(send_text(r, 200, large), KR_OK);
	kri_response_reset(r);
	assert_int_equal(r->body.cap, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_text_is_rendered),
		TEST(head_has_the_headers_alone),
		TEST(a_length_counts_bytes),
		TEST(rendering_appends_to_what_is_there),
		TEST(headers_come_after_the_content_headers_in_order),
		TEST(a_header_may_occur_twice),
		TEST(lines_of_our_own_go_among_the_headers),
		TEST(a_value_that_would_split_the_header_is_refused),
		TEST(a_name_that_is_no_token_is_refused),
		TEST(the_headers_of_rendering_cannot_be_added),
		TEST(common_statuses_have_their_phrase),
		TEST(other_statuses_are_rendered_as_numbers),
		TEST(a_status_outside_the_range_is_refused),
		TEST(no_content_has_no_content),
		TEST(a_second_answer_replaces_the_first),
		TEST(json_keeps_the_order_of_its_members),
		TEST(json_escapes_what_it_must),
		TEST(json_leaves_slashes_and_umlauts_alone),
		TEST(json_holds_the_extremes_of_int64),
		TEST(an_object_without_members_is_empty),
		TEST(the_next_object_starts_empty),
		TEST(a_null_member_is_refused_at_the_end),
		TEST(a_member_that_is_not_utf8_is_refused_at_the_end),
		TEST(a_refused_object_leaves_no_trace),
		TEST(an_error_drops_all_that_was_filled_in),
		TEST(an_error_that_cannot_be_told_is_the_status_alone),
		TEST(an_error_of_an_impossible_status_is_a_500),
		TEST(a_response_never_answered_is_a_500),
		TEST(a_reset_response_is_empty),
		TEST(a_reset_overwrites_the_cookies_secret),
		TEST(a_reset_gives_the_room_of_a_large_body_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
