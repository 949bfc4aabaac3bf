# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031,SC2154
#
# krsessionctl where there are many sessions. The files ctl_many_*.bats are
# links to this one, and the name says which store it is. In an ordinary run
# there is that of Redis; --all has the others, as they take long.
bats_require_minimum_version 1.5.0

# shellcheck source=lib/ctl.bash
source "$BATS_TEST_DIRNAME/lib/ctl.bash"

setup() {
	ctl_open
}

teardown() {
	ctl_close
}

# With so little memory that all of them at once have no room in it.
bounded() { # COMMAND...
	if [[ $KR_SANITIZE ]]; then
		"$@"
	else
		(ulimit -v 262144 && "$@")
	fi
}

# bats test_tags=slow
@test "a hundred thousand sessions are listed, each once, in bounded memory" {
	serve
	"plant_$STORE" 100000
	ctl_line
	bounded "${CTL[@]}" list >"$STACK/list"
	[ "$(wc -l <"$STACK/list")" -eq 100001 ]
	[ "$(awk 'NR > 1 { print $1 }' "$STACK/list" | sort -u | wc -l)" -eq 100000 ]
	[ "$(bounded "${CTL[@]}" count)" = 100000 ]
	[ "$(bounded "${CTL[@]}" stats | sed -n 3p)" = "users               1" ]
}

# bats test_tags=slow
@test "on a terminal, it is shown how far it is" {
	serve
	"plant_$STORE" 100000
	ctl_line
	script -qec "$(printf '%q ' "${CTL[@]}" stats)" /dev/null </dev/null \
		>"$STACK/seen"
	grep -qaE $'\r[0-9]+ sessions looked at' "$STACK/seen"
	grep -qa $'\r\e\[K.*sessions  *100000' "$STACK/seen"
	"${CTL[@]}" stats 2>"$STACK/said" >/dev/null
	[ ! -s "$STACK/said" ]
}

@test "who stops reading ends it, without a word" {
	serve
	"plant_$STORE" 20000
	ctl_line
	local ended
	timeout 20 "${CTL[@]}" list 2>"$STACK/said" 3>&- |
		head -n 1 >"$STACK/list"
	ended=("${PIPESTATUS[@]}")
	[ "${ended[0]}" -eq 1 ]
	[ ! -s "$STACK/said" ] || fail "$(<"$STACK/said")"
	[ "$(wc -l <"$STACK/list")" -eq 1 ]
}

@test "ten thousand ids are ended by one command" {
	local ids
	serve
	"plant_$STORE" 10000
	mapfile -t ids < <(printf '%021dA\n' {1..10000}) # at once: bats traces commands
	ctl end "${ids[@]}"
	expect_output 0 "ended 10000"
	ctl count
	expect_output 0 0
}

@test "two that end all at once are in nobody's way, and a list goes on" {
	serve
	"plant_$STORE" 5000
	ctl_line
	local other looker
	"${CTL[@]}" end --all >"$STACK/other" 3>&- 4>&- &
	other=$!
	"${CTL[@]}" list >"$STACK/list" 3>&- 4>&- &
	looker=$!
	ctl end --all
	[ "$status" -eq 0 ] || fail "$output" "$stderr"
	wait "$other" || fail "$(<"$STACK/other")"
	wait "$looker"
	ctl count
	expect_output 0 0
}
