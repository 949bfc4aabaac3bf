# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031,SC2154
#
# krsessionctl: what it shows, what it ends, what it says when it cannot. The
# files ctl_*.bats are links to this one, and the name says which store it is;
# what is special to one store is in ctl_own_*.bats.
bats_require_minimum_version 1.5.0

# shellcheck source=lib/ctl.bash
source "$BATS_TEST_DIRNAME/lib/ctl.bash"

setup() {
	ctl_open
}

teardown() {
	ctl_close
}

# Without the times, which differ.
rows() {
	awk 'NR > 1 { print $1, $NF }' <<<"$output" | sort
}

# ---- looking --------------------------------------------------------------

@test "list shows id, age, time left and user of every session" {
	serve
	log_in max
	local max=$id
	log_in moritz
	ctl list
	[ "$status" -eq 0 ]
	[[ ${lines[0]} =~ ^ID\ +AGE\ +IDLE\ LEFT\ +USER\ +LABEL$ ]]
	[ "$(rows)" = "$(printf '%s\n' "$max max" "$id moritz" | sort)" ]
	[[ ${lines[1]} =~ \ [0-9]+s\ +(1[5-9]|20|21)s\  ]]
}

@test "list, show and --json have the label and the time of the login" {
	serve
	log_in max
	"put_$STORE" "$id" @label 46697265666f78206f6e204c696e7578
	ctl list
	[[ ${lines[1]} == "$id "*'  max           Firefox on Linux' ]] ||
		fail "$output"
	ctl list --user max
	[[ ${lines[1]} == "$id "*'  max           Firefox on Linux' ]]
	ctl show "$id"
	[ "${lines[2]}" = 'label     Firefox on Linux' ]
	[[ $output == *$'\nlogin     20'[0-9][0-9]-*Z* ]]
	ctl show --json "$id"
	[ "$(jq -c '[.label, (.login > 1e9)]' <<<"$output")" = \
		'["Firefox on Linux",true]' ]
	"put_$STORE" "$id" @label 611b5b33316d62
	ctl list
	[[ ${lines[1]} == *'max           a\x1b[31mb' ]]
	ask /session/counter
	ctl show --json "$(cookie_value | cut -c1-22)"
	[ "$(jq -c '[.label, .login, .user]' <<<"$output")" = '[null,null,null]' ]
}

@test "list --user shows that user's sessions alone" {
	serve
	log_in max
	log_in moritz
	local moritz=$id
	log_in max
	ctl list --user moritz
	[ "$(rows)" = "$moritz moritz" ]
	ctl list --user nobody
	[ "$(rows)" = "" ]
	ctl count --user max
	expect_output 0 2
	ctl count --user nobody
	expect_output 0 0
}

# What another has written: the index of Redis is made by logins and touches,
# that of the others by the values.
@test "--scan finds what the index does not know" {
	local known=4
	[[ $STORE != redis ]] || known=1
	serve
	log_in max
	"plant_$STORE" 3
	ctl count --user max
	expect_output 0 "$known"
	ctl list --user max
	[ "${#lines[@]}" -eq $((known + 1)) ]
	ctl count --user max --scan
	expect_output 0 4
	ctl list --user max --scan --json
	[ "$(jq -r .id <<<"$output" | sort)" = \
		"$(printf '%s\n' "$id" "$(planted 1)" "$(planted 2)" \
			"$(planted 3)" | sort)" ]
	ctl end --user max --scan --keep "$(planted 2)"
	expect_output 0 "ended 3"
	ctl count
	expect_output 0 1
	is_gone "$cookie"
}

@test "list --json is a line a session" {
	serve
	log_in max
	ctl list --json
	[ "$status" -eq 0 ]
	run -0 jq -r '[.id, .user, (.left > 10), (.begun > 1e9), .writes] | @csv' \
		<<<"$output"
	[ "$output" = "\"$id\",\"max\",true,true,1" ]
}

@test "show tells what is in a session and does not prolong it" {
	serve
	log_in max
	ask_as "$cookie" '/session/set?key=color&value=purple'
	local before
	before=$("seen_$STORE" "$id")
	ctl show "$id"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "id        $id" ]
	[ "${lines[1]}" = "user      max" ]
	[[ $output == *$'\nvalue     color = purple'* ]]
	[ "$before" = "$("seen_$STORE" "$id")" ]
}

@test "show --json gives the values, and bytes that are no text as base64url" {
	serve
	log_in max
	"put_$STORE" "$id" bytes fffe
	ctl show --json "$id"
	[ "$(jq -c .values <<<"$output")" = '{"bytes":{"base64url":"__4"}}' ] ||
		fail "$output" "$stderr"
}

@test "neither a value nor a user's name can speak to the terminal" {
	serve
	log_in max
	"put_$STORE" "$id" evil 611b5b33316d62
	"put_$STORE" "$id" @user 6d1b5d303b78070a78c29b
	ctl show "$id"
	[[ $output == *'evil = a\x1b[31mb'* ]]
	[[ $output == *'user      m\x1b]0;x\x07\x0ax\xc2\x9b'* ]]
	ctl list
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[1]} == *' m\x1b]0;x\x07\x0ax\xc2\x9b' ]]
	ctl list --scan --user $'m\e]0;x\a\nx\u9b'
	[ "${#lines[@]}" -eq 2 ]
	ctl list --json
	[ "$(jq .user <<<"$output")" = '"m\u001b]0;x\u0007\nx'$'\u9b"' ]
}

@test "show of a session that is not there is 3" {
	serve
	ctl show AAAAAAAAAAAAAAAAAAAAAA
	expect_output 3 ""
	[ "$stderr" = "krsessionctl: there is no session AAAAAAAAAAAAAAAAAAAAAA" ]
}

@test "stats tells how many, how large and whose" {
	serve
	log_in max
	log_in max
	ask /session/counter
	ctl stats
	[ "${lines[0]}" = "sessions            3" ]
	[ "${lines[1]}" = "with a user         2" ]
	[ "${lines[2]}" = "users               1" ]
	ctl stats --json
	[ "$(jq -c '[.sessions, .with_user, .users, .endless]' <<<"$output")" = '[3,2,1,0]' ]
}

# ---- ending ---------------------------------------------------------------

@test "a session that is ended opens nothing from the next request on" {
	serve
	log_in max
	ctl end "$id"
	expect_output 0 "ended 1"
	is_gone "$cookie"
}

@test "end names those that are not there, and ends the others, each once" {
	serve
	log_in max
	ctl end "$id" AAAAAAAAAAAAAAAAAAAAAA "$id"
	expect_output 3 "ended 1"
	[ "$stderr" = "krsessionctl: there is no session AAAAAAAAAAAAAAAAAAAAAA" ]
	is_gone "$cookie"
}

@test "an id that begins with a dash is an id" {
	local dashed=-XAAAAAAAAAAAAAAAAAAAA
	serve
	plant_"$STORE" 1
	ctl show "$(planted 1)" --json "$dashed"
	expect_output 3 "$output"
	[ "$(jq -r .id <<<"$output")" = "$(planted 1)" ]
	[ "$stderr" = "krsessionctl: there is no session $dashed" ]
	ctl end "$dashed" -- "$(planted 1)"
	expect_output 3 "ended 1"
	[ "$stderr" = "krsessionctl: there is no session $dashed" ]
	ctl list --user "$dashed"
	[ "$status" -eq 0 ]
}

@test "end --user ends that user's sessions and no other" {
	local first second other
	serve
	log_in max
	first=$cookie
	log_in max
	second=$cookie
	log_in moritz
	other=$cookie
	ctl end --user max
	expect_output 0 "ended 2"
	is_gone "$first"
	is_gone "$second"
	is_there "$other"
}

@test "end --user --keep leaves that one" {
	local first kept other
	serve
	log_in max
	first=$cookie
	log_in max
	kept=$cookie
	log_in moritz
	other=$cookie
	ctl end --user max --keep "${kept:0:22}"
	expect_output 0 "ended 1"
	is_gone "$first"
	is_there "$kept"
	ctl end --user max --keep "${other:0:22}"
	expect_output 0 "ended 1"
	is_gone "$kept"
	is_there "$other"
	ctl end --user max --keep=-XAAAAAAAAAAAAAAAAAAAA
	expect_output 0 "ended 0"
	ctl end --user moritz --keep -XAAAAAAAAAAAAAAAAAAAA
	expect_output 0 "ended 1"
}

@test "a user who ends here can log in again, and is counted anew" {
	serve
	log_in max
	ctl end --user max
	expect_output 0 "ended 1"
	log_in max
	is_there "$cookie"
	ctl count --user max
	expect_output 0 1
	ctl end "$id"
	expect_output 0 "ended 1"
	ctl count --user max
	expect_output 0 0
}

@test "end --all ends them all" {
	serve
	log_in max
	log_in moritz
	ctl end --all
	expect_output 0 "ended 2"
	is_gone "$cookie"
	ctl count
	expect_output 0 0
}

@test "sweep of a store where nothing has ended is 0" {
	serve
	log_in max
	ctl sweep
	expect_output 0 "swept 0"
	is_there "$cookie"
}

@test "check finds that a session can live, and leaves none" {
	serve
	log_in max
	ctl check
	finding ok 'a session can be made, read, changed, renewed and ended'
	finding ok 'each of 1 sessions has an end'
	ctl count
	expect_output 0 1
}

# ---- when it cannot ---------------------------------------------------------

@test "output that cannot be written is 1" {
	serve
	log_in max
	ctl_line
	run -1 --separate-stderr bash -c '"$@" >/dev/full' - "${CTL[@]}" list
	[[ $stderr == *"cannot write its output: No space left on device" ]]
}

@test "a store that hangs is 1 after io_timeout" {
	local before reading=1
	[[ $STORE != sqlite ]] || reading=0
	serve
	log_in max
	"hang_$STORE"
	before=$(now_us)
	ctl -o session.io_timeout=500ms end "$id"
	[ "$status" -eq 1 ] || fail "$status" "$output" "$stderr"
	[ "$stderr" ]
	# A file of SQLite can be read while somebody writes.
	ctl -o session.io_timeout=500ms list
	[ "$status" -eq "$reading" ]
	"release_$STORE"
	(($(now_us) - before < 18000000))
	is_there "$cookie"
}
