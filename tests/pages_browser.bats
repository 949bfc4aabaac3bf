# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119
# bats file_tags=slow
#
# The guard's pages in a real browser, each in the states that are hard to bring
# about, as tests/guard_pages.c shows them. The guard itself is in
# guard_browser.bats.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/browser.bash
source "$BATS_TEST_DIRNAME/lib/browser.bash"

setup_file() {
	stack_open
	kr_listen krsessiond tests/guard_pages "unix:$KR_SOCKET" \
		-o store.kind=memory -o server.socket_mode=0666
	within 10 kr_answers "$KR_SOCKET" /auth/login
	FRONT_PROBE=/auth/login front_start nginx
}

teardown_file() {
	stack_close
}

# Axe has nothing to say in light and dark and on a phone, nothing is wider than
# a window of 320 px, no target is too small, no policy is violated.
@test "the page of the login is sound" {
	in_browser pages is_sound "login"
}

@test "the page of the login is sound with hostile texts" {
	in_browser pages is_sound_with_hostile_texts "login"
}

@test "the page of the greeting is sound" {
	in_browser pages is_sound "welcome"
}

@test "the page of the greeting is sound with hostile texts" {
	in_browser pages is_sound_with_hostile_texts "welcome"
}

@test "the page of the step-up is sound" {
	in_browser pages is_sound "step-up"
}

@test "the page of the step-up is sound with hostile texts" {
	in_browser pages is_sound_with_hostile_texts "step-up"
}

@test "the page of the logout is sound" {
	in_browser pages is_sound "logout"
}

@test "the page of the logout is sound with hostile texts" {
	in_browser pages is_sound_with_hostile_texts "logout"
}

@test "the page of the logout of nobody is sound" {
	in_browser pages is_sound "logout?nobody=1"
}

@test "the page of the logout of nobody is sound with hostile texts" {
	in_browser pages is_sound_with_hostile_texts "logout?nobody=1"
}

@test "the page of the list of sessions is sound" {
	in_browser pages is_sound "sessions"
}

@test "the page of the list of sessions is sound with hostile texts" {
	in_browser pages is_sound_with_hostile_texts "sessions"
}

@test "the page of the list of sessions after a while is sound" {
	in_browser pages is_sound "sessions?stale=1"
}

@test "the page of the list of sessions after a while is sound with hostile texts" {
	in_browser pages is_sound_with_hostile_texts "sessions?stale=1"
}

@test "the page of the refusal is sound" {
	in_browser pages is_sound "denied"
}

@test "the page of the refusal is sound with hostile texts" {
	in_browser pages is_sound_with_hostile_texts "denied"
}

@test "the page of the error is sound" {
	in_browser pages is_sound "error"
}

@test "the page of the error is sound with hostile texts" {
	in_browser pages is_sound_with_hostile_texts "error"
}

@test "hostile texts are text" {
	in_browser pages hostile_texts_are_text
}

@test "a name turns nothing beside it" {
	in_browser pages a_name_turns_nothing_beside_it
}

@test "pages keep their shape from right to left" {
	in_browser pages pages_keep_their_shape_from_right_to_left
}

@test "text may grow to twice its size" {
	in_browser pages text_may_grow
}

@test "nothing is said by colour alone" {
	in_browser pages nothing_is_said_by_colour_alone
}

@test "nothing moves for those who said so" {
	in_browser pages nothing_moves_for_those_who_said_so
}

@test "fields are what password managers know" {
	in_browser pages fields_are_what_password_managers_know
}

@test "an error is told to those who listen" {
	in_browser pages an_error_is_told_to_those_who_listen
}
