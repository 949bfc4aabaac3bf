/*
 * Many sessions in one operation, each with a fate of its own.
 */
#include "trial.h"

#define MANY 300

static void each_of_a_batch(struct trial *trial, unsigned n)
{
	static struct kri_record *records[MANY];
	char number[KRI_INT_SIZE];

	for (unsigned i = 0; i < n; i++) {
		records[i] = record_of(trial, i);
		records[i]->operation = KRI_OP_CREATE;
		set(records[i], "n",
		    kri_arena_dup(&trial->arena, kri_text_of_int(i, number)));
	}
	commit_all(trial, records, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(records[i]->err, KR_OK);
		records[i] = record_of(trial, i);
	}
	load_all(trial, records, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(records[i]->err, KR_OK);
		assert_value(records[i], "n", kri_text_of_int(i, number));
	}
}

static void a_batch_may_be_of_one(void **state)
{
	each_of_a_batch(*state, 1);
}

static void a_batch_may_be_of_32(void **state)
{
	each_of_a_batch(*state, 32);
}

static void a_batch_may_be_of_300(void **state)
{
	each_of_a_batch(*state, MANY);
}

static void a_batch_may_be_of_none(void **state)
{
	load_all(*state, NULL, 0);
	commit_all(*state, NULL, 0);
}

static void each_record_has_its_own_fate(void **state)
{
	struct kri_record *records[7];

	created(*state, 0);
	created(*state, 1);
	created(*state, 2);
	created(*state, 3);
	created(*state, 4);
	for (unsigned i = 0; i < 7; i++) {
		records[i] = record_of(*state, i);
		records[i]->operation = KRI_OP_UPDATE;
		set(records[i], "n", KRI_TEXT("1"));
	}
	records[1]->exact = true;
	records[1]->version = 9;
	records[1]->ttl = 0;
	records[2]->renewed = true;
	memset(records[2]->was, 'x', KRI_DIGEST_SIZE);
	records[3]->operation = KRI_OP_DESTROY;
	records[4]->operation = KRI_OP_TOUCH;
	records[5]->operation = KRI_OP_CREATE;
	commit_all(*state, records, 7);
	assert_int_equal(records[0]->err, KR_OK);
	assert_int_equal(records[1]->err, KR_ERR_CONFLICT);
	assert_int_equal(records[2]->err, KR_ERR_RENEWED);
	assert_int_equal(records[3]->err, KR_OK);
	assert_int_equal(records[4]->err, KR_OK);
	assert_int_equal(records[5]->err, KR_OK);
	assert_int_equal(records[6]->err, KR_ERR_GONE);
	assert_value(stored(*state, 0), "n", KRI_TEXT("1"));
	assert_no_value(stored(*state, 1), "n");
	assert_no_value(stored(*state, 2), "n");
	assert_null(stored(*state, 3));
	assert_no_value(stored(*state, 4), "n");
	assert_value(stored(*state, 5), "n", KRI_TEXT("1"));
	assert_null(stored(*state, 6));
}

static void those_not_found_do_not_disturb_the_others(void **state)
{
	struct kri_record *records[3];

	created(*state, 1);
	for (unsigned i = 0; i < 3; i++)
		records[i] = record_of(*state, i);
	load_all(*state, records, 3);
	assert_int_equal(records[0]->err, KR_ERR_NOT_FOUND);
	assert_int_equal(records[1]->err, KR_OK);
	assert_int_equal(records[2]->err, KR_ERR_NOT_FOUND);
}

/* ---- several operations under way ------------------------------------- */

static void count_done(void *arg)
{
	++*(unsigned *)arg;
}

static void operations_may_be_given_one_after_another(void **state)
{
	struct trial *trial = *state;
	struct kri_record *records[10];
	unsigned done = 0;

	for (unsigned i = 0; i < 10; i++)
		created(trial, i);
	for (unsigned i = 0; i < 10; i++) {
		records[i] = record_of(trial, i);
		trial->store->ops->load(trial->link, &records[i], 1, count_done,
					&done);
	}
	while (done < 10) {
		trial->store->ops->flush(trial->link);
		if (done < 10)
			uv_run(&trial->loop, UV_RUN_ONCE);
	}
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(records[i]->err, KR_OK);
}

/* A link that ends settles what it has under way. */
static void a_link_may_be_detached_with_operations_under_way(void **state)
{
	struct trial *trial = *state, second;
	struct kri_record *record;
	unsigned done = 0;

	created(trial, 1);
	trial_attach(&second, trial->store);
	record = record_of(&second, 1);
	trial->store->ops->load(second.link, &record, 1, count_done, &done);
	trial->store->ops->flush(second.link);
	trial->store->ops->detach(&second.link);
	assert_null(second.link);
	assert_int_equal(done, 1);
	assert_true(record->err == KR_OK || record->err == KR_ERR_UNAVAILABLE);
	uv_run(&second.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&second.loop), 0);
	kri_arena_free(&second.arena);
}

int run_batches(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_batch_may_be_of_one),
		TEST(a_batch_may_be_of_32),
		TEST(a_batch_may_be_of_300),
		TEST(a_batch_may_be_of_none),
		TEST(each_record_has_its_own_fate),
		TEST(those_not_found_do_not_disturb_the_others),
		TEST(operations_may_be_given_one_after_another),
		TEST(a_link_may_be_detached_with_operations_under_way),
	};

	return cmocka_run_group_tests_name("batches", tests, NULL, NULL);
}
