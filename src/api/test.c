/*
 * The browser of krsession.h, for tests. Its requests go the way of all, from
 * the parameters that a front server would send to the bytes of the answer,
 * through stages of its own that nobody else is on.
 */
#include <stdlib.h>

#include "api/app.h"
#include "api/rehearsal.h"
#include "api/test_jar.h"
#include "base/encoding.h"
#include "base/uv.h"
#include "fcgi/stages.h"

#define PARAMS 12 /* beside the headers */

struct header {
	struct kri_text name, value;
	struct header *next;
};

struct kr_test {
	uv_loop_t loop;
	struct kri_stages stages;
	struct kri_jar jar;

	/* Of the next request: */
	struct kri_arena arena;
	struct header *headers, **last;
	size_t n;
	struct kri_text body;
	char **params;
	size_t params_n;
	const char *path;

	/* Of the last answer: */
	struct kri_buffer head, content;
	int status;
	enum kr_err err; /* it could not be kept */
};

/* ---- the answer ------------------------------------------------------- */

/* Its lines end with CRLF, and so does the last: no line is empty. */
static bool next_line(struct kri_text *head, struct kri_text *name,
		      struct kri_text *value)
{
	*value = kri_text_trim(kri_text_cut(head, '\n'));
	*name = kri_text_cut(value, ':');
	*value = kri_text_trim(*value);
	return name->len > 0;
}

static void read_head(struct kr_test *test)
{
	struct kri_text head = kri_buffer_text(&test->head), name, value;
	int64_t status = 0;

	while (!test->err && next_line(&head, &name, &value)) {
		if (kri_text_equal(name, KRI_TEXT("Set-Cookie")))
			test->err = kri_jar_take(&test->jar, value,
						 kri_text_of(test->path));
		if (kri_text_equal(name, KRI_TEXT("Status")) &&
		    !kri_text_to_int(kri_text_cut(&value, ' '), 0, 999,
				     &status))
			test->status = (int)status;
	}
}

static void keep_answer(void *arg, struct kr_context *c, struct kri_text answer)
{
	struct kr_test *test = arg;
	const char *end = memmem(answer.data, answer.len, "\r\n\r\n", 4);
	size_t len = end ? (size_t)(end - answer.data) + 2 : answer.len;

	(void)c;
	kri_buffer_append(&test->head, kri_text(answer.data, len));
	if (end)
		kri_buffer_append(&test->content,
				  kri_text(end + 4, answer.len - len - 2));
	if (test->head.failed || test->content.failed)
		test->err = KR_ERR_MEMORY;
	else
		read_head(test);
}

static void forget_answer(struct kr_test *test)
{
	kri_buffer_wipe(&test->head);
	kri_buffer_wipe(&test->content);
	test->status = 0;
	test->err = KR_OK;
}

/* ---- life ------------------------------------------------------------- */

static void forget_request(struct kr_test *test)
{
	kri_arena_reset(&test->arena);
	test->headers = NULL;
	test->last = &test->headers;
	test->n = 0;
	test->body = (struct kri_text){0};
}

static enum kr_err open_stages(struct kr_test *test,
			       const struct kri_rehearsal *rehearsal)
{
	enum kr_err err = kri_err_of_uv(uv_loop_init(&test->loop));

	if (err)
		return err;
	err = kri_stages_open(&test->stages, &rehearsal->site, rehearsal->store,
			      &test->loop);
	test->stages.alone = true;
	test->stages.send = keep_answer;
	test->stages.arg = test;
	return err;
}

static void close_stages(struct kr_test *test)
{
	if (!test->stages.loop)
		return;
	kri_stages_close(&test->stages);
	uv_run(&test->loop, UV_RUN_DEFAULT);
	uv_loop_close(&test->loop);
	kri_stages_free(&test->stages);
}

enum kr_err kr_test_open(struct kr_app *app, struct kr_test **test)
{
	struct kri_rehearsal *rehearsal = NULL;
	struct kr_test *made;
	enum kr_err err;

	if (!app || !test)
		return KR_ERR_ARGUMENT;
	kri_buffer_clear(&app->handle.why);
	err = kri_rehearsal_of(app, &rehearsal, &app->handle.why);
	if (err)
		return err;
	made = calloc(1, sizeof(*made));
	if (!made)
		return KR_ERR_MEMORY;
	kri_arena_init(&made->arena, 4096, SIZE_MAX);
	forget_request(made);
	err = open_stages(made, rehearsal);
	if (err)
		kr_test_close(&made);
	else
		*test = made;
	return err;
}

void kr_test_close(struct kr_test **test)
{
	struct kr_test *closed = test ? *test : NULL;

	if (!closed)
		return;
	*test = NULL;
	close_stages(closed);
	forget_answer(closed);
	kri_jar_free(&closed->jar);
	kri_arena_free(&closed->arena);
	kri_buffer_free(&closed->head);
	kri_buffer_free(&closed->content);
	free(closed);
}

/* ---- the next request ------------------------------------------------- */

enum kr_err kr_test_header(struct kr_test *test, const char *name,
			   const char *value)
{
	struct header *header;

	if (!test || !name || !value || !kri_text_is_token(kri_text_of(name)) ||
	    kri_text_has_control(kri_text_of(value)))
		return KR_ERR_ARGUMENT;
	header = kri_arena_alloc(&test->arena, sizeof(*header));
	if (!header)
		return KR_ERR_MEMORY;
	*header = (struct header){
		.name = kri_arena_dup(&test->arena, kri_text_of(name)),
		.value = kri_arena_dup(&test->arena, kri_text_of(value)),
	};
	if (!header->name.data || !header->value.data)
		return KR_ERR_MEMORY;
	*test->last = header;
	test->last = &header->next;
	test->n++;
	return KR_OK;
}

enum kr_err kr_test_body(struct kr_test *test, const char *type,
			 const void *bytes, size_t size)
{
	struct kri_text copy;

	if (!test || (!bytes && size))
		return KR_ERR_ARGUMENT;
	copy = kri_arena_dup(&test->arena, kri_text(bytes, size));
	if (!copy.data)
		return KR_ERR_MEMORY;
	test->body = copy;
	return type ? kr_test_header(test, "Content-Type", type) : KR_OK;
}

/* ---- parameters, as front servers send them --------------------------- */

static void add_param(struct kr_test *test, const char *name,
		      struct kri_text value)
{
	size_t len = strlen(name);
	char *param = kri_arena_alloc(&test->arena, len + value.len + 2);

	if (!param) {
		test->err = KR_ERR_MEMORY;
		return;
	}
	memcpy(param, name, len);
	param[len] = '=';
	if (value.len)
		memcpy(param + len + 1, value.data, value.len);
	param[len + 1 + value.len] = '\0';
	test->params[test->params_n++] = param;
}

/* RFC 3875 section 4.1.18; two headers have names of their own. */
static void add_header(struct kr_test *test, const struct header *header)
{
	bool own =
		kri_text_equal_nocase(header->name, KRI_TEXT("Content-Type")) ||
		kri_text_equal_nocase(header->name, KRI_TEXT("Content-Length"));
	char *name = kri_arena_alloc(&test->arena, header->name.len + 6);
	char *at = name;

	if (!name) {
		test->err = KR_ERR_MEMORY;
		return;
	}
	if (!own)
		at = stpcpy(at, "HTTP_");
	for (size_t i = 0; i < header->name.len; i++) {
		char c = header->name.data[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		*at++ = c == '-' ? '_' : c;
	}
	*at = '\0';
	add_param(test, name, header->value);
}

static void add_cookies(struct kr_test *test)
{
	struct kri_buffer cookies = KRI_BUFFER_EMPTY;

	kri_jar_print(&test->jar, kri_text_of(test->path), &cookies);
	if (cookies.failed)
		test->err = KR_ERR_MEMORY;
	else if (cookies.len)
		add_param(test, "HTTP_COOKIE", kri_buffer_text(&cookies));
	kri_buffer_wipe(&cookies);
	kri_buffer_free(&cookies);
}

/* Headers first: one that says how long the body is, is believed. */
static void add_params(struct kr_test *test, const char *method,
		       struct kri_text target, struct kri_text query)
{
	char room[KRI_INT_SIZE];

	for (const struct header *header = test->headers; header;
	     header = header->next)
		add_header(test, header);
	add_cookies(test);
	add_param(test, "REQUEST_METHOD", kri_text_of(method));
	add_param(test, "PATH_INFO", kri_text_of(test->path));
	add_param(test, "QUERY_STRING", query);
	add_param(test, "REQUEST_URI", target);
	add_param(test, "SERVER_PROTOCOL", KRI_TEXT("HTTP/1.1"));
	add_param(test, "SERVER_NAME", KRI_TEXT("localhost"));
	add_param(test, "SERVER_PORT", KRI_TEXT("443"));
	add_param(test, "REMOTE_ADDR", KRI_TEXT("127.0.0.1"));
	add_param(test, "HTTPS", KRI_TEXT("on"));
	if (test->body.data)
		add_param(test, "CONTENT_LENGTH",
			  kri_text_of_int((int64_t)test->body.len, room));
}

/* Decodes the path of the target, and leaves in `query` what follows it. */
static enum kr_err read_target(struct kr_test *test, struct kri_text target,
			       struct kri_text *query)
{
	struct kri_text escaped = kri_text_cut(&target, '?');
	char *path = kri_arena_alloc(&test->arena, escaped.len + 1);
	size_t len;

	if (!path)
		return KR_ERR_MEMORY;
	if (kri_percent_decode(escaped, false, path, &len) || !len ||
	    *path != '/' || memchr(path, '\0', len))
		return KR_ERR_ARGUMENT;
	path[len] = '\0';
	test->path = path;
	*query = target;
	return KR_OK;
}

/* ---- the request ------------------------------------------------------ */

static void fill_body(const struct kr_test *test, struct kr_context *c)
{
	size_t most = kri_body_most(test->stages.site, test->params);

	if (test->body.len > most) {
		c->body.err = KR_ERR_LIMIT;
		return;
	}
	c->body.err = KR_OK;
	kri_buffer_append(&c->body.bytes, test->body);
	if (c->body.bytes.failed)
		c->body.err = KR_ERR_MEMORY;
}

static enum kr_err run(struct kr_test *test)
{
	struct kr_context *c = kri_stages_take(&test->stages);

	if (!c)
		return KR_ERR_MEMORY;
	fill_body(test, c);
	kri_exchange_begin(c, test->params);
	kri_stages_add(&test->stages, c);
	for (;;) {
		kri_stages_turn(&test->stages);
		if (!test->stages.under_way)
			return test->err;
		uv_run(&test->loop, UV_RUN_ONCE);
	}
}

static enum kr_err send_request(struct kr_test *test, const char *method,
				struct kri_text target)
{
	struct kri_text query = {0};
	enum kr_err err = read_target(test, target, &query);

	if (err)
		return err;
	test->params_n = 0;
	test->params = kri_arena_alloc(
		&test->arena, (PARAMS + test->n) * sizeof(*test->params));
	if (!test->params)
		return KR_ERR_MEMORY;
	add_params(test, method, target, query);
	test->params[test->params_n] = NULL;
	return test->err ? test->err : run(test);
}

enum kr_err kr_test_request(struct kr_test *test, const char *method,
			    const char *target)
{
	enum kr_err err;

	if (!test || !method || !target ||
	    !kri_text_is_token(kri_text_of(method)) ||
	    kri_text_has_control(kri_text_of(target)))
		return KR_ERR_ARGUMENT;
	forget_answer(test);
	err = send_request(test, method, kri_text_of(target));
	forget_request(test);
	return err;
}

/* ---- what came -------------------------------------------------------- */

int kr_test_status(struct kr_test *test)
{
	return test ? test->status : 0;
}

/* The copy goes with what is gathered for the next request. */
const char *kr_test_header_out(struct kr_test *test, const char *wanted)
{
	struct kri_text head, name, value;

	if (!test || !wanted)
		return NULL;
	head = kri_buffer_text(&test->head);
	while (next_line(&head, &name, &value))
		if (kri_text_equal_nocase(name, kri_text_of(wanted)))
			return kri_arena_dup(&test->arena, value).data;
	return NULL;
}

const char *kr_test_answer(struct kr_test *test, size_t *size)
{
	if (!test)
		return NULL;
	if (size)
		*size = test->content.len;
	return test->content.len ? test->content.data : "";
}
