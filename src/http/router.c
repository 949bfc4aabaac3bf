/*
 * The router: sorted tables of routes, filled at start-up and only read
 * afterwards, so any thread may search them. Owns the paths. Knows nothing of
 * what a route's flags make others do.
 */
#include "http/router.h"

#include <stdlib.h>

#include "base/counters.h"

#define ALL_METHODS (KR_GET | KR_POST | KR_PUT | KR_PATCH | KR_DELETE)
#define ALL_FLAGS                                                              \
	(KR_SESSION | KR_ATOMIC | KR_BLOCKING | KR_CROSS_SITE | KR_BODY |      \
	 KR_NO_COOKIE)

/* What of the route's path is compared. */
static struct kri_text compared(const struct kri_route *route)
{
	return route->stem ? kri_text(route->path, route->stem)
			   : kri_text_of(route->path);
}

static int order(struct kri_text a, struct kri_text b)
{
	int found = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

	return found ? found : (a.len > b.len) - (a.len < b.len);
}

/* The first route that does not come before `path`: its place, if it has
 * none. */
static size_t lower_bound(const struct kri_route_table *table,
			  struct kri_text path)
{
	size_t low = 0;
	size_t high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (order(compared(&table->routes[middle]), path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct kri_route_table *table, size_t i,
		  struct kri_text path)
{
	return i < table->n &&
	       kri_text_equal(compared(&table->routes[i]), path);
}

/* The union of the methods that are mapped on `path`. */
static unsigned methods_of(const struct kri_route_table *table,
			   struct kri_text path)
{
	unsigned methods = 0;

	for (size_t i = lower_bound(table, path); is_at(table, i, path); i++)
		methods |= table->routes[i].methods;
	return methods;
}

/* ---- adding ----------------------------------------------------------- */

/* The bytes before the star; 0 for a path that is compared whole. False if
 * the star is where it means nothing. */
static bool find_stem(const char *path, size_t *stem)
{
	const char *star = strchr(path, '*');

	*stem = star ? (size_t)(star - path) : 0;
	return !star || (!star[1] && star[-1] == '/');
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
static enum kr_err insert(struct kri_route_table *table,
			  const struct kri_route *route)
{
	size_t at = lower_bound(table, compared(route));
	struct kri_route *routes =
		reallocarray(table->routes, table->n + 1, sizeof(*routes));

	if (!routes)
		return KR_ERR_MEMORY;
	memmove(&routes[at + 1], &routes[at],
		(table->n - at) * sizeof(*routes));
	routes[at] = *route;
	table->routes = routes;
	table->n++;
	return KR_OK;
}

enum kr_err kri_router_add(struct kri_router *router,
			   const struct kri_route *route)
{
	struct kri_route copy = *route;
	struct kri_route_table *table;
	enum kr_err err;

	if (!is_sound(route) || !find_stem(route->path, &copy.stem))
		return KR_ERR_ARGUMENT;
	table = copy.stem ? &router->stems : &router->whole;
	if (methods_of(table, compared(&copy)) & route->methods)
		return KR_ERR_ARGUMENT;
	copy.number = KRI_ROUTE_FIRST + router->n;
	copy.path = strdup(route->path);
	if (!copy.path)
		return KR_ERR_MEMORY;
	err = insert(table, &copy);
	if (err)
		free(copy.path);
	else if (copy.stem > router->longest)
		router->longest = copy.stem;
	router->n += !err;
	return err;
}

/* ---- finding ---------------------------------------------------------- */

/* The bit of enum kr_method that answers it; 0: none does. */
static unsigned bit_of(enum kri_request_method method)
{
	switch (method) {
	case KRI_METHOD_GET:
	case KRI_METHOD_HEAD:
		return KR_GET;
	case KRI_METHOD_POST:
		return KR_POST;
	case KRI_METHOD_PUT:
		return KR_PUT;
	case KRI_METHOD_PATCH:
		return KR_PATCH;
	case KRI_METHOD_DELETE:
		return KR_DELETE;
	case KRI_METHOD_OTHER:
		break;
	}
	return 0;
}

static enum kr_err find_in(const struct kri_route_table *table,
			   struct kri_text path, unsigned bit,
			   const struct kri_route **route, unsigned *allow)
{
	size_t first = lower_bound(table, path);

	if (!is_at(table, first, path))
		return KR_ERR_NOT_FOUND;
	for (size_t i = first; is_at(table, i, path); i++) {
		if (table->routes[i].methods & bit) {
			*route = &table->routes[i];
			return KR_OK;
		}
	}
	*allow = methods_of(table, path);
	return KR_ERR_ARGUMENT;
}

/* A client's path may be all slashes: no more of them are tried than the
 * longest stem can have. */
enum kr_err kri_router_find(const struct kri_router *router, const char *path,
			    enum kri_request_method method,
			    const struct kri_route **route, unsigned *allow)
{
	struct kri_text text = kri_text_of(path);
	unsigned bit = bit_of(method);
	enum kr_err err = find_in(&router->whole, text, bit, route, allow);

	if (text.len > router->longest)
		text.len = router->longest;
	for (; err == KR_ERR_NOT_FOUND && text.len; text.len--)
		if (text.data[text.len - 1] == '/')
			err = find_in(&router->stems, text, bit, route, allow);
	return err;
}

const char *kri_route_rest(const struct kri_route *route, const char *path)
{
	return route->stem ? path + route->stem : "";
}

bool kri_path_climbs(const char *path)
{
	struct kri_text rest = kri_text_of(path);

	while (rest.data) {
		struct kri_text part = kri_text_cut(&rest, '/');

		if (kri_text_equal(part, KRI_TEXT(".")) ||
		    kri_text_equal(part, KRI_TEXT("..")))
			return true;
	}
	return false;
}

void kri_router_allow(unsigned methods, char out[KRI_ALLOW_SIZE])
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = {
		{KR_GET, "GET, HEAD"}, {KR_POST, "POST"},     {KR_PUT, "PUT"},
		{KR_PATCH, "PATCH"},   {KR_DELETE, "DELETE"},
	};
	const char *between = "";
	char *at = out;

	*at = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(methods & names[i].bit))
			continue;
		at = stpcpy(stpcpy(at, between), names[i].name);
		between = ", ";
	}
}

static void free_table(struct kri_route_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		free(table->routes[i].path);
	free(table->routes);
}

void kri_router_free(struct kri_router *router)
{
	free_table(&router->whole);
	free_table(&router->stems);
	*router = (struct kri_router){0};
}
