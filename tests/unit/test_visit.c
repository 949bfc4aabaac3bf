/*
 * Visits: from cookies to candidates, which of them is proven, when a
 * session is prolonged, and what its client is told.
 */
#include "visit_trial.h"

/* ---- cookies ---------------------------------------------------------- */

static void a_client_without_cookies_is_no_candidate(void **state)
{
	struct trial *t = *state;

	send(&t->visit, "");
	send(&t->visit, "a=1; b=2");
	assert_int_equal(t->visit.n, 0);
	assert_false(t->visit.has_cookie);
}

static void a_cookie_that_may_be_ours_is_a_candidate(void **state)
{
	struct trial *t = *state;

	send(&t->visit, "a=1; " COOKIE_A "; b=2");
	assert_int_equal(t->visit.n, 1);
	assert_string_equal(t->visit.candidates[0].token.id, ID_A);
	assert_true(t->visit.has_cookie);
}

/* It costs the store nothing; but the client has it, and may lose it. */
static void a_malformed_cookie_is_known_and_no_candidate(void **state)
{
	static const char *const headers[] = {
		"sid=",
		"sid=\"\"",
		"sid=" ID_A,
		"sid=" ID_A SECRET "A",
		"sid=" ID_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"sid=*AAAAAAAAAAAAAAAAAAAAA" SECRET,
		"sid=AAAAAAAAAAAAAAAAAAAAAB" SECRET,
		"sid=" ID_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
		"sid=" ID_A " AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	};
	struct trial *t = *state;

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		kri_visit_begin(&t->visit, &t->config, &t->cookie, &t->arena);
		send(&t->visit, headers[i]);
		assert_int_equal(t->visit.n, 0);
		assert_true(t->visit.has_cookie);
	}
}

static void cookies_of_other_names_are_not_ours(void **state)
{
	struct trial *t = *state;

	send(&t->visit,
	     "SID=" ID_A SECRET "; sid2=" ID_A SECRET "; xsid=" ID_A SECRET);
	assert_int_equal(t->visit.n, 0);
	assert_false(t->visit.has_cookie);
}

static void cookies_of_several_headers_are_all_candidates(void **state)
{
	struct trial *t = *state;

	send(&t->visit, "sid=nonsense; " COOKIE_A);
	send(&t->visit, "a=1");
	send(&t->visit, "sid=" ID_B SECRET);
	assert_int_equal(t->visit.n, 2);
	assert_string_equal(t->visit.candidates[0].token.id, ID_A);
	assert_string_equal(t->visit.candidates[1].token.id, ID_B);
}

static void no_more_than_four_cookies_are_tried(void **state)
{
	struct trial *t = *state;

	send(&t->visit, COOKIE_A ";" COOKIE_A ";" COOKIE_A);
	send(&t->visit, COOKIE_A ";sid=" ID_B SECRET);
	send(&t->visit, "sid=" ID_B SECRET);
	assert_int_equal(t->visit.n, KRI_CANDIDATES);
	assert_string_equal(t->visit.candidates[3].token.id, ID_A);
}

static void a_cookie_in_quotes_is_a_candidate_too(void **state)
{
	struct trial *t = *state;

	send(&t->visit, "sid=\"" ID_A SECRET "\"");
	assert_int_equal(t->visit.n, 1);
}

/* ---- proof ------------------------------------------------------------ */

static void the_secret_opens_the_session(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, COOKIE_A);
	assert_string_equal(id_of(&t->visit), ID_A);
}

static void another_secret_opens_nothing(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, "sid=" ID_A OTHER);
	assert_null(id_of(&t->visit));
	assert_int_equal(t->record.operation, KRI_OP_NONE);
}

/* A digest of zeros is what a record has that never was renewed. */
static void a_record_without_digests_opens_to_nobody(void **state)
{
	struct trial *t = *state;

	memset(t->record.auth, 0, sizeof(t->record.auth));
	t->record.was_at = kri_clock_epoch_ms();
	come(t, &t->visit, COOKIE_A);
	assert_null(id_of(&t->visit));
	assert_int_equal(t->visit.standing, KRI_STANDING_OPEN);
}

static void a_session_that_is_not_there_is_no_error(void **state)
{
	struct trial *t = *state;

	t->record.err = KR_ERR_NOT_FOUND;
	come(t, &t->visit, COOKIE_A);
	assert_null(id_of(&t->visit));
}

static void the_first_cookie_that_is_proven_counts(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, "sid=" ID_A OTHER "; sid=" ID_B SECRET);
	assert_string_equal(id_of(&t->visit), ID_B);
}

/* Somebody plants a cookie of his own before that of his victim. */
static void the_same_id_with_two_secrets_opens_by_the_right_one(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, "sid=" ID_A OTHER "; " COOKIE_A);
	assert_string_equal(id_of(&t->visit), ID_A);
}

static void what_could_not_be_loaded_is_its_error(void **state)
{
	static const enum kr_err errs[] = {KR_ERR_UNAVAILABLE, KR_ERR_TIMEOUT,
					   KR_ERR_DENIED, KR_ERR_PROTOCOL,
					   KR_ERR_MEMORY};
	struct trial *t = *state;

	send(&t->visit, COOKIE_A);
	for (size_t i = 0; i < sizeof(errs) / sizeof(*errs); i++) {
		t->record.err = errs[i];
		assert_int_equal(adopt(t, &t->visit), errs[i]);
		assert_null(id_of(&t->visit));
	}
}

static void one_cookie_that_is_proven_makes_up_for_one_that_failed(void **state)
{
	struct trial *t = *state;

	t->record.err = KR_ERR_PROTOCOL;
	come(t, &t->visit, COOKIE_A "; sid=" ID_B SECRET);
	assert_string_equal(id_of(&t->visit), ID_B);
}

/* It may be the session: with a new one, its client would lose it. */
static void a_failure_counts_more_than_a_cookie_that_opens_nothing(void **state)
{
	struct trial *t = *state;

	t->record.err = KR_ERR_TIMEOUT;
	send(&t->visit, "sid=" ID_B OTHER "; " COOKIE_A);
	assert_int_equal(adopt(t, &t->visit), KR_ERR_TIMEOUT);
}

/* ---- age -------------------------------------------------------------- */

static void past_its_absolute_timeout_a_session_is_ended(void **state)
{
	struct trial *t = *state;

	t->record.born = kri_clock_epoch() - ABSOLUTE / 1000;
	come(t, &t->visit, COOKIE_A);
	assert_null(id_of(&t->visit));
	assert_int_equal(t->record.operation, KRI_OP_DESTROY);
}

/* Who only knows the id may not end it. */
static void an_old_session_is_ended_by_who_proves_it_only(void **state)
{
	struct trial *t = *state;

	t->record.born = 1;
	come(t, &t->visit, "sid=" ID_A OTHER);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
}

static void a_session_too_old_gives_way_to_the_next_cookie(void **state)
{
	struct trial *t = *state;

	t->record.born = 1;
	come(t, &t->visit, COOKIE_A "; sid=" ID_B SECRET);
	assert_string_equal(id_of(&t->visit), ID_B);
	assert_int_equal(t->record.operation, KRI_OP_DESTROY);
}

/* Its answer says nothing about the old one. */
static void nobody_waits_for_the_end_of_a_session_too_old(void **state)
{
	struct trial *t = *state;

	t->record.born = 1;
	come(t, &t->visit, COOKIE_A);
	assert_false(leave(&t->visit));
}

/* ---- touch ------------------------------------------------------------ */

static void a_session_that_was_just_touched_is_not_touched(void **state)
{
	struct trial *t = *state;

	t->record.seen = kri_clock_epoch_ms() - IDLE / 32;
	come(t, &t->visit, COOKIE_A);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
	assert_int_equal(t->record.ttl, 0);
}

static void after_a_sixteenth_a_session_is_touched(void **state)
{
	struct trial *t = *state;

	t->record.seen = kri_clock_epoch_ms() - IDLE / 16 - 1;
	come(t, &t->visit, COOKIE_A);
	assert_int_equal(t->record.operation, KRI_OP_TOUCH);
	assert_int_equal(t->record.ttl, IDLE + IDLE / 16);
}

static void a_session_that_was_never_touched_is_touched(void **state)
{
	struct trial *t = *state;

	t->record.seen = 0;
	come(t, &t->visit, COOKIE_A);
	assert_int_equal(t->record.operation, KRI_OP_TOUCH);
}

static void a_touch_from_the_future_is_made_good(void **state)
{
	struct trial *t = *state;

	t->record.seen = kri_clock_epoch_ms() + IDLE;
	come(t, &t->visit, COOKIE_A);
	assert_int_equal(t->record.operation, KRI_OP_TOUCH);
}

static void a_touch_prolongs_no_further_than_the_absolute_timeout(void **state)
{
	struct trial *t = *state;

	t->record.seen = 0;
	t->record.born = kri_clock_epoch() - ABSOLUTE / 1000 + 30;
	come(t, &t->visit, COOKIE_A);
	assert_in_range(t->record.ttl, 1, 30000);
}

static void nothing_is_touched_before_it_is_proven(void **state)
{
	struct trial *t = *state;

	t->record.seen = 0;
	come(t, &t->visit, "sid=" ID_A OTHER);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
	assert_int_equal(t->record.ttl, 0);
}

static void nobody_waits_for_a_touch(void **state)
{
	struct trial *t = *state;

	t->record.seen = 0;
	come(t, &t->visit, COOKIE_A);
	assert_false(leave(&t->visit));
	assert_int_equal(t->record.operation, KRI_OP_TOUCH);
}

static void a_change_carries_the_touch_that_is_due(void **state)
{
	struct trial *t = *state;

	t->record.seen = 0;
	come(t, &t->visit, COOKIE_A);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
	assert_int_equal(t->record.operation, KRI_OP_UPDATE);
	assert_int_equal(t->record.ttl, IDLE + IDLE / 16);
}

static void a_change_prolongs_nothing_that_is_not_due(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, COOKIE_A);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
	assert_int_equal(t->record.ttl, 0);
}

static void the_second_of_a_batch_does_not_undo_the_firsts_change(void **state)
{
	struct trial *t = *state;

	t->record.seen = 0;
	send(&t->visit, COOKIE_A);
	send(&t->other, COOKIE_A);
	assert_int_equal(adopt(t, &t->visit), KR_OK);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
	assert_int_equal(adopt(t, &t->other), KR_OK);
	assert_int_equal(t->record.operation, KRI_OP_UPDATE);
}

/* ---- what its client is told ------------------------------------------ */

static void a_session_that_was_made_comes_with_its_cookie(void **state)
{
	struct trial *t = *state;

	kri_visit_enter(&t->visit);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
	assert_no_cookie(t, &t->visit);
	assert_int_equal(kri_visit_settle(&t->visit), KR_OK);
	assert_cookie_opens(t, &t->visit, t->visit.session.record);
}

static void a_session_that_was_not_stored_comes_without(void **state)
{
	struct trial *t = *state;

	kri_visit_enter(&t->visit);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
	t->visit.session.record->err = KR_ERR_UNAVAILABLE;
	assert_int_equal(kri_visit_settle(&t->visit), KR_ERR_UNAVAILABLE);
	assert_no_cookie(t, &t->visit);
}

static void who_knows_only_an_id_gets_a_session_of_another(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, "sid=" ID_A OTHER);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
	assert_string_not_equal(t->visit.session.record->id, ID_A);
	assert_int_equal(t->record.operation, KRI_OP_NONE);
}

static void a_session_that_is_only_read_sends_no_cookie(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, COOKIE_A);
	assert_false(leave(&t->visit));
	assert_no_cookie(t, &t->visit);
}

static void a_session_that_is_changed_sends_no_cookie(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, COOKIE_A);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
	assert_int_equal(kri_visit_settle(&t->visit), KR_OK);
	assert_no_cookie(t, &t->visit);
}

static void a_session_that_has_ended_expires_its_cookie(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, COOKIE_A);
	kri_session_destroy(&t->visit.session);
	assert_true(leave(&t->visit));
	assert_int_equal(t->record.operation, KRI_OP_DESTROY);
	assert_no_cookie(t, &t->visit);
	assert_int_equal(kri_visit_settle(&t->visit), KR_OK);
	assert_memory_equal(cookie_of(t, &t->visit), "sid=; Path=/; Max-Age=0",
			    23);
	assert_string_equal(kri_visit_id(&t->visit), ID_A);
}

static void a_cookie_that_opens_nothing_is_expired_on_logout(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, "sid=nonsense");
	kri_session_destroy(&t->visit.session);
	assert_false(leave(&t->visit));
	assert_memory_equal(cookie_of(t, &t->visit), "sid=;", 5);
}

static void who_sent_no_cookie_gets_none_expired(void **state)
{
	struct trial *t = *state;

	kri_visit_enter(&t->visit);
	kri_session_destroy(&t->visit.session);
	assert_false(leave(&t->visit));
	assert_no_cookie(t, &t->visit);
}

static void a_cookie_is_secure_when_it_is_to_be(void **state)
{
	struct trial *t = *state;

	kri_visit_enter(&t->visit);
	set(&t->visit, "a");
	assert_true(leave(&t->visit));
	assert_int_equal(kri_visit_settle(&t->visit), KR_OK);
	assert_null(strstr(cookie_of(t, &t->visit), "Secure"));
	kri_buffer_clear(&t->out);
	kri_visit_cookie(&t->visit, true, &t->out);
	assert_non_null(strstr(t->out.data, "; Secure"));
}

/* ---- the end ---------------------------------------------------------- */

static const unsigned char zeros[KRI_SECRET_SIZE];

static void assert_wiped(const struct kri_visit *visit)
{
	for (size_t i = 0; i < KRI_CANDIDATES; i++)
		assert_memory_equal(visit->candidates[i].token.secret, zeros,
				    sizeof(zeros));
	assert_memory_equal(visit->session.token.secret, zeros, sizeof(zeros));
}

static void the_secrets_that_came_are_wiped(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, "sid=" ID_B OTHER "; sid=" ID_A OTHER);
	assert_memory_not_equal(t->visit.candidates[1].token.secret, zeros,
				sizeof(zeros));
	kri_visit_end(&t->visit);
	assert_wiped(&t->visit);
}

static void the_secret_that_was_made_is_wiped(void **state)
{
	struct trial *t = *state;

	kri_visit_enter(&t->visit);
	set(&t->visit, "a");
	assert_memory_not_equal(t->visit.session.token.secret, zeros,
				sizeof(zeros));
	kri_visit_end(&t->visit);
	assert_wiped(&t->visit);
}

static void the_secret_of_a_renewal_is_wiped(void **state)
{
	struct trial *t = *state;

	come(t, &t->visit, "sid=" ID_B OTHER "; " COOKIE_A);
	login(&t->visit);
	assert_true(leave(&t->visit));
	assert_int_equal(kri_visit_settle(&t->visit), KR_OK);
	kri_visit_end(&t->visit);
	assert_wiped(&t->visit);
}

static void half_a_cookies_secret_is_wiped_too(void **state)
{
	struct trial *t = *state;

	send(&t->visit,
	     "sid=" ID_A "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB*");
	assert_int_equal(t->visit.n, 0);
	kri_visit_end(&t->visit);
	assert_wiped(&t->visit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_client_without_cookies_is_no_candidate),
		TEST(a_cookie_that_may_be_ours_is_a_candidate),
		TEST(a_malformed_cookie_is_known_and_no_candidate),
		TEST(cookies_of_other_names_are_not_ours),
		TEST(cookies_of_several_headers_are_all_candidates),
		TEST(no_more_than_four_cookies_are_tried),
		TEST(a_cookie_in_quotes_is_a_candidate_too),
		TEST(the_secret_opens_the_session),
		TEST(another_secret_opens_nothing),
		TEST(a_record_without_digests_opens_to_nobody),
		TEST(a_session_that_is_not_there_is_no_error),
		TEST(the_first_cookie_that_is_proven_counts),
		TEST(the_same_id_with_two_secrets_opens_by_the_right_one),
		TEST(what_could_not_be_loaded_is_its_error),
		TEST(one_cookie_that_is_proven_makes_up_for_one_that_failed),
		TEST(a_failure_counts_more_than_a_cookie_that_opens_nothing),
		TEST(past_its_absolute_timeout_a_session_is_ended),
		TEST(an_old_session_is_ended_by_who_proves_it_only),
		TEST(a_session_too_old_gives_way_to_the_next_cookie),
		TEST(nobody_waits_for_the_end_of_a_session_too_old),
		TEST(a_session_that_was_just_touched_is_not_touched),
		TEST(after_a_sixteenth_a_session_is_touched),
		TEST(a_session_that_was_never_touched_is_touched),
		TEST(a_touch_from_the_future_is_made_good),
		TEST(a_touch_prolongs_no_further_than_the_absolute_timeout),
		TEST(nothing_is_touched_before_it_is_proven),
		TEST(nobody_waits_for_a_touch),
		TEST(a_change_carries_the_touch_that_is_due),
		TEST(a_change_prolongs_nothing_that_is_not_due),
		TEST(the_second_of_a_batch_does_not_undo_the_firsts_change),
		TEST(a_session_that_was_made_comes_with_its_cookie),
		TEST(a_session_that_was_not_stored_comes_without),
		TEST(who_knows_only_an_id_gets_a_session_of_another),
		TEST(a_session_that_is_only_read_sends_no_cookie),
		TEST(a_session_that_is_changed_sends_no_cookie),
		TEST(a_session_that_has_ended_expires_its_cookie),
		TEST(a_cookie_that_opens_nothing_is_expired_on_logout),
		TEST(who_sent_no_cookie_gets_none_expired),
		TEST(a_cookie_is_secure_when_it_is_to_be),
		TEST(the_secrets_that_came_are_wiped),
		TEST(the_secret_that_was_made_is_wiped),
		TEST(the_secret_of_a_renewal_is_wiped),
		TEST(half_a_cookies_secret_is_wiped_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
