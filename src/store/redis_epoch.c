/*
 * A table of users with, for each, the last entry and the greatest of those
 * that keep another session than the last one does. More is not needed: a
 * session that the last one keeps is ended by one of these, any other by the
 * last. So entries may be taken more than once and in any order.
 */
#include "store/redis_epoch.h"

#include <stdlib.h>

#include "base/crypto.h"

#define SIZE_FIRST 16 /* buckets */
#define MOST 20000    /* users, unless there are more in the stream */

struct kri_ending {
	struct kri_ending *next; /* in its bucket */
	struct kri_stream_id last;
	char keep[KRI_ID_LEN + 1];         /* of the last; "": none */
	struct kri_stream_id others_until; /* by those that keep another */
	size_t len;                        /* of the user's name */
	char user[];
};

/* ---- ids -------------------------------------------------------------- */

static enum kr_err read_half(struct kri_text text, uint64_t *number)
{
	*number = 0;
	if (!text.len)
		return KR_ERR_INPUT;
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned char)text.data[i] - '0';

		if (digit > 9)
			return KR_ERR_INPUT;
		if (__builtin_mul_overflow(*number, 10, number))
			return KR_ERR_INPUT;
		if (__builtin_add_overflow(*number, digit, number))
			return KR_ERR_INPUT;
	}
	return KR_OK;
}

enum kr_err kri_stream_id_read(struct kri_text text, struct kri_stream_id *id)
{
	bool whole = text.len && memchr(text.data, '-', text.len) != NULL;
	struct kri_text ms = kri_text_cut(&text, '-');
	enum kr_err err = read_half(ms, &id->ms);

	id->seq = 0;
	return err || !whole ? err : read_half(text, &id->seq);
}

int kri_stream_id_compare(struct kri_stream_id a, struct kri_stream_id b)
{
	if (a.ms != b.ms)
		return a.ms < b.ms ? -1 : 1;
	if (a.seq != b.seq)
		return a.seq < b.seq ? -1 : 1;
	return 0;
}

/* ---- the table -------------------------------------------------------- */

enum kr_err kri_redis_epoch_init(struct kri_redis_epoch *epoch)
{
	*epoch = (struct kri_redis_epoch){.most = MOST};
	return kri_random(&epoch->seed, sizeof(epoch->seed));
}

static void forget(struct kri_redis_epoch *epoch)
{
	for (size_t i = 0; i < epoch->size; i++)
		while (epoch->buckets[i]) {
			struct kri_ending *ending = epoch->buckets[i];

			epoch->buckets[i] = ending->next;
			free(ending);
		}
	epoch->n = 0;
	epoch->begun = false;
}

void kri_redis_epoch_free(struct kri_redis_epoch *epoch)
{
	forget(epoch);
	free(epoch->buckets);
	epoch->buckets = NULL;
	epoch->size = 0;
}

/* FNV-1a from a secret beginning. */
static uint64_t hash(const struct kri_redis_epoch *epoch, struct kri_text user)
{
	uint64_t sum = 0xcbf29ce484222325 ^ epoch->seed;

	for (size_t i = 0; i < user.len; i++)
		sum = (sum ^ (unsigned char)user.data[i]) * 0x100000001b3;
	return (sum ^ sum >> 32) * 0x9e3779b97f4a7c15 >> 32;
}

static struct kri_ending **bucket_of(const struct kri_redis_epoch *epoch,
				     struct kri_text user)
{
	return &epoch->buckets[hash(epoch, user) & (epoch->size - 1)];
}

static struct kri_text user_of(const struct kri_ending *ending)
{
	return kri_text(ending->user, ending->len);
}

static struct kri_ending *find(const struct kri_redis_epoch *epoch,
			       struct kri_text user)
{
	struct kri_ending *ending =
		epoch->size ? *bucket_of(epoch, user) : NULL;

	while (ending && !kri_text_equal(user_of(ending), user))
		ending = ending->next;
	return ending;
}

static void put(struct kri_redis_epoch *epoch, struct kri_ending *ending)
{
	struct kri_ending **at = bucket_of(epoch, user_of(ending));

	ending->next = *at;
	*at = ending;
}

/* Twice as many buckets. A table that cannot grow does its work more slowly. */
static void grow(struct kri_redis_epoch *epoch)
{
	struct kri_ending **old = epoch->buckets;
	size_t old_size = epoch->size;
	size_t size = old_size ? 2 * old_size : SIZE_FIRST;
	struct kri_ending **buckets = calloc(size, sizeof(*buckets));

	if (!buckets)
		return;
	epoch->buckets = buckets;
	epoch->size = size;
	for (size_t i = 0; i < old_size; i++)
		for (struct kri_ending *ending = old[i], *next; ending;
		     ending = next) {
			next = ending->next;
			put(epoch, ending);
		}
	free(old);
}

static struct kri_ending *add(struct kri_redis_epoch *epoch,
			      struct kri_text user)
{
	struct kri_ending *ending;

	if (epoch->n >= epoch->size)
		grow(epoch);
	ending = epoch->size ? malloc(sizeof(*ending) + user.len) : NULL;
	if (!ending)
		return NULL;
	*ending = (struct kri_ending){.len = user.len};
	memcpy(ending->user, user.data, user.len);
	put(epoch, ending);
	epoch->n++;
	return ending;
}

/* ---- entries ---------------------------------------------------------- */

static struct kri_stream_id greater(struct kri_stream_id a,
				    struct kri_stream_id b)
{
	return kri_stream_id_compare(a, b) < 0 ? b : a;
}

static bool keeps(const struct kri_ending *ending, struct kri_text keep)
{
	return kri_text_equal(kri_text_of(ending->keep), keep);
}

static enum kr_err note(struct kri_redis_epoch *epoch, struct kri_text user,
			struct kri_text keep, struct kri_stream_id id)
{
	struct kri_ending *ending = find(epoch, user);
	int order;

	if (!ending && !(ending = add(epoch, user)))
		return KR_ERR_MEMORY;
	order = kri_stream_id_compare(id, ending->last);
	if (order == 0)
		return KR_OK;
	if (!keeps(ending, keep))
		ending->others_until = greater(ending->others_until,
					       order > 0 ? ending->last : id);
	if (order < 0)
		return KR_OK;
	ending->last = id;
	memcpy(ending->keep, keep.data, keep.len);
	ending->keep[keep.len] = '\0';
	return KR_OK;
}

static const struct kri_text *field_of(const struct kri_reply *fields,
				       char name)
{
	if (fields->type != KRI_REPLY_ARRAY)
		return NULL;
	for (size_t i = 0; i + 1 < fields->n; i += 2)
		if (fields->elements[i]->type == KRI_REPLY_STRING &&
		    fields->elements[i + 1]->type == KRI_REPLY_STRING &&
		    fields->elements[i]->text.len == 1 &&
		    fields->elements[i]->text.data[0] == name)
			return &fields->elements[i + 1]->text;
	return NULL;
}

/* What another has put there may be anything. */
static enum kr_err take_fields(struct kri_redis_epoch *epoch,
			       const struct kri_reply *fields,
			       struct kri_stream_id id)
{
	const struct kri_text *user = field_of(fields, 'u');
	const struct kri_text *keep = field_of(fields, 'k');

	if (!user || !user->len || !keep ||
	    (keep->len && keep->len != KRI_ID_LEN))
		return KR_OK;
	return note(epoch, *user, *keep, id);
}

static bool is_array(const struct kri_reply *reply, size_t n)
{
	return reply->type == KRI_REPLY_ARRAY && reply->n == n;
}

static enum kr_err take_entries(struct kri_redis_epoch *epoch,
				const struct kri_reply *entries,
				struct kri_stream_id *at)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < entries->n && !err; i++) {
		const struct kri_reply *entry = entries->elements[i];
		struct kri_stream_id id;

		if (!is_array(entry, 2) ||
		    entry->elements[0]->type != KRI_REPLY_STRING ||
		    kri_stream_id_read(entry->elements[0]->text, &id) ||
		    kri_stream_id_compare(id, *at) <= 0)
			return KR_ERR_PROTOCOL;
		err = take_fields(epoch, entry->elements[1], id);
		*at = id;
	}
	return err;
}

enum kr_err kri_redis_epoch_take(struct kri_redis_epoch *epoch,
				 const struct kri_reply *reply,
				 struct kri_stream_id *at, bool *more)
{
	const struct kri_reply *stream;

	*more = false;
	if (reply->type == KRI_REPLY_NIL)
		return KR_OK;
	if (!is_array(reply, 1) || !is_array(reply->elements[0], 2))
		return KR_ERR_PROTOCOL;
	stream = reply->elements[0];
	if (stream->elements[1]->type != KRI_REPLY_ARRAY)
		return KR_ERR_PROTOCOL;
	*more = stream->elements[1]->n >= KRI_EPOCH_STEP;
	return take_entries(epoch, stream->elements[1], at);
}

/* ---- what is known ----------------------------------------------------- */

void kri_redis_epoch_cover(struct kri_redis_epoch *epoch,
			   struct kri_stream_id from, struct kri_stream_id to)
{
	if (!epoch->begun) {
		epoch->from = from;
		epoch->to = to;
	}
	epoch->begun = true;
	if (kri_stream_id_compare(from, epoch->from) < 0)
		epoch->from = from;
	epoch->to = greater(epoch->to, to);
}

void kri_redis_epoch_heed(struct kri_redis_epoch *epoch, uint64_t connections)
{
	if (epoch->connections == connections)
		return;
	epoch->connections = connections;
	epoch->begun = false;
}

/* As it is read anew then, the most is at least what the stream has. */
void kri_redis_epoch_trim(struct kri_redis_epoch *epoch)
{
	if (epoch->n <= epoch->most || epoch->asking)
		return;
	epoch->most = 2 * epoch->n;
	forget(epoch);
}

bool kri_redis_epoch_is_over(const struct kri_redis_epoch *epoch,
			     struct kri_text user, const char *id,
			     struct kri_stream_id mark)
{
	const struct kri_ending *ending = find(epoch, user);

	if (!ending)
		return false;
	return kri_stream_id_compare(mark, keeps(ending, kri_text_of(id))
						   ? ending->others_until
						   : ending->last) < 0;
}
