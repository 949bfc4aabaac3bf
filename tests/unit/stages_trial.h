/*
 * What the tests of the stages share: a loop with a store that answers when
 * it is told to, sessions that are in it, requests, and the answers that came
 * out.
 */
#ifndef TESTS_UNIT_STAGES_TRIAL_H
#define TESTS_UNIT_STAGES_TRIAL_H

#include "fcgi/stages.h"

#include <semaphore.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "fake_store.h"
#include "proof.h"

#define BATCH 8
#define REQUESTS 32 /* of one test, at a time */

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
	uv_loop_t loop;
	struct kri_stages stages;
	char *params[REQUESTS][8];           /* of each request */
	struct kri_buffer answers[REQUESTS]; /* to each request */
	int place[REQUESTS];                 /* in the order of answers */
	int asked, sent;
	atomic_int runs;       /* of handlers */
	sem_t gate;            /* that blocking handlers wait for */
	atomic_bool elsewhere; /* one has run on another thread */
	pthread_t thread;
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
	enum kr_err err = kr_session_get_string(kr_session(c), "color", &color);

	trial->runs++;
	if (err && err != KR_ERR_NOT_FOUND)
		return err;
	return kr_text(c, 200, color);
}

/* The query has the color. */
static inline enum kr_err paint(struct kr_context *c)
{
	enum kr_err err = kr_session_set_string(kr_session(c), "color",
						kr_input(c, "color"));

	trial->runs++;
	return err ? err : kr_text(c, 200, "Painted");
}

static inline enum kr_err counter(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	int32_t n = 0;
	enum kr_err err = kr_session_get_int32(session, "counter", &n);

	trial->runs++;
	if (!err || err == KR_ERR_NOT_FOUND)
		err = kr_session_set_int32(session, "counter", n + 1);
	if (!err)
		err = kr_header(c, "X-Run", "yes");
	kr_json_int(c, "counter", n + 1);
	return err ? err : kr_json_end(c, 200);
}

static inline enum kr_err login(struct kr_context *c)
{
	enum kr_err err = kr_session_renew(kr_session(c));

	trial->runs++;
	if (!err)
		err = kr_session_set_string(kr_session(c), "user", "max");
	return err ? err : kr_text(c, 200, "Welcome");
}

static inline enum kr_err logout(struct kr_context *c)
{
	enum kr_err err = kr_session_destroy(kr_session(c));

	trial->runs++;
	return err ? err : kr_text(c, 200, "Bye");
}

/* Fails when it has changed something. */
static inline enum kr_err stumble(struct kr_context *c)
{
	enum kr_err err =
		kr_session_set_string(kr_session(c), "color", "wrong");

	trial->runs++;
	return err ? err : KR_ERR_LIMIT;
}

/* Each waits until the test lets one through. */
static inline void wait_at_gate(void)
{
	if (!pthread_equal(pthread_self(), trial->thread))
		trial->elsewhere = true;
	while (sem_wait(&trial->gate))
		;
}

static inline enum kr_err slow(struct kr_context *c)
{
	wait_at_gate();
	return look(c);
}

static inline enum kr_err slow_counter(struct kr_context *c)
{
	wait_at_gate();
	return counter(c);
}

static const struct {
	const char *path;
	kr_handler *handler;
	unsigned flags;
} trial_routes[] = {
	{"/hello", hello, 0},
	{"/look", look, KR_SESSION},
	{"/paint", paint, KR_SESSION},
	{"/counter", counter, KR_SESSION | KR_ATOMIC},
	{"/login", login, KR_SESSION},
	{"/logout", logout, KR_SESSION},
	{"/stumble", stumble, KR_SESSION},
	{"/slow", slow, KR_SESSION | KR_BLOCKING},
	{"/slow/hello", slow, KR_BLOCKING},
	{"/slow/counter", slow_counter, KR_SESSION | KR_ATOMIC | KR_BLOCKING},
};

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
	enum kr_err err = KR_OK;

	for (size_t i = 0;
	     i < sizeof(trial_routes) / sizeof(*trial_routes) && !err; i++)
		err = map(router, trial_routes[i].path, trial_routes[i].handler,
			  trial_routes[i].flags);
	return err;
}

/* ---- before and after ------------------------------------------------- */

static inline void keep_answer(void *arg, struct kr_context *c,
			       struct kri_text answer)
{
	struct trial *t = arg;
	size_t i = (size_t)(uintptr_t)c->peer - 1;

	assert_int_equal(t->place[i], 0);
	t->place[i] = ++t->sent;
	kri_buffer_append(&t->answers[i], answer);
}

static inline int setup(void **state)
{
	struct trial *t = calloc(1, sizeof(*t));

	if (!t || kri_config_init(&t->config) || map_all(&t->router) ||
	    uv_loop_init(&t->loop) || sem_init(&t->gate, 0, 0))
		return -1;
	fake_open(&t->store);
	t->config.batch = BATCH;
	t->thread = pthread_self();
	t->site = (struct kri_site){
		.config = &t->config,
		.router = &t->router,
		.cookie = {.name = KRI_TEXT("sid"), .path = KRI_TEXT("/")},
	};
	if (kri_stages_open(&t->stages, &t->site, &t->store.base, &t->loop))
		return -1;
	t->stages.send = keep_answer;
	t->stages.arg = t;
	*state = trial = t;
	return 0;
}

static inline void forget_answers(struct trial *t)
{
	for (size_t i = 0; i < REQUESTS; i++) {
		kri_buffer_clear(&t->answers[i]);
		t->place[i] = 0;
	}
	t->sent = t->asked = 0;
	t->runs = 0;
}

static inline int teardown(void **state)
{
	struct trial *t = *state;

	for (int i = 0; i < REQUESTS; i++)
		sem_post(&t->gate); /* of a test that failed */
	kri_stages_close(&t->stages);
	uv_run(&t->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&t->loop) || t->stages.under_way)
		return -1;
	kri_stages_free(&t->stages);
	for (size_t i = 0; i < REQUESTS; i++)
		kri_buffer_free(&t->answers[i]);
	kri_router_free(&t->router);
	kri_config_free(&t->config);
	sem_destroy(&t->gate);
	free(t);
	return 0;
}

/* ---- sessions --------------------------------------------------------- */

static inline void set_auth(struct fake_session *session, const char *secret)
{
	char value[KRI_TOKEN_LEN + 1];
	struct kri_token token;

	memcpy(value, session->id, KRI_ID_LEN);
	strcpy(value + KRI_ID_LEN, secret);
	assert_int_equal(kri_token_parse(kri_text_of(value), &token), KR_OK);
	assert_int_equal(kri_token_digest(&token, session->auth), KR_OK);
}

/* Puts a session into the store, with its color; it was just touched. */
static inline struct fake_session *keep(struct trial *t, const char *id,
					const char *color)
{
	struct fake_session *session = fake_find(&t->store, "");

	assert_non_null(session);
	strcpy(session->id, id);
	session->born = kri_clock_epoch() - 60;
	session->seen = kri_clock_epoch_ms();
	session->version = 5;
	set_auth(session, SECRET);
	fake_set(session, "color", color);
	return session;
}

/* ---- requests --------------------------------------------------------- */

/* The next request; parameters may be NULL. It goes with the next turn. */
static inline void ask2(struct trial *t, const char *path, const char *one,
			const char *two)
{
	const char *const all[] = {"REQUEST_METHOD=GET", path, one, two};
	struct kr_context *c = kri_stages_take(&t->stages);
	char **params = t->params[t->asked];
	size_t n = 0;

	assert_non_null(c);
	assert_in_range(t->asked, 0, REQUESTS - 1);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i])
			params[n++] = (char *)(uintptr_t)all[i];
	params[n] = NULL;
	c->peer = (struct kri_peer *)(uintptr_t)(++t->asked);
	kri_exchange_begin(c, params);
	kri_stages_add(&t->stages, c);
}

static inline void ask(struct trial *t, const char *path, const char *cookie)
{
	ask2(t, path, cookie, NULL);
}

static inline void turn(struct trial *t)
{
	kri_stages_turn(&t->stages);
}

/* The store answers what was asked first, and the turn ends. */
static inline void answer_oldest(struct trial *t)
{
	fake_answer(&t->store, 0);
	turn(t);
}

/* Until all have been answered. */
static inline void run(struct trial *t)
{
	turn(t);
	while (t->stages.under_way) {
		if (t->store.waiting)
			fake_answer(&t->store, 0);
		else
			uv_run(&t->loop, UV_RUN_ONCE);
		turn(t);
	}
	while (t->store.waiting)
		answer_oldest(t);
}

/* ---- answers ---------------------------------------------------------- */

static inline bool is_answered(const struct trial *t, int i)
{
	return t->place[i] != 0;
}

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
	return session && proves(&token, session->auth) ? session : NULL;
}

#endif
