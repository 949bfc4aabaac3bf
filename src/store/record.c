/*
 * What all stores do with records.
 */
#include "store/store.h"

void kri_record_clear(struct kri_record *record)
{
	record->values = NULL;
	record->n = record->cap = 0;
	record->mark = kri_text(NULL, 0);
	record->was_at = record->born = record->version = 0;
	record->seen = record->left = 0;
	memset(record->auth, 0, sizeof(record->auth));
	memset(record->was, 0, sizeof(record->was));
}

enum kr_err kri_record_reserve(struct kri_record *record, size_t n)
{
	struct kri_value *values;

	if (record->n + n <= record->cap)
		return KR_OK;
	values = kri_arena_alloc(record->arena,
				 (record->n + n) * sizeof(*values));
	if (!values)
		return KR_ERR_MEMORY;
	if (record->n)
		memcpy(values, record->values, record->n * sizeof(*values));
	record->values = values;
	record->cap = record->n + n;
	return KR_OK;
}

struct kri_value *kri_record_find(const struct kri_record *record,
				  struct kri_text key)
{
	for (size_t i = 0; i < record->n; i++)
		if (kri_text_equal(record->values[i].key, key) &&
		    record->values[i].change != KRI_CHANGE_REMOVED)
			return &record->values[i];
	return NULL;
}
