/*
 * Runs the stages on a loop of its own until the one exchange is done: what
 * it takes to be a CGI program, and nothing of FastCGI.
 */
#include "fcgi/cgi.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/uv.h"
#include "fcgi/listener.h"
#include "fcgi/stages.h"

bool kri_cgi_is(void)
{
	return getenv("GATEWAY_INTERFACE") && !kri_listener_is(STDIN_FILENO);
}

/* CONTENT_LENGTH bytes, and no more (RFC 3875 section 4.2). KR_ERR_LIMIT if
 * they are more than `most`. */
static enum kr_err read_body(struct kri_buffer *body, size_t most)
{
	const char *text = getenv("CONTENT_LENGTH");
	int64_t length = 0;
	char bytes[4096];

	if (text && *text &&
	    kri_text_to_int(kri_text_of(text), 0, INT64_MAX, &length))
		return KR_ERR_PROTOCOL;
	if (length > (int64_t)most)
		return KR_ERR_LIMIT;
	while ((int64_t)body->len < length) {
		size_t want = (size_t)length - body->len;
		ssize_t n = read(STDIN_FILENO, bytes,
				 want < sizeof(bytes) ? want : sizeof(bytes));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return KR_ERR_PROTOCOL;
		kri_buffer_append(body, kri_text(bytes, (size_t)n));
		if (body->failed)
			return KR_ERR_MEMORY;
	}
	return KR_OK;
}

/* Leaves errno in `arg` if the answer could not be written. */
static void send_answer(void *arg, struct kr_context *c, struct kri_text answer)
{
	int *write_error = arg;

	(void)c;
	while (answer.len) {
		ssize_t n = write(STDOUT_FILENO, answer.data, answer.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			*write_error = errno;
			return;
		}
		answer = kri_text(answer.data + n, answer.len - (size_t)n);
	}
}

/* Each turn of the loop is followed by the stages, as in loop.c. */
static enum kr_err run(struct kri_stages *stages)
{
	struct kr_context *c = kri_stages_take(stages);
	size_t most;

	if (!c)
		return KR_ERR_MEMORY;
	most = kri_body_most(stages->site, environ);
	c->body.err = read_body(&c->body.bytes, most);
	kri_exchange_begin(c, environ);
	kri_stages_add(stages, c);
	for (;;) {
		kri_stages_turn(stages);
		if (!stages->under_way)
			return KR_OK;
		uv_run(stages->loop, UV_RUN_ONCE);
	}
}

enum kr_err kri_cgi_run(const struct kri_site *site, struct kri_store *store,
			struct kri_buffer *why)
{
	struct kri_stages stages;
	uv_loop_t loop;
	int write_error = 0;
	enum kr_err err = kri_store_check(store, why);

	if (err)
		return err;
	err = kri_err_of_uv(uv_loop_init(&loop));
	if (err)
		return err;
	err = kri_stages_open(&stages, site, store, &loop);
	stages.send = send_answer;
	stages.arg = &write_error;
	if (!err)
		err = run(&stages);
	kri_stages_close(&stages);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	kri_stages_free(&stages);
	if (err)
		kri_buffer_string(why, kr_strerror(err));
	if (err || !write_error)
		return err;
	kri_buffer_printf(why, "cannot write the answer: %s",
			  strerror(write_error));
	return KR_ERR_SYSTEM;
}
