/*
 * Numbers go in network order, an array as its dimension, its type and then
 * each element behind its length. (PostgreSQL's source, array_recv() and the
 * *recv() of each type: the manual describes only the text form.)
 */
#include "postgresql/params.h"

#define EPOCH_2000 946684800000 /* PostgreSQL's, in ms of ours */

void kri_pg_params_clear(struct kri_pg_params *params)
{
	kri_buffer_clear(&params->bytes);
	params->n = params->elements = 0;
}

void kri_pg_params_free(struct kri_pg_params *params)
{
	kri_buffer_free(&params->bytes);
}

static void put_big_endian(struct kri_buffer *out, uint64_t number, size_t size)
{
	char bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(number >> 8 * (size - 1 - i));
	kri_buffer_append(out, kri_text(bytes, size));
}

static void end_param(struct kri_pg_params *params)
{
	params->cuts[++params->n] = params->bytes.len;
}

/* An array without elements has no dimension either. (array_send() of
 * PostgreSQL's arrayfuncs.c) */
void kri_pg_put_array(struct kri_pg_params *params, enum kri_pg_type type,
		      size_t elements)
{
	struct kri_buffer *out = &params->bytes;

	put_big_endian(out, elements != 0, 4);
	put_big_endian(out, 0, 4);
	put_big_endian(out, type, 4);
	params->elements = elements;
	if (elements) {
		put_big_endian(out, elements, 4);
		put_big_endian(out, 1, 4);
	} else {
		end_param(params);
	}
}

/* Before what is put: in an array its length. */
static void begin(struct kri_pg_params *params, uint32_t size)
{
	if (params->elements)
		put_big_endian(&params->bytes, size, 4);
}

static void end(struct kri_pg_params *params)
{
	if (!params->elements || !--params->elements)
		end_param(params);
}

void kri_pg_put_text(struct kri_pg_params *params, struct kri_text text)
{
	begin(params, (uint32_t)text.len);
	kri_buffer_append(&params->bytes, text);
	end(params);
}

void kri_pg_put_null(struct kri_pg_params *params)
{
	begin(params, UINT32_MAX);
	end(params);
}

void kri_pg_put_int(struct kri_pg_params *params, int64_t number)
{
	begin(params, 8);
	put_big_endian(&params->bytes, (uint64_t)number, 8);
	end(params);
}

void kri_pg_put_bool(struct kri_pg_params *params, bool value)
{
	begin(params, 1);
	kri_buffer_byte(&params->bytes, (char)value);
	end(params);
}

void kri_pg_put_time(struct kri_pg_params *params, int64_t ms)
{
	kri_pg_put_int(params, (ms - EPOCH_2000) * 1000);
}

int64_t kri_pg_read_int(const char bytes[8])
{
	uint64_t number = 0;

	for (size_t i = 0; i < 8; i++)
		number = number << 8 | (unsigned char)bytes[i];
	return (int64_t)number;
}

int64_t kri_pg_read_time(const char bytes[8])
{
	return kri_pg_read_int(bytes) / 1000 + EPOCH_2000;
}
