/*
 * FastCGI frames for tests, made byte by byte, so that they are what the
 * specification says and not what the code believes.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include "base/buffer.h"

/* FastCGI 1.0, section 8. */
enum type {
	BEGIN = 1,
	ABORT = 2,
	END = 3,
	PARAMS = 4,
	STDIN = 5,
	STDOUT = 6,
	STDERR = 7,
	DATA = 8,
	GET_VALUES = 9,
	GET_VALUES_RESULT = 10,
	UNKNOWN_TYPE = 11
};

enum role { RESPONDER = 1, AUTHORIZER = 2, FILTER = 3 };

enum status { COMPLETE = 0, CANT_MPX_CONN = 1, UNKNOWN_ROLE = 3 };

#define HEADER 8 /* bytes of a frame's header */

static inline void put_padded(struct kri_buffer *out, enum type type,
			      unsigned id, struct kri_text content,
			      size_t padding)
{
	const unsigned char header[HEADER] = {
		1,
		(unsigned char)type,
		(unsigned char)(id >> 8),
		(unsigned char)id,
		(unsigned char)(content.len >> 8),
		(unsigned char)content.len,
		(unsigned char)padding,
	};

	kri_buffer_append(out, kri_text((const char *)header, HEADER));
	kri_buffer_append(out, content);
	while (padding--)
		kri_buffer_byte(out, 'x');
}

static inline void put(struct kri_buffer *out, enum type type, unsigned id,
		       struct kri_text content)
{
	put_padded(out, type, id, content, 0);
}

static inline void put_end(struct kri_buffer *out, enum type type, unsigned id)
{
	put(out, type, id, kri_text(NULL, 0));
}

static inline void put_begin_as(struct kri_buffer *out, unsigned id,
				enum role role, bool keep)
{
	const char body[8] = {0, (char)role, keep};

	put(out, BEGIN, id, kri_text(body, sizeof(body)));
}

/* Role responder, and keep the connection. */
static inline void put_begin(struct kri_buffer *out, unsigned id)
{
	put_begin_as(out, id, RESPONDER, true);
}

/* GET_VALUES of FCGI_MPXS_CONNS, which belongs to no request. */
static inline void put_question(struct kri_buffer *out)
{
	put(out, GET_VALUES, 0, KRI_TEXT("\17\0FCGI_MPXS_CONNS"));
}

static inline void put_params(struct kri_buffer *out, unsigned id)
{
	put(out, PARAMS, id, KRI_TEXT("\11\6PATH_INFO/hello"));
	put_end(out, PARAMS, id);
}

static inline void put_request(struct kri_buffer *out, unsigned id)
{
	put_begin(out, id);
	put_params(out, id);
	put(out, STDIN, id, KRI_TEXT("a=1&b=2"));
	put_end(out, STDIN, id);
}

/* A body of `len` bytes in frames of at most `piece`, with its end. */
static inline void put_body(struct kri_buffer *out, unsigned id, size_t len,
			    size_t piece)
{
	static char bytes[65535];

	memset(bytes, 'b', sizeof(bytes));
	while (len) {
		size_t n = len < piece ? len : piece;

		put(out, STDIN, id, kri_text(bytes, n));
		len -= n;
	}
	put_end(out, STDIN, id);
}

/* What is answered: the end of a request without an answer. */
static inline void put_refusal(struct kri_buffer *out, unsigned id,
			       enum status status)
{
	const char body[8] = {[4] = (char)status};

	put(out, END, id, kri_text(body, sizeof(body)));
}

/* And the answer to put_question(). */
static inline void put_value(struct kri_buffer *out)
{
	put(out, GET_VALUES_RESULT, 0, KRI_TEXT("\17\1FCGI_MPXS_CONNS0"));
}

/* The same numbers in every run. */
static inline uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Changes, takes out or doubles bytes in a few places. */
static inline void mutate(struct kri_buffer *bytes, uint32_t *seed)
{
	for (uint32_t n = 1 + next_random(seed) % 4; n && bytes->len; n--) {
		size_t at = next_random(seed) % bytes->len;
		size_t len = next_random(seed) % (bytes->len - at);

		switch (next_random(seed) % 4) {
		case 0:
			bytes->data[at] ^= (char)(1 << next_random(seed) % 8);
			break;
		case 1:
			bytes->data[at] = (char)next_random(seed);
			break;
		case 2:
			memmove(bytes->data + at, bytes->data + at + len,
				bytes->len - at - len);
			bytes->len -= len;
			break;
		default:
			kri_buffer_grow(bytes, len);
			kri_buffer_append(bytes,
					  kri_text(bytes->data + at, len));
		}
	}
}

#endif
