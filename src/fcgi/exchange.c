/*
 * One exchange, from its parameters to what it changed. Its answer is in
 * answer.c; what has to be done for a whole batch at once in stages.c.
 */
#include "fcgi/exchange.h"

#include "base/clock.h"

#define ARENA_CHUNK 4096
#define ARENA_SPARE ((size_t)256 << 10) /* over what a session may hold */

#define HOLD_US 50000     /* that a handler may hold its loop */
#define BLAME_EVERY 60000 /* ms between two words about one that does */

void kri_exchange_open(struct kr_context *c, const struct kri_site *site)
{
	*c = (struct kr_context){.site = site};
	kri_arena_init(&c->arena, ARENA_CHUNK,
		       ARENA_SPARE + 4 * (size_t)site->config->max_size);
}

void kri_exchange_close(struct kr_context *c)
{
	kri_arena_free(&c->arena);
	kri_buffer_free(&c->body);
	kri_response_free(&c->response);
}

/* ---- the request ------------------------------------------------------ */

static void refuse_method(struct kr_context *c, unsigned allow)
{
	kri_exchange_answer(c, 405, "Method not allowed");
	if (kri_response_header(&c->response, KRI_TEXT("Allow"),
				kri_text_of(kri_router_allow(allow))))
		kri_exchange_answer(c, 405, "Method not allowed");
}

/* Whether a route was found; else it is answered. */
static bool route(struct kr_context *c)
{
	unsigned allow = 0;
	enum kr_err err = kri_router_find(c->site->router, c->request.path,
					  c->request.method, &c->route, &allow);

	if (err == KR_ERR_NOT_FOUND)
		kri_exchange_answer(c, 404, "Not found");
	else if (err)
		refuse_method(c, allow);
	return !err;
}

/* Whether CONTENT_LENGTH tells the truth (RFC 3875 section 4.1.2). Without
 * one, as for a body that came in chunks, the end of the body is the end. */
static bool has_right_length(const struct kr_context *c)
{
	return c->request.content_length == KRI_LENGTH_UNSAID ||
	       c->request.content_length == (int64_t)c->body.len;
}

/* Whether the body is none, or a form; else it is answered. */
static bool check_body(struct kr_context *c, enum kr_err err)
{
	if (err == KR_ERR_LIMIT)
		kri_exchange_answer(c, 413,
				    "Request body larger than 8192 bytes");
	else if (err == KR_ERR_PROTOCOL)
		kri_exchange_answer(c, 400, "Request body broke off");
	else if (err)
		kri_exchange_answer(c, 503, "Out of memory");
	else if (!has_right_length(c))
		kri_exchange_answer(c, 400,
				    "Content-Length is not that of the body");
	else if (c->body.len && !kri_request_is_form(&c->request))
		kri_exchange_answer(c, 415,
				    "Request body must be "
				    "application/x-www-form-urlencoded");
	else
		return true;
	return false;
}

/* Whether the parameters could be decoded; else it is answered. */
static bool decode(struct kr_context *c)
{
	const char *why = NULL;
	enum kr_err err = kri_request_decode(
		&c->request, kri_buffer_text(&c->body), &c->arena, &why);

	if (err == KR_ERR_INPUT)
		kri_exchange_answer(c, 400, why);
	else if (err)
		kri_exchange_answer(c, 503, "Out of memory");
	return !err;
}

void kri_exchange_begin(struct kr_context *c, char **params,
			enum kr_err body_err)
{
	const struct kri_request *request = &c->request;

	c->begun = kri_clock_us();
	kri_request_read(&c->request, params);
	kri_visit_begin(&c->visit, c->site->config, &c->site->cookie,
			&c->arena);
	if (!route(c) || !check_body(c, body_err) || !decode(c))
		return;
	for (size_t i = 0;
	     (c->route->flags & KR_SESSION) && i < request->cookie_headers; i++)
		kri_visit_cookies(&c->visit, request->cookies[i]);
	c->phase = c->visit.n ? KRI_TO_LOAD : KRI_TO_HANDLE;
}

/* ---- the session ------------------------------------------------------ */

void kri_exchange_adopt(struct kr_context *c)
{
	enum kr_err err = kri_visit_adopt(&c->visit);

	c->phase = KRI_TO_HANDLE;
	if (err)
		kri_exchange_fail(c, err);
}

bool kri_exchange_is_late(const struct kr_context *c)
{
	return kri_clock_us() - c->begun >= c->site->config->io_timeout * 1000;
}

/* The time that a request may take at the store is what it may go on racing
 * others for its session. */
static bool may_repeat(const struct kr_context *c, enum kr_err err)
{
	return err == KR_ERR_RENEWED ||
	       (err == KR_ERR_CONFLICT && !kri_exchange_is_late(c));
}

/* Nothing stays of the run that lost: however often it runs again, it takes
 * no more memory than once. */
static void start_over(struct kr_context *c, enum kr_err err)
{
	kri_visit_again(&c->visit, err);
	kri_response_reset(&c->response);
	kri_arena_reset(&c->arena);
	c->tries++;
	if (decode(c))
		c->phase = KRI_TO_REPEAT;
}

void kri_exchange_settle(struct kr_context *c)
{
	enum kr_err err = kri_visit_settle(&c->visit);

	if (!err) {
		c->phase = KRI_TO_RESPOND;
	} else if (may_repeat(c, err)) {
		start_over(c, err);
	} else {
		kri_exchange_fail(c, err);
	}
}

/* ---- the handler ------------------------------------------------------ */

static void blame(const struct kr_context *c)
{
	static _Atomic int64_t next;

	if (kri_log_is_due_every(&next, BLAME_EVERY))
		kri_log(KRI_LOG_WARNING, NULL,
			"the handler of %s held its loop for %lld ms, and "
			"every request on it; mark the route KR_BLOCKING",
			c->route->path, (long long)c->handle_us / 1000);
}

enum kr_err kri_exchange_run(struct kr_context *c)
{
	int64_t begin = kri_clock_us(), took;
	enum kr_err err = c->route->handler(c);

	took = kri_clock_us() - begin;
	c->handle_us += took;
	if (took >= HOLD_US && !(c->route->flags & KR_BLOCKING))
		blame(c);
	if (!err && !c->response.status) {
		struct kri_log_ids ids = kri_exchange_ids(c);

		kri_log(KRI_LOG_ERROR, &ids,
			"the handler of %s returned without an answer",
			c->route->path);
		err = KR_ERR_ARGUMENT;
	}
	return err;
}

/* What the handler changed goes to the store. */
static enum kr_err take_changes(struct kr_context *c)
{
	bool waits = false;
	enum kr_err err;

	if (c->request.cross_site && kri_visit_is_changed(&c->visit)) {
		kri_exchange_answer(c, 403,
				    "Cross-site requests cannot change state");
		return KR_OK;
	}
	err = kri_visit_leave(&c->visit, c->route->flags & KR_ATOMIC, &waits);
	if (!err)
		c->phase = waits ? KRI_TO_COMMIT : KRI_TO_RESPOND;
	return err;
}

void kri_exchange_leave(struct kr_context *c, enum kr_err err)
{
	if (!err)
		err = take_changes(c);
	if (err)
		kri_exchange_fail(c, err);
}

void kri_exchange_end(struct kr_context *c)
{
	kri_visit_end(&c->visit);
	kri_arena_reset(&c->arena);
	kri_buffer_clear(&c->body);
	kri_response_reset(&c->response);
	c->route = NULL;
	c->tries = 0;
	c->load_us = c->handle_us = c->commit_us = 0;
}
