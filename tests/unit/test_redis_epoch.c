/*
 * The ends of users' sessions as one link knows them: against what the entries
 * say when all of them are looked at, in whatever order they were read; and
 * replies that make no sense.
 */
#include "store/redis_epoch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <hiredis/hiredis.h>
#include <cmocka.h>

#define IDS 4 /* sessions that may be kept; the last is "" */
#define USERS 3
#define ENTRIES 24

static const char *const ids[IDS] = {"AAAAAAAAAAAAAAAAAAAAAA",
				     "BBBBBBBBBBBBBBBBBBBBBA",
				     "CCCCCCCCCCCCCCCCCCCCCA", ""};
static const char *const users[USERS] = {"max", "eve", "m\xc3\xa4x"};

struct entry {
	struct kri_stream_id id;
	size_t user, keep;
};

struct fixture {
	struct kri_redis_epoch epoch;
	struct kri_arena arena;
};

static int setup(void **state)
{
	static struct fixture f;

	assert_int_equal(kri_redis_epoch_init(&f.epoch), KR_OK);
	kri_arena_init(&f.arena, 4096, SIZE_MAX);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kri_redis_epoch_free(&f->epoch);
	kri_arena_free(&f->arena);
	return 0;
}

/* ---- replies ----------------------------------------------------------- */

static const struct kri_reply *reply_of(struct fixture *f, const char *bytes,
					size_t len)
{
	redisReader *reader = redisReaderCreate();
	struct kri_sink sink = {0};
	void *reply = NULL;

	assert_non_null(reader);
	kri_reply_hook(reader, &sink);
	kri_sink_set(&sink, &f->arena, 1 << 20);
	assert_int_equal(redisReaderFeed(reader, bytes, len), REDIS_OK);
	assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
	assert_non_null(reply);
	redisReaderFree(reader);
	return reply;
}

static void put_text(struct kri_buffer *out, const char *text)
{
	kri_buffer_printf(out, "$%zu\r\n%s\r\n", strlen(text), text);
}

static void put_entry(struct kri_buffer *out, const struct entry *entry)
{
	char id[48];

	snprintf(id, sizeof(id), "%llu-%llu", (unsigned long long)entry->id.ms,
		 (unsigned long long)entry->id.seq);
	kri_buffer_string(out, "*2\r\n");
	put_text(out, id);
	kri_buffer_string(out, "*4\r\n");
	put_text(out, "u");
	put_text(out, users[entry->user]);
	put_text(out, "k");
	put_text(out, ids[entry->keep]);
}

/* Entries `from` to `to` as XREAD gives them. */
static void take(struct fixture *f, const struct entry *entries, size_t from,
		 size_t to)
{
	struct kri_stream_id at =
		from ? entries[from - 1].id : (struct kri_stream_id){0};
	struct kri_buffer bytes = KRI_BUFFER_EMPTY;
	bool more = true;

	kri_buffer_printf(&bytes, "*1\r\n*2\r\n$1\r\ns\r\n*%zu\r\n", to - from);
	for (size_t i = from; i < to; i++)
		put_entry(&bytes, &entries[i]);
	assert_int_equal(kri_redis_epoch_take(
				 &f->epoch, reply_of(f, bytes.data, bytes.len),
				 &at, &more),
			 KR_OK);
	assert_false(more);
	if (to > from)
		assert_int_equal(kri_stream_id_compare(at, entries[to - 1].id),
				 0);
	kri_buffer_free(&bytes);
}

/* ---- all that may be asked ---------------------------------------------- */

static bool is_over(const struct entry *entries, size_t n, size_t user,
		    const char *id, struct kri_stream_id mark)
{
	for (size_t i = 0; i < n; i++)
		if (entries[i].user == user &&
		    kri_stream_id_compare(mark, entries[i].id) < 0 &&
		    strcmp(ids[entries[i].keep], id) != 0)
			return true;
	return false;
}

static void compare(struct fixture *f, const struct entry *entries, size_t n)
{
	for (size_t user = 0; user < USERS; user++)
		for (size_t id = 0; id < IDS - 1; id++)
			for (size_t at = 0; at <= n; at++) {
				struct kri_stream_id mark = {1, 0};

				if (at)
					mark = entries[at - 1].id;
				assert_int_equal(
					kri_redis_epoch_is_over(
						&f->epoch,
						kri_text_of(users[user]),
						ids[id], mark),
					is_over(entries, n, user, ids[id],
						mark));
			}
}

static void make(struct entry *entries)
{
	struct kri_stream_id id = {1000, 0};

	for (size_t i = 0; i < ENTRIES; i++) {
		if (rand() % 3)
			id = (struct kri_stream_id){id.ms + 1, 0};
		else
			id.seq++;
		entries[i] = (struct entry){
			.id = id,
			.user = (size_t)rand() % USERS,
			.keep = (size_t)rand() % IDS,
		};
	}
}

static void it_is_as_if_all_entries_were_looked_at(void **state)
{
	struct fixture *f = *state;
	struct entry entries[ENTRIES];

	srand(1);
	for (int round = 0; round < 300; round++) {
		make(entries);
		for (size_t n = 0; n < ENTRIES; n += 3) {
			take(f, entries, n, n + 3);
			compare(f, entries, n + 3);
		}
		teardown(state);
		setup(state);
	}
}

static void entries_may_come_again_and_late(void **state)
{
	struct fixture *f = *state;
	struct entry entries[ENTRIES];

	srand(2);
	for (int round = 0; round < 300; round++) {
		size_t half = 1 + (size_t)rand() % (ENTRIES - 1);
		size_t again = (size_t)rand() % (half + 1);

		make(entries);
		take(f, entries, half, ENTRIES);
		take(f, entries, 0, half);
		take(f, entries, again, ENTRIES);
		compare(f, entries, ENTRIES);
		teardown(state);
		setup(state);
	}
}

/* ---- what makes no sense ------------------------------------------------ */

static enum kr_err take_bytes(struct fixture *f, const char *bytes)
{
	struct kri_stream_id at = {5, 0};
	bool more;

	return kri_redis_epoch_take(
		&f->epoch, reply_of(f, bytes, strlen(bytes)), &at, &more);
}

#define STREAM "*1\r\n*2\r\n$1\r\ns\r\n"

static void replies_that_are_none_are_refused(void **state)
{
	static const char *const wrong[] = {
		":1\r\n",
		"+OK\r\n",
		"-ERR no\r\n",
		"*0\r\n",
		"*1\r\n:1\r\n",
		"*1\r\n*1\r\n$1\r\ns\r\n",
		STREAM ":1\r\n",
		STREAM "*1\r\n:1\r\n",
		STREAM "*1\r\n*1\r\n$3\r\n6-0\r\n",
		STREAM "*1\r\n*2\r\n:6\r\n*0\r\n",
		STREAM "*1\r\n*2\r\n$3\r\n6-x\r\n*0\r\n",
		STREAM "*1\r\n*2\r\n$2\r\n6-\r\n*0\r\n",
		STREAM "*1\r\n*2\r\n$3\r\n5-0\r\n*0\r\n", /* not behind 5-0 */
		STREAM "*1\r\n*2\r\n$22\r\n18446744073709551616-0\r\n*0\r\n",
		STREAM "*1\r\n*2\r\n$22\r\n99999999999999999999-0\r\n*0\r\n",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(take_bytes(*state, wrong[i]), KR_ERR_PROTOCOL);
}

static void entries_that_are_none_of_ours_are_passed_over(void **state)
{
	struct fixture *f = *state;
	static const char *const others[] = {
		"*-1\r\n",
		STREAM "*1\r\n*2\r\n$3\r\n6-0\r\n*0\r\n",
		STREAM "*1\r\n*2\r\n$3\r\n6-0\r\n:1\r\n",
		STREAM "*1\r\n*2\r\n$3\r\n6-0\r\n*1\r\n$1\r\nu\r\n",
		STREAM
		"*1\r\n*2\r\n$3\r\n6-0\r\n*2\r\n$1\r\nu\r\n$3\r\nmax\r\n",
		STREAM "*1\r\n*2\r\n$3\r\n6-0\r\n*4\r\n$1\r\nu\r\n$3\r\nmax\r\n"
		       "$1\r\nk\r\n$1\r\nx\r\n",
		STREAM "*1\r\n*2\r\n$3\r\n6-0\r\n*4\r\n$1\r\nu\r\n$0\r\n\r\n"
		       "$1\r\nk\r\n$0\r\n\r\n",
		STREAM "*1\r\n*2\r\n$3\r\n6-0\r\n*4\r\n$1\r\nu\r\n:7\r\n"
		       "$1\r\nk\r\n$0\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_equal(take_bytes(f, others[i]), KR_OK);
	assert_int_equal(f->epoch.n, 0);
	assert_false(kri_redis_epoch_is_over(&f->epoch, KRI_TEXT("max"), ids[0],
					     (struct kri_stream_id){1, 0}));
}

static void an_id_may_go_without_its_nought(void **state)
{
	struct kri_stream_id id;

	(void)state;
	assert_int_equal(kri_stream_id_read(KRI_TEXT("17"), &id), KR_OK);
	assert_int_equal(id.ms, 17);
	assert_int_equal(id.seq, 0);
	assert_int_equal(kri_stream_id_read(KRI_TEXT("17-3"), &id), KR_OK);
	assert_int_equal(id.seq, 3);
	assert_int_equal(kri_stream_id_read(KRI_TEXT(""), &id), KR_ERR_INPUT);
	assert_int_equal(kri_stream_id_read(KRI_TEXT("-"), &id), KR_ERR_INPUT);
	assert_int_equal(kri_stream_id_read(KRI_TEXT("17-"), &id),
			 KR_ERR_INPUT);
	assert_int_equal(kri_stream_id_read(KRI_TEXT("1 "), &id), KR_ERR_INPUT);
}

/* ---- what is known ------------------------------------------------------ */

static void what_is_covered_only_grows(void **state)
{
	struct kri_redis_epoch *epoch = &((struct fixture *)*state)->epoch;

	kri_redis_epoch_cover(epoch, (struct kri_stream_id){5, 0},
			      (struct kri_stream_id){9, 1});
	kri_redis_epoch_cover(epoch, (struct kri_stream_id){9, 1},
			      (struct kri_stream_id){9, 2});
	assert_int_equal(epoch->from.ms, 5);
	assert_int_equal(epoch->to.seq, 2);
	kri_redis_epoch_cover(epoch, (struct kri_stream_id){0, 0},
			      (struct kri_stream_id){9, 1});
	assert_int_equal(epoch->from.ms, 0);
	assert_int_equal(epoch->to.seq, 2);
}

static void too_much_is_forgotten_when_nobody_asks(void **state)
{
	struct fixture *f = *state;
	struct entry entries[USERS];

	for (size_t i = 0; i < USERS; i++)
		entries[i] = (struct entry){{i + 1, 0}, i, 0};
	take(f, entries, 0, USERS);
	kri_redis_epoch_cover(&f->epoch, (struct kri_stream_id){0},
			      entries[USERS - 1].id);
	f->epoch.most = 2;
	f->epoch.asking = 1;
	kri_redis_epoch_trim(&f->epoch);
	assert_true(f->epoch.begun);
	f->epoch.asking = 0;
	kri_redis_epoch_trim(&f->epoch);
	assert_false(f->epoch.begun);
	assert_int_equal(f->epoch.n, 0);
	take(f, entries, 0, USERS);
	kri_redis_epoch_cover(&f->epoch, (struct kri_stream_id){0},
			      entries[USERS - 1].id);
	kri_redis_epoch_trim(&f->epoch);
	assert_true(f->epoch.begun);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_as_if_all_entries_were_looked_at),
		TEST(entries_may_come_again_and_late),
		TEST(replies_that_are_none_are_refused),
		TEST(entries_that_are_none_of_ours_are_passed_over),
		TEST(an_id_may_go_without_its_nought),
		TEST(what_is_covered_only_grows),
		TEST(too_much_is_forgotten_when_nobody_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
