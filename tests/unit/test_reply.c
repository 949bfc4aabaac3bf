/*
 * Replies: what hiredis' reader builds with our functions out of the bytes
 * of a server, good or bad, and what its errors mean.
 */
#include "redis/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <hiredis/hiredis.h>
#include <cmocka.h>

#define CHUNK 256
#define LIMIT 65536

struct fixture {
	struct kri_arena arena;
	struct kri_sink sink;
	redisReader *reader;
};

static void renew_reader(struct fixture *f)
{
	redisReaderFree(f->reader);
	f->reader = redisReaderCreate();
	assert_non_null(f->reader);
	kri_reply_hook(f->reader, &f->sink);
}

static int setup(void **state)
{
	static struct fixture f;

	kri_arena_init(&f.arena, CHUNK, LIMIT);
	f.sink = (struct kri_sink){.arena = &f.arena, .room = LIMIT};
	f.reader = NULL;
	renew_reader(&f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	redisReaderFree(f->reader);
	kri_arena_free(&f->arena);
	return 0;
}

static void feed(struct fixture *f, struct kri_text bytes)
{
	assert_int_equal(redisReaderFeed(f->reader, bytes.data, bytes.len),
			 REDIS_OK);
}

/* The next reply, or NULL if there is none yet. */
static const struct kri_reply *next(struct fixture *f)
{
	void *reply = NULL;

	assert_int_equal(redisReaderGetReply(f->reader, &reply), REDIS_OK);
	return reply;
}

static const struct kri_reply *read_one(struct fixture *f, const char *bytes)
{
	const struct kri_reply *reply;

	feed(f, kri_text_of(bytes));
	reply = next(f);
	assert_non_null(reply);
	return reply;
}

static void assert_text(const struct kri_reply *reply, enum kri_reply_type type,
			const char *text)
{
	assert_int_equal(reply->type, type);
	assert_int_equal(reply->text.len, strlen(text));
	assert_string_equal(reply->text.data, text);
}

/* Whatever it is, the reader says no and nothing is left over. */
static void assert_refused(struct fixture *f, const char *bytes)
{
	void *reply = NULL;

	feed(f, kri_text_of(bytes));
	assert_int_equal(redisReaderGetReply(f->reader, &reply), REDIS_ERR);
	assert_null(reply);
}

/* ---- what is read ----------------------------------------------------- */

static void a_status_is_text(void **state)
{
	assert_text(read_one(*state, "+QUEUED\r\n"), KRI_REPLY_STATUS,
		    "QUEUED");
}

static void an_error_is_text(void **state)
{
	assert_text(read_one(*state, "-ERR no such thing\r\n"), KRI_REPLY_ERROR,
		    "ERR no such thing");
}

static void a_string_is_text(void **state)
{
	assert_text(read_one(*state, "$6\r\npurple\r\n"), KRI_REPLY_STRING,
		    "purple");
}

static void an_empty_string_is_not_nil(void **state)
{
	assert_text(read_one(*state, "$0\r\n\r\n"), KRI_REPLY_STRING, "");
}

static void a_string_may_hold_any_bytes(void **state)
{
	struct fixture *f = *state;
	const struct kri_reply *reply;

	feed(f, KRI_TEXT("$7\r\n\0\r\n$1\r\xff\r\n"));
	reply = next(f);
	assert_int_equal(reply->text.len, 7);
	assert_memory_equal(reply->text.data, "\0\r\n$1\r\xff", 8);
}

static void integers_are_read(void **state)
{
	assert_int_equal(read_one(*state, ":1\r\n")->type, KRI_REPLY_INTEGER);
	assert_int_equal(read_one(*state, ":0\r\n")->integer, 0);
	assert_int_equal(read_one(*state, ":-2\r\n")->integer, -2);
	assert_true(read_one(*state, ":9223372036854775807\r\n")->integer ==
		    INT64_MAX);
}

static void nothing_is_nil(void **state)
{
	assert_int_equal(read_one(*state, "$-1\r\n")->type, KRI_REPLY_NIL);
	assert_int_equal(read_one(*state, "*-1\r\n")->type, KRI_REPLY_NIL);
}

static void an_array_has_its_elements_in_order(void **state)
{
	const struct kri_reply *reply =
		read_one(*state, "*3\r\n$1\r\na\r\n:2\r\n$-1\r\n");

	assert_int_equal(reply->type, KRI_REPLY_ARRAY);
	assert_int_equal(reply->n, 3);
	assert_text(reply->elements[0], KRI_REPLY_STRING, "a");
	assert_int_equal(reply->elements[1]->integer, 2);
	assert_int_equal(reply->elements[2]->type, KRI_REPLY_NIL);
}

static void an_empty_array_has_no_elements(void **state)
{
	const struct kri_reply *reply = read_one(*state, "*0\r\n");

	assert_int_equal(reply->type, KRI_REPLY_ARRAY);
	assert_int_equal(reply->n, 0);
}

static void arrays_may_stand_in_arrays(void **state)
{
	const struct kri_reply *reply = read_one(
		*state, "*2\r\n*2\r\n:1\r\n:2\r\n*1\r\n-ERR inside\r\n");

	assert_int_equal(reply->elements[0]->elements[1]->integer, 2);
	assert_text(reply->elements[1]->elements[0], KRI_REPLY_ERROR,
		    "ERR inside");
}

static void a_reply_that_comes_byte_by_byte_is_read_once_it_is_whole(
	void **state)
{
	const char bytes[] = "*2\r\n$5\r\ncolor\r\n*1\r\n:-12\r\n";
	const struct kri_reply *reply = NULL;
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
		assert_null(reply);
		feed(f, kri_text(bytes + i, 1));
		reply = next(f);
	}
	assert_non_null(reply);
	assert_text(reply->elements[0], KRI_REPLY_STRING, "color");
	assert_int_equal(reply->elements[1]->elements[0]->integer, -12);
}

static void replies_that_come_together_are_read_one_by_one(void **state)
{
	struct fixture *f = *state;

	feed(f, KRI_TEXT("+OK\r\n:1\r\n$1\r\nx"));
	assert_text(next(f), KRI_REPLY_STATUS, "OK");
	assert_int_equal(next(f)->integer, 1);
	assert_null(next(f));
	feed(f, KRI_TEXT("\r\n"));
	assert_text(next(f), KRI_REPLY_STRING, "x");
}

static void a_reply_lives_as_long_as_the_arena(void **state)
{
	struct fixture *f = *state;
	const struct kri_reply *reply = read_one(f, "*1\r\n$6\r\npurple\r\n");

	renew_reader(f);
	assert_text(reply->elements[0], KRI_REPLY_STRING, "purple");
}

/* RESP3, which nobody has asked for. */
static void types_of_a_later_protocol_are_survived(void **state)
{
	assert_int_equal(read_one(*state, "_\r\n")->type, KRI_REPLY_NIL);
	assert_int_equal(read_one(*state, "#t\r\n")->type, KRI_REPLY_INTEGER);
	assert_text(read_one(*state, ",1.5\r\n"), KRI_REPLY_STRING, "1.5");
	assert_int_equal(read_one(*state, "%1\r\n+a\r\n:1\r\n")->type,
			 KRI_REPLY_ARRAY);
	assert_int_equal(read_one(*state, "~1\r\n:1\r\n")->type,
			 KRI_REPLY_ARRAY);
	assert_int_equal(read_one(*state, "=5\r\ntxt:a\r\n")->type,
			 KRI_REPLY_STRING);
}

/* ---- what is refused -------------------------------------------------- */

static void another_protocol_is_refused(void **state)
{
	assert_refused(*state, "HTTP/1.1 400 Bad Request\r\n");
}

static void a_number_that_is_none_is_refused(void **state)
{
	assert_refused(*state, ":12x\r\n");
}

static void a_number_that_is_too_great_is_refused(void **state)
{
	assert_refused(*state, ":9223372036854775808\r\n");
}

static void a_length_that_is_negative_is_refused(void **state)
{
	assert_refused(*state, "$-2\r\n");
}

static void a_count_that_is_negative_is_refused(void **state)
{
	assert_refused(*state, "*-2\r\n");
}

/* ---- the sink's room --------------------------------------------------- */

/* It is read to its end into nothing, and the next one is read as ever. */
static void assert_over(struct fixture *f)
{
	assert_true(f->sink.over);
	kri_sink_set(&f->sink, &f->arena, 1024);
	assert_text(read_one(f, "+OK\r\n"), KRI_REPLY_STATUS, "OK");
	assert_false(f->sink.over);
}

static void a_string_without_room_is_read_into_nothing(void **state)
{
	struct fixture *f = *state;
	static char bytes[LIMIT + 16] = "$65536\r\n";

	memset(bytes + 8, 'x', LIMIT);
	memcpy(bytes + 8 + LIMIT, "\r\n", 3);
	assert_int_equal(read_one(f, bytes)->type, KRI_REPLY_NIL);
	assert_over(f);
}

static void many_elements_without_room_are_read_into_nothing(void **state)
{
	struct fixture *f = *state;

	kri_sink_set(&f->sink, &f->arena, 4096);
	feed(f, KRI_TEXT("*4000\r\n"));
	for (int i = 0; i < 4000; i++) {
		assert_null(next(f));
		feed(f, KRI_TEXT(":1\r\n"));
	}
	assert_int_equal(next(f)->type, KRI_REPLY_NIL);
	assert_over(f);
}

static void an_element_without_room_leaves_the_array_whole(void **state)
{
	struct fixture *f = *state;
	const struct kri_reply *reply;

	kri_sink_set(&f->sink, &f->arena, 200);
	reply = read_one(f, "*2\r\n$64\r\n"
			    "0123456789abcdef0123456789abcdef"
			    "0123456789abcdef0123456789abcdef\r\n"
			    "*1\r\n:1\r\n");
	assert_int_equal(reply->elements[1]->type, KRI_REPLY_NIL);
	assert_over(f);
}

static void a_count_without_room_costs_no_memory(void **state)
{
	struct fixture *f = *state;

	feed(f, KRI_TEXT("*4294967295\r\n"));
	assert_null(next(f));
	assert_true(f->sink.over);
	assert_int_equal(f->arena.given, 0);
}

static void a_count_past_all_memory_is_refused(void **state)
{
	assert_refused(*state, "*9223372036854775807\r\n");
}

static void deep_arrays_without_room_are_read_into_nothing(void **state)
{
	struct fixture *f = *state;

	kri_sink_set(&f->sink, &f->arena, 4096);
	for (int i = 0; i < 4000; i++) {
		feed(f, KRI_TEXT("*1\r\n"));
		assert_null(next(f));
	}
	assert_int_equal(read_one(f, ":1\r\n")->type, KRI_REPLY_ARRAY);
	assert_over(f);
}

static void the_arena_has_the_last_word_on_room(void **state)
{
	struct fixture *f = *state;

	kri_arena_free(&f->arena);
	kri_arena_init(&f->arena, CHUNK, 64);
	assert_int_equal(read_one(f, "$64\r\n"
				     "0123456789abcdef0123456789abcdef"
				     "0123456789abcdef0123456789abcdef\r\n")
				 ->type,
			 KRI_REPLY_NIL);
	assert_true(f->sink.over);
}

/* ---- what nobody waits for --------------------------------------------- */

static void a_reply_that_nobody_waits_for_is_refused(void **state)
{
	struct fixture *f = *state;

	kri_sink_set(&f->sink, NULL, 0);
	assert_refused(f, "+OK\r\n");
	assert_true(f->sink.refused);
	assert_string_equal(f->sink.said, "");
}

static void an_error_that_nobody_waits_for_leaves_its_words(void **state)
{
	struct fixture *f = *state;

	kri_sink_set(&f->sink, NULL, 0);
	assert_refused(f, "-ERR max number of clients reached\r\n");
	assert_true(f->sink.refused);
	assert_string_equal(f->sink.said, "ERR max number of clients reached");
}

static void a_push_is_refused(void **state)
{
	assert_refused(*state, ">1\r\n+hello\r\n");
	assert_true(((struct fixture *)*state)->sink.refused);
}

static void any_bytes_are_survived(void **state)
{
	static const char some[] = "+-:$*%~_#,\r\n\r\n\r\n0123x";
	struct fixture *f = *state;
	uint32_t seed = 1;
	enum kr_err err = KR_OK;

	for (int round = 0; round < 3000; round++) {
		void *reply = NULL;

		for (int i = 0; i < 40; i++) {
			seed = seed * 1664525 + 1013904223;
			feed(f,
			     kri_text(&some[(seed >> 16) % (sizeof(some) - 1)],
				      1));
		}
		while (!redisReaderGetReply(f->reader, &reply) && reply)
			err |= kri_reply_check(reply);
		renew_reader(f);
		kri_arena_reset(&f->arena);
		kri_sink_set(&f->sink, &f->arena, LIMIT);
	}
	(void)err;
}

/* ---- what errors mean ------------------------------------------------- */

static enum kr_err meaning(const char *text)
{
	struct kri_reply reply = {.type = KRI_REPLY_ERROR,
				  .text = kri_text_of(text)};

	return kri_reply_check(&reply);
}

static void other_replies_are_no_errors(void **state)
{
	assert_int_equal(kri_reply_check(read_one(*state, "+OOM \r\n")), KR_OK);
	assert_int_equal(kri_reply_check(read_one(*state, "$-1\r\n")), KR_OK);
	assert_int_equal(kri_reply_check(read_one(*state, ":-1\r\n")), KR_OK);
	assert_int_equal(kri_reply_check(read_one(*state, "*0\r\n")), KR_OK);
}

static void errors_that_another_node_would_not_have_mean_away(void **state)
{
	static const char *const texts[] = {
		"READONLY You can't write against a read only replica.",
		"LOADING Redis is loading the dataset in memory",
		"MASTERDOWN Link with MASTER is down",
		"CLUSTERDOWN The cluster is down",
		"MOVED 3999 127.0.0.1:6381",
		"ASK 3999 127.0.0.1:6381",
		"TRYAGAIN Multiple keys request during rehashing of slot",
		"BUSY Redis is busy running a script.",
		"NOREPLICAS Not enough good replicas to write.",
		"MISCONF Redis is configured to save RDB snapshots",
		"ERR max number of clients reached",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(meaning(texts[i]), KR_ERR_UNAVAILABLE);
}

static void an_error_for_want_of_memory_means_full(void **state)
{
	(void)state;
	assert_int_equal(meaning("OOM command not allowed when used memory > "
				 "'maxmemory'."),
			 KR_ERR_FULL);
}

static void errors_of_the_login_mean_denied(void **state)
{
	static const char *const texts[] = {
		"NOAUTH Authentication required.",
		"WRONGPASS invalid username-password pair or user is disabled",
		"NOPERM this user has no permissions to run the 'evalsha' "
		"command",
		"ERR invalid password",
		"ERR Client sent AUTH, but no password is set",
		"ERR AUTH <password> called without any password configured",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(meaning(texts[i]), KR_ERR_DENIED);
}

static void any_other_error_should_not_happen(void **state)
{
	(void)state;
	assert_int_equal(meaning("ERR unknown command"), KR_ERR_PROTOCOL);
	assert_int_equal(meaning("WRONGTYPE Operation against a key"),
			 KR_ERR_PROTOCOL);
	assert_int_equal(meaning("OOMPH "), KR_ERR_PROTOCOL);
	assert_int_equal(meaning("oom "), KR_ERR_PROTOCOL);
	assert_int_equal(meaning(" OOM "), KR_ERR_PROTOCOL);
	assert_int_equal(meaning(""), KR_ERR_PROTOCOL);
}

static void an_error_is_known_by_its_code(void **state)
{
	const struct kri_reply *reply =
		read_one(*state, "-NOSCRIPT No matching script.\r\n");

	assert_true(kri_reply_is_error(reply, "NOSCRIPT"));
	assert_false(kri_reply_is_error(reply, "NOSCRIPTS"));
	assert_false(kri_reply_is_error(reply, "No"));
	reply = read_one(*state, "+NOSCRIPT\r\n");
	assert_false(kri_reply_is_error(reply, "NOSCRIPT"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_status_is_text),
		TEST(an_error_is_text),
		TEST(a_string_is_text),
		TEST(an_empty_string_is_not_nil),
		TEST(a_string_may_hold_any_bytes),
		TEST(integers_are_read),
		TEST(nothing_is_nil),
		TEST(an_array_has_its_elements_in_order),
		TEST(an_empty_array_has_no_elements),
		TEST(arrays_may_stand_in_arrays),
		TEST(a_reply_that_comes_byte_by_byte_is_read_once_it_is_whole),
		TEST(replies_that_come_together_are_read_one_by_one),
		TEST(a_reply_lives_as_long_as_the_arena),
		TEST(types_of_a_later_protocol_are_survived),
		TEST(another_protocol_is_refused),
		TEST(a_number_that_is_none_is_refused),
		TEST(a_number_that_is_too_great_is_refused),
		TEST(a_length_that_is_negative_is_refused),
		TEST(a_count_that_is_negative_is_refused),
		TEST(a_string_without_room_is_read_into_nothing),
		TEST(many_elements_without_room_are_read_into_nothing),
		TEST(an_element_without_room_leaves_the_array_whole),
		TEST(a_count_without_room_costs_no_memory),
		TEST(a_count_past_all_memory_is_refused),
		TEST(deep_arrays_without_room_are_read_into_nothing),
		TEST(the_arena_has_the_last_word_on_room),
		TEST(a_reply_that_nobody_waits_for_is_refused),
		TEST(an_error_that_nobody_waits_for_leaves_its_words),
		TEST(a_push_is_refused),
		TEST(any_bytes_are_survived),
		TEST(other_replies_are_no_errors),
		TEST(errors_that_another_node_would_not_have_mean_away),
		TEST(an_error_for_want_of_memory_means_full),
		TEST(errors_of_the_login_mean_denied),
		TEST(any_other_error_should_not_happen),
		TEST(an_error_is_known_by_its_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
