/*
 * Sessions in a program that is its own web server, with GNU libmicrohttpd. Its
 * pool of threads calls page(), and the session layer blocks there for as long
 * as the store takes.
 *
 *     cc -o microhttpd microhttpd.c \
 *         $(pkg-config --cflags --libs krsession libmicrohttpd)
 *     ./microhttpd 8080
 *
 * "/" greets who is logged in, "/login?user=NAME" and "/logout" change that.
 * The session's cookie is for HTTPS alone (cookie.secure): have a proxy with
 * TLS in front, or set KRSESSION_COOKIE_SECURE=never and a
 * KRSESSION_COOKIE_NAME without "__Host-" to try it without.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <krsession.h>
#include <microhttpd.h>

#define THREADS 4

static struct kr_store *store;

struct reply {
	unsigned status;
	char text[400];
};

static enum kr_err greet(struct kr_session *session, struct reply *reply)
{
	const char *user = kr_session_user(session);

	snprintf(reply->text, sizeof(reply->text), "Hello, %s\n",
		 user ? user : "whoever you are");
	return KR_OK;
}

/* A login gives the session a new secret: the cookie that somebody may have
 * foisted on the user before opens nothing. */
static enum kr_err log_in(struct kr_session *session, const char *user,
			  struct reply *reply)
{
	enum kr_err err = kr_session_login(session, user ? user : "");

	snprintf(reply->text, sizeof(reply->text), "Welcome\n");
	return err;
}

/* Nobody else's page may log a user out, or in as somebody (krsession.h, the
 * cross-site rule): programs without an app keep that rule themselves. */
static int is_cross_site(struct MHD_Connection *connection)
{
	const char *site = MHD_lookup_connection_value(
		connection, MHD_HEADER_KIND, "Sec-Fetch-Site");

	return site && !strcmp(site, "cross-site");
}

static enum kr_err handle(struct MHD_Connection *connection, const char *path,
			  struct kr_session *session, struct reply *reply)
{
	reply->status = MHD_HTTP_OK;
	if (!strcmp(path, "/"))
		return greet(session, reply);
	if (is_cross_site(connection))
		return KR_ERR_CROSS_SITE;
	if (!strcmp(path, "/login"))
		return log_in(session,
			      MHD_lookup_connection_value(connection,
							  MHD_GET_ARGUMENT_KIND,
							  "user"),
			      reply);
	if (!strcmp(path, "/logout")) {
		snprintf(reply->text, sizeof(reply->text), "Good-bye\n");
		return kr_session_logout(session);
	}
	reply->status = MHD_HTTP_NOT_FOUND;
	snprintf(reply->text, sizeof(reply->text), "Not found\n");
	return KR_OK;
}

/* What an error is to the client: enum kr_err in krsession.h has the list. */
static void fail(struct reply *reply, enum kr_err err)
{
	switch (err) {
	case KR_ERR_INPUT:
		reply->status = MHD_HTTP_BAD_REQUEST;
		break;
	case KR_ERR_CROSS_SITE:
		reply->status = MHD_HTTP_FORBIDDEN;
		break;
	case KR_ERR_RENEWED:
		reply->status = MHD_HTTP_CONFLICT;
		break;
	default:
		reply->status = MHD_HTTP_SERVICE_UNAVAILABLE;
	}
	snprintf(reply->text, sizeof(reply->text), "%s\n", kr_strerror(err));
}

static enum MHD_Result send_reply(struct MHD_Connection *connection,
				  const struct reply *reply, const char *cookie)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(reply->text), (void *)reply->text,
		MHD_RESPMEM_MUST_COPY);
	enum MHD_Result sent;

	MHD_add_response_header(response, "Content-Type",
				"text/plain; charset=utf-8");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "Vary", "Cookie");
	if (*cookie)
		MHD_add_response_header(response, "Set-Cookie", cookie);
	sent = MHD_queue_response(connection, reply->status, response);
	MHD_destroy_response(response);
	return sent;
}

/* Open, handle, commit; and only then answer. */
static enum MHD_Result page(void *arg, struct MHD_Connection *connection,
			    const char *path, const char *method,
			    const char *version, const char *bytes,
			    size_t *size, void **request)
{
	const char *cookies[] = {MHD_lookup_connection_value(
					 connection, MHD_HEADER_KIND, "Cookie"),
				 NULL};
	struct kr_session *session = NULL;
	struct reply reply = {0};
	const char *cookie = "";
	enum MHD_Result result;
	enum kr_err err = kr_session_open(store, cookies, 0, &session);

	(void)arg, (void)method, (void)version;
	(void)bytes, (void)size, (void)request;
	if (!err)
		err = handle(connection, path, session, &reply);
	if (!err)
		err = kr_session_commit(session);
	if (!err)
		err = kr_session_cookie(session, true, &cookie);
	if (err)
		fail(&reply, err);
	result = send_reply(connection, &reply, cookie);
	kr_session_close(&session);
	return result;
}

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

int main(int argc, char **argv)
{
	unsigned short port = argc > 1 ? (unsigned short)atoi(argv[1]) : 8080;
	struct MHD_Daemon *daemon;
	sigset_t stop;
	int signal;

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL); /* also of all threads to come */
	if (open_store())
		return 1;
	daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, port, NULL,
				  NULL, page, NULL, MHD_OPTION_THREAD_POOL_SIZE,
				  (unsigned)THREADS, MHD_OPTION_END);
	if (daemon)
		sigwait(&stop, &signal);
	if (daemon)
		MHD_stop_daemon(daemon);
	kr_store_close(&store);
	return daemon ? 0 : 1;
}
