/*
 * A list of servers that are away, under one lock; so that a fleet of loops
 * says it once that a server has gone, and once that it is back.
 */
#include "redis/outage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

struct kri_outage {
	struct kri_outage *next;
	int64_t since; /* kri_clock_ms(); 0: it is not away */
	char name[];
};

void kri_outages_init(struct kri_outages *outages)
{
	pthread_mutex_init(&outages->lock, NULL);
	outages->first = NULL;
	outages->starting = false;
	outages->fault[0] = '\0';
}

void kri_outages_free(struct kri_outages *outages)
{
	struct kri_outage *outage;

	while ((outage = outages->first)) {
		outages->first = outage->next;
		free(outage);
	}
	pthread_mutex_destroy(&outages->lock);
}

/* With the lock held; NULL without memory. */
static struct kri_outage *find(struct kri_outages *outages, const char *name)
{
	struct kri_outage *outage = outages->first;

	while (outage && strcmp(outage->name, name))
		outage = outage->next;
	if (outage)
		return outage;
	outage = calloc(1, sizeof(*outage) + strlen(name) + 1);
	if (!outage)
		return NULL;
	strcpy(outage->name, name);
	outage->next = outages->first;
	outages->first = outage;
	return outage;
}

/* Sets when it went away, and returns what was there. */
static int64_t change(struct kri_outages *outages, const char *name,
		      int64_t since)
{
	struct kri_outage *outage;
	int64_t before = 0;

	pthread_mutex_lock(&outages->lock);
	outage = find(outages, name);
	if (outage) {
		before = outage->since;
		if (!since || !before)
			outage->since = since;
	}
	pthread_mutex_unlock(&outages->lock);
	return before;
}

static const char *consequence(enum kri_outage_kind kind)
{
	switch (kind) {
	case KRI_OUTAGE_NODE:
		return "its sessions answer 503 until it, or another for it, "
		       "is there";
	case KRI_OUTAGE_DENIED:
		return "sessions answer 503 until user, password and rights "
		       "are put right (its ACL LOG tells what it refused)";
	default:
		return "sessions answer 503 until it is back";
	}
}

/* Some of Redis' errors are sentences. */
static int without_stop(const char *why)
{
	size_t len = strlen(why);

	return (int)(len && why[len - 1] == '.' ? len - 1 : len);
}

void kri_outage_begin(struct kri_outages *outages, const char *name,
		      const char *why, enum kri_outage_kind kind)
{
	if (outages->starting)
		snprintf(outages->fault, sizeof(outages->fault),
			 "redis %s: %.*s", name, without_stop(why), why);
	else if (!change(outages, name, kri_clock_ms()))
		kri_log(KRI_LOG_ERROR, NULL, "redis %s: %.*s; %s", name,
			without_stop(why), why, consequence(kind));
}

void kri_outage_end(struct kri_outages *outages, const char *name)
{
	int64_t since = change(outages, name, 0);

	if (since)
		kri_log(KRI_LOG_WARNING, NULL, "redis %s: back after %lld ms",
			name, (long long)(kri_clock_ms() - since + 1));
}

int64_t kri_outages_since(struct kri_outages *outages)
{
	int64_t since = 0;

	pthread_mutex_lock(&outages->lock);
	for (const struct kri_outage *outage = outages->first; outage;
	     outage = outage->next)
		if (outage->since && (!since || outage->since < since))
			since = outage->since;
	pthread_mutex_unlock(&outages->lock);
	return since;
}
