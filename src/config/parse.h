/*
 * Values as people write them (20m, 64KiB, yes, 0660) to numbers, and back.
 * Knows no option: what range is allowed is the table's to say.
 *
 * Each reading function is KR_ERR_CONFIG, and leaves *out, for a text that
 * is not exactly such a value or does not fit into an int64_t.
 */
#ifndef KRI_CONFIG_PARSE_H
#define KRI_CONFIG_PARSE_H

#include "base/buffer.h"

/* Decimal, with an optional minus. */
enum kr_err kri_parse_integer(struct kri_text text, int64_t *out) KR_MUST_CHECK;

/* yes, true, on, 1 or no, false, off, 0, in any case: 1 or 0. */
enum kr_err kri_parse_boolean(struct kri_text text, int64_t *out) KR_MUST_CHECK;

/* A number with ms, s, m, h or d; or 0. In milliseconds. */
enum kr_err kri_parse_duration(struct kri_text text,
			       int64_t *out) KR_MUST_CHECK;

/* A number, alone or with KiB, MiB, GiB, k, m or g. In bytes. */
enum kr_err kri_parse_size(struct kri_text text, int64_t *out) KR_MUST_CHECK;

/* Permission bits in octal, such as 0660. */
enum kr_err kri_parse_mode(struct kri_text text, int64_t *out) KR_MUST_CHECK;

/* The index of the text in a list that ends with NULL, in any case. */
enum kr_err kri_parse_choice(struct kri_text text, const char *const *choices,
			     int64_t *out) KR_MUST_CHECK;

/* In the largest unit that leaves no remainder: 90000 is 90s, 120000 2m. */
void kri_print_duration(struct kri_buffer *out, int64_t ms);
void kri_print_size(struct kri_buffer *out, int64_t bytes);

#endif
