/*
 * The router: which handler answers a method on a path.
 */
#ifndef KRI_HTTP_ROUTER_H
#define KRI_HTTP_ROUTER_H

#include "http/request.h"

struct kri_route {
	char *path;       /* as it was mapped */
	size_t stem;      /* of a path that ends in "/" and a star: the bytes
			   * before the star; 0: it is compared whole */
	unsigned methods; /* enum kr_method, or-ed */
	unsigned flags;   /* enum kr_route_flag, or-ed */
	kr_handler *handler;
	void *user;    /* the program's, borrowed */
	size_t number; /* for counters: from KRI_ROUTE_FIRST on, as mapped */
};

struct kri_route_table {
	struct kri_route *routes; /* sorted by what is compared */
	size_t n;
};

struct kri_router {
	struct kri_route_table whole; /* compared to the end of the path */
	struct kri_route_table stems; /* to the beginning of it */
	size_t longest;               /* of the stems */
	size_t n;                     /* routes, all together */
};

/*
 * Copies the path; the stem is found out here. KR_ERR_ARGUMENT for a path that
 * is not absolute or has a star anywhere but behind its last "/", no method,
 * no handler, KR_ATOMIC without KR_SESSION, an unknown bit, or a method
 * already mapped on that path. KR_ERR_MEMORY.
 */
enum kr_err kri_router_add(struct kri_router *router,
			   const struct kri_route *route) KR_MUST_CHECK;

/*
 * Finds the route: a path that is mapped whole comes before stems, and of
 * those the longest. KR_ERR_NOT_FOUND if no route has the path;
 * KR_ERR_ARGUMENT if one has, but not for this method: then *allow is the
 * union of the methods that it has. Others are not looked for then.
 */
enum kr_err kri_router_find(const struct kri_router *router, const char *path,
			    enum kri_request_method method,
			    const struct kri_route **route,
			    unsigned *allow) KR_MUST_CHECK;

/* What a path that the route has been found for has behind the stem. */
const char *kri_route_rest(const struct kri_route *route, const char *path);

/* Whether a part of the path between slashes is "." or "..": who appends it to
 * the name of a folder would leave that. */
bool kri_path_climbs(const char *path);

#define KRI_ALLOW_SIZE sizeof("GET, HEAD, POST, PUT, PATCH, DELETE")

/* Writes the value of an Allow header, such as "GET, HEAD, POST". */
void kri_router_allow(unsigned methods, char out[KRI_ALLOW_SIZE]);

void kri_router_free(struct kri_router *router);

#endif
