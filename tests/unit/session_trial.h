/*
 * What the tests of a session share: one that was loaded, and one that a
 * request has none of.
 */
#ifndef KRI_TESTS_SESSION_TRIAL_H
#define KRI_TESTS_SESSION_TRIAL_H

#include "session/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"

#define ID "AAAAAAAAAAAAAAAAAAAAAA"
#define IDLE 20000       /* ms */
#define LIFE 21250       /* ms that a touch gives: 17 sixteenths of it */
#define ABSOLUTE 3600000 /* ms */
#define NOTHING "(nothing)"

struct fixture {
	struct kri_config config;
	struct kri_arena arena;
	struct kri_record record;  /* as if loaded: color is purple, n is 7 */
	struct kr_session session; /* a request without a session */
};

static void add_value(struct kri_record *record, const char *key,
		      const char *data)
{
	assert_int_equal(kri_record_reserve(record, 1), KR_OK);
	record->values[record->n++] = (struct kri_value){
		.key = kri_text_of(key),
		.data = kri_text_of(data),
	};
}

/* A fixture with those limits on values, and on bytes of all of them. */
static int set_up(void **state, int64_t max_values, int64_t max_size)
{
	static struct fixture f;

	f = (struct fixture){
		.config = {.idle_timeout = IDLE,
			   .absolute_timeout = ABSOLUTE,
			   .max_key = 8,
			   .max_value = 16,
			   .max_values = max_values,
			   .max_size = max_size},
		.record = {.id = ID,
			   .auth = {1, 2, 3},
			   .born = kri_clock_epoch() - 60,
			   .version = 5,
			   .arena = &f.arena},
	};
	kri_arena_init(&f.arena, 512, 65536);
	add_value(&f.record, "color", "purple");
	add_value(&f.record, "n", "7");
	kri_session_begin(&f.session, &f.config, &f.arena);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kri_arena_free(&f->arena);
	return 0;
}

/* The fixture's session, with its record. */
static struct kr_session *adopted(struct fixture *f)
{
	kri_session_adopt(&f->session, &f->record);
	return &f->session;
}

static enum kr_err set(struct kr_session *session, const char *key,
		       const char *value)
{
	return kri_session_set(session, kri_text_of(key), kri_text_of(value));
}

static enum kr_err take(struct kr_session *session, const char *key)
{
	return kri_session_remove(session, kri_text_of(key));
}

static void assert_set(struct kr_session *session, const char *key,
		       const char *value)
{
	assert_int_equal(set(session, key, value), KR_OK);
}

/* The value, or NOTHING; an output is left alone without one. */
static void assert_value(const struct kr_session *session, const char *key,
			 const char *expected)
{
	struct kri_text value = KRI_TEXT(NOTHING);
	enum kr_err err = kri_session_get(session, kri_text_of(key), &value);

	assert_string_equal(value.data, expected);
	assert_int_equal(value.len, strlen(expected));
	assert_int_equal(err,
			 strcmp(expected, NOTHING) ? KR_OK : KR_ERR_NOT_FOUND);
}

#endif
