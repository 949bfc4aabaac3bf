/*
 * Reads the text format 0.0.4 line by line, and computes with what it says.
 * Knows nothing of what the metrics mean.
 */
#include "base/figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_MAX 64  /* bytes of a value */
#define BOUNDS_MAX 128 /* buckets of a histogram */

/* ---- reading ---------------------------------------------------------- */

/* Whether a number stands there, alone or before a time. */
static bool read_number(struct kri_text text, double *out)
{
	char copy[NUMBER_MAX], *end;
	struct kri_text number = kri_text_cut(&text, ' ');

	if (!number.len || number.len >= sizeof(copy))
		return false;
	memcpy(copy, number.data, number.len);
	copy[number.len] = '\0';
	*out = strtod(copy, &end);
	return !*end;
}

/* The length of the labels up to the brace that ends them; a quoted one does
 * not. SIZE_MAX: there is no end. */
static size_t labels_len(struct kri_text text)
{
	bool quoted = false;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\\' && quoted)
			i++;
		else if (text.data[i] == '"')
			quoted = !quoted;
		else if (text.data[i] == '}' && !quoted)
			return i;
	}
	return SIZE_MAX;
}

static bool read_sample(struct kri_text line, struct kri_sample *out)
{
	size_t len = 0;

	while (len < line.len && line.data[len] != '{' && line.data[len] != ' ')
		len++;
	if (!len || len == line.len || line.data[0] == '#')
		return false;
	*out = (struct kri_sample){.name = kri_text(line.data, len)};
	line = kri_text(line.data + len + 1, line.len - len - 1);
	if (out->name.data[len] == '{') {
		size_t labels = labels_len(line);

		if (labels == SIZE_MAX || labels + 2 > line.len ||
		    line.data[labels + 1] != ' ')
			return false;
		out->labels = kri_text(line.data, labels);
		line = kri_text(line.data + labels + 2, line.len - labels - 2);
	}
	return read_number(line, &out->value);
}

enum kr_err kri_reading_take(struct kri_reading *reading, struct kri_text text)
{
	size_t lines = 1;

	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	*reading = (struct kri_reading){
		.samples = calloc(lines, sizeof(*reading->samples)),
	};
	if (!reading->samples)
		return KR_ERR_MEMORY;
	while (text.data) {
		struct kri_text line = kri_text_cut(&text, '\n');

		reading->n += read_sample(line, &reading->samples[reading->n]);
	}
	return KR_OK;
}

void kri_reading_free(struct kri_reading *reading)
{
	free(reading->samples);
	*reading = (struct kri_reading){0};
}

/* ---- asking ----------------------------------------------------------- */

static bool holds(struct kri_text text, const char *part)
{
	return !part ||
	       (text.data && memmem(text.data, text.len, part, strlen(part)));
}

struct kri_text kri_sample_label(const struct kri_sample *sample,
				 const char *name)
{
	struct kri_text rest = sample->labels;
	size_t len = strlen(name);

	while (rest.len > len + 2) {
		size_t from = 0, to;

		while (from < rest.len && rest.data[from] != '"')
			from++;
		to = from + 1;
		while (to < rest.len && rest.data[to] != '"')
			to += rest.data[to] == '\\' ? 2 : 1;
		if (to >= rest.len)
			break;
		if (from == len + 1 && !memcmp(rest.data, name, len))
			return kri_text(rest.data + from + 1, to - from - 1);
		to += to + 1 < rest.len ? 2 : 1; /* the comma */
		rest = kri_text(rest.data + to, rest.len - to);
	}
	return (struct kri_text){0};
}

double kri_reading_sum(const struct kri_reading *reading, const char *name,
		       const char *part)
{
	struct kri_text wanted = kri_text_of(name);
	double sum = 0;

	for (size_t i = 0; i < reading->n; i++)
		if (kri_text_equal(reading->samples[i].name, wanted) &&
		    holds(reading->samples[i].labels, part))
			sum += reading->samples[i].value;
	return sum;
}

static double growth(double before, double now)
{
	return now < before ? now : now - before;
}

double kri_reading_growth(const struct kri_reading *before,
			  const struct kri_reading *now, const char *name,
			  const char *part)
{
	return growth(kri_reading_sum(before, name, part),
		      kri_reading_sum(now, name, part));
}

/* ---- quantiles -------------------------------------------------------- */

struct buckets {
	double bounds[BOUNDS_MAX];
	double counts[BOUNDS_MAX]; /* at or below the bound */
	size_t n;
};

/* Spelt alike in both readings, in growing order. */
static void collect(const struct kri_reading *reading, const char *name,
		    const char *part, struct buckets *out)
{
	char full[128];
	struct kri_text wanted;

	snprintf(full, sizeof(full), "%s_bucket", name);
	wanted = kri_text_of(full);
	out->n = 0;
	for (size_t i = 0; i < reading->n && out->n < BOUNDS_MAX; i++) {
		const struct kri_sample *sample = &reading->samples[i];
		double bound;

		if (!kri_text_equal(sample->name, wanted) ||
		    !holds(sample->labels, part) ||
		    !read_number(kri_sample_label(sample, "le"), &bound))
			continue;
		out->bounds[out->n] = bound;
		out->counts[out->n++] = sample->value;
	}
}

static double find(const struct buckets *buckets, double rank)
{
	double low = 0, below = 0;

	for (size_t i = 0; i < buckets->n; i++) {
		double bound = buckets->bounds[i];
		double in = buckets->counts[i] - below;

		if (buckets->counts[i] >= rank && in > 0)
			return isinf(bound)
				       ? low
				       : low + (bound - low) * (rank - below) /
							 in;
		below = buckets->counts[i];
		low = isinf(bound) ? low : bound;
	}
	return low;
}

double kri_reading_quantile(const struct kri_reading *before,
			    const struct kri_reading *now, const char *name,
			    const char *part, double q)
{
	struct buckets then, grown;
	double all;

	collect(before, name, part, &then);
	collect(now, name, part, &grown);
	if (!grown.n)
		return -1;
	all = grown.counts[grown.n - 1];
	if (then.n == grown.n && then.counts[then.n - 1] <= all)
		for (size_t i = 0; i < grown.n; i++)
			grown.counts[i] -= then.counts[i];
	all = grown.counts[grown.n - 1];
	return all > 0 ? find(&grown, q * all) : -1;
}
