/*
 * Records to commands. A load is HGETALL + PEXPIRE; a creation MULTI HSET
 * PEXPIRE EXEC; an update one call of the commit script; an end UNLINK.
 * (redis.io/commands)
 */
#include "store/redis_wire.h"

#include "redis/command.h"

/* A command is complete: one reply more will come. */
static void end_command(const struct kri_redis_writer *writer,
			struct kri_call *call)
{
	call->cuts[++call->replies] = writer->out->len;
}

/* Returns where the id stands. */
static size_t put_key(const struct kri_redis_writer *writer,
		      const struct kri_record *record)
{
	struct kri_buffer *out = writer->out;
	size_t id;

	kri_buffer_byte(out, '$');
	kri_buffer_int(out, (int64_t)(writer->prefix.len + KRI_ID_LEN));
	kri_buffer_append(out, KRI_TEXT("\r\n"));
	kri_buffer_append(out, writer->prefix);
	id = out->len;
	kri_buffer_append(out, kri_text(record->id, KRI_ID_LEN));
	kri_buffer_append(out, KRI_TEXT("\r\n"));
	return id;
}

/* Returns where the id stands. */
static size_t put_expire(const struct kri_redis_writer *writer,
			 const struct kri_record *record, int64_t ttl,
			 struct kri_call *call)
{
	size_t id;

	kri_command_begin(writer->out, 3);
	kri_command_text(writer->out, KRI_TEXT("PEXPIRE"));
	id = put_key(writer, record);
	kri_command_int(writer->out, ttl);
	end_command(writer, call);
	return id;
}

/* Most requests need a load, and no two loads differ but in the id: it is
 * written once, and from then on copied. */
enum kr_err kri_redis_writer_prepare(struct kri_redis_writer *writer)
{
	struct kri_redis_writer once = *writer;
	struct kri_record blank = {0};

	once.out = &writer->load;
	kri_buffer_clear(once.out);
	writer->load_call = (struct kri_call){0};
	kri_command_begin(once.out, 2);
	kri_command_text(once.out, KRI_TEXT("HGETALL"));
	writer->load_ids[0] = put_key(&once, &blank);
	end_command(&once, &writer->load_call);
	writer->load_ids[1] = put_expire(&once, &blank, writer->idle_timeout,
					 &writer->load_call);
	return once.out->failed ? KR_ERR_MEMORY : KR_OK;
}

void kri_redis_writer_free(struct kri_redis_writer *writer)
{
	kri_buffer_free(&writer->load);
}

void kri_redis_put_load(const struct kri_redis_writer *writer,
			const struct kri_record *record, struct kri_call *call)
{
	const struct kri_call *load = &writer->load_call;
	struct kri_buffer *out = writer->out;
	size_t begin = out->len;

	kri_buffer_append(out, kri_buffer_text(&writer->load));
	if (out->failed)
		return;
	for (size_t i = 0; i < 2; i++)
		memcpy(out->data + begin + writer->load_ids[i], record->id,
		       KRI_ID_LEN);
	for (size_t i = 1; i <= load->replies; i++)
		call->cuts[i] = begin + load->cuts[i];
	call->replies = load->replies;
}

static size_t count(const struct kri_record *record, enum kri_change change)
{
	size_t n = 0;

	for (size_t i = 0; i < record->n; i++)
		n += record->values[i].change == change;
	return n;
}

/* The digest of the secret, as a field and its value. */
static void put_auth(struct kri_buffer *out, const struct kri_record *record)
{
	kri_command_text(out, KRI_FIELD_AUTH);
	kri_command_text(out,
			 kri_text((const char *)record->auth, KRI_DIGEST_SIZE));
}

/* The values that were set, each key before its value. */
static void put_values(struct kri_buffer *out, const struct kri_record *record)
{
	for (size_t i = 0; i < record->n; i++) {
		if (record->values[i].change != KRI_SET)
			continue;
		kri_command_text(out, record->values[i].key);
		kri_command_text(out, record->values[i].data);
	}
}

/* The hash as it is at its birth. */
static void put_hash(const struct kri_redis_writer *writer,
		     const struct kri_record *record)
{
	struct kri_buffer *out = writer->out;

	kri_command_begin(out, 8 + 2 * count(record, KRI_SET));
	kri_command_text(out, KRI_TEXT("HSET"));
	put_key(writer, record);
	put_auth(out, record);
	kri_command_text(out, KRI_FIELD_BORN);
	kri_command_int(out, record->born);
	kri_command_text(out, KRI_FIELD_VERSION);
	kri_command_int(out, 1);
	put_values(out, record);
}

static void put_create(const struct kri_redis_writer *writer,
		       const struct kri_record *record, struct kri_call *call)
{
	call->transaction = true;
	kri_buffer_append(writer->out, KRI_TEXT("*1\r\n$5\r\nMULTI\r\n"));
	end_command(writer, call);
	put_hash(writer, record);
	end_command(writer, call);
	put_expire(writer, record, record->ttl, call);
	kri_buffer_append(writer->out, KRI_TEXT("*1\r\n$4\r\nEXEC\r\n"));
	end_command(writer, call);
}

/* Whether the time to live that the load gave it will do: that is less by a
 * hundredth at most, and a command less in the script. */
static bool keeps_time(const struct kri_redis_writer *writer,
		       const struct kri_record *record)
{
	return record->ttl == writer->idle_timeout &&
	       writer->now - record->loaded <= writer->idle_timeout / 100;
}

/* The commit script; see redis/scripts.h for its arguments. */
static void put_script(const struct kri_redis_writer *writer,
		       const struct kri_record *record, struct kri_text command,
		       struct kri_text script)
{
	struct kri_buffer *out = writer->out;
	size_t set = count(record, KRI_SET) + record->new_auth;

	kri_command_begin(out, 7 + 2 * set + count(record, KRI_REMOVED));
	kri_command_text(out, command);
	kri_command_text(out, script);
	kri_command_int(out, 1);
	put_key(writer, record);
	if (keeps_time(writer, record))
		kri_command_text(out, KRI_TEXT(""));
	else
		kri_command_int(out, record->ttl);
	if (record->exact)
		kri_command_int(out, record->version);
	else
		kri_command_text(out, KRI_TEXT(""));
	kri_command_int(out, (int64_t)set);
	if (record->new_auth)
		put_auth(out, record);
	put_values(out, record);
	for (size_t i = 0; i < record->n; i++)
		if (record->values[i].change == KRI_REMOVED)
			kri_command_text(out, record->values[i].key);
}

static void put_update(const struct kri_redis_writer *writer,
		       const struct kri_record *record, struct kri_call *call)
{
	put_script(writer, record, KRI_TEXT("EVALSHA"),
		   kri_text_of(writer->commit->sha1));
	end_command(writer, call);
}

void kri_redis_put_update_in_full(const struct kri_redis_writer *writer,
				  const struct kri_record *record,
				  struct kri_call *call)
{
	put_script(writer, record, KRI_TEXT("EVAL"), writer->commit->text);
	end_command(writer, call);
}

static void put_destroy(const struct kri_redis_writer *writer,
			const struct kri_record *record, struct kri_call *call)
{
	kri_command_begin(writer->out, 2);
	kri_command_text(writer->out, KRI_TEXT("UNLINK"));
	put_key(writer, record);
	end_command(writer, call);
}

void kri_redis_put_commit(const struct kri_redis_writer *writer,
			  const struct kri_record *record,
			  struct kri_call *call)
{
	switch (record->operation) {
	case KRI_OP_CREATE:
		put_create(writer, record, call);
		return;
	case KRI_OP_DESTROY:
		put_destroy(writer, record, call);
		return;
	default:
		put_update(writer, record, call);
	}
}
