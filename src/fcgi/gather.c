/*
 * Keeps what came of a request until the rest does. What it keeps is bounded,
 * however much the front server sends: parameters by FastCGI's own record, a
 * body by what any route may take.
 */
#include "fcgi/gather.h"

#include <fastcgi.h>

#include "fcgi/exchange.h"
#include "fcgi/frame.h"
#include "fcgi/management.h"

void kri_gather_free(struct kri_gathered *gathered)
{
	kri_gather_forget(gathered);
	kri_buffer_wipe(&gathered->raw);
	kri_buffer_free(&gathered->raw);
	kri_buffer_free(&gathered->params);
	kri_buffer_free(&gathered->body.bytes);
	kri_buffer_free(&gathered->replies);
}

void kri_gather_forget(struct kri_gathered *gathered)
{
	kri_buffer_wipe(&gathered->params);
	kri_body_drop(&gathered->body, kri_body_room_of(gathered->site));
	gathered->body_len = 0;
	gathered->id = FCGI_NULL_REQUEST_ID;
	gathered->params_end = false;
}

/* Moves at most one frame and what one read brought. */
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

/* ---- the frames ------------------------------------------------------ */

static enum kri_gather bad(struct kri_gathered *gathered, const char *why)
{
	gathered->why = why;
	return KRI_GATHER_BAD;
}

/* Ends a request that gets no answer. Frames of its that are still on their
 * way belong to no request then, and are dropped as such. */
static enum kri_gather end(struct kri_gathered *gathered, unsigned id,
			   bool keep, unsigned status)
{
	kri_management_end(&gathered->replies, id, status);
	return keep ? KRI_GATHER_PARTIAL : KRI_GATHER_REFUSED;
}

static enum kri_gather manage(struct kri_gathered *gathered,
			      const struct kri_frame *frame)
{
	if (frame->type != FCGI_GET_VALUES)
		kri_management_unknown(&gathered->replies, frame->type);
	else if (!kri_management_values(&gathered->replies, frame->content))
		return bad(gathered, "a question for values with lengths that "
				     "do not fit");
	return KRI_GATHER_PARTIAL;
}

static bool is_served(const struct kri_gathered *gathered, unsigned role)
{
	return role == FCGI_RESPONDER ||
	       (role == FCGI_AUTHORIZER && gathered->site &&
		gathered->site->authorizer);
}

static enum kri_gather begin(struct kri_gathered *gathered,
			     const struct kri_frame *frame)
{
	struct kri_begin said;

	if (!kri_begin_read(frame, &said))
		return bad(gathered, "the beginning of a request has the "
				     "wrong size");
	if (frame->id == gathered->id)
		return bad(gathered, "a request began twice");
	if (gathered->id)
		return end(gathered, frame->id, true, FCGI_CANT_MPX_CONN);
	if (!is_served(gathered, said.role))
		return end(gathered, frame->id, said.keep, FCGI_UNKNOWN_ROLE);
	gathered->id = frame->id;
	gathered->keep = said.keep;
	gathered->role = said.role;
	return KRI_GATHER_PARTIAL;
}

/*
 * An authorizer's request ends with its parameters (section 6.3): some front
 * servers send the end of an empty body nevertheless, as lighttpd, and some do
 * not, as Apache. One that is there already goes with it; one that comes later
 * belongs to no request. A connection that is to be closed waits for the peer
 * to close it, as such a frame in its way would cost the peer the answer.
 */
static enum kri_gather end_judged(struct kri_gathered *gathered)
{
	struct kri_buffer *raw = &gathered->raw;
	struct kri_frame frame;

	if (kri_frame_cut(kri_text(raw->data + gathered->done,
				   raw->len - gathered->done),
			  &frame) == KRI_FRAME_WHOLE &&
	    frame.type == FCGI_STDIN && frame.id == gathered->id &&
	    !frame.content.len)
		gathered->done += frame.size;
	gathered->cut = !gathered->keep;
	return KRI_GATHER_WHOLE;
}

/* libfcgi trusts the lengths of pairs: they are checked when all is there, as
 * a pair may be split between frames. */
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
	if (gathered->role == FCGI_AUTHORIZER)
		return end_judged(gathered);
	gathered->most = kri_body_most_of_pairs(
		gathered->site, kri_buffer_text(&gathered->params));
	return KRI_GATHER_PARTIAL;
}

/* One byte more than is taken is kept, to know that it is too long. */
static void keep_body(struct kri_gathered *gathered, struct kri_text content)
{
	struct kri_body *body = &gathered->body;
	size_t room = gathered->most + 1 - body->bytes.len;

	if (body->err)
		return;
	if (content.len > room)
		content.len = room;
	kri_buffer_append(&body->bytes, content);
	kri_body_charge(body, kri_body_room_of(gathered->site));
}

static enum kri_gather take_body(struct kri_gathered *gathered,
				 struct kri_text content)
{
	size_t most = gathered->most > KRI_GATHER_BODY_MAX
			      ? gathered->most
			      : KRI_GATHER_BODY_MAX;

	if (!gathered->params_end)
		return bad(gathered, "a body before the parameters' end");
	if (!content.len)
		return KRI_GATHER_WHOLE;
	gathered->body_len += content.len;
	keep_body(gathered, content);
	gathered->cut = gathered->body_len > most;
	return gathered->cut ? KRI_GATHER_WHOLE : KRI_GATHER_PARTIAL;
}

static enum kri_gather abort_request(struct kri_gathered *gathered)
{
	unsigned id = gathered->id;

	kri_gather_forget(gathered);
	return end(gathered, id, gathered->keep, FCGI_REQUEST_COMPLETE);
}

/* Section 3.3: frames of a request that has not begun, or has ended, are
 * ignored. */
static enum kri_gather take(struct kri_gathered *gathered,
			    const struct kri_frame *frame)
{
	if (frame->id == FCGI_NULL_REQUEST_ID)
		return manage(gathered, frame);
	if (frame->type == FCGI_BEGIN_REQUEST)
		return begin(gathered, frame);
	if (frame->id != gathered->id)
		return KRI_GATHER_PARTIAL;
	switch (frame->type) {
	case FCGI_PARAMS:
		return take_params(gathered, frame->content);
	case FCGI_STDIN:
		return take_body(gathered, frame->content);
	case FCGI_ABORT_REQUEST:
		return abort_request(gathered);
	default:
		return bad(gathered, "a filter's data for a responder");
	}
}

static bool has_failed(const struct kri_gathered *gathered)
{
	return gathered->raw.failed || gathered->params.failed ||
	       gathered->body.bytes.failed || gathered->replies.failed;
}

enum kri_gather kri_gather_walk(struct kri_gathered *gathered)
{
	const struct kri_buffer *raw = &gathered->raw;
	enum kri_gather found = KRI_GATHER_PARTIAL;
	enum kri_frame_cut cut = KRI_FRAME_PARTIAL;
	struct kri_frame frame;

	while (found == KRI_GATHER_PARTIAL && gathered->done < raw->len) {
		cut = kri_frame_cut(kri_text(raw->data + gathered->done,
					     raw->len - gathered->done),
				    &frame);
		if (cut != KRI_FRAME_WHOLE)
			break;
		gathered->done += frame.size;
		found = take(gathered, &frame);
	}
	if (has_failed(gathered))
		return bad(gathered, "out of memory");
	if (cut == KRI_FRAME_BAD)
		return bad(gathered, "something that is not FastCGI");
	if (found == KRI_GATHER_PARTIAL && !gathered->id &&
	    gathered->done == raw->len)
		return KRI_GATHER_IDLE;
	return found;
}

/* ---- the whole -------------------------------------------------------- */

/* An empty frame is the end of its stream. */
void kri_gather_replay(const struct kri_gathered *gathered,
		       struct kri_buffer *out)
{
	const char begin_body[sizeof(FCGI_BeginRequestBody)] = {
		[1] = (char)gathered->role,
		[2] = gathered->keep ? FCGI_KEEP_CONN : 0,
	};

	kri_frame_put(out, FCGI_BEGIN_REQUEST, gathered->id,
		      kri_text(begin_body, sizeof(begin_body)));
	if (gathered->params.len)
		kri_frame_put(out, FCGI_PARAMS, gathered->id,
			      kri_buffer_text(&gathered->params));
	kri_frame_put(out, FCGI_PARAMS, gathered->id, kri_text(NULL, 0));
	kri_frame_put(out, FCGI_STDIN, gathered->id, kri_text(NULL, 0));
}
