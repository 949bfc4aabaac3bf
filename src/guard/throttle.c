/*
 * Owns the names of the counters. They hold digests: a store's listing tells
 * neither users nor addresses.
 */
#include "guard/throttle.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DEVICE_SECONDS (INT64_C(365) * 86400) /* that a device stays known */

void guard_net_of(const char *address, char out[GUARD_NET_SIZE])
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET6, address, bytes) != 1) {
		snprintf(out, GUARD_NET_SIZE, "%s", address);
		return;
	}
	/* ::ffff:192.0.2.1 is an IPv4 client on a socket for both. */
	if (!memcmp(bytes, "\0\0\0\0\0\0\0\0\0\0\377\377", 12))
		inet_ntop(AF_INET, bytes + 12, out, GUARD_NET_SIZE);
	else
		snprintf(out, GUARD_NET_SIZE,
			 "%02x%02x:%02x%02x:%02x%02x:%02x%02x::/64", bytes[0],
			 bytes[1], bytes[2], bytes[3], bytes[4], bytes[5],
			 bytes[6], bytes[7]);
}

/* Adds a counter of the window that is now. */
static enum kr_err add(struct guard_try *try, char kind, const char *a,
		       const char *b, int64_t limit)
{
	char digest[GUARD_DIGEST_SIZE];

	if (!guard_digest(a, b, digest))
		return KR_ERR_MEMORY;
	snprintf(try->counters[try->n].name, GUARD_COUNTER_SIZE,
		 "guard:%c:%s:%" PRIx64, kind, digest,
		 (uint64_t)((int64_t)time(NULL) / try->window));
	try->counters[try->n++].limit = limit;
	return KR_OK;
}

static enum kr_err device_name(const char *user, const char *token,
			       char out[GUARD_COUNTER_SIZE])
{
	char digest[GUARD_DIGEST_SIZE];

	if (!guard_digest(user, token, digest))
		return KR_ERR_MEMORY;
	snprintf(out, GUARD_COUNTER_SIZE, "guard:d:%s", digest);
	return KR_OK;
}

/* Whether the cookie was given to this user; who makes one up has none. */
static enum kr_err recognise(struct kr_context *c, const char *user,
			     struct guard_try *try, const char **token)
{
	char name[GUARD_COUNTER_SIZE];
	int64_t times = 0;
	enum kr_err err;

	*token = kr_cookie_in(c, guard_of(c)->device_cookie);
	if (!*token || strlen(*token) != GUARD_TOKEN_SIZE - 1)
		return KR_OK;
	err = device_name(user, *token, name);
	if (!err)
		err = kr_counter_add(try->store, name, 0, DEVICE_SECONDS,
				     &times);
	try->known = !err && times > 0;
	return err;
}

static enum kr_err choose(struct kr_context *c, const char *user,
			  struct guard_try *try)
{
	const struct guard_options *options = &guard_of(c)->options;
	char net[GUARD_NET_SIZE];
	const char *token;
	enum kr_err err = recognise(c, user, try, &token);

	if (err)
		return err;
	if (try->known)
		return add(try, 'k', user, token, options->tries_user_address);
	guard_net_of(kr_client_address(c), net);
	err = add(try, 'b', user, net, options->tries_user_address);
	if (!err)
		err = add(try, 'a', net, "", options->tries_address);
	return err ? err : add(try, 'u', user, "", options->tries_user);
}

enum kr_err guard_throttle_look(struct kr_context *c, const char *user,
				struct guard_try *try, int64_t *wait)
{
	int64_t window = guard_of(c)->options.tries_window;
	enum kr_err err;

	*try = (struct guard_try){.store = kr_context_store(c),
				  .window = window};
	try->wait = window - (int64_t)time(NULL) % window;
	*wait = 0;
	err = choose(c, user, try);
	for (size_t i = 0; i < try->n && !err; i++) {
		int64_t failures = 0;

		err = kr_counter_add(try->store, try->counters[i].name, 0,
				     window, &failures);
		if (!err && failures >= try->counters[i].limit)
			*wait = try->wait;
	}
	return err;
}

enum kr_err guard_throttle_count(const struct guard_try *try)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < try->n && !err; i++) {
		int64_t failures = 0;

		err = kr_counter_add(try->store, try->counters[i].name, 1,
				     try->window, &failures);
	}
	return err;
}

enum kr_err guard_throttle_know(struct kr_context *c, const char *user,
				const struct guard_try *try)
{
	char token[GUARD_TOKEN_SIZE], name[GUARD_COUNTER_SIZE];
	int64_t times = 0;
	enum kr_err err;

	if (try->known)
		return KR_OK;
	if (!guard_token(token))
		return KR_ERR_SYSTEM;
	err = device_name(user, token, name);
	if (!err)
		err = kr_counter_add(try->store, name, 1, DEVICE_SECONDS,
				     &times);
	if (!err)
		err = kr_cookie(c, guard_of(c)->device_cookie, token,
				DEVICE_SECONDS);
	explicit_bzero(token, sizeof(token));
	return err;
}
