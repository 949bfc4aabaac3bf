/*
 * The router: a sorted table of routes, filled at start-up and only read
 * afterwards, so any thread may search it. Owns the paths. Knows nothing of
 * what a route's flags make others do.
 */
#include "http/router.h"

#include <stdlib.h>

#define ALL_METHODS (KR_GET | KR_POST)
#define ALL_FLAGS (KR_SESSION | KR_ATOMIC | KR_BLOCKING)

/* The first route whose path is not below `path`: its place, if it has none. */
static size_t lower_bound(const struct kri_router *router, const char *path)
{
	size_t low = 0;
	size_t high = router->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(router->routes[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct kri_router *router, size_t i, const char *path)
{
	return i < router->n && !strcmp(router->routes[i].path, path);
}

/* The union of the methods that are mapped on `path`. */
static unsigned methods_of(const struct kri_router *router, const char *path)
{
	unsigned methods = 0;
	size_t i;

	for (i = lower_bound(router, path); is_at(router, i, path); i++)
		methods |= router->routes[i].methods;
	return methods;
}

static bool is_sound(const struct kri_route *route)
{
	if (!route->path || route->path[0] != '/' || !route->handler)
		return false;
	if (!route->methods || route->methods & ~(unsigned)ALL_METHODS)
		return false;
	if (route->flags & ~(unsigned)ALL_FLAGS)
		return false;
	return !(route->flags & KR_ATOMIC) || route->flags & KR_SESSION;
}

/* Takes the route's path. */
static enum kr_err insert(struct kri_router *router,
			  const struct kri_route *route)
{
	size_t at = lower_bound(router, route->path);
	struct kri_route *routes =
		reallocarray(router->routes, router->n + 1, sizeof(*routes));

	if (!routes)
		return KR_ERR_MEMORY;
	memmove(&routes[at + 1], &routes[at],
		(router->n - at) * sizeof(*routes));
	routes[at] = *route;
	router->routes = routes;
	router->n++;
	return KR_OK;
}

enum kr_err kri_router_add(struct kri_router *router,
			   const struct kri_route *route)
{
	struct kri_route copy = *route;
	enum kr_err err;

	if (!is_sound(route) ||
	    methods_of(router, route->path) & route->methods)
		return KR_ERR_ARGUMENT;
	copy.path = strdup(route->path);
	if (!copy.path)
		return KR_ERR_MEMORY;
	err = insert(router, &copy);
	if (err)
		free(copy.path);
	return err;
}

/* The bit of enum kr_method that answers it; 0: none does. */
static unsigned bit_of(enum kri_request_method method)
{
	switch (method) {
	case KRI_METHOD_GET:
	case KRI_METHOD_HEAD:
		return KR_GET;
	case KRI_METHOD_POST:
		return KR_POST;
	case KRI_METHOD_OTHER:
		break;
	}
	return 0;
}

enum kr_err kri_router_find(const struct kri_router *router, const char *path,
			    enum kri_request_method method,
			    const struct kri_route **route, unsigned *allow)
{
	size_t first = lower_bound(router, path);
	unsigned bit = bit_of(method);
	size_t i;

	if (!is_at(router, first, path))
		return KR_ERR_NOT_FOUND;
	for (i = first; is_at(router, i, path); i++) {
		if (router->routes[i].methods & bit) {
			*route = &router->routes[i];
			return KR_OK;
		}
	}
	*allow = methods_of(router, path);
	return KR_ERR_ARGUMENT;
}

const char *kri_router_allow(unsigned methods)
{
	static const char *const values[] = {
		[0] = "",
		[KR_GET] = "GET, HEAD",
		[KR_POST] = "POST",
		[KR_GET | KR_POST] = "GET, HEAD, POST",
	};

	return values[methods & ALL_METHODS];
}

void kri_router_free(struct kri_router *router)
{
	size_t i;

	for (i = 0; i < router->n; i++)
		free(router->routes[i].path);
	free(router->routes);
	*router = (struct kri_router){0};
}
