/*
 * Two loops, each with its own link, on one store at once.
 */
#include "trial.h"

#include <pthread.h>

#define ROUNDS 200

struct loop {
	struct kri_store *store;
	pthread_barrier_t *barrier;
	void (*round)(struct trial *trial, unsigned i, struct loop *loop);
	unsigned number;           /* 0 or 1 */
	unsigned conflicts, wrong; /* what no assertion may stop a thread for */
};

static void *run_loop(void *arg)
{
	struct loop *loop = arg;
	struct trial trial;

	trial_attach(&trial, loop->store);
	pthread_barrier_wait(loop->barrier); /* both at once */
	for (unsigned i = 0; i < ROUNDS; i++) {
		loop->round(&trial, i, loop);
		kri_arena_reset(&trial.arena);
	}
	pthread_barrier_wait(loop->barrier);
	trial_detach(&trial);
	return NULL;
}

static void run_two(struct trial *trial, struct loop loops[2])
{
	pthread_t threads[2];
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, 2);
	for (size_t i = 0; i < 2; i++) {
		loops[i].number = (unsigned)i;
		loops[i].store = trial->store;
		loops[i].barrier = &barrier;
		assert_int_equal(
			pthread_create(&threads[i], NULL, run_loop, &loops[i]),
			0);
	}
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	assert_int_equal(loops[0].wrong + loops[1].wrong, 0);
}

/* Reads a number, writes the next; again if another came in between. */
static void count_up(struct trial *trial, unsigned i, struct loop *loop)
{
	struct kri_record *record;
	char room[KRI_INT_SIZE];
	int64_t n;

	(void)i;
	do {
		record = record_of(trial, 1);
		loop->wrong += load(trial, record) != KR_OK;
		loop->wrong += kri_text_to_int(record->values[0].data, 0,
					       INT64_MAX, &n) != KR_OK;
		record->exact = true;
		record->ttl = n % 2 ? LONG : 0;
		record->values[0].data = kri_text_of_int(n + 1, room);
		record->values[0].change = KRI_CHANGE_SET;
		loop->conflicts +=
			commit(trial, record, KRI_OP_UPDATE) == KR_ERR_CONFLICT;
	} while (record->err == KR_ERR_CONFLICT);
	loop->wrong += record->err != KR_OK;
}

static void two_loops_count_exactly(void **state)
{
	struct loop loops[2] = {{.round = count_up}, {.round = count_up}};
	struct kri_record *record = record_of(*state, 1);
	char room[KRI_INT_SIZE];

	set(record, "n", KRI_TEXT("0"));
	assert_int_equal(commit(*state, record, KRI_OP_CREATE), KR_OK);
	run_two(*state, loops);
	assert_value(stored(*state, 1), "n", kri_text_of_int(2 * ROUNDS, room));
	print_message("%u conflicts\n",
		      loops[0].conflicts + loops[1].conflicts);
}

/* Creates, changes and ends sessions of its own, and looks at the others'. */
static void live(struct trial *trial, unsigned i, struct loop *loop)
{
	unsigned own = 2 * i + loop->number;
	struct kri_record *record = record_of(trial, 1000 + own);

	loop->wrong += commit(trial, record, KRI_OP_CREATE) != KR_OK;
	set(record, "n", KRI_TEXT("1"));
	loop->wrong += commit(trial, record, KRI_OP_UPDATE) != KR_OK;
	loop->wrong += commit(trial, record, KRI_OP_TOUCH) != KR_OK;
	load(trial, record_of(trial, 1000 + (own ^ 1)));
	if (i % 2)
		loop->wrong += commit(trial, record_of(trial, 1000 + own),
				      KRI_OP_DESTROY) != KR_OK;
	if (i % 16 == 0)
		count_all(trial);
}

static void two_loops_create_and_end_sessions(void **state)
{
	struct loop loops[2] = {{.round = live}, {.round = live}};

	run_two(*state, loops);
	assert_in_range(count_all(*state), ROUNDS, 2 * ROUNDS);
}

int run_threads(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_loops_count_exactly),
		TEST(two_loops_create_and_end_sessions),
	};

	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
