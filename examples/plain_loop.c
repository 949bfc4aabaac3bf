/*
 * A FastCGI program with a loop of its own, the one of libfcgi's examples, that
 * gets sessions from krsession and nothing else: for a program that is there
 * already. Four threads accept, and share one store.
 *
 *     cc -o plain_loop plain_loop.c -pthread -lfcgi \
 *         $(pkg-config --cflags --libs krsession)
 *     spawn-fcgi -n -s /run/counter.sock -- ./plain_loop
 *
 * It counts visits. Two at the same time must not both read 7 and write 8: so
 * the session is opened with KR_ATOMIC, and what lost the race is done again.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcgiapp.h>
#include <krsession.h>

#define THREADS 4
#define TRIES 100

static struct kr_store *store;

static enum kr_err count_once(struct kr_session *session, int32_t *visits)
{
	enum kr_err err = kr_session_get_int32(session, "visits", visits);

	if (err == KR_ERR_NOT_FOUND)
		*visits = 0;
	else if (err)
		return err;
	err = kr_session_set_int32(session, "visits", ++*visits);
	return err ? err : kr_session_commit(session);
}

static enum kr_err count(struct kr_session *session, int32_t *visits)
{
	enum kr_err err = count_once(session, visits);

	for (int i = 1; err == KR_ERR_CONFLICT && i < TRIES; i++) {
		err = kr_session_reload(session);
		if (!err)
			err = count_once(session, visits);
	}
	return err;
}

static enum kr_err answer(FCGX_Request *request, struct kr_session *session,
			  int32_t visits)
{
	const char *https = FCGX_GetParam("HTTPS", request->envp);
	const char *cookie;
	enum kr_err err = kr_session_cookie(
		session, https && !strcmp(https, "on"), &cookie);

	if (err)
		return err;
	FCGX_FPrintF(request->out, "Content-Type: text/plain\r\n"
				   "Cache-Control: no-store\r\n"
				   "Vary: Cookie\r\n");
	if (*cookie)
		FCGX_FPrintF(request->out, "Set-Cookie: %s\r\n", cookie);
	FCGX_FPrintF(request->out, "\r\nVisit %d\n", (int)visits);
	return KR_OK;
}

static void serve(FCGX_Request *request)
{
	const char *cookies[] = {FCGX_GetParam("HTTP_COOKIE", request->envp),
				 NULL};
	struct kr_session *session = NULL;
	int32_t visits = 0;
	enum kr_err err = kr_session_open(store, cookies, KR_ATOMIC, &session);

	if (!err)
		err = count(session, &visits);
	if (!err)
		err = answer(request, session, visits);
	if (err)
		FCGX_FPrintF(request->out,
			     "Status: 503 Service Unavailable\r\n"
			     "Content-Type: text/plain\r\n\r\n%s\n",
			     kr_strerror(err));
	kr_session_close(&session);
}

/* A session is one thread's at a time; the store is everybody's. */
static void *run(void *arg)
{
	FCGX_Request request;

	FCGX_InitRequest(&request, 0, 0);
	while (!FCGX_Accept_r(&request)) {
		serve(&request);
		FCGX_Finish_r(&request);
	}
	return arg;
}

/* Opened here and not before a fork(): a store is one process'. */
static enum kr_err open_store(void)
{
	struct kr_config *config = NULL;
	enum kr_err err = kr_config_open(&config);

	if (!err)
		err = kr_config_read_environment(config);
	if (!err)
		err = kr_store_open(config, &store);
	if (err)
		fprintf(stderr, "%s %s\n", kr_strerror(err),
			kr_config_why(config));
	kr_config_close(&config);
	return err;
}

int main(void)
{
	pthread_t thread;

	if (FCGX_Init() || open_store())
		return 1;
	for (int i = 1; i < THREADS; i++)
		if (pthread_create(&thread, NULL, run, NULL))
			return 1;
	run(NULL);
	/* libfcgi wants no more; but the other threads may be at a request, and
	 * exit() would take away what they use. */
	_exit(0);
}
