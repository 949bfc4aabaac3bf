/*
 * What the tests of the stages share: a batch on a fake store, sessions that
 * are in it, requests to put into the batch, and the answers that came out.
 */
#ifndef TESTS_UNIT_STAGES_TRIAL_H
#define TESTS_UNIT_STAGES_TRIAL_H

#include "fcgi/stages.h"

#include "base/clock.h"
#include "fake_store.h"

#define BATCH 8

/* Sessions whose ids are 21 letters and an A; all have the same secret. */
#define SECRET "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ID_A "AAAAAAAAAAAAAAAAAAAAAA"
#define ID_B "BBBBBBBBBBBBBBBBBBBBBA"
#define ID_C "CCCCCCCCCCCCCCCCCCCCCA"
#define COOKIE(id) "HTTP_COOKIE=sid=" id SECRET
#define CROSS_SITE "HTTP_SEC_FETCH_SITE=cross-site"

struct trial {
	struct kri_config config;
	struct kri_router router;
	struct kri_site site;
	struct fake_store store;
	struct kri_wait wait;
	struct kri_batch batch;
	char *params[BATCH][8];           /* of each request */
	struct kri_buffer answers[BATCH]; /* to each request */
	int place[BATCH];                 /* in the order of answers, from 1 */
	int sent;
	int begun, ended;                 /* waits */
	void (*on_wait)(struct trial *t); /* at each beginning, or NULL */
	int runs;                         /* of handlers */
};

/* Of the test that runs, for handlers to count. */
static struct trial *trial;

/* ---- handlers --------------------------------------------------------- */

static inline enum kr_err hello(struct kr_context *c)
{
	trial->runs++;
	return kr_text(c, 200, "Hello");
}

/* Says the color. */
static inline enum kr_err look(struct kr_context *c)
{
	const char *color = "none";
	enum kr_err err = kr_session_get_string(c, "color", &color);

	trial->runs++;
	if (err && err != KR_ERR_NOT_FOUND)
		return err;
	return kr_text(c, 200, color);
}

/* The query has the color. */
static inline enum kr_err paint(struct kr_context *c)
{
	enum kr_err err =
		kr_session_set_string(c, "color", kr_query(c, "color"));

	trial->runs++;
	return err ? err : kr_text(c, 200, "Painted");
}

static inline enum kr_err counter(struct kr_context *c)
{
	int32_t n = 0;
	enum kr_err err = kr_session_get_int32(c, "counter", &n);

	trial->runs++;
	if (!err || err == KR_ERR_NOT_FOUND)
		err = kr_session_set_int32(c, "counter", n + 1);
	if (!err)
		err = kr_header(c, "X-Run", "yes");
	kr_json_int(c, "counter", n + 1);
	return err ? err : kr_json_end(c, 200);
}

static inline enum kr_err login(struct kr_context *c)
{
	enum kr_err err = kr_session_renew(c);

	trial->runs++;
	if (!err)
		err = kr_session_set_string(c, "user", "max");
	return err ? err : kr_text(c, 200, "Welcome");
}

static inline enum kr_err logout(struct kr_context *c)
{
	enum kr_err err = kr_session_destroy(c);

	trial->runs++;
	return err ? err : kr_text(c, 200, "Bye");
}

/* Fails when it has changed something. */
static inline enum kr_err stumble(struct kr_context *c)
{
	enum kr_err err = kr_session_set_string(c, "color", "wrong");

	trial->runs++;
	return err ? err : KR_ERR_LIMIT;
}

static inline enum kr_err map(struct kri_router *router, const char *path,
			      kr_handler *handler, unsigned flags)
{
	char copy[16];
	struct kri_route route = {
		.path = strcpy(copy, path),
		.methods = KR_GET,
		.flags = flags,
		.handler = handler,
	};

	return kri_router_add(router, &route);
}

static inline enum kr_err map_all(struct kri_router *router)
{
	enum kr_err err = map(router, "/hello", hello, 0);

	if (!err)
		err = map(router, "/look", look, KR_SESSION);
	if (!err)
		err = map(router, "/paint", paint, KR_SESSION);
	if (!err)
		err = map(router, "/counter", counter, KR_SESSION | KR_ATOMIC);
	if (!err)
		err = map(router, "/login", login, KR_SESSION);
	if (!err)
		err = map(router, "/logout", logout, KR_SESSION);
	if (!err)
		err = map(router, "/stumble", stumble, KR_SESSION);
	if (!err)
		err = map(router, "/slow", look, KR_SESSION | KR_BLOCKING);
	return err;
}

/* ---- the batch's callbacks -------------------------------------------- */

static inline size_t index_of(const struct trial *t, const struct kr_context *c)
{
	return (size_t)(c - t->batch.exchanges);
}

static inline void keep_answer(void *arg, struct kr_context *c,
			       struct kri_text answer)
{
	struct trial *t = arg;
	size_t i = index_of(t, c);

	assert_int_equal(t->place[i], 0);
	t->place[i] = ++t->sent;
	kri_buffer_append(&t->answers[i], answer);
}

static inline void receive_late(void *arg, struct kr_context *c)
{
	struct trial *t = arg;

	kri_exchange_begin(c, t->params[index_of(t, c)], KR_OK);
}

static inline bool begin_wait(void *arg)
{
	struct trial *t = arg;

	t->begun++;
	if (t->on_wait)
		t->on_wait(t);
	return true;
}

static inline void end_wait(void *arg)
{
	((struct trial *)arg)->ended++;
}

/* ---- before and after ------------------------------------------------- */

static inline int setup(void **state)
{
	struct trial *t = calloc(1, sizeof(*t));

	if (!t || kri_config_init(&t->config) || map_all(&t->router))
		return -1;
	fake_open(&t->store);
	t->wait = (struct kri_wait){begin_wait, end_wait, t};
	t->site = (struct kri_site){
		.config = &t->config,
		.router = &t->router,
		.cookie = {.name = KRI_TEXT("sid"), .path = KRI_TEXT("/")},
	};
	if (kri_batch_open(&t->batch, &t->site, &t->store.base, &t->wait,
			   BATCH))
		return -1;
	t->batch.send = keep_answer;
	t->batch.receive = receive_late;
	t->batch.arg = t;
	*state = trial = t;
	return 0;
}

static inline void forget_answers(struct trial *t)
{
	for (size_t i = 0; i < BATCH; i++) {
		kri_buffer_clear(&t->answers[i]);
		t->place[i] = 0;
	}
	t->sent = t->runs = 0;
}

static inline int teardown(void **state)
{
	struct trial *t = *state;

	kri_batch_close(&t->batch);
	for (size_t i = 0; i < BATCH; i++)
		kri_buffer_free(&t->answers[i]);
	kri_router_free(&t->router);
	kri_config_free(&t->config);
	free(t);
	return 0;
}

/* ---- sessions and requests -------------------------------------------- */

static inline void set_auth(struct fake_session *session, const char *secret)
{
	char value[KRI_TOKEN_LEN + 1];
	struct kri_token token;

	memcpy(value, session->id, KRI_ID_LEN);
	strcpy(value + KRI_ID_LEN, secret);
	assert_int_equal(kri_token_parse(kri_text_of(value), &token), KR_OK);
	assert_int_equal(kri_token_digest(&token, session->auth), KR_OK);
}

/* Puts a session into the store, with its color. */
static inline struct fake_session *keep(struct trial *t, const char *id,
					const char *color)
{
	struct fake_session *session = fake_find(&t->store, "");

	assert_non_null(session);
	strcpy(session->id, id);
	session->born = kri_clock_epoch() - 60;
	session->version = 5;
	set_auth(session, SECRET);
	fake_set(session, "color", color);
	return session;
}

/* The next request's parameters; any may be NULL. Returns its exchange. */
static inline struct kr_context *prepare(struct trial *t, const char *path,
					 const char *one, const char *two)
{
	const char *const all[] = {"REQUEST_METHOD=GET", path, one, two};
	char **params = t->params[t->batch.n];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i])
			params[n++] = (char *)(uintptr_t)all[i];
	params[n] = NULL;
	return kri_batch_add(&t->batch);
}

static inline void ask2(struct trial *t, const char *path, const char *one,
			const char *two)
{
	char **params = t->params[t->batch.n];

	kri_exchange_begin(prepare(t, path, one, two), params, KR_OK);
}

static inline void ask(struct trial *t, const char *path, const char *cookie)
{
	ask2(t, path, cookie, NULL);
}

static inline void run(struct trial *t)
{
	kri_batch_run(&t->batch);
	assert_int_equal(t->batch.n, 0);
}

/* ---- answers ---------------------------------------------------------- */

static inline const char *answer(const struct trial *t, int i)
{
	assert_int_not_equal(t->place[i], 0);
	return t->answers[i].data;
}

/* What was answered to request `i`, from 0. */
static inline void assert_answer(const struct trial *t, int i, int status,
				 const char *text)
{
	assert_int_equal(strncmp(answer(t, i), "Status: ", 8), 0);
	assert_int_equal(atoi(answer(t, i) + 8), status);
	assert_non_null(strstr(answer(t, i), text));
}

static inline void assert_no_cookie(const struct trial *t, int i)
{
	assert_null(strstr(answer(t, i), "Set-Cookie"));
}

/* The value of the cookie that was set. */
static inline struct kri_text cookie_value(const struct trial *t, int i)
{
	const char *cookie = strstr(answer(t, i), "\r\nSet-Cookie: sid=");

	assert_non_null(cookie);
	return kri_text(cookie + 18, KRI_TOKEN_LEN);
}

/* The session in the store whose cookie was set; NULL if there is none. */
static inline struct fake_session *session_of(struct trial *t, int i)
{
	struct fake_session *session;
	struct kri_token token;

	assert_int_equal(kri_token_parse(cookie_value(t, i), &token), KR_OK);
	session = fake_find(&t->store, token.id);
	return session && kri_token_proves(&token, session->auth) ? session
								  : NULL;
}

#endif
