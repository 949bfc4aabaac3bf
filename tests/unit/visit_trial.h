/*
 * What the tests of visits share: two clients that meet at one session, and
 * the steps of a visit as the stages take them.
 */
#ifndef TESTS_UNIT_VISIT_TRIAL_H
#define TESTS_UNIT_VISIT_TRIAL_H

#include "session/visit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "proof.h"

#define ID_A "AAAAAAAAAAAAAAAAAAAAAA"
#define ID_B "BBBBBBBBBBBBBBBBBBBBBA"
#define SECRET "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define COOKIE_A "sid=" ID_A SECRET

#define IDLE 160000      /* ms */
#define ABSOLUTE 3600000 /* ms */
#define MINUTE 60000     /* ms that a replaced secret is known */

struct trial {
	struct kri_config config;
	struct kri_cookie cookie;
	struct kri_arena arena;
	struct kri_record record; /* of A, as loaded: proven by SECRET */
	struct kri_record second; /* of B, likewise */
	struct kri_visit visit, other;
	struct kri_buffer out;
};

/* ---- before and after ------------------------------------------------- */

static inline void digest_of(const char *secret, unsigned char *digest)
{
	char value[KRI_TOKEN_LEN + 1] = ID_A;
	struct kri_token token;

	strcpy(value + KRI_ID_LEN, secret);
	assert_int_equal(kri_token_parse(kri_text_of(value), &token), KR_OK);
	assert_int_equal(kri_token_digest(&token, digest), KR_OK);
}

/* As a store fills it in; touched just now. */
static inline void fill(struct trial *t, struct kri_record *record,
			const char *id)
{
	*record = (struct kri_record){
		.born = kri_clock_epoch() - 60,
		.version = 5,
		.seen = kri_clock_epoch_ms(),
		.arena = &t->arena,
	};
	strcpy(record->id, id);
	digest_of(SECRET, record->auth);
}

static inline int setup(void **state)
{
	struct trial *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	t->config = (struct kri_config){
		.idle_timeout = IDLE,
		.absolute_timeout = ABSOLUTE,
		.max_key = 64,
		.max_value = 64,
		.max_values = 8,
		.max_size = 512,
	};
	t->cookie = (struct kri_cookie){.name = KRI_TEXT("sid"),
					.path = KRI_TEXT("/")};
	kri_arena_init(&t->arena, 1024, 65536);
	fill(t, &t->record, ID_A);
	fill(t, &t->second, ID_B);
	kri_visit_begin(&t->visit, &t->config, &t->cookie, &t->arena);
	kri_visit_begin(&t->other, &t->config, &t->cookie, &t->arena);
	*state = t;
	return 0;
}

static inline int teardown(void **state)
{
	struct trial *t = *state;

	kri_visit_end(&t->visit);
	kri_visit_end(&t->other);
	kri_arena_free(&t->arena);
	kri_buffer_free(&t->out);
	free(t);
	return 0;
}

/* ---- steps ------------------------------------------------------------ */

static inline void send(struct kri_visit *visit, const char *header)
{
	kri_visit_cookies(visit, kri_text_of(header));
}

/* The loaded record of each candidate. */
static inline void load(struct trial *t, struct kri_visit *visit)
{
	for (size_t i = 0; i < visit->n; i++) {
		struct kri_candidate *candidate = &visit->candidates[i];

		candidate->record = strcmp(candidate->token.id, ID_A)
					    ? &t->second
					    : &t->record;
	}
}

static inline enum kr_err adopt(struct trial *t, struct kri_visit *visit)
{
	load(t, visit);
	return kri_visit_adopt(visit);
}

/* A client with that cookie, up to its handler. */
static inline void come(struct trial *t, struct kri_visit *visit,
			const char *header)
{
	send(visit, header);
	assert_int_equal(adopt(t, visit), KR_OK);
	kri_visit_enter(visit);
}

static inline void set(struct kri_visit *visit, const char *key)
{
	assert_int_equal(kri_session_set(&visit->session, kri_text_of(key),
					 KRI_TEXT("1")),
			 KR_OK);
}

static inline void login(struct kri_visit *visit)
{
	assert_int_equal(kri_session_renew(&visit->session), KR_OK);
	set(visit, "user");
}

/* Leaves, and whether that has to wait for a commit. */
static inline bool leave(struct kri_visit *visit)
{
	bool waits = false;

	assert_int_equal(kri_visit_leave(visit, false, &waits), KR_OK);
	return waits;
}

static inline enum kr_err refusal(struct kri_visit *visit)
{
	bool waits = false;

	return kri_visit_leave(visit, false, &waits);
}

static inline const char *id_of(const struct kri_visit *visit)
{
	return kri_session_id(&visit->session);
}

static inline bool has(const struct kri_visit *visit, const char *key)
{
	struct kri_text value;

	return !kri_session_get(&visit->session, kri_text_of(key), &value);
}

/* ---- the cookie ------------------------------------------------------- */

static inline const char *cookie_of(struct trial *t,
				    const struct kri_visit *visit)
{
	kri_buffer_clear(&t->out);
	kri_buffer_string(&t->out, "");
	kri_visit_cookie(visit, false, &t->out);
	assert_false(t->out.failed);
	return t->out.data;
}

static inline void assert_no_cookie(struct trial *t,
				    const struct kri_visit *visit)
{
	assert_string_equal(cookie_of(t, visit), "");
}

/* The cookie that is set proves that record. */
static inline void assert_cookie_opens(struct trial *t,
				       const struct kri_visit *visit,
				       const struct kri_record *record)
{
	const char *cookie = cookie_of(t, visit);
	struct kri_token token;

	assert_memory_equal(cookie, "sid=", 4);
	assert_int_equal(
		kri_token_parse(kri_text(cookie + 4, KRI_TOKEN_LEN), &token),
		KR_OK);
	assert_string_equal(token.id, record->id);
	assert_true(proves(&token, record->auth));
}

#endif
