/*
 * Gathers figures from blocks, loops, store and system, and judges from them.
 */
#include "fcgi/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exposition.h"
#include "base/log.h"
#include "fcgi/batch.h"
#include "fcgi/crew.h"
#include "session/token.h"

#define LATE_US 5000000 /* of one turn, after which a loop is not alive */

static const char *const methods[KRI_METHOD_OTHER + 1] = {
	[KRI_METHOD_GET] = "GET",     [KRI_METHOD_HEAD] = "HEAD",
	[KRI_METHOD_POST] = "POST",   [KRI_METHOD_PUT] = "PUT",
	[KRI_METHOD_PATCH] = "PATCH", [KRI_METHOD_DELETE] = "DELETE",
	[KRI_METHOD_OTHER] = "other",
};

/* ---- metrics ---------------------------------------------------------- */

static double seconds_of(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* Pages that are resident, the second number there (proc(5)). */
static double resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long size = 0, pages = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%ld %ld", &size, &pages) != 2)
		pages = 0;
	fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void ask_system(double *values)
{
	struct rusage usage;
	struct rlimit files;

	if (!getrusage(RUSAGE_SELF, &usage))
		values[KRI_METRIC_CPU] =
			seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
	if (!getrlimit(RLIMIT_NOFILE, &files))
		values[KRI_METRIC_MAX_FDS] = (double)files.rlim_cur;
	values[KRI_METRIC_MEMORY] = resident();
}

static void ask_cache(const struct kri_monitor *monitor, double *values)
{
	struct kri_cached cached = {0};

	if (monitor->store->ops->cached)
		monitor->store->ops->cached(monitor->store, &cached);
	values[KRI_METRIC_CACHE_UP] = cached.good;
	values[KRI_METRIC_CACHE_COPIES] = (double)cached.copies;
	values[KRI_METRIC_CACHE_BYTES] = (double)cached.bytes;
}

static void ask_process(const struct kri_monitor *monitor, double *values)
{
	const struct kri_crew *crew = monitor->crew;
	struct kri_pool_load pool = kri_batch_pool();

	values[KRI_METRIC_STORE_UP] = !kri_store_away(monitor->store);
	values[KRI_METRIC_CONNECTIONS] = (double)kri_crew_connections(crew);
	values[KRI_METRIC_LOOPS] = crew->n;
	values[KRI_METRIC_POOL_THREADS] = (double)monitor->config->threads;
	values[KRI_METRIC_POOL_BUSY] = pool.busy;
	values[KRI_METRIC_POOL_QUEUED] = pool.queued;
	values[KRI_METRIC_BODIES] = (double)atomic_load(&monitor->bodies->used);
	values[KRI_METRIC_BODIES_LIMIT] = (double)monitor->bodies->limit;
	values[KRI_METRIC_LOG_LOST] = (double)kri_log_count_lost();
	values[KRI_METRIC_DRAINING] = atomic_load(&monitor->draining);
	values[KRI_METRIC_UPTIME] =
		(double)(kri_clock_ms() - monitor->began) / 1e3;
	values[KRI_METRIC_START] = (double)monitor->began_at / 1e3;
}

static const char *store_name(const struct kri_config *config)
{
	static const char *const names[] = {
		[KRI_STORE_REDIS] = "redis",
		[KRI_STORE_MEMORY] = "memory",
		[KRI_STORE_SQLITE] = "sqlite",
		[KRI_STORE_POSTGRESQL] = "postgresql",
	};

	return names[config->store_kind];
}

static void write_metrics(const struct kri_monitor *monitor,
			  struct kri_figures *figures, struct kri_buffer *out)
{
	const struct kri_crew *crew = monitor->crew;
	int64_t *busy = calloc((size_t)crew->n, sizeof(*busy));

	if (!busy || kri_counters_sum(&figures->sum)) {
		free(busy);
		out->failed = true;
		return;
	}
	for (int i = 0; i < crew->n; i++)
		busy[i] = kri_loop_busy(crew->loops[i]);
	figures->busy_us = busy;
	figures->loops = (size_t)crew->n;
	figures->routes = monitor->labels;
	figures->routes_n = monitor->labels_n;
	figures->methods = methods;
	figures->methods_n = KRI_METHOD_OTHER + 1;
	figures->version = kr_version();
	figures->store = store_name(monitor->config);
	ask_system(figures->values);
	ask_process(monitor, figures->values);
	ask_cache(monitor, figures->values);
	kri_exposition_write(figures, out);
	kri_counters_free_sum(&figures->sum);
	free(busy);
}

/* Too large for a loop's stack. */
static int metrics(const struct kri_monitor *monitor, struct kri_buffer *out)
{
	struct kri_figures *figures =
		aligned_alloc(_Alignof(struct kri_figures), sizeof(*figures));

	if (!figures) {
		out->failed = true;
		return 503;
	}
	memset(figures, 0, sizeof(*figures));
	write_metrics(monitor, figures, out);
	free(figures);
	return 200;
}

/* ---- health ----------------------------------------------------------- */

static void blame(struct kri_buffer *out, bool *first)
{
	kri_buffer_string(out, *first ? "{\"status\":\"failing\",\"reasons\":["
				      : ",");
	*first = false;
}

static int conclude(struct kri_buffer *out, bool good)
{
	kri_buffer_string(out, good ? "{\"status\":\"ok\"}" : "]}");
	return good ? 200 : 503;
}

/* A loop that waits has nothing to do; one whose turn does not end serves
 * nobody. */
static void judge_loops(const struct kri_crew *crew, struct kri_buffer *out,
			bool *good)
{
	for (int i = 0; i < crew->started; i++) {
		int64_t turn = kri_loop_turn(crew->loops[i]);

		if (turn < LATE_US)
			continue;
		blame(out, good);
		kri_buffer_printf(
			out, "\"loop %d has been in one turn for %lld ms\"", i,
			(long long)turn / 1000);
	}
}

static int health(const struct kri_monitor *monitor, struct kri_buffer *out)
{
	bool good = true;

	judge_loops(monitor->crew, out, &good);
	return conclude(out, good);
}

static int ready(const struct kri_monitor *monitor, enum kr_err probe,
		 struct kri_buffer *out)
{
	int64_t since = kri_store_away(monitor->store);
	bool good = true;

	if (atomic_load(&monitor->draining)) {
		blame(out, &good);
		kri_buffer_string(out, "\"the process drains\"");
	}
	if (probe) {
		blame(out, &good);
		kri_buffer_printf(out, "\"the store was asked: %s\"",
				  kr_strerror(probe));
	}
	if (since) {
		blame(out, &good);
		kri_buffer_printf(
			out,
			"\"a server of the store has been away for %lld ms\"",
			(long long)(kri_clock_ms() - since));
	}
	judge_loops(monitor->crew, out, &good);
	return conclude(out, good);
}

int kri_monitor_page(const struct kri_monitor *monitor, enum kri_page page,
		     enum kr_err probe, struct kri_buffer *out)
{
	switch (page) {
	case KRI_PAGE_METRICS:
		return metrics(monitor, out);
	case KRI_PAGE_HEALTH:
		return health(monitor, out);
	default:
		return ready(monitor, probe, out);
	}
}

const char *kri_monitor_type(enum kri_page page)
{
	return page == KRI_PAGE_METRICS ? KRI_TYPE_EXPOSITION : KRI_TYPE_JSON;
}

/* ---- as routes -------------------------------------------------------- */

const struct kri_route *kri_monitor_route(const struct kri_monitor *monitor,
					  const char *path)
{
	for (size_t i = 0; i < KRI_PAGES; i++) {
		const char *own = monitor->pages[i].path;

		if (*own && !strcmp(own, path))
			return &monitor->pages[i];
	}
	return NULL;
}

enum kr_err kri_monitor_probe(const struct kri_route *route,
			      struct kri_visit *visit)
{
	enum kr_err err;

	if (route->number != KRI_ROUTE_OWN + KRI_PAGE_READY)
		return KR_OK;
	visit->candidates[0].record = NULL;
	visit->parsed = 1;
	err = kri_token_make(&visit->candidates[0].token);
	visit->n = err ? 0 : 1;
	return err;
}

static enum kr_err answer(struct kr_context *c)
{
	enum kri_page page = (enum kri_page)(c->route->number - KRI_ROUTE_OWN);
	struct kri_buffer text = KRI_BUFFER_EMPTY;
	int status = kri_monitor_page(c->site->monitor, page, c->probe, &text);
	enum kr_err err = text.failed ? KR_ERR_MEMORY : KR_OK;

	if (!err)
		err = kri_response_send(&c->response, status,
					kri_monitor_type(page),
					kri_buffer_text(&text));
	if (!err)
		err = kri_response_lines(
			&c->response, KRI_TEXT("Cache-Control: no-store\r\n"));
	kri_buffer_free(&text);
	return err;
}

/* ---- life ------------------------------------------------------------- */

static void label_table(struct kri_monitor *monitor,
			const struct kri_route_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		monitor->labels[table->routes[i].number] =
			table->routes[i].path;
}

static enum kr_err label(struct kri_monitor *monitor)
{
	monitor->labels_n = KRI_ROUTE_FIRST + monitor->router->n;
	monitor->labels = calloc(monitor->labels_n, sizeof(*monitor->labels));
	if (!monitor->labels)
		return KR_ERR_MEMORY;
	monitor->labels[KRI_ROUTE_NONE] = "none";
	for (size_t i = 0; i < KRI_PAGES; i++)
		if (*monitor->pages[i].path)
			monitor->labels[KRI_ROUTE_OWN + i] =
				monitor->pages[i].path;
	monitor->labels[KRI_ROUTE_AUTHORIZER] = "(authorizer)";
	label_table(monitor, &monitor->router->whole);
	label_table(monitor, &monitor->router->stems);
	return KR_OK;
}

/* A path that the program has mapped itself stays the program's. */
static char *unless_mapped(char *path, const struct kri_router *router)
{
	static char none[] = "";

	for (size_t i = 0; i < router->whole.n; i++)
		if (!strcmp(router->whole.routes[i].path, path))
			return none;
	return path;
}

enum kr_err kri_monitor_open(struct kri_monitor *monitor,
			     const struct kri_config *config,
			     const struct kri_router *router,
			     struct kri_body_room *bodies)
{
	char *const paths[KRI_PAGES] = {
		[KRI_PAGE_METRICS] = config->metrics_path,
		[KRI_PAGE_HEALTH] = config->health_path,
		[KRI_PAGE_READY] = config->ready_path,
	};

	*monitor = (struct kri_monitor){
		.config = config,
		.router = router,
		.bodies = bodies,
		.began = kri_clock_ms(),
		.began_at = kri_clock_epoch_ms(),
	};
	for (size_t i = 0; i < KRI_PAGES; i++) {
		char *path = unless_mapped(paths[i], router);

		monitor->pages[i] = (struct kri_route){
			.path = path,
			.methods = KR_GET,
			.handler = answer,
			.number = KRI_ROUTE_OWN + i,
		};
		if (*path)
			monitor->seconds |= UINT64_C(1) << (path[1] & 63);
	}
	return label(monitor);
}

void kri_monitor_close(struct kri_monitor *monitor)
{
	free(monitor->labels);
	monitor->labels = NULL;
}

void kri_monitor_watch(struct kri_monitor *monitor, const struct kri_crew *crew,
		       struct kri_store *store)
{
	monitor->crew = crew;
	monitor->store = store;
}

void kri_monitor_drain(struct kri_monitor *monitor)
{
	atomic_store(&monitor->draining, true);
}
