/*
 * Visits and renewal: who logs in gets a new secret, who still comes with the
 * old one is told so, and who lost a race runs again. A Set-Cookie from the
 * wrong one of them would log its user out.
 */
#include "visit_trial.h"

/* As the store has it after a login by another, so many ms ago: SECRET was
 * replaced by OTHER. */
static void renew_elsewhere(struct trial *t, int64_t ago)
{
	memcpy(t->record.was, t->record.auth, KRI_DIGEST_SIZE);
	digest_of(OTHER, t->record.auth);
	t->record.was_at = kri_clock_epoch_ms() - ago;
	t->record.version++;
}

/* Two clients come to one session, in one batch. */
static void come_both(struct trial *t)
{
	send(&t->visit, COOKIE_A);
	send(&t->other, COOKIE_A);
	assert_int_equal(adopt(t, &t->visit), KR_OK);
	assert_int_equal(adopt(t, &t->other), KR_OK);
}

/* The first logs in; the other then comes to its handler. */
static void outrun(struct trial *t)
{
	come_both(t);
	kri_visit_enter(&t->visit);
	login(&t->visit);
	assert_true(leave(&t->visit));
	kri_visit_enter(&t->other);
}

/* ---- renewal ---------------------------------------------------------- */

static void a_renewal_is_exact_on_the_digest_that_was_proven(void **state)
{
	struct trial *t = *state;
	unsigned char proven[KRI_DIGEST_SIZE];
	int64_t now = kri_clock_epoch_ms();

	digest_of(SECRET, proven);
	come(t, &t->visit, COOKIE_A);
	login(&t->visit);
	assert_true(leave(&t->visit));
	assert_int_equal(t->record.operation, KRI_OP_UPDATE);
	assert_true(t->record.renewed);
	assert_memory_equal(t->record.was, proven, sizeof(proven));
	assert_memory_not_equal(t->record.auth, proven, sizeof(proven));
	assert_in_range(t->record.was_at, now, now + MINUTE);
}

static void a_renewed_session_comes_with_its_new_cookie(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, COOKIE_A);
	login(&t->visit);
	assert_true(leave(&t->visit));
	assert_int_equal(kri_visit_settle(&t->visit), KR_OK);
	assert_cookie_opens(t, &t->visit, &t->record);
}

static void a_renewal_that_was_not_stored_comes_without(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, COOKIE_A);
	login(&t->visit);
	assert_true(leave(&t->visit));
	t->record.err = KR_ERR_TIMEOUT;
	assert_int_equal(kri_visit_settle(&t->visit), KR_ERR_TIMEOUT);
	assert_no_cookie(t, &t->visit);
}

/* ---- superseded ------------------------------------------------------- */

static void within_a_minute_a_replaced_secret_reads_nothing(void **state)
{
	struct trial *t = *state;

	renew_elsewhere(t, MINUTE / 2);
	come(t, &t->visit, COOKIE_A);
	assert_int_equal(t->visit.standing, KRI_STANDING_SUPERSEDED);
	assert_null(id_of(&t->visit));
	assert_false(leave(&t->visit));
	assert_no_cookie(t, &t->visit);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
}

static void within_a_minute_a_replaced_secret_changes_nothing(void **state)
{
	struct trial *t = *state;

	renew_elsewhere(t, 0);
	come(t, &t->visit, COOKIE_A);
	set(&t->visit, "a");
	assert_true(kri_visit_is_changed(&t->visit));
	assert_int_equal(refusal(&t->visit), KR_ERR_RENEWED);
	assert_no_cookie(t, &t->visit);
}

static void within_a_minute_a_replaced_secret_cannot_log_in(void **state)
{
	struct trial *t = *state;

	renew_elsewhere(t, 0);
	come(t, &t->visit, COOKIE_A);
	login(&t->visit);
	assert_int_equal(refusal(&t->visit), KR_ERR_RENEWED);
}

/* Its user would believe that the session has ended, and it has not. */
static void within_a_minute_a_replaced_secret_cannot_log_out(void **state)
{
	struct trial *t = *state;

	renew_elsewhere(t, 0);
	come(t, &t->visit, COOKIE_A);
	kri_session_destroy(&t->visit.session);
	assert_true(kri_visit_is_changed(&t->visit));
	assert_int_equal(refusal(&t->visit), KR_ERR_RENEWED);
	assert_no_cookie(t, &t->visit);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
}

static void within_a_minute_a_replaced_secret_cannot_clear(void **state)
{
	struct trial *t = *state;

	renew_elsewhere(t, 0);
	come(t, &t->visit, COOKIE_A);
	kri_session_clear(&t->visit.session);
	assert_true(kri_visit_is_changed(&t->visit));
	assert_int_equal(refusal(&t->visit), KR_ERR_RENEWED);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
}

static void after_a_minute_a_replaced_secret_is_a_plain_visitors(void **state)
{
	struct trial *t = *state;

	renew_elsewhere(t, MINUTE + 1);
	come(t, &t->visit, COOKIE_A);
	assert_int_equal(t->visit.standing, KRI_STANDING_OPEN);
	assert_null(id_of(&t->visit));
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
	assert_int_equal(kri_visit_settle(&t->visit), KR_OK);
	assert_cookie_opens(t, &t->visit, t->visit.session.record);
	assert_string_not_equal(t->visit.session.record->id, ID_A);
}

/* OTHER's visit, after so many ms. */
static void come_renewed(struct trial *t, int64_t ago)
{
	renew_elsewhere(t, ago);
	come(t, &t->visit, "sid=" ID_A OTHER);
	assert_non_null(id_of(&t->visit));
}

static void within_a_minute_the_replaced_digest_stays(void **state)
{
	struct trial *t = *state;

	come_renewed(t, MINUTE / 2);
	assert_false(t->record.outlived);
}

static void after_a_minute_the_replaced_digest_may_go(void **state)
{
	struct trial *t = *state;

	come_renewed(t, MINUTE + 1);
	assert_true(t->record.outlived);
}

/* A clock that is behind must not take from others what they need. */
static void a_digest_replaced_in_the_far_future_stays(void **state)
{
	struct trial *t = *state;

	come_renewed(t, -2 * MINUTE);
	assert_false(t->record.outlived);
}

static void a_renewal_after_a_minute_keeps_the_last_digest(void **state)
{
	struct trial *t = *state;

	come_renewed(t, MINUTE + 1);
	login(&t->visit);
	assert_true(leave(&t->visit));
	assert_true(t->record.renewed);
	assert_false(t->record.outlived);
}

static void a_secret_replaced_in_the_far_future_is_a_plain_visitors(
	void **state)
{
	struct trial *t = *state;

	renew_elsewhere(t, -MINUTE - 1000);
	come(t, &t->visit, COOKIE_A);
	assert_int_equal(t->visit.standing, KRI_STANDING_OPEN);
	t->record.was_at = INT64_MAX;
	assert_int_equal(kri_visit_adopt(&t->visit), KR_OK);
	t->record.was_at = INT64_MIN;
	assert_int_equal(kri_visit_adopt(&t->visit), KR_OK);
	assert_int_equal(t->visit.standing, KRI_STANDING_OPEN);
}

static void clocks_may_differ_by_less_than_a_minute(void **state)
{
	struct trial *t = *state;

	renew_elsewhere(t, -MINUTE / 2);
	come(t, &t->visit, COOKIE_A);
	assert_int_equal(t->visit.standing, KRI_STANDING_SUPERSEDED);
}

static void a_replaced_secret_does_not_end_a_session_too_old(void **state)
{
	struct trial *t = *state;

	renew_elsewhere(t, 0);
	t->record.born = 1;
	t->record.seen = 0;
	come(t, &t->visit, COOKIE_A);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
}

static void a_cookie_that_opens_makes_up_for_one_that_was_replaced(void **state)
{
	struct trial *t = *state;

	renew_elsewhere(t, 0);
	come(t, &t->visit, COOKIE_A "; sid=" ID_A OTHER);
	assert_int_equal(t->visit.standing, KRI_STANDING_OPEN);
	assert_string_equal(id_of(&t->visit), ID_A);
}

static void a_cookie_of_nothing_does_not_hide_one_that_was_replaced(
	void **state)
{
	struct trial *t = *state;

	renew_elsewhere(t, 0);
	t->second.err = KR_ERR_NOT_FOUND;
	come(t, &t->visit, COOKIE_A "; sid=" ID_B SECRET);
	assert_int_equal(t->visit.standing, KRI_STANDING_SUPERSEDED);
}

/* ---- outrun, within a batch ------------------------------------------- */

static void who_is_outrun_reads_nothing_and_waits_for_the_login(void **state)
{
	struct trial *t = *state;

	outrun(t);
	assert_null(id_of(&t->other));
	assert_false(has(&t->other, "user"));
	assert_true(leave(&t->other));
	assert_int_equal(kri_visit_settle(&t->other), KR_OK);
	assert_no_cookie(t, &t->other);
}

static void who_is_outrun_changes_nothing(void **state)
{
	struct trial *t = *state;

	outrun(t);
	set(&t->other, "a");
	assert_int_equal(refusal(&t->other), KR_ERR_RENEWED);
	assert_no_cookie(t, &t->other);
	assert_int_equal(t->record.n, 1);
}

static void who_is_outrun_cannot_log_out(void **state)
{
	struct trial *t = *state;

	outrun(t);
	kri_session_destroy(&t->other.session);
	assert_int_equal(refusal(&t->other), KR_ERR_RENEWED);
	assert_int_equal(t->record.operation, KRI_OP_UPDATE);
}

static void who_is_outrun_cannot_clear(void **state)
{
	struct trial *t = *state;

	outrun(t);
	kri_session_clear(&t->other.session);
	assert_int_equal(refusal(&t->other), KR_ERR_RENEWED);
}

static void a_login_that_is_outrun_begins_a_session_of_its_own(void **state)
{
	struct trial *t = *state;

	outrun(t);
	login(&t->other);
	assert_true(leave(&t->other));
	assert_ptr_not_equal(t->other.session.record, &t->record);
	assert_int_equal(t->other.session.record->operation, KRI_OP_CREATE);
	assert_int_equal(kri_visit_settle(&t->visit), KR_OK);
	assert_int_equal(kri_visit_settle(&t->other), KR_OK);
	assert_cookie_opens(t, &t->visit, &t->record);
	assert_cookie_opens(t, &t->other, t->other.session.record);
}

static void a_login_that_clears_first_begins_one_too(void **state)
{
	struct trial *t = *state;

	outrun(t);
	kri_session_clear(&t->other.session);
	login(&t->other);
	assert_true(leave(&t->other));
	assert_int_equal(t->other.session.record->operation, KRI_OP_CREATE);
	assert_int_equal(strlen(t->other.session.record->id), KRI_ID_LEN);
}

/* There is nothing to store, and so no session. */
static void who_is_outrun_and_renews_nothing_makes_no_session(void **state)
{
	struct trial *t = *state;

	outrun(t);
	kri_session_clear(&t->other.session);
	assert_int_equal(kri_session_renew(&t->other.session), KR_OK);
	assert_int_equal(refusal(&t->other), KR_ERR_RENEWED);
	assert_null(t->other.session.record);
}

static void a_login_and_a_logout_at_once_are_no_login(void **state)
{
	struct trial *t = *state;

	outrun(t);
	login(&t->other);
	kri_session_destroy(&t->other.session);
	assert_int_equal(refusal(&t->other), KR_ERR_RENEWED);
}

static void who_is_outrun_shares_the_logins_failure(void **state)
{
	struct trial *t = *state;

	outrun(t);
	assert_true(leave(&t->other));
	t->record.err = KR_ERR_UNAVAILABLE;
	assert_int_equal(kri_visit_settle(&t->other), KR_ERR_UNAVAILABLE);
	assert_no_cookie(t, &t->other);
}

/* ---- what others of a batch have changed ------------------------------ */

static void who_saw_a_change_waits_for_it(void **state)
{
	struct trial *t = *state;

	come_both(t);
	kri_visit_enter(&t->visit);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
	kri_visit_enter(&t->other);
	assert_true(has(&t->other, "a"));
	assert_true(leave(&t->other));
	t->record.err = KR_ERR_FULL;
	assert_int_equal(kri_visit_settle(&t->other), KR_ERR_FULL);
}

static void who_came_before_the_change_does_not_wait(void **state)
{
	struct trial *t = *state;

	come_both(t);
	kri_visit_enter(&t->other);
	assert_false(leave(&t->other));
	kri_visit_enter(&t->visit);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
}

static void after_a_logout_there_is_no_session(void **state)
{
	struct trial *t = *state;

	come_both(t);
	kri_visit_enter(&t->visit);
	kri_session_destroy(&t->visit.session);
	assert_true(leave(&t->visit));
	kri_visit_enter(&t->other);
	assert_null(id_of(&t->other));
	assert_true(leave(&t->other));
	t->record.err = KR_ERR_UNAVAILABLE;
	assert_int_equal(kri_visit_settle(&t->other), KR_ERR_UNAVAILABLE);
}

static void after_a_logout_a_change_makes_another_session(void **state)
{
	struct trial *t = *state;

	come_both(t);
	kri_visit_enter(&t->visit);
	kri_session_destroy(&t->visit.session);
	assert_true(leave(&t->visit));
	kri_visit_enter(&t->other);
	set(&t->other, "a");
	assert_true(leave(&t->other));
	assert_int_equal(kri_visit_settle(&t->other), KR_OK);
	assert_cookie_opens(t, &t->other, t->other.session.record);
	assert_int_equal(t->record.operation, KRI_OP_DESTROY);
}

/* ---- again ------------------------------------------------------------ */

static void settle_with(struct trial *t, enum kr_err err)
{
	t->record.err = err;
	assert_int_equal(kri_visit_settle(&t->visit), err);
	assert_no_cookie(t, &t->visit);
}

/* As it is loaded anew. */
static void run_again(struct trial *t, enum kr_err err)
{
	settle_with(t, err);
	kri_visit_again(&t->visit, err);
	fill(t, &t->record, ID_A);
}

static void change(struct trial *t)
{
	come(t, &t->visit, COOKIE_A);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
}

static void after_a_conflict_all_is_read_and_proven_anew(void **state)
{
	struct trial *t = *state;

	change(t);
	run_again(t, KR_ERR_CONFLICT);
	assert_int_equal(t->visit.n, 1);
	assert_null(id_of(&t->visit));
	assert_false(kri_visit_is_changed(&t->visit));
	assert_int_equal(adopt(t, &t->visit), KR_OK);
	kri_visit_enter(&t->visit);
	assert_string_equal(id_of(&t->visit), ID_A);
	assert_false(has(&t->visit, "a"));
}

static void only_the_cookie_that_was_proven_is_loaded_again(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, "sid=" ID_B OTHER "; " COOKIE_A);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
	run_again(t, KR_ERR_CONFLICT);
	assert_int_equal(t->visit.n, 1);
	assert_int_equal(adopt(t, &t->visit), KR_OK);
	assert_string_equal(id_of(&t->visit), ID_A);
}

/* A new session would come back to life what a logout has ended. */
static void a_session_that_ended_between_two_runs_is_gone(void **state)
{
	struct trial *t = *state;

	change(t);
	run_again(t, KR_ERR_CONFLICT);
	t->record.err = KR_ERR_NOT_FOUND;
	assert_int_equal(adopt(t, &t->visit), KR_ERR_GONE);
}

static void a_session_that_was_renewed_between_two_runs_is_superseded(
	void **state)
{
	struct trial *t = *state;

	change(t);
	run_again(t, KR_ERR_CONFLICT);
	renew_elsewhere(t, 0);
	assert_int_equal(adopt(t, &t->visit), KR_OK);
	kri_visit_enter(&t->visit);
	assert_int_equal(t->visit.standing, KRI_STANDING_SUPERSEDED);
	set(&t->visit, "a");
	assert_int_equal(refusal(&t->visit), KR_ERR_RENEWED);
}

static void who_was_outrun_by_a_login_that_failed_has_its_session(void **state)
{
	struct trial *t = *state;

	outrun(t);
	assert_true(leave(&t->other));
	t->record.err = KR_ERR_CONFLICT;
	assert_int_equal(kri_visit_settle(&t->other), KR_ERR_CONFLICT);
	kri_visit_again(&t->other, KR_ERR_CONFLICT);
	fill(t, &t->record, ID_A);
	assert_int_equal(adopt(t, &t->other), KR_OK);
	kri_visit_enter(&t->other);
	assert_int_equal(t->other.standing, KRI_STANDING_OPEN);
	assert_string_equal(id_of(&t->other), ID_A);
	assert_false(leave(&t->other));
}

static void a_lost_renewal_is_not_loaded_again(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, COOKIE_A);
	login(&t->visit);
	assert_true(leave(&t->visit));
	run_again(t, KR_ERR_RENEWED);
	assert_int_equal(t->visit.n, 0);
	assert_null(id_of(&t->visit));
	assert_int_equal(t->visit.standing, KRI_STANDING_OUTRUN);
}

static void a_login_that_lost_begins_a_session_of_its_own(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, COOKIE_A);
	login(&t->visit);
	assert_true(leave(&t->visit));
	run_again(t, KR_ERR_RENEWED);
	kri_visit_enter(&t->visit);
	login(&t->visit);
	assert_true(leave(&t->visit));
	assert_int_equal(kri_visit_settle(&t->visit), KR_OK);
	assert_string_not_equal(t->visit.session.record->id, ID_A);
	assert_cookie_opens(t, &t->visit, t->visit.session.record);
}

static void a_change_that_lost_to_a_login_is_refused(void **state)
{
	struct trial *t = *state;

	change(t);
	run_again(t, KR_ERR_RENEWED);
	kri_visit_enter(&t->visit);
	set(&t->visit, "a");
	assert_int_equal(refusal(&t->visit), KR_ERR_RENEWED);
	assert_no_cookie(t, &t->visit);
}

static void a_reader_that_lost_to_a_login_is_nobody(void **state)
{
	struct trial *t = *state;

	change(t);
	run_again(t, KR_ERR_RENEWED);
	kri_visit_enter(&t->visit);
	assert_null(id_of(&t->visit));
	assert_false(leave(&t->visit));
	assert_no_cookie(t, &t->visit);
}

static void what_failed_for_good_sends_no_cookie(void **state)
{
	static const enum kr_err errs[] = {KR_ERR_GONE, KR_ERR_UNAVAILABLE,
					   KR_ERR_TIMEOUT, KR_ERR_FULL};
	struct trial *t = *state;

	come(t, &t->visit, COOKIE_A);
	login(&t->visit);
	assert_true(leave(&t->visit));
	for (size_t i = 0; i < sizeof(errs) / sizeof(*errs); i++)
		settle_with(t, errs[i]);
}

/* An id that was drawn twice; nobody had proven anything. */
static void a_new_session_whose_id_is_taken_is_not_gone(void **state)
{
	struct trial *t = *state;

	t->record.err = KR_ERR_NOT_FOUND;
	come(t, &t->visit, COOKIE_A);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
	t->visit.session.record->err = KR_ERR_CONFLICT;
	assert_int_equal(kri_visit_settle(&t->visit), KR_ERR_CONFLICT);
	kri_visit_again(&t->visit, KR_ERR_CONFLICT);
	assert_int_equal(adopt(t, &t->visit), KR_OK);
	kri_visit_enter(&t->visit);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
	assert_int_equal(kri_visit_settle(&t->visit), KR_OK);
	assert_cookie_opens(t, &t->visit, t->visit.session.record);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_renewal_is_exact_on_the_digest_that_was_proven),
		TEST(a_renewed_session_comes_with_its_new_cookie),
		TEST(a_renewal_that_was_not_stored_comes_without),
		TEST(within_a_minute_a_replaced_secret_reads_nothing),
		TEST(within_a_minute_a_replaced_secret_changes_nothing),
		TEST(within_a_minute_a_replaced_secret_cannot_log_in),
		TEST(within_a_minute_a_replaced_secret_cannot_log_out),
		TEST(within_a_minute_a_replaced_secret_cannot_clear),
		TEST(after_a_minute_a_replaced_secret_is_a_plain_visitors),
		TEST(within_a_minute_the_replaced_digest_stays),
		TEST(after_a_minute_the_replaced_digest_may_go),
		TEST(a_digest_replaced_in_the_far_future_stays),
		TEST(a_renewal_after_a_minute_keeps_the_last_digest),
		TEST(a_secret_replaced_in_the_far_future_is_a_plain_visitors),
		TEST(clocks_may_differ_by_less_than_a_minute),
		TEST(a_replaced_secret_does_not_end_a_session_too_old),
		TEST(a_cookie_that_opens_makes_up_for_one_that_was_replaced),
		TEST(a_cookie_of_nothing_does_not_hide_one_that_was_replaced),
		TEST(who_is_outrun_reads_nothing_and_waits_for_the_login),
		TEST(who_is_outrun_changes_nothing),
		TEST(who_is_outrun_cannot_log_out),
		TEST(who_is_outrun_cannot_clear),
		TEST(a_login_that_is_outrun_begins_a_session_of_its_own),
		TEST(a_login_that_clears_first_begins_one_too),
		TEST(who_is_outrun_and_renews_nothing_makes_no_session),
		TEST(a_login_and_a_logout_at_once_are_no_login),
		TEST(who_is_outrun_shares_the_logins_failure),
		TEST(who_saw_a_change_waits_for_it),
		TEST(who_came_before_the_change_does_not_wait),
		TEST(after_a_logout_there_is_no_session),
		TEST(after_a_logout_a_change_makes_another_session),
		TEST(after_a_conflict_all_is_read_and_proven_anew),
		TEST(only_the_cookie_that_was_proven_is_loaded_again),
		TEST(a_session_that_ended_between_two_runs_is_gone),
		TEST(a_session_that_was_renewed_between_two_runs_is_superseded),
		TEST(who_was_outrun_by_a_login_that_failed_has_its_session),
		TEST(a_lost_renewal_is_not_loaded_again),
		TEST(a_login_that_lost_begins_a_session_of_its_own),
		TEST(a_change_that_lost_to_a_login_is_refused),
		TEST(a_reader_that_lost_to_a_login_is_nobody),
		TEST(what_failed_for_good_sends_no_cookie),
		TEST(a_new_session_whose_id_is_taken_is_not_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
