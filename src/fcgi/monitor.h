/*
 * The monitor: what the process tells of itself to who watches it. Metrics,
 * whether it lives, whether it can serve sessions; as routes of the library's
 * own, on every connection, and for observers.h, on a socket of their own.
 *
 * Loops and the main thread ask it at any time. A site without one (plain
 * CGI, a handler's test) has none of these routes.
 */
#ifndef KRI_FCGI_MONITOR_H
#define KRI_FCGI_MONITOR_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "base/counters.h"
#include "config/config.h"
#include "fcgi/body.h"
#include "http/router.h"
#include "session/visit.h"
#include "store/store.h"

struct kri_crew;

enum kri_page { KRI_PAGE_METRICS, KRI_PAGE_HEALTH, KRI_PAGE_READY, KRI_PAGES };

struct kri_monitor {
	const struct kri_config *config; /* borrowed, and so are these: */
	const struct kri_router *router;
	struct kri_body_room *bodies;
	struct kri_store *store;
	const struct kri_crew *crew;       /* NULL: it does not serve yet */
	struct kri_route pages[KRI_PAGES]; /* path "": it is off */
	uint64_t seconds;    /* bits of the second characters of these paths */
	const char **labels; /* of routes, by their numbers */
	size_t labels_n;
	int64_t began;    /* kri_clock_ms() */
	int64_t began_at; /* epoch ms */
	atomic_bool draining;
};

/* KR_ERR_MEMORY. All zero is closed. */
enum kr_err kri_monitor_open(struct kri_monitor *monitor,
			     const struct kri_config *config,
			     const struct kri_router *router,
			     struct kri_body_room *bodies) KR_MUST_CHECK;
void kri_monitor_close(struct kri_monitor *monitor);

/* Before the loops start: whom to ask. */
void kri_monitor_watch(struct kri_monitor *monitor, const struct kri_crew *crew,
		       struct kri_store *store);

/* From now on it is not ready, as it answers what has come, and ends. */
void kri_monitor_drain(struct kri_monitor *monitor);

/* The page's route of that path, or NULL. */
const struct kri_route *kri_monitor_route(const struct kri_monitor *monitor,
					  const char *path);

/* Whether it may have one: every request is asked, and hardly any has. */
static inline bool kri_monitor_may_have(const struct kri_monitor *monitor,
					const char *path)
{
	return *path && monitor->seconds >> (path[1] & 63) & 1;
}

/* Whether the route is one of these. */
static inline bool kri_monitor_has(const struct kri_route *route)
{
	return route && route->number >= KRI_ROUTE_OWN &&
	       route->number < KRI_ROUTE_AUTHORIZER;
}

/* Has the visit ask the store for a session that cannot be there: what comes
 * of it tells whether the store can be reached. Nothing for other pages. */
enum kr_err kri_monitor_probe(const struct kri_route *route,
			      struct kri_visit *visit) KR_MUST_CHECK;

/* The content of a page; `probe` is what came of asking the store. Returns
 * the status. out->failed without memory. */
int kri_monitor_page(const struct kri_monitor *monitor, enum kri_page page,
		     enum kr_err probe, struct kri_buffer *out);

/* Its type. */
const char *kri_monitor_type(enum kri_page page);

#endif
