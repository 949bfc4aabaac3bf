/*
 * A CGI program (RFC 3875) that counts a visitor's visits, on the session layer
 * alone: no app, no routes. Each request is a process, which opens the store,
 * does its work and ends; so the store has to outlive it, as Redis does.
 *
 *     cc -o counter.cgi cgi.c $(pkg-config --cflags --libs krsession)
 *
 * Options come from the environment, such as REDIS_URL; a web server has to be
 * told to pass them on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <krsession.h>

/* Adds one to the visits and stores that, or tells why not. */
static enum kr_err count(struct kr_session *session, int32_t *visits)
{
	enum kr_err err = kr_session_get_int32(session, "visits", visits);

	if (err && err != KR_ERR_NOT_FOUND)
		return err;
	err = kr_session_set_int32(session, "visits", ++*visits);
	return err ? err : kr_session_commit(session);
}

/* The answer comes after the commit: only then is it true. */
static enum kr_err answer(struct kr_session *session, int32_t visits)
{
	const char *https = getenv("HTTPS");
	const char *cookie;
	enum kr_err err = kr_session_cookie(
		session, https && !strcmp(https, "on"), &cookie);

	if (err)
		return err;
	printf("Status: 200 OK\r\n"
	       "Content-Type: text/plain; charset=utf-8\r\n"
	       "Cache-Control: no-store\r\n"
	       "Vary: Cookie\r\n");
	if (*cookie)
		printf("Set-Cookie: %s\r\n", cookie);
	printf("\r\nVisit %d\n", (int)visits);
	return KR_OK;
}

static enum kr_err serve(struct kr_store *store)
{
	const char *cookies[] = {getenv("HTTP_COOKIE"), NULL};
	struct kr_session *session = NULL;
	int32_t visits = 0;
	enum kr_err err = kr_session_open(store, cookies, 0, &session);

	if (!err)
		err = count(session, &visits);
	if (!err)
		err = answer(session, visits);
	kr_session_close(&session);
	return err;
}

int main(void)
{
	struct kr_config *config = NULL;
	struct kr_store *store = NULL;
	enum kr_err err = kr_config_open(&config);

	if (!err)
		err = kr_config_read_environment(config);
	if (!err)
		err = kr_store_open(config, &store);
	if (!err)
		err = serve(store);
	if (err) {
		fprintf(stderr, "%s %s\n", kr_strerror(err),
			kr_config_why(config));
		printf("Status: 503 Service Unavailable\r\n"
		       "Content-Type: text/plain\r\n\r\n"
		       "Please try again.\n");
	}
	kr_store_close(&store);
	kr_config_close(&config);
	return 0;
}
