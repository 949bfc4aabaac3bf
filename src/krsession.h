/*
 * krsession: sessions for FastCGI programs in C.
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
 * A program with a loop of its own, or none, leaves the app out and uses the
 * session layer alone: kr_store_open(), kr_session_open(),
 * kr_session_commit(). kr_test_open() tests handlers without a server.
 *
 * A handler never writes to the client: it fills a response, which is sent
 * once its session's changes are known to be stored. So it may run more than
 * once for one request (KR_ATOMIC), and must keep its other effects to itself.
 *
 * Threads. Handlers of different requests run at the same time on several
 * threads; one request's handler runs on one. A struct kr_context, and all
 * that is got from it, is that handler's alone until it returns. What a
 * program shares between requests it guards itself. A handler has 256 KiB of
 * stack at least; with KR_BLOCKING, in a CGI program and under
 * kr_test_request() it has what the system gives (RLIMIT_STACK). An app and a
 * configuration are used by one thread at a time, and not at all while
 * kr_app_main() runs. Only kr_log() with NULL, kr_strerror() and kr_version()
 * may be called by any thread at any time.
 *
 * What a function lends (const pointers) lives until the handler returns, or
 * until the handle that lent it is closed. Texts are UTF-8 and end with NUL.
 * Outputs are written on KR_OK alone. NULL for a handle is KR_ERR_ARGUMENT,
 * and where a function returns no error NULL, 0 or false.
 *
 * The library never exits, aborts or writes to stdout, and it changes nothing
 * of its process, except what kr_app_main() says that it does.
 *
 *     cc -o program program.c $(pkg-config --cflags --libs krsession)
 */
#ifndef KRSESSION_H
#define KRSESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The version that a program is compiled with; kr_version() tells the one that
 * it runs with. KR_VERSION is text, "0.2.0"; KR_VERSION_NUMBER is for #if, with
 * two digits each for minor and patch. */
#define KR_VERSION_MAJOR 0
#define KR_VERSION_MINOR 2
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
struct kr_config;  /* the options */
struct kr_context; /* one request on its way: request, session, response */
struct kr_json;    /* a value in a JSON body */
struct kr_session; /* the session of a request, or the lack of one */
struct kr_store;   /* where sessions are kept: an app's, or a program's without
		    * one */
struct kr_link;    /* a loop's way to such a store */
struct kr_test;    /* a browser that tests an app's handlers */

/*
 * One cause a value. A handler that returns one is answered for with the
 * status beside it and {"error": a text}, and nothing that it has changed in
 * the session is stored. 503 comes with Retry-After.
 */
enum kr_err {
	KR_OK = 0,
	KR_ERR_ARGUMENT = 1,     /* the caller passed what it must not: 500 */
	KR_ERR_MEMORY = 2,       /* out of memory, or past a cap: 503 */
	KR_ERR_CONFIG = 3,       /* an option is unknown or not allowed: 500 */
	KR_ERR_SYSTEM = 4,       /* the operating system refused a call: 500 */
	KR_ERR_INPUT = 5,        /* the client's request is malformed: 400 */
	KR_ERR_NOT_FOUND = 6,    /* no such value, session or option: 500 */
	KR_ERR_TYPE = 7,         /* it is there, but not of that type: 500 */
	KR_ERR_RESERVED = 8,     /* a key or name, empty or not yours: 400 */
	KR_ERR_LIMIT = 9,        /* past a limit of section [session]: 413 */
	KR_ERR_GONE = 10,        /* the session ended meanwhile: 503 */
	KR_ERR_CONFLICT = 11,    /* others kept changing the session: 503 */
	KR_ERR_RENEWED = 12,     /* the session got a new secret: 409 */
	KR_ERR_UNAVAILABLE = 13, /* the store cannot be reached: 503 */
	KR_ERR_TIMEOUT = 14,     /* the store did not answer in time: 503 */
	KR_ERR_FULL = 15,        /* the store has no room for a write: 503 */
	KR_ERR_DENIED = 16,      /* the store refused our user: 503 */
	KR_ERR_PROTOCOL = 17,    /* the store said what it must not: 503 */
	KR_ERR_MEDIA = 18,       /* the body is of another type: 415 */
	KR_ERR_CROSS_SITE = 19,  /* another site asked for a change: 403 */
	KR_ERR_SESSIONS = 20     /* the user has too many sessions: 403 */
};

/* A short English text for an error, such as "out of memory". Never NULL. */
const char *kr_strerror(enum kr_err err);

/* The version of the library that the program runs with, such as "0.2.0". */
const char *kr_version(void);

/* ---- the program ------------------------------------------------------ */

/* Methods of a route, to be or-ed. GET implies HEAD. A path that is mapped
 * answers others with 405 and Allow (RFC 9110 section 15.5.6). */
enum kr_method {
	KR_GET = 1,
	KR_POST = 2,
	KR_PUT = 4,
	KR_PATCH = 8,
	KR_DELETE = 16
};

/*
 * What a route needs, to be or-ed.
 *
 * The cross-site rule (Fetch Metadata: a browser says "Sec-Fetch-Site:
 * cross-site" when a page of another site made it send the request). A route
 * with a method beside KR_GET is taken to change something: a cross-site
 * request for it is answered 403 before its handler runs, whatever the
 * request's method. So a page with a form and what the form is sent to are
 * better two routes. On a route with KR_GET alone the handler runs, and what
 * would change its session is KR_ERR_CROSS_SITE. Clients that are no browsers
 * do not send the header and are not concerned.
 */
enum kr_route_flag {
	KR_SESSION = 1, /* load the session that the cookie names */
	/* The handler computes what it writes from what it read: if another
	 * request wrote in between, load and run the handler again. */
	KR_ATOMIC = 2,
	/* The handler may take long: it runs on a thread of a pool
	 * (server.threads) while the loop goes on with other requests. One
	 * that holds its loop for 50 ms unmarked is named in the log. */
	KR_BLOCKING = 4,
	/* Takes the cross-site rule away from the route. */
	KR_CROSS_SITE = 8,
	/* Takes bodies of any type, of up to server.max_body bytes, for
	 * kr_body() and kr_body_json(). Other routes take forms
	 * (application/x-www-form-urlencoded) of up to 8 KiB. What is longer
	 * is 413, another type 415; the handler does not run. */
	KR_BODY = 16,
	/* Answers carry no Set-Cookie for the session, whatever becomes of it:
	 * for what a front server asks about another request, such as nginx'
	 * auth_request, whose answer no browser sees. */
	KR_NO_COOKIE = 32
};

/* A route's function. KR_OK sends the response that it filled, which is 500
 * if it filled none; an error see enum kr_err. */
typedef enum kr_err kr_handler(struct kr_context *c);

/* Makes an app with every option at its default. KR_ERR_MEMORY. */
enum kr_err kr_app_open(struct kr_app **app) KR_MUST_CHECK;

/* Frees the app and sets *app to NULL. *app may be NULL. After kr_app_main()
 * returned 3 or 4 it frees nothing: threads still use it. */
void kr_app_close(struct kr_app **app);

/*
 * Serves `path` with `handler`. The path is absolute and compared whole, byte
 * by byte. One that ends with "/" and a star stands for all paths that begin
 * with what is before the star: kr_request_rest() has what follows, which may
 * be empty. "/files" itself is not among those of "/files/" and a star. A path
 * that is mapped whole comes before those, and of those the longest.
 *
 * KR_ERR_ARGUMENT for a path that is not absolute or has a star elsewhere, a
 * method that is mapped there already, no method, an unknown bit, KR_ATOMIC
 * without KR_SESSION, or no handler; KR_ERR_MEMORY.
 */
enum kr_err kr_map(struct kr_app *app, unsigned methods, const char *path,
		   kr_handler *handler, unsigned flags) KR_MUST_CHECK;

/* The same with something of the program's for kr_route_user(), borrowed until
 * kr_app_close(). */
enum kr_err kr_map_with(struct kr_app *app, unsigned methods, const char *path,
			kr_handler *handler, unsigned flags,
			void *user) KR_MUST_CHECK;

/*
 * Serves the FastCGI role Authorizer (specification, section 6.3): a front
 * server asks, before it serves a request itself, whether it may. Of any
 * method and path; there is no body. An answer 200 lets it, and its headers
 * that begin with "Variable-" become variables of the request; any other is
 * sent to the client. The cross-site rule is not the route's, as the request
 * is another's. `flags` is KR_SESSION, KR_ATOMIC, KR_BLOCKING or KR_NO_COOKIE,
 * or-ed. KR_ERR_ARGUMENT for others, no handler, or if it is mapped already.
 */
enum kr_err kr_map_authorizer(struct kr_app *app, kr_handler *handler,
			      unsigned flags, void *user) KR_MUST_CHECK;

/*
 * Answers in place of the library where that would answer with an error: an
 * unknown path, a request that is not as it should be, a handler that returned
 * an error, changes that could not be stored. `err` is KR_ERR_NOT_FOUND for a
 * path and KR_ERR_ARGUMENT for a method that is not mapped; `status` is what is
 * to be answered, `text` what the JSON would say. There is no session, and the
 * loop waits: it must not block. An error, or no answer filled in, leaves it to
 * the library.
 */
typedef enum kr_err kr_error_handler(struct kr_context *c, void *user,
				     enum kr_err err, int status,
				     const char *text);
enum kr_err kr_app_on_error(struct kr_app *app, kr_error_handler *handler,
			    void *user) KR_MUST_CHECK;

/*
 * Has kr_app_main() and the first kr_test_open() call `prepare` once all
 * options are known and before anything is served, also for -t: to check the
 * program's own options, and to map what depends on them. An error is the end,
 * KR_ERR_CONFIG with what kr_config_refuse() said.
 */
typedef enum kr_err kr_prepare(struct kr_app *app, void *user);
enum kr_err kr_app_prepare(struct kr_app *app, kr_prepare *prepare,
			   void *user) KR_MUST_CHECK;

/*
 * Lets kr_redirect() send clients to another origin too: "https://" or
 * "http://", a host, and a port if it is not the scheme's own, such as
 * "https://login.example.com". KR_ERR_ARGUMENT for anything else,
 * KR_ERR_MEMORY.
 */
enum kr_err kr_allow_redirect(struct kr_app *app,
			      const char *origin) KR_MUST_CHECK;

/* The app's configuration, for defaults of the program's own: what file,
 * environment and command line say comes later and wins. Lives as long as the
 * app; not to be closed. */
struct kr_config *kr_app_config(struct kr_app *app);

/*
 * The whole program: reads the command line
 *
 *     [-c FILE] [-l unix:PATH|tcp:HOST:PORT] [-o SECTION.KEY=VALUE]...
 *     [-t] [-V] [-h]
 *
 * and the environment, and serves until SIGTERM or SIGINT; started as a CGI
 * program (RFC 3875), one request. Returns the exit status: 0 after an orderly
 * end, 1 after a failure, 2 for a bad command line or configuration. 3: some
 * handlers were still running at the end of server.drain_timeout; 4: an orderly
 * end, but a thread still waits for the system to look up a name. Then threads
 * go on with what the program lent, and exit() would wait for them: it should
 * leave by _exit(). What went wrong has been said on stderr.
 *
 * To be called once, by main()'s thread, before there are others. To its
 * process it does this: it has SIGPIPE ignored, and blocks SIGTERM, SIGINT,
 * SIGHUP, SIGUSR1 and SIGUSR2 in its thread and in all that it starts; it sets
 * UV_THREADPOOL_SIZE in the environment; the threads of its loops are of the
 * batch scheduling class; without -l it listens on descriptor 0 (spawn-fcgi) or
 * on systemd's; it writes its log to stderr, and the answers to -V and -h to
 * stdout.
 *
 * SIGHUP reloads: the program's file, as it is then, is executed again with
 * `argv`, which must be what main() was given, and with the environment; once
 * beside this process, to prove that it serves and to stand in for it, and then
 * in its place. So main() begins anew, under the same process id, and what the
 * program had open or in memory is gone without exit handlers. Open files of
 * your own with O_CLOEXEC. With store.kind = memory there is no reload.
 */
int kr_app_main(struct kr_app *app, int argc, char **argv) KR_MUST_CHECK;

/* ---- configuration ---------------------------------------------------- */

/*
 * Options are named section.key, as krsessiond.conf has them. Each function
 * that reads them changes options up to the first that is wrong, which is
 * KR_ERR_CONFIG; kr_config_why() tells what and what is allowed. KR_ERR_MEMORY
 * else. Rules between options are checked when the configuration is used.
 */

/* Every option at its default. KR_ERR_MEMORY. */
enum kr_err kr_config_open(struct kr_config **config) KR_MUST_CHECK;

/* Frees it, wipes its passwords and sets *config to NULL, which it may be. */
void kr_config_close(struct kr_config **config);

/* Reads an INI file. */
enum kr_err kr_config_read_file(struct kr_config *config,
				const char *path) KR_MUST_CHECK;

/* Takes UPSTASH_REDIS_URL, REDIS_URL and KRSESSION_SECTION_KEY from the
 * environment, which no other thread may change meanwhile. */
enum kr_err kr_config_read_environment(struct kr_config *config) KR_MUST_CHECK;

/* Sets one option, by "section.key=value". */
enum kr_err kr_config_set(struct kr_config *config,
			  const char *text) KR_MUST_CHECK;

/* What was wrong in the last of these calls, in one line without passwords;
 * "" if nothing was. Until the next call. */
const char *kr_config_why(struct kr_config *config);

/* What an option's value is. */
enum kr_option_type {
	KR_OPTION_TEXT = 0,   /* min and max are its bytes */
	KR_OPTION_NUMBER = 1, /* this and all below are numbers */
	KR_OPTION_BOOL = 2,   /* 0 or 1 */
	KR_OPTION_TIME = 3,   /* milliseconds */
	KR_OPTION_SIZE = 4,   /* bytes */
	KR_OPTION_CHOICE = 5  /* an index into choices */
};

/* An option of the program's own. */
struct kr_option {
	const char *section; /* a-z, 0-9 and "_"; none of the library's */
	const char *key;     /* likewise */
	enum kr_option_type type;
	bool secret; /* its value appears in no message */
	int64_t min; /* both of them allowed */
	int64_t max;
	const char *unit;           /* what a number counts */
	const char *const *choices; /* of a choice; ends with NULL */
	const char *fallback;       /* the default, as one would write it */
	const char *help;           /* one line, less than 78 characters */
};

/*
 * Adds an option, which file, environment and command line set like any other.
 * Its texts are borrowed until the configuration is closed. KR_ERR_ARGUMENT for
 * a section of the library's, a name that is none or is there already, or a
 * fallback that is not allowed; KR_ERR_MEMORY.
 */
enum kr_err kr_config_declare(struct kr_config *config,
			      const struct kr_option *option) KR_MUST_CHECK;

/*
 * The value of an option, the program's or the library's, named
 * "section.key"; the text is lent until the option is set again.
 * KR_ERR_NOT_FOUND for one that is not there, KR_ERR_TYPE for a text that is
 * asked for as a number or the other way round.
 */
enum kr_err kr_config_text(struct kr_config *config, const char *name,
			   const char **value) KR_MUST_CHECK;
enum kr_err kr_config_number(struct kr_config *config, const char *name,
			     int64_t *value) KR_MUST_CHECK;

/* Says in kr_config_why() what is wrong with an option, such as
 * "guard.path = /a b: must be ...", and returns KR_ERR_CONFIG. */
enum kr_err kr_config_refuse(struct kr_config *config, const char *format,
			     ...) KR_PRINTF(2, 3) KR_MUST_CHECK;

/* ---- the request ------------------------------------------------------ */

/* "GET", "HEAD", "POST", "PUT", "PATCH" or "DELETE". */
const char *kr_request_method(struct kr_context *c);

/* The path that was dispatched on, such as "/session/get": as the front server
 * gave it, which has decoded its percent-escapes as a rule. Bytes, not
 * necessarily UTF-8. */
const char *kr_request_path(struct kr_context *c);

/*
 * What the star of the route's path stood for, such as "2024/a.txt"; "" for a
 * route without one. It is part of the path above, so decoded; a path with a
 * segment "." or ".." there is answered 400 before the handler runs, empty
 * segments are passed on.
 */
const char *kr_request_rest(struct kr_context *c);

/* What kr_map_with() was given for the route, or NULL. */
void *kr_route_user(struct kr_context *c);

/* A FastCGI parameter, such as "SERVER_NAME" or "HTTP_USER_AGENT", or NULL. */
const char *kr_request_param(struct kr_context *c, const char *name);

/* A header of the request by its name, in any case, such as "Accept" or
 * "Content-Type" (RFC 3875 section 4.1.18); NULL without it. */
const char *kr_header_in(struct kr_context *c, const char *name);

/* The value of the client's first cookie of that name, or NULL. Always NULL
 * for the session's own. */
const char *kr_cookie_in(struct kr_context *c, const char *name);

/* The client's address as the front server says it (REMOTE_ADDR), or "". */
const char *kr_client_address(struct kr_context *c);

/*
 * The percent-decoded value of a parameter of the query string, or else of a
 * form in the body (application/x-www-form-urlencoded); the first if there are
 * several. UTF-8 without NUL. NULL if the request has no such parameter.
 */
const char *kr_input(struct kr_context *c, const char *name);

/* The i-th of several, counted from 0: first those of the query string, then
 * those of the form. NULL past the last. */
const char *kr_input_at(struct kr_context *c, const char *name, size_t i);

/* The body as it came: `size` bytes at `*bytes`, 0 without one. */
enum kr_err kr_body(struct kr_context *c, const void **bytes,
		    size_t *size) KR_MUST_CHECK;

/*
 * The body as JSON (RFC 8259), to be read with the functions below.
 * KR_ERR_MEDIA unless the request's Content-Type is application/json or ends
 * in "+json"; KR_ERR_INPUT for what is no JSON or not UTF-8, is nested deeper
 * than 32 levels, has more than 65,536 values, a name twice in one object, or
 * NUL in a name; KR_ERR_MEMORY.
 */
enum kr_err kr_body_json(struct kr_context *c,
			 const struct kr_json **json) KR_MUST_CHECK;

enum kr_json_kind {
	KR_JSON_NULL = 0,
	KR_JSON_BOOL = 1,
	KR_JSON_INT = 2,    /* a number that an int64_t holds */
	KR_JSON_DOUBLE = 3, /* any other number */
	KR_JSON_STRING = 4,
	KR_JSON_ARRAY = 5,
	KR_JSON_OBJECT = 6
};

/* What it is; KR_JSON_NULL for NULL too. */
enum kr_json_kind kr_json_kind(const struct kr_json *json);

/* How many items an array or members an object has; 0 for all else. */
size_t kr_json_count(const struct kr_json *json);

/* An array's item, counted from 0; NULL past the last, and for all else. */
const struct kr_json *kr_json_item(const struct kr_json *json, size_t i);

/* An object's member; NULL without it, and for all else. So members of members
 * can be asked for without looking first. */
const struct kr_json *kr_json_member(const struct kr_json *json,
				     const char *name);

/*
 * The value. KR_ERR_NOT_FOUND for NULL, that is a member or item that is not
 * there; KR_ERR_TYPE for one of another kind. A string with NUL in it is
 * KR_ERR_TYPE. A number with a fraction or an exponent is no int, but 1e400 is
 * KR_ERR_TYPE as a double too: none holds it. Ints are doubles too.
 */
enum kr_err kr_json_get_string(const struct kr_json *json,
			       const char **value) KR_MUST_CHECK;
enum kr_err kr_json_get_int(const struct kr_json *json,
			    int64_t *value) KR_MUST_CHECK;
enum kr_err kr_json_get_double(const struct kr_json *json,
			       double *value) KR_MUST_CHECK;
enum kr_err kr_json_get_bool(const struct kr_json *json,
			     bool *value) KR_MUST_CHECK;

/* ---- the response ----------------------------------------------------- */

/*
 * Each of these answers; a later one replaces an earlier one. `status` is 200
 * to 599, else KR_ERR_ARGUMENT; so is NULL for a text. KR_ERR_MEMORY. 204 and
 * 304 are sent without content (RFC 9110 sections 15.3.5 and 15.4.5).
 */

/* With `size` bytes of that media type, such as "image/png". Both are
 * copied. KR_ERR_ARGUMENT for a type without "/" or with control characters. */
enum kr_err kr_send(struct kr_context *c, int status, const char *type,
		    const void *bytes, size_t size) KR_MUST_CHECK;

/* With text/plain, with text/html, both of charset=utf-8. Nothing is escaped.
 */
enum kr_err kr_text(struct kr_context *c, int status,
		    const char *text) KR_MUST_CHECK;
enum kr_err kr_html(struct kr_context *c, int status,
		    const char *html) KR_MUST_CHECK;

/* Without content. */
enum kr_err kr_status(struct kr_context *c, int status) KR_MUST_CHECK;

/*
 * Sends the client elsewhere, with 301, 302, 303, 307 or 308 (303 after a
 * form). `location` is a path of this site, which begins with one "/", or a
 * URL of an origin that kr_allow_redirect() named; printable ASCII without
 * space or "\". KR_ERR_ARGUMENT for all else, so that a location that came from
 * the client cannot lead to another site, and nothing is answered then.
 */
enum kr_err kr_redirect(struct kr_context *c, int status,
			const char *location) KR_MUST_CHECK;

/* Adds a header. KR_ERR_ARGUMENT if the name is no token, the value has a
 * control character, or it is Status, Content-Type or Content-Length. */
enum kr_err kr_header(struct kr_context *c, const char *name,
		      const char *value) KR_MUST_CHECK;

/*
 * Sets a cookie with the attributes of section [cookie] (RFC 6265 section 4.1).
 * `max_age` is in seconds; 0: until the browser ends; negative: the browser is
 * to forget it. KR_ERR_ARGUMENT if the name is no token, the value has a
 * character that a cookie must not have (control, space, '"', ',', ';', '\' or
 * not ASCII), or a name with __Host- or __Secure- does not go with the
 * attributes; KR_ERR_RESERVED for the session's own name.
 */
enum kr_err kr_cookie(struct kr_context *c, const char *name, const char *value,
		      int64_t max_age) KR_MUST_CHECK;

/*
 * JSON is built member by member, and sent by kr_json_end(). What is built is
 * an object; kr_json_array() with NULL before anything else makes it an array.
 * `key` is the member's name in an object, and NULL in an array. A name that is
 * there already is replaced. Errors wait for kr_json_end().
 */
void kr_json_string(struct kr_context *c, const char *key, const char *value);
void kr_json_int(struct kr_context *c, const char *key, int64_t value);
void kr_json_double(struct kr_context *c, const char *key, double value);
void kr_json_bool(struct kr_context *c, const char *key, bool value);
void kr_json_null(struct kr_context *c, const char *key);

/* Text that is one JSON value already, within the limits of kr_body_json(). */
void kr_json_raw(struct kr_context *c, const char *key, const char *json);

/* Begin an object or an array within, up to 32 levels in all, and end the one
 * that was begun last. */
void kr_json_object(struct kr_context *c, const char *key);
void kr_json_array(struct kr_context *c, const char *key);
void kr_json_close(struct kr_context *c);

/*
 * Answers with what was built, {} if nothing was, and is done with it also if
 * that fails. KR_ERR_ARGUMENT if something was NULL or not UTF-8, a double not
 * finite, raw text no JSON, a key missing in an object or given in an array, or
 * what was begun within was not closed.
 */
enum kr_err kr_json_end(struct kr_context *c, int status) KR_MUST_CHECK;

/* Drops what was built so far and answers {"error":"<text>"}. */
enum kr_err kr_json_error(struct kr_context *c, int status,
			  const char *text) KR_MUST_CHECK;

/* ---- the log ---------------------------------------------------------- */

enum kr_log_level {
	KR_LOG_ERROR = 0,   /* something is broken and wants a person */
	KR_LOG_WARNING = 1, /* a request suffered, or will if this goes on */
	KR_LOG_INFO = 2,
	KR_LOG_DEBUG = 3
};

/*
 * One line on stderr, if log.level has it written, with the names of request
 * and session if `c` is not NULL. Control characters come out as '?', what is
 * longer than 1,700 bytes is cut off. Never give it a secret. Does not wait
 * for stderr while kr_app_main() serves.
 */
void kr_log(struct kr_context *c, enum kr_log_level level, const char *format,
	    ...) KR_PRINTF(3, 4);

/* ---- the session ------------------------------------------------------ */

/* The request's session, until the handler returns; NULL unless the route has
 * KR_SESSION. There may be none yet: the first value that is set begins it. */
struct kr_session *kr_session(struct kr_context *c);

/*
 * A key that is empty or begins with '@' is KR_ERR_RESERVED, and one of more
 * than session.max_key bytes KR_ERR_LIMIT, in getters too. A getter without
 * such a value is KR_ERR_NOT_FOUND. A setter begins a session if there is none;
 * past session.max_value, max_values or max_size it is KR_ERR_LIMIT and changes
 * nothing. KR_ERR_MEMORY; KR_ERR_SYSTEM if the system has no random bytes for a
 * new secret.
 *
 * What changes the session is KR_ERR_CROSS_SITE where the cross-site rule
 * forbids it, and nothing is stored before the handler has succeeded.
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

/*
 * Reads a value as text and removes it: a message for the next page. Errors as
 * for _get_string, and then it stays. Two requests at the same time may both
 * get it, unless their routes have KR_ATOMIC.
 */
enum kr_err kr_session_take(struct kr_session *session, const char *key,
			    const char **value) KR_MUST_CHECK;

/*
 * Calls `each` for every value, in no order, and stops at the first error,
 * which it returns. While it does, what changes the session is
 * KR_ERR_ARGUMENT.
 */
typedef enum kr_err kr_session_each_fn(void *arg, const char *key,
				       const void *value, size_t size);
enum kr_err kr_session_each(struct kr_session *session,
			    kr_session_each_fn *each, void *arg) KR_MUST_CHECK;

/* Takes all values away and keeps the session, its login and its timeout. */
enum kr_err kr_session_clear(struct kr_session *session) KR_MUST_CHECK;

/*
 * Gives the session a new secret, in place: the values stay, the old cookie
 * opens nothing any more. For every change of what a user may do, login
 * first (OWASP: session fixation).
 */
enum kr_err kr_session_renew(struct kr_session *session) KR_MUST_CHECK;

/*
 * Ends the session in the store and expires the cookie. A setter after it
 * begins a new session, with a name and a cookie of its own, and then both are
 * stored before the answer goes out; if that fails the answer is 503, and the
 * old one may have ended. It ends whatever another request has written
 * meanwhile, KR_ATOMIC or not: to keep values, renew.
 */
enum kr_err kr_session_destroy(struct kr_session *session) KR_MUST_CHECK;

/*
 * The session's public name, 22 characters, safe to log: it opens nothing.
 * NULL if the request has no session.
 */
const char *kr_session_id(struct kr_session *session);

/* Whether there is none yet, or this request begins it. */
bool kr_session_is_new(struct kr_session *session);

/* Seconds since the session began; 0 for a new one or none. */
int64_t kr_session_age(struct kr_session *session);

/*
 * How long this session alone may go without a request, in place of
 * session.idle_timeout: 1 to 31,536,000 seconds; 0: back to that. Begins a
 * session if there is none. KR_ERR_ARGUMENT for another number.
 *
 * This is "remember me": the cookie is sent, again if need be, with a Max-Age,
 * and so outlives the browser. That is as long as the session can last at all,
 * what session.absolute_timeout leaves of it (or 400 days, the most that
 * browsers keep, if that is 0): the store ends it when it is idle, and the
 * cookie need not be sent with each request. session.absolute_timeout has to
 * be at least as long as users are to be remembered.
 */
enum kr_err kr_session_set_idle_timeout(struct kr_session *session,
					int64_t seconds) KR_MUST_CHECK;

/*
 * A user has proven who it is: keeps its name and the time, and gives the
 * session a new secret. `user` is 1 to 256 bytes of UTF-8 without control
 * characters, else KR_ERR_INPUT. Values stay: destroy first if they are
 * another user's. Of two logins of one session at once one wins; the other
 * begins a session of its own.
 */
enum kr_err kr_session_login(struct kr_session *session,
			     const char *user) KR_MUST_CHECK;

/* The counterpart: ends the session, as kr_session_destroy(). */
enum kr_err kr_session_logout(struct kr_session *session) KR_MUST_CHECK;

/* Who has logged in; NULL: nobody. */
const char *kr_session_user(struct kr_session *session);

/* Seconds since the login; -1 without one. */
int64_t kr_session_login_age(struct kr_session *session);

/* Whether a user has logged in at most `within` seconds ago; 0: however long
 * ago. For what wants a fresh proof, such as a new password. */
bool kr_session_is_authenticated(struct kr_session *session, int64_t within);

/*
 * How the session is to be told from the user's others in a list, such as
 * "Firefox on Linux": 0 to 256 bytes of UTF-8 without control characters,
 * else KR_ERR_INPUT. Begins a session if there is none.
 */
enum kr_err kr_session_set_label(struct kr_session *session,
				 const char *label) KR_MUST_CHECK;

/* ---- the sessions of a user ------------------------------------------- */

/*
 * Those that kr_session_login() gave a user, from its commit on. Each function
 * asks the store and blocks, for session.io_timeout at most, kr_user_sessions()
 * for twice that; so a handler that calls them has KR_BLOCKING. KR_ERR_INPUT
 * for a name that kr_session_login() would not take; KR_ERR_ARGUMENT in another
 * process than the store's; KR_ERR_UNAVAILABLE, KR_ERR_TIMEOUT, KR_ERR_DENIED,
 * KR_ERR_PROTOCOL, KR_ERR_FULL, KR_ERR_MEMORY, KR_ERR_SYSTEM. After an error
 * some sessions may have ended.
 *
 * Ended means ended: once a function has returned KR_OK, no request that begins
 * after it, on any process, finds the session. The request's own session is
 * ended by kr_session_logout(), which has the cookie expire, too.
 *
 * session.max_per_user limits how many a user has: a login past it ends those
 * that would end first, or with session.max_per_user_rule = refuse the commit
 * is KR_ERR_SESSIONS.
 */

/* The store of the app, for the functions below, until the handler returns; not
 * to be closed. NULL unless the route has KR_BLOCKING. */
struct kr_store *kr_context_store(struct kr_context *c);

/* One of them; texts are lent until the function returns. Times are seconds
 * since the epoch. */
struct kr_user_session {
	const char *id;    /* as kr_session_id() */
	const char *label; /* "" without one */
	int64_t created;   /* when the session began */
	int64_t login;     /* when the user logged in */
	int64_t seen;      /* the last request, late by a sixteenth of the
			    * idle timeout at most */
	int64_t ends;      /* when it ends if there is no further request, by
			    * this program's options */
};

/* Calls `each` for every session of the user, in no order, and stops at the
 * first error, which it returns. One that begins or ends meanwhile may be among
 * them or not. `each` must not call the store. */
typedef enum kr_err kr_user_sessions_fn(void *arg,
					const struct kr_user_session *session);
enum kr_err kr_user_sessions(struct kr_store *store, const char *user,
			     kr_user_sessions_fn *each,
			     void *arg) KR_MUST_CHECK;

/* Ends one session, if it is the user's; KR_ERR_NOT_FOUND else. */
enum kr_err kr_user_end(struct kr_store *store, const char *user,
			const char *id) KR_MUST_CHECK;

/* Ends all but that one, which need not exist; `*ended` is how many there were,
 * or less if the store's connection broke and it was asked once more. */
enum kr_err kr_user_end_others(struct kr_store *store, const char *user,
			       const char *id, int64_t *ended) KR_MUST_CHECK;

/* Ends all. */
enum kr_err kr_user_end_all(struct kr_store *store, const char *user,
			    int64_t *ended) KR_MUST_CHECK;

/*
 * Adds to a counter in the store that all processes share, for limits on what
 * somebody tries: `*value` is what it is then. It ends `seconds`, 1 to
 * 31,536,000, after the first addition. `add` 0 to 1,000,000; 0 only looks.
 * `name` is 1 to 128 bytes of UTF-8 without control characters. Blocks as the
 * functions above. KR_ERR_ARGUMENT for another name or number.
 */
enum kr_err kr_counter_add(struct kr_store *store, const char *name,
			   int64_t add, int64_t seconds,
			   int64_t *value) KR_MUST_CHECK;

/* ---- the session layer alone ------------------------------------------ */

/*
 * For programs that have no app: with a loop of their own or none, or inside
 * another server. The functions of the session above are used on what
 * kr_session_open() gives:
 *
 *     const char *cookies[] = {getenv("HTTP_COOKIE"), NULL};
 *     struct kr_session *session = NULL;
 *     const char *cookie = "";
 *
 *     err = kr_session_open(store, cookies, 0, &session);
 *     if (!err)
 *             err = kr_session_set_string(session, "color", "purple");
 *     if (!err)
 *             err = kr_session_commit(session);
 *     if (!err)
 *             err = kr_session_cookie(session, https, &cookie);
 *     ... answer, with "Set-Cookie: <cookie>" unless that is empty ...
 *     kr_session_close(&session);
 *
 * Answer after the commit, as only then is it known what is stored. Answers
 * that depend on a session want "Cache-Control: no-store" and "Vary: Cookie".
 * The cross-site rule (enum kr_route_flag) is the program's to keep here.
 *
 * Threads. A store may be used by any number of threads at once, a session by
 * one at a time. n threads at once have at most n connections, which are kept.
 *
 * Processes. A store belongs to the process that opened it: a program that
 * forks (spawn-fcgi -F, workers) opens it in each process, after fork(). In
 * another process to open, commit or reload a session of it, to attach a loop
 * and to ask for a cookie is KR_ERR_ARGUMENT, and closing gives back as little
 * as does not disturb the parent.
 *
 * Signals. The calls that block keep SIGPIPE from their thread. Who uses a link
 * ignores it, as libuv's users do. Log lines go to stderr.
 */

/*
 * Opens the store that the options name; sections [log], [store], [session],
 * [cookie] and [redis] count. They are copied: the configuration may be closed.
 * Connects when a session asks for it; with redis.abort_on_connect_fail at
 * once, and then KR_ERR_UNAVAILABLE and what a load may give are errors too.
 * KR_ERR_CONFIG if options do not fit together, KR_ERR_MEMORY;
 * kr_config_why() tells more. Sets the level and format of the process' log.
 * A store in memory has the sessions of this process alone.
 */
enum kr_err kr_store_open(struct kr_config *config,
			  struct kr_store **store) KR_MUST_CHECK;

/* Closes it and sets *store to NULL, which it may be. All sessions have been
 * closed, all links detached and their loops have run out. */
void kr_store_close(struct kr_store **store);

/*
 * Opens the session that the client's cookies name. `cookies` are the texts of
 * its Cookie headers, and NULL behind the last; NULL: none were sent. Texts
 * count that are in front of the first NULL. KR_OK also without a session: the
 * first value that is set begins one. A session that is due is prolonged.
 * `flags` is KR_ATOMIC or 0.
 *
 * Blocks for session.io_timeout at most, and once more as long if the session
 * turns out to be due or too old; not at all without such a cookie.
 * KR_ERR_ARGUMENT for other flags; KR_ERR_UNAVAILABLE (at once while the store
 * is known to be away), KR_ERR_TIMEOUT, KR_ERR_DENIED, KR_ERR_PROTOCOL,
 * KR_ERR_MEMORY, KR_ERR_SYSTEM.
 */
enum kr_err kr_session_open(struct kr_store *store, const char *const *cookies,
			    unsigned flags,
			    struct kr_session **session) KR_MUST_CHECK;

/*
 * Stores what has been changed since the session was opened, or committed, or
 * reloaded; blocks for session.io_timeout at most, and not at all if there is
 * nothing to store. It may be changed and committed again after that.
 *
 * Errors of _open, and KR_ERR_FULL; KR_ERR_GONE: the session ended meanwhile,
 * nothing is stored. KR_ERR_CONFLICT, with KR_ATOMIC alone: another changed the
 * session first, nothing is stored. KR_ERR_RENEWED: another gave it a new
 * secret, or had done so when it was opened; this client is nobody, nothing is
 * stored. With the others it is not known whether it is stored.
 *
 * After an error every change and commit is that error, until _reload.
 */
enum kr_err kr_session_commit(struct kr_session *session) KR_MUST_CHECK;

/*
 * Drops the changes and loads the session anew, to do it once more after
 * KR_ERR_CONFLICT. What it lent ends. Blocks as _open, with its errors;
 * KR_ERR_GONE if the session has ended since: then it is to be opened again.
 * After KR_ERR_RENEWED there is no session, and a login begins a new one.
 */
enum kr_err kr_session_reload(struct kr_session *session) KR_MUST_CHECK;

/*
 * The value of the Set-Cookie header that the client is to get after what has
 * been committed; "" for none. `https` tells how it came, for cookie.secure =
 * same_as_request. It holds the secret: it belongs into no log. Lent until
 * the next commit, reload or close.
 */
enum kr_err kr_session_cookie(struct kr_session *session, bool https,
			      const char **text) KR_MUST_CHECK;

/* Closes it, wipes its secret and sets *session to NULL, which it may be. What
 * was not committed is dropped. Nothing happens to a handler's session. */
void kr_session_close(struct kr_session **session);

/*
 * The same without blocking, on a libuv loop of the program's (uv_loop_t is
 * struct uv_loop_s). All of it on the loop's thread. Each call that begins
 * something calls `done` once, from the loop, never before it has returned; if
 * it returns an error it does not. What is begun in one turn of the loop goes
 * out in one write. Until `done` the session is not to be used: what changes it
 * or begins something more is KR_ERR_ARGUMENT. It may be closed, and `done` is
 * not called then.
 */

struct uv_loop_s;

/* A loop's way to the store, with connections of its own, which may keep the
 * loop alive until it is detached. KR_ERR_MEMORY, KR_ERR_SYSTEM. */
enum kr_err kr_store_attach(struct kr_store *store, struct uv_loop_s *loop,
			    struct kr_link **link) KR_MUST_CHECK;

/* Ends it and sets *link to NULL, which it may be. What is under way is
 * KR_ERR_UNAVAILABLE. The loop has to run until nothing is alive in it before
 * it is closed, or the store. */
void kr_store_detach(struct kr_link **link);

typedef void kr_session_done(void *arg, enum kr_err err,
			     struct kr_session *session);

/* As those without "_on", whose errors `done` gets. KR_ERR_ARGUMENT and
 * KR_ERR_MEMORY are returned. `done` of _open_on gets the session, or NULL
 * with an error. */
enum kr_err kr_session_open_on(struct kr_link *link, const char *const *cookies,
			       unsigned flags, kr_session_done *done,
			       void *arg) KR_MUST_CHECK;
enum kr_err kr_session_commit_on(struct kr_session *session,
				 kr_session_done *done,
				 void *arg) KR_MUST_CHECK;
enum kr_err kr_session_reload_on(struct kr_session *session,
				 kr_session_done *done,
				 void *arg) KR_MUST_CHECK;

/* ---- testing handlers ------------------------------------------------- */

/*
 * A browser for tests: its requests go through all that a served one goes
 * through, on a store in memory, without a socket, a front server or Redis.
 *
 *     err = kr_test_open(app, &browser);
 *     if (!err)
 *             err = kr_test_request(browser, "GET", "/session/counter");
 *     ... kr_test_status(browser) is 200 ...
 *     kr_test_close(&browser);
 *
 * Several of one app are several browsers of one site: each has its cookies,
 * the sessions are in one store, until kr_app_close(). KR_BLOCKING handlers
 * run on the caller's thread like all others. A browser is used by one thread
 * at a time; several may be used at once.
 */

/*
 * Opens a browser. Routes have been mapped and options set: the app's
 * configuration, whose store.kind and session.cache do not matter, is checked.
 * KR_ERR_CONFIG (kr_config_why() of it tells why), KR_ERR_MEMORY,
 * KR_ERR_SYSTEM. By one thread at a time, and not while kr_app_main() runs.
 */
enum kr_err kr_test_open(struct kr_app *app,
			 struct kr_test **test) KR_MUST_CHECK;

/* Closes it and sets *test to NULL, which it may be; before the app. */
void kr_test_close(struct kr_test **test);

/* A header of the next request alone, such as "Sec-Fetch-Site". A cookie that
 * is added so is sent in front of those that the browser has. KR_ERR_ARGUMENT
 * if the name is no token or the value has a control character. */
enum kr_err kr_test_header(struct kr_test *test, const char *name,
			   const char *value) KR_MUST_CHECK;

/* The body of the next request alone; both are copied. `type` becomes its
 * Content-Type, unless NULL. */
enum kr_err kr_test_body(struct kr_test *test, const char *type,
			 const void *bytes, size_t size) KR_MUST_CHECK;

/*
 * Sends a request, as over HTTPS, and waits for its answer. `target` is a path
 * with percent-escapes and, after "?", a query string. KR_OK whatever the
 * answer's status is; KR_ERR_ARGUMENT for a target without "/" in front or with
 * a bad escape; KR_ERR_MEMORY. The browser keeps the cookies that it gets, by
 * name and path, until they expire.
 */
enum kr_err kr_test_request(struct kr_test *test, const char *method,
			    const char *target) KR_MUST_CHECK;

/* Of the last answer, lent until the next request: its status, 0 if there is
 * none; the value of a header, the first of that name in any case, or NULL; its
 * content, with a NUL behind `size` bytes, which may be NULL. */
int kr_test_status(struct kr_test *test);
const char *kr_test_header_out(struct kr_test *test, const char *name);
const char *kr_test_answer(struct kr_test *test, size_t *size);

#ifdef __cplusplus
}
#endif

#endif
