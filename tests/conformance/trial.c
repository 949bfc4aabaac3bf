/*
 * Opens a store from options, and waits for each operation on a loop of the
 * trial's own. A failed step fails the test at hand.
 */
#include "trial.h"

#include "base/encoding.h"

const char *const *trial_options;

/* ---- the store -------------------------------------------------------- */

bool trial_is(const char *kind)
{
	char option[32] = "store.kind=";

	strcat(option, kind);
	for (size_t i = 0; trial_options[i]; i++)
		if (!strcmp(trial_options[i], option))
			return true;
	return false;
}

static void assign(struct kri_config *config, const char *option)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	if (kri_config_assign(config, option, &why))
		fail_msg("%s", why.data);
	kri_buffer_free(&why);
}

void trial_attach(struct trial *trial, struct kri_store *store)
{
	trial->store = store;
	assert_int_equal(uv_loop_init(&trial->loop), 0);
	assert_int_equal(store->ops->attach(store, &trial->loop, &trial->link),
			 KR_OK);
	kri_arena_init(&trial->arena, 64 << 10, (size_t)256 << 20);
}

void trial_detach(struct trial *trial)
{
	trial->store->ops->detach(&trial->link);
	uv_run(&trial->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&trial->loop), 0);
	kri_arena_free(&trial->arena);
}

void trial_open(struct trial *trial, const char *option)
{
	trial_open_with(trial, option, NULL);
}

void trial_open_with(struct trial *trial, const char *option,
		     const char *second)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;

	assert_int_equal(kri_config_init(&trial->config), KR_OK);
	for (size_t i = 0; trial_options[i]; i++)
		assign(&trial->config, trial_options[i]);
	if (option)
		assign(&trial->config, option);
	if (second)
		assign(&trial->config, second);
	if (kri_store_open(&trial->config, &trial->store, &why))
		fail_msg("%s", why.data);
	if (kri_store_check(trial->store, &why))
		fail_msg("%s", why.data);
	kri_buffer_free(&why);
	trial_attach(trial, trial->store);
}

void trial_close(struct trial *trial)
{
	trial_detach(trial);
	trial->store->ops->close(&trial->store);
	assert_null(trial->store);
	kri_config_free(&trial->config);
}

int trial_setup(void **state)
{
	static struct trial trial;

	trial_open(&trial, NULL);
	remove_all(&trial);
	*state = &trial;
	return 0;
}

int trial_teardown(void **state)
{
	trial_close(*state);
	return 0;
}

/* ---- waiting ---------------------------------------------------------- */

void trial_done(void *arg)
{
	*(bool *)arg = true;
}

void trial_await(struct trial *trial, const bool *flag)
{
	while (!*flag) {
		trial->store->ops->flush(trial->link);
		if (!*flag)
			uv_run(&trial->loop, UV_RUN_ONCE);
	}
}

void load_all(struct trial *trial, struct kri_record **records, size_t n)
{
	bool flag = false;

	trial->store->ops->load(trial->link, records, n, trial_done, &flag);
	trial_await(trial, &flag);
}

void commit_all(struct trial *trial, struct kri_record **records, size_t n)
{
	bool flag = false;

	trial->store->ops->commit(trial->link, records, n, trial_done, &flag);
	trial_await(trial, &flag);
	trial->store->ops->flush(trial->link); /* touches */
}

enum kr_err load(struct trial *trial, struct kri_record *record)
{
	load_all(trial, &record, 1);
	return record->err;
}

enum kr_err peek(struct trial *trial, struct kri_record *record)
{
	bool flag = false;

	trial->store->ops->peek(trial->link, &record, 1, trial_done, &flag);
	trial_await(trial, &flag);
	return record->err;
}

enum kr_err commit(struct trial *trial, struct kri_record *record,
		   enum kri_operation operation)
{
	record->operation = operation;
	commit_all(trial, &record, 1);
	return record->err;
}

/* ---- records ---------------------------------------------------------- */

struct kri_record *record_of(struct trial *trial, unsigned i)
{
	unsigned char id[KRI_ID_SIZE] = "conformance";
	struct kri_record *record =
		kri_arena_alloc(&trial->arena, sizeof(*record));

	assert_non_null(record);
	*record = (struct kri_record){
		.trust = KRI_TRUST_COPY,
		.arena = &trial->arena,
		.born = 1700000000,
		.ttl = LONG,
		.err = KR_ERR_ARGUMENT,
	};
	memset(record->auth, AUTH, KRI_DIGEST_SIZE);
	memcpy(id + sizeof(id) - sizeof(i), &i, sizeof(i));
	kri_base64url_encode(id, sizeof(id), record->id);
	return record;
}

struct kri_record *created(struct trial *trial, unsigned i)
{
	struct kri_record *record = record_of(trial, i);

	assert_int_equal(commit(trial, record, KRI_OP_CREATE), KR_OK);
	return record;
}

static void change(struct kri_record *record, const char *key,
		   struct kri_text data, enum kri_change how)
{
	assert_int_equal(kri_record_reserve(record, 1), KR_OK);
	record->values[record->n++] = (struct kri_value){
		.key = kri_text_of(key), .data = data, .change = how};
}

void set(struct kri_record *record, const char *key, struct kri_text data)
{
	change(record, key, data, KRI_CHANGE_SET);
}

void take_away(struct kri_record *record, const char *key)
{
	change(record, key, kri_text_of(""), KRI_CHANGE_REMOVED);
}

/* ---- looks ------------------------------------------------------------ */

struct kri_record *stored(struct trial *trial, unsigned i)
{
	struct kri_record *record = record_of(trial, i);

	if (load(trial, record) == KR_OK)
		return record;
	assert_int_equal(record->err, KR_ERR_NOT_FOUND);
	return NULL;
}

int64_t left_of(struct trial *trial, unsigned i)
{
	struct kri_record *record = record_of(trial, i);

	if (peek(trial, record) == KR_OK)
		return record->left;
	assert_int_equal(record->err, KR_ERR_NOT_FOUND);
	return -2;
}

void assert_prolonged(struct trial *trial, unsigned i)
{
	int64_t deadline = kri_clock_ms() + 10000;

	while (left_of(trial, i) <= LONG)
		assert_true(kri_clock_ms() < deadline);
}

void assert_value(const struct kri_record *record, const char *key,
		  struct kri_text data)
{
	const struct kri_value *value;

	assert_non_null(record);
	value = kri_record_find(record, kri_text_of(key));
	assert_non_null(value);
	assert_int_equal(value->change, KRI_CHANGE_KEPT);
	assert_int_equal(value->data.len, data.len);
	if (data.len)
		assert_memory_equal(value->data.data, data.data, data.len);
}

void assert_no_value(const struct kri_record *record, const char *key)
{
	assert_non_null(record);
	assert_null(kri_record_find(record, kri_text_of(key)));
}

static int order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t list_all(struct trial *trial, const char ***ids)
{
	struct kri_listing listing = {.arena = &trial->arena};
	size_t n = 0, once = 0;

	*ids = kri_arena_alloc(&trial->arena, 10000 * sizeof(**ids));
	while (!listing.end) {
		bool flag = false;

		trial->store->ops->list(trial->link, &listing, trial_done,
					&flag);
		trial_await(trial, &flag);
		assert_int_equal(listing.err, KR_OK);
		assert_in_range(n + listing.n, 0, 10000);
		if (listing.n)
			memcpy(*ids + n, listing.ids,
			       listing.n * sizeof(**ids));
		n += listing.n;
	}
	qsort(*ids, n, sizeof(**ids), order);
	for (size_t i = 0; i < n; i++)
		if (!once || strcmp((*ids)[once - 1], (*ids)[i]))
			(*ids)[once++] = (*ids)[i];
	return once;
}

struct counted {
	bool flag;
	enum kr_err err;
	int64_t n;
};

static void counted(void *arg, enum kr_err err, int64_t n)
{
	*(struct counted *)arg =
		(struct counted){.flag = true, .err = err, .n = n};
}

int64_t count_all(struct trial *trial)
{
	struct counted result = {0};

	assert_int_equal(kri_store_count(trial->link, counted, &result), KR_OK);
	trial_await(trial, &result.flag);
	assert_int_equal(result.err, KR_OK);
	return result.n;
}

void remove_all(struct trial *trial)
{
	const char **ids;
	size_t n = list_all(trial, &ids);

	for (size_t i = 0; i < n; i++) {
		struct kri_record *record = record_of(trial, 0);

		memcpy(record->id, ids[i], KRI_ID_LEN);
		assert_int_equal(commit(trial, record, KRI_OP_DESTROY), KR_OK);
	}
}
