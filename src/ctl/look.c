/*
 * The commands that only look: list, show, count, stats. None of them
 * prolongs a session.
 */
#include "ctl/ctl.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

/* ---- list ------------------------------------------------------------- */

/* By the index, if that is enough. */
static enum kr_err walk_wanted(struct ctl *ctl, bool peek, ctl_visit *visit,
			       void *arg)
{
	if (ctl->user && !ctl->scan)
		return ctl_user_walk(ctl, visit, arg);
	return ctl_walk(ctl, peek || ctl->user, visit, arg);
}

static enum kr_err list_page(struct ctl *ctl, struct ctl_page *page, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < page->n; i++) {
		if (!ctl_is_wanted(ctl, page->list[i]))
			continue;
		if (ctl->json)
			ctl_print_json(page->list[i], false);
		else
			ctl_print_row(page->list[i]);
	}
	/* If who reads us has gone there is no use in going on. */
	return ctl_flush(ctl) ? KR_OK : KR_ERR_SYSTEM;
}

int ctl_list(struct ctl *ctl)
{
	enum kr_err err;

	if (!ctl->json)
		ctl_print_head();
	err = walk_wanted(ctl, true, list_page, NULL);
	if (ctl->deaf)
		return CTL_FAILED;
	return err ? ctl_fail("list", err) : CTL_DONE;
}

/* ---- show ------------------------------------------------------------- */

static int show(const struct ctl *ctl, const struct kri_record *record)
{
	if (record->err == KR_ERR_NOT_FOUND) {
		fprintf(stderr, "krsessionctl: there is no session %s\n",
			record->id);
		return CTL_NO;
	}
	if (record->err)
		return ctl_fail(record->id, record->err);
	if (ctl->json)
		ctl_print_json(record, true);
	else
		ctl_print_session(record);
	return CTL_DONE;
}

int ctl_show(struct ctl *ctl)
{
	struct ctl_page *page = calloc(1, sizeof(*page));
	int status = CTL_DONE;

	if (!page)
		return ctl_fail("show", KR_ERR_MEMORY);
	ctl_page_init(page, ctl);
	for (int i = 0; i < ctl->n && status != CTL_FAILED && !ctl->deaf; i++) {
		int shown;

		ctl_page_clear(page);
		ctl_page_add(page, ctl->args[i]);
		ctl_page_peek(ctl, page);
		if (i && !ctl->json)
			putchar('\n');
		shown = show(ctl, page->list[0]);
		if (shown)
			status = shown;
		ctl_flush(ctl);
	}
	ctl_page_free(page);
	free(page);
	return status;
}

/* ---- count ------------------------------------------------------------ */

static enum kr_err count_page(struct ctl *ctl, struct ctl_page *page, void *arg)
{
	int64_t *n = arg;

	if (!ctl->user)
		*n += (int64_t)page->n;
	for (size_t i = 0; ctl->user && i < page->n; i++)
		*n += ctl_is_wanted(ctl, page->list[i]);
	return KR_OK;
}

int ctl_count(struct ctl *ctl)
{
	int64_t n = 0;
	enum kr_err err = walk_wanted(ctl, false, count_page, &n);

	if (err)
		return ctl_fail("count", err);
	printf("%lld\n", (long long)n);
	return CTL_DONE;
}

/* ---- stats ------------------------------------------------------------ */

struct stats {
	int64_t sessions;
	int64_t logged_in; /* sessions with a user, */
	int64_t users;     /* and how many users these are */
	int64_t values, most_values;
	int64_t bytes, most_bytes; /* of keys and values */
	int64_t oldest;            /* s */
	int64_t seen_lately;       /* within the last minute */
	int64_t endless;           /* without a time to live */
	void *names;               /* tsearch(3)'s tree of users */
};

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static enum kr_err count_user(struct stats *stats, struct kri_text user)
{
	char *name, **found;

	if (!user.data)
		return KR_OK;
	stats->logged_in++;
	name = strndup(user.data, user.len);
	found = name ? tsearch(name, &stats->names, compare) : NULL;
	if (found && *found == name)
		stats->users++;
	else
		free(name);
	return found ? KR_OK : KR_ERR_MEMORY;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static enum kr_err add(struct stats *stats, const struct kri_record *record)
{
	int64_t now = kri_clock_epoch_ms(), bytes = 0, values = 0;

	for (size_t i = 0; i < record->n; i++) {
		const struct kri_value *value = &record->values[i];

		if (*value->key.data == '@')
			continue;
		values++;
		bytes += (int64_t)(value->key.len + value->data.len);
	}
	stats->sessions++;
	stats->values += values;
	stats->bytes += bytes;
	stats->most_values = larger(stats->most_values, values);
	stats->most_bytes = larger(stats->most_bytes, bytes);
	stats->oldest = larger(stats->oldest, now / 1000 - record->born);
	stats->seen_lately += now - record->seen < 60000;
	stats->endless += record->left < 0;
	return count_user(stats, ctl_user_of(record));
}

static enum kr_err stats_page(struct ctl *ctl, struct ctl_page *page, void *arg)
{
	enum kr_err err = KR_OK;

	(void)ctl;
	for (size_t i = 0; i < page->n && !err; i++)
		err = add(arg, page->list[i]);
	return err;
}

static void print_stats(const struct stats *stats)
{
	char oldest[CTL_SPAN];
	long long n = stats->sessions ? stats->sessions : 1;

	printf("sessions            %lld\n", (long long)stats->sessions);
	printf("with a user         %lld\n", (long long)stats->logged_in);
	printf("users               %lld\n", (long long)stats->users);
	printf("seen this minute    %lld\n", (long long)stats->seen_lately);
	printf("oldest              %s\n", ctl_span(stats->oldest, oldest));
	printf("without an end      %lld\n", (long long)stats->endless);
	printf("values a session    %lld, at most %lld\n",
	       (long long)stats->values / n, (long long)stats->most_values);
	printf("bytes a session     %lld, at most %lld\n",
	       (long long)stats->bytes / n, (long long)stats->most_bytes);
}

static void print_stats_json(const struct stats *stats)
{
	printf("{\"sessions\":%lld,\"with_user\":%lld,\"users\":%lld,"
	       "\"seen_this_minute\":%lld,\"oldest\":%lld,\"endless\":%lld,"
	       "\"values\":%lld,\"most_values\":%lld,"
	       "\"bytes\":%lld,\"most_bytes\":%lld}\n",
	       (long long)stats->sessions, (long long)stats->logged_in,
	       (long long)stats->users, (long long)stats->seen_lately,
	       (long long)stats->oldest, (long long)stats->endless,
	       (long long)stats->values, (long long)stats->most_values,
	       (long long)stats->bytes, (long long)stats->most_bytes);
}

int ctl_stats(struct ctl *ctl)
{
	struct stats stats = {0};
	enum kr_err err = ctl_walk(ctl, true, stats_page, &stats);

	tdestroy(stats.names, free);
	if (err)
		return ctl_fail("stats", err);
	if (ctl->json)
		print_stats_json(&stats);
	else
		print_stats(&stats);
	return CTL_DONE;
}
