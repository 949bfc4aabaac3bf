/*
 * The slot map: which node serves a key, and what may be learnt from whom.
 */
#include "redis/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static unsigned slot(const char *key)
{
	return kri_slot_of(kri_text_of(key));
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

	slots = (struct kri_slots){0};
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
	assert_int_equal(slot("123456789"), 0x31c3);
	assert_int_equal(slot("foo"), 12182);
	assert_int_equal(slot(""), 0);
}

static void only_a_hash_tag_counts_if_there_is_one(void **state)
{
	(void)state;
	assert_int_equal(slot("{foo}:abc"), 12182);
	assert_int_equal(slot("x{foo}{bar}"), 12182);
	assert_int_not_equal(slot("foo{}a"), slot("foo{}b"));
	assert_int_not_equal(slot("{fooa"), slot("{foob"));
	assert_int_not_equal(slot("}foo{a"), slot("}foo{b"));
}

static const struct kri_node *owner(void **state, unsigned of)
{
	return ((const struct kri_slots *)*state)->owners[of];
}

static void a_node_is_made_once(void **state)
{
	struct kri_node *node = kri_slots_node(*state, "h", 1);

	assert_non_null(node);
	assert_ptr_equal(kri_slots_node(*state, "h", 1), node);
	assert_ptr_not_equal(kri_slots_node(*state, "h", 2), node);
	assert_int_equal(((struct kri_slots *)*state)->n, 2);
	assert_string_equal(node->name.data, "h:1");
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
	assert_null(owner(state, 4));
	assert_string_equal(owner(state, 5)->address.host, "h");
	assert_int_equal(owner(state, 7)->address.port, 7000);
	assert_null(owner(state, 8));
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
		assert_string_equal(owner(state, 0)->address.host, "seed");
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
	assert_null(owner(state, 0));
}

static void a_slot_that_moved_has_a_new_owner(void **state)
{
	struct kri_node *node = kri_slots_node(*state, "h", 1);

	kri_slots_move(*state, 42, node);
	assert_ptr_equal(owner(state, 42), node);
	assert_null(owner(state, 43));
}

static void places_are_the_nodes_that_own_something(void **state)
{
	struct kri_node *first = kri_slots_node(*state, "h", 1);
	struct kri_node *second = kri_slots_node(*state, "h", 2);

	assert_null(kri_slots_place(*state, 0));
	kri_slots_move(*state, 42, second);
	assert_ptr_equal(kri_slots_place(*state, 0), second);
	kri_slots_move(*state, 43, first);
	assert_ptr_equal(kri_slots_place(*state, 0), first);
	assert_ptr_equal(kri_slots_place(*state, 1), second);
	kri_slots_move(*state, 42, first);
	assert_null(kri_slots_place(*state, 1));
}

static void a_new_map_takes_places_away(void **state)
{
	struct kri_node *asked = kri_slots_node(*state, "seed", 1);
	struct answer a;
	bool changed = false;

	kri_slots_move(*state, 42, asked);
	assert_int_equal(
		kri_slots_load(*state, answer(&a, 0, 9, "h"), asked, &changed),
		KR_OK);
	assert_string_equal(kri_slots_place(*state, 0)->address.host, "h");
	assert_null(kri_slots_place(*state, 1));
}

static void there_are_so_many_nodes_and_no_more(void **state)
{
	for (int port = 1; port <= KRI_NODES_MAX; port++)
		assert_non_null(kri_slots_node(*state, "h", port));
	assert_null(kri_slots_node(*state, "other", 1));
	assert_non_null(kri_slots_node(*state, "h", 1));
}

/* ---- redirections ------------------------------------------------------- */

static void assert_redirect(const char *text, unsigned slot_, const char *host,
			    int port)
{
	struct kri_redirect to;

	assert_true(kri_slots_read_redirect(kri_text_of(text), &to));
	assert_int_equal(to.slot, slot_);
	assert_string_equal(to.host, host);
	assert_int_equal(to.port, port);
}

static void redirections_are_read(void **state)
{
	(void)state;
	assert_redirect("MOVED 3999 127.0.0.1:6381", 3999, "127.0.0.1", 6381);
	assert_redirect("ASK 0 node-1.example:1", 0, "node-1.example", 1);
	assert_redirect("MOVED 16383 ::1:7000", 16383, "::1", 7000);
	assert_redirect("MOVED 3999 :6381", 3999, "", 6381);
}

static void redirections_without_sense_are_known(void **state)
{
	static const char *const texts[] = {
		"MOVED",
		"MOVED 1",
		"MOVED 1 ",
		"MOVED 1 127.0.0.1",
		"MOVED 1 127.0.0.1:",
		"MOVED 1 127.0.0.1:0",
		"MOVED 1 127.0.0.1:65536",
		"MOVED 16384 127.0.0.1:7000",
		"MOVED -1 127.0.0.1:7000",
		"MOVED x 127.0.0.1:7000",
	};
	struct kri_redirect to;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_false(
			kri_slots_read_redirect(kri_text_of(texts[i]), &to));
}

static void a_host_that_is_too_long_is_no_redirection(void **state)
{
	char text[400] = "MOVED 1 ";
	struct kri_redirect to;

	(void)state;
	memset(text + 8, 'h', 256);
	strcpy(text + 8 + 256, ":7000");
	assert_false(kri_slots_read_redirect(kri_text_of(text), &to));
	assert_true(kri_slots_read_redirect(kri_text_of("MOVED 1 h:1"), &to));
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
		TEST(places_are_the_nodes_that_own_something),
		TEST(a_new_map_takes_places_away),
		TEST(there_are_so_many_nodes_and_no_more),
		TEST(redirections_are_read),
		TEST(redirections_without_sense_are_known),
		TEST(a_host_that_is_too_long_is_no_redirection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
