/*
 * The request, as CGI parameters tell it (RFC 3875). Pure text: it is given
 * the parameters and the body, and reads nothing itself. All it holds is
 * borrowed from them or lives in the arena.
 */
#ifndef KRI_HTTP_REQUEST_H
#define KRI_HTTP_REQUEST_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/text.h"

#define KRI_REQUEST_COOKIE_HEADERS 4 /* HTTP_COOKIE parameters that count */
#define KRI_REQUEST_FIELDS 64        /* query and form parameters that count */
#define KRI_REQUEST_BODY_MAX 8192    /* bytes of a form */

#define KRI_LENGTH_UNSAID (-1) /* no CONTENT_LENGTH, or an empty one */
#define KRI_LENGTH_BAD (-2)    /* it is no number */

enum kri_request_method {
	KRI_METHOD_GET,
	KRI_METHOD_HEAD,
	KRI_METHOD_POST,
	KRI_METHOD_PUT,
	KRI_METHOD_PATCH,
	KRI_METHOD_DELETE,
	KRI_METHOD_OTHER /* or none: method_name is then "" */
};

struct kri_request_field {
	const char *name; /* both decoded and NUL-terminated */
	const char *value;
};

struct kri_request {
	char **params; /* "NAME=value", NULL-terminated, borrowed */
	enum kri_request_method method;
	const char *method_name;
	const char *path;  /* PATH_INFO, else DOCUMENT_URI, else SCRIPT_NAME */
	const char *id;    /* REQUEST_ID, or NULL */
	const char *trace; /* HTTP_TRACEPARENT, or NULL */
	struct kri_text query;
	struct kri_text cookies[KRI_REQUEST_COOKIE_HEADERS];
	size_t cookie_headers;
	struct kri_text content_type;
	int64_t content_length; /* bytes, or one of the two above */
	bool authorizer;        /* another's request, which is to be judged */
	bool https;             /* HTTPS is "on" or "1" */
	bool cross_site;        /* Sec-Fetch-Site: cross-site */
	struct kri_request_field *fields; /* after _decode, in its order */
	size_t fields_n;
};

/*
 * Fills the request from the parameters, in one pass over them. The id is
 * taken only if it is 1 to 64 characters of [A-Za-z0-9_.:-], the trace only if
 * it is what W3C Trace Context wants. Of a name that
 * occurs twice the first counts, as in kri_request_param(); only the cookie
 * headers add up.
 */
void kri_request_read(struct kri_request *request, char **params);

/* Whether the body is a form (application/x-www-form-urlencoded). */
bool kri_request_is_form(const struct kri_request *request);

/* Whether it is JSON: application/json, or a type that ends in "+json" (RFC
 * 6839 section 3.1). */
bool kri_request_is_json(const struct kri_request *request);

/*
 * Decodes the query string and, if it is not empty, the form in `body`.
 * KR_ERR_INPUT and one line in *why (a literal) for a bad escape, a NUL,
 * bytes that are not UTF-8, or too many parameters; there are no fields then.
 * KR_ERR_MEMORY. May be called again: a handler may run twice.
 */
enum kr_err kri_request_decode(struct kri_request *request,
			       struct kri_text body, struct kri_arena *arena,
			       const char **why) KR_MUST_CHECK;

/* The nth field of that name, counted from 0, or NULL. */
const char *kri_request_field(const struct kri_request *request,
			      const char *name, size_t nth);

/* A parameter by name, or NULL. */
const char *kri_request_param(const struct kri_request *request,
			      const char *name);

/* A header by its name in any case, or NULL (RFC 3875 section 4.1.18). */
const char *kri_request_header(const struct kri_request *request,
			       struct kri_text name);

#endif
