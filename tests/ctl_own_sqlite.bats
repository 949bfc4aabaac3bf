# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031,SC2154
#
# krsessionctl on a file of SQLite: what it says of the file, and who may look.
bats_require_minimum_version 1.5.0

# shellcheck source=lib/ctl.bash
source "$BATS_TEST_DIRNAME/lib/ctl.bash"

setup() {
	ctl_open
}

teardown() {
	ctl_close
}

# As somebody else, who may enter the folders on the way.
ctl_as_nobody() { # ARGUMENT...
	((EUID == 0)) || skip "this needs root"
	chmod 755 "$STACK" "$STACK/store"
	ctl_line
	run --separate-stderr setpriv --reuid=nobody --regid=nogroup \
		--clear-groups "${CTL[@]}" "$@"
}

@test "it makes no file where there is none" {
	ctl count
	expect_output 1 ""
	[[ $stderr == *"sqlite: $SQLITE: No such file or directory"* ]]
	ctl check
	[ "$status" -eq 1 ]
	[ ! -e "$SQLITE" ]
}

@test "check finds nothing to mend where there is nothing" {
	serve
	log_in max
	ctl check
	[ "$status" -eq 0 ] || fail "$output" "$stderr"
	run -1 grep -v '^ok' <<<"$output"
	ctl check
	finding ok "$SQLITE, of $(id -un), mode 0600"
	finding ok 'the file is whole'
	finding ok 'store.durable is (on|off)'
	finding ok '0 sessions have ended'
}

@test "check names a file that others can read" {
	serve
	chmod 644 "$SQLITE"
	ctl check
	[ "$status" -eq 3 ]
	finding warning "$SQLITE, of $(id -un), mode 0644: others may see"
	[[ $output == *'mend: chmod 0600'* ]]
}

@test "check names a folder where anybody may put another file" {
	serve
	chmod 777 "$STACK/store"
	ctl check
	[ "$status" -eq 3 ]
	finding bad "anybody may replace files in its folder $STACK/store"
}

@test "check names a file that is nearly full" {
	serve
	plant_sqlite 3000
	ctl -o store.file_limit=1MiB check
	[ "$status" -eq 3 ]
	finding '(warning|bad)' '[0-9.]+ MiB are used, .* store.file_limit is 1 MiB'
}

@test "check names a damaged file" {
	serve
	plant_sqlite 3000
	server_stop krsessiond
	sql 'PRAGMA wal_checkpoint(TRUNCATE)'
	dd if=/dev/urandom of="$SQLITE" bs=4096 seek=40 count=4 conv=notrunc \
		2>/dev/null
	ctl check
	[ "$status" -ne 0 ]
	finding bad 'the file is damaged'
}

# On a busy machine the session that it makes may take longer than that, and
# then check ends before it looks at the file.
looks_for_40ms() {
	ctl -o session.io_timeout=40ms check
	[[ $output != *'a session cannot be '* ]]
}

@test "check does not look at a large file for longer than it has" {
	serve
	plant_sqlite 100000
	within 60 looks_for_40ms || fail "$output" "$stderr"
	grep -qE '^unknown +(the file|sessions|those)' <<<"$output" ||
		fail "$output" "$stderr"
	ctl -o session.io_timeout=1m check
	[ "$status" -eq 0 ] || fail "$output" "$stderr"
}

@test "what has ended is named after an hour, and sweep says how many it was" {
	serve
	server_stop krsessiond
	plant_sqlite 1000 -7200000
	ctl count
	expect_output 0 0
	ctl check
	[ "$status" -eq 3 ]
	finding warning '1000 sessions have ended and are not swept yet, some for'
	ctl sweep
	expect_output 0 "swept 1000"
	[ "$(sessions)" -eq 0 ]
	[ "$(sql 'SELECT count(*) FROM session_values')" -eq 0 ]
}

@test "somebody else is told that he may not, in one line" {
	serve
	log_in max
	ctl_as_nobody list
	[ "$status" -eq 1 ]
	[[ $stderr == *"sqlite: $SQLITE: "*"ermission denied"* ]] || fail "$stderr"
}

@test "who may only read can look while krsessiond runs, and not end" {
	serve
	log_in max
	chmod 644 "$SQLITE"*
	ctl_as_nobody list
	[[ $status -eq 0 && $output == *"$id"*max ]] || fail "$output" "$stderr"
	ctl_as_nobody show "$id"
	[ "$status" -eq 0 ]
	ctl_as_nobody stats
	[ "$status" -eq 0 ]
	ctl_as_nobody end "$id"
	[ "$status" -eq 1 ]
	[[ $stderr == *"cannot be written"* ]] || fail "$stderr"
	ctl_as_nobody sweep
	[ "$status" -eq 1 ]
	is_there "$cookie"
}

@test "root leaves nothing that krsessiond cannot use" {
	((EUID == 0)) || skip "this needs root"
	serve
	server_stop krsessiond
	chown nobody "$STACK/store" "$SQLITE"
	plant_sqlite 10
	rm -f "$SQLITE-wal" "$SQLITE-shm"
	ctl end "$(planted 1)"
	expect_output 0 "ended 1"
	[ "$(stat -c %U "$STACK"/store/* | sort -u)" = nobody ]
}
