/*
 * The records we send of our own accord. What is asked and not known is left
 * out, as the protocol wants it.
 */
#include "fcgi/management.h"

#include <fastcgi.h>
#include <unistd.h>

#include "fcgi/frame.h"

#define BODY_SIZE 8 /* bytes, of all records here but one */

static bool asks_for(struct kri_text question, const char *value)
{
	struct kri_text name;

	while (question.len && kri_pair_cut(&question, &name))
		if (kri_text_equal(name, kri_text_of(value)))
			return true;
	return false;
}

static void put_value(struct kri_buffer *out, const char *name, int64_t value)
{
	char room[KRI_INT_SIZE];
	struct kri_text text = kri_text_of_int(value, room);

	kri_buffer_byte(out, (char)strlen(name));
	kri_buffer_byte(out, (char)text.len);
	kri_buffer_string(out, name);
	kri_buffer_append(out, text);
}

/* A connection costs a descriptor and carries one request at a time: so many
 * of both as there are descriptors. */
bool kri_management_values(struct kri_buffer *out, struct kri_text question)
{
	struct kri_buffer values = KRI_BUFFER_EMPTY;
	long files = sysconf(_SC_OPEN_MAX);

	if (!kri_pairs_fit(question))
		return false;
	if (files < 0 || files > INT32_MAX)
		files = INT32_MAX;
	if (asks_for(question, FCGI_MAX_CONNS))
		put_value(&values, FCGI_MAX_CONNS, files);
	if (asks_for(question, FCGI_MAX_REQS))
		put_value(&values, FCGI_MAX_REQS, files);
	if (asks_for(question, FCGI_MPXS_CONNS))
		put_value(&values, FCGI_MPXS_CONNS, 0);
	kri_record_put(out, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID,
		       kri_buffer_text(&values));
	out->failed |= values.failed;
	kri_buffer_free(&values);
	return true;
}

void kri_management_unknown(struct kri_buffer *out, unsigned type)
{
	const char body[BODY_SIZE] = {(char)type};

	kri_record_put(out, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID,
		       kri_text(body, sizeof(body)));
}

void kri_management_end(struct kri_buffer *out, unsigned id, unsigned status)
{
	const char body[BODY_SIZE] = {[4] = (char)status};

	kri_record_put(out, FCGI_END_REQUEST, id, kri_text(body, sizeof(body)));
}
