/*
 * What the tests of the session layer alone share: a store in memory, and the
 * cookie that the client has.
 */
#ifndef TESTS_UNIT_ALONE_TRIAL_H
#define TESTS_UNIT_ALONE_TRIAL_H

#include "krsession.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define JAR 256

/* A client: what it sends as its Cookie header. */
struct client {
	char cookie[JAR];
};

static inline struct kr_store *open_store(const char *const *options)
{
	struct kr_config *config = NULL;
	struct kr_store *store = NULL;

	assert_int_equal(kr_config_open(&config), KR_OK);
	assert_int_equal(kr_config_set(config, "store.kind=memory"), KR_OK);
	assert_int_equal(kr_config_set(config, "cookie.name=sid"), KR_OK);
	for (; options && *options; options++)
		assert_int_equal(kr_config_set(config, *options), KR_OK);
	assert_int_equal(kr_store_open(config, &store), KR_OK);
	kr_config_close(&config);
	return store;
}

static inline int setup(void **state)
{
	*state = open_store(NULL);
	return 0;
}

static inline int teardown(void **state)
{
	struct kr_store *store = *state;

	kr_store_close(&store);
	return store != NULL;
}

/* As a browser does. */
static inline void take_cookie(struct client *client,
			       struct kr_session *session)
{
	const char *text = NULL;

	assert_int_equal(kr_session_cookie(session, true, &text), KR_OK);
	if (!*text)
		return;
	if (strstr(text, "Max-Age=0"))
		*client->cookie = '\0';
	else
		snprintf(client->cookie, JAR, "%.*s", (int)strcspn(text, ";"),
			 text);
}

static inline struct kr_session *open_flags(struct kr_store *store,
					    const struct client *client,
					    unsigned flags)
{
	const char *cookies[] = {client->cookie, NULL};
	struct kr_session *session = NULL;

	assert_int_equal(kr_session_open(store, cookies, flags, &session),
			 KR_OK);
	return session;
}

static inline struct kr_session *open_session(struct kr_store *store,
					      const struct client *client)
{
	return open_flags(store, client, 0);
}

static inline void commit(struct client *client, struct kr_session *session)
{
	assert_int_equal(kr_session_commit(session), KR_OK);
	take_cookie(client, session);
}

static inline void set(struct kr_session *session, const char *key,
		       const char *value)
{
	assert_int_equal(kr_session_set_string(session, key, value), KR_OK);
}

static inline void assert_value(struct kr_session *session, const char *key,
				const char *wanted)
{
	const char *value = NULL;

	assert_int_equal(kr_session_get_string(session, key, &value), KR_OK);
	assert_string_equal(value, wanted);
}

static inline void assert_no_value(struct kr_session *session, const char *key)
{
	const char *value;

	assert_int_equal(kr_session_get_string(session, key, &value),
			 KR_ERR_NOT_FOUND);
}

/* A session with color: red, known to the client. */
static inline void begin_session(struct kr_store *store, struct client *client)
{
	struct kr_session *session;

	*client->cookie = '\0';
	session = open_session(store, client);
	set(session, "color", "red");
	commit(client, session);
	kr_session_close(&session);
}

/* That the client's session has it, in the store. */
static inline void assert_stored(struct kr_store *store,
				 const struct client *client, const char *key,
				 const char *value)
{
	struct kr_session *session = open_session(store, client);

	if (value)
		assert_value(session, key, value);
	else
		assert_no_value(session, key);
	kr_session_close(&session);
}

#endif
