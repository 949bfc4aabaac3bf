/*
 * One call on one connection: what all kinds of topology have in common.
 */
#include "redis/client.h"

struct kri_deadline kri_connect_deadline(const struct kri_client *client,
					 const struct kri_deadline *whole)
{
	struct kri_deadline deadline;

	kri_deadline_start(&deadline, client->wait,
			   client->topology->endpoint.connect_timeout);
	if (deadline.at > whole->at)
		deadline.at = whole->at;
	deadline.waiting = whole->waiting;
	return deadline;
}

enum kr_err kri_call_read(struct kri_connection *connection,
			  struct kri_call *call, struct kri_arena *arena,
			  struct kri_deadline *deadline)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < call->replies && !err; i++)
		err = kri_connection_read(connection, arena, deadline,
					  &call->reply[i]);
	return err;
}

const struct kri_reply *kri_call_find(const struct kri_call *call,
				      const char *code)
{
	for (size_t i = 0; i < call->replies; i++)
		if (kri_reply_is_error(call->reply[i], code))
			return call->reply[i];
	return NULL;
}

enum kr_err kri_call_check(struct kri_connection *connection,
			   const struct kri_call *call)
{
	for (size_t i = 0; i < call->replies; i++) {
		enum kr_err err = kri_reply_check(call->reply[i]);

		if (err == KR_ERR_UNAVAILABLE || err == KR_ERR_DENIED)
			return kri_connection_fail(connection, err,
						   call->reply[i]->text.data);
	}
	return KR_OK;
}
