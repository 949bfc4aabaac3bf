/*
 * Applying: what one request's changes make of a record that was loaded, how
 * several requests of a batch share it, and how long it is to live.
 */
#include "session/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "proof.h"

#define ID "AAAAAAAAAAAAAAAAAAAAAA"
#define IDLE 20000       /* ms */
#define LIFE 21250       /* ms that a touch gives: 17 sixteenths of it */
#define ABSOLUTE 3600000 /* ms */

struct fixture {
	struct kri_config config;
	struct kri_arena arena;
	struct kri_record record; /* as if loaded: color is purple, n is 7 */
	unsigned char auth[KRI_DIGEST_SIZE]; /* of the record, as loaded */
	struct kr_session session, other;    /* two requests that share it */
};

static void add_value(struct kri_record *record, const char *key,
		      const char *data)
{
	assert_int_equal(kri_record_reserve(record, 1), KR_OK);
	record->values[record->n++] = (struct kri_value){
		.key = kri_text_of(key),
		.data = kri_text_of(data),
	};
}

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){
		.config = {.idle_timeout = IDLE,
			   .absolute_timeout = ABSOLUTE,
			   .max_key = 128,
			   .max_value = 128,
			   .max_values = 4,
			   .max_size = 1024},
		.record = {.id = ID,
			   .born = kri_clock_epoch() - 60,
			   .version = 5,
			   .arena = &f.arena},
	};
	kri_arena_init(&f.arena, 512, 65536);
	memset(f.auth, 'd', sizeof(f.auth));
	memcpy(f.record.auth, f.auth, sizeof(f.auth));
	add_value(&f.record, "color", "purple");
	add_value(&f.record, "n", "7");
	kri_session_begin(&f.session, &f.config, &f.arena);
	kri_session_adopt(&f.session, &f.record);
	kri_session_begin(&f.other, &f.config, &f.arena);
	kri_session_adopt(&f.other, &f.record);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kri_arena_free(&f->arena);
	return 0;
}

static void set(struct kr_session *session, const char *key, const char *value)
{
	assert_int_equal(
		kri_session_set(session, kri_text_of(key), kri_text_of(value)),
		KR_OK);
}

static void take(struct kr_session *session, const char *key)
{
	assert_int_equal(kri_session_remove(session, kri_text_of(key)), KR_OK);
}

static void apply(struct kr_session *session)
{
	assert_int_equal(kri_session_apply(session, false), KR_OK);
}

/* The record holds the key once, and this is to become of it. */
static void assert_change(const struct fixture *f, const char *key,
			  enum kri_change change, const char *data)
{
	const struct kri_record *record = &f->record;
	size_t found = 0;

	for (size_t i = 0; i < record->n; i++) {
		const struct kri_value *value = &record->values[i];

		if (!kri_text_equal(value->key, kri_text_of(key)))
			continue;
		found++;
		assert_int_equal(value->change, change);
		if (data)
			assert_true(
				kri_text_equal(value->data, kri_text_of(data)));
	}
	assert_int_equal(found, 1);
}

static void assert_reads(const struct kr_session *session, const char *key,
			 const char *expected)
{
	struct kri_text value;

	assert_int_equal(kri_session_get(session, kri_text_of(key), &value),
			 KR_OK);
	assert_true(kri_text_equal(value, kri_text_of(expected)));
}

static void assert_absent(const struct kr_session *session, const char *key)
{
	struct kri_text value;

	assert_int_equal(kri_session_get(session, kri_text_of(key), &value),
			 KR_ERR_NOT_FOUND);
}

/* ---- one request ------------------------------------------------------ */

static void the_record_is_untouched_before(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "color", "green");
	set(&f->session, "new", "x");
	take(&f->session, "n");
	assert_int_equal(kri_session_renew(&f->session), KR_OK);
	assert_int_equal(f->record.n, 2);
	assert_change(f, "color", KRI_CHANGE_KEPT, "purple");
	assert_change(f, "n", KRI_CHANGE_KEPT, "7");
	assert_int_equal(f->record.operation, KRI_OP_NONE);
	assert_memory_equal(f->record.auth, f->auth, KRI_DIGEST_SIZE);
}

static void what_changed_is_to_be_written_and_the_rest_kept(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "color", "green");
	set(&f->session, "new", "x");
	apply(&f->session);
	assert_int_equal(f->record.operation, KRI_OP_UPDATE);
	assert_int_equal(f->record.n, 3);
	assert_change(f, "color", KRI_CHANGE_SET, "green");
	assert_change(f, "n", KRI_CHANGE_KEPT, "7");
	assert_change(f, "new", KRI_CHANGE_SET, "x");
}

static void what_was_removed_is_to_be_taken_away(void **state)
{
	struct fixture *f = *state;

	take(&f->session, "color");
	apply(&f->session);
	assert_int_equal(f->record.operation, KRI_OP_UPDATE);
	assert_change(f, "color", KRI_CHANGE_REMOVED, NULL);
	assert_change(f, "n", KRI_CHANGE_KEPT, "7");
}

static void clearing_takes_all_away_that_was_loaded(void **state)
{
	struct fixture *f = *state;

	kri_session_clear(&f->session);
	set(&f->session, "n", "8");
	apply(&f->session);
	assert_int_equal(f->record.operation, KRI_OP_UPDATE);
	assert_change(f, "color", KRI_CHANGE_REMOVED, NULL);
	assert_change(f, "n", KRI_CHANGE_SET, "8");
}

static void renewing_replaces_the_digest_and_no_more(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kri_session_renew(&f->session), KR_OK);
	assert_true(kri_session_is_changed(&f->session));
	apply(&f->session);
	assert_int_equal(f->record.operation, KRI_OP_UPDATE);
	assert_true(f->record.renewed);
	assert_string_equal(f->record.id, ID);
	assert_true(proves(&f->session.token, f->record.auth));
	assert_change(f, "color", KRI_CHANGE_KEPT, "purple");
	assert_int_equal(kri_session_cookie(&f->session), KRI_COOKIE_SET);
}

/* What the commit must still find, and what its client is known by for a
 * while. */
static void renewing_keeps_the_digest_that_was_replaced(void **state)
{
	struct fixture *f = *state;
	int64_t now = kri_clock_epoch_ms();

	assert_int_equal(kri_session_renew(&f->session), KR_OK);
	apply(&f->session);
	assert_memory_equal(f->record.was, f->auth, KRI_DIGEST_SIZE);
	assert_in_range(f->record.was_at, now, now + 60000);
}

static void renewing_twice_in_one_request_is_one_renewal(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kri_session_renew(&f->session), KR_OK);
	assert_int_equal(kri_session_renew(&f->session), KR_OK);
	apply(&f->session);
	assert_memory_equal(f->record.was, f->auth, KRI_DIGEST_SIZE);
	assert_true(proves(&f->session.token, f->record.auth));
}

static void without_renewing_the_digest_stays(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "color", "green");
	apply(&f->session);
	assert_false(f->record.renewed);
	assert_memory_equal(f->record.auth, f->auth, KRI_DIGEST_SIZE);
	assert_int_equal(kri_session_cookie(&f->session), KRI_COOKIE_KEEP);
}

static void destroying_ends_it_whatever_came_before(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "color", "green");
	assert_int_equal(kri_session_renew(&f->session), KR_OK);
	kri_session_destroy(&f->session);
	apply(&f->session);
	assert_int_equal(f->record.operation, KRI_OP_DESTROY);
	assert_int_equal(kri_session_cookie(&f->session), KRI_COOKIE_EXPIRE);
}

static void the_version_is_demanded_only_when_asked_for(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "n", "8");
	apply(&f->session);
	assert_false(f->record.exact);
	assert_int_equal(kri_session_apply(&f->session, true), KR_OK);
	assert_true(f->record.exact);
	assert_int_equal(f->record.version, 5);
}

/* Whether the session is to be prolonged is not the change's business. */
static void a_change_leaves_the_time_to_live_as_it_is(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "n", "8");
	apply(&f->session);
	assert_int_equal(f->record.ttl, 0);
	f->record.ttl = 5;
	set(&f->other, "n", "9");
	apply(&f->other);
	assert_int_equal(f->record.ttl, 5);
}

static void a_change_takes_the_place_of_a_touch(void **state)
{
	struct fixture *f = *state;

	f->record.operation = KRI_OP_TOUCH;
	f->record.ttl = 5;
	set(&f->session, "n", "8");
	apply(&f->session);
	assert_int_equal(f->record.operation, KRI_OP_UPDATE);
	assert_int_equal(f->record.ttl, 5);
}

static void without_memory_the_record_stays_as_it_was(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "color", "green");
	set(&f->session, "new", "x");
	take(&f->session, "n");
	f->arena.limit = f->arena.given;
	assert_int_equal(kri_session_apply(&f->session, true), KR_ERR_MEMORY);
	assert_int_equal(f->record.operation, KRI_OP_NONE);
	assert_false(f->record.exact);
	assert_int_equal(f->record.n, 2);
	assert_change(f, "color", KRI_CHANGE_KEPT, "purple");
	assert_change(f, "n", KRI_CHANGE_KEPT, "7");
}

/* ---- several requests ------------------------------------------------- */

static void the_next_request_sees_what_the_one_before_has_set(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "color", "green");
	take(&f->session, "n");
	apply(&f->session);
	assert_reads(&f->other, "color", "green");
	assert_absent(&f->other, "n");
}

static void changes_of_both_requests_come_together(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "a", "1");
	set(&f->other, "b", "2");
	apply(&f->session);
	apply(&f->other);
	assert_change(f, "a", KRI_CHANGE_SET, "1");
	assert_change(f, "b", KRI_CHANGE_SET, "2");
	assert_change(f, "color", KRI_CHANGE_KEPT, "purple");
}

static void the_later_of_two_changes_of_a_key_counts(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "color", "green");
	set(&f->session, "a", "1");
	take(&f->session, "n");
	apply(&f->session);
	set(&f->other, "color", "red");
	take(&f->other, "a");
	set(&f->other, "n", "9");
	apply(&f->other);
	assert_change(f, "color", KRI_CHANGE_SET, "red");
	assert_change(f, "a", KRI_CHANGE_REMOVED, NULL);
	assert_change(f, "n", KRI_CHANGE_SET, "9");
}

static void what_another_request_removed_need_not_be_removed(void **state)
{
	struct fixture *f = *state;

	take(&f->session, "color");
	apply(&f->session);
	take(&f->other, "color");
	assert_false(kri_session_is_changed(&f->other));
}

static void clearing_takes_away_what_another_request_has_set(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "a", "1");
	apply(&f->session);
	kri_session_clear(&f->other);
	apply(&f->other);
	assert_change(f, "a", KRI_CHANGE_REMOVED, NULL);
	assert_change(f, "color", KRI_CHANGE_REMOVED, NULL);
}

static void one_demand_for_the_version_holds_for_all(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "n", "8");
	assert_int_equal(kri_session_apply(&f->session, true), KR_OK);
	set(&f->other, "color", "red");
	apply(&f->other);
	assert_true(f->record.exact);
}

static void the_digest_of_a_renewal_outlives_other_changes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kri_session_renew(&f->session), KR_OK);
	apply(&f->session);
	set(&f->other, "color", "red");
	apply(&f->other);
	assert_true(f->record.renewed);
	assert_true(proves(&f->session.token, f->record.auth));
}

static void an_end_counts_more_than_an_update(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "color", "green");
	apply(&f->session);
	kri_session_destroy(&f->other);
	apply(&f->other);
	assert_int_equal(f->record.operation, KRI_OP_DESTROY);
}

static void an_update_does_not_undo_an_end(void **state)
{
	struct fixture *f = *state;

	kri_session_destroy(&f->session);
	apply(&f->session);
	set(&f->other, "color", "red");
	apply(&f->other);
	assert_int_equal(f->record.operation, KRI_OP_DESTROY);
}

static void limits_hold_over_all_requests(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "a", "1");
	set(&f->session, "b", "2");
	apply(&f->session);
	assert_int_equal(
		kri_session_set(&f->other, KRI_TEXT("c"), KRI_TEXT("3")),
		KR_ERR_LIMIT);
	take(&f->other, "color");
	set(&f->other, "c", "3");
}

static void a_failure_of_one_leaves_the_changes_of_the_others(void **state)
{
	struct fixture *f = *state;

	set(&f->session, "color", "green");
	set(&f->other, "color", "red");
	set(&f->other, "a", "1");
	apply(&f->session);
	f->arena.limit = f->arena.given;
	f->record.cap = f->record.n;
	assert_int_equal(kri_session_apply(&f->other, false), KR_ERR_MEMORY);
	assert_int_equal(f->record.operation, KRI_OP_UPDATE);
	assert_change(f, "color", KRI_CHANGE_SET, "green");
	assert_int_equal(f->record.n, 2);
}

/* ---- time ------------------------------------------------------------- */

static bool is_expired(struct fixture *f, int64_t born)
{
	f->record.born = born;
	return kri_session_is_expired(&f->config, &f->record);
}

static int64_t ttl(struct fixture *f, int64_t born)
{
	f->record.born = born;
	return kri_session_ttl(&f->config, &f->record);
}

static bool is_due(struct fixture *f, int64_t seen)
{
	f->record.seen = seen;
	return kri_session_is_due(&f->config, &f->record);
}

static void a_session_expires_at_its_absolute_timeout(void **state)
{
	struct fixture *f = *state;
	int64_t now = kri_clock_epoch();

	assert_false(is_expired(f, now));
	assert_false(is_expired(f, now - ABSOLUTE / 1000 + 60));
	assert_true(is_expired(f, now - ABSOLUTE / 1000));
	assert_true(is_expired(f, 1));
}

static void without_an_absolute_timeout_no_session_expires(void **state)
{
	struct fixture *f = *state;

	f->config.absolute_timeout = 0;
	assert_false(is_expired(f, 1));
	assert_int_equal(ttl(f, 1), LIFE);
}

/* Clocks of two machines differ. */
static void a_session_born_in_the_future_is_young(void **state)
{
	struct fixture *f = *state;
	int64_t born = kri_clock_epoch() + 3600;

	assert_false(is_expired(f, born));
	assert_int_equal(ttl(f, born), LIFE);
}

/* The sixteenth is what reads may miss. */
static void a_session_lives_for_the_idle_timeout_and_a_sixteenth(void **state)
{
	assert_int_equal(ttl(*state, kri_clock_epoch()), LIFE);
}

static void a_session_lives_no_longer_than_the_absolute_timeout(void **state)
{
	struct fixture *f = *state;

	assert_in_range(ttl(f, kri_clock_epoch() - ABSOLUTE / 1000 + 5), 1,
			5000);
}

/* It was still young when it was loaded. A TTL of 0 would be an error. */
static void a_session_that_has_just_expired_lives_for_a_moment(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ttl(f, kri_clock_epoch() - ABSOLUTE / 1000 - 5), 1);
}

/* The store tells the time of birth, and may tell anything. */
static void a_birth_in_the_farthest_future_is_survived(void **state)
{
	struct fixture *f = *state;

	(void)is_expired(f, INT64_MAX);
	assert_in_range(ttl(f, INT64_MAX), 1, LIFE);
}

static void a_birth_in_the_farthest_past_is_long_ago(void **state)
{
	struct fixture *f = *state;

	assert_true(is_expired(f, INT64_MIN));
	assert_true(is_expired(f, -1));
	assert_int_equal(ttl(f, INT64_MIN), 1);
}

static void a_touch_is_due_after_a_sixteenth_of_the_idle_timeout(void **state)
{
	struct fixture *f = *state;
	int64_t now = kri_clock_epoch_ms();

	assert_false(is_due(f, now));
	assert_false(is_due(f, now - IDLE / 32));
	assert_true(is_due(f, now - IDLE / 16 - 1));
	assert_true(is_due(f, now - IDLE));
}

static void a_session_that_was_never_touched_is_due(void **state)
{
	assert_true(is_due(*state, 0));
}

static void clocks_that_disagree_only_make_touches_frequent(void **state)
{
	struct fixture *f = *state;
	int64_t now = kri_clock_epoch_ms();

	assert_false(is_due(f, now + IDLE / 32));
	assert_true(is_due(f, now + IDLE));
	assert_true(is_due(f, INT64_MAX));
	assert_true(is_due(f, INT64_MIN));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_record_is_untouched_before),
		TEST(what_changed_is_to_be_written_and_the_rest_kept),
		TEST(what_was_removed_is_to_be_taken_away),
		TEST(clearing_takes_all_away_that_was_loaded),
		TEST(renewing_replaces_the_digest_and_no_more),
		TEST(renewing_keeps_the_digest_that_was_replaced),
		TEST(renewing_twice_in_one_request_is_one_renewal),
		TEST(without_renewing_the_digest_stays),
		TEST(destroying_ends_it_whatever_came_before),
		TEST(the_version_is_demanded_only_when_asked_for),
		TEST(a_change_leaves_the_time_to_live_as_it_is),
		TEST(a_change_takes_the_place_of_a_touch),
		TEST(without_memory_the_record_stays_as_it_was),
		TEST(the_next_request_sees_what_the_one_before_has_set),
		TEST(changes_of_both_requests_come_together),
		TEST(the_later_of_two_changes_of_a_key_counts),
		TEST(what_another_request_removed_need_not_be_removed),
		TEST(clearing_takes_away_what_another_request_has_set),
		TEST(one_demand_for_the_version_holds_for_all),
		TEST(the_digest_of_a_renewal_outlives_other_changes),
		TEST(an_end_counts_more_than_an_update),
		TEST(an_update_does_not_undo_an_end),
		TEST(limits_hold_over_all_requests),
		TEST(a_failure_of_one_leaves_the_changes_of_the_others),
		TEST(a_session_expires_at_its_absolute_timeout),
		TEST(without_an_absolute_timeout_no_session_expires),
		TEST(a_session_born_in_the_future_is_young),
		TEST(a_session_lives_for_the_idle_timeout_and_a_sixteenth),
		TEST(a_session_lives_no_longer_than_the_absolute_timeout),
		TEST(a_session_that_has_just_expired_lives_for_a_moment),
		TEST(a_birth_in_the_farthest_future_is_survived),
		TEST(a_birth_in_the_farthest_past_is_long_ago),
		TEST(a_touch_is_due_after_a_sixteenth_of_the_idle_timeout),
		TEST(a_session_that_was_never_touched_is_due),
		TEST(clocks_that_disagree_only_make_touches_frequent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
