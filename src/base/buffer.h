/*
 * Buffer: a growing run of bytes on the heap, reused from one request to the
 * next. An append that fails is remembered and makes every later one do
 * nothing: build all, then check `failed` once.
 */
#ifndef KRI_BASE_BUFFER_H
#define KRI_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct kri_buffer {
	char *data; /* `len` bytes; a NUL follows whenever data is not NULL */
	size_t len;
	size_t cap;
	bool failed; /* out of memory; sticky until the next clear */
};

/* All zero is an empty buffer too. */
#define KRI_BUFFER_EMPTY ((struct kri_buffer){0})

/* Makes room for `size` more bytes and a NUL; false, for good, without
 * memory. */
bool kri_buffer_grow(struct kri_buffer *buffer, size_t size);

/* Here because a command or an answer is many small pieces, and most of them
 * fit. */
static inline void kri_buffer_append(struct kri_buffer *buffer,
				     struct kri_text text)
{
	if ((buffer->failed || text.len >= buffer->cap - buffer->len) &&
	    !kri_buffer_grow(buffer, text.len))
		return;
	if (text.len)
		memcpy(buffer->data + buffer->len, text.data, text.len);
	buffer->len += text.len;
	buffer->data[buffer->len] = '\0';
}

void kri_buffer_string(struct kri_buffer *buffer, const char *string);
void kri_buffer_byte(struct kri_buffer *buffer, char byte);
void kri_buffer_int(struct kri_buffer *buffer, int64_t number);
void kri_buffer_printf(struct kri_buffer *buffer, const char *format, ...)
	KR_PRINTF(2, 3);

/* Room for `size` more bytes at the end, or NULL; the caller adds to len. */
char *kri_buffer_reserve(struct kri_buffer *buffer, size_t size);

static inline struct kri_text kri_buffer_text(const struct kri_buffer *buffer)
{
	return kri_text(buffer->data, buffer->len);
}

/* Empties it and keeps the memory. */
void kri_buffer_clear(struct kri_buffer *buffer);

/* Overwrites what it held, for secrets, and empties it. */
void kri_buffer_wipe(struct kri_buffer *buffer);

void kri_buffer_free(struct kri_buffer *buffer);

#endif
