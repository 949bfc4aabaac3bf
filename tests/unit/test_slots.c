/*
 * The slot map: which node serves a key, and what may be learnt from whom.
 */
#include "redis/slots.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

static unsigned slot(const char *prefix, const char *key)
{
	return kri_slot_of(kri_text_of(prefix), kri_text_of(key));
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

	kri_slots_init(&slots);
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
	assert_int_equal(kri_slots_count(*state), 2);
	assert_ptr_equal(kri_slots_get(*state, 0), node);
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
	assert_null(kri_slots_owner(*state, 4));
	assert_string_equal(kri_slots_owner(*state, 5)->address.host, "h");
	assert_int_equal(kri_slots_owner(*state, 7)->address.port, 7000);
	assert_null(kri_slots_owner(*state, 8));
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
		assert_string_equal(kri_slots_owner(*state, 0)->address.host,
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
	assert_null(kri_slots_owner(*state, 0));
}

static void a_slot_that_moved_has_a_new_owner(void **state)
{
	struct kri_node *node = kri_slots_node(*state, "h", 1);

	kri_slots_move(*state, 42, node);
	assert_ptr_equal(kri_slots_owner(*state, 42), node);
	assert_null(kri_slots_owner(*state, 43));
}

static void one_asks_and_then_there_is_a_pause(void **state)
{
	assert_true(kri_slots_begin(*state, NULL));
	kri_slots_end(*state);
	assert_false(kri_slots_begin(*state, NULL));
}

/* ---- waiting for who asks ---------------------------------------------- */

static bool leave_seat(void *arg)
{
	(void)arg;
	return true;
}

static void come_back(void *arg)
{
	(void)arg;
}

static const struct kri_wait relieved = {leave_seat, come_back, NULL};

struct second {
	struct kri_slots *slots;
	int64_t patience;  /* ms */
	atomic_bool ended; /* the first is done */
	bool saw_the_end;  /* it had ended when the second came back */
	bool ours;
};

static void *come_second(void *arg)
{
	struct second *second = arg;
	struct kri_deadline deadline;

	kri_deadline_start(&deadline, &relieved, second->patience);
	second->ours = kri_slots_begin(second->slots, &deadline);
	second->saw_the_end = second->ended;
	kri_deadline_end(&deadline);
	return NULL;
}

static void who_comes_second_waits_and_need_not_ask(void **state)
{
	struct second second = {.slots = *state, .patience = 10000};
	pthread_t thread;

	assert_true(kri_slots_begin(*state, NULL));
	assert_int_equal(pthread_create(&thread, NULL, come_second, &second),
			 0);
	usleep(20000); /* so that it has mostly come to wait */
	second.ended = true;
	kri_slots_end(*state);
	pthread_join(thread, NULL);
	assert_true(second.saw_the_end);
	assert_false(second.ours);
}

static void who_comes_second_waits_no_longer_than_it_may(void **state)
{
	struct second second = {.slots = *state, .patience = 30};
	pthread_t thread;

	assert_true(kri_slots_begin(*state, NULL));
	assert_int_equal(pthread_create(&thread, NULL, come_second, &second),
			 0);
	pthread_join(thread, NULL);
	assert_false(second.ours);
	kri_slots_end(*state);
}

static void who_may_not_wait_goes_on_at_once(void **state)
{
	assert_true(kri_slots_begin(*state, NULL));
	assert_false(kri_slots_begin(*state, NULL));
	kri_slots_end(*state);
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
		TEST(one_asks_and_then_there_is_a_pause),
		TEST(who_comes_second_waits_and_need_not_ask),
		TEST(who_comes_second_waits_no_longer_than_it_may),
		TEST(who_may_not_wait_goes_on_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
