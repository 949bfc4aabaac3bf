/*
 * One exchange, from its parameters to what it changed. Its answer is in
 * answer.c; what has to be done for a whole batch at once in stages.c.
 */
#include "fcgi/exchange.h"

#include "base/crypto.h"

#define ARENA_CHUNK 4096
#define ARENA_SPARE ((size_t)256 << 10) /* over what a session may hold */

enum kr_err kri_exchange_open(struct kr_context *c, const struct kri_site *site)
{
	*c = (struct kr_context){.site = site, .phase = KRI_DONE};
	kri_arena_init(&c->arena, ARENA_CHUNK,
		       ARENA_SPARE + 4 * (size_t)site->config->max_size);
	return KR_OK;
}

void kri_exchange_close(struct kr_context *c)
{
	kri_arena_free(&c->arena);
	kri_buffer_free(&c->body);
	kri_response_free(&c->response);
}

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

/* The cookies that look like ours; others cost the store nothing. */
static void find_candidates(struct kr_context *c)
{
	struct kri_text values[KRI_CANDIDATES];
	const struct kri_request *request = &c->request;
	size_t n = 0;

	for (size_t i = 0; i < request->cookie_headers; i++)
		n = kri_cookie_find(request->cookies[i], c->site->cookie.name,
				    values, n, KRI_CANDIDATES);
	c->has_cookie = n > 0;
	for (size_t i = 0; i < n; i++) {
		struct kri_candidate *candidate =
			&c->candidates[c->candidates_n];

		*candidate = (struct kri_candidate){0};
		if (!kri_token_parse(values[i], &candidate->token))
			c->candidates_n++;
	}
}

void kri_exchange_unblock(struct kr_context *c)
{
	c->phase = c->candidates_n ? KRI_TO_LOAD : KRI_TO_HANDLE;
}

void kri_exchange_begin(struct kr_context *c, char **params,
			enum kr_err body_err)
{
	kri_request_read(&c->request, params);
	kri_session_begin(&c->session, c->site->config, &c->arena);
	if (!route(c) || !check_body(c, body_err) || !decode(c))
		return;
	if (c->route->flags & KR_SESSION)
		find_candidates(c);
	kri_exchange_unblock(c);
	if (c->route->flags & KR_BLOCKING)
		c->phase = KRI_TO_BLOCK;
}

/* ---- the session ------------------------------------------------------ */

static bool opens(const struct kri_candidate *candidate)
{
	const struct kri_record *record = candidate->record;

	return !record->err &&
	       (candidate->proven ||
		kri_token_proves(&candidate->token, record->auth));
}

/* Too old: nobody sees it any more, and the store is told. */
static bool has_expired(struct kr_context *c, struct kri_record *record)
{
	if (!kri_session_is_expired(c->site->config, record))
		return false;
	record->operation = KRI_OP_DESTROY;
	return true;
}

void kri_exchange_adopt(struct kr_context *c)
{
	enum kr_err err = KR_OK;

	c->phase = KRI_TO_HANDLE;
	for (size_t i = 0; i < c->candidates_n; i++) {
		struct kri_candidate candidate = c->candidates[i];

		if (opens(&candidate)) {
			if (has_expired(c, candidate.record))
				continue;
			kri_session_adopt(&c->session, candidate.record);
			return;
		}
		if (candidate.record->err != KR_ERR_NOT_FOUND && !err)
			err = candidate.record->err;
		/* It was there in the run before: it has ended since. */
		if (candidate.proven && !err)
			err = KR_ERR_GONE;
	}
	if (err)
		kri_exchange_fail(c, err);
}

/* Ready to be loaded and handled once more, on the proof already given. */
static void run_again(struct kr_context *c)
{
	struct kri_candidate proven = {.proven = true};

	memcpy(proven.token.id, c->session.record->id, sizeof(proven.token.id));
	c->candidates[0] = proven;
	c->candidates_n = 1;
	kri_session_begin(&c->session, c->site->config, &c->arena);
	kri_response_reset(&c->response);
	c->phase = KRI_TO_LOAD;
}

/* What became of all that the exchange's answer stands on. */
static enum kr_err outcome(const struct kr_context *c)
{
	if (c->seen && c->seen->err)
		return c->seen->err;
	return c->session.record ? c->session.record->err : KR_OK;
}

void kri_exchange_settle(struct kr_context *c)
{
	enum kr_err err = outcome(c);

	if (err == KR_ERR_CONFLICT && ++c->tries <= KRI_TRIES) {
		run_again(c);
	} else if (err) {
		kri_exchange_fail(c, err);
	} else {
		c->settled = true;
		c->phase = KRI_TO_RESPOND;
	}
}

/* ---- the handler ------------------------------------------------------ */

/* What an earlier request of the batch has done to the session is seen, and
 * a session that it has ended is none. */
static void see(struct kr_context *c)
{
	struct kri_record *record = c->session.record;

	c->seen = NULL;
	if (!record || record->operation == KRI_OP_NONE)
		return;
	c->seen = record;
	if (record->operation == KRI_OP_DESTROY)
		c->session.record = NULL;
}

/* The handler is done. What it changed goes to the store. */
static void take_changes(struct kr_context *c)
{
	enum kr_err err = KR_OK;

	if (!kri_session_is_changed(&c->session)) {
		c->phase = c->seen ? KRI_TO_COMMIT : KRI_TO_RESPOND;
		c->settled = true;
		return;
	}
	if (c->request.cross_site) {
		kri_exchange_answer(c, 403,
				    "Cross-site requests cannot change state");
		return;
	}
	c->phase = KRI_TO_COMMIT;
	err = kri_session_apply(&c->session, c->route->flags & KR_ATOMIC);
	if (err)
		kri_exchange_fail(c, err);
}

void kri_exchange_handle(struct kr_context *c)
{
	enum kr_err err;

	see(c);
	c->settled = false;
	err = c->route->handler(c);
	if (!err && !c->response.status) {
		struct kri_log_ids ids = kri_exchange_ids(c);

		kri_log(KRI_LOG_ERROR, &ids,
			"the handler of %s returned without an answer",
			c->route->path);
		err = KR_ERR_ARGUMENT;
	}
	if (err)
		kri_exchange_fail(c, err);
	else
		take_changes(c);
}

void kri_exchange_end(struct kr_context *c)
{
	if (c->candidates_n)
		kri_wipe(c->candidates,
			 c->candidates_n * sizeof(c->candidates[0]));
	if (*c->session.token.id)
		kri_wipe(&c->session.token, sizeof(c->session.token));
	kri_arena_reset(&c->arena);
	kri_buffer_clear(&c->body);
	kri_response_reset(&c->response);
	c->candidates_n = 0;
	c->route = NULL;
	c->seen = NULL;
	c->has_cookie = c->settled = false;
	c->tries = 0;
	c->load_us = c->handle_us = c->commit_us = 0;
	c->phase = KRI_DONE;
}
