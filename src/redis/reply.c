/*
 * hiredis' reader calls back for each element; ours go into an arena, so a
 * reply costs no malloc and nothing has to be freed.
 */
#include "redis/reply.h"

#include <stdint.h>

#include <hiredis/read.h>

/* The reader owns no object: the arena does. */
static void free_nothing(void *object)
{
	(void)object;
}

/* A reply in its place: in its parent's elements, if it has a parent. Room
 * for `more` bytes follows it. */
static struct kri_reply *make_with(const redisReadTask *task,
				   enum kri_reply_type type, size_t more)
{
	struct kri_reply *reply = NULL;

	if (more < PTRDIFF_MAX - sizeof(*reply))
		reply = kri_arena_alloc(task->privdata, sizeof(*reply) + more);

	if (!reply)
		return NULL;
	*reply = (struct kri_reply){.type = type};
	if (task->parent) {
		struct kri_reply *parent = task->parent->obj;

		parent->elements[task->idx] = reply;
	}
	return reply;
}

static struct kri_reply *make(const redisReadTask *task,
			      enum kri_reply_type type)
{
	return make_with(task, type, 0);
}

static void *make_string(const redisReadTask *task, char *data, size_t len)
{
	enum kri_reply_type type = KRI_REPLY_STRING;
	struct kri_reply *reply;
	char *text;

	if (task->type == REDIS_REPLY_STATUS)
		type = KRI_REPLY_STATUS;
	else if (task->type == REDIS_REPLY_ERROR)
		type = KRI_REPLY_ERROR;
	reply = make_with(task, type, len + 1);
	if (!reply)
		return NULL;
	text = (char *)(reply + 1);
	if (len)
		memcpy(text, data, len);
	text[len] = '\0';
	reply->text = kri_text(text, len);
	return reply;
}

static void *make_array(const redisReadTask *task, size_t n)
{
	struct kri_reply *reply = make(task, KRI_REPLY_ARRAY);

	if (!reply || n >= SIZE_MAX / sizeof(*reply->elements))
		return NULL;
	reply->n = n;
	reply->elements = kri_arena_alloc(task->privdata,
					  (n + 1) * sizeof(*reply->elements));
	return reply->elements ? reply : NULL;
}

static void *make_integer(const redisReadTask *task, long long value)
{
	struct kri_reply *reply = make(task, KRI_REPLY_INTEGER);

	if (reply)
		reply->integer = value;
	return reply;
}

static void *make_nil(const redisReadTask *task)
{
	return make(task, KRI_REPLY_NIL);
}

/* RESP3 only, which we never ask for: kept as text and as integer. */
static void *make_double(const redisReadTask *task, double value, char *data,
			 size_t len)
{
	(void)value;
	return make_string(task, data, len);
}

static void *make_bool(const redisReadTask *task, int value)
{
	return make_integer(task, value);
}

static redisReplyObjectFunctions functions = {
	.createString = make_string,
	.createArray = make_array,
	.createInteger = make_integer,
	.createDouble = make_double,
	.createNil = make_nil,
	.createBool = make_bool,
	.freeObject = free_nothing,
};

void kri_reply_hook(struct redisReader *reader)
{
	reader->fn = &functions;
}

bool kri_reply_is_error(const struct kri_reply *reply, const char *code)
{
	return reply->type == KRI_REPLY_ERROR &&
	       kri_text_starts(reply->text, kri_text_of(code));
}

enum kr_err kri_reply_check(const struct kri_reply *reply)
{
	static const struct {
		const char *code;
		enum kr_err err;
	} meanings[] = {
		{"READONLY ", KR_ERR_UNAVAILABLE},
		{"LOADING ", KR_ERR_UNAVAILABLE},
		{"MASTERDOWN ", KR_ERR_UNAVAILABLE},
		{"CLUSTERDOWN ", KR_ERR_UNAVAILABLE},
		{"MOVED ", KR_ERR_UNAVAILABLE},
		{"ASK ", KR_ERR_UNAVAILABLE},
		{"TRYAGAIN ", KR_ERR_UNAVAILABLE},
		{"BUSY ", KR_ERR_UNAVAILABLE},
		{"NOREPLICAS ", KR_ERR_UNAVAILABLE},
		{"MISCONF ", KR_ERR_UNAVAILABLE},
		{"ERR max number of clients", KR_ERR_UNAVAILABLE},
		{"OOM ", KR_ERR_FULL},
		{"NOAUTH ", KR_ERR_DENIED},
		{"WRONGPASS ", KR_ERR_DENIED},
		{"NOPERM ", KR_ERR_DENIED},
		{"ERR The user executing the script can't", KR_ERR_DENIED},
		{"ERR ACL failure in script", KR_ERR_DENIED},
		{"ERR invalid password", KR_ERR_DENIED},
		{"ERR Client sent AUTH", KR_ERR_DENIED},
		{"ERR AUTH ", KR_ERR_DENIED},
	};

	if (reply->type != KRI_REPLY_ERROR)
		return KR_OK;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		if (kri_reply_is_error(reply, meanings[i].code))
			return meanings[i].err;
	return KR_ERR_PROTOCOL;
}
