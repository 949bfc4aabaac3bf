# shellcheck shell=bats source-path=SCRIPTDIR
#
# The command line, the configuration and the environment. No server runs.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"

setup() {
	CONF=$BATS_TEST_TMPDIR/test.conf
	printf '[session]\nidle_timeout = 20s\n' >"$CONF"
}

krsessiond() { # ARGUMENT...
	timeout 10 "$KR_DAEMON" "$@" </dev/null
}

# -t refuses the configuration and its one line has all these words; so does
# a start.
refuses() { # "ARGUMENTS" WORD...
	local arguments word option
	read -ra arguments <<<"$1"
	for option in '' -t; do
		run krsessiond "${arguments[@]}" ${option:+"$option"}
		[ "$status" -eq 2 ] || fail "status $status" "$output"
		for word in "${@:2}"; do
			[[ $output == *"$word"* ]] ||
				fail "no '$word' in:" "$output"
		done
	done
}

@test "-h explains itself" {
	run krsessiond -h
	[ "$status" -eq 0 ]
	for option in -c -l -o -t -V -h; do
		[[ $output == *"$option"* ]]
	done
}

@test "-V tells the version" {
	run krsessiond -V
	[ "$status" -eq 0 ]
	[[ $output =~ [0-9]+\.[0-9]+\.[0-9]+ ]]
}

@test "an unknown option, a missing value and an extra word end with 2" {
	run krsessiond -x
	[ "$status" -eq 2 ]
	run krsessiond -c
	[ "$status" -eq 2 ]
	run krsessiond -t extra
	[ "$status" -eq 2 ]
}

@test "-t accepts what is good" {
	run krsessiond -c "$CONF" -t
	[ "$status" -eq 0 ]
}

@test "-t accepts the configurations of this repository" {
	for conf in krsessiond.conf tutorial.conf; do
		run krsessiond -c "$KR_ROOT/conf/$conf" -t
		[ "$status" -eq 0 ]
	done
}

@test "a bad value is named with file, line, key, value and what is allowed" {
	printf '[session]\n\nidle_timeout = banana\n' >"$CONF"
	refuses "-c $CONF" "$CONF" 3 idle_timeout banana 20m
}

@test "a choice names its choices" {
	printf '[cookie]\nsame_site = sometimes\n' >"$CONF"
	refuses "-c $CONF" "$CONF" 2 same_site sometimes strict lax none
}

@test "a number out of range names the range" {
	printf '[server]\nbatch = 0\n' >"$CONF"
	refuses "-c $CONF" "$CONF" 2 batch 0 1 256
}

@test "an unknown key and an unknown section are errors" {
	printf '[session]\nidle_time = 20s\n' >"$CONF"
	refuses "-c $CONF" "$CONF" 2 idle_time
	printf '[sessions]\nidle_timeout = 20s\n' >"$CONF"
	refuses "-c $CONF" "$CONF" 2 sessions
}

@test "what is no setting at all is an error" {
	printf '[session]\nidle_timeout\n' >"$CONF"
	refuses "-c $CONF" "$CONF:2:"
	printf '[server\nworkers = 4\n' >"$CONF"
	refuses "-c $CONF" "$CONF:1:"
	printf '[session]\nidle_timeout = 1h\n\n[server\n\n[log]\n' >"$CONF"
	refuses "-c $CONF" "$CONF:4:"
}

@test "a listener that cannot be is an error" {
	local long
	long=$(printf 'x%.0s' {1..120})
	refuses '-l tcp:127.0.0.1:99999' tcp:127.0.0.1:99999 65535
	refuses '-l tcp:127.0.0.1:0' tcp:127.0.0.1:0 65535
	refuses '-l tcp:x' tcp:x HOST:PORT
	refuses '-l tcp::1:80:' tcp::1:80: port
	refuses '-l unix:' unix: empty
	refuses "-l unix:/tmp/$long" "$long" 107
	refuses '-l unix:/no/such/folder/s' /no/such/folder folder
	refuses '-l /tmp/s' /tmp/s unix:PATH
	refuses '-o server.listen=tcp:x' tcp:x
}

@test "a group that does not exist is an error" {
	refuses "-l unix:$BATS_TEST_TMPDIR/s -o server.socket_group=nosuch" \
		server.socket_group nosuch
}

@test "a file that is not there is an error" {
	refuses "-c $BATS_TEST_TMPDIR/missing.conf" missing.conf
}

@test "-o is checked too, and needs section, key and value" {
	refuses '-o session.idle_timeout=banana' -o session.idle_timeout banana
	refuses '-o session.nonsense=1' session.nonsense
	refuses '-o idle_timeout=1s' idle_timeout
	refuses '-o session.idle_timeout' session.idle_timeout
}

@test "-o comes after the environment, which comes after the file" {
	printf '[session]\nidle_timeout = banana\n' >"$CONF"
	refuses "-c $CONF" banana
	export KRSESSION_SESSION_IDLE_TIMEOUT=cherry
	refuses '' KRSESSION_SESSION_IDLE_TIMEOUT cherry
	export KRSESSION_SESSION_IDLE_TIMEOUT=30s
	refuses '-o session.idle_timeout=damson' damson
}

@test "an unknown KRSESSION_ variable is an error" {
	export KRSESSION_SESSION_NONSENSE=1
	refuses '' KRSESSION_SESSION_NONSENSE
}

@test "rules between options are checked" {
	refuses '-o cookie.name=__Host-x -o cookie.secure=never' __Host- Secure
	refuses '-o cookie.same_site=none -o cookie.secure=never' Secure
	refuses '-o session.idle_timeout=2h -o session.absolute_timeout=1h' \
		idle_timeout absolute_timeout
}

@test "a Redis address that cannot be understood is an error" {
	refuses '-o redis.endpoint=http://localhost' redis.endpoint
}

@test "a refusal never shows a password" {
	run krsessiond -o redis.endpoint=redis://max:swordfish@host:notaport -t
	[ "$status" -eq 2 ]
	[[ $output != *swordfish* ]]
	export KRSESSION_REDIS_ENDPOINT=bogus://max:swordfish@host
	run krsessiond -t
	[ "$status" -eq 2 ]
	[[ $output != *swordfish* ]]
}
