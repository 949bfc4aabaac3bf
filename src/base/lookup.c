/*
 * Look-ups that are out, by host, each with those who wait for it. One that
 * nobody waits for any more is left to end by itself: the resolver cannot be
 * called back.
 */
#include "base/lookup.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/thread.h"
#include "base/uv.h"

#define STACK (512 << 10) /* bytes, for what the resolver loads, too */

struct kri_lookup {
	uv_async_t back; /* the thread is done, or all but */
	pthread_t thread;
	int status; /* of getaddrinfo(), which is the thread's until then */
	struct addrinfo *found;
	struct kri_lookups *lookups; /* NULL: closed */
	struct kri_lookup *next;
	struct kri_waiter *waiters;
	char host[];
};

static void unlink_lookup(struct kri_lookup *lookup)
{
	struct kri_lookup **at;

	if (!lookup->lookups)
		return;
	at = &lookup->lookups->first;
	while (*at != lookup)
		at = &(*at)->next;
	*at = lookup->next;
}

static void free_lookup(uv_handle_t *handle)
{
	free(handle->data);
}

/* A waiter that is told may begin the next look-up, or close all. */
static void on_answer(uv_async_t *back)
{
	struct kri_lookup *lookup = back->data;
	struct kri_waiter *waiter;
	bool good;

	pthread_join(lookup->thread, NULL);
	good = !lookup->status;
	unlink_lookup(lookup);
	lookup->lookups = NULL;
	while ((waiter = lookup->waiters)) {
		lookup->waiters = waiter->next;
		waiter->lookup = NULL;
		waiter->found(waiter, good ? lookup->found : NULL,
			      good ? "" : gai_strerror(lookup->status));
	}
	if (good)
		freeaddrinfo(lookup->found);
	uv_close((uv_handle_t *)back, free_lookup);
}

static struct kri_lookup *find(const struct kri_lookups *lookups,
			       const char *host)
{
	struct kri_lookup *lookup = lookups->first;

	while (lookup && strcmp(lookup->host, host))
		lookup = lookup->next;
	return lookup;
}

static void *ask(void *arg)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct kri_lookup *lookup = arg;

	lookup->status =
		getaddrinfo(lookup->host, NULL, &hints, &lookup->found);
	uv_async_send(&lookup->back);
	return NULL;
}

static enum kr_err begin(struct kri_lookups *lookups, uv_loop_t *loop,
			 const char *host, struct kri_lookup **out)
{
	struct kri_lookup *lookup =
		calloc(1, sizeof(*lookup) + strlen(host) + 1);
	enum kr_err err;

	if (!lookup)
		return KR_ERR_MEMORY;
	strcpy(lookup->host, host);
	err = kri_err_of_uv(uv_async_init(loop, &lookup->back, on_answer));
	if (err) {
		free(lookup);
		return err;
	}
	lookup->back.data = lookup;
	if (kri_thread_start(&lookup->thread, STACK, ask, lookup)) {
		uv_close((uv_handle_t *)&lookup->back, free_lookup);
		return KR_ERR_SYSTEM;
	}
	lookup->lookups = lookups;
	lookup->next = lookups->first;
	lookups->first = lookup;
	*out = lookup;
	return KR_OK;
}

enum kr_err kri_lookup_start(struct kri_lookups *lookups,
			     struct uv_loop_s *loop, const char *host,
			     struct kri_waiter *waiter)
{
	struct kri_lookup *lookup = find(lookups, host);
	enum kr_err err = lookup ? KR_OK : begin(lookups, loop, host, &lookup);

	if (err)
		return err;
	waiter->lookup = lookup;
	waiter->next = lookup->waiters;
	lookup->waiters = waiter;
	return KR_OK;
}

void kri_lookup_leave(struct kri_waiter *waiter)
{
	struct kri_waiter **at;

	if (!waiter->lookup)
		return;
	at = &waiter->lookup->waiters;
	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	waiter->lookup = NULL;
}

void kri_lookups_close(struct kri_lookups *lookups)
{
	struct kri_lookup *lookup;

	while ((lookup = lookups->first)) {
		lookups->first = lookup->next;
		lookup->lookups = NULL;
	}
}
