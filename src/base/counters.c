/*
 * Owns the table of metrics, the blocks, and their sum. Knows nothing of who
 * counts what, nor how it is shown.
 */
#include "base/counters.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KRI_METRIC_ROW(id, kind, name, help)                                   \
	[KRI_METRIC_##id] = {kind, name, help},
const struct kri_metric_info kri_metrics[KRI_METRIC_N] = {
	KRI_METRICS(KRI_METRIC_ROW)};
#undef KRI_METRIC_ROW

struct kri_counters kri_counters_shared = {.shared = true};
_Thread_local struct kri_counters *kri_counters_own
	__attribute__((tls_model("initial-exec")));

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kri_counters *blocks; /* under the lock */

/* ---- routes ----------------------------------------------------------- */

static uint32_t key_of(unsigned method, unsigned status)
{
	return method << 16 | (status & 0xffff);
}

/* The cell of that key, which becomes its own if it was free. The last is for
 * all that found none. */
static struct kri_cell *cell_of(struct kri_route_counts *route, uint32_t key)
{
	size_t at = (key ^ key >> 14) % (KRI_CELLS - 1);

	for (size_t i = 0; i < KRI_CELLS - 1; i++) {
		struct kri_cell *cell = &route->cells[at];
		uint32_t found =
			atomic_load_explicit(&cell->key, memory_order_relaxed);

		if (found == key)
			return cell;
		if (!found) {
			atomic_store_explicit(&cell->key, key,
					      memory_order_relaxed);
			return cell;
		}
		at = at + 1 < KRI_CELLS - 1 ? at + 1 : 0;
	}
	atomic_store_explicit(&route->cells[KRI_CELLS - 1].key, KRI_CELL_OTHER,
			      memory_order_relaxed);
	return &route->cells[KRI_CELLS - 1];
}

/* In a block that nobody else writes. */
static void grow(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static void observe(struct kri_histogram *histogram, int64_t us)
{
	size_t at = kri_bucket_of(us, KRI_TIME_SHIFT, KRI_TIME_BUCKETS);

	grow(&histogram->buckets[at], 1);
	grow(&histogram->sum, us > 0 ? (uint64_t)us : 0);
}

void kri_count_request(const struct kri_answered *answered)
{
	struct kri_counters *block = kri_counters_own;
	uint32_t key = key_of(answered->method, answered->status);

	if (!block)
		return;
	if (answered->route < block->routes_n)
		grow(&cell_of(&block->routes[answered->route], key)->n, 1);
	observe(&block->histograms[KRI_HISTOGRAM_REQUEST], answered->us);
	for (unsigned left = answered->went; left; left &= left - 1) {
		unsigned stage = (unsigned)__builtin_ctz(left);

		observe(&block->histograms[stage], answered->stages[stage]);
	}
}

/* ---- blocks ----------------------------------------------------------- */

enum kr_err kri_counters_open(size_t routes, struct kri_counters **out)
{
	struct kri_counters *made =
		aligned_alloc(_Alignof(struct kri_counters), sizeof(*made));

	if (!made)
		return KR_ERR_MEMORY;
	memset(made, 0, sizeof(*made));
	made->routes = calloc(routes ? routes : 1, sizeof(*made->routes));
	if (!made->routes) {
		free(made);
		return KR_ERR_MEMORY;
	}
	made->routes_n = routes;
	pthread_mutex_lock(&lock);
	made->next = blocks;
	blocks = made;
	pthread_mutex_unlock(&lock);
	*out = made;
	return KR_OK;
}

void kri_counters_adopt(struct kri_counters *counters)
{
	kri_counters_own = counters;
}

static uint64_t get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add(_Atomic uint64_t *to, const _Atomic uint64_t *from)
{
	atomic_fetch_add_explicit(to, get(from), memory_order_relaxed);
}

static void add_plain(struct kri_counters *to, const struct kri_counters *from)
{
	for (size_t i = 0; i < KRI_METRIC_N; i++)
		add(&to->n[i], &from->n[i]);
	for (size_t i = 0; i < KRI_ERRORS; i++)
		add(&to->errors[i], &from->errors[i]);
	for (size_t i = 0; i < KRI_HISTOGRAM_N; i++) {
		const struct kri_histogram *histogram = &from->histograms[i];

		for (size_t j = 0; j < KRI_BUCKETS; j++)
			add(&to->histograms[i].buckets[j],
			    &histogram->buckets[j]);
		add(&to->histograms[i].sum, &histogram->sum);
	}
}

void kri_counters_close(struct kri_counters **counters)
{
	struct kri_counters *old = *counters, **at;

	*counters = NULL;
	if (!old)
		return;
	if (kri_counters_own == old)
		kri_counters_own = NULL;
	pthread_mutex_lock(&lock);
	for (at = &blocks; *at != old; at = &(*at)->next)
		;
	*at = old->next;
	add_plain(&kri_counters_shared, old);
	pthread_mutex_unlock(&lock);
	free(old->routes);
	free(old);
}

/* ---- the sum ---------------------------------------------------------- */

static void add_routes(struct kri_counters *to, const struct kri_counters *from)
{
	for (size_t i = 0; i < from->routes_n; i++) {
		for (size_t j = 0; j < KRI_CELLS; j++) {
			const struct kri_cell *cell = &from->routes[i].cells[j];
			uint32_t key = atomic_load_explicit(
				&cell->key, memory_order_relaxed);

			if (!key)
				continue;
			add(key == KRI_CELL_OTHER
				    ? &to->routes[i].cells[KRI_CELLS - 1].n
				    : &cell_of(&to->routes[i], key)->n,
			    &cell->n);
			if (key == KRI_CELL_OTHER)
				to->routes[i].cells[KRI_CELLS - 1].key = key;
		}
	}
}

enum kr_err kri_counters_sum(struct kri_counters *out)
{
	enum kr_err err = KR_OK;

	pthread_mutex_lock(&lock);
	for (const struct kri_counters *b = blocks; b; b = b->next)
		if (b->routes_n > out->routes_n)
			out->routes_n = b->routes_n;
	out->routes = calloc(out->routes_n + 1, sizeof(*out->routes));
	if (!out->routes)
		err = KR_ERR_MEMORY;
	if (!err)
		add_plain(out, &kri_counters_shared);
	for (const struct kri_counters *b = err ? NULL : blocks; b;
	     b = b->next) {
		add_plain(out, b);
		add_routes(out, b);
	}
	pthread_mutex_unlock(&lock);
	return err;
}

void kri_counters_free_sum(struct kri_counters *sum)
{
	free(sum->routes);
	sum->routes = NULL;
	sum->routes_n = 0;
}
