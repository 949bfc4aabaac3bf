/*
 * Records to commands. A load is HGETALL; a creation and an update are a call
 * of a script each, as is a touch; an end is UNLINK. (redis.io/commands)
 */
#include "store/redis_wire.h"

#include "redis/command.h"

/* A command is complete: one reply more will come. */
static void end_command(const struct kri_buffer *out, struct kri_call *call)
{
	call->cuts[++call->replies] = out->len;
}

/* Returns where the key stands. */
static size_t put_key(const struct kri_redis_writer *writer, const char *id,
		      struct kri_buffer *out)
{
	size_t key;

	kri_buffer_byte(out, '$');
	kri_buffer_int(out, (int64_t)(writer->prefix.len + KRI_ID_LEN));
	kri_buffer_append(out, KRI_TEXT("\r\n"));
	key = out->len;
	kri_buffer_append(out, writer->prefix);
	kri_buffer_append(out, kri_text(id, KRI_ID_LEN));
	kri_buffer_append(out, KRI_TEXT("\r\n"));
	return key;
}

/* A command that has the key alone; returns where that stands. */
static size_t put_plain(const struct kri_redis_writer *writer, const char *id,
			struct kri_text command, struct kri_buffer *out)
{
	kri_command_begin(out, 2);
	kri_command_text(out, command);
	return put_key(writer, id, out);
}

/* Most requests need a load, and no two loads differ but in the id: it is
 * written once, and from then on copied. */
enum kr_err kri_redis_writer_prepare(struct kri_redis_writer *writer)
{
	static const char blank[KRI_ID_LEN];

	kri_buffer_clear(&writer->load);
	writer->load_key =
		put_plain(writer, blank, KRI_TEXT("HGETALL"), &writer->load);
	return writer->load.failed ? KR_ERR_MEMORY : KR_OK;
}

void kri_redis_writer_free(struct kri_redis_writer *writer)
{
	kri_buffer_free(&writer->load);
}

size_t kri_redis_put_load(const struct kri_redis_writer *writer,
			  const struct kri_record *record,
			  struct kri_buffer *out, struct kri_call *call)
{
	size_t key = out->len + writer->load_key;

	kri_buffer_append(out, kri_buffer_text(&writer->load));
	if (!out->failed)
		memcpy(out->data + key + writer->prefix.len, record->id,
		       KRI_ID_LEN);
	end_command(out, call);
	return key;
}

size_t kri_redis_put_peek(const struct kri_redis_writer *writer,
			  const struct kri_record *record,
			  struct kri_buffer *out, struct kri_call *call)
{
	size_t key = kri_redis_put_load(writer, record, out, call);

	put_plain(writer, record->id, KRI_TEXT("PTTL"), out);
	end_command(out, call);
	return key;
}

static size_t count(const struct kri_record *record, enum kri_change change)
{
	size_t n = 0;

	for (size_t i = 0; i < record->n; i++)
		n += record->values[i].change == change;
	return n;
}

static struct kri_text digest(const unsigned char bytes[KRI_DIGEST_SIZE])
{
	return kri_text((const char *)bytes, KRI_DIGEST_SIZE);
}

static void put_was_value(struct kri_buffer *out,
			  const struct kri_record *record)
{
	char both[KRI_DIGEST_SIZE + KRI_INT_SIZE], room[KRI_INT_SIZE];
	struct kri_text when = kri_text_of_int(record->was_at, room);

	memcpy(both, record->was, KRI_DIGEST_SIZE);
	memcpy(both + KRI_DIGEST_SIZE, when.data, when.len);
	kri_command_text(out, kri_text(both, KRI_DIGEST_SIZE + when.len));
}

static void put_was(struct kri_buffer *out, const struct kri_record *record)
{
	kri_command_text(out, KRI_FIELD_WAS);
	put_was_value(out, record);
}

/* The values that were set, each key before its value. */
static void put_values(struct kri_buffer *out, const struct kri_record *record)
{
	for (size_t i = 0; i < record->n; i++) {
		if (record->values[i].change != KRI_CHANGE_SET)
			continue;
		kri_command_text(out, record->values[i].key);
		kri_command_text(out, record->values[i].data);
	}
}

#define EVALSHA "$7\r\nEVALSHA\r\n$40\r\n"

/* A call of a script with `argc` arguments to follow; returns where the key
 * stands. */
static size_t put_script(const struct kri_redis_writer *writer,
			 const struct kri_record *record,
			 enum kri_redis_script script, size_t argc,
			 struct kri_buffer *out)
{
	kri_command_begin(out, 4 + argc);
	kri_buffer_append(out, KRI_TEXT(EVALSHA));
	kri_buffer_append(out, kri_text(writer->scripts->of[script].sha1, 40));
	kri_buffer_append(out, KRI_TEXT("\r\n$1\r\n1\r\n"));
	return put_key(writer, record->id, out);
}

/* Who logs in comes behind all ends of the user's sessions until now. */
static bool has_mark(const struct kri_record *record)
{
	return record->entering && record->mark.len;
}

static void put_mark(struct kri_buffer *out, const struct kri_record *record)
{
	if (!has_mark(record))
		return;
	kri_command_text(out, KRI_FIELD_MARK);
	kri_command_text(out, record->mark);
}

static size_t put_create(const struct kri_redis_writer *writer,
			 const struct kri_record *record,
			 struct kri_buffer *out)
{
	size_t key = put_script(
		writer, record, KRI_SCRIPT_CREATE,
		4 + 2 * (count(record, KRI_CHANGE_SET) + has_mark(record)),
		out);

	kri_command_int(out, record->ttl);
	kri_command_text(out, digest(record->auth));
	kri_command_int(out, record->born);
	kri_command_int(out, writer->now);
	put_mark(out, record);
	put_values(out, record);
	return key;
}

/* Our own fields, in the order that the script relies on. */
static void put_own(const struct kri_redis_writer *writer,
		    const struct kri_record *record, struct kri_buffer *out)
{
	if (record->renewed) {
		put_was(out, record);
		kri_command_text(out, KRI_FIELD_AUTH);
		kri_command_text(out, digest(record->auth));
	}
	if (record->ttl) {
		kri_command_text(out, KRI_FIELD_SEEN);
		kri_command_int(out, writer->now);
	}
}

static void put_int_if(struct kri_buffer *out, bool given, int64_t number)
{
	if (given)
		kri_command_int(out, number);
	else
		kri_command_text(out, KRI_TEXT(""));
}

bool kri_redis_is_swap(const struct kri_record *record)
{
	return record->operation == KRI_OP_UPDATE && record->exact &&
	       record->version < INT64_MAX && !record->ttl &&
	       !record->renewed && !record->outlived && !has_mark(record) &&
	       !count(record, KRI_CHANGE_REMOVED);
}

static size_t put_swap(const struct kri_redis_writer *writer,
		       const struct kri_record *record, struct kri_buffer *out)
{
	size_t key = put_script(writer, record, KRI_SCRIPT_SWAP,
				2 + 2 * count(record, KRI_CHANGE_SET), out);

	kri_command_int(out, record->version);
	kri_command_int(out, record->version + 1);
	put_values(out, record);
	return key;
}

static size_t put_update(const struct kri_redis_writer *writer,
			 const struct kri_record *record,
			 struct kri_buffer *out)
{
	size_t last =
		3 + 2 * (count(record, KRI_CHANGE_SET) + (record->ttl != 0) +
			 2 * record->renewed + has_mark(record));
	size_t gone = count(record, KRI_CHANGE_REMOVED) + 2 * record->outlived;
	size_t key =
		put_script(writer, record, KRI_SCRIPT_COMMIT, last + gone, out);

	put_int_if(out, record->ttl != 0, record->ttl);
	put_int_if(out, record->exact, record->version);
	kri_command_int(out, (int64_t)last);
	put_own(writer, record, out);
	put_mark(out, record);
	put_values(out, record);
	if (record->outlived)
		put_was(out, record);
	for (size_t i = 0; i < record->n; i++)
		if (record->values[i].change == KRI_CHANGE_REMOVED)
			kri_command_text(out, record->values[i].key);
	return key;
}

static size_t put_touch(const struct kri_redis_writer *writer,
			const struct kri_record *record, struct kri_buffer *out)
{
	size_t key = put_script(writer, record, KRI_SCRIPT_TOUCH,
				2 + record->outlived, out);

	kri_command_int(out, record->ttl);
	kri_command_int(out, writer->now);
	if (record->outlived)
		put_was_value(out, record);
	return key;
}

size_t kri_redis_put_commit(const struct kri_redis_writer *writer,
			    const struct kri_record *record,
			    struct kri_buffer *out, struct kri_call *call)
{
	size_t key;

	switch (record->operation) {
	case KRI_OP_CREATE:
		key = put_create(writer, record, out);
		break;
	case KRI_OP_TOUCH:
		key = put_touch(writer, record, out);
		break;
	case KRI_OP_DESTROY:
		key = put_plain(writer, record->id, KRI_TEXT("UNLINK"), out);
		break;
	default:
		key = kri_redis_is_swap(record)
			      ? put_swap(writer, record, out)
			      : put_update(writer, record, out);
	}
	end_command(out, call);
	return key;
}

size_t kri_redis_put_in_full(const struct kri_redis_scripts *scripts,
			     struct kri_text command, size_t key,
			     struct kri_buffer *out)
{
	struct kri_text rest = command;
	struct kri_text argc = kri_text_cut(&rest, '\n');
	const char *sha1 = rest.data + sizeof(EVALSHA) - 1;
	size_t script = 0, skipped;

	while (script + 1 < KRI_SCRIPTS &&
	       memcmp(scripts->of[script].sha1, sha1, 40) != 0)
		script++;
	kri_buffer_append(out, kri_text(argc.data, argc.len + 1));
	kri_command_text(out, KRI_TEXT("EVAL"));
	kri_command_text(out, scripts->of[script].text);
	skipped = (size_t)(sha1 + 42 - command.data);
	key += out->len - skipped;
	kri_buffer_append(
		out, kri_text(command.data + skipped, command.len - skipped));
	return key;
}
