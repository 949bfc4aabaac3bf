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

@test "each page is sound in light and dark, and nothing is wider than 320 px" {
	in_browser pages each_page_is_sound
}

@test "each page is sound with hostile texts too" {
	in_browser pages each_page_is_sound_with_hostile_texts
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
