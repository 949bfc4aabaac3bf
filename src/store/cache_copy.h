/*
 * One copy: a record in one piece of memory, and how it is made and read.
 */
#ifndef KRI_STORE_CACHE_COPY_H
#define KRI_STORE_CACHE_COPY_H

#include "store/cache_copies.h"

/* A value whose bytes stand in the copy, each text with a NUL behind it. */
struct kri_copy_value {
	uint32_t key, key_len, data, data_len;
};

struct kri_copy {
	struct kri_copy *next;          /* in its bucket */
	struct kri_copy *newer, *older; /* in the order of their use */
	size_t size;                    /* that it takes, with malloc's */
	uint64_t era, users;            /* as in the stamp */
	int64_t made;                   /* kri_clock_boot_us() */
	int64_t slack; /* ms after the last touch when the next is due */
	bool guess;
	char id[KRI_ID_LEN + 1];
	unsigned char auth[KRI_DIGEST_SIZE], was[KRI_DIGEST_SIZE];
	int64_t was_at, born, version, seen; /* as a record has them */
	uint64_t source;
	uint32_t mark, mark_len;
	uint32_t n, bytes; /* values, and the bytes behind them */
	struct kri_copy_value values[];
};

/* Of the record's values that are not removed; NULL without memory, or for one
 * beyond all measure. idle_timeout in ms, if it has none of its own. */
struct kri_copy *kri_copy_make(const struct kri_record *record,
			       int64_t idle_timeout);

/* Whether no touch is due, by either clock; `now` is kri_clock_epoch_ms(). */
bool kri_copy_is_fresh(const struct kri_copy *copy, int64_t now);

/* Fills the record; false past its arena's cap, and it is empty then. */
bool kri_copy_read(const struct kri_copy *copy, struct kri_record *record);

#endif
