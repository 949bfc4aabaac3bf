/*
 * A new secret in place of the old one, exact on the one that was proven.
 */
#include "trial.h"

#define AT 1700000000123

/* To be renewed from the digest of `was` to that of `now`. */
static struct kri_record *renewal(struct trial *trial, char was, char now)
{
	struct kri_record *record = record_of(trial, 1);

	record->renewed = true;
	memset(record->was, was, KRI_DIGEST_SIZE);
	memset(record->auth, now, KRI_DIGEST_SIZE);
	record->was_at = AT;
	return record;
}

static void assert_digest(const unsigned char digest[KRI_DIGEST_SIZE], char of)
{
	for (size_t i = 0; i < KRI_DIGEST_SIZE; i++)
		assert_int_equal(digest[i], of);
}

static void a_renewal_replaces_the_digest_and_keeps_the_old(void **state)
{
	struct kri_record *record;

	created(*state, 1);
	record = renewal(*state, AUTH, 'b');
	set(record, "user", KRI_TEXT("max"));
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
	record = stored(*state, 1);
	assert_digest(record->auth, 'b');
	assert_digest(record->was, AUTH);
	assert_int_equal(record->was_at, AT);
	assert_int_equal(record->n, 1);
	assert_value(record, "user", KRI_TEXT("max"));
	assert_int_equal(record->version, 2);
	assert_in_range(left_of(*state, 1), 1, LONG);
}

static void of_two_renewals_one_wins(void **state)
{
	struct kri_record *loser;

	created(*state, 1);
	assert_int_equal(
		commit(*state, renewal(*state, AUTH, 'b'), KRI_OP_UPDATE),
		KR_OK);
	loser = renewal(*state, AUTH, 'c');
	set(loser, "user", KRI_TEXT("eve"));
	loser->ttl = 10 * LONG;
	assert_int_equal(commit(*state, loser, KRI_OP_UPDATE), KR_ERR_RENEWED);
	loser = stored(*state, 1);
	assert_digest(loser->auth, 'b');
	assert_digest(loser->was, AUTH);
	assert_no_value(loser, "user");
	assert_int_equal(loser->version, 2);
	assert_in_range(left_of(*state, 1), 1, LONG);
}

static void a_second_renewal_keeps_only_the_last_digest(void **state)
{
	struct kri_record *record;

	created(*state, 1);
	assert_int_equal(
		commit(*state, renewal(*state, AUTH, 'b'), KRI_OP_UPDATE),
		KR_OK);
	record = renewal(*state, 'b', 'c');
	record->was_at = AT + 5;
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
	record = stored(*state, 1);
	assert_digest(record->auth, 'c');
	assert_digest(record->was, 'b');
	assert_int_equal(record->was_at, AT + 5);
}

static void a_digest_may_hold_any_byte(void **state)
{
	struct kri_record *record;

	created(*state, 1);
	record = renewal(*state, AUTH, 'b');
	memcpy(record->auth, "\0\r\n\xff$1\r\n", 8);
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
	record = renewal(*state, 'b', 'c');
	memcpy(record->was, "\0\r\n\xff$1\r\n", 8);
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
	record = stored(*state, 1);
	assert_memory_equal(record->was, "\0\r\n\xff$1\r\n", 8);
}

static void other_updates_leave_both_digests(void **state)
{
	struct kri_record *record;

	created(*state, 1);
	assert_int_equal(
		commit(*state, renewal(*state, AUTH, 'b'), KRI_OP_UPDATE),
		KR_OK);
	record = record_of(*state, 1);
	set(record, "n", KRI_TEXT("1"));
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
	record = stored(*state, 1);
	assert_digest(record->auth, 'b');
	assert_digest(record->was, AUTH);
	assert_int_equal(record->was_at, AT);
}

/* Loaded again, as it is after a renewal whose old digest is known no more. */
static struct kri_record *outlived(struct trial *trial)
{
	struct kri_record *record;

	created(trial, 1);
	record = renewal(trial, AUTH, 'b');
	set(record, "n", KRI_TEXT("1"));
	assert_int_equal(commit(trial, record, KRI_OP_UPDATE), KR_OK);
	record = stored(trial, 1);
	record->outlived = true;
	return record;
}

static void assert_forgotten(struct trial *trial)
{
	struct kri_record *record = stored(trial, 1);

	assert_int_equal(record->was_at, 0);
	assert_digest(record->was, 0);
	assert_digest(record->auth, 'b');
}

static void an_update_takes_an_outlived_digest_away(void **state)
{
	struct kri_record *record = outlived(*state);

	record->values[0].change = KRI_CHANGE_REMOVED;
	set(record, "color", KRI_TEXT("blue"));
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
	assert_forgotten(*state);
	record = stored(*state, 1);
	assert_no_value(record, "n");
	assert_value(record, "color", KRI_TEXT("blue"));
	assert_int_equal(record->version, 3);
}

static void an_update_that_prolongs_takes_it_away_too(void **state)
{
	struct kri_record *record = outlived(*state);

	record->ttl = 10 * LONG;
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
	assert_forgotten(*state);
	assert_prolonged(*state, 1);
}

static void a_touch_takes_an_outlived_digest_away(void **state)
{
	struct kri_record *record = outlived(*state);

	record->ttl = 10 * LONG;
	assert_int_equal(commit(*state, record, KRI_OP_TOUCH), KR_OK);
	assert_prolonged(*state, 1);
	assert_forgotten(*state);
	assert_value(stored(*state, 1), "n", KRI_TEXT("1"));
}

/* Another renewed after ours was loaded. */
static void only_what_is_stored_since_then_stays(void **state)
{
	struct kri_record *old = outlived(*state);
	struct kri_record *record = renewal(*state, 'b', 'c');

	record->was_at = AT + 5;
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
	old->ttl = 10 * LONG;
	assert_int_equal(commit(*state, old, KRI_OP_TOUCH), KR_OK);
	assert_prolonged(*state, 1);
	assert_int_equal(commit(*state, old, KRI_OP_UPDATE), KR_OK);
	record = stored(*state, 1);
	assert_digest(record->was, 'b');
	assert_int_equal(record->was_at, AT + 5);
}

static void a_touch_leaves_both_digests(void **state)
{
	struct kri_record *record = outlived(*state);

	record->outlived = false;
	record->ttl = 10 * LONG;
	assert_int_equal(commit(*state, record, KRI_OP_TOUCH), KR_OK);
	assert_prolonged(*state, 1);
	record = stored(*state, 1);
	assert_digest(record->was, AUTH);
	assert_int_equal(record->was_at, AT);
}

static void a_renewal_of_what_has_ended_is_gone(void **state)
{
	assert_int_equal(
		commit(*state, renewal(*state, AUTH, 'b'), KRI_OP_UPDATE),
		KR_ERR_GONE);
	assert_null(stored(*state, 1));
}

static void an_exact_renewal_wants_both(void **state)
{
	struct kri_record *record;

	created(*state, 1);
	record = renewal(*state, AUTH, 'b');
	record->exact = true;
	record->version = 7;
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE),
			 KR_ERR_CONFLICT);
	record = renewal(*state, 'x', 'b');
	record->exact = true;
	record->version = 1;
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_ERR_RENEWED);
	record = renewal(*state, AUTH, 'b');
	record->exact = true;
	record->version = 1;
	assert_int_equal(commit(*state, record, KRI_OP_UPDATE), KR_OK);
}

int run_renewal(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_renewal_replaces_the_digest_and_keeps_the_old),
		TEST(of_two_renewals_one_wins),
		TEST(a_second_renewal_keeps_only_the_last_digest),
		TEST(a_digest_may_hold_any_byte),
		TEST(other_updates_leave_both_digests),
		TEST(an_update_takes_an_outlived_digest_away),
		TEST(an_update_that_prolongs_takes_it_away_too),
		TEST(a_touch_takes_an_outlived_digest_away),
		TEST(only_what_is_stored_since_then_stays),
		TEST(a_touch_leaves_both_digests),
		TEST(a_renewal_of_what_has_ended_is_gone),
		TEST(an_exact_renewal_wants_both),
	};

	return cmocka_run_group_tests_name("renewal", tests, NULL, NULL);
}
