/*
 * Owns the growth of a buffer and its sticky failure. A buffer may hold a
 * secret, so memory that it outgrows is wiped before it is given back.
 * Knows nothing of what the bytes mean.
 */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"

#define SMALLEST 64

/* The next capacity that holds `need` bytes: doubled, so that appending a
 * byte at a time stays linear. */
static size_t next_capacity(size_t cap, size_t need)
{
	size_t next = cap < SMALLEST ? SMALLEST : cap;

	while (next < need && next <= PTRDIFF_MAX / 2)
		next *= 2;
	return next < need ? need : next;
}

static bool move_to(struct kri_buffer *buffer, size_t cap)
{
	char *data = malloc(cap);

	if (!data)
		return false;
	if (buffer->len)
		memcpy(data, buffer->data, buffer->len);
	data[buffer->len] = '\0';
	if (buffer->data)
		kri_wipe(buffer->data, buffer->cap);
	free(buffer->data);
	buffer->data = data;
	buffer->cap = cap;
	return true;
}

bool kri_buffer_grow(struct kri_buffer *buffer, size_t size)
{
	if (buffer->failed)
		return false;
	if (size < buffer->cap - buffer->len)
		return true;
	/* No object is larger than PTRDIFF_MAX. */
	if (size >= PTRDIFF_MAX - buffer->len)
		buffer->failed = true;
	else if (!move_to(buffer,
			  next_capacity(buffer->cap, buffer->len + size + 1)))
		buffer->failed = true;
	return !buffer->failed;
}

void kri_buffer_string(struct kri_buffer *buffer, const char *string)
{
	kri_buffer_append(buffer, kri_text_of(string));
}

void kri_buffer_byte(struct kri_buffer *buffer, char byte)
{
	kri_buffer_append(buffer, kri_text(&byte, 1));
}

void kri_buffer_int(struct kri_buffer *buffer, int64_t number)
{
	char room[KRI_INT_SIZE];

	kri_buffer_append(buffer, kri_text_of_int(number, room));
}

void kri_buffer_printf(struct kri_buffer *buffer, const char *format, ...)
{
	va_list list;
	int len;

	va_start(list, format);
	len = vsnprintf(NULL, 0, format, list);
	va_end(list);
	if (len < 0)
		buffer->failed = true;
	if (len < 0 || !kri_buffer_grow(buffer, (size_t)len))
		return;
	va_start(list, format);
	vsnprintf(buffer->data + buffer->len, (size_t)len + 1, format, list);
	va_end(list);
	buffer->len += (size_t)len;
}

char *kri_buffer_reserve(struct kri_buffer *buffer, size_t size)
{
	char *room;

	if (!kri_buffer_grow(buffer, size))
		return NULL;
	/* However much of it the caller takes, a NUL follows. */
	room = buffer->data + buffer->len;
	memset(room, 0, size + 1);
	return room;
}

void kri_buffer_clear(struct kri_buffer *buffer)
{
	buffer->len = 0;
	buffer->failed = false;
	if (buffer->data)
		buffer->data[0] = '\0';
}

void kri_buffer_wipe(struct kri_buffer *buffer)
{
	/* All of it: an earlier, longer text may lie behind this one. */
	if (buffer->data)
		kri_wipe(buffer->data, buffer->cap);
	kri_buffer_clear(buffer);
}

void kri_buffer_free(struct kri_buffer *buffer)
{
	free(buffer->data);
	*buffer = KRI_BUFFER_EMPTY;
}
