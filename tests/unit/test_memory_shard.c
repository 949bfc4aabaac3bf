/*
 * A shard of the store in memory: its table, its room, and what ended in it.
 * That the whole keeps the store's contract is seen by tests/conformance.
 */
#include "store/memory_shard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LIMIT (64 << 20)
#define NOW 1000
#define LATER 2000

struct fixture {
	struct kri_memory_room room;
	struct kri_memory_shard shard;
	struct kri_arena arena;
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){.room = {.limit = LIMIT}};
	kri_memory_shard_init(&f.shard, &f.room);
	kri_arena_init(&f.arena, 65536, LIMIT);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kri_memory_shard_free(&f->shard);
	kri_arena_free(&f->arena);
	assert_int_equal(f->room.used, 0);
	return 0;
}

static struct kri_record record_of(struct fixture *f, unsigned i)
{
	struct kri_record record = {.id = "AAAAAAAAAAAAAAAAAAAAAA",
				    .arena = &f->arena};

	for (size_t at = 0; i; i /= 26, at++)
		record.id[at] = (char)('A' + i % 26);
	return record;
}

static void add(struct fixture *f, unsigned i, int64_t ends)
{
	struct kri_record record = record_of(f, i);
	struct kri_memory_session *session;

	assert_int_equal(kri_record_reserve(&record, 1), KR_OK);
	record.values[record.n++] =
		(struct kri_value){.key = KRI_TEXT("key"),
				   .data = KRI_TEXT("value"),
				   .change = KRI_CHANGE_SET};
	assert_int_equal(kri_memory_session_make(&record, &f->room, &session),
			 KR_OK);
	session->ends = ends;
	assert_int_equal(kri_memory_shard_add(&f->shard, session), KR_OK);
}

static struct kri_memory_session *find(struct fixture *f, unsigned i)
{
	struct kri_record record = record_of(f, i);

	return kri_memory_shard_find(&f->shard, record.id, NOW);
}

static void what_is_added_is_found_until_it_is_removed(void **state)
{
	struct fixture *f = *state;
	struct kri_record record = record_of(f, 1);

	assert_null(find(f, 1));
	kri_memory_shard_remove(&f->shard, record.id);
	add(f, 1, LATER);
	add(f, 2, LATER);
	assert_non_null(find(f, 1));
	assert_string_equal(find(f, 1)->id, record.id);
	kri_memory_shard_remove(&f->shard, record.id);
	assert_null(find(f, 1));
	assert_non_null(find(f, 2));
	assert_int_equal(f->shard.n, 1);
}

static void a_table_grows_with_its_sessions(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 5000; i++)
		add(f, i, LATER);
	for (unsigned i = 0; i < 5000; i++)
		assert_non_null(find(f, i));
	assert_in_range(f->shard.size, 5000, 10000);
}

static void what_has_ended_is_removed_when_it_is_met(void **state)
{
	struct fixture *f = *state;

	add(f, 1, NOW);
	assert_null(find(f, 1));
	assert_int_equal(f->shard.n, 0);
	assert_int_equal(f->room.used, 0);
}

/* All of the table is looked through in as many steps as it has buckets. */
static void little_by_little_all_that_ended_is_removed(void **state)
{
	struct fixture *f = *state;
	size_t removed = 0;

	assert_int_equal(kri_memory_shard_sweep(&f->shard, 8, NOW), 0);
	for (unsigned i = 0; i < 100; i++)
		add(f, i, i % 2 ? NOW : LATER);
	for (size_t i = 0; i < f->shard.size; i++)
		removed += kri_memory_shard_sweep(&f->shard, 1, NOW);
	assert_int_equal(removed, 50);
	assert_int_equal(f->shard.n, 50);
	assert_int_equal(kri_memory_shard_sweep(&f->shard, SIZE_MAX, NOW), 0);
	assert_int_equal(kri_memory_shard_sweep(&f->shard, SIZE_MAX, LATER),
			 50);
}

static void a_walk_passes_no_session_over_while_the_table_grows(void **state)
{
	struct fixture *f = *state;
	struct kri_listing listing = {.arena = &f->arena};
	size_t seen = 0;
	unsigned next = 2000;

	for (unsigned i = 0; i < 2000; i++)
		add(f, i, LATER);
	do {
		listing.n = 0;
		assert_int_equal(
			kri_memory_shard_list(&f->shard, &listing, NOW), KR_OK);
		for (size_t i = 0; i < listing.n; i++) {
			struct kri_memory_session *session =
				kri_memory_shard_find(&f->shard, listing.ids[i],
						      NOW);

			assert_non_null(session);
			seen += session->version == 1 && session->seen == 0;
			session->seen++;
		}
		for (unsigned i = 0; i < 1500 && next < 10000; i++)
			add(f, next++, LATER);
		kri_arena_reset(&f->arena);
	} while (listing.cursor);
	for (unsigned i = 0; i < 2000; i++)
		assert_true(find(f, i)->seen > 0);
	assert_true(seen >= 2000);
}

/* ---- room ------------------------------------------------------------- */

static void a_write_that_does_not_fit_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct kri_record record = record_of(f, 1);
	static char big[5000];
	size_t used;

	add(f, 1, LATER);
	used = f->room.used;
	f->room.limit = used + 1000;
	assert_int_equal(kri_record_reserve(&record, 3), KR_OK);
	record.values[0] = (struct kri_value){
		.key = KRI_TEXT("a"), .data = KRI_TEXT("1"), .change = KRI_CHANGE_SET};
	record.values[1] = (struct kri_value){.key = KRI_TEXT("key"),
					      .change = KRI_CHANGE_REMOVED};
	record.values[2] = (struct kri_value){.key = KRI_TEXT("b"),
					      .data = {big, sizeof(big)},
					      .change = KRI_CHANGE_SET};
	record.n = 3;
	assert_int_equal(
		kri_memory_session_write(find(f, 1), &record, &f->room),
		KR_ERR_FULL);
	assert_int_equal(f->room.used, used);
	assert_int_equal(find(f, 1)->version, 1);
	assert_int_equal(find(f, 1)->n, 1);
}

static void what_is_replaced_or_removed_gives_its_room_back(void **state)
{
	struct fixture *f = *state;
	struct kri_record record = record_of(f, 1);
	size_t used;

	add(f, 1, LATER);
	used = f->room.used;
	assert_int_equal(kri_record_reserve(&record, 1), KR_OK);
	record.n = 1;
	record.values[0] = (struct kri_value){.key = KRI_TEXT("key"),
					      .data = KRI_TEXT("VALUE"),
					      .change = KRI_CHANGE_SET};
	assert_int_equal(
		kri_memory_session_write(find(f, 1), &record, &f->room), KR_OK);
	assert_int_equal(f->room.used, used);
	record.values[0].change = KRI_CHANGE_REMOVED;
	assert_int_equal(
		kri_memory_session_write(find(f, 1), &record, &f->room), KR_OK);
	assert_true(f->room.used < used);
	assert_int_equal(find(f, 1)->n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_added_is_found_until_it_is_removed),
		TEST(a_table_grows_with_its_sessions),
		TEST(what_has_ended_is_removed_when_it_is_met),
		TEST(little_by_little_all_that_ended_is_removed),
		TEST(a_walk_passes_no_session_over_while_the_table_grows),
		TEST(a_write_that_does_not_fit_changes_nothing),
		TEST(what_is_replaced_or_removed_gives_its_room_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
