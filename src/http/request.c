/*
 * The request: sorts the CGI parameters that we act on out of those that the
 * front server sends, and decodes query and form. Must not know sockets,
 * routes or sessions; it allocates from the exchange's arena alone.
 */
#include "http/request.h"

#include "base/encoding.h"

#define ID_MAX 64 /* characters of a REQUEST_ID that we repeat in the log */

/* The parameters that we act on. */
enum known {
	HTTPS,
	FCGI_ROLE,
	PATH_INFO,
	REQUEST_ID,
	SCRIPT_NAME,
	HTTP_COOKIE,
	CONTENT_TYPE,
	DOCUMENT_URI,
	QUERY_STRING,
	CONTENT_LENGTH,
	REQUEST_METHOD,
	HTTP_TRACEPARENT,
	SEC_FETCH_SITE,
	KNOWN_N
};

/* By enum known, which is by length: the search can stop early. */
static const struct kri_text known_names[KNOWN_N] = {
	[HTTPS] = KRI_TEXT("HTTPS"),
	[FCGI_ROLE] = KRI_TEXT("FCGI_ROLE"),
	[PATH_INFO] = KRI_TEXT("PATH_INFO"),
	[REQUEST_ID] = KRI_TEXT("REQUEST_ID"),
	[SCRIPT_NAME] = KRI_TEXT("SCRIPT_NAME"),
	[HTTP_COOKIE] = KRI_TEXT("HTTP_COOKIE"),
	[CONTENT_TYPE] = KRI_TEXT("CONTENT_TYPE"),
	[DOCUMENT_URI] = KRI_TEXT("DOCUMENT_URI"),
	[QUERY_STRING] = KRI_TEXT("QUERY_STRING"),
	[CONTENT_LENGTH] = KRI_TEXT("CONTENT_LENGTH"),
	[REQUEST_METHOD] = KRI_TEXT("REQUEST_METHOD"),
	[HTTP_TRACEPARENT] = KRI_TEXT("HTTP_TRACEPARENT"),
	[SEC_FETCH_SITE] = KRI_TEXT("HTTP_SEC_FETCH_SITE"),
};

/* Which one it is, or KNOWN_N. */
static size_t known_of(const char *name, size_t len)
{
	size_t i = 0;

	while (i < KNOWN_N && known_names[i].len < len)
		i++;
	for (; i < KNOWN_N && known_names[i].len == len; i++)
		if (!memcmp(known_names[i].data, name, len))
			return i;
	return KNOWN_N;
}

static void add_cookie_header(struct kri_request *request, const char *value)
{
	if (request->cookie_headers < KRI_REQUEST_COOKIE_HEADERS)
		request->cookies[request->cookie_headers++] =
			kri_text_of(value);
}

/* The one pass: leaves in `values` what came, and NULL for what did not. */
static void collect(struct kri_request *request, const char **values)
{
	char **param;

	for (param = request->params; *param; param++) {
		const char *equals = strchr(*param, '=');
		size_t which;

		if (!equals)
			continue;
		which = known_of(*param, (size_t)(equals - *param));
		if (which == HTTP_COOKIE)
			add_cookie_header(request, equals + 1);
		else if (which < KNOWN_N && !values[which])
			values[which] = equals + 1;
	}
}

static bool is(const char *value, const char *wanted)
{
	return value && !strcmp(value, wanted);
}

static enum kri_request_method method_of(const char *name)
{
	static const char *const names[KRI_METHOD_OTHER] = {
		[KRI_METHOD_GET] = "GET",     [KRI_METHOD_HEAD] = "HEAD",
		[KRI_METHOD_POST] = "POST",   [KRI_METHOD_PUT] = "PUT",
		[KRI_METHOD_PATCH] = "PATCH", [KRI_METHOD_DELETE] = "DELETE",
	};
	enum kri_request_method method = KRI_METHOD_GET;

	while (method < KRI_METHOD_OTHER && !is(name, names[method]))
		method++;
	return method;
}

/* nginx sends no PATH_INFO unless told to, or sends it empty. */
static const char *path_of(const char *const *values)
{
	static const enum known order[] = {PATH_INFO, DOCUMENT_URI,
					   SCRIPT_NAME};
	size_t i;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (values[order[i]] && *values[order[i]])
			return values[order[i]];
	return "/";
}

/* A front server may pass on what a client made up: keep it out of the log
 * unless it is harmless there. */
static const char *id_of(const char *id)
{
	static const char harmless[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789_.:@-";
	size_t len = id ? strspn(id, harmless) : 0;

	return len >= 1 && len <= ID_MAX && !id[len] ? id : NULL;
}

/* Whether `len` lower-case hexadecimal digits stand there and not all of them
 * are 0. */
static bool is_trace_id(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") == len &&
	       strspn(text, "0") < len;
}

/*
 * W3C Trace Context, section 3.2: version "-" 32 digits "-" 16 digits "-" 2
 * digits. Version ff is none; of one that we do not know the beginning is the
 * same, and a dash follows it or nothing. What is not so is as if it had not
 * come.
 */
static const char *trace_of(const char *text)
{
	static const char digits[] = "0123456789abcdef";

	if (strspn(text, digits) != 2 || text[2] != '-' ||
	    !memcmp(text, "ff", 2) || !is_trace_id(text + 3, 32) ||
	    text[35] != '-' || !is_trace_id(text + 36, 16) || text[52] != '-' ||
	    strspn(text + 53, digits) != 2)
		return NULL;
	if (text[55] && (text[55] != '-' || !memcmp(text, "00", 2)))
		return NULL;
	return text;
}

/* RFC 3875 section 4.1.2: unset or empty if there is no body. */
static int64_t length_of(const char *value)
{
	int64_t length;

	if (!value || !*value)
		return KRI_LENGTH_UNSAID;
	if (kri_text_to_int(kri_text_of(value), 0, INT64_MAX, &length))
		return KRI_LENGTH_BAD;
	return length;
}

void kri_request_read(struct kri_request *request, char **params)
{
	const char *values[KNOWN_N] = {NULL};

	*request = (struct kri_request){.params = params};
	collect(request, values);
	request->method = method_of(values[REQUEST_METHOD]);
	request->method_name =
		values[REQUEST_METHOD] ? values[REQUEST_METHOD] : "";
	request->path = path_of(values);
	request->id = id_of(values[REQUEST_ID]);
	if (values[HTTP_TRACEPARENT])
		request->trace = trace_of(values[HTTP_TRACEPARENT]);
	request->query = kri_text_of(values[QUERY_STRING]);
	request->content_type = kri_text_of(values[CONTENT_TYPE]);
	request->content_length = length_of(values[CONTENT_LENGTH]);
	/* libfcgi puts it in front of what the front server sends. */
	request->authorizer = is(values[FCGI_ROLE], "AUTHORIZER");
	request->https = is(values[HTTPS], "on") || is(values[HTTPS], "1");
	request->cross_site = is(values[SEC_FETCH_SITE], "cross-site");
}

/* Parameters, such as a charset, follow a ';' and change nothing. */
static struct kri_text media_type(const struct kri_request *request)
{
	struct kri_text type = request->content_type;

	return kri_text_trim(kri_text_cut(&type, ';'));
}

bool kri_request_is_form(const struct kri_request *request)
{
	return kri_text_equal_nocase(
		media_type(request),
		KRI_TEXT("application/x-www-form-urlencoded"));
}

bool kri_request_is_json(const struct kri_request *request)
{
	struct kri_text type = media_type(request);
	struct kri_text suffix = KRI_TEXT("+json");

	if (kri_text_equal_nocase(type, KRI_TEXT("application/json")))
		return true;
	return type.len > suffix.len &&
	       kri_text_equal_nocase(
		       kri_text(type.data + type.len - suffix.len, suffix.len),
		       suffix);
}

static size_t count_fields(struct kri_text form)
{
	size_t n = 0;

	while (form.data)
		n += kri_text_cut(&form, '&').len > 0;
	return n;
}

/*
 * Decodes one side of a field to *out, ends it with a NUL and moves *out past
 * that. *why comes in with the text for a bad escape, and changes for others.
 */
static enum kr_err decode_side(struct kri_text side, char **out,
			       const char **why)
{
	size_t len = 0;

	if (kri_percent_decode(side, true, *out, &len))
		return KR_ERR_INPUT;
	if (memchr(*out, '\0', len)) {
		*why = "NUL in a parameter";
		return KR_ERR_INPUT;
	}
	if (!kri_text_is_utf8(kri_text(*out, len))) {
		*why = "A parameter is not UTF-8";
		return KR_ERR_INPUT;
	}
	(*out)[len] = '\0';
	*out += len + 1;
	return KR_OK;
}

static enum kr_err decode_field(struct kri_text piece, struct kri_arena *arena,
				struct kri_request_field *field,
				const char **why)
{
	/* Decoding never lengthens; each side ends with a NUL. */
	char *out = kri_arena_alloc(arena, piece.len + 2);
	struct kri_text name = kri_text_cut(&piece, '=');
	enum kr_err err;

	if (!out)
		return KR_ERR_MEMORY;
	field->name = out;
	err = decode_side(name, &out, why);
	if (err)
		return err;
	field->value = out;
	return decode_side(piece, &out, why);
}

static enum kr_err decode_form(struct kri_request *request,
			       struct kri_text form, struct kri_arena *arena,
			       const char **why)
{
	while (form.data) {
		struct kri_text piece = kri_text_cut(&form, '&');
		enum kr_err err;

		if (!piece.len)
			continue;
		err = decode_field(piece, arena,
				   &request->fields[request->fields_n], why);
		if (err)
			return err;
		request->fields_n++;
	}
	return KR_OK;
}

static enum kr_err decode_both(struct kri_request *request,
			       struct kri_text body, struct kri_arena *arena,
			       const char **why)
{
	const char *reason = "Bad percent-escape in query";
	enum kr_err err = decode_form(request, request->query, arena, &reason);

	if (!err) {
		reason = "Bad percent-escape in form";
		err = decode_form(request, body, arena, &reason);
	}
	if (err)
		request->fields_n = 0;
	if (err == KR_ERR_INPUT)
		*why = reason;
	return err;
}

enum kr_err kri_request_decode(struct kri_request *request,
			       struct kri_text body, struct kri_arena *arena,
			       const char **why)
{
	size_t n = count_fields(request->query) + count_fields(body);

	request->fields = NULL;
	request->fields_n = 0;
	if (n > KRI_REQUEST_FIELDS) {
		*why = "More than 64 parameters";
		return KR_ERR_INPUT;
	}
	if (!n)
		return KR_OK;
	request->fields = kri_arena_alloc(arena, n * sizeof(*request->fields));
	if (!request->fields)
		return KR_ERR_MEMORY;
	return decode_both(request, body, arena, why);
}

const char *kri_request_field(const struct kri_request *request,
			      const char *name, size_t nth)
{
	for (size_t i = 0; i < request->fields_n; i++)
		if (!strcmp(request->fields[i].name, name) && nth-- == 0)
			return request->fields[i].value;
	return NULL;
}

const char *kri_request_param(const struct kri_request *request,
			      const char *name)
{
	size_t len = strlen(name);
	char **param;

	for (param = request->params; *param; param++)
		if (!strncmp(*param, name, len) && (*param)[len] == '=')
			return *param + len + 1;
	return NULL;
}

/* The character of a parameter's name that stands for one of a header's. */
static char in_param(char c)
{
	if (c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	return c == '-' ? '_' : c;
}

/* Whether `param` is called `prefix` and then as the header. */
static bool is_header(const char *param, const char *prefix,
		      struct kri_text name)
{
	size_t skip = strlen(prefix);
	size_t i = 0;

	if (strncmp(param, prefix, skip) != 0)
		return false;
	param += skip;
	while (i < name.len && param[i] == in_param(name.data[i]))
		i++;
	return i == name.len && param[i] == '=';
}

const char *kri_request_header(const struct kri_request *request,
			       struct kri_text name)
{
	bool bare = kri_text_equal_nocase(name, KRI_TEXT("Content-Type")) ||
		    kri_text_equal_nocase(name, KRI_TEXT("Content-Length"));
	char **param;

	/* Front servers drop a header whose name has '_', or it would pass for
	 * the one with '-'; so do we. */
	if (!kri_text_is_token(name) || memchr(name.data, '_', name.len))
		return NULL;
	for (param = request->params; *param; param++)
		if (is_header(*param, bare ? "" : "HTTP_", name))
			return strchr(*param, '=') + 1;
	return NULL;
}
