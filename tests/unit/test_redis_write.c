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
#define SHA1 "0123456789abcdef0123456789abcdef01234567"

struct fixture {
	struct kri_arena arena;
	struct kri_buffer out;
	struct kri_script script;
	struct kri_redis_writer writer;
	struct kri_record record;
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){
		.script = {.text = KRI_TEXT("return 1"), .sha1 = SHA1},
		.writer = {.out = &f.out,
			   .prefix = KRI_TEXT("s:"),
			   .commit = &f.script,
			   .idle_timeout = 20000},
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

static void assert_put(struct fixture *f, kri_redis_put *put, size_t replies,
		       struct kri_text expected)
{
	struct kri_call call = {.cuts = {f->out.len}};

	put(&f->writer, &f->record, &call);
	assert_int_equal(call.replies, replies);
	assert_int_equal(call.cuts[replies], f->out.len);
	assert_false(f->out.failed);
	assert_int_equal(f->out.len, expected.len);
	assert_memory_equal(f->out.data, expected.data, expected.len);
}

static void a_load_reads_all_and_prolongs_its_life(void **state)
{
	assert_put(*state, kri_redis_put_load, 2,
		   KRI_TEXT("*2\r\n$7\r\nHGETALL\r\n" KEY
			    "*3\r\n$7\r\nPEXPIRE\r\n" KEY "$5\r\n20000\r\n"));
}

static void a_second_load_has_its_own_id_and_cuts(void **state)
{
	struct fixture *f = *state;
	struct kri_call first = {0}, second;

	kri_redis_put_load(&f->writer, &f->record, &first);
	memset(f->record.id, 'z', KRI_ID_LEN);
	second = (struct kri_call){.cuts = {f->out.len}};
	kri_redis_put_load(&f->writer, &f->record, &second);
	for (size_t i = 0; i <= 2; i++)
		assert_int_equal(second.cuts[i], first.cuts[2] + first.cuts[i]);
	assert_int_equal(f->out.len, second.cuts[2]);
	assert_null(memmem(f->out.data, first.cuts[2], "zz", 2));
	for (size_t i = 0; i < 2; i++)
		assert_non_null(memmem(f->out.data + second.cuts[i],
				       second.cuts[i + 1] - second.cuts[i],
				       "s:zzzzzzzzzzzzzzzzzzzzzz\r\n", 26));
}

static void keys_may_have_no_prefix(void **state)
{
	struct fixture *f = *state;

	f->writer.prefix = kri_text_of("");
	prepare(f, KRI_OP_DESTROY);
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT("*2\r\n$6\r\nUNLINK\r\n$22\r\n" ID "\r\n"));
}

static void a_creation_is_one_transaction_with_a_time_to_live(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_CREATE);
	add(f, KRI_SET, KRI_TEXT("color"), KRI_TEXT("purple"));
	add(f, KRI_SET, KRI_TEXT("b"), KRI_TEXT("\0\r\n"));
	assert_put(f, kri_redis_put_commit, 4,
		   KRI_TEXT("*1\r\n$5\r\nMULTI\r\n"
			    "*12\r\n$4\r\nHSET\r\n" KEY
			    "$5\r\n@auth\r\n$32\r\n" AUTH "\r\n"
			    "$5\r\n@born\r\n$10\r\n1700000000\r\n"
			    "$4\r\n@ver\r\n$1\r\n1\r\n"
			    "$5\r\ncolor\r\n$6\r\npurple\r\n"
			    "$1\r\nb\r\n$3\r\n\0\r\n\r\n"
			    "*3\r\n$7\r\nPEXPIRE\r\n" KEY "$4\r\n1500\r\n"
			    "*1\r\n$4\r\nEXEC\r\n"));
}

static void a_creation_leaves_out_what_was_removed_again(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_CREATE);
	add(f, KRI_REMOVED, KRI_TEXT("color"), KRI_TEXT("purple"));
	assert_put(f, kri_redis_put_commit, 4,
		   KRI_TEXT("*1\r\n$5\r\nMULTI\r\n"
			    "*8\r\n$4\r\nHSET\r\n" KEY
			    "$5\r\n@auth\r\n$32\r\n" AUTH "\r\n"
			    "$5\r\n@born\r\n$10\r\n1700000000\r\n"
			    "$4\r\n@ver\r\n$1\r\n1\r\n"
			    "*3\r\n$7\r\nPEXPIRE\r\n" KEY "$4\r\n1500\r\n"
			    "*1\r\n$4\r\nEXEC\r\n"));
}

static void an_update_sends_only_what_changed(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	add(f, KRI_REMOVED, KRI_TEXT("old"), KRI_TEXT("1"));
	add(f, KRI_KEPT, KRI_TEXT("kept"), KRI_TEXT("2"));
	add(f, KRI_SET, KRI_TEXT("color"), KRI_TEXT("green"));
	add(f, KRI_REMOVED, KRI_TEXT("n"), KRI_TEXT("7"));
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT("*11\r\n$7\r\nEVALSHA\r\n$40\r\n" SHA1 "\r\n"
			    "$1\r\n1\r\n" KEY "$4\r\n1500\r\n"
			    "$0\r\n\r\n$1\r\n1\r\n"
			    "$5\r\ncolor\r\n$5\r\ngreen\r\n"
			    "$3\r\nold\r\n$1\r\nn\r\n"));
}

static void an_exact_update_names_the_version_it_was_made_from(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	f->record.exact = true;
	add(f, KRI_SET, KRI_TEXT("n"), KRI_TEXT("8"));
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT("*9\r\n$7\r\nEVALSHA\r\n$40\r\n" SHA1 "\r\n"
			    "$1\r\n1\r\n" KEY "$4\r\n1500\r\n"
			    "$1\r\n5\r\n$1\r\n1\r\n"
			    "$1\r\nn\r\n$1\r\n8\r\n"));
}

/* The idle timeout is 20 s: what was loaded 200 ms ago has it all but a
 * hundredth. */
static void assert_time_sent(struct fixture *f, const char *time)
{
	kri_buffer_clear(&f->out);
	kri_redis_put_commit(&f->writer, &f->record, &(struct kri_call){0});
	assert_false(f->out.failed);
	assert_memory_equal(f->out.data + f->out.len - strlen(time), time,
			    strlen(time));
}

static void the_time_that_a_load_gave_is_not_sent_again(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	f->record.ttl = 20000;
	f->record.loaded = 5000;
	f->writer.now = 5200;
	assert_time_sent(f, KEY "$0\r\n\r\n$0\r\n\r\n$1\r\n0\r\n");
	f->writer.now = 5201;
	assert_time_sent(f, KEY "$5\r\n20000\r\n$0\r\n\r\n$1\r\n0\r\n");
}

static void a_time_that_the_absolute_end_cuts_is_sent(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	f->record.ttl = 19999;
	f->record.loaded = f->writer.now = 5000;
	assert_time_sent(f, KEY "$5\r\n19999\r\n$0\r\n\r\n$1\r\n0\r\n");
}

static void a_renewal_sends_the_new_digest(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	f->record.new_auth = true;
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT("*9\r\n$7\r\nEVALSHA\r\n$40\r\n" SHA1 "\r\n"
			    "$1\r\n1\r\n" KEY "$4\r\n1500\r\n"
			    "$0\r\n\r\n$1\r\n1\r\n"
			    "$5\r\n@auth\r\n$32\r\n" AUTH "\r\n"));
}

static void an_update_in_full_has_the_script_itself(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	add(f, KRI_SET, KRI_TEXT("n"), KRI_TEXT("8"));
	assert_put(f, kri_redis_put_update_in_full, 1,
		   KRI_TEXT("*9\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n"
			    "$1\r\n1\r\n" KEY "$4\r\n1500\r\n"
			    "$0\r\n\r\n$1\r\n1\r\n"
			    "$1\r\nn\r\n$1\r\n8\r\n"));
}

static void an_end_unlinks_the_key_and_sends_no_value(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_DESTROY);
	add(f, KRI_SET, KRI_TEXT("n"), KRI_TEXT("8"));
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT("*2\r\n$6\r\nUNLINK\r\n" KEY));
}

static void records_follow_one_another(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_DESTROY);
	kri_redis_put_commit(&f->writer, &f->record, &(struct kri_call){0});
	assert_put(f, kri_redis_put_commit, 1,
		   KRI_TEXT("*2\r\n$6\r\nUNLINK\r\n" KEY
			    "*2\r\n$6\r\nUNLINK\r\n" KEY));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_load_reads_all_and_prolongs_its_life),
		TEST(a_second_load_has_its_own_id_and_cuts),
		TEST(keys_may_have_no_prefix),
		TEST(a_creation_is_one_transaction_with_a_time_to_live),
		TEST(a_creation_leaves_out_what_was_removed_again),
		TEST(an_update_sends_only_what_changed),
		TEST(an_exact_update_names_the_version_it_was_made_from),
		TEST(the_time_that_a_load_gave_is_not_sent_again),
		TEST(a_time_that_the_absolute_end_cuts_is_sent),
		TEST(a_renewal_sends_the_new_digest),
		TEST(an_update_in_full_has_the_script_itself),
		TEST(an_end_unlinks_the_key_and_sends_no_value),
		TEST(records_follow_one_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
