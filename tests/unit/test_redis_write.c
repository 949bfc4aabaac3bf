/*
 * Writing: the exact bytes that go to Redis for a record.
 */
#include "store/redis_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define ID "AAAAAAAAAAAAAAAAAAAAAA"
#define KEY "$24\r\ns:" ID "\r\n"
#define AUTH "dddddddddddddddddddddddddddddddd"
#define WAS "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"
#define CREATE_SHA1 "cccccccccccccccccccccccccccccccccccccccc"
#define SWAP_SHA1 "ssssssssssssssssssssssssssssssssssssssss"
#define TOUCH_SHA1 "tttttttttttttttttttttttttttttttttttttttt"
#define SHA1 "0123456789abcdef0123456789abcdef01234567"
#define NOW "$13\r\n1700000000123\r\n"

static const struct kri_redis_scripts scripts = {
	.of = {[KRI_SCRIPT_CREATE] = {{"return 1", 8}, CREATE_SHA1},
	       [KRI_SCRIPT_COMMIT] = {{"return 2", 8}, SHA1},
	       [KRI_SCRIPT_TOUCH] = {{"return 3", 8}, TOUCH_SHA1},
	       [KRI_SCRIPT_SWAP] = {{"return 4", 8}, SWAP_SHA1}},
};

struct fixture {
	struct kri_arena arena;
	struct kri_buffer out;
	struct kri_redis_writer writer;
	struct kri_record record;
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){
		.writer = {.prefix = KRI_TEXT("s:"),
			   .scripts = &scripts,
			   .now = 1700000000123},
		.record = {.id = ID, .arena = &f.arena},
	};
	kri_arena_init(&f.arena, 1024, 65536);
	*state = &f;
	return kri_redis_writer_prepare(&f.writer);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kri_redis_writer_free(&f->writer);
	kri_buffer_free(&f->out);
	kri_arena_free(&f->arena);
	return 0;
}

/* A record that was loaded, or made, to be committed. */
static void prepare(struct fixture *f, enum kri_operation operation)
{
	f->record.operation = operation;
	f->record.born = 1700000000;
	f->record.version = 5;
	f->record.ttl = 1500;
	memcpy(f->record.auth, AUTH, KRI_DIGEST_SIZE);
}

static void add(struct fixture *f, enum kri_change change, struct kri_text key,
		struct kri_text data)
{
	assert_int_equal(kri_record_reserve(&f->record, 1), KR_OK);
	f->record.values[f->record.n++] =
		(struct kri_value){.key = key, .data = data, .change = change};
}

/* Appends the record's commands, and looks at where they and the key are. */
static void assert_put(struct fixture *f, kri_redis_put *put, size_t replies,
		       struct kri_text expected)
{
	struct kri_call call = {.cuts = {f->out.len}};
	size_t key = put(&f->writer, &f->record, &f->out, &call);

	assert_int_equal(call.replies, replies);
	assert_int_equal(call.cuts[replies], f->out.len);
	assert_false(f->out.failed);
	assert_int_equal(f->out.len, expected.len);
	assert_memory_equal(f->out.data, expected.data, expected.len);
	assert_memory_equal(f->out.data + key, "s:" ID, 24);
}

static void a_load_reads_all_and_changes_nothing(void **state)
{
	assert_put(*state, kri_redis_put_load, 1,
		   KRI_TEXT("*2\r\n$7\r\nHGETALL\r\n" KEY));
}

static void a_look_asks_for_the_time_that_is_left(void **state)
{
	assert_put(*state, kri_redis_put_peek, 2,
		   KRI_TEXT("*2\r\n$7\r\nHGETALL\r\n" KEY
			    "*2\r\n$4\r\nPTTL\r\n" KEY));
}

static void a_second_load_has_its_own_id_and_cuts(void **state)
{
	struct fixture *f = *state;
	struct kri_call first = {0}, second;
	size_t key;

	kri_redis_put_load(&f->writer, &f->record, &f->out, &first);
	memset(f->record.id, 'z', KRI_ID_LEN);
	second = (struct kri_call){.cuts = {f->out.len}};
	key = kri_redis_put_load(&f->writer, &f->record, &f->out, &second);
	assert_int_equal(second.cuts[0], first.cuts[1]);
	assert_int_equal(second.cuts[1], 2 * first.cuts[1]);
	assert_int_equal(f->out.len, second.cuts[1]);
	assert_null(memmem(f->out.data, first.cuts[1], "zz", 2));
	assert_memory_equal(f->out.data + key, "s:zzzzzzzzzzzzzzzzzzzzzz\r\n",
			    26);
}

static void keys_may_have_no_prefix(void **state)
{
	struct fixture *f = *state;
	size_t key;

	f->writer.prefix = kri_text_of("");
	assert_int_equal(kri_redis_writer_prepare(&f->writer), KR_OK);
	key = kri_redis_put_load(&f->writer, &f->record, &f->out,
				 &(struct kri_call){0});
	assert_string_equal(f->out.data,
			    "*2\r\n$7\r\nHGETALL\r\n$22\r\n" ID "\r\n");
	assert_memory_equal(f->out.data + key, ID, KRI_ID_LEN);
}

#define SCRIPT(argc, sha1)                                                     \
	"*" argc "\r\n$7\r\nEVALSHA\r\n$40\r\n" sha1 "\r\n$1\r\n1\r\n" KEY
#define CREATED "$4\r\n1500\r\n$32\r\n" AUTH "\r\n$10\r\n1700000000\r\n" NOW
#define NOTHING "$0\r\n\r\n"

static void a_creation_is_one_script_with_a_time_to_live(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_CREATE);
	add(f, KRI_CHANGE_SET, KRI_TEXT("color"), KRI_TEXT("purple"));
	add(f, KRI_CHANGE_SET, KRI_TEXT("b"), KRI_TEXT("\0\r\n"));
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT(SCRIPT("12", CREATE_SHA1) CREATED
			    "$5\r\ncolor\r\n$6\r\npurple\r\n"
			    "$1\r\nb\r\n$3\r\n\0\r\n\r\n"));
}

static void a_creation_leaves_out_what_was_removed_again(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_CREATE);
	add(f, KRI_CHANGE_REMOVED, KRI_TEXT("color"), KRI_TEXT("purple"));
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT(SCRIPT("8", CREATE_SHA1) CREATED));
}

static void an_update_sends_only_what_changed(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	f->record.ttl = 0;
	add(f, KRI_CHANGE_REMOVED, KRI_TEXT("old"), KRI_TEXT("1"));
	add(f, KRI_CHANGE_KEPT, KRI_TEXT("kept"), KRI_TEXT("2"));
	add(f, KRI_CHANGE_SET, KRI_TEXT("color"), KRI_TEXT("green"));
	add(f, KRI_CHANGE_REMOVED, KRI_TEXT("n"), KRI_TEXT("7"));
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT(SCRIPT("11", SHA1) NOTHING NOTHING
			    "$1\r\n5\r\n$5\r\ncolor\r\n$5\r\ngreen\r\n"
			    "$3\r\nold\r\n$1\r\nn\r\n"));
}

static void an_exact_update_names_its_version_and_the_next(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	f->record.ttl = 0;
	f->record.exact = true;
	add(f, KRI_CHANGE_SET, KRI_TEXT("n"), KRI_TEXT("8"));
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT(SCRIPT("8", SWAP_SHA1) "$1\r\n5\r\n$1\r\n6\r\n"
						   "$1\r\nn\r\n$1\r\n8\r\n"));
}

static void an_exact_update_that_does_more_names_its_version(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	f->record.ttl = 0;
	f->record.exact = true;
	add(f, KRI_CHANGE_REMOVED, KRI_TEXT("n"), KRI_TEXT(""));
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT(SCRIPT("8", SHA1) NOTHING
			    "$1\r\n5\r\n$1\r\n3\r\n$1\r\nn\r\n"));
}

static void assert_no_swap(struct fixture *f)
{
	assert_false(kri_redis_is_swap(&f->record));
	f->record.exact = true;
	f->record.ttl = 0;
	f->record.version = 5;
	f->record.operation = KRI_OP_UPDATE;
	f->record.renewed = f->record.outlived = f->record.entering = false;
	assert_true(kri_redis_is_swap(&f->record));
}

static void what_does_more_than_to_set_values_is_no_swap(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	assert_no_swap(f);
	f->record.exact = false;
	assert_no_swap(f);
	f->record.ttl = 1;
	assert_no_swap(f);
	f->record.renewed = true;
	assert_no_swap(f);
	f->record.outlived = true;
	assert_no_swap(f);
	f->record.entering = true;
	f->record.mark = KRI_TEXT("1-1");
	assert_no_swap(f);
	f->record.version = INT64_MAX; /* there is none after it */
	assert_no_swap(f);
	f->record.operation = KRI_OP_TOUCH;
	assert_no_swap(f);
	add(f, KRI_CHANGE_REMOVED, KRI_TEXT("n"), KRI_TEXT(""));
	assert_false(kri_redis_is_swap(&f->record));
}

static void a_time_to_live_goes_with_the_time_of_the_touch(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	assert_put(
		f, kri_redis_put_commit, 1,
		KRI_TEXT(SCRIPT("9", SHA1) "$4\r\n1500\r\n" NOTHING
					   "$1\r\n5\r\n$5\r\n@seen\r\n" NOW));
}

/* The script looks for @was in the first place. */
static void a_renewal_names_the_proven_digest_before_all(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	f->record.renewed = true;
	f->record.was_at = 1700000000999;
	memcpy(f->record.was, WAS, KRI_DIGEST_SIZE);
	add(f, KRI_CHANGE_SET, KRI_TEXT("user"), KRI_TEXT("max"));
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT(SCRIPT(
			   "15",
			   SHA1) "$4\r\n1500\r\n" NOTHING
				 "$2\r\n11\r\n$4\r\n@was\r\n$45\r\n" WAS
				 "1700000000999\r\n$5\r\n@auth\r\n$32\r\n" AUTH
				 "\r\n$5\r\n@seen\r\n" NOW
				 "$4\r\nuser\r\n$3\r\nmax\r\n"));
}

static void an_outlived_digest_is_the_first_to_be_removed(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	f->record.ttl = 0;
	f->record.outlived = true;
	f->record.was_at = 1700000000999;
	memcpy(f->record.was, WAS, KRI_DIGEST_SIZE);
	add(f, KRI_CHANGE_REMOVED, KRI_TEXT("old"), KRI_TEXT("1"));
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT(SCRIPT("10", SHA1) NOTHING NOTHING
			    "$1\r\n3\r\n$4\r\n@was\r\n$45\r\n" WAS
			    "1700000000999\r\n$3\r\nold\r\n"));
}

static void a_touch_names_an_outlived_digest(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_TOUCH);
	f->record.outlived = true;
	f->record.was_at = 1700000000999;
	memcpy(f->record.was, WAS, KRI_DIGEST_SIZE);
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT(SCRIPT("7", TOUCH_SHA1) "$4\r\n1500\r\n" NOW
						    "$45\r\n" WAS
						    "1700000000999\r\n"));
}

static void a_touch_sends_time_to_live_and_time(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_TOUCH);
	add(f, KRI_CHANGE_SET, KRI_TEXT("n"), KRI_TEXT("8"));
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT(SCRIPT("6", TOUCH_SHA1) "$4\r\n1500\r\n" NOW));
}

static void what_was_forgotten_is_sent_with_the_script_itself(void **state)
{
	static const char full[] = "*9\r\n$4\r\nEVAL\r\n$8\r\nreturn 2\r\n"
				   "$1\r\n1\r\n" KEY NOTHING NOTHING
				   "$1\r\n5\r\n$1\r\nn\r\n$1\r\n8\r\n";
	struct fixture *f = *state;
	struct kri_buffer out = KRI_BUFFER_EMPTY;
	size_t key;

	prepare(f, KRI_OP_UPDATE);
	f->record.ttl = 0;
	add(f, KRI_CHANGE_SET, KRI_TEXT("n"), KRI_TEXT("8"));
	key = kri_redis_put_commit(&f->writer, &f->record, &f->out,
				   &(struct kri_call){0});
	kri_buffer_string(&out, "before");
	key = kri_redis_put_in_full(&scripts, kri_buffer_text(&f->out), key,
				    &out);
	assert_string_equal(out.data + 6, full);
	assert_memory_equal(out.data + key, "s:" ID, 24);
	kri_buffer_free(&out);
}

static void each_script_is_found_by_its_name(void **state)
{
	static const struct {
		enum kri_operation operation;
		bool exact;
		const char *text;
	} calls[] = {{KRI_OP_CREATE, false, "return 1"},
		     {KRI_OP_UPDATE, false, "return 2"},
		     {KRI_OP_TOUCH, false, "return 3"},
		     {KRI_OP_UPDATE, true, "return 4"}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		struct kri_buffer out = KRI_BUFFER_EMPTY;

		kri_buffer_clear(&f->out);
		prepare(f, calls[i].operation);
		f->record.ttl = calls[i].exact ? 0 : 1500;
		f->record.exact = calls[i].exact;
		kri_redis_put_commit(&f->writer, &f->record, &f->out,
				     &(struct kri_call){0});
		kri_redis_put_in_full(&scripts, kri_buffer_text(&f->out), 0,
				      &out);
		assert_non_null(strstr(out.data, calls[i].text));
		kri_buffer_free(&out);
	}
}

static void an_end_unlinks_the_key_and_sends_no_value(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_DESTROY);
	add(f, KRI_CHANGE_SET, KRI_TEXT("n"), KRI_TEXT("8"));
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT("*2\r\n$6\r\nUNLINK\r\n" KEY));
}

static void records_follow_one_another(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_DESTROY);
	kri_redis_put_commit(&f->writer, &f->record, &f->out,
			     &(struct kri_call){0});
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT("*2\r\n$6\r\nUNLINK\r\n" KEY
			    "*2\r\n$6\r\nUNLINK\r\n" KEY));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_load_reads_all_and_changes_nothing),
		TEST(a_look_asks_for_the_time_that_is_left),
		TEST(a_second_load_has_its_own_id_and_cuts),
		TEST(keys_may_have_no_prefix),
		TEST(a_creation_is_one_script_with_a_time_to_live),
		TEST(a_creation_leaves_out_what_was_removed_again),
		TEST(an_update_sends_only_what_changed),
		TEST(an_exact_update_names_its_version_and_the_next),
		TEST(an_exact_update_that_does_more_names_its_version),
		TEST(what_does_more_than_to_set_values_is_no_swap),
		TEST(a_time_to_live_goes_with_the_time_of_the_touch),
		TEST(a_renewal_names_the_proven_digest_before_all),
		TEST(an_outlived_digest_is_the_first_to_be_removed),
		TEST(a_touch_names_an_outlived_digest),
		TEST(a_touch_sends_time_to_live_and_time),
		TEST(what_was_forgotten_is_sent_with_the_script_itself),
		TEST(each_script_is_found_by_its_name),
		TEST(an_end_unlinks_the_key_and_sends_no_value),
		TEST(records_follow_one_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
