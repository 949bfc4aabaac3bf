/*
 * One exchange, from its parameters to what it changed. Its answer is in
 * answer.c; what has to be done for a whole batch at once in stages.c.
 */
#include "fcgi/exchange.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/counters.h"
#include "fcgi/monitor.h"

#define ARENA_CHUNK 4096
#define ARENA_SPARE ((size_t)256 << 10) /* over what a session may hold */

#define HOLD_US 50000     /* that a handler may hold its loop */
#define BLAME_EVERY 60000 /* ms between two words about one that does */

static size_t arena_room(const struct kri_site *site)
{
	return ARENA_SPARE + 4 * (size_t)site->config->max_size;
}

void kri_exchange_open(struct kr_context *c, const struct kri_site *site)
{
	*c = (struct kr_context){.site = site, .rest = ""};
	kri_arena_init(&c->arena, ARENA_CHUNK, arena_room(site));
}

void kri_exchange_close(struct kr_context *c)
{
	kri_arena_free(&c->arena);
	kri_buffer_free(&c->body.bytes);
	kri_response_free(&c->response);
}

/* ---- the request ------------------------------------------------------ */

static void refuse_method(struct kr_context *c, unsigned allow)
{
	char methods[KRI_ALLOW_SIZE];

	kri_router_allow(allow, methods);
	kri_exchange_answer(c, KR_ERR_ARGUMENT, 405, "Method not allowed");
	if (kri_response_header(&c->response, KRI_TEXT("Allow"),
				kri_text_of(methods)))
		kri_exchange_answer(c, KR_ERR_ARGUMENT, 405,
				    "Method not allowed");
}

/* The cross-site rule: see enum kr_route_flag. */
static bool is_bound(const struct kr_context *c)
{
	return c->request.cross_site && !(c->route->flags & KR_CROSS_SITE);
}

static bool is_refused(const struct kr_context *c)
{
	return is_bound(c) && c->route->methods & ~(unsigned)KR_GET;
}

/* An authorizer is asked about other servers' paths, and a page of ours would
 * be a yes: see the FastCGI specification, section 6.3. */
static bool is_responder(const struct kr_context *c)
{
	const char *role = kri_request_param(&c->request, "FCGI_ROLE");

	return !role || !strcmp(role, "RESPONDER");
}

/* The monitor's pages come before a star of the program's that has them too. */
static enum kr_err find(struct kr_context *c, unsigned *allow)
{
	const struct kri_route *own = NULL;

	if (c->site->monitor &&
	    kri_monitor_may_have(c->site->monitor, c->request.path))
		own = kri_monitor_route(c->site->monitor, c->request.path);
	if (!own || !is_responder(c))
		return kri_router_find(c->site->router, c->request.path,
				       c->request.method, &c->route, allow);
	*allow = own->methods;
	if (c->request.method != KRI_METHOD_GET &&
	    c->request.method != KRI_METHOD_HEAD)
		return KR_ERR_ARGUMENT;
	c->route = own;
	return KR_OK;
}

/* Whether a route was found; else it is answered. */
static bool route(struct kr_context *c)
{
	unsigned allow = 0;
	enum kr_err err = find(c, &allow);

	if (err == KR_ERR_NOT_FOUND)
		kri_exchange_answer(c, KR_ERR_NOT_FOUND, 404, "Not found");
	else if (err)
		refuse_method(c, allow);
	if (err)
		return false;
	c->rest = kri_route_rest(c->route, c->request.path);
	if (kri_path_climbs(c->rest)) {
		kri_exchange_answer(c, KR_ERR_INPUT, 400,
				    "Path with a segment . or ..");
		return false;
	}
	if (is_refused(c)) {
		kri_exchange_fail(c, KR_ERR_CROSS_SITE);
		return false;
	}
	return true;
}

/* Whether CONTENT_LENGTH tells the truth (RFC 3875 section 4.1.2). Without
 * one, as for a body that came in chunks, the end of the body is the end. */
static bool has_right_length(const struct kr_context *c)
{
	return c->request.content_length == KRI_LENGTH_UNSAID ||
	       c->request.content_length == (int64_t)c->body.bytes.len;
}

static void refuse_size(struct kr_context *c)
{
	bool any = c->route->flags & KR_BODY;
	int64_t most = any ? c->site->config->max_body : KRI_REQUEST_BODY_MAX;
	char text[64];

	snprintf(text, sizeof(text), "Request body larger than %lld bytes",
		 (long long)most);
	kri_exchange_answer(c, KR_ERR_LIMIT, 413, text);
}

/* Whether the body is one that the route takes, or there is none; else it is
 * answered. */
static bool check_body(struct kr_context *c)
{
	enum kr_err err = c->body.err;

	if (err == KR_ERR_LIMIT)
		refuse_size(c);
	else if (err == KR_ERR_PROTOCOL)
		kri_exchange_answer(c, KR_ERR_INPUT, 400,
				    "Request body broke off");
	else if (err)
		kri_exchange_answer(c, KR_ERR_MEMORY, 503, "Out of memory");
	else if (!has_right_length(c))
		kri_exchange_answer(c, KR_ERR_INPUT, 400,
				    "Content-Length is not that of the body");
	else if (c->body.bytes.len && !(c->route->flags & KR_BODY) &&
		 !kri_request_is_form(&c->request))
		kri_exchange_answer(c, KR_ERR_MEDIA, 415,
				    "Request body must be "
				    "application/x-www-form-urlencoded");
	else
		return true;
	return false;
}

/* Whether the parameters could be decoded; else it is answered. Those of a
 * request that is only judged are not ours to complain about. */
static bool decode(struct kr_context *c)
{
	struct kri_text form = {0};
	const char *why = NULL;
	enum kr_err err;

	if (c->request.authorizer)
		return true;
	if (kri_request_is_form(&c->request))
		form = kri_buffer_text(&c->body.bytes);
	err = kri_request_decode(&c->request, form, &c->arena, &why);

	if (err == KR_ERR_INPUT)
		kri_exchange_answer(c, KR_ERR_INPUT, 400, why);
	else if (err)
		kri_exchange_answer(c, KR_ERR_MEMORY, 503, "Out of memory");
	return !err;
}

/* What is read of a body lies in the arena too: its fields, or its JSON. */
static void make_room(struct kr_context *c)
{
	size_t len = c->body.bytes.len;

	if (c->route->flags & KR_BODY)
		c->arena.limit = arena_room(c->site) + len + kri_json_room(len);
}

/* Whether there is a route that takes the request as it is. */
static bool take_up(struct kr_context *c)
{
	if (!route(c) || !check_body(c))
		return false;
	make_room(c);
	return decode(c);
}

void kri_exchange_begin(struct kr_context *c, char **params)
{
	const struct kri_request *request = &c->request;

	c->begun = kri_clock_us();
	kri_request_read(&c->request, params);
	kri_visit_begin(&c->visit, c->site->config, &c->site->cookie,
			&c->arena);
	kri_body_charge(&c->body, c->site->bodies);
	if (c->request.authorizer)
		c->route = c->site->authorizer;
	else if (!take_up(c))
		return;
	for (size_t i = 0;
	     (c->route->flags & KR_SESSION) && i < request->cookie_headers; i++)
		kri_visit_cookies(&c->visit, request->cookies[i]);
	if (kri_monitor_has(c->route))
		c->probe = kri_monitor_probe(c->route, &c->visit);
	c->phase = c->visit.n ? KRI_TO_LOAD : KRI_TO_HANDLE;
}

/* ---- the session ------------------------------------------------------ */

static void count_unknown(const struct kri_visit *visit)
{
	for (size_t i = 0; i < visit->n; i++)
		if (visit->candidates[i].record->err == KR_ERR_NOT_FOUND)
			kri_count(KRI_METRIC_UNKNOWN);
}

void kri_exchange_adopt(struct kr_context *c)
{
	enum kr_err err = kri_visit_adopt(&c->visit);

	c->phase = KRI_TO_HANDLE;
	if (kri_monitor_has(c->route))
		c->probe = err;
	else if (!err && !c->visit.session.record)
		count_unknown(&c->visit);
	else if (err)
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

/* What was read of a body may hold a password, as the body itself. */
static void empty_arena(struct kr_context *c)
{
	if (c->body.bytes.len)
		kri_arena_wipe(&c->arena);
	kri_arena_reset(&c->arena);
}

/* Nothing stays of the run that lost: however often it runs again, it takes
 * no more memory than once. */
static void start_over(struct kr_context *c, enum kr_err err)
{
	kri_count(KRI_METRIC_RERUNS);
	kri_visit_again(&c->visit, err);
	kri_response_reset(&c->response);
	empty_arena(c);
	c->json = NULL;
	c->tries++;
	if (decode(c))
		c->phase = KRI_TO_REPEAT;
}

enum kri_trust kri_exchange_trust(const struct kr_context *c)
{
	if (c->tries)
		return KRI_TRUST_STORE;
	return c->route->flags & KR_ATOMIC ? KRI_TRUST_GUESS : KRI_TRUST_COPY;
}

void kri_exchange_check(struct kr_context *c)
{
	bool waits;

	if (!kri_visit_is_sure(&c->visit, &waits))
		start_over(c, KR_ERR_CONFLICT);
	else if (waits)
		c->phase = KRI_TO_COMMIT;
}

static void count_login(const struct kr_session *session)
{
	if (session->renewing && kri_session_has_changed(session, KRI_KEY_USER))
		kri_count(KRI_METRIC_LOGINS);
}

void kri_exchange_settle(struct kr_context *c)
{
	enum kr_err err = kri_visit_settle(&c->visit);

	if (err == KR_ERR_CONFLICT)
		kri_count(KRI_METRIC_CONFLICTS);
	if (!err) {
		count_login(&c->visit.session);
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
	enum kr_err err;

	if (is_bound(c))
		c->visit.session.refusal = KR_ERR_CROSS_SITE;
	err = c->route->handler(c);
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
	enum kr_err err =
		kri_visit_leave(&c->visit, c->route->flags & KR_ATOMIC, &waits);

	if (!err)
		c->phase = waits ? KRI_TO_COMMIT : KRI_TO_RESPOND;
	return err;
}

void kri_exchange_leave(struct kr_context *c, enum kr_err err)
{
	c->went |= 1u << KRI_STAGE_HANDLE;
	if (!err)
		err = take_changes(c);
	if (err)
		kri_exchange_fail(c, err);
}

void kri_exchange_end(struct kr_context *c)
{
	kri_visit_end(&c->visit);
	empty_arena(c);
	c->arena.limit = arena_room(c->site);
	kri_body_drop(&c->body, c->site->bodies);
	kri_response_reset(&c->response);
	c->route = NULL;
	c->rest = "";
	c->json = NULL;
	c->tries = 0;
	c->accept_us = c->load_us = c->handle_us = c->commit_us = 0;
	c->went = 0;
	c->probe = KR_OK;
}
