/*
 * Fields in libpq's results, in binary form: type and length are compared
 * with what is asked for before a byte is read.
 */
#include "postgresql/rows.h"

#include <libpq-fe.h>

static const PGresult *result_of(const struct kri_pg_rows *rows)
{
	return (const PGresult *)rows;
}

size_t kri_pg_rows_count(const struct kri_pg_rows *rows)
{
	return rows ? (size_t)PQntuples(result_of(rows)) : 0;
}

struct kri_text kri_pg_field(const struct kri_pg_rows *rows, size_t row,
			     size_t column)
{
	const PGresult *result = result_of(rows);

	if (row >= kri_pg_rows_count(rows) ||
	    (int)column >= PQnfields(result) ||
	    PQgetisnull(result, (int)row, (int)column))
		return kri_text(NULL, 0);
	return kri_text(PQgetvalue(result, (int)row, (int)column),
			(size_t)PQgetlength(result, (int)row, (int)column));
}

static bool is(const struct kri_pg_rows *rows, size_t column,
	       enum kri_pg_type type)
{
	return PQftype(result_of(rows), (int)column) == (Oid)type;
}

bool kri_pg_field_int(const struct kri_pg_rows *rows, size_t row, size_t column,
		      int64_t *number)
{
	struct kri_text field = kri_pg_field(rows, row, column);

	if (field.len != 8 || !is(rows, column, KRI_PG_INT8))
		return false;
	*number = kri_pg_read_int(field.data);
	return true;
}

bool kri_pg_field_time(const struct kri_pg_rows *rows, size_t row,
		       size_t column, int64_t *ms)
{
	struct kri_text field = kri_pg_field(rows, row, column);

	if (field.len != 8 || !is(rows, column, KRI_PG_TIMESTAMPTZ))
		return false;
	*ms = kri_pg_read_time(field.data);
	return true;
}

static bool read_u32(struct kri_text *text, uint32_t *number)
{
	const unsigned char *at = (const unsigned char *)text->data;

	if (text->len < 4)
		return false;
	*number = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
		  (uint32_t)at[2] << 8 | at[3];
	text->data += 4;
	text->len -= 4;
	return true;
}

bool kri_pg_field_array(const struct kri_pg_rows *rows, size_t row,
			size_t column, enum kri_pg_type type,
			struct kri_pg_array *array)
{
	struct kri_text field = kri_pg_field(rows, row, column);
	uint32_t dimensions, nulls, of, size, first;

	*array = (struct kri_pg_array){0};
	if (!field.data)
		return true;
	if (!read_u32(&field, &dimensions) || !read_u32(&field, &nulls) ||
	    !read_u32(&field, &of) || of != (uint32_t)type || nulls ||
	    dimensions > 1)
		return false;
	if (!dimensions)
		return true;
	if (!read_u32(&field, &size) || !read_u32(&field, &first))
		return false;
	*array = (struct kri_pg_array){.rest = field, .left = size};
	return true;
}

bool kri_pg_array_next(struct kri_pg_array *array, struct kri_text *element)
{
	uint32_t size;

	if (!array->left || !read_u32(&array->rest, &size) ||
	    size > array->rest.len)
		return false;
	*element = kri_text(array->rest.data, size);
	array->rest.data += size;
	array->rest.len -= size;
	array->left--;
	return true;
}
