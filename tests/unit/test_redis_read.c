/*
 * Reading: what the replies of Redis make of a record, right and wrong ones.
 * What is stored under our name may be anything.
 */
#include "store/redis_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <hiredis/hiredis.h>
#include <cmocka.h>

#define ID "AAAAAAAAAAAAAAAAAAAAAA"
#define AUTH "dddddddddddddddddddddddddddddddd"

struct fixture {
	struct kri_arena arena;
	struct kri_record record;
	struct kri_call call;
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){.record = {.id = ID, .arena = &f.arena}};
	kri_arena_init(&f.arena, 1024, 65536);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kri_arena_free(&f->arena);
	return 0;
}

/* A record that was loaded, or made, that was to be committed. */
static void prepare(struct fixture *f, enum kri_operation operation)
{
	f->record.operation = operation;
	f->record.born = 1700000000;
	f->record.version = 5;
	memcpy(f->record.auth, AUTH, KRI_DIGEST_SIZE);
}

/* Puts the replies in these bytes into the call, all that a call may have;
 * those that do not come are nil. */
static void answer(struct fixture *f, struct kri_text bytes)
{
	static const struct kri_reply nil = {.type = KRI_REPLY_NIL};
	redisReader *reader = redisReaderCreate();

	assert_non_null(reader);
	kri_reply_hook(reader);
	reader->privdata = &f->arena;
	assert_int_equal(redisReaderFeed(reader, bytes.data, bytes.len),
			 REDIS_OK);
	for (size_t i = 0; i < KRI_CALL_REPLIES; i++) {
		void *reply = NULL;

		assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
		f->call.reply[i] = reply ? reply : &nil;
	}
	redisReaderFree(reader);
}

static enum kr_err load(struct fixture *f, struct kri_text bytes)
{
	answer(f, bytes);
	return kri_redis_read_load(&f->record, &f->call);
}

static enum kr_err commit(struct fixture *f, enum kri_operation operation,
			  const char *bytes)
{
	prepare(f, operation);
	answer(f, kri_text_of(bytes));
	return kri_redis_read_commit(&f->record, &f->call);
}

static void assert_value(const struct kri_record *record, const char *key,
			 struct kri_text expected)
{
	const struct kri_value *value =
		kri_record_find(record, kri_text_of(key));

	assert_non_null(value);
	assert_true(kri_text_equal(value->data, expected));
	assert_int_equal(value->change, KRI_KEPT);
}

#define OWN_AUTH "$5\r\n@auth\r\n$32\r\n" AUTH "\r\n"
#define OWN_BORN "$5\r\n@born\r\n$10\r\n1700000000\r\n"
#define OWN_VERSION "$4\r\n@ver\r\n$2\r\n12\r\n"
#define OWN OWN_AUTH OWN_BORN OWN_VERSION

static void a_session_is_loaded_with_its_values(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, KRI_TEXT("*10\r\n$5\r\ncolor\r\n"
					  "$6\r\npurple\r\n" OWN
					  "$1\r\nb\r\n$3\r\n\0\r\n\r\n"
					  ":1\r\n")),
			 KR_OK);
	assert_memory_equal(f->record.auth, AUTH, KRI_DIGEST_SIZE);
	assert_int_equal(f->record.born, 1700000000);
	assert_int_equal(f->record.version, 12);
	assert_int_equal(f->record.n, 2);
	assert_value(&f->record, "color", KRI_TEXT("purple"));
	assert_value(&f->record, "b", KRI_TEXT("\0\r\n"));
}

static void a_session_may_have_no_values(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, KRI_TEXT("*6\r\n" OWN ":1\r\n")), KR_OK);
	assert_int_equal(f->record.n, 0);
	assert_int_equal(f->record.operation, KRI_OP_NONE);
}

/* A later program of ours may keep more there. */
static void other_fields_of_our_own_are_no_values(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		load(f, KRI_TEXT("*8\r\n" OWN "$4\r\n@new\r\n$1\r\nx\r\n"
				 ":1\r\n")),
		KR_OK);
	assert_int_equal(f->record.n, 0);
}

static void values_lie_in_the_reply(void **state)
{
	struct fixture *f = *state;
	struct kri_arena own;

	/* No more than the array of the values is taken from its own. */
	kri_arena_init(&own, 1024, 4 * sizeof(struct kri_value) + 16);
	f->record.arena = &own;
	assert_int_equal(load(f, KRI_TEXT("*8\r\n" OWN "$1\r\nn\r\n$1\r\n7\r\n"
					  ":1\r\n")),
			 KR_OK);
	assert_value(&f->record, "n", KRI_TEXT("7"));
	kri_arena_free(&own);
}

static void an_empty_hash_is_no_session(void **state)
{
	assert_int_equal(load(*state, KRI_TEXT("*0\r\n:0\r\n")),
			 KR_ERR_NOT_FOUND);
}

static void a_session_that_ended_between_the_two_commands_is_none(void **state)
{
	assert_int_equal(load(*state, KRI_TEXT("*6\r\n" OWN ":0\r\n")),
			 KR_ERR_NOT_FOUND);
}

static void what_a_load_says_of_the_server_is_understood(void **state)
{
	assert_int_equal(load(*state, KRI_TEXT("-LOADING wait\r\n"
					       "-LOADING wait\r\n")),
			 KR_ERR_UNAVAILABLE);
	assert_int_equal(load(*state, KRI_TEXT("-NOAUTH no\r\n-NOAUTH no\r\n")),
			 KR_ERR_DENIED);
	assert_int_equal(load(*state, KRI_TEXT("-WRONGTYPE no\r\n:1\r\n")),
			 KR_ERR_PROTOCOL);
}

/* A replica may be read, but does not prolong a session's life. */
static void an_error_of_the_second_command_fails_the_load(void **state)
{
	assert_int_equal(
		load(*state, KRI_TEXT("*6\r\n" OWN "-READONLY replica\r\n")),
		KR_ERR_UNAVAILABLE);
}

static void a_load_takes_no_other_type_of_reply(void **state)
{
	static const char *const replies[] = {"+OK\r\n:1\r\n", ":1\r\n:1\r\n",
					      "$-1\r\n:1\r\n",
					      "$1\r\nx\r\n:1\r\n"};

	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++)
		assert_int_equal(load(*state, kri_text_of(replies[i])),
				 KR_ERR_PROTOCOL);
}

static void a_load_takes_no_other_type_of_second_reply(void **state)
{
	static const char *const replies[] = {
		"*6\r\n" OWN "+OK\r\n", "*6\r\n" OWN "$1\r\n1\r\n",
		"*6\r\n" OWN "$-1\r\n", "*6\r\n" OWN "*1\r\n:1\r\n"};

	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++) {
		struct fixture *f = *state;

		f->record.n = 0;
		assert_int_equal(load(f, kri_text_of(replies[i])),
				 KR_ERR_PROTOCOL);
	}
}

static void a_load_takes_no_other_type_of_field(void **state)
{
	static const char *const replies[] = {
		"*8\r\n" OWN ":1\r\n$1\r\nx\r\n:1\r\n",
		"*8\r\n" OWN "$1\r\nx\r\n:1\r\n:1\r\n",
		"*8\r\n" OWN "$1\r\nx\r\n$-1\r\n:1\r\n",
		"*8\r\n" OWN "$-1\r\n$1\r\nx\r\n:1\r\n",
		"*8\r\n" OWN "$1\r\nx\r\n*0\r\n:1\r\n",
		"*8\r\n" OWN "+x\r\n-ERR x\r\n:1\r\n"};

	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++) {
		struct fixture *f = *state;

		f->record.n = 0;
		assert_int_equal(load(f, kri_text_of(replies[i])),
				 KR_ERR_PROTOCOL);
	}
}

static void a_key_without_a_value_is_no_hash(void **state)
{
	assert_int_equal(
		load(*state, KRI_TEXT("*7\r\n" OWN "$1\r\nx\r\n:1\r\n")),
		KR_ERR_PROTOCOL);
}

/* Each lacks one of the three fields, or has it wrong. */
static void a_hash_that_is_not_one_of_our_sessions_is_refused(void **state)
{
	static const char *const hashes[] = {
		"*2\r\n$1\r\nx\r\n$1\r\ny\r\n",
		"*4\r\n" OWN_BORN OWN_VERSION,
		"*4\r\n" OWN_AUTH OWN_VERSION,
		"*4\r\n" OWN_AUTH OWN_BORN,
		"*6\r\n" OWN_AUTH OWN_BORN "$4\r\n@ver\r\n$1\r\n0\r\n",
		"*6\r\n" OWN_AUTH OWN_BORN "$4\r\n@ver\r\n$2\r\n-1\r\n",
		"*6\r\n" OWN_AUTH OWN_BORN "$4\r\n@ver\r\n$1\r\nx\r\n",
		"*6\r\n" OWN_AUTH OWN_BORN "$4\r\n@ver\r\n$0\r\n\r\n",
		"*6\r\n" OWN_AUTH OWN_VERSION "$5\r\n@born\r\n$1\r\n0\r\n",
		"*6\r\n" OWN_AUTH OWN_VERSION "$5\r\n@born\r\n$2\r\n-1\r\n",
		"*6\r\n" OWN_AUTH OWN_VERSION "$5\r\n@born\r\n"
		"$19\r\n9223372036854775808\r\n",
		"*6\r\n" OWN_BORN OWN_VERSION "$5\r\n@auth\r\n$0\r\n\r\n",
		"*6\r\n" OWN_BORN OWN_VERSION "$5\r\n@auth\r\n$31\r\n"
		"ddddddddddddddddddddddddddddddd\r\n",
		"*6\r\n" OWN_BORN OWN_VERSION "$5\r\n@auth\r\n$33\r\n"
		"ddddddddddddddddddddddddddddddddd\r\n"};

	for (size_t i = 0; i < sizeof(hashes) / sizeof(*hashes); i++) {
		struct fixture *f = *state;
		struct kri_buffer bytes = KRI_BUFFER_EMPTY;

		f->record = (struct kri_record){.id = ID, .arena = &f->arena};
		kri_buffer_string(&bytes, hashes[i]);
		kri_buffer_string(&bytes, ":1\r\n");
		assert_int_equal(load(f, kri_buffer_text(&bytes)),
				 KR_ERR_PROTOCOL);
		kri_buffer_free(&bytes);
	}
}

/* Nobody has a secret whose digest is that. */
static void a_digest_of_zeros_is_refused(void **state)
{
	assert_int_equal(
		load(*state, KRI_TEXT("*6\r\n" OWN_BORN OWN_VERSION
				      "$5\r\n@auth\r\n$32\r\n"
				      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n"
				      ":1\r\n")),
		KR_ERR_PROTOCOL);
}

static void a_session_past_the_arenas_cap_is_not_loaded(void **state)
{
	struct fixture *f = *state;
	struct kri_arena small;
	enum kr_err err;

	kri_arena_init(&small, 64, 64);
	f->record.arena = &small;
	err = load(f, KRI_TEXT("*6\r\n" OWN ":1\r\n"));
	kri_arena_free(&small);
	assert_int_equal(err, KR_ERR_MEMORY);
}

/* ---- what became of a commit ------------------------------------------ */

#define CREATED "+OK\r\n+QUEUED\r\n+QUEUED\r\n"

static void a_creation_is_good_if_all_was_queued_and_done(void **state)
{
	assert_int_equal(
		commit(*state, KRI_OP_CREATE, CREATED "*2\r\n:4\r\n:1\r\n"),
		KR_OK);
}

static void what_a_queued_command_says_counts_before_the_abort(void **state)
{
	assert_int_equal(commit(*state, KRI_OP_CREATE,
				"+OK\r\n-OOM command not allowed\r\n"
				"+QUEUED\r\n-EXECABORT discarded\r\n"),
			 KR_ERR_FULL);
	assert_int_equal(commit(*state, KRI_OP_CREATE,
				"+OK\r\n-READONLY replica\r\n"
				"-READONLY replica\r\n"
				"-EXECABORT discarded\r\n"),
			 KR_ERR_UNAVAILABLE);
	assert_int_equal(commit(*state, KRI_OP_CREATE,
				"-NOAUTH no\r\n-NOAUTH no\r\n-NOAUTH no\r\n"
				"-NOAUTH no\r\n"),
			 KR_ERR_DENIED);
	assert_int_equal(commit(*state, KRI_OP_CREATE,
				"+OK\r\n-NOPERM no\r\n+QUEUED\r\n"
				"-EXECABORT discarded\r\n"),
			 KR_ERR_DENIED);
}

static void a_creation_with_another_reply_is_not_good(void **state)
{
	static const char *const replies[] = {
		CREATED "$-1\r\n",
		CREATED "*0\r\n",
		CREATED "*1\r\n:4\r\n",
		CREATED "*3\r\n:4\r\n:1\r\n:1\r\n",
		CREATED "*2\r\n:4\r\n-ERR expire\r\n",
		CREATED "*2\r\n-WRONGTYPE no\r\n:1\r\n",
		CREATED "*2\r\n+OK\r\n:1\r\n",
		CREATED ":1\r\n",
		CREATED "+OK\r\n",
		"+OK\r\n+QUEUED\r\n:1\r\n*2\r\n:4\r\n:1\r\n",
		"$2\r\nOK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:4\r\n:1\r\n"};

	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++)
		assert_int_equal(commit(*state, KRI_OP_CREATE, replies[i]),
				 KR_ERR_PROTOCOL);
}

/* The key would live for ever. */
static void a_creation_without_its_time_to_live_is_not_good(void **state)
{
	assert_int_equal(
		commit(*state, KRI_OP_CREATE, CREATED "*2\r\n:4\r\n:0\r\n"),
		KR_ERR_PROTOCOL);
}

static void an_update_answers_the_new_version(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(commit(f, KRI_OP_UPDATE, ":6\r\n"), KR_OK);
	assert_int_equal(f->record.version, 6);
}

static void an_update_of_what_has_ended_is_gone(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(commit(f, KRI_OP_UPDATE, ":-1\r\n"), KR_ERR_GONE);
	assert_int_equal(f->record.version, 5);
}

static void an_update_of_another_version_is_a_conflict(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(commit(f, KRI_OP_UPDATE, ":-2\r\n"), KR_ERR_CONFLICT);
	assert_int_equal(f->record.version, 5);
}

static void an_update_with_another_reply_is_not_good(void **state)
{
	static const char *const replies[] = {"+OK\r\n",
					      "$1\r\n6\r\n",
					      "$-1\r\n",
					      "*1\r\n:6\r\n",
					      "-ERR user_script:1\r\n",
					      "-WRONGTYPE no\r\n"};

	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++)
		assert_int_equal(commit(*state, KRI_OP_UPDATE, replies[i]),
				 KR_ERR_PROTOCOL);
}

static void what_an_update_says_of_the_server_is_understood(void **state)
{
	assert_int_equal(commit(*state, KRI_OP_UPDATE, "-OOM full\r\n"),
			 KR_ERR_FULL);
	assert_int_equal(commit(*state, KRI_OP_UPDATE, "-READONLY no\r\n"),
			 KR_ERR_UNAVAILABLE);
	assert_int_equal(commit(*state, KRI_OP_UPDATE, "-BUSY script\r\n"),
			 KR_ERR_UNAVAILABLE);
	assert_int_equal(commit(*state, KRI_OP_UPDATE, "-NOPERM no\r\n"),
			 KR_ERR_DENIED);
}

static void ending_what_has_ended_is_good(void **state)
{
	assert_int_equal(commit(*state, KRI_OP_DESTROY, ":1\r\n"), KR_OK);
	assert_int_equal(commit(*state, KRI_OP_DESTROY, ":0\r\n"), KR_OK);
}

static void an_end_with_another_reply_is_not_good(void **state)
{
	assert_int_equal(commit(*state, KRI_OP_DESTROY, "+OK\r\n"),
			 KR_ERR_PROTOCOL);
	assert_int_equal(commit(*state, KRI_OP_DESTROY, "$-1\r\n"),
			 KR_ERR_PROTOCOL);
	assert_int_equal(commit(*state, KRI_OP_DESTROY, "-READONLY no\r\n"),
			 KR_ERR_UNAVAILABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_is_loaded_with_its_values),
		TEST(a_session_may_have_no_values),
		TEST(other_fields_of_our_own_are_no_values),
		TEST(values_lie_in_the_reply),
		TEST(an_empty_hash_is_no_session),
		TEST(a_session_that_ended_between_the_two_commands_is_none),
		TEST(what_a_load_says_of_the_server_is_understood),
		TEST(an_error_of_the_second_command_fails_the_load),
		TEST(a_load_takes_no_other_type_of_reply),
		TEST(a_load_takes_no_other_type_of_second_reply),
		TEST(a_load_takes_no_other_type_of_field),
		TEST(a_key_without_a_value_is_no_hash),
		TEST(a_hash_that_is_not_one_of_our_sessions_is_refused),
		TEST(a_digest_of_zeros_is_refused),
		TEST(a_session_past_the_arenas_cap_is_not_loaded),
		TEST(a_creation_is_good_if_all_was_queued_and_done),
		TEST(what_a_queued_command_says_counts_before_the_abort),
		TEST(a_creation_with_another_reply_is_not_good),
		TEST(a_creation_without_its_time_to_live_is_not_good),
		TEST(an_update_answers_the_new_version),
		TEST(an_update_of_what_has_ended_is_gone),
		TEST(an_update_of_another_version_is_a_conflict),
		TEST(an_update_with_another_reply_is_not_good),
		TEST(what_an_update_says_of_the_server_is_understood),
		TEST(ending_what_has_ended_is_good),
		TEST(an_end_with_another_reply_is_not_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
