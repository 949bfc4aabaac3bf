# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119
# bats file_tags=slow
#
# krsessiond's start page in a real browser, behind nginx. That it is served,
# and how, is in start.bats.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/browser.bash
source "$BATS_TEST_DIRNAME/lib/browser.bash"

setup_file() {
	stack_open
	start_both
	front_start nginx
}

teardown_file() {
	stack_close
}

@test "each route answers in its card" {
	in_browser start each_route_answers_in_its_card
}

@test "an answer is shown as text" {
	in_browser start an_answer_is_shown_as_text
}

@test "presses in a row are each counted" {
	in_browser start presses_in_a_row_are_each_counted
}

@test "the page works without script" {
	in_browser start works_without_script
}

@test "axe finds nothing in light and dark, and nothing is wider than 320 px" {
	in_browser start is_sound_in_light_dark_and_at_each_width
}

@test "the keyboard is enough" {
	in_browser start the_keyboard_is_enough
}

@test "an answer is told to those who listen" {
	in_browser start an_answer_is_told_to_those_who_listen
}

@test "the page says so when nobody answers" {
	in_browser start says_so_when_nobody_answers
}

@test "the page is there and says so when the store is away" {
	kill -KILL "$(server_pid redis)"
	within 10 server_gone redis
	in_browser start says_so_when_the_store_is_away
}
