/*
 * The router: which handler answers a method on a path.
 */
#ifndef KRI_HTTP_ROUTER_H
#define KRI_HTTP_ROUTER_H

#include "http/request.h"

struct kri_route {
	char *path;
	unsigned methods; /* enum kr_method, or-ed */
	unsigned flags;   /* enum kr_route_flag, or-ed */
	kr_handler *handler;
};

struct kri_router {
	struct kri_route *routes; /* sorted by path */
	size_t n;
};

/*
 * Copies the path. KR_ERR_ARGUMENT for a path that is not absolute, no
 * method, no handler, KR_ATOMIC without KR_SESSION, an unknown bit, or a
 * method already mapped on that path. KR_ERR_MEMORY.
 */
enum kr_err kri_router_add(struct kri_router *router,
			   const struct kri_route *route) KR_MUST_CHECK;

/*
 * Finds the route. KR_ERR_NOT_FOUND if no route has the path;
 * KR_ERR_ARGUMENT if one has, but not for this method: then *allow is the
 * union of the methods that it has.
 */
enum kr_err kri_router_find(const struct kri_router *router, const char *path,
			    enum kri_request_method method,
			    const struct kri_route **route,
			    unsigned *allow) KR_MUST_CHECK;

/* The value of an Allow header, such as "GET, HEAD, POST". */
const char *kri_router_allow(unsigned methods);

void kri_router_free(struct kri_router *router);

#endif
