/*
 * Keeps what came of a request until the rest does. What it keeps is bounded,
 * however much the front server sends: parameters by FastCGI's own record, a
 * body by what any route may take.
 */
#include "fcgi/gather.h"

#include <fastcgi.h>

#include "fcgi/frame.h"
#include "fcgi/management.h"

void kri_gather_free(struct kri_gathered *gathered)
{
	kri_gather_forget(gathered);
	kri_buffer_wipe(&gathered->raw);
	kri_buffer_free(&gathered->raw);
	kri_buffer_free(&gathered->params);
	kri_buffer_free(&gathered->body);
	kri_buffer_free(&gathered->replies);
}

void kri_gather_forget(struct kri_gathered *gathered)
{
	kri_buffer_wipe(&gathered->params);
	kri_buffer_wipe(&gathered->body);
	gathered->body_len = 0;
	gathered->id = FCGI_NULL_REQUEST_ID;
	gathered->params_end = false;
}

/* Moves at most one record and what one read brought. */
void kri_gather_add(struct kri_gathered *gathered, struct kri_text bytes)
{
	struct kri_buffer *raw = &gathered->raw;

	if (gathered->done) {
		memmove(raw->data, raw->data + gathered->done,
			raw->len - gathered->done);
		raw->len -= gathered->done;
		gathered->done = 0;
	}
	kri_buffer_append(raw, bytes);
}

/* ---- the records ------------------------------------------------------ */

static enum kri_gather bad(struct kri_gathered *gathered, const char *why)
{
	gathered->why = why;
	return KRI_GATHER_BAD;
}

/* Ends a request that gets no answer. Records of its that are still on their
 * way belong to no request then, and are dropped as such. */
static enum kri_gather end(struct kri_gathered *gathered, unsigned id,
			   bool keep, unsigned status)
{
	kri_management_end(&gathered->replies, id, status);
	return keep ? KRI_GATHER_PARTIAL : KRI_GATHER_REFUSED;
}

static enum kri_gather manage(struct kri_gathered *gathered,
			      const struct kri_record *record)
{
	if (record->type != FCGI_GET_VALUES)
		kri_management_unknown(&gathered->replies, record->type);
	else if (!kri_management_values(&gathered->replies, record->content))
		return bad(gathered, "a question for values with lengths that "
				     "do not fit");
	return KRI_GATHER_PARTIAL;
}

static enum kri_gather begin(struct kri_gathered *gathered,
			     const struct kri_record *record)
{
	struct kri_begin said;

	if (!kri_begin_read(record, &said))
		return bad(gathered, "the beginning of a request has the "
				     "wrong size");
	if (record->id == gathered->id)
		return bad(gathered, "a request began twice");
	if (gathered->id)
		return end(gathered, record->id, true, FCGI_CANT_MPX_CONN);
	if (!kri_role_is_served(said.role))
		return end(gathered, record->id, said.keep, FCGI_UNKNOWN_ROLE);
	gathered->id = record->id;
	gathered->keep = said.keep;
	return KRI_GATHER_PARTIAL;
}

/* libfcgi trusts the lengths of pairs: they are checked when all is there, as
 * a pair may be split between records. */
static enum kri_gather take_params(struct kri_gathered *gathered,
				   struct kri_text content)
{
	if (gathered->params_end)
		return bad(gathered, "parameters behind their end");
	if (content.len > KRI_PARAMS_MAX - gathered->params.len)
		return bad(gathered, "more than 64 KiB of parameters");
	kri_buffer_append(&gathered->params, content);
	if (content.len)
		return KRI_GATHER_PARTIAL;
	gathered->params_end = true;
	if (!kri_pairs_fit(kri_buffer_text(&gathered->params)))
		return bad(gathered, "parameters with lengths that do not fit");
	return KRI_GATHER_PARTIAL;
}

static enum kri_gather take_body(struct kri_gathered *gathered,
				 struct kri_text content)
{
	size_t room = KRI_GATHER_KEPT - gathered->body.len;

	if (!gathered->params_end)
		return bad(gathered, "a body before the parameters' end");
	if (!content.len)
		return KRI_GATHER_WHOLE;
	gathered->body_len += content.len;
	if (content.len > room)
		content.len = room;
	kri_buffer_append(&gathered->body, content);
	gathered->cut = gathered->body_len > KRI_GATHER_BODY_MAX;
	return gathered->cut ? KRI_GATHER_WHOLE : KRI_GATHER_PARTIAL;
}

static enum kri_gather abort_request(struct kri_gathered *gathered)
{
	unsigned id = gathered->id;

	kri_gather_forget(gathered);
	return end(gathered, id, gathered->keep, FCGI_REQUEST_COMPLETE);
}

/* Section 3.3: records of a request that has not begun, or has ended, are
 * ignored. */
static enum kri_gather take(struct kri_gathered *gathered,
			    const struct kri_record *record)
{
	if (record->id == FCGI_NULL_REQUEST_ID)
		return manage(gathered, record);
	if (record->type == FCGI_BEGIN_REQUEST)
		return begin(gathered, record);
	if (record->id != gathered->id)
		return KRI_GATHER_PARTIAL;
	switch (record->type) {
	case FCGI_PARAMS:
		return take_params(gathered, record->content);
	case FCGI_STDIN:
		return take_body(gathered, record->content);
	case FCGI_ABORT_REQUEST:
		return abort_request(gathered);
	default:
		return bad(gathered, "a filter's data for a responder");
	}
}

static bool has_failed(const struct kri_gathered *gathered)
{
	return gathered->raw.failed || gathered->params.failed ||
	       gathered->body.failed || gathered->replies.failed;
}

enum kri_gather kri_gather_walk(struct kri_gathered *gathered)
{
	const struct kri_buffer *raw = &gathered->raw;
	enum kri_gather found = KRI_GATHER_PARTIAL;
	enum kri_cut cut = KRI_CUT_PARTIAL;
	struct kri_record record;

	while (found == KRI_GATHER_PARTIAL && gathered->done < raw->len) {
		cut = kri_record_cut(kri_text(raw->data + gathered->done,
					      raw->len - gathered->done),
				     &record);
		if (cut != KRI_CUT_WHOLE)
			break;
		gathered->done += record.size;
		found = take(gathered, &record);
	}
	if (has_failed(gathered))
		return bad(gathered, "out of memory");
	if (cut == KRI_CUT_BAD)
		return bad(gathered, "something that is not FastCGI");
	if (found == KRI_GATHER_PARTIAL && !gathered->id &&
	    gathered->done == raw->len)
		return KRI_GATHER_IDLE;
	return found;
}

/* ---- the whole -------------------------------------------------------- */

/* An empty record is the end of its stream, so what is empty has that one
 * alone. */
static void put_stream(struct kri_buffer *out, unsigned type, unsigned id,
		       const struct kri_buffer *content)
{
	if (content->len)
		kri_record_put(out, type, id, kri_buffer_text(content));
	kri_record_put(out, type, id, kri_text(NULL, 0));
}

void kri_gather_replay(const struct kri_gathered *gathered,
		       struct kri_buffer *out)
{
	const char begin_body[sizeof(FCGI_BeginRequestBody)] = {
		[1] = FCGI_RESPONDER,
		[2] = gathered->keep ? FCGI_KEEP_CONN : 0,
	};

	kri_record_put(out, FCGI_BEGIN_REQUEST, gathered->id,
		       kri_text(begin_body, sizeof(begin_body)));
	put_stream(out, FCGI_PARAMS, gathered->id, &gathered->params);
	put_stream(out, FCGI_STDIN, gathered->id, &gathered->body);
}
