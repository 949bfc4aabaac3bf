/*
 * What a statement has answered. Trusts nothing: whoever reads a field gets
 * it with the length and the type that it asks for, or is told.
 */
#ifndef KRI_POSTGRESQL_ROWS_H
#define KRI_POSTGRESQL_ROWS_H

#include "postgresql/params.h"

struct kri_pg_rows; /* libpq's PGresult */

size_t kri_pg_rows_count(const struct kri_pg_rows *rows);

/* The field's bytes, with a NUL behind them; no data if it is NULL or if
 * there is no such field. */
struct kri_text kri_pg_field(const struct kri_pg_rows *rows, size_t row,
			     size_t column);

/* false if it is NULL or something else. */
bool kri_pg_field_int(const struct kri_pg_rows *rows, size_t row, size_t column,
		      int64_t *number) KR_MUST_CHECK;
bool kri_pg_field_time(const struct kri_pg_rows *rows, size_t row,
		       size_t column, int64_t *ms) KR_MUST_CHECK;

/* A walk over a field that is an array of one dimension, without NULLs. */
struct kri_pg_array {
	struct kri_text rest;
	size_t left; /* elements */
};

/* No elements of a NULL. false if it is no array of that type. */
bool kri_pg_field_array(const struct kri_pg_rows *rows, size_t row,
			size_t column, enum kri_pg_type type,
			struct kri_pg_array *array) KR_MUST_CHECK;

/* false if there is none. */
bool kri_pg_array_next(struct kri_pg_array *array,
		       struct kri_text *element) KR_MUST_CHECK;

#endif
