/*
 * Replies to records. Trusts nothing: each reply's type is checked, and what
 * is stored under our name must be one of our sessions.
 */
#include "store/redis_wire.h"

#include "base/log.h"

/* Only what Redis says itself: another reply may hold a session's value. */
static const char *words_of(const struct kri_reply *reply)
{
	if (reply->type == KRI_REPLY_ERROR || reply->type == KRI_REPLY_STATUS)
		return reply->text.data;
	return "wrong type of reply";
}

static void complain(const struct kri_record *record, const char *what,
		     const struct kri_reply *reply)
{
	struct kri_log_ids ids = {.session = record->id};
	static _Atomic int64_t next;

	if (!kri_log_is_due(&next))
		return;
	kri_log(KRI_LOG_ERROR, &ids, "redis: %s: %s", what, words_of(reply));
}

/* An error reply's meaning, said in the log if it is a surprise. */
static enum kr_err refused(const struct kri_record *record, const char *what,
			   const struct kri_reply *reply)
{
	enum kr_err err = kri_reply_check(reply);

	if (!err)
		err = KR_ERR_PROTOCOL;
	if (err == KR_ERR_PROTOCOL || err == KR_ERR_FULL)
		complain(record, what, reply);
	return err;
}

static enum kr_err read_number(struct kri_text text, int64_t *number)
{
	if (kri_text_to_int(text, 0, INT64_MAX, number))
		return KR_ERR_PROTOCOL;
	return KR_OK;
}

/* The record has room for one more value; it borrows key and data. */
static enum kr_err read_field(struct kri_record *record, struct kri_text key,
			      struct kri_text data)
{
	if (key.len && key.data[0] == '@') {
		if (kri_text_equal(key, KRI_FIELD_BORN))
			return read_number(data, &record->born);
		if (kri_text_equal(key, KRI_FIELD_VERSION))
			return read_number(data, &record->version);
		if (!kri_text_equal(key, KRI_FIELD_AUTH))
			return KR_OK;
		if (data.len != KRI_DIGEST_SIZE)
			return KR_ERR_PROTOCOL;
		memcpy(record->auth, data.data, KRI_DIGEST_SIZE);
		return KR_OK;
	}
	record->values[record->n++] =
		(struct kri_value){.key = key, .data = data};
	return KR_OK;
}

static enum kr_err read_pair(struct kri_record *record,
			     const struct kri_reply *key,
			     const struct kri_reply *data)
{
	if (key->type != KRI_REPLY_STRING || data->type != KRI_REPLY_STRING)
		return KR_ERR_PROTOCOL;
	return read_field(record, key->text, data->text);
}

/* All three of our own fields, or it is none of our sessions. */
static bool is_whole(const struct kri_record *record)
{
	static const unsigned char none[KRI_DIGEST_SIZE];

	return record->version > 0 && record->born > 0 &&
	       memcmp(record->auth, none, sizeof(none)) != 0;
}

static enum kr_err read_hash(struct kri_record *record,
			     const struct kri_reply *hash)
{
	enum kr_err err;

	if (hash->type != KRI_REPLY_ARRAY || hash->n % 2)
		return refused(record, "HGETALL", hash);
	if (hash->n == 0)
		return KR_ERR_NOT_FOUND;
	err = kri_record_reserve(record, hash->n / 2);
	for (size_t i = 0; i < hash->n && !err; i += 2)
		err = read_pair(record, hash->elements[i],
				hash->elements[i + 1]);
	if (err)
		return err;
	if (is_whole(record))
		return KR_OK;
	complain(record, "HGETALL",
		 &(struct kri_reply){.type = KRI_REPLY_STATUS,
				     .text = KRI_TEXT("not a session")});
	return KR_ERR_PROTOCOL;
}

enum kr_err kri_redis_read_load(struct kri_record *record,
				const struct kri_call *call)
{
	enum kr_err err = read_hash(record, call->reply[0]);

	if (err)
		return err;
	if (call->reply[1]->type != KRI_REPLY_INTEGER)
		return refused(record, "PEXPIRE", call->reply[1]);
	/* It ended between the two commands. */
	return call->reply[1]->integer == 1 ? KR_OK : KR_ERR_NOT_FOUND;
}

/* A queued command's error says more than EXEC's, which only follows it. */
static enum kr_err read_create(const struct kri_record *record,
			       const struct kri_call *call)
{
	for (size_t i = 0; i < 3; i++)
		if (call->reply[i]->type != KRI_REPLY_STATUS)
			return refused(record, "MULTI", call->reply[i]);
	if (call->reply[3]->type != KRI_REPLY_ARRAY || call->reply[3]->n != 2)
		return refused(record, "EXEC", call->reply[3]);
	for (size_t i = 0; i < 2; i++)
		if (call->reply[3]->elements[i]->type != KRI_REPLY_INTEGER)
			return refused(record, "EXEC",
				       call->reply[3]->elements[i]);
	/* PEXPIRE's 1: a session must not be without a time to live. */
	if (call->reply[3]->elements[1]->integer != 1)
		return refused(record, "EXEC", call->reply[3]);
	return KR_OK;
}

enum kr_err kri_redis_read_update(struct kri_record *record,
				  const struct kri_call *call)
{
	const struct kri_reply *reply = call->reply[0];

	if (reply->type != KRI_REPLY_INTEGER)
		return refused(record, "commit script", reply);
	if (reply->integer == KRI_COMMIT_GONE)
		return KR_ERR_GONE;
	if (reply->integer == KRI_COMMIT_CONFLICT)
		return KR_ERR_CONFLICT;
	record->version = reply->integer;
	return KR_OK;
}

enum kr_err kri_redis_read_commit(struct kri_record *record,
				  const struct kri_call *call)
{
	switch (record->operation) {
	case KRI_OP_CREATE:
		return read_create(record, call);
	case KRI_OP_DESTROY:
		if (call->reply[0]->type != KRI_REPLY_INTEGER)
			return refused(record, "UNLINK", call->reply[0]);
		return KR_OK;
	default:
		return kri_redis_read_update(record, call);
	}
}
