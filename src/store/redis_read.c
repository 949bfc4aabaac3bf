/*
 * Replies to records. Trusts nothing: each reply's type is checked, and what
 * is stored under our name must be one of our sessions.
 */
#include "store/redis_wire.h"

#include "base/log.h"

#define LASTING_EVERY 60000 /* ms between lines on what lasts */

/* How much of the words may be said. Redis shows the arguments of a command
 * that it does not know, and among them are digests and values. */
static int sayable(const char *words)
{
	const char *arguments = strstr(words, ", with args beginning with");

	return (int)(arguments ? (size_t)(arguments - words) : strlen(words));
}

/* What does not go away by itself: a command that is unknown, alone or in a
 * script, and a Redis that is full. "" for all else. */
static const char *advice(const char *words)
{
	if (strcasestr(words, "unknown command") ||
	    strcasestr(words, "unknown redis command"))
		return "; sessions need Redis 4.0 or later, or what is like "
		       "it, with none of their commands renamed or disabled";
	if (!strncmp(words, "NOPERM ", 7) ||
	    strstr(words, "executing the script"))
		return "; logins and what they made answer 503 until our user "
		       "may do what README lists";
	if (!strncmp(words, "OOM ", 4))
		return "; new sessions and changes answer 503 until it has "
		       "room: see its maxmemory";
	return "";
}

void kri_redis_complain(const char *id, const char *what, const char *words)
{
	static _Atomic int64_t next, next_lasting;
	struct kri_log_ids ids = {.session = id};
	const char *more = advice(words);

	if (*more ? kri_log_is_due_every(&next_lasting, LASTING_EVERY)
		  : kri_log_is_due(&next))
		kri_log(KRI_LOG_ERROR, &ids, "redis: %s: %.*s%s", what,
			sayable(words), words, more);
}

/* Only what Redis says itself: another reply may hold a session's value. */
static const char *words_of(const struct kri_reply *reply)
{
	if (reply->type == KRI_REPLY_ERROR || reply->type == KRI_REPLY_STATUS)
		return reply->text.data;
	return "wrong type of reply";
}

enum kr_err kri_redis_refused(const char *id, const char *what,
			      const struct kri_reply *reply)
{
	enum kr_err err = kri_reply_check(reply);

	if (!err)
		err = KR_ERR_PROTOCOL;
	if (err == KR_ERR_PROTOCOL || err == KR_ERR_FULL)
		kri_redis_complain(id, what, words_of(reply));
	return err;
}

/* ---- a load ----------------------------------------------------------- */

/* A reply is an object, its text with a NUL, and a place in the array. */
#define REPLY_ROOM (sizeof(struct kri_reply) + sizeof(void *) + 32)

/* Twice what a session at all limits takes: the limits may have been higher
 * when it was written. */
size_t kri_redis_load_room(const struct kri_config *config)
{
	size_t own = KRI_OWN_FIELDS + KRI_OWN_VALUES;
	size_t fields = (size_t)config->max_values + own;

	return 2 * ((size_t)config->max_size + (2 * fields + 2) * REPLY_ROOM +
		    own * 128);
}

static enum kr_err read_number(struct kri_text text, int64_t *number)
{
	if (kri_text_to_int(text, 0, INT64_MAX, number))
		return KR_ERR_PROTOCOL;
	return KR_OK;
}

static enum kr_err read_digest(struct kri_text text,
			       unsigned char out[KRI_DIGEST_SIZE])
{
	if (text.len != KRI_DIGEST_SIZE)
		return KR_ERR_PROTOCOL;
	memcpy(out, text.data, KRI_DIGEST_SIZE);
	return KR_OK;
}

static enum kr_err read_was(struct kri_record *record, struct kri_text text)
{
	if (text.len < KRI_DIGEST_SIZE)
		return KR_ERR_PROTOCOL;
	memcpy(record->was, text.data, KRI_DIGEST_SIZE);
	return read_number(kri_text(text.data + KRI_DIGEST_SIZE,
				    text.len - KRI_DIGEST_SIZE),
			   &record->was_at);
}

/* One of the store's own fields. False: it is a value, and so is what a later
 * program's store may add. */
static bool read_own(struct kri_record *record, struct kri_text key,
		     struct kri_text data, enum kr_err *err)
{
	if (kri_text_equal(key, KRI_FIELD_AUTH))
		*err = read_digest(data, record->auth);
	else if (kri_text_equal(key, KRI_FIELD_BORN))
		*err = read_number(data, &record->born);
	else if (kri_text_equal(key, KRI_FIELD_VERSION))
		*err = read_number(data, &record->version);
	else if (kri_text_equal(key, KRI_FIELD_SEEN))
		*err = read_number(data, &record->seen);
	else if (kri_text_equal(key, KRI_FIELD_WAS))
		*err = read_was(record, data);
	else if (kri_text_equal(key, KRI_FIELD_MARK))
		record->mark = data;
	else
		return false;
	return true;
}

/* The record has room for one more value; it borrows key and data. */
static enum kr_err read_pair(struct kri_record *record,
			     const struct kri_reply *key,
			     const struct kri_reply *data)
{
	enum kr_err err = KR_OK;

	if (key->type != KRI_REPLY_STRING || data->type != KRI_REPLY_STRING)
		return KR_ERR_PROTOCOL;
	if (key->text.len && key->text.data[0] == '@' &&
	    read_own(record, key->text, data->text, &err))
		return err;
	record->values[record->n++] =
		(struct kri_value){.key = key->text, .data = data->text};
	return KR_OK;
}

/* The three fields that each session has, or it is none of ours. */
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
		return kri_redis_refused(record->id, "HGETALL", hash);
	if (hash->n == 0)
		return KR_ERR_NOT_FOUND;
	err = kri_record_reserve(record, hash->n / 2);
	if (err)
		return err;
	for (size_t i = 0; i < hash->n && !err; i += 2)
		err = read_pair(record, hash->elements[i],
				hash->elements[i + 1]);
	if (!err && is_whole(record))
		return KR_OK;
	kri_redis_complain(record->id, "HGETALL", "not a session");
	return KR_ERR_PROTOCOL;
}

enum kr_err kri_redis_read_load(struct kri_record *record,
				const struct kri_call *call)
{
	kri_record_clear(record);
	record->source = call->server;
	if (!call->err)
		return read_hash(record, call->reply[0]);
	if (call->err != KR_ERR_LIMIT)
		return call->err;
	if (record->arena->overflow)
		return KR_ERR_MEMORY; /* the caller's limit, not ours */
	kri_redis_complain(record->id, "HGETALL",
			   "larger than a session may be");
	return KR_ERR_PROTOCOL;
}

enum kr_err kri_redis_read_peek(struct kri_record *record,
				const struct kri_call *call)
{
	enum kr_err err = kri_redis_read_load(record, call);

	if (err)
		return err;
	if (call->reply[1]->type != KRI_REPLY_INTEGER)
		return kri_redis_refused(record->id, "PTTL", call->reply[1]);
	record->left = call->reply[1]->integer;
	/* It ended between the two commands. */
	return record->left == -2 ? KR_ERR_NOT_FOUND : KR_OK;
}

/* ---- a commit --------------------------------------------------------- */

static enum kr_err read_script(struct kri_record *record,
			       const struct kri_reply *reply)
{
	bool swap = kri_redis_is_swap(record);

	if (reply->type != KRI_REPLY_INTEGER)
		return kri_redis_refused(record->id, "script", reply);
	switch (reply->integer) {
	case KRI_COMMIT_GONE:
		return KR_ERR_GONE;
	case KRI_COMMIT_CONFLICT:
		return KR_ERR_CONFLICT;
	case KRI_COMMIT_RENEWED:
		return KR_ERR_RENEWED;
	}
	/* 0 is what a creation answers whose PEXPIRE found nothing. */
	if (reply->integer <= 0 || (swap && reply->integer != 1))
		return kri_redis_refused(record->id, "script", reply);
	record->version = swap ? record->version + 1 : reply->integer;
	return KR_OK;
}

enum kr_err kri_redis_read_commit(struct kri_record *record,
				  const struct kri_call *call)
{
	const struct kri_reply *reply = call->reply[0];

	if (call->err)
		return call->err;
	if (record->operation != KRI_OP_DESTROY)
		return read_script(record, reply);
	if (reply->type != KRI_REPLY_INTEGER)
		return kri_redis_refused(record->id, "UNLINK", reply);
	return KR_OK;
}
