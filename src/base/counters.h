/*
 * The counters: what the process has done, counted where it happens and summed
 * when somebody asks. One table has every metric with its name and help text;
 * exposition, manual page and tests stand on it.
 *
 * Each loop's thread counts in a block of its own: no lock, no line of the
 * cache that another writes, no locked instruction. Threads without a block
 * share one, with locked instructions. Labels are of a bounded number: a route
 * as it was mapped, a method, a status; never a user, a session or an address.
 */
#ifndef KRI_BASE_COUNTERS_H
#define KRI_BASE_COUNTERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "krsession.h"

enum kri_metric_kind {
	KRI_COUNTED,  /* in the blocks, with kri_count() */
	KRI_COUNTER,  /* as the process is asked: only grows */
	KRI_GAUGE,    /* likewise, and goes up and down */
	KRI_BY_ROUTE, /* counters by route, method and code */
	KRI_BY_KIND,  /* counters by kind of error */
	KRI_BY_LOOP,  /* counters of seconds by loop */
	KRI_BUILD,    /* a gauge of 1, whose labels say what runs */
	KRI_DURATION, /* a histogram of seconds */
	KRI_STAGES,   /* histograms of seconds by stage */
	KRI_AMOUNT    /* a histogram of a number */
};

/* clang-format off */
#define KRI_METRICS(X)                                                         \
	X(REQUESTS, KRI_BY_ROUTE, "krsession_requests_total",                  \
	  "Requests answered, by route as it is mapped, method and status.")   \
	X(REQUEST_TIME, KRI_DURATION, "krsession_request_duration_seconds",    \
	  "Time from a request's arrival to its answer's last write.")         \
	X(STAGE_TIME, KRI_STAGES, "krsession_stage_duration_seconds",          \
	  "Of that time, what a request spent in each stage it went through.") \
	X(BATCH, KRI_AMOUNT, "krsession_batch_requests",                       \
	  "Requests that a loop walked together.")                             \
	X(ERRORS, KRI_BY_KIND, "krsession_request_errors_total",               \
	  "Requests that failed, by kind of error.")                           \
	X(CONFLICTS, KRI_COUNTED, "krsession_conflicts_total",                 \
	  "Commits refused because another request had written first.")        \
	X(RERUNS, KRI_COUNTED, "krsession_reruns_total",                       \
	  "Handlers run once more because a race was lost.")                   \
	X(CREATED, KRI_COUNTED, "krsession_sessions_created_total",            \
	  "Sessions begun.")                                                   \
	X(ENDED, KRI_COUNTED, "krsession_sessions_ended_total",                \
	  "Sessions ended by a request, or found past their absolute timeout.") \
	X(EXPIRED, KRI_COUNTED, "krsession_sessions_expired_total",            \
	  "Sessions found past their absolute timeout.")                       \
	X(UNKNOWN, KRI_COUNTED, "krsession_sessions_unknown_total",            \
	  "Cookies that named a session which has ended or never was.")        \
	X(RENEWED, KRI_COUNTED, "krsession_sessions_renewed_total",            \
	  "Sessions that got a new secret.")                                   \
	X(TOUCHED, KRI_COUNTED, "krsession_sessions_touched_total",            \
	  "Sessions prolonged by a read.")                                     \
	X(LOGINS, KRI_COUNTED, "krsession_logins_total",                       \
	  "Sessions that a user logged in to.")                                \
	X(LOADS, KRI_COUNTED, "krsession_store_loads_total",                   \
	  "Batches of sessions asked of the store.")                           \
	X(COMMITS, KRI_COUNTED, "krsession_store_commits_total",               \
	  "Batches of changes given to the store.")                            \
	X(ROUND_TRIPS, KRI_COUNTED, "krsession_store_round_trips_total",       \
	  "Writes to Redis or PostgreSQL that an answer was awaited for.")     \
	X(COMMANDS, KRI_COUNTED, "krsession_store_commands_total",             \
	  "Commands sent to Redis, or statements to PostgreSQL.")              \
	X(CONNECTS, KRI_COUNTED, "krsession_store_connects_total",             \
	  "Connections made to the store's servers.")                          \
	X(CONNECT_FAILURES, KRI_COUNTED,                                       \
	  "krsession_store_connection_failures_total",                         \
	  "Connections to the store's servers that broke, or were not made.")  \
	X(CACHE_HITS, KRI_COUNTED, "krsession_cache_hits_total",               \
	  "Sessions served from a copy in memory (session.cache).")            \
	X(CACHE_MISSES, KRI_COUNTED, "krsession_cache_misses_total",           \
	  "Sessions asked of the store though there is a cache.")              \
	X(CACHE_LOST, KRI_COUNTED, "krsession_cache_lost_total",               \
	  "Times that all copies were dropped, as changes went untold.")       \
	X(CACHE_UP, KRI_GAUGE, "krsession_cache_up",                           \
	  "1 while copies in memory may be served, else 0.")                   \
	X(CACHE_COPIES, KRI_GAUGE, "krsession_cache_copies",                   \
	  "Copies of sessions in memory.")                                     \
	X(CACHE_BYTES, KRI_GAUGE, "krsession_cache_bytes",                     \
	  "Memory of those copies (session.cache_size limits it).")            \
	X(STORE_UP, KRI_GAUGE, "krsession_store_up",                           \
	  "0 while a server of the store is known to be away, else 1.")        \
	X(CONNECTIONS, KRI_GAUGE, "krsession_connections",                     \
	  "Connections open from front servers.")                              \
	X(ACCEPTED, KRI_COUNTED, "krsession_connections_accepted_total",       \
	  "Connections accepted from front servers.")                          \
	X(REJECTED, KRI_COUNTED, "krsession_connections_rejected_total",       \
	  "Connections closed because what came was not FastCGI.")             \
	X(LOOPS, KRI_GAUGE, "krsession_loops",                                 \
	  "Event loops (server.workers).")                                     \
	X(BUSY, KRI_BY_LOOP, "krsession_loop_busy_seconds_total",              \
	  "Time that a loop was at work.")                                     \
	X(POOL_THREADS, KRI_GAUGE, "krsession_pool_threads",                   \
	  "Threads for blocking handlers (server.threads).")                   \
	X(POOL_BUSY, KRI_GAUGE, "krsession_pool_threads_busy",                 \
	  "Threads of the pool that run a handler.")                           \
	X(POOL_QUEUED, KRI_GAUGE, "krsession_pool_queued",                     \
	  "Blocking handlers that wait for a thread.")                         \
	X(POOL_TASKS, KRI_COUNTED, "krsession_pool_handlers_total",            \
	  "Blocking handlers given to the pool.")                              \
	X(BODIES, KRI_GAUGE, "krsession_body_memory_bytes",                    \
	  "Memory of large bodies (server.body_memory limits it).")            \
	X(BODIES_LIMIT, KRI_GAUGE, "krsession_body_memory_limit_bytes",        \
	  "The limit (server.body_memory).")                                   \
	X(LOG_LOST, KRI_COUNTER, "krsession_log_lines_lost_total",             \
	  "Log lines lost because standard error was not read.")               \
	X(DRAINING, KRI_GAUGE, "krsession_draining",                           \
	  "1 while the process answers what has come, and ends.")              \
	X(UPTIME, KRI_GAUGE, "krsession_uptime_seconds",                       \
	  "Time since the process began to serve.")                            \
	X(BUILD, KRI_BUILD, "krsession_build_info",                            \
	  "1; the labels say which version runs on which store.")              \
	X(CPU, KRI_COUNTER, "process_cpu_seconds_total",                       \
	  "Processor time of the process, user and system.")                   \
	X(MEMORY, KRI_GAUGE, "process_resident_memory_bytes",                  \
	  "Resident memory of the process.")                                   \
	X(MAX_FDS, KRI_GAUGE, "process_max_fds",                               \
	  "File descriptors that the process may have open.")                  \
	X(START, KRI_GAUGE, "process_start_time_seconds",                      \
	  "When the process began to serve, in seconds since the epoch.")
/* clang-format on */

#define KRI_METRIC_ID(id, kind, name, help) KRI_METRIC_##id,
enum kri_metric { KRI_METRICS(KRI_METRIC_ID) KRI_METRIC_N };
#undef KRI_METRIC_ID

struct kri_metric_info {
	enum kri_metric_kind kind;
	const char *name;
	const char *help;
};

extern const struct kri_metric_info kri_metrics[KRI_METRIC_N];

/* ---- histograms ------------------------------------------------------- */

/* In the order in which a request meets them. */
enum kri_stage {
	KRI_STAGE_ACCEPT,  /* it came, and waits for its batch to begin */
	KRI_STAGE_LOAD,    /* its session is asked of the store */
	KRI_STAGE_HANDLE,  /* its route's function runs */
	KRI_STAGE_COMMIT,  /* its changes are at the store */
	KRI_STAGE_RESPOND, /* all else: the answer, the others of its batch */
	KRI_STAGE_N
};

enum kri_histogram_id {
	KRI_HISTOGRAM_REQUEST = KRI_STAGE_N, /* stages come first */
	KRI_HISTOGRAM_BATCH,
	KRI_HISTOGRAM_N
};

/* Bounds are powers of two: 16 us to 16.8 s, 1 to 256 requests. A value that
 * is a bound lies below it, as `le` has it; the last bucket has no bound. */
#define KRI_TIME_SHIFT 4    /* 2^4 us is the first bound */
#define KRI_TIME_BUCKETS 22 /* 21 bounds and the rest */
#define KRI_BATCH_BUCKETS 10
#define KRI_BUCKETS KRI_TIME_BUCKETS

struct kri_histogram {
	_Atomic uint64_t buckets[KRI_BUCKETS];
	_Atomic uint64_t sum; /* us, or requests */
};

/* The bucket of a value, of those whose first bound is 1 << shift. */
static inline size_t kri_bucket_of(int64_t value, unsigned shift, size_t n)
{
	size_t at;

	if (value <= (int64_t)1 << shift)
		return 0;
	at = 64u - (unsigned)__builtin_clzll((unsigned long long)value - 1) -
	     shift;
	return at < n ? at : n - 1;
}

/* ---- blocks ----------------------------------------------------------- */

#define KRI_ERRORS (KR_ERR_SESSIONS + 1)

/* What a route may be beside one that the program has mapped. */
enum kri_route_number {
	KRI_ROUTE_NONE, /* no path or method of ours */
	KRI_ROUTE_OWN,  /* the library's: see fcgi/monitor.h; three of them */
	KRI_ROUTE_AUTHORIZER = KRI_ROUTE_OWN + 3, /* see kr_map_authorizer */
	KRI_ROUTE_FIRST                           /* the program's */
};

/* How often a route was answered with one status to one method. Its key is
 * written once. */
struct kri_cell {
	_Atomic uint32_t key; /* method << 16 | status; 0: free */
	_Atomic uint64_t n;
};

#define KRI_CELLS 32 /* a route's; what has no room is counted in the last */
#define KRI_CELL_OTHER UINT32_MAX

struct kri_route_counts {
	struct kri_cell cells[KRI_CELLS];
};

struct kri_counters {
	_Alignas(64) _Atomic uint64_t n[KRI_METRIC_N];
	_Atomic uint64_t errors[KRI_ERRORS];
	struct kri_histogram histograms[KRI_HISTOGRAM_N];
	struct kri_route_counts *routes; /* routes_n of them */
	size_t routes_n;
	bool shared; /* by all threads that have none of their own */
	struct kri_counters *next;
};

/* A block for one thread, known to whoever sums. KR_ERR_MEMORY. */
enum kr_err kri_counters_open(size_t routes,
			      struct kri_counters **out) KR_MUST_CHECK;

/* What it has counted stays in the sum, but for the routes. Its thread has
 * ended, or is the caller, which has none from then on. */
void kri_counters_close(struct kri_counters **counters);

/* The calling thread counts there from now on; NULL: with all others. */
void kri_counters_adopt(struct kri_counters *counters);

/* The sum of all blocks, into memory that is all zero. Gives its routes back
 * with kri_counters_free_sum(). KR_ERR_MEMORY. Any thread. */
enum kr_err kri_counters_sum(struct kri_counters *out) KR_MUST_CHECK;
void kri_counters_free_sum(struct kri_counters *sum);

/* ---- counting --------------------------------------------------------- */

extern struct kri_counters kri_counters_shared;
extern _Thread_local struct kri_counters *kri_counters_own
	__attribute__((tls_model("initial-exec")));

static inline struct kri_counters *kri_counters_here(void)
{
	struct kri_counters *own = kri_counters_own;

	return own ? own : &kri_counters_shared;
}

/* One writer needs no locked instruction. */
static inline void kri_counter_grow(const struct kri_counters *block,
				    _Atomic uint64_t *counter, uint64_t n)
{
	if (block->shared)
		atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
	else
		atomic_store_explicit(
			counter,
			atomic_load_explicit(counter, memory_order_relaxed) + n,
			memory_order_relaxed);
}

static inline void kri_count_many(enum kri_metric metric, uint64_t n)
{
	struct kri_counters *block = kri_counters_here();

	kri_counter_grow(block, &block->n[metric], n);
}

static inline void kri_count(enum kri_metric metric)
{
	kri_count_many(metric, 1);
}

static inline void kri_count_error(enum kr_err err)
{
	struct kri_counters *block = kri_counters_here();

	if ((unsigned)err < KRI_ERRORS)
		kri_counter_grow(block, &block->errors[err], 1);
}

static inline void kri_count_batch(size_t n)
{
	struct kri_counters *block = kri_counters_here();
	struct kri_histogram *histogram =
		&block->histograms[KRI_HISTOGRAM_BATCH];
	size_t at = kri_bucket_of((int64_t)n, 0, KRI_BATCH_BUCKETS);

	kri_counter_grow(block, &histogram->buckets[at], 1);
	kri_counter_grow(block, &histogram->sum, n);
}

/* A request that was answered. */
struct kri_answered {
	size_t route;
	unsigned method; /* the caller's to number */
	unsigned status;
	int64_t us;                  /* from its arrival on */
	int64_t stages[KRI_STAGE_N]; /* us of each */
	unsigned went;               /* bits of those that it was in */
};

/* Counts it, in the thread's own block; where it has none, nobody asks. */
void kri_count_request(const struct kri_answered *answered);

#endif
