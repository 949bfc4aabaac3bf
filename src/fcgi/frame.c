/*
 * Cuts records and pairs from bytes and judges whether a whole request lies
 * there as libfcgi must find it. Copies nothing and reads nothing.
 */
#include "fcgi/frame.h"

#include <fastcgi.h>

static struct kri_text after(struct kri_text bytes, size_t size)
{
	return kri_text(bytes.data + size, bytes.len - size);
}

/* ---- frames ---------------------------------------------------------- */

/* A server sends requests and asks for values. Every frame without a
 * request's number is management, whatever its type: the answer to one that
 * is not understood says so. */
static bool is_sent_by_servers(unsigned type, unsigned id)
{
	if (id == FCGI_NULL_REQUEST_ID)
		return type != FCGI_BEGIN_REQUEST;
	return type == FCGI_BEGIN_REQUEST || type == FCGI_ABORT_REQUEST ||
	       type == FCGI_PARAMS || type == FCGI_STDIN || type == FCGI_DATA;
}

enum kri_frame_cut kri_frame_cut(struct kri_text bytes, struct kri_frame *frame)
{
	const unsigned char *header = (const unsigned char *)bytes.data;
	unsigned id;
	size_t content, size;

	if (bytes.len && header[0] != FCGI_VERSION_1)
		return KRI_FRAME_BAD;
	if (bytes.len < FCGI_HEADER_LEN)
		return KRI_FRAME_PARTIAL;
	id = (unsigned)header[2] << 8 | header[3];
	content = (size_t)header[4] << 8 | header[5];
	size = FCGI_HEADER_LEN + content + header[6];
	if (!is_sent_by_servers(header[1], id))
		return KRI_FRAME_BAD;
	if (bytes.len < size)
		return KRI_FRAME_PARTIAL;
	*frame = (struct kri_frame){
		.type = header[1],
		.id = id,
		.content = kri_text(bytes.data + FCGI_HEADER_LEN, content),
		.size = size,
	};
	return KRI_FRAME_WHOLE;
}

bool kri_begin_read(const struct kri_frame *frame, struct kri_begin *begin)
{
	const unsigned char *body = (const unsigned char *)frame->content.data;

	if (frame->content.len != sizeof(FCGI_BeginRequestBody))
		return false;
	begin->role = (unsigned)body[0] << 8 | body[1];
	begin->keep = body[2] & FCGI_KEEP_CONN;
	return true;
}

void kri_frame_put(struct kri_buffer *out, unsigned type, unsigned id,
		   struct kri_text content)
{
	const char header[FCGI_HEADER_LEN] = {
		FCGI_VERSION_1,           (char)type,
		(char)(id >> 8),          (char)id,
		(char)(content.len >> 8), (char)content.len,
	};

	kri_buffer_append(out, kri_text(header, sizeof(header)));
	kri_buffer_append(out, content);
}

/* ---- pairs ------------------------------------------------------------ */

/* One byte, or four with the highest bit set: less than 2^31. */
static bool cut_length(struct kri_text *bytes, size_t *len)
{
	const unsigned char *at = (const unsigned char *)bytes->data;
	size_t size = bytes->len && at[0] & 0x80 ? 4 : 1;

	if (bytes->len < size)
		return false;
	*len = size == 1 ? at[0]
			 : (size_t)(at[0] & 0x7f) << 24 | (size_t)at[1] << 16 |
				   (size_t)at[2] << 8 | at[3];
	*bytes = after(*bytes, size);
	return true;
}

bool kri_pair_cut(struct kri_text *bytes, struct kri_text *name,
		  struct kri_text *value)
{
	struct kri_text rest = *bytes;
	size_t name_len, value_len;

	if (!cut_length(&rest, &name_len) || !cut_length(&rest, &value_len))
		return false;
	if (name_len > rest.len || value_len > rest.len - name_len)
		return false;
	*name = kri_text(rest.data, name_len);
	*value = kri_text(rest.data + name_len, value_len);
	*bytes = after(rest, name_len + value_len);
	return true;
}

/* The size of a pair whose lengths take a byte each, as most do; else 0. Every
 * request has a dozen or two. */
static size_t short_pair(struct kri_text bytes)
{
	const unsigned char *at = (const unsigned char *)bytes.data;

	if (bytes.len < 2 || (at[0] | at[1]) & 0x80)
		return 0;
	return (size_t)2 + at[0] + at[1];
}

/*
 * Where the value of a path has a NUL, libfcgi's string ends: "/metrics%00" of
 * a client would be /metrics to us, and something else to a front server that
 * has a rule for that. By their names' lengths, as there are many pairs:
 * PATH_INFO, SCRIPT_NAME and REQUEST_URI, DOCUMENT_URI, KR_URI.
 */
static bool hides_something(size_t name_len, const char *value, size_t len)
{
	static const unsigned lengths = 1u << 6 | 1u << 9 | 1u << 11 | 1u << 12;

	return name_len <= 12 && lengths >> name_len & 1 &&
	       memchr(value, '\0', len);
}

bool kri_pairs_fit(struct kri_text bytes)
{
	struct kri_text name, value;

	while (bytes.len) {
		size_t size = short_pair(bytes);

		if (size > bytes.len)
			return false;
		if (size) {
			name.len = (unsigned char)bytes.data[0];
			value = kri_text(bytes.data + 2 + name.len,
					 size - 2 - name.len);
			bytes = after(bytes, size);
		} else if (!kri_pair_cut(&bytes, &name, &value)) {
			return false;
		}
		if (hides_something(name.len, value.data, value.len))
			return false;
	}
	return true;
}

/* ---- requests --------------------------------------------------------- */

/* The type of frame that is to follow; 0 if this one is not as it should
 * be. */
static unsigned next_type(const struct kri_frame *frame)
{
	struct kri_begin begin;

	switch (frame->type) {
	case FCGI_BEGIN_REQUEST:
		return kri_begin_read(frame, &begin) &&
				       begin.role == FCGI_RESPONDER
			       ? FCGI_PARAMS
			       : 0;
	case FCGI_PARAMS:
		if (!frame->content.len)
			return FCGI_STDIN;
		return kri_pairs_fit(frame->content) ? FCGI_PARAMS : 0;
	default:
		return FCGI_STDIN;
	}
}

bool kri_frame_is_plain(struct kri_text bytes)
{
	unsigned type = FCGI_BEGIN_REQUEST;
	unsigned id = FCGI_NULL_REQUEST_ID;
	struct kri_frame frame;

	while (kri_frame_cut(bytes, &frame) == KRI_FRAME_WHOLE) {
		if (frame.type != type || (id && frame.id != id))
			return false;
		bytes = after(bytes, frame.size);
		/* libfcgi would leave the padding of the last frame. */
		if (type == FCGI_STDIN && !frame.content.len)
			return !bytes.len && frame.size == FCGI_HEADER_LEN;
		id = frame.id;
		type = next_type(&frame);
	}
	return false;
}
