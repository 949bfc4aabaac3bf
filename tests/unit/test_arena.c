/*
 * Arena: what it hands out, what its cap refuses, what a reset keeps.
 */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define CHUNK 256
#define LIMIT 4096

static void *fill(struct kri_arena *arena, size_t size)
{
	void *memory = kri_arena_alloc(arena, size);

	assert_non_null(memory);
	return memset(memory, 0xa5, size);
}

static void gives_memory_aligned_for_any_type(void **state)
{
	struct kri_arena arena;
	size_t size;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	for (size = 0; size < 40; size++)
		assert_int_equal((uintptr_t)fill(&arena, size) %
					 _Alignof(max_align_t),
				 0);
	kri_arena_free(&arena);
}

static void gives_each_caller_memory_of_its_own(void **state)
{
	struct kri_arena arena;
	unsigned char *first, *second;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	first = fill(&arena, 10);
	second = fill(&arena, 10);
	second[0] = 1;
	assert_true(second >= first + 10 || first >= second + 10);
	assert_int_equal(first[0], 0xa5);
	kri_arena_free(&arena);
}

static void gives_more_than_a_chunk_holds(void **state)
{
	struct kri_arena arena;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	fill(&arena, 10);
	fill(&arena, 10 * CHUNK);
	fill(&arena, 10);
	assert_false(arena.overflow);
	kri_arena_free(&arena);
}

static void fills_a_chunk_on_after_a_big_request(void **state)
{
	struct kri_arena arena;
	unsigned char *before, *after;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	before = fill(&arena, 16);
	fill(&arena, 2 * CHUNK);
	after = fill(&arena, 16);
	assert_ptr_equal(after, before + 16);
	kri_arena_free(&arena);
}

static void gives_all_up_to_its_cap(void **state)
{
	struct kri_arena arena;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	fill(&arena, LIMIT);
	assert_false(arena.overflow);
	kri_arena_free(&arena);
}

static void refuses_what_is_past_its_cap(void **state)
{
	struct kri_arena arena;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	fill(&arena, LIMIT - 64);
	assert_null(kri_arena_alloc(&arena, 65));
	assert_true(arena.overflow);
	kri_arena_free(&arena);
}

static void remembers_a_refusal_when_later_requests_fit(void **state)
{
	struct kri_arena arena;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	assert_null(kri_arena_alloc(&arena, LIMIT + 1));
	fill(&arena, 1);
	assert_true(arena.overflow);
	kri_arena_free(&arena);
}

static void refuses_sizes_that_no_memory_has(void **state)
{
	struct kri_arena arena;
	size_t below;

	(void)state;
	kri_arena_init(&arena, CHUNK, SIZE_MAX);
	for (below = 0; below < 64; below++)
		assert_null(kri_arena_alloc(&arena, SIZE_MAX - below));
	assert_true(arena.overflow);
	kri_arena_free(&arena);
}

static void counts_empty_requests_against_its_cap(void **state)
{
	struct kri_arena arena;
	int given = 0;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	while (given <= LIMIT && kri_arena_alloc(&arena, 0))
		given++;
	assert_in_range(given, 1, LIMIT);
	kri_arena_free(&arena);
}

static void copies_a_text_and_ends_it_with_nul(void **state)
{
	struct kri_arena arena;
	struct kri_text copy;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	copy = kri_arena_dup(&arena, kri_text("abcdef", 3));
	assert_int_equal(copy.len, 3);
	assert_string_equal(copy.data, "abc");
	kri_arena_free(&arena);
}

static void copies_the_empty_text_of_null(void **state)
{
	struct kri_arena arena;
	struct kri_text copy;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	copy = kri_arena_dup(&arena, kri_text(NULL, 0));
	assert_int_equal(copy.len, 0);
	assert_string_equal(copy.data, "");
	kri_arena_free(&arena);
}

static void copies_no_text_past_its_cap(void **state)
{
	struct kri_arena arena;
	struct kri_text copy;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	copy = kri_arena_dup(&arena, kri_text("a", SIZE_MAX));
	assert_null(copy.data);
	assert_int_equal(copy.len, 0);
	assert_true(arena.overflow);
	kri_arena_free(&arena);
}

static void gives_the_same_memory_again_after_a_reset(void **state)
{
	struct kri_arena arena;
	void *first;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	first = fill(&arena, 100);
	fill(&arena, CHUNK);
	fill(&arena, CHUNK);
	kri_arena_reset(&arena);
	assert_ptr_equal(fill(&arena, 100), first);
	kri_arena_free(&arena);
}

static void starts_anew_after_a_reset(void **state)
{
	struct kri_arena arena;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	fill(&arena, LIMIT);
	assert_null(kri_arena_alloc(&arena, 1));
	kri_arena_reset(&arena);
	assert_false(arena.overflow);
	fill(&arena, LIMIT);
	kri_arena_free(&arena);
}

/* Exchanges are kept by the hundred, and one body may have been large. */
static void keeps_no_chunk_that_is_larger_than_others(void **state)
{
	struct kri_arena arena;

	(void)state;
	kri_arena_init(&arena, 64, 1 << 20);
	assert_non_null(kri_arena_alloc(&arena, 100000));
	kri_arena_reset(&arena);
	assert_null(arena.chunks);
	assert_non_null(kri_arena_alloc(&arena, 8));
	kri_arena_reset(&arena);
	assert_non_null(arena.chunks);
	kri_arena_free(&arena);
}

static void may_be_reset_and_freed_unused(void **state)
{
	struct kri_arena arena;

	(void)state;
	kri_arena_init(&arena, CHUNK, LIMIT);
	kri_arena_reset(&arena);
	kri_arena_free(&arena);
	kri_arena_free(&arena);
	assert_null(arena.chunks);
}

static void what_is_wiped_is_gone(void **state)
{
	struct kri_arena arena;
	char *small, *large;

	(void)state;
	kri_arena_init(&arena, 64, 4096);
	small = kri_arena_alloc(&arena, 16);
	large = kri_arena_alloc(&arena, 500);
	memset(small, 'x', 16);
	memset(large, 'x', 500);
	kri_arena_wipe(&arena);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(small[i], 0);
	for (size_t i = 0; i < 500; i++)
		assert_int_equal(large[i], 0);
	kri_arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wiped_is_gone),
		cmocka_unit_test(gives_memory_aligned_for_any_type),
		cmocka_unit_test(gives_each_caller_memory_of_its_own),
		cmocka_unit_test(gives_more_than_a_chunk_holds),
		cmocka_unit_test(fills_a_chunk_on_after_a_big_request),
		cmocka_unit_test(gives_all_up_to_its_cap),
		cmocka_unit_test(refuses_what_is_past_its_cap),
		cmocka_unit_test(remembers_a_refusal_when_later_requests_fit),
		cmocka_unit_test(refuses_sizes_that_no_memory_has),
		cmocka_unit_test(counts_empty_requests_against_its_cap),
		cmocka_unit_test(copies_a_text_and_ends_it_with_nul),
		cmocka_unit_test(copies_the_empty_text_of_null),
		cmocka_unit_test(copies_no_text_past_its_cap),
		cmocka_unit_test(gives_the_same_memory_again_after_a_reset),
		cmocka_unit_test(starts_anew_after_a_reset),
		cmocka_unit_test(keeps_no_chunk_that_is_larger_than_others),
		cmocka_unit_test(may_be_reset_and_freed_unused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
