/*
 * The request's functions of krsession.h, without its body: check what a
 * caller can get wrong, then hand over.
 */
#include "fcgi/exchange.h"

const char *kr_request_method(struct kr_context *c)
{
	return c ? c->request.method_name : NULL;
}

const char *kr_request_path(struct kr_context *c)
{
	return c ? c->request.path : NULL;
}

const char *kr_request_rest(struct kr_context *c)
{
	return c ? c->rest : NULL;
}

void *kr_route_user(struct kr_context *c)
{
	return c && c->route ? c->route->user : NULL;
}

struct kr_store *kr_context_store(struct kr_context *c)
{
	return c && c->route && c->route->flags & KR_BLOCKING ? c->site->store
							      : NULL;
}

const char *kr_request_param(struct kr_context *c, const char *name)
{
	return c && name ? kri_request_param(&c->request, name) : NULL;
}

const char *kr_header_in(struct kr_context *c, const char *name)
{
	return c && name ? kri_request_header(&c->request, kri_text_of(name))
			 : NULL;
}

/* The session's own is not shown: it is in no handler's way to a log. */
const char *kr_cookie_in(struct kr_context *c, const char *name)
{
	struct kri_text wanted = kri_text_of(name);
	struct kri_text value;
	size_t n = 0;

	if (!c || !name || kri_text_equal(wanted, c->site->cookie.name))
		return NULL;
	for (size_t i = 0; i < c->request.cookie_headers && !n; i++)
		n = kri_cookie_find(c->request.cookies[i], wanted, &value, 0,
				    1);
	return n ? kri_arena_dup(&c->arena, value).data : NULL;
}

const char *kr_client_address(struct kr_context *c)
{
	const char *address = kr_request_param(c, "REMOTE_ADDR");

	return address || !c ? address : "";
}

const char *kr_input(struct kr_context *c, const char *name)
{
	return kr_input_at(c, name, 0);
}

const char *kr_input_at(struct kr_context *c, const char *name, size_t i)
{
	return c && name ? kri_request_field(&c->request, name, i) : NULL;
}
