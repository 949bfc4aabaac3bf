/*
 * The exposition: figures as Prometheus reads them, text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Every metric
 * of the table has its HELP and TYPE, and times are seconds.
 */
#ifndef KRI_BASE_EXPOSITION_H
#define KRI_BASE_EXPOSITION_H

#include "base/buffer.h"
#include "base/counters.h"

#define KRI_TYPE_EXPOSITION "text/plain; version=0.0.4; charset=utf-8"

/* All that is shown. */
struct kri_figures {
	struct kri_counters sum;
	/* Of metrics that are no KRI_COUNTED: counters and gauges. */
	double values[KRI_METRIC_N];
	const char *const *routes; /* the labels, by the routes' numbers;
				    * NULL: a number that is not used */
	size_t routes_n;
	const char *const *methods; /* by the methods' numbers */
	size_t methods_n;
	const int64_t *busy_us; /* by loop: loops of them */
	size_t loops;
	const char *version, *store; /* of the build's labels */
};

/* The word for an error, such as "unavailable"; never NULL. */
const char *kri_error_name(enum kr_err err);

/* Appends all of it. */
void kri_exposition_write(const struct kri_figures *figures,
			  struct kri_buffer *out);

#endif
