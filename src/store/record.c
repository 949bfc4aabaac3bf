/*
 * What all stores do with records.
 */
#include "store/store.h"

static uint64_t eight_at(const char *bytes)
{
	uint64_t eight;

	memcpy(&eight, bytes, sizeof(eight));
	return eight;
}

/* By multiplication, the upper half into the lower before and after. Ids are
 * random, and no client chooses one that is kept, so nobody can make them meet.
 */
uint64_t kri_id_hash(const char *id)
{
	uint64_t hash = eight_at(id) * 0x9e3779b97f4a7c15 +
			eight_at(id + 8) * 0xc2b2ae3d27d4eb4f +
			eight_at(id + KRI_ID_LEN - 8) * 0x165667b19e3779f9;

	hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 32;
}

bool kri_record_ends(const struct kri_record *record)
{
	return record->operation == KRI_OP_DESTROY || record->entering ||
	       (record->operation == KRI_OP_UPDATE && record->renewed);
}

void kri_record_clear(struct kri_record *record)
{
	record->values = NULL;
	record->n = record->cap = 0;
	record->mark = kri_text(NULL, 0);
	record->was_at = record->born = record->version = 0;
	record->seen = record->left = 0;
	record->source = 0;
	record->unproven = false;
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
