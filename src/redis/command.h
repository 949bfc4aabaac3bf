/*
 * Commands as Redis wants them on the wire (RESP2: an array of bulk strings),
 * appended to a buffer so that a batch goes out in one write. Knows nothing
 * of connections.
 */
#ifndef KRI_REDIS_COMMAND_H
#define KRI_REDIS_COMMAND_H

#include "base/buffer.h"

/* Begins a command of `argc` arguments, its name included. */
void kri_command_begin(struct kri_buffer *out, size_t argc);

/* Each adds one argument. */
void kri_command_text(struct kri_buffer *out, struct kri_text text);
void kri_command_int(struct kri_buffer *out, int64_t number);

/* A whole command of literals and NUL-terminated strings, ended by NULL. */
void kri_command_strings(struct kri_buffer *out, const char *const *args);

#endif
