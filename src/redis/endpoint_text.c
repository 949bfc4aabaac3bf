/*
 * Which of the two spellings an endpoint's text has, and what neither says.
 */
#include "redis/endpoint.h"

/* A scheme stands first; a password further on may look like one. */
static bool is_url(const char *text)
{
	return !strncmp(text + strspn(text, "abcdefghijklmnopqrstuvwxyz"
					    "ABCDEFGHIJKLMNOPQRSTUVWXYZ+-."),
			"://", 3);
}

static enum kr_err parse(const char *text, struct kri_endpoint *endpoint,
			 struct kri_buffer *why)
{
	if (is_url(text))
		return kri_endpoint_parse_url(text, endpoint, why);
	return kri_endpoint_parse_string(text, endpoint, why);
}

/* A port that nobody named is Redis', or the Sentinels'. */
static void set_ports(struct kri_endpoint *endpoint, bool sentinels)
{
	int port = sentinels ? KRI_SENTINEL_PORT : KRI_REDIS_PORT;

	for (size_t i = 0; i < endpoint->n; i++)
		if (endpoint->addresses[i].host && !endpoint->addresses[i].port)
			endpoint->addresses[i].port = port;
}

enum kr_err kri_endpoint_parse(const char *text, bool sentinels,
			       struct kri_endpoint *endpoint,
			       struct kri_buffer *why)
{
	struct kri_endpoint parsed = {
		.tls_minimum = KRI_UNSAID,
		.connect_timeout = KRI_UNSAID,
		.io_timeout = KRI_UNSAID,
		.keep_alive = KRI_UNSAID,
		.abort_on_connect_fail = KRI_UNSAID,
		.connect_retry = KRI_UNSAID,
	};
	enum kr_err err = parse(text, &parsed, why);

	if (err) {
		kri_endpoint_free(&parsed);
		return err;
	}
	set_ports(&parsed, sentinels || parsed.service);
	*endpoint = parsed;
	return KR_OK;
}
