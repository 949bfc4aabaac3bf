/*
 * What a statement is given: arrays and numbers in PostgreSQL's binary form,
 * so that a batch of any size is one execution and nothing is escaped. Knows
 * no connection and no statement.
 */
#ifndef KRI_POSTGRESQL_PARAMS_H
#define KRI_POSTGRESQL_PARAMS_H

#include "base/buffer.h"

#define KRI_PG_PARAMS 14 /* of one statement, at most */

/* By their numbers in pg_type. */
enum kri_pg_type {
	KRI_PG_BOOL = 16,
	KRI_PG_BYTEA = 17,
	KRI_PG_INT8 = 20,
	KRI_PG_TEXT = 25,
	KRI_PG_TIMESTAMPTZ = 1184
};

/* All zero is empty. What is appended to fails as a buffer does: look at
 * bytes.failed once. */
struct kri_pg_params {
	struct kri_buffer bytes; /* one parameter after another */
	size_t cuts[KRI_PG_PARAMS + 1];
	size_t n;
	size_t elements; /* of the array that is being written */
};

void kri_pg_params_clear(struct kri_pg_params *params);
void kri_pg_params_free(struct kri_pg_params *params);

/* An array of so many elements, which are to be put next. */
void kri_pg_put_array(struct kri_pg_params *params, enum kri_pg_type type,
		      size_t elements);

/* Each puts an element of the array, or outside of one a parameter. */
void kri_pg_put_text(struct kri_pg_params *params, struct kri_text text);
void kri_pg_put_null(struct kri_pg_params *params);
void kri_pg_put_int(struct kri_pg_params *params, int64_t number);
void kri_pg_put_bool(struct kri_pg_params *params, bool value);
/* ms since the epoch. */
void kri_pg_put_time(struct kri_pg_params *params, int64_t ms);

/* The other way. */
int64_t kri_pg_read_int(const char bytes[8]);
int64_t kri_pg_read_time(const char bytes[8]);

#endif
