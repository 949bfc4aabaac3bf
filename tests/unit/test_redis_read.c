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
#define WAS "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"
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
	struct kri_sink sink;

	assert_non_null(reader);
	kri_reply_hook(reader, &sink);
	assert_int_equal(redisReaderFeed(reader, bytes.data, bytes.len),
			 REDIS_OK);
	for (size_t i = 0; i < KRI_CALL_REPLIES; i++) {
		void *reply = NULL;

		kri_sink_set(&sink, &f->arena, 16384);
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
	assert_int_equal(value->change, KRI_CHANGE_KEPT);
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
					  "$1\r\nb\r\n$3\r\n\0\r\n\r\n")),
			 KR_OK);
	assert_memory_equal(f->record.auth, AUTH, KRI_DIGEST_SIZE);
	assert_int_equal(f->record.born, 1700000000);
	assert_int_equal(f->record.version, 12);
	assert_int_equal(f->record.n, 2);
	assert_value(&f->record, "color", KRI_TEXT("purple"));
	assert_value(&f->record, "b", KRI_TEXT("\0\r\n"));
}

static void a_session_of_version_0_1_was_never_seen_nor_renewed(void **state)
{
	struct fixture *f = *state;

	f->record.seen = f->record.was_at = 5;
	assert_int_equal(load(f, KRI_TEXT("*6\r\n" OWN)), KR_OK);
	assert_int_equal(f->record.seen, 0);
	assert_int_equal(f->record.was_at, 0);
	assert_int_equal(f->record.n, 0);
}

static void touch_and_renewal_are_read(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		load(f, KRI_TEXT("*10\r\n" OWN "$5\r\n@seen\r\n$13\r\n"
				 "1700000000123\r\n$4\r\n@was\r\n$45\r\n" WAS
				 "1700000000999\r\n")),
		KR_OK);
	assert_int_equal(f->record.seen, 1700000000123);
	assert_memory_equal(f->record.was, WAS, KRI_DIGEST_SIZE);
	assert_int_equal(f->record.was_at, 1700000000999);
	assert_int_equal(f->record.n, 0);
}

/* The session's layer keeps some of its own among the values. */
static void other_fields_with_an_at_are_values(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		load(f, KRI_TEXT("*8\r\n" OWN "$4\r\n@new\r\n$1\r\nx\r\n")),
		KR_OK);
	assert_int_equal(f->record.n, 1);
	assert_true(kri_text_equal(f->record.values[0].key, KRI_TEXT("@new")));
	assert_true(kri_text_equal(f->record.values[0].data, KRI_TEXT("x")));
}

static void values_lie_in_the_reply(void **state)
{
	struct fixture *f = *state;
	struct kri_arena own;

	/* No more than the array of the values is taken from its own. */
	kri_arena_init(&own, 1024, 4 * sizeof(struct kri_value) + 16);
	f->record.arena = &own;
	assert_int_equal(
		load(f, KRI_TEXT("*8\r\n" OWN "$1\r\nn\r\n$1\r\n7\r\n")),
		KR_OK);
	assert_value(&f->record, "n", KRI_TEXT("7"));
	kri_arena_free(&own);
}

static void an_empty_hash_is_no_session(void **state)
{
	assert_int_equal(load(*state, KRI_TEXT("*0\r\n")), KR_ERR_NOT_FOUND);
}

static void what_a_load_says_of_the_server_is_understood(void **state)
{
	assert_int_equal(load(*state, KRI_TEXT("-LOADING wait\r\n")),
			 KR_ERR_UNAVAILABLE);
	assert_int_equal(load(*state, KRI_TEXT("-NOAUTH no\r\n")),
			 KR_ERR_DENIED);
	assert_int_equal(load(*state, KRI_TEXT("-WRONGTYPE no\r\n")),
			 KR_ERR_PROTOCOL);
}

static void what_became_of_the_call_is_what_becomes_of_the_load(void **state)
{
	struct fixture *f = *state;

	f->call.err = KR_ERR_TIMEOUT;
	assert_int_equal(kri_redis_read_load(&f->record, &f->call),
			 KR_ERR_TIMEOUT);
	assert_int_equal(kri_redis_read_peek(&f->record, &f->call),
			 KR_ERR_TIMEOUT);
}

static void a_load_that_does_not_fit_the_callers_arena_is_his_matter(
	void **state)
{
	struct fixture *f = *state;

	f->call.err = KR_ERR_LIMIT;
	f->arena.overflow = true;
	assert_int_equal(kri_redis_read_load(&f->record, &f->call),
			 KR_ERR_MEMORY);
}

/* Nobody's session is larger than the limits: somebody else wrote it. */
static void a_giant_is_none_of_our_sessions(void **state)
{
	struct fixture *f = *state;

	f->call.err = KR_ERR_LIMIT;
	assert_int_equal(kri_redis_read_load(&f->record, &f->call),
			 KR_ERR_PROTOCOL);
}

static void room_is_for_a_session_at_all_limits(void **state)
{
	const struct kri_config config = {.max_values = 128,
					  .max_size = 256 << 10};
	size_t objects = 2 * (128 + KRI_OWN_FIELDS) + 1;

	(void)state;
	assert_in_range(kri_redis_load_room(&config),
			config.max_size + objects * sizeof(struct kri_reply),
			2 << 20);
}

static void a_load_takes_no_other_type_of_reply(void **state)
{
	static const char *const replies[] = {"+OK\r\n", ":1\r\n", "$-1\r\n",
					      "$1\r\nx\r\n"};

	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++)
		assert_int_equal(load(*state, kri_text_of(replies[i])),
				 KR_ERR_PROTOCOL);
}

static void a_load_takes_no_other_type_of_field(void **state)
{
	static const char *const replies[] = {"*8\r\n" OWN ":1\r\n$1\r\nx\r\n",
					      "*8\r\n" OWN "$1\r\nx\r\n:1\r\n",
					      "*8\r\n" OWN "$1\r\nx\r\n$-1\r\n",
					      "*8\r\n" OWN "$-1\r\n$1\r\nx\r\n",
					      "*8\r\n" OWN "$1\r\nx\r\n*0\r\n",
					      "*8\r\n" OWN "+x\r\n-ERR x\r\n"};

	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++)
		assert_int_equal(load(*state, kri_text_of(replies[i])),
				 KR_ERR_PROTOCOL);
}

static void a_key_without_a_value_is_no_hash(void **state)
{
	assert_int_equal(load(*state, KRI_TEXT("*7\r\n" OWN "$1\r\nx\r\n")),
			 KR_ERR_PROTOCOL);
}

/* Each lacks one of the three fields, or has one wrong. */
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
		"ddddddddddddddddddddddddddddddddd\r\n",
		"*8\r\n" OWN "$5\r\n@seen\r\n$2\r\n-1\r\n",
		"*8\r\n" OWN "$5\r\n@seen\r\n$1\r\nx\r\n",
		"*8\r\n" OWN "$4\r\n@was\r\n$31\r\n"
		"ddddddddddddddddddddddddddddddd\r\n",
		"*8\r\n" OWN "$4\r\n@was\r\n$32\r\n" WAS "\r\n",
		"*8\r\n" OWN "$4\r\n@was\r\n$34\r\n" WAS "-1\r\n"};

	for (size_t i = 0; i < sizeof(hashes) / sizeof(*hashes); i++)
		assert_int_equal(load(*state, kri_text_of(hashes[i])),
				 KR_ERR_PROTOCOL);
}

/* Nobody has a secret whose digest is that. */
static void a_digest_of_zeros_is_refused(void **state)
{
	assert_int_equal(
		load(*state, KRI_TEXT("*6\r\n" OWN_BORN OWN_VERSION
				      "$5\r\n@auth\r\n$32\r\n"
				      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n")),
		KR_ERR_PROTOCOL);
}

static void a_session_past_the_arenas_cap_is_not_loaded(void **state)
{
	struct fixture *f = *state;
	struct kri_arena small;
	enum kr_err err;

	kri_arena_init(&small, 64, 64);
	f->record.arena = &small;
	err = load(f, KRI_TEXT("*6\r\n" OWN));
	kri_arena_free(&small);
	assert_int_equal(err, KR_ERR_MEMORY);
}

/* ---- an operator's look ----------------------------------------------- */

static enum kr_err peek(struct fixture *f, const char *bytes)
{
	answer(f, kri_text_of(bytes));
	return kri_redis_read_peek(&f->record, &f->call);
}

static void a_look_tells_what_is_left(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(peek(f, "*6\r\n" OWN ":1500\r\n"), KR_OK);
	assert_int_equal(f->record.left, 1500);
	assert_int_equal(peek(f, "*6\r\n" OWN ":-1\r\n"), KR_OK);
	assert_int_equal(f->record.left, -1);
}

static void a_session_that_ended_between_the_two_commands_is_none(void **state)
{
	assert_int_equal(peek(*state, "*6\r\n" OWN ":-2\r\n"),
			 KR_ERR_NOT_FOUND);
}

static void an_error_of_the_second_command_fails_the_look(void **state)
{
	assert_int_equal(peek(*state, "*6\r\n" OWN "-NOPERM no\r\n"),
			 KR_ERR_DENIED);
	assert_int_equal(peek(*state, "*6\r\n" OWN "+OK\r\n"), KR_ERR_PROTOCOL);
}

/* ---- what became of a commit ------------------------------------------ */

static void a_creation_is_good_at_version_1(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(commit(f, KRI_OP_CREATE, ":1\r\n"), KR_OK);
	assert_int_equal(f->record.version, 1);
}

static void a_creation_of_what_is_another_is_a_conflict(void **state)
{
	assert_int_equal(commit(*state, KRI_OP_CREATE, ":-2\r\n"),
			 KR_ERR_CONFLICT);
}

/* 0: PEXPIRE found nothing, so nothing was kept. */
static void a_creation_with_another_reply_is_not_good(void **state)
{
	static const char *const replies[] = {":0\r\n", "+OK\r\n", "$-1\r\n",
					      "*1\r\n:1\r\n",
					      "-WRONGTYPE no\r\n"};

	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++)
		assert_int_equal(commit(*state, KRI_OP_CREATE, replies[i]),
				 KR_ERR_PROTOCOL);
}

static void what_became_of_the_call_is_what_becomes_of_the_commit(void **state)
{
	struct fixture *f = *state;

	f->call.err = KR_ERR_TIMEOUT;
	f->record.operation = KRI_OP_UPDATE;
	assert_int_equal(kri_redis_read_commit(&f->record, &f->call),
			 KR_ERR_TIMEOUT);
}

static void an_update_answers_the_new_version(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(commit(f, KRI_OP_UPDATE, ":6\r\n"), KR_OK);
	assert_int_equal(f->record.version, 6);
}

static void a_swap_leaves_the_version_after_its_own(void **state)
{
	struct fixture *f = *state;

	prepare(f, KRI_OP_UPDATE);
	f->record.exact = true;
	f->record.version = 41;
	answer(f, KRI_TEXT(":1\r\n"));
	assert_int_equal(kri_redis_read_commit(&f->record, &f->call), KR_OK);
	assert_int_equal(f->record.version, 42);
	answer(f, KRI_TEXT(":43\r\n"));
	assert_int_equal(kri_redis_read_commit(&f->record, &f->call),
			 KR_ERR_PROTOCOL);
	f->record.version = 41;
	answer(f, KRI_TEXT(":-2\r\n"));
	assert_int_equal(kri_redis_read_commit(&f->record, &f->call),
			 KR_ERR_CONFLICT);
	assert_int_equal(f->record.version, 41);
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

static void a_renewal_of_another_digest_is_renewed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(commit(f, KRI_OP_UPDATE, ":-3\r\n"), KR_ERR_RENEWED);
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
		TEST(a_session_of_version_0_1_was_never_seen_nor_renewed),
		TEST(touch_and_renewal_are_read),
		TEST(other_fields_with_an_at_are_values),
		TEST(values_lie_in_the_reply),
		TEST(an_empty_hash_is_no_session),
		TEST(what_a_load_says_of_the_server_is_understood),
		TEST(what_became_of_the_call_is_what_becomes_of_the_load),
		TEST(a_load_that_does_not_fit_the_callers_arena_is_his_matter),
		TEST(a_giant_is_none_of_our_sessions),
		TEST(room_is_for_a_session_at_all_limits),
		TEST(a_load_takes_no_other_type_of_reply),
		TEST(a_load_takes_no_other_type_of_field),
		TEST(a_key_without_a_value_is_no_hash),
		TEST(a_hash_that_is_not_one_of_our_sessions_is_refused),
		TEST(a_digest_of_zeros_is_refused),
		TEST(a_session_past_the_arenas_cap_is_not_loaded),
		TEST(a_look_tells_what_is_left),
		TEST(a_session_that_ended_between_the_two_commands_is_none),
		TEST(an_error_of_the_second_command_fails_the_look),
		TEST(a_creation_is_good_at_version_1),
		TEST(a_creation_of_what_is_another_is_a_conflict),
		TEST(a_creation_with_another_reply_is_not_good),
		TEST(what_became_of_the_call_is_what_becomes_of_the_commit),
		TEST(an_update_answers_the_new_version),
		TEST(a_swap_leaves_the_version_after_its_own),
		TEST(an_update_of_what_has_ended_is_gone),
		TEST(an_update_of_another_version_is_a_conflict),
		TEST(a_renewal_of_another_digest_is_renewed),
		TEST(an_update_with_another_reply_is_not_good),
		TEST(what_an_update_says_of_the_server_is_understood),
		TEST(ending_what_has_ended_is_good),
		TEST(an_end_with_another_reply_is_not_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
