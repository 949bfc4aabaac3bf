/*
 * Owns the spelling of metrics. Goes through the table, and knows of each kind
 * which samples it has. Knows nothing of where figures come from.
 */
#include "base/exposition.h"

#include <inttypes.h>

static const char *const kinds[KRI_ERRORS] = {
	[KR_OK] = "none",
	[KR_ERR_ARGUMENT] = "argument",
	[KR_ERR_MEMORY] = "memory",
	[KR_ERR_CONFIG] = "config",
	[KR_ERR_SYSTEM] = "system",
	[KR_ERR_INPUT] = "input",
	[KR_ERR_NOT_FOUND] = "not_found",
	[KR_ERR_TYPE] = "type",
	[KR_ERR_RESERVED] = "reserved",
	[KR_ERR_LIMIT] = "limit",
	[KR_ERR_GONE] = "gone",
	[KR_ERR_CONFLICT] = "conflict",
	[KR_ERR_RENEWED] = "renewed",
	[KR_ERR_UNAVAILABLE] = "unavailable",
	[KR_ERR_TIMEOUT] = "timeout",
	[KR_ERR_FULL] = "full",
	[KR_ERR_DENIED] = "denied",
	[KR_ERR_PROTOCOL] = "protocol",
	[KR_ERR_MEDIA] = "media",
	[KR_ERR_CROSS_SITE] = "cross_site",
	[KR_ERR_SESSIONS] = "sessions",
};

static const char *const stages[KRI_STAGE_N] = {
	[KRI_STAGE_ACCEPT] = "accept",   [KRI_STAGE_LOAD] = "load",
	[KRI_STAGE_HANDLE] = "handle",   [KRI_STAGE_COMMIT] = "commit",
	[KRI_STAGE_RESPOND] = "respond",
};

const char *kri_error_name(enum kr_err err)
{
	const char *name = (unsigned)err < KRI_ERRORS ? kinds[err] : NULL;

	return name ? name : "unknown";
}

static uint64_t get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ---- one sample ------------------------------------------------------- */

/* A label's value may hold anything: a backslash, a quote and a line's end
 * have escapes. */
static void put_label(struct kri_buffer *out, const char *value)
{
	kri_buffer_byte(out, '"');
	for (; *value; value++) {
		if (*value == '\n') {
			kri_buffer_string(out, "\\n");
			continue;
		}
		if (*value == '\\' || *value == '"')
			kri_buffer_byte(out, '\\');
		kri_buffer_byte(out, *value);
	}
	kri_buffer_byte(out, '"');
}

static void put_count(struct kri_buffer *out, uint64_t n)
{
	kri_buffer_printf(out, " %" PRIu64 "\n", n);
}

/* Whole numbers as such, and times to the microsecond. */
static void put_value(struct kri_buffer *out, double value)
{
	if (value >= 0 && value < 9e15 && (double)(uint64_t)value == value)
		put_count(out, (uint64_t)value);
	else
		kri_buffer_printf(out, " %.6f\n", value);
}

/* ---- by kind ---------------------------------------------------------- */

static void put_cell(struct kri_buffer *out, const struct kri_figures *figures,
		     const char *name, const char *route,
		     const struct kri_cell *cell)
{
	uint32_t key = atomic_load_explicit(&cell->key, memory_order_relaxed);
	size_t method = key >> 16;

	if (!key)
		return;
	kri_buffer_string(out, name);
	kri_buffer_string(out, "{route=");
	put_label(out, route);
	kri_buffer_string(out, ",method=");
	put_label(out, method < figures->methods_n ? figures->methods[method]
						   : "other");
	kri_buffer_string(out, ",code=");
	if (key == KRI_CELL_OTHER)
		kri_buffer_string(out, "\"other\"");
	else
		kri_buffer_printf(out, "\"%u\"", (unsigned)key & 0xffff);
	kri_buffer_byte(out, '}');
	put_count(out, get(&cell->n));
}

static void put_routes(struct kri_buffer *out,
		       const struct kri_figures *figures, const char *name)
{
	const struct kri_counters *sum = &figures->sum;

	for (size_t i = 0; i < sum->routes_n; i++) {
		const char *route =
			i < figures->routes_n ? figures->routes[i] : NULL;

		for (size_t j = 0; route && j < KRI_CELLS; j++)
			put_cell(out, figures, name, route,
				 &sum->routes[i].cells[j]);
	}
}

static void put_errors(struct kri_buffer *out,
		       const struct kri_figures *figures, const char *name)
{
	for (size_t i = 1; i < KRI_ERRORS; i++) {
		kri_buffer_printf(out, "%s{kind=\"%s\"}", name,
				  kri_error_name((enum kr_err)i));
		put_count(out, get(&figures->sum.errors[i]));
	}
}

static void put_loops(struct kri_buffer *out, const struct kri_figures *figures,
		      const char *name)
{
	for (size_t i = 0; i < figures->loops; i++)
		kri_buffer_printf(out, "%s{loop=\"%zu\"} %.6f\n", name, i,
				  (double)figures->busy_us[i] / 1e6);
}

static void put_build(struct kri_buffer *out, const struct kri_figures *figures,
		      const char *name)
{
	kri_buffer_string(out, name);
	kri_buffer_string(out, "{version=");
	put_label(out, figures->version);
	kri_buffer_string(out, ",store=");
	put_label(out, figures->store);
	kri_buffer_string(out, "} 1\n");
}

/* How a histogram is read: `label` is "" or ends in a comma. */
struct scale {
	const char *name;
	char label[32];
	size_t buckets;
	unsigned shift;
	double unit; /* of a shown one, in counted ones */
};

static void put_histogram(struct kri_buffer *out, const struct scale *scale,
			  const struct kri_histogram *histogram)
{
	int bare = (int)strlen(scale->label) - 1; /* without the comma */
	uint64_t n = 0;

	for (size_t i = 0; i < scale->buckets; i++) {
		n += get(&histogram->buckets[i]);
		kri_buffer_printf(out, "%s_bucket{%sle=\"", scale->name,
				  scale->label);
		if (i + 1 < scale->buckets)
			kri_buffer_printf(
				out, "%.9g",
				(double)(UINT64_C(1) << (i + scale->shift)) /
					scale->unit);
		else
			kri_buffer_string(out, "+Inf");
		kri_buffer_string(out, "\"}");
		put_count(out, n);
	}
	for (int part = 0; part < 2; part++) {
		kri_buffer_printf(out, "%s_%s", scale->name,
				  part ? "count" : "sum");
		if (bare > 0)
			kri_buffer_printf(out, "{%.*s}", bare, scale->label);
		if (part)
			put_count(out, n);
		else
			put_value(out,
				  (double)get(&histogram->sum) / scale->unit);
	}
}

static void put_stages(struct kri_buffer *out,
		       const struct kri_figures *figures, const char *name)
{
	for (size_t i = 0; i < KRI_STAGE_N; i++) {
		struct scale scale = {
			.name = name,
			.buckets = KRI_TIME_BUCKETS,
			.shift = KRI_TIME_SHIFT,
			.unit = 1e6,
		};

		stpcpy(stpcpy(stpcpy(scale.label, "stage=\""), stages[i]),
		       "\",");
		put_histogram(out, &scale, &figures->sum.histograms[i]);
	}
}

static void put_duration(struct kri_buffer *out,
			 const struct kri_figures *figures, const char *name)
{
	const struct scale scale = {
		.name = name,
		.buckets = KRI_TIME_BUCKETS,
		.shift = KRI_TIME_SHIFT,
		.unit = 1e6,
	};

	put_histogram(out, &scale,
		      &figures->sum.histograms[KRI_HISTOGRAM_REQUEST]);
}

static void put_amount(struct kri_buffer *out,
		       const struct kri_figures *figures, const char *name)
{
	const struct scale scale = {
		.name = name,
		.buckets = KRI_BATCH_BUCKETS,
		.unit = 1,
	};

	put_histogram(out, &scale,
		      &figures->sum.histograms[KRI_HISTOGRAM_BATCH]);
}

/* ---- all of them ------------------------------------------------------ */

static const char *type_of(enum kri_metric_kind kind)
{
	switch (kind) {
	case KRI_GAUGE:
	case KRI_BUILD:
		return "gauge";
	case KRI_DURATION:
	case KRI_STAGES:
	case KRI_AMOUNT:
		return "histogram";
	default:
		return "counter";
	}
}

static void put_samples(struct kri_buffer *out,
			const struct kri_figures *figures, size_t id)
{
	const struct kri_metric_info *info = &kri_metrics[id];

	switch (info->kind) {
	case KRI_COUNTED:
		kri_buffer_string(out, info->name);
		put_count(out, get(&figures->sum.n[id]));
		return;
	case KRI_COUNTER:
	case KRI_GAUGE:
		kri_buffer_string(out, info->name);
		put_value(out, figures->values[id]);
		return;
	case KRI_BY_ROUTE:
		put_routes(out, figures, info->name);
		return;
	case KRI_BY_KIND:
		put_errors(out, figures, info->name);
		return;
	case KRI_BY_LOOP:
		put_loops(out, figures, info->name);
		return;
	case KRI_BUILD:
		put_build(out, figures, info->name);
		return;
	case KRI_DURATION:
		put_duration(out, figures, info->name);
		return;
	case KRI_STAGES:
		put_stages(out, figures, info->name);
		return;
	case KRI_AMOUNT:
		put_amount(out, figures, info->name);
	}
}

void kri_exposition_write(const struct kri_figures *figures,
			  struct kri_buffer *out)
{
	for (size_t i = 0; i < KRI_METRIC_N; i++) {
		const struct kri_metric_info *info = &kri_metrics[i];

		kri_buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n",
				  info->name, info->help, info->name,
				  type_of(info->kind));
		put_samples(out, figures, i);
	}
}
