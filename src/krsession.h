/*
 * krsession: Redis-backed sessions for FastCGI programs in C.
 *
 * The one public header. A program maps routes to handlers and hands over to
 * kr_app_main(), which reads the configuration, serves FastCGI and returns
 * the exit status:
 *
 *     static enum kr_err hello(struct kr_context *c)
 *     {
 *             return kr_text(c, 200, "Hello, Session World!");
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *             struct kr_app *app = NULL;
 *             int status = 1;
 *
 *             if (!kr_app_open(&app) &&
 *                 !kr_map(app, KR_GET, "/hello", hello, 0))
 *                     status = kr_app_main(app, argc, argv);
 *             kr_app_close(&app);
 *             return status;
 *     }
 *
 * A handler never writes to the client: it fills a response, which is sent
 * once its session's changes are known to be stored. So it may run more than
 * once for one request (KR_ATOMIC), and must keep its other effects to itself.
 *
 * What a function lends (const pointers) lives until the handler returns.
 *
 *     cc -o program program.c $(pkg-config --cflags --libs krsession)
 */
#ifndef KRSESSION_H
#define KRSESSION_H

#include <stddef.h>
#include <stdint.h>

/* The version that a program is compiled with; kr_version() tells the one that
 * it runs with. KR_VERSION is text, "0.1.0"; KR_VERSION_NUMBER is for #if, with
 * two digits each for minor and patch. */
#define KR_VERSION_MAJOR 0
#define KR_VERSION_MINOR 1
#define KR_VERSION_PATCH 0
#define KR_VERSION_NUMBER                                                      \
	(KR_VERSION_MAJOR * 10000 + KR_VERSION_MINOR * 100 + KR_VERSION_PATCH)
#define KR_VERSION                                                             \
	KR_QUOTE_VALUE(KR_VERSION_MAJOR)                                       \
	"." KR_QUOTE_VALUE(KR_VERSION_MINOR) "." KR_QUOTE_VALUE(               \
		KR_VERSION_PATCH)
#define KR_QUOTE_VALUE(macro) KR_QUOTE(macro)
#define KR_QUOTE(text) #text

#define KR_MUST_CHECK __attribute__((warn_unused_result))
#define KR_PRINTF(string, first) __attribute__((format(printf, string, first)))

#ifdef __cplusplus
extern "C" {
#endif

struct kr_app;     /* routes, configuration and the server: one a program */
struct kr_context; /* one request on its way: request, session, response */
struct kr_session; /* the session of a request, or the lack of one */

enum kr_err {
	KR_OK = 0,
	KR_ERR_ARGUMENT,    /* the caller passed something it must not */
	KR_ERR_MEMORY,      /* out of memory, or past a request's memory cap */
	KR_ERR_CONFIG,      /* an option is unknown or its value not allowed */
	KR_ERR_SYSTEM,      /* the operating system refused a call */
	KR_ERR_INPUT,       /* the client's request is malformed: 400 */
	KR_ERR_NOT_FOUND,   /* no such value, session or option */
	KR_ERR_TYPE,        /* the value is there, but not of that type */
	KR_ERR_RESERVED,    /* the key is empty or begins with '@' */
	KR_ERR_LIMIT,       /* past a limit of section [session]: 413 */
	KR_ERR_GONE,        /* the session ended while the request ran: 503 */
	KR_ERR_CONFLICT,    /* another request changed the session first */
	KR_ERR_RENEWED,     /* the session got a new secret meanwhile: 409 */
	KR_ERR_UNAVAILABLE, /* the store cannot be reached: 503 */
	KR_ERR_TIMEOUT,     /* the store did not answer in io_timeout: 503 */
	KR_ERR_FULL,        /* the store has no room for a write: 503 */
	KR_ERR_DENIED,      /* the store refused our user or password: 503 */
	KR_ERR_PROTOCOL     /* a peer said something that it must not say */
};

/* A short English text for an error, such as "out of memory". Never NULL. */
const char *kr_strerror(enum kr_err err);

/* The version of the library that the program runs with, such as "0.1.0". */
const char *kr_version(void);

/* ---- the program ------------------------------------------------------ */

/* Methods of a route, to be or-ed. GET implies HEAD. */
enum kr_method { KR_GET = 1, KR_POST = 2 };

/* What a route needs, to be or-ed. */
enum kr_route_flag {
	KR_SESSION = 1, /* load the session that the cookie names */
	/* The handler computes what it writes from what it read: if another
	 * request wrote in between, load and run the handler again. */
	KR_ATOMIC = 2,
	/* The handler may take long: it runs on a thread of a pool
	 * (server.threads) while the loop goes on with other requests. One
	 * that holds its loop for 50 ms unmarked is named in the log. */
	KR_BLOCKING = 4
};

/*
 * A route's function. KR_OK sends the response it filled; KR_ERR_INPUT sends
 * 400, KR_ERR_LIMIT 413, the store's errors 503 and any other 500, and then
 * nothing that the handler changed in the session is stored.
 */
typedef enum kr_err kr_handler(struct kr_context *c);

/* Makes an app with every option at its default. KR_ERR_MEMORY. */
enum kr_err kr_app_open(struct kr_app **app) KR_MUST_CHECK;

/* Frees the app and sets *app to NULL. *app may be NULL. */
void kr_app_close(struct kr_app **app);

/*
 * Serves `path` (absolute, compared whole) with `handler`. KR_ERR_ARGUMENT
 * when the path is not absolute or the methods are none.
 */
enum kr_err kr_map(struct kr_app *app, unsigned methods, const char *path,
		   kr_handler *handler, unsigned flags) KR_MUST_CHECK;

/*
 * The whole program: reads the command line
 *
 *     [-c FILE] [-l unix:PATH|tcp:HOST:PORT] [-o SECTION.KEY=VALUE]...
 *     [-t] [-V] [-h]
 *
 * and the environment, and serves until SIGTERM or SIGINT. Returns the exit
 * status: 0 after an orderly end, 1 after a failure, 2 for a bad command line
 * or configuration. What went wrong has been said on stderr.
 */
int kr_app_main(struct kr_app *app, int argc, char **argv) KR_MUST_CHECK;

/* ---- the request ------------------------------------------------------ */

/* "GET", "HEAD" or "POST". */
const char *kr_request_method(struct kr_context *c);

/* The path that was dispatched on, such as "/session/get". */
const char *kr_request_path(struct kr_context *c);

/* A FastCGI parameter, such as "REMOTE_ADDR" or "HTTP_USER_AGENT", or NULL. */
const char *kr_request_param(struct kr_context *c, const char *name);

/*
 * The percent-decoded value of a parameter of the query string, or else of
 * an application/x-www-form-urlencoded body; the first if there are several.
 * UTF-8 without NUL. NULL if the request has no such parameter.
 */
const char *kr_query(struct kr_context *c, const char *name);

/* ---- the response ----------------------------------------------------- */

/* Answers with text/plain; charset=utf-8. `status` is 200 to 599. */
enum kr_err kr_text(struct kr_context *c, int status,
		    const char *text) KR_MUST_CHECK;

/* Adds a member to the JSON object being built; errors wait for _end. */
void kr_json_string(struct kr_context *c, const char *key, const char *value);
void kr_json_int(struct kr_context *c, const char *key, int64_t value);

/*
 * Answers with the JSON object built so far. KR_ERR_MEMORY, and
 * KR_ERR_ARGUMENT if a member was NULL or not UTF-8.
 */
enum kr_err kr_json_end(struct kr_context *c, int status) KR_MUST_CHECK;

/* Answers {"error":"<text>"}. */
enum kr_err kr_json_error(struct kr_context *c, int status,
			  const char *text) KR_MUST_CHECK;

/* Adds a response header. KR_ERR_ARGUMENT if it would break the header. */
enum kr_err kr_header(struct kr_context *c, const char *name,
		      const char *value) KR_MUST_CHECK;

/* ---- the session ------------------------------------------------------ */

/* The request's session, until the handler returns; NULL unless the route has
 * KR_SESSION. There may be none yet: the first value that is set makes it. */
struct kr_session *kr_session(struct kr_context *c);

/*
 * With NULL for the session all give KR_ERR_ARGUMENT. Keys are 1 to
 * session.max_key bytes and do not begin with '@' (KR_ERR_RESERVED,
 * KR_ERR_LIMIT). A getter without such a value is KR_ERR_NOT_FOUND and leaves
 * its output as it was. A setter makes the session if there is none; past
 * session.max_value, max_values or max_size it is KR_ERR_LIMIT and changes
 * nothing.
 */

/* The value as a number. KR_ERR_TYPE if it is not a decimal int32. */
enum kr_err kr_session_get_int32(struct kr_session *session, const char *key,
				 int32_t *value) KR_MUST_CHECK;

/* The value as text. KR_ERR_TYPE if it has a NUL or is not UTF-8. */
enum kr_err kr_session_get_string(struct kr_session *session, const char *key,
				  const char **value) KR_MUST_CHECK;

/* The value as it is: `size` bytes at `*value`. */
enum kr_err kr_session_get_bytes(struct kr_session *session, const char *key,
				 const void **value,
				 size_t *size) KR_MUST_CHECK;

enum kr_err kr_session_set_int32(struct kr_session *session, const char *key,
				 int32_t value) KR_MUST_CHECK;
enum kr_err kr_session_set_string(struct kr_session *session, const char *key,
				  const char *value) KR_MUST_CHECK;
enum kr_err kr_session_set_bytes(struct kr_session *session, const char *key,
				 const void *value, size_t size) KR_MUST_CHECK;

/* Takes one value away; KR_OK too if there was none. */
enum kr_err kr_session_remove(struct kr_session *session,
			      const char *key) KR_MUST_CHECK;

/* Takes all values away and keeps the session. */
enum kr_err kr_session_clear(struct kr_session *session) KR_MUST_CHECK;

/*
 * Gives the session a new secret, in place: the values stay, the old cookie
 * opens nothing any more. For every change of what a user may do, login
 * first (OWASP: session fixation).
 */
enum kr_err kr_session_renew(struct kr_session *session) KR_MUST_CHECK;

/* Ends the session in the store and expires the cookie. */
enum kr_err kr_session_destroy(struct kr_session *session) KR_MUST_CHECK;

/*
 * The session's public name, 22 characters, safe to log: it opens nothing.
 * NULL if the request has no session.
 */
const char *kr_session_id(struct kr_session *session);

#ifdef __cplusplus
}
#endif

#endif
