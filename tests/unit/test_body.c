/*
 * Bodies: what their route takes, and that none takes more memory than there
 * is for all.
 */
#include "fcgi/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fcgi/exchange.h"

#define MOST 100000

struct fixture {
	struct kri_config config;
	struct kri_router router;
	struct kri_site site;
	struct kri_buffer pairs;
};

static enum kr_err hello(struct kr_context *c)
{
	(void)c;
	return KR_OK;
}

static int setup(void **state)
{
	static struct fixture f;
	struct kri_route route = {.path = (char *)(uintptr_t) "/body",
				  .methods = KR_POST,
				  .flags = KR_BODY,
				  .handler = hello};

	f = (struct fixture){.config = {.max_body = MOST}};
	f.site.config = &f.config;
	f.site.router = &f.router;
	*state = &f;
	return kri_router_add(&f.router, &route);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kri_router_free(&f->router);
	kri_buffer_free(&f->pairs);
	return 0;
}

static void pair(struct fixture *f, const char *name, const char *value)
{
	kri_buffer_byte(&f->pairs, (char)strlen(name));
	kri_buffer_byte(&f->pairs, (char)strlen(value));
	kri_buffer_string(&f->pairs, name);
	kri_buffer_string(&f->pairs, value);
}

static size_t most_of(struct fixture *f)
{
	return kri_body_most_of_pairs(&f->site, kri_buffer_text(&f->pairs));
}

/* ---- the route -------------------------------------------------------- */

static void a_route_that_takes_bodies_takes_the_option(void **state)
{
	struct fixture *f = *state;

	pair(f, "QUERY_STRING", "");
	pair(f, "REQUEST_METHOD", "POST");
	pair(f, "SCRIPT_NAME", "/body");
	assert_int_equal(most_of(f), MOST);
}

static void others_take_a_form(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(most_of(f), KRI_REQUEST_BODY_MAX);
	pair(f, "REQUEST_METHOD", "PUT");
	pair(f, "PATH_INFO", "/body");
	assert_int_equal(most_of(f), KRI_REQUEST_BODY_MAX);
	kri_buffer_clear(&f->pairs);
	pair(f, "REQUEST_METHOD", "POST");
	pair(f, "PATH_INFO", "/other");
	assert_int_equal(most_of(f), KRI_REQUEST_BODY_MAX);
	assert_int_equal(kri_body_most_of_pairs(NULL, KRI_TEXT("")),
			 KRI_REQUEST_BODY_MAX);
}

/* Else a body could be read for one route and be handled by another. */
static void both_forms_of_parameters_find_the_same_route(void **state)
{
	struct fixture *f = *state;
	char method[] = "REQUEST_METHOD=POST", again[] = "REQUEST_METHOD=PUT";
	char empty[] = "PATH_INFO=", path[] = "DOCUMENT_URI=/body";
	char *params[] = {method, again, empty, path, NULL};

	pair(f, "REQUEST_METHOD", "POST");
	pair(f, "REQUEST_METHOD", "PUT");
	pair(f, "PATH_INFO", "");
	pair(f, "DOCUMENT_URI", "/body");
	assert_int_equal(most_of(f), MOST);
	assert_int_equal(kri_body_most(&f->site, params), MOST);
}

/* ---- memory ----------------------------------------------------------- */

static void small_bodies_are_not_counted(void **state)
{
	struct kri_body_room room = {.limit = 0};
	struct kri_body body = {.err = KR_OK};

	(void)state;
	kri_buffer_grow(&body.bytes, 1000);
	kri_body_charge(&body, &room);
	assert_int_equal(body.err, KR_OK);
	assert_int_equal(room.used, 0);
	kri_body_drop(&body, &room);
	assert_true(body.bytes.cap > 0);
	kri_buffer_free(&body.bytes);
}

static void a_body_pays_as_it_grows(void **state)
{
	struct kri_body_room room = {.limit = 1 << 20};
	struct kri_body body = {.err = KR_OK};

	(void)state;
	for (size_t size = 20000; size < 500000; size += 100000) {
		kri_buffer_grow(&body.bytes, size);
		kri_body_charge(&body, &room);
		assert_int_equal(room.used, body.bytes.cap);
	}
	kri_body_charge(&body, &room);
	assert_int_equal(room.used, body.bytes.cap);
	kri_body_drop(&body, &room);
	assert_int_equal(room.used, 0);
	assert_int_equal(body.bytes.cap, 0);
}

static void what_has_no_room_is_given_back(void **state)
{
	struct kri_body_room room = {.limit = 200000};
	struct kri_body first = {.err = KR_OK}, second = {.err = KR_OK};

	(void)state;
	kri_buffer_grow(&first.bytes, 100000);
	kri_body_charge(&first, &room);
	assert_int_equal(first.err, KR_OK);
	kri_buffer_grow(&second.bytes, 20000);
	kri_body_charge(&second, &room);
	assert_int_equal(second.err, KR_OK);
	kri_buffer_grow(&second.bytes, 150000);
	kri_body_charge(&second, &room);
	assert_int_equal(second.err, KR_ERR_MEMORY);
	assert_int_equal(second.bytes.cap, 0);
	assert_int_equal(room.used, first.bytes.cap);
	kri_body_drop(&second, &room);
	assert_int_equal(second.err, KR_OK);
	kri_body_drop(&first, &room);
	assert_int_equal(room.used, 0);
}

static void without_a_room_there_is_no_limit(void **state)
{
	struct kri_body body = {.err = KR_OK};

	(void)state;
	kri_buffer_grow(&body.bytes, 1 << 20);
	kri_body_charge(&body, NULL);
	assert_int_equal(body.err, KR_OK);
	kri_body_drop(&body, NULL);
	assert_int_equal(body.bytes.cap, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_route_that_takes_bodies_takes_the_option),
		TEST(others_take_a_form),
		TEST(both_forms_of_parameters_find_the_same_route),
		TEST(small_bodies_are_not_counted),
		TEST(a_body_pays_as_it_grows),
		TEST(what_has_no_room_is_given_back),
		TEST(without_a_room_there_is_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
