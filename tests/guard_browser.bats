# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2154
# bats file_tags=slow
#
# krsession-guard in a real browser, behind nginx and before a site: signing in
# and out, the sessions of a user, step-up, by keyboard, on a phone, without
# script. What its pages look like in rarer states is in pages_browser.bats.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/doors.bash
source "$BATS_TEST_DIRNAME/lib/doors.bash"
# shellcheck source=lib/visitors.bash
source "$BATS_TEST_DIRNAME/lib/visitors.bash"
# shellcheck source=lib/browser.bash
source "$BATS_TEST_DIRNAME/lib/browser.bash"

setup_file() {
	stack_open
	redis_start
	guard_start
	echo_start
	FRONT_PROBE=/auth/style.css site_start nginx
	# The port of the host to go back to is known only now.
	server_stop guard
	guard_start -o "guard.allow_hosts=${URL/127.0.0.1/localhost}" \
		-o guard.remember=1h -o guard.title="Example & Sons"
}

teardown_file() {
	doors_close
}

@test "login leads back to the page that was asked for" {
	in_browser guard login_leads_back_to_the_page_that_was_asked_for
}

@test "the login page is sound" {
	in_browser guard the_login_page_is_sound
}

@test "a wrong password is said and can be put right" {
	in_browser guard a_wrong_password_is_said_and_can_be_put_right
}

@test "an unknown name is as a wrong password" {
	in_browser guard an_unknown_name_is_as_a_wrong_password
}

@test "too many tries are told to wait" {
	in_browser guard too_many_tries_are_told_to_wait
}

@test "what is typed in is text" {
	in_browser guard what_is_typed_in_is_text
}

@test "an aim elsewhere is not followed" {
	in_browser guard an_aim_elsewhere_is_not_followed
}

@test "an allowed host is gone back to" {
	in_browser guard an_allowed_host_is_gone_back_to
}

@test "another site cannot sign anybody in" {
	in_browser guard another_site_cannot_sign_anybody_in
}

@test "who is signed in is greeted at the login" {
	in_browser guard who_is_signed_in_is_greeted_at_the_login
}

@test "a place for others says no" {
	in_browser guard a_place_for_others_says_no
}

@test "step-up asks for the password and leads back" {
	in_browser guard step_up_asks_for_the_password_and_leads_back
}

@test "logout asks and then is one" {
	in_browser guard logout_asks_and_then_is_one
}

@test "a session that another browser ends is over" {
	in_browser guard a_session_that_another_browser_ends_is_over
}

@test "all others end at once" {
	in_browser guard all_others_end_at_once
}

@test "after a while ending wants the password first" {
	in_browser guard after_a_while_ending_wants_the_password_first
}

@test "the keyboard is enough" {
	in_browser guard the_keyboard_is_enough
}

@test "a phone goes all the way" {
	in_browser guard a_phone_goes_all_the_way
}

@test "no script is needed" {
	in_browser guard no_script_is_needed
}

@test "going back after the logout shows nothing" {
	in_browser guard going_back_after_the_logout_shows_nothing
}

@test "an unknown page is said to be none" {
	in_browser guard an_unknown_page_is_said_to_be_none
}

@test "the store away is said on a page" {
	kill -KILL "$(server_pid redis)"
	within 10 server_gone redis
	in_browser guard the_store_away_is_said_on_a_page
}
