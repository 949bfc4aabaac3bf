/*
 * The slot map: which node serves a key, and what may be learnt from whom.
 */
#include "redis/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static unsigned slot(const char *prefix, const char *key)
{
	char whole[64];

	snprintf(whole, sizeof(whole), "%s%s", prefix, key);
	return kri_slot_of(kri_text_of(whole));
}

static const struct kri_node *owner(const struct kri_slots *slots, size_t at)
{
	return slots->owners[at];
}

static struct kri_reply number(int64_t integer)
{
	return (struct kri_reply){.type = KRI_REPLY_INTEGER,
				  .integer = integer};
}

static struct kri_reply string(const char *text)
{
	return (struct kri_reply){.type = KRI_REPLY_STRING,
				  .text = kri_text_of(text)};
}

/* [first, last, [host, port]], as CLUSTER SLOTS has it; in a list of one. */
struct answer {
	struct kri_reply first, last, host, port, node, entry, list;
	struct kri_reply *node_parts[2], *entry_parts[3], *entries[1];
};

static const struct kri_reply *answer(struct answer *a, int64_t first,
				      int64_t last, const char *host)
{
	a->first = number(first);
	a->last = number(last);
	a->host = string(host);
	a->port = number(7000);
	a->node_parts[0] = &a->host;
	a->node_parts[1] = &a->port;
	a->node = (struct kri_reply){
		.type = KRI_REPLY_ARRAY, .elements = a->node_parts, .n = 2};
	a->entry_parts[0] = &a->first;
	a->entry_parts[1] = &a->last;
	a->entry_parts[2] = &a->node;
	a->entry = (struct kri_reply){
		.type = KRI_REPLY_ARRAY, .elements = a->entry_parts, .n = 3};
	a->entries[0] = &a->entry;
	a->list = (struct kri_reply){
		.type = KRI_REPLY_ARRAY, .elements = a->entries, .n = 1};
	return &a->list;
}

static int setup(void **state)
{
	static struct kri_slots slots;

	memset(&slots, 0, sizeof(slots));
	*state = &slots;
	return 0;
}

static int teardown(void **state)
{
	kri_slots_free(*state);
	return 0;
}

static void slots_are_those_of_the_specification(void **state)
{
	(void)state;
	assert_int_equal(slot("", "123456789"), 0x31c3);
	assert_int_equal(slot("", "foo"), 12182);
	assert_int_equal(slot("f", "oo"), 12182);
	assert_int_equal(slot("", ""), 0);
}

static void only_a_hash_tag_counts_if_there_is_one(void **state)
{
	(void)state;
	assert_int_equal(slot("{foo}:", "abc"), 12182);
	assert_int_equal(slot("x{foo}{bar}", ""), 12182);
	assert_int_not_equal(slot("foo{}", "a"), slot("foo{}", "b"));
	assert_int_not_equal(slot("{foo", "a"), slot("{foo", "b"));
}

static void a_node_is_made_once(void **state)
{
	struct kri_node *node = kri_slots_node(*state, "h", 1);

	assert_non_null(node);
	assert_ptr_equal(kri_slots_node(*state, "h", 1), node);
	assert_ptr_not_equal(kri_slots_node(*state, "h", 2), node);
	assert_int_equal(((struct kri_slots *)*state)->n, 2);
}

static void a_map_gives_slots_their_owner(void **state)
{
	struct kri_node *asked = kri_slots_node(*state, "seed", 1);
	struct answer a;
	bool changed = false;

	assert_int_equal(
		kri_slots_load(*state, answer(&a, 5, 7, "h"), asked, &changed),
		KR_OK);
	assert_true(changed);
	assert_null(owner(*state, 4));
	assert_string_equal(owner(*state, 5)->address.host, "h");
	assert_int_equal(owner(*state, 7)->address.port, 7000);
	assert_null(owner(*state, 8));
}

static void the_same_map_again_is_no_news(void **state)
{
	struct kri_node *asked = kri_slots_node(*state, "seed", 1);
	struct answer a;
	bool changed = false;

	assert_int_equal(
		kri_slots_load(*state, answer(&a, 0, 9, "h"), asked, &changed),
		KR_OK);
	assert_int_equal(
		kri_slots_load(*state, answer(&a, 0, 9, "h"), asked, &changed),
		KR_OK);
	assert_false(changed);
}

static void a_node_without_a_name_is_the_one_that_was_asked(void **state)
{
	struct kri_node *asked = kri_slots_node(*state, "seed", 1);
	static const char *const names[] = {"", "?"};

	for (size_t i = 0; i < 2; i++) {
		struct answer a;
		bool changed = false;

		assert_int_equal(kri_slots_load(*state,
						answer(&a, 0, 9, names[i]),
						asked, &changed),
				 KR_OK);
		assert_string_equal(owner(*state, 0)->address.host,
				    "seed");
	}
}

static void what_is_no_map_changes_nothing(void **state)
{
	struct kri_node *asked = kri_slots_node(*state, "seed", 1);
	struct kri_reply empty = {.type = KRI_REPLY_ARRAY};
	struct answer a;
	bool changed = false;

	assert_int_equal(kri_slots_load(*state, &empty, asked, &changed),
			 KR_ERR_PROTOCOL);
	assert_int_equal(kri_slots_load(*state, answer(&a, 0, KRI_SLOTS, "h"),
					asked, &changed),
			 KR_ERR_PROTOCOL);
	assert_int_equal(
		kri_slots_load(*state, answer(&a, -1, 5, "h"), asked, &changed),
		KR_ERR_PROTOCOL);
	answer(&a, 0, 5, "h");
	a.port = string("7000");
	assert_int_equal(kri_slots_load(*state, &a.list, asked, &changed),
			 KR_ERR_PROTOCOL);
	assert_false(changed);
	assert_null(owner(*state, 0));
}

static void a_slot_that_moved_has_a_new_owner(void **state)
{
	struct kri_node *node = kri_slots_node(*state, "h", 1);

	kri_slots_move(*state, 42, node);
	assert_ptr_equal(owner(*state, 42), node);
	assert_null(owner(*state, 43));
}

static void places_are_those_who_own_slots(void **state)
{
	struct kri_slots *slots = *state;
	struct kri_node *idle = kri_slots_node(slots, "idle", 1);
	struct kri_node *one = kri_slots_node(slots, "h", 1);
	struct kri_node *two = kri_slots_node(slots, "h", 2);

	assert_non_null(idle);
	assert_null(kri_slots_place(slots, 0));
	kri_slots_move(slots, 1, one);
	kri_slots_move(slots, 2, two);
	assert_ptr_equal(kri_slots_place(slots, 0), one);
	assert_ptr_equal(kri_slots_place(slots, 1), two);
	assert_null(kri_slots_place(slots, 2));
	kri_slots_move(slots, 1, two);
	assert_ptr_equal(kri_slots_place(slots, 0), two);
}

static void a_map_takes_what_it_leaves_out(void **state)
{
	struct kri_slots *slots = *state;
	struct kri_node *asked = kri_slots_node(slots, "seed", 1);
	struct answer a;
	bool changed = false;

	kri_slots_move(slots, 9, asked);
	assert_int_equal(
		kri_slots_load(slots, answer(&a, 0, 5, "h"), asked, &changed),
		KR_OK);
	assert_null(slots->owners[9]);
	assert_int_equal(asked->owns, 0);
	assert_int_equal(slots->owners[0]->owns, 6);
}

/* ---- redirections ------------------------------------------------------ */

static bool redirects(const char *text, struct kri_redirect *to)
{
	return kri_slots_read_redirect(kri_text_of(text), to);
}

static void a_redirection_names_slot_and_node(void **state)
{
	struct kri_redirect to;

	(void)state;
	assert_true(redirects("MOVED 3999 127.0.0.1:6381", &to));
	assert_int_equal(to.slot, 3999);
	assert_string_equal(to.host, "127.0.0.1");
	assert_int_equal(to.port, 6381);
	assert_true(redirects("ASK 16383 2001:db8::1:6381", &to));
	assert_string_equal(to.host, "2001:db8::1");
	assert_true(redirects("MOVED 0 :6381", &to));
	assert_string_equal(to.host, "");
}

static void a_redirection_that_makes_no_sense_is_none(void **state)
{
	static const char *const texts[] = {
		"MOVED 1", "MOVED ", "MOVED 1 ", "MOVED 1 h", "MOVED 1 h:",
		"MOVED 1 h:0", "MOVED 1 h:65536", "MOVED 1 h:+1",
		"MOVED 16384 h:1", "MOVED -1 h:1", "MOVED x h:1", "ASK  h:1",
	};
	struct kri_redirect to;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_false(redirects(texts[i], &to));
}

static void a_redirection_to_too_long_a_name_is_none(void **state)
{
	char text[400] = "MOVED 1 ";
	struct kri_redirect to;

	(void)state;
	memset(text + 8, 'h', 300);
	strcpy(text + 308, ":1");
	assert_false(redirects(text, &to));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(slots_are_those_of_the_specification),
		TEST(only_a_hash_tag_counts_if_there_is_one),
		TEST(a_node_is_made_once),
		TEST(a_map_gives_slots_their_owner),
		TEST(the_same_map_again_is_no_news),
		TEST(a_node_without_a_name_is_the_one_that_was_asked),
		TEST(what_is_no_map_changes_nothing),
		TEST(a_slot_that_moved_has_a_new_owner),
		TEST(places_are_those_who_own_slots),
		TEST(a_map_takes_what_it_leaves_out),
		TEST(a_redirection_names_slot_and_node),
		TEST(a_redirection_that_makes_no_sense_is_none),
		TEST(a_redirection_to_too_long_a_name_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
