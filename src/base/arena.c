/*
 * Owns the chunks of memory behind an arena and the count against its cap.
 * Knows nothing of what is kept in it, and never runs a destructor.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/crypto.h"

struct kri_arena_chunk {
	struct kri_arena_chunk *next;
	size_t size; /* bytes at `bytes` */
	size_t used; /* of them; always a multiple of the alignment */
	alignas(max_align_t) unsigned char bytes[];
};

void kri_arena_init(struct kri_arena *arena, size_t chunk_size, size_t limit)
{
	*arena = (struct kri_arena){.chunk_size = chunk_size, .limit = limit};
}

/* The bytes that a request takes up, or 0 if no object is that large. Even an
 * empty one takes some: a client must not get chunks without being counted. */
static size_t rounded(size_t size)
{
	const size_t unit = alignof(max_align_t);

	if (size > PTRDIFF_MAX - unit)
		return 0;
	return size ? (size + unit - 1) / unit * unit : unit;
}

/* A big request gets a chunk of its own, which goes behind the chunk in use:
 * that one still has room for small ones. */
static void link_chunk(struct kri_arena *arena, struct kri_arena_chunk *chunk)
{
	struct kri_arena_chunk **place = &arena->chunks;

	if (arena->chunks && chunk->size > arena->chunk_size)
		place = &arena->chunks->next;
	chunk->next = *place;
	*place = chunk;
}

static struct kri_arena_chunk *add_chunk(struct kri_arena *arena, size_t need)
{
	size_t size = need > arena->chunk_size ? need : arena->chunk_size;
	struct kri_arena_chunk *chunk = NULL;

	if (size <= PTRDIFF_MAX - sizeof(*chunk))
		chunk = malloc(sizeof(*chunk) + size);
	if (!chunk)
		return NULL;
	chunk->size = size;
	chunk->used = 0;
	link_chunk(arena, chunk);
	return chunk;
}

static struct kri_arena_chunk *find_room(struct kri_arena *arena, size_t need)
{
	struct kri_arena_chunk *chunk = arena->chunks;

	if (chunk && need <= chunk->size - chunk->used)
		return chunk;
	return add_chunk(arena, need);
}

void *kri_arena_alloc(struct kri_arena *arena, size_t size)
{
	size_t need = rounded(size);
	struct kri_arena_chunk *chunk = NULL;
	void *memory;

	if (need && need <= arena->limit - arena->given)
		chunk = find_room(arena, need);
	if (!chunk) {
		arena->overflow = true;
		return NULL;
	}
	memory = chunk->bytes + chunk->used;
	chunk->used += need;
	arena->given += need;
	return memory;
}

struct kri_text kri_arena_dup(struct kri_arena *arena, struct kri_text text)
{
	/* A length that leaves no room for the NUL is refused as it is. */
	size_t size = text.len < SIZE_MAX ? text.len + 1 : SIZE_MAX;
	char *copy = kri_arena_alloc(arena, size);

	if (!copy)
		return kri_text(NULL, 0);
	if (text.len)
		memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return kri_text(copy, text.len);
}

void kri_arena_wipe(struct kri_arena *arena)
{
	struct kri_arena_chunk *chunk = arena->chunks;

	for (; chunk; chunk = chunk->next)
		kri_wipe(chunk->bytes, chunk->used);
}

void kri_arena_reset(struct kri_arena *arena)
{
	struct kri_arena_chunk *chunk = arena->chunks;
	struct kri_arena_chunk *next;

	for (; chunk && chunk->next; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	if (chunk && chunk->size > arena->chunk_size) {
		free(chunk);
		chunk = NULL;
	}
	if (chunk)
		chunk->used = 0;
	arena->chunks = chunk;
	arena->given = 0;
	arena->overflow = false;
}

void kri_arena_free(struct kri_arena *arena)
{
	kri_arena_reset(arena);
	free(arena->chunks);
	arena->chunks = NULL;
}
