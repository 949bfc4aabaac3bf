/*
 * The router: what may be mapped, and what a method on a path finds.
 */
#include "http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static enum kr_err first(struct kr_context *c)
{
	(void)c;
	return KR_OK;
}

static enum kr_err second(struct kr_context *c)
{
	(void)c;
	return KR_OK;
}

static enum kr_err add(struct kri_router *router, const char *path,
		       unsigned methods, kr_handler *handler)
{
	char copy[64];
	struct kri_route route = {
		.path = copy, .methods = methods, .handler = handler};

	/* Gone when this returns: the router must keep a copy of its own. */
	snprintf(copy, sizeof(copy), "%s", path);
	return kri_router_add(router, &route);
}

static enum kr_err add_flags(struct kri_router *router, unsigned flags)
{
	char path[] = "/flags";
	struct kri_route route = {.path = path,
				  .methods = KR_GET,
				  .flags = flags,
				  .handler = first};

	return kri_router_add(router, &route);
}

static void assert_handler(const struct kri_router *router, const char *path,
			   enum kri_request_method method, kr_handler *handler)
{
	const struct kri_route *route = NULL;
	unsigned allow = 99;

	assert_int_equal(kri_router_find(router, path, method, &route, &allow),
			 KR_OK);
	assert_string_equal(route->path, path);
	assert_true(route->handler == handler);
	assert_int_equal(allow, 99);
}

static void assert_not_found(const struct kri_router *router, const char *path)
{
	const struct kri_route *route = NULL;
	unsigned allow = 99;

	assert_int_equal(
		kri_router_find(router, path, KRI_METHOD_GET, &route, &allow),
		KR_ERR_NOT_FOUND);
	assert_null(route);
	assert_int_equal(allow, 99);
}

static void assert_not_allowed(const struct kri_router *router,
			       const char *path, enum kri_request_method method,
			       unsigned expected)
{
	const struct kri_route *route = NULL;
	unsigned allow = 0;

	assert_int_equal(kri_router_find(router, path, method, &route, &allow),
			 KR_ERR_ARGUMENT);
	assert_null(route);
	assert_int_equal(allow, expected);
}

static void an_empty_router_finds_nothing(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_not_found(&router, "/");
	kri_router_free(&router);
}

static void a_mapped_path_is_found(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add(&router, "/hello", KR_GET, first), KR_OK);
	assert_handler(&router, "/hello", KRI_METHOD_GET, first);
	kri_router_free(&router);
}

static void paths_are_compared_whole(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add(&router, "/hello", KR_GET, first), KR_OK);
	assert_not_found(&router, "/");
	assert_not_found(&router, "/hell");
	assert_not_found(&router, "/hello/");
	assert_not_found(&router, "/hello2");
	assert_not_found(&router, "/Hello");
	assert_not_found(&router, "//hello");
	assert_not_found(&router, "");
	kri_router_free(&router);
}

static void head_finds_what_get_finds(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add(&router, "/hello", KR_GET, first), KR_OK);
	assert_handler(&router, "/hello", KRI_METHOD_HEAD, first);
	kri_router_free(&router);
}

static void a_method_that_is_not_mapped_is_told_from_no_path(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add(&router, "/hello", KR_GET, first), KR_OK);
	assert_int_equal(add(&router, "/form", KR_POST, first), KR_OK);
	assert_not_allowed(&router, "/hello", KRI_METHOD_POST, KR_GET);
	assert_not_allowed(&router, "/form", KRI_METHOD_GET, KR_POST);
	assert_not_allowed(&router, "/form", KRI_METHOD_HEAD, KR_POST);
	kri_router_free(&router);
}

static void another_method_finds_no_route(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add(&router, "/", KR_GET | KR_POST, first), KR_OK);
	assert_not_allowed(&router, "/", KRI_METHOD_OTHER, KR_GET | KR_POST);
	kri_router_free(&router);
}

static void two_handlers_share_a_path_by_method(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add(&router, "/form", KR_POST, second), KR_OK);
	assert_int_equal(add(&router, "/form", KR_GET, first), KR_OK);
	assert_handler(&router, "/form", KRI_METHOD_GET, first);
	assert_handler(&router, "/form", KRI_METHOD_POST, second);
	assert_not_allowed(&router, "/form", KRI_METHOD_OTHER,
			   KR_GET | KR_POST);
	kri_router_free(&router);
}

static void a_method_can_be_mapped_once_on_a_path(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add(&router, "/a", KR_GET, first), KR_OK);
	assert_int_equal(add(&router, "/a", KR_GET, second), KR_ERR_ARGUMENT);
	assert_int_equal(add(&router, "/a", KR_GET | KR_POST, second),
			 KR_ERR_ARGUMENT);
	assert_int_equal(router.whole.n, 1);
	assert_handler(&router, "/a", KRI_METHOD_GET, first);
	kri_router_free(&router);
}

static void many_paths_in_any_order_are_all_found(void **state)
{
	struct kri_router router = {0};
	char path[16];
	int i;

	(void)state;
	for (i = 0; i < 199; i++) {
		/* 71 and 199 have no common divisor: each number comes once. */
		snprintf(path, sizeof(path), "/%d", i * 71 % 199);
		assert_int_equal(add(&router, path, KR_GET, first), KR_OK);
	}
	for (i = 0; i < 199; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		assert_handler(&router, path, KRI_METHOD_GET, first);
	}
	assert_not_found(&router, "/199");
	assert_not_found(&router, "/!");
	assert_not_found(&router, "/~");
	kri_router_free(&router);
}

static void a_path_that_is_not_absolute_is_refused(void **state)
{
	struct kri_router router = {0};
	struct kri_route none = {.methods = KR_GET, .handler = first};

	(void)state;
	assert_int_equal(add(&router, "hello", KR_GET, first), KR_ERR_ARGUMENT);
	assert_int_equal(add(&router, "", KR_GET, first), KR_ERR_ARGUMENT);
	assert_int_equal(kri_router_add(&router, &none), KR_ERR_ARGUMENT);
	assert_int_equal(router.whole.n, 0);
	kri_router_free(&router);
}

static void a_route_needs_a_known_method(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add(&router, "/", 0, first), KR_ERR_ARGUMENT);
	assert_int_equal(add(&router, "/", 32, first), KR_ERR_ARGUMENT);
	assert_int_equal(add(&router, "/", KR_GET | 1u << 31, first),
			 KR_ERR_ARGUMENT);
	kri_router_free(&router);
}

static void a_route_needs_a_handler(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add(&router, "/", KR_GET, NULL), KR_ERR_ARGUMENT);
	kri_router_free(&router);
}

static void an_unknown_flag_is_refused(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add_flags(&router, 64), KR_ERR_ARGUMENT);
	assert_int_equal(add_flags(&router, KR_SESSION | 1u << 31),
			 KR_ERR_ARGUMENT);
	kri_router_free(&router);
}

static void an_atomic_route_needs_a_session(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add_flags(&router, KR_ATOMIC), KR_ERR_ARGUMENT);
	assert_int_equal(add_flags(&router, KR_ATOMIC | KR_BLOCKING),
			 KR_ERR_ARGUMENT);
	assert_int_equal(add_flags(&router, KR_ATOMIC | KR_SESSION), KR_OK);
	assert_int_equal(router.whole.routes[0].flags, KR_ATOMIC | KR_SESSION);
	kri_router_free(&router);
}

static void assert_allows(unsigned methods, const char *expected)
{
	char value[KRI_ALLOW_SIZE];

	kri_router_allow(methods, value);
	assert_string_equal(value, expected);
}

static void get_allows_head_too(void **state)
{
	(void)state;
	assert_allows(KR_GET, "GET, HEAD");
	assert_allows(KR_POST, "POST");
	assert_allows(KR_GET | KR_POST, "GET, HEAD, POST");
	assert_allows(KR_PUT | KR_DELETE, "PUT, DELETE");
	assert_allows(KR_GET | KR_POST | KR_PUT | KR_PATCH | KR_DELETE,
		      "GET, HEAD, POST, PUT, PATCH, DELETE");
	assert_allows(0, "");
}

/* ---- stars ------------------------------------------------------------ */

/* The path of the route that answers a GET, or "". */
static const char *route_of(const struct kri_router *router, const char *path)
{
	const struct kri_route *route = NULL;
	unsigned allow;

	return kri_router_find(router, path, KRI_METHOD_GET, &route, &allow)
		       ? ""
		       : route->path;
}

static void the_longest_star_wins_and_a_whole_path_before_it(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add(&router, "/a/*", KR_GET, first), KR_OK);
	assert_int_equal(add(&router, "/a/b/*", KR_GET, first), KR_OK);
	assert_int_equal(add(&router, "/a/b/c", KR_GET, first), KR_OK);
	assert_int_equal(add(&router, "/a/b/", KR_GET, first), KR_OK);
	assert_string_equal(route_of(&router, "/a/"), "/a/*");
	assert_string_equal(route_of(&router, "/a/x/y"), "/a/*");
	assert_string_equal(route_of(&router, "/a/*"), "/a/*");
	assert_string_equal(route_of(&router, "/a/b"), "/a/*");
	assert_string_equal(route_of(&router, "/a/b/"), "/a/b/");
	assert_string_equal(route_of(&router, "/a/b/c"), "/a/b/c");
	assert_string_equal(route_of(&router, "/a/b/c/"), "/a/b/*");
	assert_string_equal(route_of(&router, "/a"), "");
	assert_string_equal(route_of(&router, "/ab/"), "");
	assert_string_equal(route_of(&router, "/"), "");
	assert_int_equal(add(&router, "/*", KR_GET, first), KR_OK);
	assert_string_equal(route_of(&router, "/ab/"), "/*");
	assert_string_equal(route_of(&router, "////////////////////"), "/*");
	kri_router_free(&router);
}

static void what_has_the_path_decides_about_the_method(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add(&router, "/a/*", KR_GET | KR_PUT, first), KR_OK);
	assert_int_equal(add(&router, "/a/b", KR_POST, first), KR_OK);
	assert_int_equal(add(&router, "/a/*", KR_DELETE, first), KR_OK);
	assert_int_equal(add(&router, "/a/*", KR_PUT, first), KR_ERR_ARGUMENT);
	assert_not_allowed(&router, "/a/b", KRI_METHOD_GET, KR_POST);
	assert_not_allowed(&router, "/a/x", KRI_METHOD_PATCH,
			   KR_GET | KR_PUT | KR_DELETE);
	kri_router_free(&router);
}

static void a_path_climbs_by_segments_of_dots(void **state)
{
	(void)state;
	assert_true(kri_path_climbs(".."));
	assert_true(kri_path_climbs("a/../b"));
	assert_true(kri_path_climbs("a/."));
	assert_true(kri_path_climbs("./a"));
	assert_false(kri_path_climbs(""));
	assert_false(kri_path_climbs("a//b/"));
	assert_false(kri_path_climbs("..a/b../.c/..."));
}

static void a_freed_router_can_be_used_again(void **state)
{
	struct kri_router router = {0};

	(void)state;
	assert_int_equal(add(&router, "/a", KR_GET, first), KR_OK);
	kri_router_free(&router);
	assert_not_found(&router, "/a");
	assert_int_equal(add(&router, "/a", KR_GET, second), KR_OK);
	assert_handler(&router, "/a", KRI_METHOD_GET, second);
	kri_router_free(&router);
	kri_router_free(&router);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_router_finds_nothing),
		cmocka_unit_test(a_mapped_path_is_found),
		cmocka_unit_test(paths_are_compared_whole),
		cmocka_unit_test(head_finds_what_get_finds),
		cmocka_unit_test(
			a_method_that_is_not_mapped_is_told_from_no_path),
		cmocka_unit_test(another_method_finds_no_route),
		cmocka_unit_test(two_handlers_share_a_path_by_method),
		cmocka_unit_test(a_method_can_be_mapped_once_on_a_path),
		cmocka_unit_test(many_paths_in_any_order_are_all_found),
		cmocka_unit_test(a_path_that_is_not_absolute_is_refused),
		cmocka_unit_test(a_route_needs_a_known_method),
		cmocka_unit_test(a_route_needs_a_handler),
		cmocka_unit_test(an_unknown_flag_is_refused),
		cmocka_unit_test(an_atomic_route_needs_a_session),
		cmocka_unit_test(get_allows_head_too),
		cmocka_unit_test(
			the_longest_star_wins_and_a_whole_path_before_it),
		cmocka_unit_test(what_has_the_path_decides_about_the_method),
		cmocka_unit_test(a_path_climbs_by_segments_of_dots),
		cmocka_unit_test(a_freed_router_can_be_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
