/*
 * hiredis' reader calls back for each element; ours go into an arena, so a
 * reply costs no malloc and nothing has to be freed. A reply that is too big
 * for its room is read to its end all the same, into nothing: the connection
 * lives on, and only who asked for it goes without.
 */
#include "redis/reply.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <hiredis/hiredis.h>

/* hiredis' asynchronous interface looks whether a reply is a PUSH. */
_Static_assert(offsetof(struct kri_reply, type) ==
		       offsetof(struct redisReply, type),
	       "the type comes first");
_Static_assert(sizeof(enum kri_reply_type) == sizeof(int),
	       "the type is an int");
_Static_assert((int)KRI_REPLY_NIL < REDIS_REPLY_PUSH, "none of ours is a PUSH");

/* hiredis looks into a PUSH as into a reply of its own: one that seems to have
 * no elements is none of a subscription, and goes to the callback for PUSHes.
 */
struct push {
	struct redisReply seen;
	struct kri_reply reply;
};

/* Stand for all that had no room. */
static struct kri_reply nothing = {.type = KRI_REPLY_NIL};
static struct push no_push = {
	.seen.type = REDIS_REPLY_PUSH,
	.reply.type = KRI_REPLY_NIL,
};

/* The reader owns no object: the arena does. */
static void free_nothing(void *object)
{
	(void)object;
}

/* `size` bytes of the sink's room, or NULL, and then it is over. */
static void *take(struct kri_sink *sink, size_t size)
{
	void *bytes = NULL;

	if (!sink->over && size <= sink->room) {
		bytes = kri_arena_alloc(sink->arena, size);
		sink->starved = !bytes;
	}
	if (bytes)
		sink->room -= size;
	else
		sink->over = true;
	return bytes;
}

static struct kri_reply *put(const redisReadTask *task, struct kri_reply *reply)
{
	struct kri_reply *parent = task->parent ? task->parent->obj : NULL;

	if (parent && task->parent->type == REDIS_REPLY_PUSH)
		parent = &((struct push *)task->parent->obj)->reply;
	if (parent && parent->elements)
		parent->elements[task->idx] = reply;
	return reply;
}

/* The sink of what is being read; NULL if nobody waits for it. */
static struct kri_sink *sink_of(const redisReadTask *task)
{
	struct kri_sink *sink = task->privdata;
	bool push = task->type == REDIS_REPLY_PUSH;

	if (!task->parent)
		sink->pushing = push;
	if (sink->pushing && sink->pushes && (!push || !task->parent))
		return sink->pushes;
	if (!sink->arena || sink->pushing || push) {
		sink->refused = true;
		return NULL;
	}
	return sink;
}

/* A reply in its place: in its parent's elements, if it has a parent. Room
 * for `more` bytes follows it. NULL, which ends the connection, if nobody
 * waits for one. */
static struct kri_reply *make_with(const redisReadTask *task,
				   enum kri_reply_type type, size_t more)
{
	struct kri_sink *sink = sink_of(task);
	struct kri_reply *reply = NULL;

	if (!sink)
		return NULL;
	if (more < PTRDIFF_MAX - sizeof(*reply))
		reply = take(sink, sizeof(*reply) + more);
	else
		sink->over = true;
	if (!reply)
		return put(task, &nothing);
	*reply = (struct kri_reply){.type = type};
	return put(task, reply);
}

static struct kri_reply *make(const redisReadTask *task,
			      enum kri_reply_type type)
{
	return make_with(task, type, 0);
}

/* Who closes on us may say why, such as "max number of clients". */
static void keep_words(struct kri_sink *sink, const redisReadTask *task,
		       const char *data, size_t len)
{
	if (!sink->arena && task->type == REDIS_REPLY_ERROR && !task->parent)
		snprintf(sink->said, sizeof(sink->said), "%.*s",
			 len < sizeof(sink->said) ? (int)len
						  : (int)sizeof(sink->said),
			 data);
}

#define VERBATIM 4

static void *make_string(const redisReadTask *task, char *data, size_t len)
{
	enum kri_reply_type type = KRI_REPLY_STRING;
	struct kri_reply *reply;
	char *text;

	if (task->type == REDIS_REPLY_VERB) { /* "txt:" is in front */
		data += VERBATIM;
		len -= VERBATIM;
	}
	if (task->type == REDIS_REPLY_STATUS)
		type = KRI_REPLY_STATUS;
	else if (task->type == REDIS_REPLY_ERROR)
		type = KRI_REPLY_ERROR;
	keep_words(task->privdata, task, data, len);
	reply = make_with(task, type, len + 1);
	if (!reply || reply == &nothing)
		return reply;
	text = (char *)(reply + 1);
	if (len)
		memcpy(text, data, len);
	text[len] = '\0';
	reply->text = kri_text(text, len);
	return reply;
}

/* The elements follow it. */
static void *make_push(const redisReadTask *task, size_t n)
{
	size_t size = sizeof(struct kri_reply *);
	struct kri_sink *sink = sink_of(task);
	struct push *push = NULL;

	if (!sink)
		return NULL;
	if (n < PTRDIFF_MAX / size - sizeof(*push))
		push = take(sink, sizeof(*push) + n * size);
	else
		sink->over = true;
	if (!push)
		return &no_push;
	*push = (struct push){
		.seen.type = REDIS_REPLY_PUSH,
		.reply.type = KRI_REPLY_ARRAY,
		.reply.n = n,
		.reply.elements = (struct kri_reply **)(push + 1),
	};
	return push;
}

const struct kri_reply *kri_reply_of_push(const void *push)
{
	return &((const struct push *)push)->reply;
}

/* The same, also of maps and sets. */
static void *make_array(const redisReadTask *task, size_t n)
{
	size_t size = sizeof(struct kri_reply *);
	struct kri_reply *reply;

	if (task->type == REDIS_REPLY_PUSH)
		return make_push(task, n);
	reply = make_with(task, KRI_REPLY_ARRAY,
			  n < PTRDIFF_MAX / size ? n * size : PTRDIFF_MAX);
	if (!reply || reply == &nothing)
		return reply;
	reply->n = n;
	reply->elements = (struct kri_reply **)(reply + 1);
	return reply;
}

static void *make_integer(const redisReadTask *task, long long value)
{
	struct kri_reply *reply = make(task, KRI_REPLY_INTEGER);

	if (reply && reply != &nothing)
		reply->integer = value;
	return reply;
}

static void *make_nil(const redisReadTask *task)
{
	return make(task, KRI_REPLY_NIL);
}

/* RESP3 only, of which trackers need none: kept as text and as integer. */
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

void kri_reply_hook(struct redisReader *reader, struct kri_sink *sink)
{
	reader->fn = &functions;
	reader->privdata = sink;
}

bool kri_reply_is_error(const struct kri_reply *reply, const char *code)
{
	return reply->type == KRI_REPLY_ERROR &&
	       kri_text_starts(reply->text, kri_text_of(code));
}

bool kri_reply_is_forbidden(const struct kri_reply *reply)
{
	return kri_reply_is_error(reply, "NOPERM ") ||
	       kri_reply_is_error(reply,
				  "ERR The user executing the script can't") ||
	       kri_reply_is_error(reply, "ERR ACL failure in script");
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
		/* Redis before 6 knows no users. */
		{"ERR wrong number of arguments for 'auth'", KR_ERR_DENIED},
	};

	if (reply->type != KRI_REPLY_ERROR)
		return KR_OK;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		if (kri_reply_is_error(reply, meanings[i].code))
			return meanings[i].err;
	return KR_ERR_PROTOCOL;
}
