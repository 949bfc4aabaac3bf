/*
 * What the tests of exchanges share: one exchange with a site of its own,
 * requests to begin it with, and a record as a store might have loaded it.
 * There are no sockets and no store.
 */
#ifndef TESTS_UNIT_EXCHANGE_TRIAL_H
#define TESTS_UNIT_EXCHANGE_TRIAL_H

#include "fcgi/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"

#define ID_A "AAAAAAAAAAAAAAAAAAAAAA"
#define ID_B "BBBBBBBBBBBBBBBBBBBBBA"
#define SECRET "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define COOKIE_A "HTTP_COOKIE=sid=" ID_A SECRET
#define CROSS_SITE "HTTP_SEC_FETCH_SITE=cross-site"

struct trial_route {
	const char *path;
	kr_handler *handler;
	unsigned methods, flags;
};

struct trial {
	struct kri_config config;
	struct kri_router router;
	struct kri_site site;
	struct kr_context c;
	struct kri_record record; /* as the store has it, once loaded */
	struct kri_buffer out;
};

/* ---- before and after ------------------------------------------------- */

/* Routes end with one that has no path. */
static inline enum kr_err trial_map(struct kri_router *router,
				    const struct trial_route *route)
{
	enum kr_err err = KR_OK;

	for (; route->path && !err; route++) {
		char path[16];
		struct kri_route copy = {
			.path = strcpy(path, route->path),
			.methods = route->methods,
			.flags = route->flags,
			.handler = route->handler,
		};

		err = kri_router_add(router, &copy);
	}
	return err;
}

static inline int trial_open(void **state, const struct trial_route *routes)
{
	struct trial *t = calloc(1, sizeof(*t));

	if (!t || kri_config_init(&t->config) || trial_map(&t->router, routes))
		return -1;
	t->site = (struct kri_site){
		.config = &t->config,
		.router = &t->router,
		.cookie = {.name = KRI_TEXT("sid"),
			   .path = KRI_TEXT("/"),
			   .http_only = true},
	};
	*state = t;
	kri_exchange_open(&t->c, &t->site);
	return 0;
}

static inline int trial_close(void **state)
{
	struct trial *t = *state;

	kri_exchange_end(&t->c);
	kri_exchange_close(&t->c);
	kri_buffer_free(&t->out);
	kri_router_free(&t->router);
	kri_config_free(&t->config);
	free(t);
	return 0;
}

/* ---- requests --------------------------------------------------------- */

#define BEGIN(t, err, ...)                                                     \
	trial_begin(t, err, (const char *[]){__VA_ARGS__, NULL})

/* Parameters are borrowed, so they have to stay where they are. */
static inline void trial_begin(struct trial *t, enum kr_err body_err,
			       const char *const *params)
{
	static char *kept[16];
	size_t n = 0;

	for (; params[n]; n++)
		kept[n] = (char *)(uintptr_t)params[n];
	kept[n] = NULL;
	t->c.body.err = body_err;
	kri_exchange_begin(&t->c, kept);
}

static inline void get(struct trial *t, const char *path)
{
	BEGIN(t, KR_OK, "REQUEST_METHOD=GET", path);
}

/* A GET with one more parameter. */
static inline void get_with(struct trial *t, const char *path,
			    const char *param)
{
	BEGIN(t, KR_OK, "REQUEST_METHOD=GET", path, param);
}

/* A POST of that type, whose body is already there. */
static inline void post(struct trial *t, const char *path, const char *type,
			const char *body)
{
	kri_buffer_string(&t->c.body.bytes, body);
	BEGIN(t, KR_OK, "REQUEST_METHOD=POST", path, type);
}

/* ---- the record ------------------------------------------------------- */

/* As if the store had loaded the record of the first candidate, proven by
 * that secret. */
static inline void load(struct trial *t, const char *secret)
{
	struct kri_token token = {0};
	char value[KRI_TOKEN_LEN + 1] = ID_A;

	strcpy(value + KRI_ID_LEN, secret);
	assert_int_equal(kri_token_parse(kri_text_of(value), &token), KR_OK);
	t->record = (struct kri_record){
		.id = ID_A,
		.born = kri_clock_epoch() - 60,
		.seen = kri_clock_epoch_ms(),
		.version = 5,
		.arena = &t->c.arena,
	};
	assert_int_equal(kri_token_digest(&token, t->record.auth), KR_OK);
	assert_int_equal(t->c.phase, KRI_TO_LOAD);
	t->c.visit.candidates[0].record = &t->record;
}

/* The request with the cookie of A has begun: goes on to its handler. */
static inline void adopt(struct trial *t)
{
	load(t, SECRET);
	kri_exchange_adopt(&t->c);
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
}

static inline void get_in_session(struct trial *t, const char *path)
{
	get_with(t, path, COOKIE_A);
	adopt(t);
}

/* Runs the handler, as the stages do it. */
static inline void handle(struct trial *t)
{
	assert_int_equal(t->c.phase, KRI_TO_HANDLE);
	kri_visit_enter(&t->c.visit);
	kri_exchange_leave(&t->c, kri_exchange_run(&t->c));
}

/* ---- answers ---------------------------------------------------------- */

/* The whole answer. */
static inline const char *render(struct trial *t)
{
	kri_exchange_render(&t->c, &t->out);
	assert_false(t->out.failed);
	return t->out.data;
}

static inline void assert_says(struct trial *t, const char *text)
{
	assert_non_null(strstr(render(t), text));
}

static inline void assert_never_says(struct trial *t, const char *text)
{
	assert_null(strstr(render(t), text));
}

static inline void assert_answer(struct trial *t, int status)
{
	assert_int_equal(t->c.phase, KRI_TO_RESPOND);
	assert_int_equal(t->c.response.status, status);
}

#endif
