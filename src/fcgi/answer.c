/*
 * The exchange's answer: what an error becomes, which headers a session's
 * answer carries, and the bytes of the whole.
 */
#include "fcgi/exchange.h"

#include "base/clock.h"
#include "base/counters.h"

#define AWAY_EVERY 60000 /* ms between requests that are named */

struct kri_log_ids kri_exchange_ids(const struct kr_context *c)
{
	return (struct kri_log_ids){
		.request = c->request.id,
		.session = kri_visit_id(&c->visit),
		.trace = c->request.trace,
	};
}

/* The program's own page. What it leaves half done is not sent. */
static bool has_page(struct kr_context *c, enum kr_err err, int status,
		     const char *text)
{
	const struct kri_site *site = c->site;
	bool shown;

	if (!site->on_error || c->failing)
		return false;
	kri_response_reset(&c->response);
	c->failing = true;
	shown = !site->on_error(c, site->on_error_user, err, status, text) &&
		c->response.status;
	c->failing = false;
	return shown;
}

void kri_exchange_answer(struct kr_context *c, enum kr_err err, int status,
			 const char *text)
{
	c->phase = KRI_TO_RESPOND;
	if (!has_page(c, err, status, text))
		kri_response_error(&c->response, status, text);
}

struct failure {
	int status;
	const char *text;
};

static struct failure failure_of(enum kr_err err)
{
	switch (err) {
	case KR_ERR_INPUT:
		return (struct failure){400, "Bad request"};
	case KR_ERR_RESERVED:
		return (struct failure){
			400, "Keys cannot be empty or begin with '@'"};
	case KR_ERR_LIMIT:
		return (struct failure){413, "Session limit exceeded"};
	case KR_ERR_MEDIA:
		return (struct failure){415, "Body is of another type"};
	case KR_ERR_CROSS_SITE:
		return (struct failure){
			403, "Cross-site requests cannot change state"};
	case KR_ERR_SESSIONS:
		return (struct failure){403, "User has too many sessions"};
	case KR_ERR_GONE:
		return (struct failure){503,
					"Session ended while the request ran"};
	case KR_ERR_RENEWED:
		return (struct failure){
			409, "Session was renewed meanwhile, send it again"};
	case KR_ERR_CONFLICT:
		return (struct failure){
			503, "Session is changed by too many requests"};
	case KR_ERR_FULL:
		return (struct failure){503, "Session store is full"};
	case KR_ERR_UNAVAILABLE:
	case KR_ERR_TIMEOUT:
	case KR_ERR_DENIED:
	case KR_ERR_PROTOCOL:
		return (struct failure){503, "Session store unavailable"};
	case KR_ERR_MEMORY:
		return (struct failure){503, "Out of memory"};
	default:
		return (struct failure){500, "Internal error"};
	}
}

/* What has befallen the store is said where it is found out, once. That
 * requests feel it is worth a line too, but not a second's one all night. */
static bool is_worth_a_line(enum kr_err err)
{
	static _Atomic int64_t next, next_away;

	switch (err) {
	case KR_ERR_UNAVAILABLE:
	case KR_ERR_TIMEOUT:
	case KR_ERR_DENIED:
	case KR_ERR_FULL:
		return kri_log_is_due_every(&next_away, AWAY_EVERY);
	default:
		return kri_log_is_due(&next);
	}
}

void kri_exchange_fail(struct kr_context *c, enum kr_err err)
{
	struct failure failure = failure_of(err);
	struct kri_log_ids ids = kri_exchange_ids(c);

	if (failure.status >= 500 && is_worth_a_line(err))
		kri_log(KRI_LOG_WARNING, &ids, "%s %s: %s",
			c->request.method_name, c->request.path,
			kr_strerror(err));
	kri_count_error(err);
	c->visit.settled = false;
	kri_exchange_answer(c, err, failure.status, failure.text);
}

bool kri_exchange_is_secure(const struct kr_context *c)
{
	return kri_cookie_is_secure(c->site->config, c->request.https);
}

static enum kr_err add_header(struct kr_context *c, struct kri_text name,
			      struct kri_text value)
{
	return kri_response_header(&c->response, name, value);
}

/* In a buffer of its own, which is wiped: it holds the secret. */
static enum kr_err add_cookie(struct kr_context *c)
{
	struct kri_buffer cookie = KRI_BUFFER_EMPTY;
	enum kr_err err = KR_OK;

	kri_visit_cookie(&c->visit, kri_exchange_is_secure(c), &cookie);
	if (cookie.failed)
		err = KR_ERR_MEMORY;
	else if (cookie.len)
		err = add_header(c, KRI_TEXT("Set-Cookie"),
				 kri_buffer_text(&cookie));
	kri_buffer_wipe(&cookie);
	kri_buffer_free(&cookie);
	return err;
}

static enum kr_err add_headers(struct kr_context *c)
{
	enum kr_err err = KR_OK;

	if (c->response.status == 503)
		err = add_header(c, KRI_TEXT("Retry-After"), KRI_TEXT("1"));
	if (!c->route || !(c->route->flags & KR_SESSION))
		return err;
	if (!err)
		err = kri_response_lines(&c->response,
					 KRI_TEXT("Cache-Control: no-store\r\n"
						  "Vary: Cookie\r\n"));
	if (!err && !(c->route->flags & KR_NO_COOKIE))
		err = add_cookie(c);
	return err;
}

/* Its cookie, whose session is stored, never reaches the client then: it is
 * as if the answer had been lost on the way. */
void kri_exchange_render(struct kr_context *c, struct kri_buffer *out)
{
	enum kr_err err = add_headers(c);

	if (err)
		kri_exchange_fail(c, err);
	if (err && c->response.status == 503)
		(void)add_header(c, KRI_TEXT("Retry-After"), KRI_TEXT("1"));
	kri_buffer_clear(out);
	kri_response_render(&c->response, c->request.method == KRI_METHOD_HEAD,
			    out);
}

struct kri_text kri_exchange_rendered(const struct kri_buffer *out)
{
	return out->failed ? KRI_TEXT("Status: 503 Service Unavailable\r\n"
				      "Content-Type: " KRI_TYPE_JSON "\r\n"
				      "Content-Length: 25\r\n"
				      "Cache-Control: no-store\r\n"
				      "Retry-After: 1\r\n\r\n"
				      "{\"error\":\"Out of memory\"}")
			   : kri_buffer_text(out);
}

/* What is in no other stage is the answer's: it waits for others of its batch
 * there, or to run again. */
void kri_exchange_count(const struct kr_context *c, int status)
{
	struct kri_answered answered = {
		.route = c->route ? c->route->number : KRI_ROUTE_NONE,
		.method = c->request.method,
		.status = (unsigned)status,
		.stages = {c->accept_us, c->load_us, c->handle_us,
			   c->commit_us},
		.went = c->went | 1u << KRI_STAGE_RESPOND,
	};

	if (!c->site->monitor)
		return;
	answered.us = kri_clock_us() - c->begun;
	answered.stages[KRI_STAGE_RESPOND] = answered.us - c->accept_us -
					     c->load_us - c->handle_us -
					     c->commit_us;
	kri_count_request(&answered);
}

void kri_exchange_log(const struct kr_context *c)
{
	struct kri_log_ids ids = kri_exchange_ids(c);

	if (!kri_log_enabled(KRI_LOG_DEBUG))
		return;
	kri_log(KRI_LOG_DEBUG, &ids,
		"%s %s %d load=%lldus handle=%lldus commit=%lldus",
		c->request.method_name, c->request.path, c->response.status,
		(long long)c->load_us, (long long)c->handle_us,
		(long long)c->commit_us);
}
