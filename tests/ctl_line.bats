# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031,SC2154
#
# krsessionctl without a store: its command line, its completion, its page.
bats_require_minimum_version 1.5.0

# shellcheck source=lib/ctl.bash
source "$BATS_TEST_DIRNAME/lib/ctl.bash"

setup() {
	stack_open
	OPTIONS=()
}

teardown() {
	stack_close
}

refused() { # WORDS ARGUMENT...
	ctl "${@:2}"
	[ "$status" -eq 2 ]
	[[ $stderr == "krsessionctl: $1"* ]] || fail "expected: $1" "$stderr"
}

@test "a bad command line says what is wrong with it" {
	refused "there is no command 'frob'" frob
	refused "end takes ids, or --user NAME, or --all" end
	refused "end takes ids, or --user NAME, or --all" end --all --user max
	refused "show takes an id" show
	refused "an id is 22 characters of base64url, not 'short'" show short
	refused "--json is not for 'end'" end --json --all
	refused "--user is not for 'stats'" stats --user max
	refused "--keep is not for 'list'" \
		list --user max --keep AAAAAAAAAAAAAAAAAAAAAA
	refused "--keep goes with --user NAME" \
		end --all --keep AAAAAAAAAAAAAAAAAAAAAA
	refused "--scan goes with --user NAME" list --scan
	refused "an id is 22 characters of base64url, not 'short'" \
		end --user max --keep short
	refused "end takes ids, or --user NAME, or --all" \
		end --user max AAAAAAAAAAAAAAAAAAAAAA
	refused "not expected: 'more'" count more
	ctl
	[ "$status" -eq 2 ]
	[[ $stderr == usage:* ]]
}

@test "an option that lacks its value does nothing" {
	local line

	for line in 'end --user' 'end --user --' 'list --user' 'count -c' \
		'count -o' 'end --user max --keep'; do
		# shellcheck disable=SC2086 # words
		ctl $line
		[ "$status" -eq 2 ] || fail "$line: $status, $output"
		[[ $stderr == *'requires an argument'*usage:* ]] ||
			fail "$line" "$stderr"
	done
	refused '--user takes the name of a user' end --user ''
	refused '--user takes the name of a user' list --user=
}

@test "a bad configuration is krsessiond's own line, and 2" {
	refused "-o session.idle_timeout=never" -o session.idle_timeout=never count ||
		fail "$stderr"
}

@test "sessions in krsessiond's memory cannot be seen" {
	refused "store.kind = memory" -o store.kind=memory count
}

@test "the version and the help are there" {
	ctl -V
	[[ $output == "krsession "* ]]
	ctl -h
	[ "$status" -eq 0 ]
	[[ $output == usage:* ]]
}

# What bash would offer after these words.
completed() { # WORD...
	bash -c 'source "$1" && shift
		COMP_WORDS=(krsessionctl "$@") COMP_CWORD=$#
		_krsessionctl && printf "%s\n" "${COMPREPLY[@]}"' - \
		"$KR_INSTALLED/share/bash-completion/completions/krsessionctl" \
		"$@" | paste -sd' '
}

@test "bash completes commands, their options, and ids" {
	[ "$(completed c)" = 'check count' ]
	[ "$(completed '')" = \
		'check list show end count stats sweep top --guard -c -o --help --version' ]
	[ "$(completed list --)" = '--user --scan --json' ]
	[ "$(completed count --)" = '--user --scan' ]
	[ "$(completed end --a)" = --all ]
	[ "$(completed sweep '')" = '' ]
	[ "$(completed top '')" = '--from -n -d' ]
	[ "$(completed top -n '')" = '' ]
	[ "$(completed list --user '')" = '' ]
	mkdir "$STACK/bin"
	printf '%s\n' '#!/bin/sh' 'printf "ID AGE\nAAAA 1s\nABBB 2s\n"' \
		>"$STACK/bin/krsessionctl"
	chmod +x "$STACK/bin/krsessionctl"
	[ "$(PATH=$STACK/bin:$PATH completed show A)" = 'AAAA ABBB' ]
	[ "$(PATH=$STACK/bin:$PATH completed -c x end AB)" = ABBB ]
	[ "$(PATH=$STACK/bin:$PATH completed end --user max --keep A)" = \
		'AAAA ABBB' ]
}

@test "bash completes the file of -c" {
	: >"$STACK/one.conf"
	[ "$(completed -c "$STACK/o")" = "$STACK/one.conf" ]
}

@test "the help, the completion and the page know the same commands" {
	local command commands page
	page=$(<"$KR_ROOT/man/krsessionctl.1")
	ctl -h
	commands=$(sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' <<<"$output" | uniq)
	[ "$(wc -l <<<"$commands")" -eq 8 ]
	for command in $commands; do
		[[ $page == *".It Cm $command"* ]]
		[[ " $(completed '') " == *" $command "* ]]
	done
}
