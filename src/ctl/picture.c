/*
 * What krsessionctl top shows: rates a second from the growth of counters,
 * times from that of histograms. All that the other side has spelt is made
 * harmless for a terminal.
 */
#include "ctl/picture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define ROUTES 12    /* rows of routes, at most */
#define ROUTE_MAX 40 /* columns of one */

/* ---- moments ---------------------------------------------------------- */

const char *ctl_moment_take(struct ctl_moment *moment, const char *place,
			    const char *path)
{
	struct kri_buffer page = KRI_BUFFER_EMPTY;
	struct kri_reading reading = {0};
	struct kri_text body = {0};
	const char *wrong = ctl_fetch(place, path, &page, &body);

	if (!wrong && kri_reading_take(&reading, body))
		wrong = "out of memory";
	if (!wrong &&
	    kri_reading_sum(&reading, "krsession_build_info", NULL) != 1)
		wrong = "what answers there is no krsession";
	if (wrong) {
		kri_reading_free(&reading);
		kri_buffer_free(&page);
		return wrong;
	}
	ctl_moment_free(moment);
	*moment = (struct ctl_moment){page, reading, kri_clock_us()};
	return NULL;
}

void ctl_moment_free(struct ctl_moment *moment)
{
	kri_reading_free(&moment->reading);
	kri_buffer_free(&moment->page);
}

/* ---- pieces ----------------------------------------------------------- */

struct span {
	const struct kri_reading *then, *now;
	double seconds;
	struct kri_buffer *out;
};

static double rate(const struct span *span, const char *name, const char *part)
{
	return kri_reading_growth(span->then, span->now, name, part) /
	       span->seconds;
}

static double level(const struct span *span, const char *name)
{
	return kri_reading_sum(span->now, name, NULL);
}

/* Where a label's bytes end that are whole characters, `most` of them. */
static void put_harmless(struct kri_buffer *out, struct kri_text text,
			 size_t most)
{
	size_t n = text.len < most ? text.len : most;

	for (size_t i = 0; i < n; i++) {
		unsigned char byte = (unsigned char)text.data[i];

		kri_buffer_byte(out,
				byte >= 0x20 && byte < 0x7f ? (char)byte : '?');
	}
	for (size_t i = n; i < most; i++)
		kri_buffer_byte(out, ' ');
}

static void put_time(struct kri_buffer *out, double seconds)
{
	if (seconds < 0)
		kri_buffer_printf(out, " %9s", "-");
	else if (seconds < 0.9995)
		kri_buffer_printf(out, " %6.2f ms", seconds * 1e3);
	else
		kri_buffer_printf(out, " %7.2f s", seconds);
}

/* ---- the picture ------------------------------------------------------ */

static struct kri_text label_of(const struct kri_reading *reading,
				const char *name, const char *label)
{
	for (size_t i = 0; i < reading->n; i++)
		if (kri_text_equal(reading->samples[i].name, kri_text_of(name)))
			return kri_sample_label(&reading->samples[i], label);
	return (struct kri_text){0};
}

static void put_label(struct kri_buffer *out, struct kri_text text)
{
	put_harmless(out, text, text.len < 32 ? text.len : 32);
}

static void put_head(const struct span *span, const char *wrong)
{
	const char *build = "krsession_build_info";
	struct kri_buffer *out = span->out;
	char room[CTL_SPAN];

	kri_buffer_string(out, "krsession ");
	put_label(out, label_of(span->now, build, "version"));
	kri_buffer_string(out, " on ");
	put_label(out, label_of(span->now, build, "store"));
	kri_buffer_printf(
		out, ", up %s, store %s%s\n",
		ctl_span((int64_t)level(span, "krsession_uptime_seconds"),
			 room),
		level(span, "krsession_store_up") == 1 ? "there" : "AWAY",
		level(span, "krsession_draining") == 1 ? ", DRAINING" : "");
	if (wrong)
		kri_buffer_printf(out, "not renewed: %s\n", wrong);
}

static void put_process(const struct span *span)
{
	struct kri_buffer *out = span->out;

	kri_buffer_printf(
		out, "%.0f connections, %.1f/s new; cpu %.2f; %.1f MiB; loops",
		level(span, "krsession_connections"),
		rate(span, "krsession_connections_accepted_total", NULL),
		rate(span, "process_cpu_seconds_total", NULL),
		level(span, "process_resident_memory_bytes") / 1048576);
	for (int i = 0; i < (int)level(span, "krsession_loops") && i < 16;
	     i++) {
		char loop[32];

		snprintf(loop, sizeof(loop), "loop=\"%d\"", i);
		kri_buffer_printf(
			out, " %.0f%%",
			100 * rate(span, "krsession_loop_busy_seconds_total",
				   loop));
	}
	kri_buffer_printf(out, "; pool %.0f of %.0f, %.0f queued\n",
			  level(span, "krsession_pool_threads_busy"),
			  level(span, "krsession_pool_threads"),
			  level(span, "krsession_pool_queued"));
}

/* One row of a histogram. */
static void put_times(const struct span *span, const char *title,
		      const char *name, const char *part)
{
	struct kri_buffer *out = span->out;
	char count[64], sum[64];
	double n, all;

	snprintf(count, sizeof(count), "%s_count", name);
	snprintf(sum, sizeof(sum), "%s_sum", name);
	n = rate(span, count, part);
	all = rate(span, sum, part);
	kri_buffer_printf(out, "  %-10s %9.1f", title, n);
	put_time(out, n > 0 ? all / n : -1);
	put_time(out,
		 kri_reading_quantile(span->then, span->now, name, part, 0.5));
	put_time(out,
		 kri_reading_quantile(span->then, span->now, name, part, 0.99));
	kri_buffer_byte(out, '\n');
}

static void put_stages(const struct span *span)
{
	static const char *const stages[][2] = {
		{"accept", "stage=\"accept\""},
		{"load", "stage=\"load\""},
		{"handle", "stage=\"handle\""},
		{"commit", "stage=\"commit\""},
		{"respond", "stage=\"respond\""},
	};

	kri_buffer_printf(span->out, "\n  %-10s %9s %9s %9s %9s\n", "",
			  "a second", "mean", "p50", "p99");
	put_times(span, "requests", "krsession_request_duration_seconds", NULL);
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		put_times(span, stages[i][0],
			  "krsession_stage_duration_seconds", stages[i][1]);
}

static void put_rates(const struct span *span, const char *title,
		      const char *const (*rates)[2], size_t n)
{
	kri_buffer_printf(span->out, "  %-10s", title);
	for (size_t i = 0; i < n; i++)
		kri_buffer_printf(span->out, "%s%s %.1f", i ? ", " : " ",
				  rates[i][0], rate(span, rates[i][1], NULL));
	kri_buffer_byte(span->out, '\n');
}

#define PUT_RATES(span, title, rates)                                          \
	put_rates(span, title, rates, sizeof(rates) / sizeof((rates)[0]))

static void put_counters(const struct span *span)
{
	static const char *const sessions[][2] = {
		{"created", "krsession_sessions_created_total"},
		{"ended", "krsession_sessions_ended_total"},
		{"touched", "krsession_sessions_touched_total"},
		{"unknown", "krsession_sessions_unknown_total"},
		{"logins", "krsession_logins_total"},
	};
	static const char *const store[][2] = {
		{"loads", "krsession_store_loads_total"},
		{"commits", "krsession_store_commits_total"},
		{"round trips", "krsession_store_round_trips_total"},
		{"commands", "krsession_store_commands_total"},
	};
	static const char *const trouble[][2] = {
		{"errors", "krsession_request_errors_total"},
		{"conflicts", "krsession_conflicts_total"},
		{"reruns", "krsession_reruns_total"},
		{"lost connections",
		 "krsession_store_connection_failures_total"},
		{"lost log lines", "krsession_log_lines_lost_total"},
	};

	kri_buffer_byte(span->out, '\n');
	PUT_RATES(span, "sessions", sessions);
	PUT_RATES(span, "store", store);
	PUT_RATES(span, "trouble", trouble);
}

/* ---- routes and errors ------------------------------------------------ */

struct row {
	const struct kri_sample *sample;
	double rate;
};

static int busier_first(const void *a, const void *b)
{
	const struct row *one = a, *other = b;

	return (one->rate < other->rate) - (one->rate > other->rate);
}

/* Of the sample with the same labels, then. */
static double value_then(const struct kri_reading *then,
			 const struct kri_sample *now)
{
	for (size_t i = 0; i < then->n; i++)
		if (kri_text_equal(then->samples[i].name, now->name) &&
		    kri_text_equal(then->samples[i].labels, now->labels))
			return then->samples[i].value;
	return 0;
}

/* All samples of a metric that grew, the one that grew most first. */
static size_t find_rows(const struct span *span, const char *name,
			struct row *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < span->now->n; i++) {
		const struct kri_sample *sample = &span->now->samples[i];
		double then, grown;

		if (!kri_text_equal(sample->name, kri_text_of(name)))
			continue;
		then = value_then(span->then, sample);
		grown = sample->value < then ? sample->value
					     : sample->value - then;
		if (grown > 0)
			rows[n++] = (struct row){sample, grown / span->seconds};
	}
	qsort(rows, n, sizeof(*rows), busier_first);
	return n;
}

static void put_routes(const struct span *span, struct row *rows)
{
	size_t n = find_rows(span, "krsession_requests_total", rows);

	if (n)
		kri_buffer_printf(span->out, "\n  %-*s %-7s %-5s %9s\n",
				  ROUTE_MAX, "route", "method", "code",
				  "a second");
	for (size_t i = 0; i < n && i < ROUTES; i++) {
		kri_buffer_string(span->out, "  ");
		put_harmless(span->out,
			     kri_sample_label(rows[i].sample, "route"),
			     ROUTE_MAX);
		kri_buffer_byte(span->out, ' ');
		put_harmless(span->out,
			     kri_sample_label(rows[i].sample, "method"), 7);
		kri_buffer_byte(span->out, ' ');
		put_harmless(span->out,
			     kri_sample_label(rows[i].sample, "code"), 5);
		kri_buffer_printf(span->out, " %9.1f\n", rows[i].rate);
	}
}

static void put_errors(const struct span *span, struct row *rows)
{
	size_t n = find_rows(span, "krsession_request_errors_total", rows);

	for (size_t i = 0; i < n; i++) {
		kri_buffer_string(span->out, i ? "," : "\n  errors    ");
		kri_buffer_byte(span->out, ' ');
		put_label(span->out, kri_sample_label(rows[i].sample, "kind"));
		kri_buffer_printf(span->out, " %.1f", rows[i].rate);
	}
	if (n)
		kri_buffer_byte(span->out, '\n');
}

void ctl_picture(const struct ctl_moment *then, const struct ctl_moment *now,
		 const char *wrong, struct kri_buffer *out)
{
	struct span span = {
		.then = &then->reading,
		.now = &now->reading,
		.seconds = (double)(now->at - then->at) / 1e6,
		.out = out,
	};
	struct row *rows = calloc(now->reading.n + 1, sizeof(*rows));

	if (!rows) {
		out->failed = true;
		return;
	}
	put_head(&span, wrong);
	put_process(&span);
	put_stages(&span);
	put_counters(&span);
	put_errors(&span, rows);
	put_routes(&span, rows);
	free(rows);
}
