/*
 * Sentinels (redis.io, Sentinel clients): any of them names the primary, and
 * the primary itself must agree (ROLE) before it is used.
 */
#include "redis/reach.h"

#include <stdlib.h>

static bool is_address(const struct kri_reply *reply)
{
	return reply->type == KRI_REPLY_ARRAY && reply->n == 2 &&
	       reply->elements[0]->type == KRI_REPLY_STRING &&
	       reply->elements[1]->type == KRI_REPLY_STRING;
}

static enum kr_err refuse(const struct kri_reply *reply, struct kri_buffer *why)
{
	kri_buffer_append(why, reply->text);
	return kri_reply_check(reply);
}

enum kr_err kri_sentinel_read(const struct kri_reply *reply,
			      const char *service, struct kri_address *address,
			      struct kri_buffer *why)
{
	int64_t port;

	if (reply->type == KRI_REPLY_ERROR)
		return refuse(reply, why);
	if (reply->type == KRI_REPLY_NIL) {
		kri_buffer_printf(why,
				  "the Sentinel knows no primary called '%s'",
				  service);
		return KR_ERR_UNAVAILABLE;
	}
	if (!is_address(reply) ||
	    kri_text_to_int(reply->elements[1]->text, 1, 65535, &port)) {
		kri_buffer_string(why, "the Sentinel's answer is no address");
		return KR_ERR_PROTOCOL;
	}
	address->host = strdup(reply->elements[0]->text.data);
	address->port = (int)port;
	return address->host ? KR_OK : KR_ERR_MEMORY;
}

/* A Sentinel may be behind: the server must call itself primary. */
enum kr_err kri_sentinel_check_role(const struct kri_reply *reply,
				    struct kri_buffer *why)
{
	if (reply->type == KRI_REPLY_ERROR)
		return refuse(reply, why);
	if (reply->type == KRI_REPLY_ARRAY && reply->n &&
	    reply->elements[0]->type == KRI_REPLY_STRING &&
	    kri_text_equal(reply->elements[0]->text, KRI_TEXT("master")))
		return KR_OK;
	kri_buffer_string(why, "what the Sentinels name is no primary yet");
	return KR_ERR_UNAVAILABLE;
}
