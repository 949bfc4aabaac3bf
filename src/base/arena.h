/*
 * Arena: memory for all that lives as long as one exchange (or one batch),
 * freed in one stroke. Has a cap, which bounds what hostile input can make
 * us hold; running into it is remembered, so callers may check once.
 */
#ifndef KRI_BASE_ARENA_H
#define KRI_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct kri_arena_chunk;

struct kri_arena {
	struct kri_arena_chunk *chunks; /* newest first; the last is kept, if
					 * it is an ordinary one */
	size_t chunk_size;              /* bytes of an ordinary chunk */
	size_t limit;                   /* bytes that may be handed out */
	size_t given;                   /* bytes handed out so far */
	bool overflow;                  /* a request was refused */
};

/* Holds nothing until the first allocation. */
void kri_arena_init(struct kri_arena *arena, size_t chunk_size, size_t limit);

/* `size` bytes, aligned for any type; NULL past the cap or without memory. */
void *kri_arena_alloc(struct kri_arena *arena, size_t size);

/* A NUL-terminated copy; data is NULL if it could not be made. */
struct kri_text kri_arena_dup(struct kri_arena *arena, struct kri_text text);

/* Overwrites all that was allocated, which is not to be used any more: secrets
 * do not stay in memory that is given back. */
void kri_arena_wipe(struct kri_arena *arena);

/* Takes everything back, keeps an ordinary chunk for the next use. */
void kri_arena_reset(struct kri_arena *arena);

/* Gives all memory back. */
void kri_arena_free(struct kri_arena *arena);

#endif
